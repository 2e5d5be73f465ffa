#include <algorithm>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/integer_table.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/register.h"
#include "octavo/ops/trials.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// Tensors of shape [0], which PyTorch lets stand for "nothing" among operands of any rank.
bool Nothing(const Value& v) { return v.shape() && v.shape()->size() == 1 && (*v.shape())[0] == Dim(0); }

Result<std::vector<Value>> Operands(const Arguments& a, const char* name) {
  std::vector<Value> all = a.tensors(name), kept;
  if (all.empty()) return Unsupported("the list of tensors is empty");
  for (const Value& v : all) {
    if (!v.defined()) return Unsupported("the list of tensors contains None");
    if (!Nothing(v)) kept.push_back(v);
  }
  return kept.empty() ? all : kept;
}

Result<std::int64_t> KnownDim(const Arguments& a) {
  const Dim dim = a.dim("dim");
  if (!dim.known()) return NeedsInput("argument dim depends on an open size");
  return dim.value();
}

// The axis counted from the front; needs a known rank only where it is negative.  `extra`: stack's result has
// one dimension more than its operands.
Result<int> AxisOfParts(const Arguments& a, const std::vector<Value>& operands, int extra = 0) {
  const std::int64_t dim = OCTAVO_TRY(KnownDim(a));
  for (const Value& v : operands) {
    if (v.rank()) return NormalizedAxis(dim, *v.rank() + extra);
  }
  if (dim >= 0 && dim < 64) return static_cast<int>(dim);
  return NeedsInput(
      fmt::format("dimension {} cannot be resolved because the rank of the tensors is unknown", dim),
      "Give the inputs' shapes with --input, as in --input 'float32[1,3,224,224]'.");
}

Result<std::optional<Shape>> ConcatenatedShape(const Arguments& a, const char* name) {
  const std::vector<Value> operands = OCTAVO_TRY(Operands(a, name));
  for (const Value& v : operands) {
    if (!v.shape()) return std::optional<Shape>();
  }
  const int axis = OCTAVO_TRY(AxisOfParts(a, operands));
  Shape shape = *operands[0].shape();
  if (shape.empty()) return Unsupported("tensors of rank 0 cannot be concatenated", "Use torch.stack.");
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const Shape& other = *operands[i].shape();
    if (other.size() != shape.size()) {
      return Unsupported(
          fmt::format("tensors of shapes {} and {} have different ranks and cannot be concatenated",
                      ToString(shape), ToString(other)));
    }
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (static_cast<int>(d) == axis) {
        shape[d] = shape[d] + other[d];
      } else if (Dim::Equal(shape[d], other[d]) == false) {
        return Unsupported(
            fmt::format("tensors of shapes {} and {} cannot be concatenated along dimension {}",
                        ToString(*operands[0].shape()), ToString(other), axis));
      } else if (!shape[d].known()) {
        shape[d] = other[d];
      }
    }
  }
  return std::optional<Shape>(std::move(shape));
}

Result<std::optional<Shape>> StackedShape(const Arguments& a) {
  const std::vector<Value> operands = a.tensors("tensors");
  if (operands.empty()) return Unsupported("the list of tensors is empty");
  if (!operands[0].shape()) return std::optional<Shape>();
  const int axis = OCTAVO_TRY(AxisOfParts(a, operands, 1));
  Shape shape = *operands[0].shape();
  for (const Value& v : operands) {
    if (!v.shape()) continue;
    bool fits = v.shape()->size() == shape.size();
    for (std::size_t d = 0; fits && d < shape.size(); ++d) {
      fits = Dim::Equal(shape[d], (*v.shape())[d]) != false;
    }
    if (!fits) {
      return Unsupported(fmt::format("tensors of shapes {} and {} cannot be stacked", ToString(shape),
                                     ToString(*v.shape())));
    }
  }
  shape.insert(shape.begin() + axis, Dim(static_cast<std::int64_t>(operands.size())));
  return std::optional<Shape>(std::move(shape));
}

// All quantized with the same dtype and one scale each, or none quantized.
Status CheckConcatenated(const std::vector<Value>& operands) {
  for (const Value& v : operands) {
    if (v.quantized() != operands[0].quantized() || (v.quantized() && v.dtype() != operands[0].dtype())) {
      return Unsupported(fmt::format("tensors of types {} and {} cannot be concatenated",
                                     operands[0].type().ToString(), v.type().ToString()));
    }
    if (v.quantized() && !v.quantization().per_tensor()) {
      return Unsupported("concatenation of per-channel quantized tensors is not supported");
    }
  }
  return {};
}

// aten::cat keeps the first operand's quantization.
TypeRule FirstOperandsType(ShapeRule shape) {
  return [shape = std::move(shape)](const Arguments& a) -> Result<std::vector<TensorType>> {
    const std::vector<Value> operands = OCTAVO_TRY(Operands(a, "tensors"));
    OCTAVO_TRY(CheckConcatenated(operands));
    TensorType type = operands[0].type();
    // What stands for nothing has a dtype all the same.
    for (const Value& v : a.tensors("tensors")) {
      if (!type.quantized()) type.dtype = Promote(type.dtype, v.dtype());
    }
    type.shape = OCTAVO_TRY(shape(a));
    return std::vector<TensorType>{std::move(type)};
  };
}

// quantized::cat: scale and zero point as given, the first operand's where None.
Result<std::vector<TensorType>> QuantizedCatType(const Arguments& a) {
  const std::vector<Value> operands = OCTAVO_TRY(Operands(a, "qx"));
  OCTAVO_TRY(CheckConcatenated(operands));
  if (!operands[0].quantized()) {
    return NeedsInput("the tensors are not quantized", StateQuantization());
  }
  TensorType type = operands[0].type();
  const double scale = a.has("scale") ? a.number("scale") : type.quantization->scale();
  std::int64_t zero_point = type.quantization->zero_point();
  if (a.has("zero_point")) {
    if (!a.dim("zero_point").known()) return NeedsInput("the zero point depends on an open size");
    zero_point = a.integer("zero_point");
  }
  type.quantization = OCTAVO_TRY(CheckedQuantization(scale, zero_point, type.dtype));
  type.shape = OCTAVO_TRY(ConcatenatedShape(a, "qx"));
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<TensorType>> QuantizedCatOutType(const Arguments& a) {
  const std::vector<Value> operands = OCTAVO_TRY(Operands(a, "qx"));
  OCTAVO_TRY(CheckConcatenated(operands));
  TensorType type = a.tensor("out").type();
  if (!type.quantized()) return Unsupported("argument out must be a quantized tensor");
  if (operands[0].quantized() && operands[0].dtype() != type.dtype) {
    return Unsupported(fmt::format("argument out is {}, but the tensors are {}", Name(type.dtype),
                                   Name(operands[0].dtype())));
  }
  std::optional<Shape> shape = OCTAVO_TRY(ConcatenatedShape(a, "qx"));
  OCTAVO_TRY(CheckOut(a, "out", shape));
  type.shape = std::move(shape);
  return std::vector<TensorType>{std::move(type)};
}

// ONNX joins tensors of one type.
Result<Value> RealOperand(Builder& g, const Arguments& a, Value x) {
  if (a.result().quantized() || a.result().dtype == DType::kUnknown) return Dequantize(g, x);
  return Converted(g, x, a.result().dtype);
}

bool Same(const Value& v, const TensorType& type) {
  return v.dtype() == type.dtype &&
         static_cast<float>(v.quantization().scale()) == static_cast<float>(type.quantization->scale()) &&
         v.quantization().zero_point() == type.quantization->zero_point();
}

struct Joined {
  bool relu = false;
  bool moves = false;          // scales may be moved
  bool channels_last = false;  // along the channels of channels-last images
};

// PyTorch's integers of an operand whose quantization is not the result's.
Trial TrialOfOperand(const Builder& g, const Value& v, const TensorType& own, const TensorType& type,
                     const RealFunction& f, const Joined& joined) {
  const bool fbgemm = OfFbgemmBuild(g);
  if (!fbgemm && !joined.channels_last) {
    Trial trial(own, type);
    trial.ThroughReals(f);
    return trial;
  }
  constexpr std::int64_t kBlock = 8;
  const bool rest = !v.shape() || !(*v.shape())[1].known() || (*v.shape())[1].value() % kBlock != 0;
  Trial trial(own, type, {.leaves_rest = rest, .rest_rounds_after_adding = fbgemm});
  if (joined.channels_last) {
    trial.ThroughReals(f, {}, ReciprocalOf::kFloat64);
  } else {
    trial.ByFusedQuantization(f);
  }
  return trial;
}

// PyTorch's kernel for channels-last images takes operands that all are.
bool JoinsChannelsLast(const std::vector<Value>& operands, int axis) {
  return axis == 1 && std::ranges::all_of(operands, [](const Value& v) {
           return v.rank() == 4 && v.memory_format() == ir::MemoryFormat::kChannelsLast;
         });
}

// The types with which the operands are dequantized.  One with another quantization than the result's is
// requantized; its scale is moved by the fewest units in the last place for which every integer comes out as
// PyTorch's, in its vector loop and in what is left of it.  Where there is none, a table takes the operand's
// place in `operands`.
Result<std::vector<TensorType>> TypesOfOperands(Builder& g, std::vector<Value>& operands,
                                                const TensorType& type, const Joined& joined) {
  const RealFunction f = [relu = joined.relu](float x) { return relu ? std::max(x, 0.0F) : x; };
  std::vector<TensorType> types;
  TrialResult all;
  for (Value& v : operands) {
    const TensorType own = v.type();
    types.push_back(own);
    if (!StatesExactness(g) || !own.quantized() || !type.quantized() || Same(v, type)) continue;
    const Trial trial = TrialOfOperand(g, v, own, type, f, joined);
    const auto tried = [&](const TensorType& as) { return trial.Against(f, as, type); };
    const auto [written, result] = joined.moves ? WithMovedScale(own, tried) : TriedType{own, tried(own)};
    if (const auto integers = trial.Integers(true);
        joined.moves && result.differing > 0 && integers && g.exact_for(Target::kOnnxRuntime)) {
      TensorType quantized = type;
      quantized.shape = own.shape;
      v = OCTAVO_TRY(LookUpInteger(g, v, *integers, quantized));
      types.back() = quantized;
      continue;
    }
    types.back() = written;
    all.Add(result);
  }
  if (all.tried > 0) {
    StateTried(g, all, "input values");
  } else {
    g.State(Exactness::kConstruction);
  }
  return types;
}

Result<std::vector<Value>> CatQdq(const char* name, bool relu, Builder& g, const Arguments& a) {
  std::vector<Value> operands = OCTAVO_TRY(Operands(a, name));
  const int axis = OCTAVO_TRY(AxisOfParts(a, operands));
  const std::vector<TensorType> types = OCTAVO_TRY(
      TypesOfOperands(g, operands, a.result(),
                      {.relu = relu, .moves = true, .channels_last = JoinsChannelsLast(operands, axis)}));
  std::vector<Value> reals;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    reals.push_back(operands[i].quantized() ? Dequantize(g, operands[i], types[i])
                                            : OCTAVO_TRY(RealOperand(g, a, operands[i])));
  }
  const Value real = reals.size() == 1 ? reals[0] : g.Op("Concat", reals, {{"axis", axis}});
  if (!a.result().quantized()) return One(real);
  return One(QuantizeReal(g, real, a.result(), relu));
}

// Int8Concat copies bytes, so operands whose quantization differs from the result's are requantized first.
Result<std::vector<Value>> CatCaffe2(const char* name, bool relu, Builder& g, const Arguments& a) {
  const std::vector<Value> operands = OCTAVO_TRY(Operands(a, name));
  const int axis = OCTAVO_TRY(AxisOfParts(a, operands));
  if (!a.result().quantized()) return CatQdq(name, false, g, a);
  OCTAVO_TRY(CheckCaffe2Types(a));
  std::vector<Value> same;
  for (const Value& v : operands) {
    if (Same(v, a.result())) {
      same.push_back(v);
      continue;
    }
    TensorType type = a.result();
    type.shape = v.shape();
    same.push_back(OCTAVO_TRY(Caffe2Quantize(g, Caffe2Dequantize(g, v), type)));
  }
  Value y = Int8(g, "Int8Concat", same, a.result(), {{"axis", axis}});
  if (relu) y = Int8(g, "Int8Relu", {y}, a.result());
  return One(y);
}

Result<std::vector<Value>> Stack(Builder& g, const Arguments& a) {
  const std::vector<Value> operands = a.tensors("tensors");
  const int axis = OCTAVO_TRY(AxisOfParts(a, operands, 1));
  std::vector<Value> raised;
  for (const Value& v : operands) {
    raised.push_back(Unsqueeze(g, OCTAVO_TRY(RealOperand(g, a, v)), {axis}));
  }
  return One(g.Op("Concat", raised, {{"axis", axis}}));
}

Result<std::vector<Value>> StackQdq(Builder& g, const Arguments& a) {
  std::vector<Value> operands = a.tensors("tensors");
  OCTAVO_TRY(TypesOfOperands(g, operands, a.result(), {}));
  return OnReals(Stack)(g, a);
}

}  // namespace

void RegisterConcatenation(Registry& registry) {
  auto qdq = [](const char* operands, bool relu) -> Emitter {
    return [=](Builder& g, const Arguments& a) { return CatQdq(operands, relu, g, a); };
  };
  auto caffe2 = [](const char* operands, bool relu) -> Emitter {
    return [=](Builder& g, const Arguments& a) { return CatCaffe2(operands, relu, g, a); };
  };
  auto shape = [](const Arguments& a) { return ConcatenatedShape(a, "tensors"); };
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"}) {
    registry.Add({.name = name,
                  .arguments = {arg::Tensors("tensors"), arg::Int("dim", 0)},
                  .result = FirstOperandsType(shape),
                  .qdq = qdq("tensors", false),
                  .caffe2 = caffe2("tensors", false)});
  }
  registry.Add({.name = "aten::stack",
                .arguments = {arg::Tensors("tensors"), arg::Int("dim", 0)},
                .result = FirstOperandsType(StackedShape),
                .qdq = StackQdq,
                .caffe2 = ThroughFloat(Stack)});
  for (const bool relu : {false, true}) {
    const std::string name = relu ? "quantized::cat_relu" : "quantized::cat";
    registry.Add({.name = name,
                  .arguments = {arg::Tensors("qx"), arg::Int("dim"), arg::OptionalFloat("scale"),
                                arg::OptionalInt("zero_point")},
                  .result = QuantizedCatType,
                  .qdq = qdq("qx", relu),
                  .caffe2 = caffe2("qx", relu)});
    registry.Add({.name = name + "_out",
                  .arguments = {arg::Tensors("qx"), arg::Int("dim"), arg::Tensor("out")},
                  .result = QuantizedCatOutType,
                  .qdq = qdq("qx", relu),
                  .caffe2 = caffe2("qx", relu)});
  }
}

}  // namespace octavo
