#include "octavo/row.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace octavo {
namespace {

Result<std::optional<Shape>> EvaluateShape(const ShapeRule& rule, const Arguments& a) { return rule(a); }

std::pair<std::int64_t, std::int64_t> ZeroPointRange(DType dtype) {
  switch (dtype) {
    case DType::kQUint8:
      return {0, 255};
    case DType::kQInt8:
      return {-128, 127};
    default:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  }
}

}  // namespace

Result<Quantization> CheckedQuantization(double scale, std::int64_t zero_point, DType dtype) {
  if (!std::isfinite(scale) || scale <= 0 || static_cast<float>(scale) <= 0 ||
      !std::isfinite(static_cast<float>(scale))) {
    return Unsupported(fmt::format("the scale {} is not a positive float32 number", scale),
                       "Calibrate the model again: a scale comes from the values that an observer saw.");
  }
  const auto [low, high] = ZeroPointRange(dtype);
  if (zero_point < low || zero_point > high) {
    return Unsupported(fmt::format("the zero point {} is out of range for {}", zero_point, Name(dtype)));
  }
  return Quantization::PerTensor(scale, zero_point);
}

TypeRule SameType(std::string argument) {
  return [argument = std::move(argument)](const Arguments& a) -> Result<std::vector<TensorType>> {
    return std::vector<TensorType>{a.tensor(argument).type()};
  };
}

TypeRule SameQuantization(std::string argument, ShapeRule shape) {
  return [argument = std::move(argument),
          shape = std::move(shape)](const Arguments& a) -> Result<std::vector<TensorType>> {
    TensorType type = a.tensor(argument).type();
    type.shape = OCTAVO_TRY(EvaluateShape(shape, a));
    return std::vector<TensorType>{std::move(type)};
  };
}

TypeRule GivenQuantization(std::string like, ShapeRule shape, std::string scale, std::string zero_point) {
  return [=](const Arguments& a) -> Result<std::vector<TensorType>> {
    const TensorType& input = a.tensor(like).type();
    if (input.dtype != DType::kUnknown && !input.quantized()) {
      return NeedsInput(fmt::format("argument {} is {}, but this operator needs a quantized tensor", like,
                                    Name(input.dtype)),
                        "Quantize it in the model, or state an input's scale and zero point, as in --input "
                        "'quint8[1,3,8,8](0.02,128)'.");
    }
    TensorType type;
    type.dtype = input.quantized() ? input.dtype : DType::kQUint8;
    type.shape = OCTAVO_TRY(EvaluateShape(shape, a));
    const Dim zero = a.dim(zero_point);
    if (!zero.known()) return NeedsInput("the zero point depends on an open size");
    type.quantization = OCTAVO_TRY(CheckedQuantization(a.number(scale), zero.value(), type.dtype));
    return std::vector<TensorType>{std::move(type)};
  };
}

TypeRule FixedQuantizationOf(std::string argument, FixedQuantization fixed) {
  return [argument = std::move(argument), fixed](const Arguments& a) -> Result<std::vector<TensorType>> {
    TensorType type = a.tensor(argument).type();
    if (type.dtype == DType::kQUint8) {
      type.quantization = Quantization::PerTensor(fixed.scale_quint8, fixed.zero_quint8);
    } else if (type.dtype == DType::kQInt8) {
      type.quantization = Quantization::PerTensor(fixed.scale_qint8, fixed.zero_qint8);
    } else if (type.quantized()) {
      return Unsupported(fmt::format("this operator does not support {}", Name(type.dtype)));
    }
    return std::vector<TensorType>{std::move(type)};
  };
}

ShapeRule ShapeOf(std::string argument) {
  return [argument = std::move(argument)](const Arguments& a) -> Result<std::optional<Shape>> {
    return a.tensor(argument).shape();
  };
}

namespace {

// Of two sizes that differ, at least one of which depends on the inputs'.  The model runs only where they
// agree or one of them is 1, so one that cannot be 1 is the result.
Dim BroadcastSize(const Dim& x, const Dim& y) {
  const auto above_one = [](const Dim& size) { return Dim::Less(Dim(1), size) == true; };
  if (x.known() || above_one(x)) return x;
  if (y.known() || above_one(y)) return y;
  // Either of two inputs' sizes may be 1.  Two formulas of one size, such as H and 2*floor(H/2), are meant to
  // agree.
  const std::vector<std::string> of_x = x.symbols(), of_y = y.symbols();
  const auto quotient = [](const std::string& symbol) { return symbol.find('(') != std::string::npos; };
  const bool formulas =
      of_x == of_y || std::ranges::any_of(of_x, quotient) || std::ranges::any_of(of_y, quotient);
  return formulas ? y : Dim::Unknown();
}

}  // namespace

Result<Shape> Broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    // Counted from the last dimension.
    const Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    const Dim y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& out = result[result.size() - 1 - i];
    if (x == Dim(1)) {
      out = y;
    } else if (y == Dim(1) || x == y) {
      out = x;
    } else if (x.known() && y.known()) {
      return Unsupported(fmt::format("the shapes {} and {} cannot be broadcast", ToString(a), ToString(b)));
    } else {
      out = BroadcastSize(x, y);
    }
  }
  return result;
}

ShapeRule BroadcastOf(std::string a_name, std::string b_name) {
  return [=](const Arguments& a) -> Result<std::optional<Shape>> {
    auto shape_of = [&a](const std::string& name) -> std::optional<Shape> {
      if (!a.is_tensor(name)) return Shape{};
      return a.tensor(name).shape();
    };
    const std::optional<Shape> x = shape_of(a_name), y = shape_of(b_name);
    if (!x || !y) return std::optional<Shape>();
    return std::optional<Shape>(OCTAVO_TRY(Broadcast(*x, *y)));
  };
}

DType Promote(DType a, DType b) {
  if (a == b) return a;
  if (a == DType::kUnknown || b == DType::kUnknown) return DType::kUnknown;
  if (IsFloat(a) && IsFloat(b)) {
    if (a == DType::kFloat64 || b == DType::kFloat64) return DType::kFloat64;
    return DType::kFloat32;  // float16 with bfloat16, or either with float32
  }
  if (IsFloat(a)) return a;
  if (IsFloat(b)) return b;
  if (a == DType::kBool) return b;
  if (b == DType::kBool) return a;
  if (a == DType::kUint8 || b == DType::kUint8) {
    const DType other = a == DType::kUint8 ? b : a;
    return other == DType::kInt8 ? DType::kInt16 : other;
  }
  return ElementSize(a) > ElementSize(b) ? a : b;
}

Result<int> NormalizedAxis(std::int64_t axis, int rank, std::string_view argument) {
  // PyTorch lets a scalar have the dimensions -1 and 0.
  const int span = std::max(rank, 1);
  if (axis < -span || axis >= span) {
    return Unsupported(fmt::format("argument {} is {}, but the tensor has rank {}", argument, axis, rank));
  }
  return static_cast<int>(axis < 0 ? axis + span : axis);
}

}  // namespace octavo
