#include "octavo/engine/fused/policy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "octavo/targets/onnxruntime/binary.h"
#include "octavo/targets/onnxruntime/functions.h"
#include "octavo/targets/onnxruntime/pooling.h"
#include "octavo/targets/onnxruntime/requantize.h"

// Formulas of PyTorch and Caffe2: docs/numbers.md; of ONNX Runtime: src/octavo/targets/onnxruntime.

namespace octavo::engine::fused {
namespace {

namespace ort = targets::onnxruntime;

std::uint8_t RoundAndClamp(float value, std::int32_t zero_point, Range range) {
  const auto least = static_cast<float>(range.low - zero_point),
             most = static_cast<float>(range.high - zero_point);
  value = value > least ? value : least;
  value = value < most ? value : most;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(value)) + zero_point);
}

// sum / 2^shift to the nearest, ties away from zero.
std::int64_t TiesAway(std::int64_t sum, int shift) {
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  return sum < 0 ? -((-sum + half) >> shift) : (sum + half) >> shift;
}

std::int64_t Significand(float scale) {
  return std::int64_t{(std::bit_cast<std::uint32_t>(scale) & 0x7FFFFFU) | 0x800000U};
}
int BiasedExponent(float scale) { return static_cast<int>(std::bit_cast<std::uint32_t>(scale) >> 23); }

// QNNPACK's requantization by a multiplier of 31 bits: rounded to 2^-31, and then to an integer.
std::uint8_t RequantizeQ31(std::int32_t sum, float scale, std::int32_t zero_point, Range range) {
  const std::int64_t product = (sum * (Significand(scale) << 7) + (std::int64_t{1} << 30)) >> 31;
  const int shift = 126 - BiasedExponent(scale);
  const std::int64_t mask = (std::int64_t{1} << shift) - 1;
  const std::int64_t remainder = (product & mask) - (sum < 0 ? 1 : 0);
  return Clamped((product >> shift) + (remainder > (mask >> 1) ? 1 : 0) + zero_point, range);
}

// Sums of fixed point, QNNPACK's of uint8 and XNNPACK's of int8.
struct FixedSum {
  std::int32_t a_factor = 0, b_factor = 0;
  int shift = 0;
  bool ties_up = false;

  static std::optional<FixedSum> Of(const Quant& a, const Quant& b, const Quant& y) {
    const int bits = a.is_signed ? 20 : 21;
    const float least = a.is_signed ? 0x1p-10F : 0x1p-14F, end = 0x1p8F;
    const float a_ratio = a.scale / y.scale, b_ratio = b.scale / y.scale;
    for (const float ratio : {a_ratio, b_ratio}) {
      if (!(ratio >= least && ratio < end)) return std::nullopt;
    }
    FixedSum sum = {.shift = bits - std::ilogb(std::max(a_ratio, b_ratio)), .ties_up = a.is_signed};
    sum.a_factor = static_cast<std::int32_t>(std::lrint(std::ldexp(a_ratio, sum.shift)));
    sum.b_factor = static_cast<std::int32_t>(std::lrint(std::ldexp(b_ratio, sum.shift)));
    return sum;
  }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    const std::int64_t sum = a * a_factor + b * b_factor;
    return ties_up ? (sum + (std::int64_t{1} << (shift - 1))) >> shift : TiesAway(sum, shift);
  }
  bool FitsInt32() const {
    constexpr std::int64_t kWidest = 255;
    const std::int64_t largest =
        kWidest * (std::int64_t{a_factor} + b_factor) + (std::int64_t{1} << (shift - 1)) + 1;
    return shift <= 30 && largest <= INT32_MAX;
  }
};

ort::Quantization ForOrt(const Quant& q) { return {.scale = q.scale, .zero_point = q.zero_point}; }

kernels::Binary Form(kernels::Binary::Form form, const Quant& a, const Quant& b, const Quant& y,
                     Range range) {
  return {.form = form,
          .is_signed = a.is_signed,
          .a_zero = a.zero_point,
          .b_zero = b.zero_point,
          .a_scale = a.scale,
          .b_scale = b.scale,
          .offset = 0,
          .b_offset = 0,
          .factor = 1.0F / y.scale,
          .zero_point = y.zero_point,
          .low = range.low,
          .high = range.high,
          .a_factor = 0,
          .b_factor = 0,
          .shift = 1,
          .ties_up = false};
}

}  // namespace

std::uint8_t Clamped(std::int64_t integer, Range range) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(integer, range.low, range.high));
}

kernels::OutputFormula Policy::Requantize(const Quant& x, const std::vector<float>& w_scales, const Quant& y,
                                          Range range) const {
  kernels::OutputFormula output = {
      .multipliers = {}, .zero_point = y.zero_point, .low = range.low, .high = range.high, .formula = {}};
  for (const float w_scale : w_scales) {
    // XNNPACK, which takes signed integers, divides.
    output.multipliers.push_back(arithmetic_ == Arithmetic::kPyTorch && !x.is_signed
                                     ? x.scale * w_scale * (1.0F / y.scale)
                                     : ort::Multiplier(x.scale, w_scale, y.scale));
  }
  const bool q31 = std::ranges::all_of(output.multipliers, [](float m) { return m >= 0x1p-32F && m < 1.0F; });
  if (arithmetic_ == Arithmetic::kCaffe2 && q31) {
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

float Policy::OperandValue(std::uint8_t byte, const Quant& x) const {
  if (arithmetic_ != Arithmetic::kPyTorch) return Dequantize(byte, x);
  return std::fma(x.scale, static_cast<float>(x.Integer(byte)),
                  -(x.scale * static_cast<float>(x.zero_point)));
}

std::function<std::uint8_t(std::uint8_t, std::uint8_t)> Policy::Add(const Quant& a, const Quant& b,
                                                                    const Quant& y, Range range,
                                                                    bool same_sizes) const {
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    const ort::Addition addition(ForOrt(a), ForOrt(b), ForOrt(y));
    return [=](std::uint8_t i, std::uint8_t j) {
      if (a.is_signed) {
        const auto sum = ort::QLinearAdd(static_cast<std::int8_t>(i), static_cast<std::int8_t>(j), addition);
        return Clamped(sum, range);
      }
      return Clamped(ort::QLinearAdd(i, j, addition), range);
    };
  }
  const auto fixed = same_sizes || a.is_signed ? FixedSum::Of(a, b, y) : std::nullopt;
  if (fixed) {
    return [=](std::uint8_t i, std::uint8_t j) {
      return Clamped((*fixed)(a.Integer(i) - a.zero_point, b.Integer(j) - b.zero_point) + y.zero_point,
                     range);
    };
  }
  return [=, policy = *this](std::uint8_t i, std::uint8_t j) {
    const float sum = policy.OperandValue(i, a) + policy.OperandValue(j, b);
    return RoundAndClamp(sum * (1.0F / y.scale), y.zero_point, range);
  };
}

std::vector<kernels::Binary> Policy::AddForms(const Quant& a, const Quant& b, const Quant& y, Range range,
                                              bool same_sizes) const {
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    const ort::Addition addition(ForOrt(a), ForOrt(b), ForOrt(y));
    kernels::Binary f = Form(kernels::Binary::Form::kSumChained, a, b, y, range);
    f.a_scale = addition.a_ratio;
    f.b_scale = addition.b_ratio;
    f.offset = addition.fixed;
    f.zero_point = 0;
    return {f};
  }
  const auto fixed = same_sizes || a.is_signed ? FixedSum::Of(a, b, y) : std::nullopt;
  if (fixed && fixed->FitsInt32()) {
    kernels::Binary f = Form(kernels::Binary::Form::kSumFixed, a, b, y, range);
    f.a_factor = fixed->a_factor;
    f.b_factor = fixed->b_factor;
    f.shift = fixed->shift;
    f.ties_up = fixed->ties_up;
    return {f};
  }
  kernels::Binary f = Form(kernels::Binary::Form::kSumFused, a, b, y, range);
  f.offset = -(a.scale * static_cast<float>(a.zero_point));
  f.b_offset = -(b.scale * static_cast<float>(b.zero_point));
  return {f, Form(kernels::Binary::Form::kSum, a, b, y, range)};
}

std::uint8_t Policy::Multiply(std::uint8_t a, const Quant& a_quant, std::uint8_t b, const Quant& b_quant,
                              const Quant& y, Range range) const {
  const std::int32_t product =
      (a_quant.Integer(a) - a_quant.zero_point) * (b_quant.Integer(b) - b_quant.zero_point);
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    const float ratio = ort::MultiplicationRatio(a_quant.scale, b_quant.scale, y.scale);
    return RoundAndClamp(static_cast<float>(product) * ratio + static_cast<float>(y.zero_point), 0, range);
  }
  return RoundAndClamp(static_cast<float>(product) * ProductMultiplier(a_quant, b_quant, y), y.zero_point,
                       range);
}

// XNNPACK takes signed integers, but for results with the largest zero point.
float Policy::ProductMultiplier(const Quant& a, const Quant& b, const Quant& y) const {
  const bool divides = arithmetic_ != Arithmetic::kPyTorch || (a.is_signed && y.zero_point < y.high());
  return divides ? a.scale * b.scale / y.scale : a.scale * b.scale * (1.0F / y.scale);
}

std::vector<kernels::Binary> Policy::MultiplyForms(const Quant& a, const Quant& b, const Quant& y,
                                                   Range range) const {
  kernels::Binary f = Form(kernels::Binary::Form::kProductInt, a, b, y, range);
  f.factor = ProductMultiplier(a, b, y);
  if (arithmetic_ == Arithmetic::kOnnxRuntime) {
    f.factor = ort::MultiplicationRatio(a.scale, b.scale, y.scale);
    f.offset = static_cast<float>(y.zero_point);
    f.zero_point = 0;
  }
  return {f};
}

std::uint8_t Policy::Average(std::int32_t sum, std::int64_t count, const Quant& x, const Quant& y,
                             Range range) const {
  const auto cells = static_cast<float>(count);
  const float multiplier = x.scale / (y.scale * cells);
  if (arithmetic_ == Arithmetic::kCaffe2 && multiplier >= 0x1p-31F && multiplier < 0x1p8F) {
    const int shift = 150 - BiasedExponent(multiplier);
    return Clamped(TiesAway(sum * Significand(multiplier), shift) + y.zero_point, range);
  }
  return RoundAndClamp(static_cast<float>(sum) * multiplier, y.zero_point, range);
}

std::uint8_t Policy::FloatAverage(float sum, std::int64_t count, const Quant& y, Range range) const {
  if (y.is_signed) {
    const auto mean = ort::QLinearAveragePool<std::int8_t>(sum, static_cast<std::int32_t>(count), ForOrt(y));
    return Clamped(mean, range);
  }
  return Clamped(ort::QLinearAveragePool<std::uint8_t>(sum, static_cast<std::int32_t>(count), ForOrt(y)),
                 range);
}

std::function<float(float)> Policy::Function(std::string_view op, double alpha, double beta) const {
  if (arithmetic_ != Arithmetic::kOnnxRuntime) return {};
  if (op == "Sigmoid") return ort::Sigmoid;
  if (op == "Tanh") return ort::Tanh;
  if (op == "Exp") return ort::Exp;
  if (op == "Erf") return ort::Erf;
  if (op == "HardSwish") return ort::HardSwish;
  if (op == "HardSigmoid") {
    return [a = static_cast<float>(alpha), b = static_cast<float>(beta)](float x) {
      return ort::HardSigmoid(x, a, b);
    };
  }
  if (op == "LeakyRelu") {
    return [a = static_cast<float>(alpha)](float x) { return ort::LeakyRelu(x, a); };
  }
  return {};
}

std::function<std::uint8_t(std::uint8_t)> Policy::ByteFunction(std::string_view op, double alpha,
                                                               const Quant& x, const Quant& y) const {
  if (arithmetic_ != Arithmetic::kPyTorch || x.is_signed || y.is_signed) return {};
  // Tables of qnnpack: steps above level 0, rounded in the end.
  const auto table = [policy = *this, x](auto steps) {
    return [=](std::uint8_t byte) { return RoundAndClamp(steps(policy.Dequantize(byte, x)), 0, {0, 255}); };
  };
  const auto relu6_of_3 = [](float v) { return std::min(std::max(v + 3.0F, 0.0F), 6.0F); };
  const bool unit = y.scale == 0x1p-8F && y.zero_point == 0;
  constexpr double kSixth = 1.0 / 6, kClose = 1e-6;
  if (op == "Sigmoid" && unit) {
    return table(
        [](float v) { return 256.0F / (1.0F + static_cast<float>(std::exp(static_cast<double>(-v)))); });
  }
  if (op == "Tanh" && y.scale == 0x1p-7F && y.zero_point == 128) {
    return table(
        [](float v) { return static_cast<float>(128.0 * std::tanh(static_cast<double>(v)) + 128.0); });
  }
  if (op == "HardSigmoid" && unit && std::fabs(alpha - kSixth) < kClose) {
    return table([=](float v) { return 256.0F * (relu6_of_3(v) / 6.0F); });
  }
  if (op == "HardSwish") {
    return table([=](float v) {
      return 1.0F / y.scale * (v * relu6_of_3(v) / 6.0F) + static_cast<float>(y.zero_point);
    });
  }
  return {};
}

}  // namespace octavo::engine::fused
