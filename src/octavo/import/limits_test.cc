#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/import/program_testing.h"

// Programs that would run for ever, fill the memory or the stack.

namespace octavo::import {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::string Message(const std::string& body, const std::string& globals = {}, Limits limits = {}) {
  std::string text = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    ";
  for (const char c : body) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  const auto imported =
      Import(MakeModule(text + "\n", {}, globals), TestRules(), {.inputs = {Input({2})}, .limits = limits});
  return imported ? std::string("no error") : imported.error().ToString();
}

TEST(Limits, EndlessLoopsEnd) {
  Limits limits;
  limits.max_steps = 100'000;
  EXPECT_THAT(Message("while True:\n  pass\nreturn x", {}, limits),
              HasSubstr("takes more than 100000 steps"));
  EXPECT_THAT(Message("n = 0\nwhile True:\n  n = torch.add(n, 1)\nreturn x", {}, limits), HasSubstr("steps"));
  EXPECT_THAT(Message("a = [1]\nfor i in range(1000000):\n  b = torch.sorted(a)\nreturn x", {}, limits),
              HasSubstr("steps"));
}

TEST(Limits, ValuesDoNotFillTheMemory) {
  EXPECT_THAT(Message("a = [1]\nwhile True:\n  a = torch.add(a, a)\nreturn x"), HasSubstr("more than"));
  EXPECT_THAT(Message("a = [1]\nwhile True:\n  a = [a]\nreturn x"), HasSubstr("values"));
  EXPECT_THAT(Message("s = \"abcdefgh\"\nwhile True:\n  s = torch.add(s, s)\nreturn x"),
              HasSubstr("too long"));
  EXPECT_THAT(Message("a = range(1000000)\nb = []\nwhile True:\n  torch.extend(b, a)\nreturn x"),
              HasSubstr("items"));
  EXPECT_THAT(Message("n = torch.mul([0], 1000000000000)\nreturn x"),
              HasSubstr("repeat count of a list is too large"));
  Limits limits;
  limits.max_graph_nodes = 1000;
  EXPECT_THAT(Message("while True:\n  y = torch.relu(x)\nreturn x", {}, limits), HasSubstr("operators"));
}

TEST(Limits, AListThatHoldsItselfIsNoTrouble) {
  EXPECT_EQ(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nreturn x"), "no error");
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\ns = str(a)\nreturn x"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nb = annotate(List[Any], [])\n"
                      "_1 = torch.append(b, b)\ns = torch.eq(a, b)\nreturn x"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nreturn a"),
              HasSubstr("nested too deeply"));
}

TEST(Limits, CallCyclesAreRefused) {
  EXPECT_THAT(Message("return __torch__.f(x, )", "def f(x: Tensor) -> Tensor:\n  return __torch__.f(x, )\n"),
              HasSubstr("f calls itself"));
  EXPECT_THAT(Message("return __torch__.f(x, )",
                      "def f(x: Tensor) -> Tensor:\n  return __torch__.g(x, )\n"
                      "def g(x: Tensor) -> Tensor:\n  return __torch__.f(x, )\n"),
              HasSubstr("f calls itself"));
  EXPECT_THAT(Message("return (self).forward(x, )"), HasSubstr("forward calls itself"));
  // Objects that each make the next one call on and on.
  EXPECT_THAT(
      Message("return __torch__.C(x).run(x, )",
              "class C:\n  n : Tensor\n  def __init__(self: __torch__.C,\n    x: Tensor) -> NoneType:\n"
              "    self.n = x\n    return None\n"
              "  def run(self: __torch__.C,\n    x: Tensor) -> Tensor:\n"
              "    return __torch__.C(x).run(x, )\n"),
      AnyOf(HasSubstr("calls are nested more than 256 deep"), HasSubstr("nested too deeply")));
}

TEST(Limits, MessagesShowTheChainOfCalls) {
  const std::string message =
      Message("return __torch__.f(x, )",
              "def f(x: Tensor) -> Tensor:\n  return __torch__.g(x, )\n"
              "def g(x: Tensor) -> Tensor:\n  return torch.view(x, [torch.floordiv(1, 0)])\n");
  EXPECT_THAT(message,
              HasSubstr("in g, called at code/__torch__.py:2:10\n  in f, called at code/__torch__.py:"));
}

}  // namespace
}  // namespace octavo::import
