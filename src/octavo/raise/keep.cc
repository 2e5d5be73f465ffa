// Operators of standard ONNX that stay as they are.

#include <algorithm>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

// What is known of the type of a kept operator's result.
enum class KeptKind {
  kLikeFirst,   // shape and type of the first input
  kBroadcast,   // all inputs broadcast; the first one's type
  kBool,        // all inputs broadcast; bool
  kWhere,       // all inputs broadcast; the second one's type
  kOtherShape,  // the first input's type, another shape
  kIndices,     // int64, another shape
  kAttribute,   // the first input's shape, the type that the attribute `to` names
  kFill,        // the type of the attribute `value`, float32 without it
};

struct Kept {
  std::string_view op;
  KeptKind kind;
  int since = 1;       // the opset that has this form first
  bool moves = false;  // elements only, so that a quantized tensor's integers may go through it
};

// All that mean the same in each opset from `since` to 21, if they have only attributes that the older
// of two opsets knows.
constexpr Kept kKept[] = {
    {"Abs", KeptKind::kLikeFirst},
    {"Acos", KeptKind::kLikeFirst},
    {"Acosh", KeptKind::kLikeFirst, 9},
    {"Add", KeptKind::kBroadcast, 7},
    {"And", KeptKind::kBool, 7},
    {"ArgMax", KeptKind::kIndices},
    {"ArgMin", KeptKind::kIndices},
    {"Asin", KeptKind::kLikeFirst},
    {"Asinh", KeptKind::kLikeFirst, 9},
    {"Atan", KeptKind::kLikeFirst},
    {"Atanh", KeptKind::kLikeFirst, 9},
    {"AveragePool", KeptKind::kOtherShape, 7},
    {"BatchNormalization", KeptKind::kLikeFirst, 9},
    {"Cast", KeptKind::kAttribute, 6},
    {"Ceil", KeptKind::kLikeFirst, 6},
    {"Celu", KeptKind::kLikeFirst, 12},
    {"Compress", KeptKind::kOtherShape, 9, true},
    {"Concat", KeptKind::kOtherShape, 4},
    {"ConstantOfShape", KeptKind::kFill, 9},
    {"Conv", KeptKind::kOtherShape},
    {"ConvTranspose", KeptKind::kOtherShape},
    {"Cos", KeptKind::kLikeFirst, 7},
    {"Cosh", KeptKind::kLikeFirst, 9},
    {"CumSum", KeptKind::kLikeFirst, 11},
    {"DepthToSpace", KeptKind::kOtherShape, 1, true},
    {"Det", KeptKind::kOtherShape, 11},
    {"Div", KeptKind::kBroadcast, 7},
    {"Einsum", KeptKind::kOtherShape, 12},
    {"Elu", KeptKind::kLikeFirst, 6},
    {"Equal", KeptKind::kBool, 7},
    {"Erf", KeptKind::kLikeFirst, 9},
    {"Exp", KeptKind::kLikeFirst, 6},
    {"Expand", KeptKind::kOtherShape, 8, true},
    {"EyeLike", KeptKind::kLikeFirst, 9},
    {"Flatten", KeptKind::kOtherShape, 1, true},
    {"Floor", KeptKind::kLikeFirst, 6},
    {"Gather", KeptKind::kOtherShape, 1, true},
    {"GatherElements", KeptKind::kOtherShape, 11, true},
    {"GatherND", KeptKind::kOtherShape, 11, true},
    {"Gelu", KeptKind::kLikeFirst, 20},
    {"Gemm", KeptKind::kOtherShape, 7},
    {"GlobalAveragePool", KeptKind::kOtherShape},
    {"GlobalLpPool", KeptKind::kOtherShape, 2},
    {"GlobalMaxPool", KeptKind::kOtherShape},
    {"Greater", KeptKind::kBool, 7},
    {"GreaterOrEqual", KeptKind::kBool, 12},
    {"HardSigmoid", KeptKind::kLikeFirst, 6},
    {"HardSwish", KeptKind::kLikeFirst, 14},
    {"InstanceNormalization", KeptKind::kLikeFirst, 6},
    {"IsInf", KeptKind::kBool, 10},
    {"IsNaN", KeptKind::kBool, 9},
    {"LRN", KeptKind::kLikeFirst},
    {"LayerNormalization", KeptKind::kLikeFirst, 17},
    {"LeakyRelu", KeptKind::kLikeFirst, 6},
    {"Less", KeptKind::kBool, 7},
    {"LessOrEqual", KeptKind::kBool, 12},
    {"Log", KeptKind::kLikeFirst, 6},
    {"LogSoftmax", KeptKind::kLikeFirst, 13},
    {"LpNormalization", KeptKind::kLikeFirst},
    {"LpPool", KeptKind::kOtherShape, 2},
    {"MatMul", KeptKind::kOtherShape},
    {"Max", KeptKind::kBroadcast, 8},
    {"MaxPool", KeptKind::kOtherShape, 1, true},
    {"Mean", KeptKind::kBroadcast, 8},
    {"MeanVarianceNormalization", KeptKind::kLikeFirst, 9},
    {"Min", KeptKind::kBroadcast, 8},
    {"Mish", KeptKind::kLikeFirst, 18},
    {"Mod", KeptKind::kBroadcast, 10},
    {"Mul", KeptKind::kBroadcast, 7},
    {"Neg", KeptKind::kLikeFirst, 6},
    {"NonZero", KeptKind::kIndices, 9},
    {"Not", KeptKind::kBool},
    {"OneHot", KeptKind::kOtherShape, 9},
    {"Or", KeptKind::kBool, 7},
    {"PRelu", KeptKind::kLikeFirst, 9},
    {"Pow", KeptKind::kBroadcast, 7},
    {"Range", KeptKind::kOtherShape, 11},
    {"Reciprocal", KeptKind::kLikeFirst, 6},
    {"Relu", KeptKind::kLikeFirst, 6},
    {"Reshape", KeptKind::kOtherShape, 5, true},
    {"Resize", KeptKind::kOtherShape, 13},
    {"ReverseSequence", KeptKind::kLikeFirst, 10, true},
    {"Round", KeptKind::kLikeFirst, 11},
    {"ScatterElements", KeptKind::kLikeFirst, 11},
    {"ScatterND", KeptKind::kLikeFirst, 11},
    {"Selu", KeptKind::kLikeFirst, 6},
    {"Shape", KeptKind::kIndices},
    {"Shrink", KeptKind::kLikeFirst, 9},
    {"Sigmoid", KeptKind::kLikeFirst, 6},
    {"Sign", KeptKind::kLikeFirst, 9},
    {"Sin", KeptKind::kLikeFirst, 7},
    {"Sinh", KeptKind::kLikeFirst, 9},
    {"Size", KeptKind::kIndices},
    {"Softmax", KeptKind::kLikeFirst, 13},
    {"Softplus", KeptKind::kLikeFirst},
    {"Softsign", KeptKind::kLikeFirst},
    {"SpaceToDepth", KeptKind::kOtherShape, 1, true},
    {"Sqrt", KeptKind::kLikeFirst, 6},
    {"Sub", KeptKind::kBroadcast, 7},
    {"Sum", KeptKind::kBroadcast, 8},
    {"Tan", KeptKind::kLikeFirst, 7},
    {"Tanh", KeptKind::kLikeFirst, 6},
    {"ThresholdedRelu", KeptKind::kLikeFirst, 10},
    {"Tile", KeptKind::kOtherShape, 6, true},
    {"TopK", KeptKind::kOtherShape, 11},
    {"Transpose", KeptKind::kOtherShape, 1, true},
    {"Trilu", KeptKind::kLikeFirst, 14},
    {"Where", KeptKind::kWhere, 9},
    {"Xor", KeptKind::kBool, 7},
};

// Attributes that came after the operator did.
struct LaterAttribute {
  std::string_view op, attribute;
  int since;
};
constexpr LaterAttribute kLaterAttributes[] = {
    {"ArgMax", "select_last_index", 12},
    {"ArgMin", "select_last_index", 12},
    {"AveragePool", "ceil_mode", 10},
    {"AveragePool", "dilations", 19},
    {"BatchNormalization", "training_mode", 14},
    {"Cast", "saturate", 19},
    {"DepthToSpace", "mode", 11},
    {"LpPool", "ceil_mode", 18},
    {"LpPool", "dilations", 18},
    {"MaxPool", "ceil_mode", 10},
    {"MaxPool", "dilations", 10},
    {"Reshape", "allowzero", 14},
    {"Resize", "antialias", 18},
    {"Resize", "axes", 18},
    {"Resize", "keep_aspect_ratio_policy", 18},
    {"Shape", "start", 15},
    {"Shape", "end", 15},
};

const Kept* Find(std::string_view op) {
  const auto* at =
      std::find_if(std::begin(kKept), std::end(kKept), [op](const Kept& k) { return k.op == op; });
  return at == std::end(kKept) ? nullptr : at;
}

std::optional<Shape> BroadcastOfInputs(const Raiser& r) {
  Shape shape;
  for (std::size_t i = 0; i < r.num_inputs(); ++i) {
    const Value x = r.optional_input(i);
    if (!x.defined()) continue;
    if (!x.shape()) return std::nullopt;
    const Result<Shape> joined = Broadcast(shape, *x.shape());
    if (!joined) return std::nullopt;
    shape = *joined;
  }
  return shape;
}

std::optional<DType> TypeNumbered(std::int64_t onnx) {
  // TensorProto.DataType, of which kept operators make these.
  switch (onnx) {
    case 1:
      return DType::kFloat32;
    case 2:
      return DType::kUint8;
    case 3:
      return DType::kInt8;
    case 5:
      return DType::kInt16;
    case 6:
      return DType::kInt32;
    case 7:
      return DType::kInt64;
    case 9:
      return DType::kBool;
    case 10:
      return DType::kFloat16;
    case 11:
      return DType::kFloat64;
    case 16:
      return DType::kBFloat16;
    default:
      return std::nullopt;
  }
}

Result<TensorType> TypeOf(const Raiser& r, const Kept& kept) {
  const Value first = r.optional_input(0);
  TensorType type = first.defined() ? first.type() : TensorType();
  switch (kept.kind) {
    case KeptKind::kLikeFirst:
      break;
    case KeptKind::kBroadcast:
      type.shape = BroadcastOfInputs(r);
      break;
    case KeptKind::kBool:
      type = {.dtype = DType::kBool, .shape = BroadcastOfInputs(r)};
      break;
    case KeptKind::kWhere:
      type = {.dtype = OCTAVO_TRY(r.Input(1)).dtype(), .shape = BroadcastOfInputs(r)};
      break;
    case KeptKind::kOtherShape:
      type.shape.reset();
      break;
    case KeptKind::kIndices:
      type = {.dtype = DType::kInt64};
      break;
    case KeptKind::kAttribute: {
      const std::optional<DType> dtype = TypeNumbered(OCTAVO_TRY(r.Int("to")));
      if (!dtype) return Unsupported("conversion to a type that PyTorch lacks is not supported");
      type.dtype = *dtype;
      type.quantization.reset();
      break;
    }
    case KeptKind::kFill: {
      type = {.dtype = DType::kFloat32};
      const ir::Operand* value = r.node().Find("value");
      if (const auto* tensor = value ? std::get_if<Tensor>(value) : nullptr) type.dtype = tensor->dtype;
      break;
    }
  }
  return type;
}

// The axes of ONNX's reductions are an input in newer opsets; lowering writes the form of its own.
Result<std::vector<Value>> KeepReduction(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axes", "keepdims", "noop_with_empty_axes"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  std::vector<std::int64_t> axes = OCTAVO_TRY(r.Ints("axes", std::vector<std::int64_t>{}));
  if (r.optional_input(1).defined()) axes = OCTAVO_TRY(r.InputInts(1));
  if (axes.empty() && OCTAVO_TRY(r.Int("noop_with_empty_axes", 0)) != 0) return One(x);
  TensorType type = x.type();
  type.shape.reset();
  const std::int64_t keep = OCTAVO_TRY(r.Int("keepdims", 1));
  return r.Add(fmt::format("onnx::{}", r.op()),
               {{.name = {}, .value = x.id()}, {"axes", Dims(axes)}, {"keepdims", Dim(keep)}}, {type});
}

}  // namespace

Result<std::vector<Value>> KeepOperator(Raiser& r) {
  const Kept* kept = Find(r.op());
  for (std::size_t i = 0; i < r.num_inputs(); ++i) {
    const Value x = r.optional_input(i);
    if (!x.defined() || !x.quantized() || (kept && kept->moves && i == 0)) continue;
    return InvalidFile(
        fmt::format("input {} is the quantized tensor {}, but this operator does not take quantized tensors",
                    i, x.type().ToString()),
        "Convert the original PyTorch model with `octavo export`: PyTorch's Caffe2 exporter mixed in ONNX "
        "operators that cannot run here.");
  }
  if (r.op().starts_with("Reduce")) return KeepReduction(r);
  if (!kept) return Unsupported("this operator is not supported yet");
  for (const int opset : {r.source_opset(), r.target_opset()}) {
    if (opset < kept->since) {
      return Unsupported(fmt::format("this operator needs ONNX opset {}, but opset {} is {}", kept->since,
                                     opset, opset == r.target_opset() ? "requested" : "the file's"));
    }
  }
  std::vector<ir::Argument> arguments;
  for (const ir::Argument& argument : r.node().arguments) {
    if (argument.name.empty()) continue;
    for (const LaterAttribute& later : kLaterAttributes) {
      if (later.op == r.op() && later.attribute == argument.name && r.target_opset() < later.since) {
        return Unsupported(
            fmt::format("attribute {} needs ONNX opset {} or later", later.attribute, later.since));
      }
    }
    arguments.push_back(argument);
  }
  std::vector<ir::Argument> all;
  for (std::size_t i = 0; i < r.num_inputs(); ++i) {
    const Value x = r.optional_input(i);
    all.push_back({.name = {}, .value = x.defined() ? ir::Operand(x.id()) : ir::Operand(ir::None{})});
  }
  all.insert(all.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
  TensorType type = OCTAVO_TRY(TypeOf(r, *kept));
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < r.node().outputs.size(); ++i) {
    const TensorType& said = r.source_type(i);
    TensorType result = i == 0 ? type : said;
    if (!result.shape) result.shape = said.shape;
    if (result.dtype == DType::kUnknown) result.dtype = said.dtype;
    types.push_back(std::move(result));
  }
  return r.Add(fmt::format("onnx::{}", r.op()), std::move(all), std::move(types));
}

}  // namespace octavo::raise
