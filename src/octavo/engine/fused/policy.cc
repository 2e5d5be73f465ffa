#include "octavo/engine/fused/policy.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace octavo::engine::fused {
namespace {

// Sources: docs/numbers.md.

std::uint8_t RoundAndClamp(float value, std::int32_t zero_point, Range range) {
  const auto least = static_cast<float>(range.low - zero_point),
             most = static_cast<float>(range.high - zero_point);
  value = value > least ? value : least;
  value = value < most ? value : most;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(value)) + zero_point);
}

// QNNPACK's requantization by a multiplier of 31 bits, docs/numbers.md.
std::uint8_t RequantizeQ31(std::int32_t sum, float scale, std::int32_t zero_point, Range range) {
  const auto bits = std::bit_cast<std::uint32_t>(scale);
  const std::int64_t multiplier = std::int64_t{(bits & 0x7FFFFFU) | 0x800000U} << 7;
  const auto shift = 126 - static_cast<std::int32_t>(bits >> 23);
  const std::int64_t product = (sum * multiplier + (std::int64_t{1} << 30)) >> 31;
  const std::int64_t mask = (std::int64_t{1} << shift) - 1;
  const std::int64_t remainder = (product & mask) - (product < 0 ? 1 : 0);
  return Clamped((product >> shift) + (remainder > (mask >> 1) ? 1 : 0) + zero_point, range);
}

}  // namespace

std::uint8_t Clamped(std::int64_t integer, Range range) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(integer, range.low, range.high));
}

kernels::OutputFormula Policy::Requantize(const Quant& x, const std::vector<float>& w_scales, const Quant& y,
                                          Range range) const {
  kernels::OutputFormula output = {.zero_point = y.zero_point, .low = range.low, .high = range.high};
  for (const float w_scale : w_scales) {
    output.multipliers.push_back(arithmetic_ == Arithmetic::kPyTorch ? x.scale * w_scale * (1.0F / y.scale)
                                                                     : x.scale * w_scale / y.scale);
  }
  if (arithmetic_ == Arithmetic::kCaffe2) {
    output.formula = [scales = output.multipliers, y, range](std::int32_t sum, std::int64_t channel) {
      return RequantizeQ31(sum, scales[scales.size() == 1 ? 0 : static_cast<std::size_t>(channel)],
                           y.zero_point, range);
    };
  }
  return output;
}

bool Policy::QuantizeDivides() const { return arithmetic_ != Arithmetic::kPyTorch; }

float Policy::QuantizeFactor(const Quant& y) const { return QuantizeDivides() ? y.scale : 1.0F / y.scale; }

std::uint8_t Policy::Quantize(float value, const Quant& y) const {
  const float scaled = QuantizeDivides() ? value / y.scale : value * (1.0F / y.scale);
  return RoundAndClamp(scaled, y.zero_point, {y.low(), y.high()});
}

float Policy::Dequantize(std::uint8_t byte, const Quant& x) const {
  return static_cast<float>(x.Integer(byte) - x.zero_point) * x.scale;
}

std::vector<kernels::Binary> Policy::AddForms(const Quant& a, const Quant& b, const Quant& y,
                                              Range range) const {
  kernels::Binary f = {.form = kernels::Binary::Form::kSum,
                       .is_signed = a.is_signed,
                       .a_zero = a.zero_point,
                       .b_zero = b.zero_point,
                       .a_scale = a.scale,
                       .b_scale = b.scale,
                       .factor = 1.0F / y.scale,
                       .zero_point = y.zero_point,
                       .low = range.low,
                       .high = range.high};
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    f.form = kernels::Binary::Form::kSumChained;
    f.a_scale = a.scale / y.scale;
    f.b_scale = b.scale / y.scale;
    f.offset = static_cast<float>(y.zero_point) - std::fma(f.a_scale, static_cast<float>(a.zero_point),
                                                           f.b_scale * static_cast<float>(b.zero_point));
    f.zero_point = 0;
  }
  return {f};
}

std::uint8_t Policy::Add(std::uint8_t a, const Quant& a_quant, std::uint8_t b, const Quant& b_quant,
                         const Quant& y, Range range) const {
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    // QLinearAdd.
    const float a_ratio = a_quant.scale / y.scale, b_ratio = b_quant.scale / y.scale;
    const float fixed =
        static_cast<float>(y.zero_point) - std::fma(a_ratio, static_cast<float>(a_quant.zero_point),
                                                    b_ratio * static_cast<float>(b_quant.zero_point));
    const float sum = std::fma(static_cast<float>(b_quant.Integer(b)), b_ratio, fixed);
    return RoundAndClamp(std::fma(static_cast<float>(a_quant.Integer(a)), a_ratio, sum), 0, range);
  }
  if (arithmetic_ == Arithmetic::kCaffe2) {
    const float a_ratio = a_quant.scale / y.scale, b_ratio = b_quant.scale / y.scale;
    const int exponent = std::ilogb(std::max(a_ratio, b_ratio)), shift = 21 - exponent;
    const auto fixed = [shift](float ratio) {
      return static_cast<std::int64_t>(std::nearbyint(std::ldexp(ratio, shift)));
    };
    const std::int64_t sum = fixed(a_ratio) * (a_quant.Integer(a) - a_quant.zero_point) +
                             fixed(b_ratio) * (b_quant.Integer(b) - b_quant.zero_point);
    const std::int64_t mask = (std::int64_t{1} << shift) - 1;
    const std::int64_t remainder = (sum & mask) - (sum < 0 ? 1 : 0);
    return Clamped((sum >> shift) + (remainder > (mask >> 1) ? 1 : 0) + y.zero_point, range);
  }
  const float sum = Dequantize(a, a_quant) + Dequantize(b, b_quant);
  return RoundAndClamp(sum * (1.0F / y.scale), y.zero_point, range);
}

std::vector<kernels::Binary> Policy::MultiplyForms(const Quant& a, const Quant& b, const Quant& y,
                                                   Range range) const {
  kernels::Binary f = {.form = kernels::Binary::Form::kProduct,
                       .is_signed = a.is_signed,
                       .a_zero = a.zero_point,
                       .b_zero = b.zero_point,
                       .a_scale = a.scale,
                       .b_scale = b.scale,
                       .factor = 1.0F / y.scale,
                       .zero_point = y.zero_point,
                       .low = range.low,
                       .high = range.high};
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    f.form = kernels::Binary::Form::kProductInt;
    f.factor = a.scale * b.scale / y.scale;
    f.offset = static_cast<float>(y.zero_point);
    f.zero_point = 0;
  }
  return {f};
}

std::uint8_t Policy::Multiply(std::uint8_t a, const Quant& a_quant, std::uint8_t b, const Quant& b_quant,
                              const Quant& y, Range range) const {
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    // QLinearMul.
    const std::int32_t product =
        (a_quant.Integer(a) - a_quant.zero_point) * (b_quant.Integer(b) - b_quant.zero_point);
    const float scaled = static_cast<float>(product) * (a_quant.scale * b_quant.scale / y.scale);
    return RoundAndClamp(scaled + static_cast<float>(y.zero_point), 0, range);
  }
  const float product = Dequantize(a, a_quant) * Dequantize(b, b_quant);
  return RoundAndClamp(QuantizeDivides() ? product / y.scale : product * (1.0F / y.scale), y.zero_point,
                       range);
}

std::uint8_t Policy::Average(std::int32_t sum, std::int64_t count, const Quant& x, const Quant& y,
                             Range range) const {
  if (arithmetic_ == Arithmetic::kCaffe2) {
    const float scale = x.scale / (y.scale * static_cast<float>(count));
    const auto bits = std::bit_cast<std::uint32_t>(scale);
    const std::int64_t multiplier = (bits & 0x7FFFFFU) | 0x800000U;
    const auto shift = 150 - static_cast<std::int32_t>(bits >> 23);
    const std::int64_t magnitude =
        (std::abs(std::int64_t{sum}) * multiplier + (std::int64_t{1} << (shift - 1))) >> shift;
    return Clamped((sum < 0 ? -magnitude : magnitude) + y.zero_point, range);
  }
  const float multiplier = x.scale / (y.scale * static_cast<float>(count));
  return RoundAndClamp(static_cast<float>(sum) * multiplier, y.zero_point, range);
}

std::uint8_t Policy::FloatAverage(float sum, std::int64_t count, const Quant& y, Range range) const {
  const float mean = sum / static_cast<float>(count);
  return RoundAndClamp(mean / y.scale + static_cast<float>(y.zero_point), 0, range);
}

std::function<float(float)> Policy::Function(std::string_view /*op*/, double /*alpha*/,
                                             double /*beta*/) const {
  return {};
}

}  // namespace octavo::engine::fused
