#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/rows_testing.h"

// Calls whose arguments do not fit.  What is refused and what is accepted is what PyTorch 1.13 and 2.13 do;
// tests/rows/test_misfits.py asks PyTorch about many more.

namespace octavo {
namespace {

using testing::Dims;
using ::testing::HasSubstr;
using testing::kNone;
using testing::OneCall;

TensorType Of(DType dtype, Shape shape) { return {.dtype = dtype, .shape = std::move(shape)}; }
TensorType F(Shape shape) { return Of(DType::kFloat32, std::move(shape)); }
TensorType I(Shape shape) { return Of(DType::kInt64, std::move(shape)); }
TensorType B(Shape shape) { return Of(DType::kBool, std::move(shape)); }

struct Misfit {
  const char* op;
  std::vector<TensorType> tensors;
  std::vector<ir::Operand> rest;
  bool list = false;  // the tensors are one argument
};

std::string Said(const Misfit& c) {
  OneCall call(RegisterBuiltinOperators);
  std::vector<ir::Operand> arguments;
  ir::ValueList list;
  for (const TensorType& type : c.tensors) {
    const ir::ValueId id = call.Input(type);
    if (c.list) {
      list.push_back(id);
    } else {
      arguments.emplace_back(id);
    }
  }
  if (c.list) arguments.emplace_back(list);
  arguments.insert(arguments.end(), c.rest.begin(), c.rest.end());
  const Status status = call.Call(c.op, std::move(arguments));
  return status ? "accepted" : status.error().what();
}

TEST(Misfits, WhatPyTorchRefusesIsRefused) {
  const Misfit cases[] = {
      {"aten::glu", {F({})}, {Dim(-1)}},
      {"aten::cat", {F({}), F({})}, {Dim(0)}, true},
      {"aten::stack", {F({2}), F({3})}, {Dim(0)}, true},
      {"aten::stack", {F({0}), F({3})}, {Dim(0)}, true},
      {"aten::flip", {F({2, 3})}, {Dims{0, -2}}},
      {"aten::flip", {F({2, 3})}, {Dims{2}}},
      {"aten::flip", {F({})}, {Dims{0, -1}}},
      {"aten::flipud", {F({})}, {}},
      {"aten::fliplr", {F({3})}, {}},
      {"aten::roll", {F({})}, {Dims{1}, Dims{0}}},
      {"aten::roll", {F({2, 3})}, {Dims{1, 2}, Dims{0}}},
      {"aten::roll", {F({2, 3})}, {Dims{1}, Dims{2}}},
      {"aten::repeat_interleave", {F({})}, {Dim(3), Dim(0)}},
      {"aten::index_select", {F({}), I({2})}, {}},
      {"aten::gather", {F({2, 3}), I({3})}, {}},
      {"aten::one_hot", {Of(DType::kInt32, {3})}, {Dim(4)}},
      {"aten::dropout", {F({3})}, {2.0, false}},
      {"aten::meshgrid", {F({2}), I({3})}, {}, true},
      {"aten::gelu", {F({2})}, {std::string("mean")}},
      {"aten::softshrink", {F({2})}, {-1.0}},
      {"aten::celu", {F({2})}, {0.0}},
      {"aten::clamp", {F({2})}, {kNone, kNone}},
      {"aten::amax", {F({0, 0})}, {Dims{0}, false}},
      {"aten::argmax", {F({0, 3})}, {Dim(0), false}},
      {"aten::max", {F({3, 0})}, {Dim(1), false}},
      {"aten::arange", {}, {Dim(-1)}},
      {"aten::full", {}, {Dims{2}, 1e30, Dim(4)}},
      {"aten::full", {}, {Dims{2}, Dim(300), Dim(1)}},
      {"aten::masked_fill", {I({3}), B({3})}, {std::numeric_limits<double>::infinity()}},
      {"aten::lerp", {F({3}), Of(DType::kFloat64, {3})}, {0.5}},
      {"aten::floor_divide", {I({3})}, {Dim(0)}},
      {"aten::remainder", {I({3})}, {Dim(0)}},
      {"aten::sub", {F({3}), B({3})}, {Dim(1)}},
      {"aten::rsub", {F({3})}, {true, Dim(1)}},
      {"aten::add", {I({3}), I({3})}, {1.5}},
      {"aten::add", {F({3}), F({3})}, {true}},
      {"aten::prelu", {F({2, 3}), F({2})}, {}},
      {"aten::prelu", {F({2, 3}), Of(DType::kFloat64, {3})}, {}},
      {"aten::requires_grad_", {I({3})}, {true}},
      {"aten::pad", {F({1, 3, 8, 8})}, {Dims{1, 1}, std::string("reflect"), kNone}},
      {"aten::pad", {F({1, 3, 8})}, {Dims{1, 1}, std::string("reflect"), 2.0}},
      {"aten::reflection_pad1d", {F({3, 8})}, {Dims{1}}},
      {"aten::reflection_pad2d", {F({3, 8})}, {Dims{1, 1, 1, 1}}},
      {"aten::replication_pad1d", {F({0, 8})}, {Dims{1, 1}}},
      {"aten::replication_pad1d", {F({2, 8})}, {Dims{-4, -4}}},
      {"aten::replication_pad1d", {B({2, 8})}, {Dims{1, 1}}},
  };
  for (const Misfit& c : cases) EXPECT_NE(Said(c), "accepted") << c.op;
}

TEST(Misfits, WhatPyTorchTakesIsTaken) {
  const Misfit cases[] = {
      {"aten::cat", {F({0}), F({2, 2})}, {Dim(1)}, true},
      {"aten::flip", {F({})}, {Dims{0}}},
      {"aten::roll", {F({0, 3})}, {Dims{1}, Dims{7}}},
      {"aten::split", {F({0, 3})}, {Dim(0), Dim(0)}},
      {"aten::repeat_interleave", {F({})}, {Dim(3)}},
      {"aten::clamp", {F({2}), Of(DType::kFloat64, {2})}, {kNone}},
      {"aten::amax", {F({0, 3})}, {Dims{1}, false}},
      {"aten::masked_fill", {I({3}), B({3})}, {1.5}},
      {"aten::full", {}, {Dims{2}, Dim(-1), Dim(0)}},
      {"aten::pad", {F({3, 8})}, {Dims{1, 1}, std::string("circular"), kNone}},
      {"aten::pad", {F({3, 8})}, {Dims{-4, -4}, std::string("constant"), kNone}},
      {"aten::reflection_pad1d", {F({0, 2, 8})}, {Dims{1, 1}}},
      {"aten::view", {F({6})}, {Dim(6)}},
      {"aten::add", {I({3}), I({3})}, {}},
      {"aten::rsub", {I({3})}, {Dim(2)}},
      {"aten::remainder", {I({0, 3})}, {Dim(0)}},
      {"aten::remainder", {F({3})}, {Dim(0)}},
  };
  for (const Misfit& c : cases) EXPECT_EQ(Said(c), "accepted") << c.op;
}

TEST(Misfits, AScalarIsIndexedAsIfItHadOneElement) {
  OneCall one(RegisterBuiltinOperators);
  ASSERT_TRUE(one.Call("aten::index_select", {one.Input(F({})), Dim(0), one.Input(I({1}))}));
  EXPECT_EQ(one.result().shape, (Shape{}));
  EXPECT_TRUE(one.Lower());
  OneCall many(RegisterBuiltinOperators);
  ASSERT_TRUE(many.Call("aten::gather", {many.Input(F({})), Dim(0), many.Input(I({3})), false}));
  EXPECT_EQ(many.result().shape, (Shape{3}));
  EXPECT_TRUE(many.Lower());
  OneCall larger(RegisterBuiltinOperators);
  const Status status =
      larger.Call("aten::gather", {larger.Input(F({2, 3})), Dim(0), larger.Input(I({2, 4})), false});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("larger than self's"));
}

TEST(Misfits, BoundsOfAnotherDTypePromote) {
  OneCall call(RegisterBuiltinOperators);
  ASSERT_TRUE(call.Call("aten::clamp", {call.Input(I({2, 3})), kNone, call.Input(F({3}))}));
  EXPECT_EQ(call.result().dtype, DType::kFloat32);
  EXPECT_TRUE(call.Lower());
}

TEST(Misfits, KeywordOnlyArgumentsAreNotPositional) {
  // PyTorch reads torch.to(x, None, 4) as (device, dtype).
  OneCall call(RegisterBuiltinOperators);
  ASSERT_TRUE(call.Call("aten::to", {call.Input(F({2})), kNone, Dim(4)}));
  EXPECT_EQ(call.result().dtype, DType::kInt64);
}

}  // namespace
}  // namespace octavo
