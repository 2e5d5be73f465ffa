#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_number.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

enum class PaddingMode { kConstant, kReflect, kReplicate, kCircular };

Result<PaddingMode> PaddingModeNamed(const std::string& name) {
  if (name == "constant") return PaddingMode::kConstant;
  if (name == "reflect") return PaddingMode::kReflect;
  if (name == "replicate") return PaddingMode::kReplicate;
  if (name == "circular") return PaddingMode::kCircular;
  return Unsupported(fmt::format(
      "argument mode must be \"constant\", \"reflect\", \"replicate\" or \"circular\", not \"{}\"", name));
}

const char* OnnxMode(PaddingMode mode) {
  return mode == PaddingMode::kReflect ? "reflect" : mode == PaddingMode::kReplicate ? "edge" : "constant";
}

// Elements added before and behind each dimension; negative ones are taken away.
struct Pads {
  std::vector<std::int64_t> begin, end;
};

// PyTorch lists the last dimension first.
Result<Pads> PadsOf(const Arguments& a, const char* argument, std::size_t rank) {
  const std::vector<std::int64_t> pad = OCTAVO_TRY(KnownInts(a, argument));
  if (pad.size() % 2 != 0 || pad.size() > 2 * rank) {
    return Unsupported(fmt::format("argument {} has {} elements, which does not fit a tensor of rank {}",
                                   argument, pad.size(), rank));
  }
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  Pads pads{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0)};
  for (std::size_t i = 0; i < pad.size() / 2; ++i) {
    for (const std::size_t k : {2 * i, 2 * i + 1}) {
      if (pad[k] > kMost || pad[k] < -kMost)
        return Unsupported(fmt::format("a padding of {} elements is not supported", pad[k]));
    }
    pads.begin[rank - 1 - i] = pad[2 * i];
    pads.end[rank - 1 - i] = pad[2 * i + 1];
  }
  return pads;
}

Status CheckSize(PaddingMode mode, const Dim& size, std::int64_t begin, std::int64_t end) {
  if (mode == PaddingMode::kConstant || (begin == 0 && end == 0)) return {};
  if (begin < 0 || end < 0) {
    return mode == PaddingMode::kCircular ? Status(Unsupported("circular padding must not be negative"))
                                          : Status();
  }
  const Dim most = mode == PaddingMode::kReflect ? size - Dim(1) : size;
  if (mode != PaddingMode::kReplicate && Dim::Less(most, std::max(begin, end)) == true) {
    return Unsupported(fmt::format("padding {} is too large for a dimension of size {}", std::max(begin, end),
                                   size.ToString()));
  }
  return {};
}

// PyTorch pads images with something else than a number: channels and one, two or three spatial dimensions,
// which are padded, with or without a batch before them.  None but the batch may be empty.
Status CheckImage(PaddingMode mode, const Shape& shape, std::size_t padded) {
  if (mode == PaddingMode::kConstant) return {};
  const bool batched = shape.size() == padded + 2;
  if (!batched && shape.size() != padded + 1) {
    return Unsupported(fmt::format("padding {} dimensions in this mode does not fit a tensor of rank {}",
                                   padded, shape.size()));
  }
  if (mode == PaddingMode::kCircular) return {};
  for (std::size_t i = batched ? 1 : 0; i < shape.size(); ++i) {
    if (shape[i] == Dim(0))
      return Unsupported(fmt::format("a tensor of shape {} cannot be padded in this mode", ToString(shape)));
  }
  return {};
}

// `dims`: of how many dimensions padding is stated; 0: any.
ShapeRule PaddedShape(const char* argument, std::function<Result<PaddingMode>(const Arguments&)> mode_of,
                      int dims) {
  return [argument, mode_of = std::move(mode_of), dims](const Arguments& a) -> Result<std::optional<Shape>> {
    const PaddingMode mode = OCTAVO_TRY(mode_of(a));
    const std::size_t stated = a.dims(argument).size();
    if (dims > 0 && stated != 2 * static_cast<std::size_t>(dims)) {
      return Unsupported(
          fmt::format("argument {} must have {} elements, not {}", argument, 2 * dims, stated));
    }
    if (a.tensor("self").dtype() == DType::kBool && mode != PaddingMode::kConstant &&
        mode != PaddingMode::kCircular) {
      return Unsupported("a bool tensor can be padded with mode \"constant\" or \"circular\" only");
    }
    std::optional<Shape> shape = a.tensor("self").shape();
    OCTAVO_TRY(KnownInts(a, argument));
    if (!shape) return shape;
    const Pads pads = OCTAVO_TRY(PadsOf(a, argument, shape->size()));
    const std::size_t count = a.dims(argument).size() / 2;
    OCTAVO_TRY(CheckImage(mode, *shape, count));
    // PyTorch takes an empty image if one of its dimensions is not.
    bool empty = count > 0 && (mode == PaddingMode::kReflect || mode == PaddingMode::kReplicate);
    for (std::size_t i = 0; i < shape->size(); ++i) {
      Dim& size = (*shape)[i];
      OCTAVO_TRY(CheckSize(mode, size, pads.begin[i], pads.end[i]));
      const Dim padded = size + Dim(pads.begin[i]) + Dim(pads.end[i]);
      if (i + count >= shape->size() && padded != Dim(0)) empty = false;
      if ((empty && i + 1 == shape->size()) || Dim::Less(padded, 0) == true) {
        return Unsupported(fmt::format("negative padding removes more than the {} elements of the dimension",
                                       size.ToString()));
      }
      size = padded;
    }
    return shape;
  };
}

// Takes away what negative paddings say.
Value Crop(Builder& g, Value x, const Pads& pads) {
  constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < pads.begin.size(); ++i) {
    const std::int64_t begin = std::min<std::int64_t>(pads.begin[i], 0);
    const std::int64_t end = std::min<std::int64_t>(pads.end[i], 0);
    if (begin == 0 && end == 0) continue;
    x = Slice(g, x, static_cast<std::int64_t>(i), -begin, end < 0 ? end : kOpenEnd);
  }
  return x;
}

// The other end's elements before and behind each dimension.
Result<Value> Circular(Builder& g, Value x, const Pads& pads) {
  constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < pads.begin.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i);
    std::vector<Value> parts = {x};
    if (pads.begin[i] > 0) parts.insert(parts.begin(), Slice(g, x, axis, -pads.begin[i], kOpenEnd));
    if (pads.end[i] > 0) parts.push_back(Slice(g, x, axis, 0, pads.end[i]));
    if (parts.size() > 1) x = g.Op("Concat", parts, {{"axis", axis}});
  }
  return x;
}

// A number of the tensor's type; of a quantized tensor the integer that stands for it.
Result<Value> Fill(Builder& g, const TensorType& type, double value) {
  const NumberRounding rounding = OfFbgemmBuild(g) ? NumberRounding::kFused : NumberRounding::kAfter;
  if (type.dtype == DType::kQInt32) {
    return g.Constant(Tensor::From(
        DType::kInt32, {},
        std::vector<std::int32_t>{static_cast<std::int32_t>(QuantizedNumber(type, value, rounding))}));
  }
  if (type.quantized()) return IntegerConstant(g, type, QuantizedNumber(type, value, rounding));
  if (IsInteger(type.dtype) && std::abs(value) > std::numeric_limits<std::int32_t>::max()) {
    return Unsupported(
        fmt::format("constant padding of a {} tensor with {} is not supported", Name(type.dtype), value));
  }
  switch (type.dtype) {
    case DType::kUnknown:
    case DType::kFloat32:
      return g.Scalar(static_cast<float>(value));
    case DType::kFloat64:
      return g.Constant(Tensor::From(DType::kFloat64, {}, std::vector<double>{value}));
    case DType::kInt64:
      return g.Constant(Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{std::llrint(value)}));
    case DType::kInt32:
      return g.Constant(
          Tensor::From(DType::kInt32, {}, std::vector<std::int32_t>{static_cast<std::int32_t>(value)}));
    case DType::kBool:
      return g.Constant(Tensor::From(DType::kBool, {}, std::vector<std::uint8_t>{value != 0}));
    default:
      return Unsupported(fmt::format("constant padding of a {} tensor is not supported", Name(type.dtype)),
                         "Convert the tensor to float32 or int64 first.");
  }
}

// `type` is a copy: the graph moves its values when it grows.  What is added is taken from the whole tensor,
// so it comes before what is taken away.
Result<Value> Pad(Builder& g, Value x, TensorType type, PaddingMode mode, const Pads& pads, double value) {
  if (mode == PaddingMode::kCircular) return Circular(g, x, pads);
  std::vector<std::int64_t> amounts = pads.begin;
  amounts.insert(amounts.end(), pads.end.begin(), pads.end.end());
  for (std::int64_t& amount : amounts) amount = std::max<std::int64_t>(amount, 0);
  if (std::all_of(amounts.begin(), amounts.end(), [](std::int64_t n) { return n == 0; })) {
    return Crop(g, x, pads);
  }
  if (g.opset() >= 11) {
    const Value fill = mode == PaddingMode::kConstant ? OCTAVO_TRY(Fill(g, type, value)) : Value();
    return Crop(g, g.Op("Pad", {x, g.Ints(amounts), fill}, {{"mode", OnnxMode(mode)}}), pads);
  }
  if (!IsFloat(type.dtype) && type.dtype != DType::kUnknown) {
    return Unsupported(fmt::format("ONNX opset {} supports padding of floating-point tensors only, not {}",
                                   g.opset(), Name(type.dtype)),
                       "Use --dialect qdq.");
  }
  const double fill = mode == PaddingMode::kConstant ? value : 0.0;
  return Crop(g, g.Op("Pad", {x}, {{"mode", OnnxMode(mode)}, {"pads", amounts}, {"value", fill}}), pads);
}

void AddPad(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
            const char* pad_argument, const std::function<Result<PaddingMode>(const Arguments&)>& mode_of,
            int dims = 0) {
  const Emitter emitter = [pad_argument, mode_of](Builder& g,
                                                  const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    if (!x.rank()) return NeedsShape("self");
    const PaddingMode mode = OCTAVO_TRY(mode_of(a));
    double value = 0;
    for (const ArgumentSpec& spec : a.specs()) {
      if (spec.name == "value" && a.has("value")) value = a.number("value");
    }
    const Pads pads = OCTAVO_TRY(PadsOf(a, pad_argument, static_cast<std::size_t>(*x.rank())));
    return One(OCTAVO_TRY(Pad(g, x, x.type(), mode, pads, value)));
  };
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = Moved("self", PaddedShape(pad_argument, mode_of, dims)),
                .qdq = MovesIntegers("self", emitter),
                .caffe2 = MovesIntegers("self", emitter)});
}

std::function<Result<PaddingMode>(const Arguments&)> Always(PaddingMode mode) {
  return [mode](const Arguments&) -> Result<PaddingMode> { return mode; };
}

}  // namespace

void RegisterPadding(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  AddPad(registry, "aten::constant_pad_nd", {x, arg::Ints("pad"), arg::Scalar("value", 0)}, "pad",
         Always(PaddingMode::kConstant));
  AddPad(registry, "aten::pad",
         {x, arg::Ints("pad"), arg::String("mode", "constant"), arg::OptionalFloat("value")}, "pad",
         [](const Arguments& a) -> Result<PaddingMode> {
           const PaddingMode mode = OCTAVO_TRY(PaddingModeNamed(a.text("mode")));
           if (mode != PaddingMode::kConstant && a.has("value") && a.number("value") != 0)
             return Unsupported("argument value is for mode \"constant\" only");
           return mode;
         });
  AddPad(registry, "aten::_pad_circular", {x, arg::Ints("pad")}, "pad", Always(PaddingMode::kCircular));
  for (int dims = 1; dims <= 3; ++dims) {
    AddPad(registry, fmt::format("aten::reflection_pad{}d", dims), {x, arg::Ints("padding")}, "padding",
           Always(PaddingMode::kReflect), dims);
    AddPad(registry, fmt::format("aten::replication_pad{}d", dims), {x, arg::Ints("padding")}, "padding",
           Always(PaddingMode::kReplicate), dims);
  }
}

}  // namespace octavo
