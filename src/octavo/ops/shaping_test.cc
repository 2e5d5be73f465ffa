#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using testing::Dims;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::Ints;
using ::testing::IsEmpty;
using testing::kN;
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

// The second input of the one Reshape.
std::vector<std::int64_t> Target(const lower::Lowered& lowered, std::string_view op = "Reshape") {
  return ConstantInput(lowered.graph, Find(lowered.graph, op), 1).ToInts();
}

struct ShapeCase {
  const char* op;
  std::vector<ir::Operand> arguments;  // behind self
  Shape from, to;
};

// The shapes that PyTorch gives.
TEST(Shaping, ShapesOfResults) {
  const Dim h = Dim::Symbol("H");
  const ShapeCase cases[] = {
      {"aten::flatten", {Dim(1)}, {kN, 3, 4, 5}, {kN, 60}},
      {"aten::flatten", {}, {2, 3}, {6}},
      {"aten::flatten", {}, {}, {1}},
      {"aten::flatten", {Dim(1), Dim(-2)}, {kN, 3, h, 5}, {kN, Dim(3) * h, 5}},
      {"aten::view", {Dims{kN, -1}}, {kN, 3, 4}, {kN, 12}},
      {"aten::view", {Dims{-1, 12}}, {kN, 3, 4}, {kN, 12}},
      {"aten::view", {Dims{-1, 2, 2}}, {kN, 4, 3}, {Dim(3) * kN, 2, 2}},
      {"aten::reshape", {Dim(-1)}, {2, 3}, {6}},
      {"aten::unflatten", {Dim(1), Dims{2, -1}}, {kN, 8, 3}, {kN, 2, 4, 3}},
      {"aten::squeeze", {}, {kN, 1, 3, 1}, {kN, 3}},
      {"aten::squeeze", {Dim(-1)}, {kN, 1, 3, 1}, {kN, 1, 3}},
      {"aten::squeeze", {Dim(0)}, {kN, 1}, {kN, 1}},
      {"aten::unsqueeze", {Dim(-1)}, {kN, 3}, {kN, 3, 1}},
      {"aten::unsqueeze", {Dim(0)}, {kN, 3}, {1, kN, 3}},
      {"aten::permute", {Dims{0, -1, 1, 2}}, {kN, 3, 4, 5}, {kN, 5, 3, 4}},
      {"aten::transpose", {Dim(1), Dim(-1)}, {kN, 3, 4}, {kN, 4, 3}},
      {"aten::t", {}, {3, 4}, {4, 3}},
      {"aten::numpy_T", {}, {2, 3, 4}, {4, 3, 2}},
      {"aten::mT", {}, {2, 3, 4}, {2, 4, 3}},
      {"aten::movedim", {Dim(1), Dim(-1)}, {2, 3, 4}, {2, 4, 3}},
      {"aten::movedim", {Dims{0, 1}, Dims{2, 0}}, {2, 3, 4}, {3, 4, 2}},
      {"aten::expand", {Dims{5, -1, 4}}, {3, 1}, {5, 3, 4}},
      {"aten::repeat", {Dims{2, 1, 3}}, {kN, 4}, {2, kN, 12}},
      {"aten::tile", {Dims{2}}, {kN, 4}, {kN, 8}},
      {"aten::repeat_interleave", {Dim(2), Dim(1)}, {kN, 4}, {kN, 8}},
      {"aten::repeat_interleave", {Dim(2)}, {3, 4}, {24}},
      {"aten::flip", {Dims{1}}, {3, 4}, {3, 4}},
      {"aten::roll", {Dims{1}, Dims{1}}, {3, 4}, {3, 4}},
  };
  for (const ShapeCase& c : cases) {
    for (const TensorType& type : {Float32(c.from), Quint8(c.from, 0.5, 3)}) {
      SCOPED_TRACE(std::string(c.op) + " " + type.ToString());
      OneCall call(RegisterShaping);
      std::vector<ir::Operand> arguments = {call.Input(type)};
      arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
      const Status status = call.Call(c.op, arguments);
      ASSERT_TRUE(status) << status.error().ToString();
      EXPECT_EQ(call.result().shape, c.to) << ToString(*call.result().shape);
      EXPECT_EQ(call.result().quantization, type.quantization);
      for (const auto& lowered : {call.Lower(), call.Caffe2()}) {
        if (lowered || type.quantized()) continue;
        ADD_FAILURE() << lowered.error().ToString();
      }
    }
  }
}

TEST(Shaping, WhatPyTorchRefuses) {
  const ShapeCase cases[] = {
      {"aten::flatten", {Dim(2), Dim(1)}, {2, 3, 4}, {}},
      {"aten::flatten", {Dim(3)}, {2, 3, 4}, {}},
      {"aten::view", {Dims{-1, -1}}, {2, 3}, {}},
      {"aten::view", {Dims{4, -1}}, {2, 3}, {}},
      {"aten::view", {Dims{7}}, {2, 3}, {}},
      {"aten::view", {Dims{-2, 3}}, {2, 3}, {}},
      {"aten::view", {Dims{0, -1}}, {2, 3}, {}},
      {"aten::unflatten", {Dim(1), Dims{3, -1}}, {2, 8}, {}},
      {"aten::squeeze", {Dim(2)}, {2, 1}, {}},
      {"aten::unsqueeze", {Dim(3)}, {2, 1}, {}},
      {"aten::permute", {Dims{0, 0}}, {2, 3}, {}},
      {"aten::permute", {Dims{0, 1}}, {2, 3, 4}, {}},
      {"aten::t", {}, {2, 3, 4}, {}},
      {"aten::expand", {Dims{3}}, {2}, {}},
      {"aten::expand", {Dims{3}}, {2, 3}, {}},
      {"aten::expand", {Dims{-1, 3}}, {3}, {}},
      {"aten::repeat", {Dims{3}}, {2, 3}, {}},
      {"aten::repeat_interleave", {Dim(-1)}, {2, 3}, {}},
  };
  for (const ShapeCase& c : cases) {
    SCOPED_TRACE(c.op);
    OneCall call(RegisterShaping);
    std::vector<ir::Operand> arguments = {call.Input(Float32(c.from))};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Status status = call.Call(c.op, arguments);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), ErrorCode::kUnsupported);
  }
}

TEST(Shaping, AMovementOfAQuantizedTensorHasAPairAroundIt) {
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::view", {call.Input(Quint8(Shape{kN, 3, 4}, 0.5, 3)), Dims{kN, -1}}));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "Reshape", "QuantizeLinear"));
  EXPECT_THAT(Target(*lowered), ElementsAre(0, 12));
}

TEST(Shaping, SeveralMovementsAreMadeOnTheIntegers) {
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::repeat", {call.Input(Quint8(Shape{2, 3}, 0.5, 3)), Dims{2, 1, 1}}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Unsqueeze", "Tile"));
}

// ONNX Runtime's Expand leaves a size of 1 where 0 is asked for.
TEST(Shaping, NothingIsMadeOfSomethingByTile) {
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::expand", {call.Input(Float32(Shape{1, 3})), Dims{2, 0, -1}}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Unsqueeze", "Tile"));
  EXPECT_THAT(Target(*lowered, "Tile"), ElementsAre(2, 0, 1));
}

TEST(Shaping, WhatMovesNothingAddsNothing) {
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::squeeze", {call.Input(Quint8(Shape{2, 3}, 0.5, 3)), Dim(1)}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  // The graph's output is the input by another name; the DequantizeLinear is not used.
  const ir::Node& identity = Find(lowered->graph, "Identity");
  EXPECT_EQ(std::get<ir::ValueId>(identity.arguments[0].value), lowered->graph.inputs()[0]);
}

TEST(Shaping, AnUnknownShapeIsAskedForOnlyWhereItIsNeeded) {
  OneCall flatten(RegisterShaping);
  ASSERT_TRUE(flatten.Call("aten::flatten", {flatten.Input(Float32()), Dim(1)}));
  EXPECT_THAT(Ops(flatten.Lower()), ElementsAre("Flatten"));
  OneCall view(RegisterShaping);
  ASSERT_TRUE(view.Call("aten::view", {view.Input(Float32()), Dims{-1, 12}}));
  const auto lowered = view.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Reshape"));
  EXPECT_THAT(Target(*lowered), ElementsAre(-1, 12));
  OneCall transpose(RegisterShaping);
  ASSERT_TRUE(transpose.Call("aten::transpose", {transpose.Input(Float32()), Dim(1), Dim(2)}));
  const auto refused = transpose.Lower();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().hint(), HasSubstr("--input"));
}

TEST(Shaping, SizesThatCannotBeInferredComeFromTheInputs) {
  const Dim h = Dim::Symbol("H");
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::view", {call.Input(Float32(Shape{kN, h, 6})), Dims{h, kN, 6}}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Shape", "Slice", "Shape", "Slice", "Concat", "Reshape"));
}

TEST(Shaping, DroppingASizeThatMayBeOneIsWarnedOf) {
  OneCall call(RegisterShaping);
  ASSERT_TRUE(call.Call("aten::squeeze", {call.Input(Float32(Shape{kN, 1, 3}))}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  ASSERT_EQ(lowered->warnings.size(), 1U);
  EXPECT_THAT(lowered->warnings[0], HasSubstr("size N"));
}

TEST(Shaping, PerChannelTensorsAreRefused) {
  TensorType type = Quint8(Shape{2, 3}, 0.5, 3);
  type.quantization = Quantization{.scales = {1, 2}, .zero_points = {0, 0}, .axis = 0};
  OneCall call(RegisterShaping);
  const Status status = call.Call("aten::t", {call.Input(type)});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("per-channel"));
}

// ---- Caffe2

// An Int8 value to work on, as graph inputs of the dialect cannot be quantized.
class OnInt8 : public OneCall {
 public:
  OnInt8() : OneCall(RegisterShaping) {}
  ir::ValueId Quantized(std::vector<std::int64_t> sizes) {
    std::int64_t count = 1;
    for (const std::int64_t n : sizes) count *= n;
    Tensor t =
        Tensor::From(DType::kQUint8, sizes, std::vector<std::uint8_t>(static_cast<std::size_t>(count)));
    t.quantization = Quantization::PerTensor(0.5, 3);
    return Constant(t);
  }
};

TEST(ShapingCaffe2, ReshapeTakesTheSizesAsStated) {
  OnInt8 call;
  ASSERT_TRUE(call.Call("aten::reshape", {call.Quantized({2, 3, 4}), Dims{2, -1}}));
  const auto lowered = call.Caffe2();
  EXPECT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Constant", "Int8Reshape"));
}

TEST(ShapingCaffe2, FlattenAndSqueezeAreReshapes) {
  for (const char* op : {"aten::flatten", "aten::squeeze"}) {
    OnInt8 call;
    ASSERT_TRUE(call.Call(op, {call.Quantized({2, 1, 4})}));
    EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8GivenTensorFill", "Constant", "Int8Reshape"));
  }
}

TEST(ShapingCaffe2, PermuteIsInt8Transpose) {
  OnInt8 call;
  ASSERT_TRUE(call.Call("aten::permute", {call.Quantized({2, 3, 4}), Dims{0, 2, 1}}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8Transpose"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8Transpose"), "axes"), ElementsAre(0, 2, 1));
}

TEST(ShapingCaffe2, TheRestGoesThroughFloat) {
  OnInt8 call;
  ASSERT_TRUE(call.Call("aten::expand", {call.Quantized({2, 1}), Dims{2, 5}}));
  EXPECT_THAT(Ops(call.Caffe2()),
              ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Constant", "Expand", "Int8Quantize"));
}

}  // namespace
}  // namespace octavo
