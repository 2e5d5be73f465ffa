#include "octavo/ops/movement.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/base/limits.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"

namespace octavo {
namespace {

constexpr const char* kGiveShape =
    "Give the input's shape in numbers with --input, as in --input 'float32[1,3,224,224]'.";

Result<TensorType> MovedType(const Arguments& a, const std::string& argument, std::optional<Shape> shape) {
  TensorType type = a.tensor(argument).type();
  if (type.quantized() && !type.quantization->per_tensor()) {
    return Unsupported(
        fmt::format(
            "argument {} is quantized per-channel ({}), but this operator takes per-tensor quantization only",
            argument, type.ToString()),
        "Call .dequantize() on it first; only the weights of layers may be quantized per-channel.");
  }
  const auto max_rank = static_cast<std::size_t>(kMaxRank);
  if (shape && shape->size() > max_rank) {
    return Unsupported(
        fmt::format("the result has rank {}, which exceeds the limit of {}", shape->size(), max_rank));
  }
  type.shape = std::move(shape);
  return type;
}

std::vector<TensorType> Reals(const Arguments& a) {
  std::vector<TensorType> reals;
  for (const TensorType& type : a.results()) reals.push_back(WithDType(type, DType::kFloat32));
  return reals;
}

Result<std::vector<Value>> MoveReals(const Emitter& movement, const std::string& argument, Builder& g,
                                     const Arguments& a) {
  const Value x = a.tensor(argument);
  const Value real = Dequantize(g, x);
  std::vector<Value> moved = OCTAVO_TRY(movement(g, a.With(argument, real.id()).WithResults(Reals(a))));
  for (std::size_t i = 0; i < moved.size() && i < a.results().size(); ++i) {
    moved[i] = moved[i].id() == real.id() ? x : Quantize(g, moved[i], a.result(i));
  }
  return moved;
}

}  // namespace

Error NeedsShape(std::string_view argument) {
  return NeedsInput(fmt::format("the shape of argument {} must be known", argument), kGiveShape);
}

Result<Shape> ShapeFor(const Arguments& a, std::string_view argument) {
  const std::optional<Shape>& shape = a.tensor(argument).shape();
  if (!shape) return NeedsShape(argument);
  return *shape;
}

TypeRule Moved(std::string argument, ShapeRule shape) {
  return [argument = std::move(argument),
          shape = std::move(shape)](const Arguments& a) -> Result<std::vector<TensorType>> {
    std::optional<Shape> moved = OCTAVO_TRY(shape(a));
    return std::vector<TensorType>{OCTAVO_TRY(MovedType(a, argument, std::move(moved)))};
  };
}

TypeRule MovedList(std::string argument, ShapesRule shapes) {
  return [argument = std::move(argument),
          shapes = std::move(shapes)](const Arguments& a) -> Result<std::vector<TensorType>> {
    std::vector<TensorType> types;
    for (std::optional<Shape>& shape : OCTAVO_TRY(shapes(a))) {
      types.push_back(OCTAVO_TRY(MovedType(a, argument, std::move(shape))));
    }
    return types;
  };
}

Emitter Moves(std::string argument, Emitter movement) {
  return [argument = std::move(argument), movement = std::move(movement)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor(argument);
    if (!x.quantized()) return movement(g, a);
    if (g.dialect() == Dialect::kCaffe2) {
      OCTAVO_TRY(CheckCaffe2Types(a));
    } else if (StorageType(x.dtype()) == DType::kInt32) {
      return movement(g, a);
    }
    return MoveReals(movement, argument, g, a);
  };
}

Emitter MovesIntegers(std::string argument, Emitter movement) {
  return [argument = std::move(argument), movement = std::move(movement)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (!a.tensor(argument).quantized() || g.dialect() == Dialect::kQdq) return movement(g, a);
    OCTAVO_TRY(CheckCaffe2Types(a));
    return MoveReals(movement, argument, g, a);
  };
}

std::optional<std::vector<std::int64_t>> ReshapeTarget(const std::optional<Shape>& from, const Shape& to) {
  std::vector<std::int64_t> target;
  bool inferred = false;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].known() && to[i].value() != 0) {
      target.push_back(to[i].value());
    } else if (from && i < from->size() && (*from)[i] == to[i]) {
      target.push_back(0);
    } else if (!inferred && !to[i].known()) {
      target.push_back(-1);
      inferred = true;
    } else {
      return std::nullopt;
    }
  }
  return target;
}

Result<Value> RuntimeSizes(Builder& g, const std::vector<Dim>& sizes) {
  if (const auto known = KnownSizes(sizes)) return g.Ints(*known);
  const auto of_an_input = [&g](const Dim& size) -> std::optional<Value> {
    for (const ir::ValueId input : g.graph().inputs()) {
      const Value value(&g.graph(), input);
      if (!value.shape()) continue;
      const auto at = std::find(value.shape()->begin(), value.shape()->end(), size);
      if (at == value.shape()->end()) continue;
      const auto axis = static_cast<std::int64_t>(at - value.shape()->begin());
      return Slice(g, g.Op("Shape", {value}), 0, axis, axis + 1);
    }
    return std::nullopt;
  };
  std::vector<Value> parts;
  for (const Dim& size : sizes) {
    if (size.known()) {
      parts.push_back(g.Ints({size.value()}));
      continue;
    }
    const std::optional<Value> part = of_an_input(size);
    if (!part) {
      return NeedsInput(fmt::format("the size {} is open, but this operator needs a number", size.ToString()),
                        kGiveShape);
    }
    parts.push_back(*part);
  }
  return parts.size() == 1 ? parts[0] : g.Op("Concat", parts, {{"axis", 0}});
}

Result<Value> ReshapeFrom(Builder& g, Value x, const std::optional<Shape>& from, const Shape& to) {
  if (const auto target = ReshapeTarget(from, to)) return Reshape(g, x, *target);
  return g.Op("Reshape", {x, OCTAVO_TRY(RuntimeSizes(g, to))});
}

Value Int8Reshape(Builder& g, Value x, const std::vector<std::int64_t>& target, const TensorType& type) {
  return Int8(g, "Int8Reshape", {x, g.Ints(target)}, type);
}

Value Int8Slice(Builder& g, Value x, int axis, std::int64_t start, std::int64_t end, const TensorType& type) {
  return Int8(g, "Int8Slice", {x}, type, {{"dim", axis}, {"end_idx", end}, {"start_idx", start}});
}

Result<Value> Strided(Builder& g, Value x, std::int64_t axis, std::int64_t start, std::int64_t end,
                      std::int64_t step, std::optional<std::int64_t> size) {
  if (g.opset() >= 10 || step == 1) return Slice(g, x, axis, start, end, step);
  if (!size) return NeedsShape("self");
  if (*size > Limits{}.max_list_length) {
    return Unsupported(fmt::format("a slice with step {} of {} elements is too large for ONNX opset {}", step,
                                   *size, g.opset()));
  }
  const auto from_front = [&size](std::int64_t i, std::int64_t low, std::int64_t high) {
    return std::clamp(i < 0 ? i + *size : i, low, high);
  };
  std::vector<std::int64_t> indices;
  if (step > 0) {
    const std::int64_t stop = from_front(end, 0, *size);
    for (std::int64_t i = from_front(start, 0, *size); i < stop; i += std::min(step, *size))
      indices.push_back(i);
  } else {
    const bool open = end < -*size;
    const std::int64_t stop = open ? -1 : from_front(end, -1, *size - 1);
    for (std::int64_t i = from_front(start, -1, *size - 1); i > stop; i += std::max(step, -*size)) {
      indices.push_back(i);
    }
  }
  return g.Op("Gather", {x, g.Ints(indices)}, {{"axis", axis}});
}

Value PadWithZeros(Builder& g, Value x, const std::vector<std::int64_t>& begin,
                   const std::vector<std::int64_t>& end) {
  std::vector<std::int64_t> pads = {0, 0};
  pads.insert(pads.end(), begin.begin(), begin.end());
  pads.insert(pads.end(), {0, 0});
  pads.insert(pads.end(), end.begin(), end.end());
  if (g.opset() < 11) return g.Op("Pad", {x}, {{"mode", "constant"}, {"pads", pads}, {"value", 0.0F}});
  return g.Op("Pad", {x, g.Ints(pads)});
}

}  // namespace octavo
