#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/import/aliases.h"
#include "octavo/import/program_testing.h"

// Writes in place: every alias of a tensor sees them, and what may share its memory is not read any more.

namespace octavo::import {
namespace {

using testing::HasSubstr;

Result<Imported> ImportAliased(const std::string& body, Attributes attributes = {}) {
  std::string text = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    ";
  for (const char c : body) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return Import(MakeModule(text + "\n", std::move(attributes)), TestRules(), {.inputs = {Input({2, 3})}});
}

const ir::Operand& Argument(const Imported& imported, std::size_t node, std::size_t argument) {
  return imported.graph.nodes()[node].arguments[argument].value;
}

TEST(Aliasing, InPlaceOperatorsAreTheirPlainForms) {
  const auto imported = ImportAliased("y = torch.mul(x, 2)\nz = torch.relu_(y)\nreturn torch.add(y, z)");
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::mul aten::relu aten::add");
  const auto relu = imported->graph.nodes()[1].outputs[0];
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 2, 0)), relu);
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 2, 1)), relu);
}

TEST(Aliasing, AugmentedAssignmentAndOutWriteInPlace) {
  auto imported = ImportAliased("y = torch.mul(x, 2)\nz = y\ny += x\nreturn torch.relu(z)");
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::mul aten::add aten::relu");
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 2, 0)), imported->graph.nodes()[1].outputs[0]);

  imported = ImportAliased("y = torch.mul(x, 2)\n_0 = torch.add(x, x, out=y)\nreturn torch.relu(y)");
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::mul aten::add aten::relu");
  EXPECT_EQ(imported->graph.nodes()[1].arguments.size(), 2u);
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 2, 0)), imported->graph.nodes()[1].outputs[0]);
}

TEST(Aliasing, CopyFillAndZero) {
  const auto imported = ImportAliased(
      "y = torch.mul(x, 2)\n_0 = torch.copy_(y, x)\nz = torch.mul(y, 3)\n_1 = torch.zero_(z)\n"
      "w = torch.mul(z, 4)\n_2 = torch.fill_(w, 5)\nreturn torch.add(w, z)");
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph),
            "aten::mul aten::mul aten::zeros_like aten::mul aten::full_like aten::add");
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 1, 0)), imported->graph.inputs()[0]);
}

TEST(Aliasing, WritesSpreadThroughContainersAndAttributes) {
  const auto imported = ImportAliased(
      "y = torch.mul(x, 2)\nl = [y, x]\nd = {\"k\": y}\n_0 = torch.relu_(l[0])\nreturn torch.add(d[\"k\"], "
      "y)");
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::mul aten::relu aten::add");
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 2, 0)), imported->graph.nodes()[1].outputs[0]);
}

TEST(Aliasing, BuffersThatAreWrittenKeepTheirNewValue) {
  const auto imported = ImportAliased("b = self.b\n_0 = torch.add_(b, x)\nb0 = self.b\nreturn torch.relu(b0)",
                                      {{"b", {Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::add aten::relu");
  EXPECT_EQ(std::get<ir::ValueId>(Argument(*imported, 1, 0)), imported->graph.nodes()[0].outputs[0]);
}

TEST(Aliasing, WhatSharesMemoryWithAWrittenTensorIsNotRead) {
  for (const char* body : {
           "v = torch.view(x, [6])\n_0 = torch.relu_(v)\nreturn torch.add(x, 1)",
           "y = torch.mul(x, 1)\nv = torch.transpose(y, 0, 1)\n_0 = torch.relu_(y)\nreturn torch.add(v, 1)",
           "y = torch.mul(x, 1)\n_0 = torch.copy_(torch.select(y, 0, 1), torch.select(x, 0, 0))\nreturn y",
           "y = torch.mul(x, 1)\na, b, = torch.chunk(y, 2, 0)\n_0 = torch.relu_(a)\nreturn torch.add(a, b)",
           "y = torch.mul(x, 1)\nz = torch.contiguous(y)\n_0 = torch.relu_(z)\nreturn y",
           "y = torch.mul(x, 1)\nz = torch.cuda(y)\n_0 = torch.relu_(z)\nreturn y",
           "y = torch.mul(x, 1)\nz = torch.cpu(y)\n_0 = torch.relu_(y)\nreturn z",
           "y = torch.mul(x, 1)\na, b, = torch.meshgrid([x, y])\n_0 = torch.relu_(y)\nreturn b",
           "y = torch.mul(x, 1)\nz = torch.detach(torch.view(y, [6]))\n_0 = torch.relu_(y)\nreturn [z]",
       }) {
    const auto imported = ImportAliased(body);
    ASSERT_FALSE(imported) << body;
    EXPECT_THAT(imported.error().what(), HasSubstr("in-place writes to a view are not supported")) << body;
    EXPECT_THAT(imported.error().what(), HasSubstr("code/__torch__.py:")) << body;
  }
}

// tests/data/aliases.txt: PyTorch's schemas with an alias annotation, and the operators that return memory of
// an argument without one (tests/rows/test_aliases.py holds the file against PyTorch).
TEST(Aliasing, EveryOperatorThatPyTorchSaysToAliasDoes) {
  std::ifstream file(OCTAVO_SOURCE_DIR "/tests/data/aliases.txt");
  int operators = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string name = line.substr(0, line.find_first_of("(."));
    if (name.empty()) continue;
    ++operators;
    EXPECT_TRUE(MayAlias(name)) << line;
  }
  EXPECT_GT(operators, 100);
  EXPECT_FALSE(MayAlias("aten::relu"));
  EXPECT_FALSE(MayAlias("aten::clone"));
}

TEST(Aliasing, OfSeveralTensorsEachResultSharesItsOwn) {
  EXPECT_TRUE(
      ImportAliased("y = torch.mul(x, 1)\na, b, = torch.meshgrid([x, y])\n_0 = torch.relu_(y)\nreturn a"));
}

TEST(Aliasing, AWrittenViewThatIsAllThatIsReadIsFine) {
  for (const char* body : {
           "v = torch.view(x, [6])\n_0 = torch.relu_(v)\nreturn torch.add(v, 1)",
           "y = torch.clone(x)\nv = torch.view(x, [6])\n_0 = torch.relu_(y)\nreturn torch.add(v, 1)",
       }) {
    EXPECT_TRUE(ImportAliased(body)) << body;
  }
}

TEST(Aliasing, WritingIntoWhatIsNoTensorIsRefused) {
  const auto imported = ImportAliased("_0 = torch.relu_(3)\nreturn x");
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().what(), HasSubstr("not a tensor"));
}

// A library's own operator may end in an underscore without writing anything.
TEST(Aliasing, NamesOfOtherLibrariesStayAsTheyAre) {
  const auto imported = ImportAliased("return ops.mylib.twice_(x)");
  ASSERT_TRUE(imported);
  ASSERT_EQ(imported->missing.size(), 1u);
  EXPECT_EQ(imported->missing[0].op, "mylib::twice_");
}

}  // namespace
}  // namespace octavo::import
