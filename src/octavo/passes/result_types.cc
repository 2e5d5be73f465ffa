#include "octavo/passes/result_types.h"

#include <algorithm>
#include <map>
#include <string>

#include "octavo/base/limits.h"
#include "octavo/passes/result_shapes.h"

namespace octavo::passes {
namespace {

// Where the type of the elements comes from.
enum class Elements { kFirst, kSecond, kThird, kBool, kInt64, kNamed, kOther };

struct Operator {
  std::optional<Shape> (*shape)(const shape_of::Call&);
  Elements elements = Elements::kFirst;
};

const std::map<std::string_view, Operator>& Operators() {
  static const std::map<std::string_view, Operator> operators = [] {
    std::map<std::string_view, Operator> all = {
        {"ArgMax", {shape_of::ArgReduce, Elements::kInt64}},
        {"ArgMin", {shape_of::ArgReduce, Elements::kInt64}},
        {"AveragePool", {shape_of::Pool}},
        {"Cast", {shape_of::LikeFirst, Elements::kNamed}},
        {"Concat", {shape_of::Concat}},
        {"ConstantOfShape", {shape_of::ConstantOfShape, Elements::kOther}},
        {"Conv", {shape_of::Conv}},
        {"ConvTranspose", {shape_of::ConvTranspose}},
        {"DepthToSpace", {shape_of::DepthToSpace}},
        {"DequantizeLinear", {shape_of::LikeFirst, Elements::kSecond}},
        {"Expand", {shape_of::Expand}},
        {"Flatten", {shape_of::Flatten}},
        {"Gather", {shape_of::Gather}},
        {"GatherElements", {shape_of::GatherElements}},
        {"Gemm", {shape_of::Gemm}},
        {"GlobalAveragePool", {shape_of::GlobalPool}},
        {"GlobalMaxPool", {shape_of::GlobalPool}},
        {"MatMul", {shape_of::MatMul}},
        {"MaxPool", {shape_of::Pool}},
        {"OneHot", {shape_of::OneHot, Elements::kThird}},
        {"Pad", {shape_of::Pad}},
        {"QuantizeLinear", {shape_of::LikeFirst, Elements::kThird}},
        {"Reshape", {shape_of::Reshape}},
        {"Resize", {shape_of::Resize}},
        {"Shape", {shape_of::ShapeOf, Elements::kInt64}},
        {"Slice", {shape_of::Slice}},
        {"Squeeze", {shape_of::Squeeze}},
        {"Tile", {shape_of::Tile}},
        {"Transpose", {shape_of::Transpose}},
        {"Unsqueeze", {shape_of::Unsqueeze}},
        {"Upsample", {shape_of::Upsample}},
        {"Where", {shape_of::Broadcast, Elements::kSecond}},
    };
    for (const char* op : {"Abs",
                           "Acos",
                           "Asin",
                           "Atan",
                           "BatchNormalization",
                           "Ceil",
                           "Celu",
                           "Clip",
                           "Cos",
                           "Cosh",
                           "CumSum",
                           "Elu",
                           "Erf",
                           "Exp",
                           "Floor",
                           "Gelu",
                           "HardSigmoid",
                           "HardSwish",
                           "Identity",
                           "InstanceNormalization",
                           "LayerNormalization",
                           "LeakyRelu",
                           "Log",
                           "LogSoftmax",
                           "Mish",
                           "Neg",
                           "PRelu",
                           "Reciprocal",
                           "Relu",
                           "Round",
                           "Selu",
                           "Shrink",
                           "Sigmoid",
                           "Sign",
                           "Sin",
                           "Sinh",
                           "Softmax",
                           "Softplus",
                           "Softsign",
                           "Sqrt",
                           "Tan",
                           "Tanh",
                           "ThresholdedRelu",
                           "Trilu"}) {
      all.emplace(op, Operator{shape_of::LikeFirst});
    }
    for (const char* op : {"IsInf", "IsNaN", "Not"})
      all.emplace(op, Operator{shape_of::LikeFirst, Elements::kBool});
    for (const char* op : {"Add", "Div", "Max", "Mean", "Min", "Mod", "Mul", "Pow", "Sub", "Sum"}) {
      all.emplace(op, Operator{shape_of::Broadcast});
    }
    for (const char* op : {"And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor"}) {
      all.emplace(op, Operator{shape_of::Broadcast, Elements::kBool});
    }
    for (const char* op : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
                           "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
      all.emplace(op, Operator{shape_of::Reduce});
    }
    return all;
  }();
  return operators;
}

// Of a number of TensorProto.DataType.
DType TypeOfNumber(std::int64_t number) {
  static const std::map<std::int64_t, DType> types = {
      {1, DType::kFloat32}, {2, DType::kUint8},    {3, DType::kInt8},
      {5, DType::kInt16},   {6, DType::kInt32},    {7, DType::kInt64},
      {9, DType::kBool},    {10, DType::kFloat16}, {11, DType::kFloat64}};
  const auto at = types.find(number);
  return at == types.end() ? DType::kUnknown : at->second;
}

DType ElementsOf(const shape_of::Call& c, Elements from) {
  const auto of_input = [&c](std::size_t index) {
    const std::optional<ir::ValueId> id = c.at(index);
    return id ? StorageType(c.graph.type(*id).dtype) : DType::kUnknown;
  };
  switch (from) {
    case Elements::kFirst:
      return of_input(0);
    case Elements::kSecond:
      return of_input(1);
    case Elements::kThird:
      return of_input(2);
    case Elements::kBool:
      return DType::kBool;
    case Elements::kInt64:
      return DType::kInt64;
    case Elements::kNamed:
      return TypeOfNumber(c.integer("to", 0));
    case Elements::kOther:
      return DType::kUnknown;
  }
  return DType::kUnknown;
}

}  // namespace

bool KeepsShape(std::string_view op) {
  const auto at = Operators().find(op);
  return at != Operators().end() && at->second.shape == shape_of::LikeFirst;
}

bool Broadcasts(std::string_view op) {
  const auto at = Operators().find(op);
  return at != Operators().end() && at->second.shape == shape_of::Broadcast;
}

std::vector<TensorType> ResultTypes(const ir::Graph& graph, const ir::Node& node) {
  const shape_of::Call call{.graph = graph, .node = node};
  std::vector<TensorType> types;
  if (node.op == "Split") {
    for (std::optional<Shape>& shape : shape_of::Split(call)) {
      types.push_back({.dtype = ElementsOf(call, Elements::kFirst), .shape = std::move(shape)});
    }
  } else if (const auto at = Operators().find(node.op); at != Operators().end()) {
    types.push_back({.dtype = ElementsOf(call, at->second.elements), .shape = at->second.shape(call)});
  }
  if (node.op == "MaxPool" && node.outputs.size() > 1) {
    types.push_back({.dtype = DType::kInt64, .shape = types[0].shape});
  }
  for (TensorType& type : types) {
    // Of a model that no input runs through.
    const auto negative = [](const Dim& size) { return size.known() && size.value() < 0; };
    const bool usable = type.shape && type.shape->size() <= static_cast<std::size_t>(kMaxRank) &&
                        std::ranges::none_of(*type.shape, negative);
    if (!usable) type.shape.reset();
  }
  return types;
}

}  // namespace octavo::passes
