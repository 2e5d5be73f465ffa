#include "octavo/engine/literal/int8.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {

void AddInt8(Registry& registry) {
  AddInt8Layers(registry);
  AddInt8Pooling(registry);
  AddInt8Arithmetic(registry);
  AddInt8Movement(registry);
}

std::string Int8Name(std::string_view op) { return fmt::format("org.pytorch._caffe2::{}", op); }

Result<Int8Parameters> ResultParameters(const Call& call) {
  const double scale = OCTAVO_TRY(call.Real("Y_scale", 1.0));
  const std::int64_t zero_point = OCTAVO_TRY(call.Int("Y_zero_point", 0));
  if (!(scale > 0) || !std::isfinite(scale))
    return call.Invalid(fmt::format("attribute Y_scale must be positive and finite, not {}", scale));
  const bool bias = call.op() == "Int8GivenIntTensorFill";
  if (zero_point < 0 || zero_point > (bias ? 0 : 255))
    return call.Invalid(fmt::format("attribute Y_zero_point is out of range: {}", zero_point));
  return Int8Parameters{static_cast<float>(scale), static_cast<std::int32_t>(zero_point)};
}

Result<Int8Parameters> KeptParameters(Call& call) {
  const Int8Parameters x = OCTAVO_TRY(call.int8(0)), y = OCTAVO_TRY(ResultParameters(call));
  if (x == y) return y;
  return call.Invalid(fmt::format(
      "this operator keeps scale and zero point, but the result has {} and {} and the input {} and {}",
      y.scale, y.zero_point, x.scale, x.zero_point));
}

Result<ValueType> Int8Type(Call& call, std::size_t i) {
  const ValueType type = OCTAVO_TRY(call.type(i));
  OCTAVO_TRY(call.int8(i));
  if (type.dtype != DType::kUint8)
    return call.Invalid(fmt::format("input {} must be uint8, not {}", i, Name(type.dtype)));
  return type;
}

Prepared OneInt8(Sizes sizes, Int8Parameters parameters,
                 std::function<Result<Tensor>(const Operands&)> compute) {
  Prepared prepared = One(DType::kUint8, std::move(sizes), std::move(compute));
  prepared.outputs[0].int8 = parameters;
  return prepared;
}

Requantizer::Requantizer(Arithmetic arithmetic, float multiplier, std::int32_t zero_point, std::int32_t low)
    : arithmetic_(arithmetic), multiplier_(multiplier), zero_point_(zero_point), low_(low) {
  const auto bits = std::bit_cast<std::uint32_t>(multiplier);
  significand_ = std::int64_t{(bits & 0x007fffffU) | 0x00800000U} << 7;
  shift_ = 126 - static_cast<int>(bits >> 23);
}

Result<Requantizer> Requantizer::Of(const Call& call, float x_scale, float w_scale, Int8Parameters y,
                                    bool relu) {
  const float product = x_scale * w_scale;
  const float multiplier =
      call.arithmetic() == Arithmetic::kPyTorch ? product * (1.0F / y.scale) : product / y.scale;
  if (call.arithmetic() == Arithmetic::kCaffe2 && !(multiplier >= 0x1p-32F && multiplier < 1)) {
    return call.NotSupported(
        fmt::format("Caffe2 does not support the multiplier {} (input scale * weight scale / output scale); "
                    "it must be in [2^-32, 1)",
                    multiplier));
  }
  return Requantizer(call.arithmetic(), multiplier, y.zero_point, relu ? y.zero_point : 0);
}

std::uint8_t Requantizer::operator()(std::int32_t sum) const {
  if (arithmetic_ != Arithmetic::kCaffe2)
    return ToUint8(static_cast<float>(sum) * multiplier_, zero_point_, low_);
  const std::int64_t high = (std::int64_t{sum} * significand_ + (std::int64_t{1} << 30)) >> 31;
  const std::int64_t mask = (std::int64_t{1} << shift_) - 1;
  const std::int64_t remainder = (high & mask) - std::int64_t{sum < 0};
  const std::int64_t rounded = (high >> shift_) + std::int64_t{remainder > (mask >> 1)};
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(rounded + zero_point_, low_, 255));
}

std::uint8_t ToUint8(float real, std::int64_t zero_point, std::int64_t low) {
  const std::int64_t rounded = SaturatedInteger(std::nearbyint(double{real}), DType::kInt32);
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(rounded + zero_point, low, 255));
}

namespace {

// Two numbers for height and width: the attribute `many`, or `one` for both.
Status ReadPair(Call& call, std::string_view one, std::string_view many, std::int64_t otherwise,
                std::int64_t (&pair)[2]) {
  std::vector<std::int64_t> list = OCTAVO_TRY(call.Ints(many, Sizes()));
  if (list.empty()) list = {OCTAVO_TRY(call.Int(one, otherwise))};
  if (list.size() == 1) list.push_back(list[0]);
  constexpr std::int64_t kMost = 1 << 20;
  if (list.size() != 2 || list[0] < 1 || list[1] < 1 || list[0] > kMost || list[1] > kMost)
    return call.Invalid(fmt::format("attribute {} must be one or two positive sizes", many));
  pair[0] = list[0];
  pair[1] = list[1];
  return {};
}

}  // namespace

Result<Int8Window> Int8WindowOf(Call& call, const Sizes& input, const Sizes* kernel) {
  if (OCTAVO_TRY(call.Text("order", "NCHW")) != "NHWC")
    return call.NotSupported("attribute order must be NHWC");
  Int8Window w;
  OCTAVO_TRY(ReadPair(call, "kernel", "kernels", kernel ? (*kernel)[0] : 0, w.kernel));
  if (kernel && (w.kernel[0] != (*kernel)[0] || w.kernel[1] != (*kernel)[1]))
    return call.Invalid("attribute kernels does not match the weight");
  // PyTorch's pools without a stride take steps of their size; Caffe2 takes steps of 1.
  const bool pool_step =
      kernel == nullptr && call.arithmetic() != Arithmetic::kCaffe2 && call.HasAttribute("strides");
  OCTAVO_TRY(ReadPair(call, "stride", "strides", pool_step ? w.kernel[0] : 1, w.stride));
  OCTAVO_TRY(ReadPair(call, "dilation", "dilations", 1, w.dilation));
  std::vector<std::int64_t> pads = OCTAVO_TRY(call.Ints("pads", Sizes()));
  if (pads.empty()) pads.assign(4, OCTAVO_TRY(call.Int("pad", 0)));
  if (pads.size() != 4) return call.Invalid("attribute pads must have four elements");
  for (std::size_t d = 0; d < 2; ++d) {
    w.begin[d] = pads[d];
    w.end[d] = pads[d + 2];
    constexpr std::int64_t kMost = 1 << 20;
    if (w.begin[d] < 0 || w.end[d] < 0 || w.begin[d] > kMost || w.end[d] > kMost)
      return call.Invalid("the padding is out of range");
    const std::int64_t extent = (w.kernel[d] - 1) * w.dilation[d] + 1;
    const std::int64_t room = input[d + 1] + w.begin[d] + w.end[d] - extent;
    if (room < 0) return call.Invalid("the window does not fit into the padded input");
    w.output[d] = room / w.stride[d] + 1;
  }
  return w;
}

}  // namespace octavo::engine::literal
