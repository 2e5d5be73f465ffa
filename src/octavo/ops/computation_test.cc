#include "octavo/ops/computation.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/operators.h"

namespace octavo {
namespace {

using ::testing::UnorderedElementsAreArray;

// The built-in operators of that kind, without overloads.
std::set<std::string> RowsOf(Computation computation) {
  Registry registry;
  RegisterBuiltinOperators(registry);
  std::set<std::string> names;
  for (const OperatorRow* row : registry.rows()) {
    if (ComputationOf(row->name) == computation) names.insert(row->name.substr(0, row->name.find('.')));
  }
  return names;
}

// An operator that ComputationOf does not know counts as a function, so a new row shows up here.
TEST(ComputationOf, EveryRowIsClassified) {
  const std::vector<std::string> functions = {
      "aten::acos",
      "aten::asin",
      "aten::atan",
      "aten::celu",
      "aten::cos",
      "aten::cosh",
      "aten::elu",
      "aten::erf",
      "aten::exp",
      "aten::gelu",
      "aten::glu",
      "aten::hardsigmoid",
      "aten::hardswish",
      "aten::log",
      "aten::log_sigmoid",
      "aten::mish",
      "aten::pow",
      "aten::selu",
      "aten::sigmoid",
      "aten::silu",
      "aten::sin",
      "aten::sinh",
      "aten::softplus",
      "aten::tan",
      "aten::tanh",
      "quantized::celu",
      "quantized::elu",
      "quantized::sigmoid",
      "quantized::hardswish",
  };
  EXPECT_THAT(RowsOf(Computation::kFunction), UnorderedElementsAreArray(functions));
}

// What the table of exactness says of them, from which this table was written.
TEST(ComputationOf, WhatMovesIntegersComputesNothing) {
  Registry registry;
  RegisterBuiltinOperators(registry);
  std::size_t moving = 0;
  for (const OperatorRow* row : registry.rows()) {
    const std::string& how = row->exactness.bound;
    if (how.find("integers are only moved") == std::string::npos &&
        how.find("are unchanged") == std::string::npos)
      continue;
    EXPECT_EQ(ComputationOf(row->name), Computation::kNone) << row->name;
    ++moving;
  }
  EXPECT_GT(moving, 50U);
}

TEST(ComputationOf, TheFirstPatternThatFitsCounts) {
  EXPECT_EQ(ComputationOf("aten::upsample_nearest2d.vec"), Computation::kNone);
  EXPECT_EQ(ComputationOf("aten::upsample_bilinear2d"), Computation::kSum);
  EXPECT_EQ(ComputationOf("aten::mean.dim"), Computation::kSum);
  EXPECT_EQ(ComputationOf("aten::max_pool2d"), Computation::kChoice);
  EXPECT_EQ(ComputationOf("onnx::ReduceMax"), Computation::kChoice);
  EXPECT_EQ(ComputationOf("onnx::ReduceMean"), Computation::kSum);
  EXPECT_EQ(ComputationOf("mylib::anything"), Computation::kFunction);
}

}  // namespace
}  // namespace octavo
