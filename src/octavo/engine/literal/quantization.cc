#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// Which scale an element of a tensor has: one for all, one for each index of an axis, or one for each block
// of `block` indices of an axis.
struct Grain {
  std::int64_t inner = 1;  // elements behind the axis
  std::int64_t size = 1;   // of the axis
  std::int64_t block = 0;  // 0: one scale an index
  std::int64_t scales = 1;

  std::size_t Of(std::int64_t element) const {
    if (scales == 1 && block == 0) return 0;
    const std::int64_t index = element / inner % size;
    if (block == 0) return static_cast<std::size_t>(index);
    const std::int64_t blocks = (size + block - 1) / block;
    return static_cast<std::size_t>((element / (inner * size) * blocks + index / block) * inner +
                                    element % inner);
  }
};

Result<Grain> GrainOf(Call& call, std::int64_t default_axis) {
  const Sizes sizes = OCTAVO_TRY(call.sizes(0));
  const Sizes scales = OCTAVO_TRY(call.sizes(1));
  const std::int64_t block = OCTAVO_TRY(call.Int("block_size", 0));
  OCTAVO_TRY(call.Int("axis", default_axis));
  OCTAVO_TRY(call.Int("saturate", 1));  // what saturates is 8-bit floats
  Grain grain;
  grain.scales = Product(scales);
  const auto single = [](const Sizes& shape) { return Product(shape) == 1 && shape.size() <= 1; };
  if (call.has(2)) {
    const Sizes zero_points = OCTAVO_TRY(call.sizes(2));
    // ONNX Runtime's quantizer writes a bias's scale as [1] and its zero point as [].
    if (zero_points != scales && !(single(scales) && single(zero_points))) {
      return call.Invalid("scale and zero point must have the same shape");
    }
  }
  if (block == 0 && single(scales)) {
    // One element along an axis of another size is still one scale for all.
    return grain;
  }
  const int axis =
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", default_axis)), static_cast<int>(sizes.size())));
  const auto a = static_cast<std::size_t>(axis);
  grain.size = sizes[a];
  grain.inner = Product(sizes, a + 1, sizes.size());
  grain.block = block;
  constexpr std::int64_t kMostInBlock = std::int64_t{1} << 40;
  if (block < 0 || block > kMostInBlock)
    return call.Invalid(fmt::format("attribute block_size cannot be {}", block));
  if (block == 0) {
    if (scales.size() != 1 || scales[0] != grain.size) {
      return call.Invalid(
          fmt::format("there are {} scales, but axis {} has size {}", grain.scales, axis, grain.size));
    }
    return grain;
  }
  Sizes wanted = sizes;
  wanted[a] = (sizes[a] + block - 1) / block;
  if (scales != wanted) return call.Invalid("the shape of the scale does not match block_size");
  return grain;
}

// round_half_even(x / scale) + zero point, cut to the type's range.  The division of float32 is float32's.
Result<Prepared> QuantizeLinear(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 3));
  const ValueType type = OCTAVO_TRY(call.type(0));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kInt32}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kInt32}));
  DType to = DType::kUint8;
  if (const std::int64_t given = OCTAVO_TRY(call.Int("output_dtype", 0)); given != 0) {
    constexpr std::int64_t kUint8 = 2, kInt8 = 3, kUint16 = 4, kInt16 = 5;  // TensorProto's numbers
    if (given != kUint8 && given != kInt8 && given != kUint16 && given != kInt16)
      return call.NotSupported(fmt::format("output_dtype {} is not supported", OnnxTypeName(given)));
    to = given == kUint8    ? DType::kUint8
         : given == kInt8   ? DType::kInt8
         : given == kUint16 ? DType::kUint16
                            : DType::kInt16;
  }
  if (call.has(2)) {
    OCTAVO_TRY(CheckDType(call, 2,
                          {DType::kUint8, DType::kInt8, DType::kUint16, DType::kInt16, DType::kInt32,
                           DType::kInt4, DType::kUint4}));
    to = OCTAVO_TRY(call.dtype(2));
  }
  const Grain grain = OCTAVO_TRY(GrainOf(call, 1));
  return One(to, *type.sizes, [to, grain](const Operands& in) -> Result<Tensor> {
    const std::vector<double> x = Reals(*in[0]), scale = Reals(*in[1]);
    const std::vector<double> zero =
        in.size() > 2 && in[2] ? Reals(*in[2]) : std::vector<double>(scale.size());
    const bool single = in[0]->dtype == DType::kFloat32 && in[1]->dtype == DType::kFloat32;
    std::vector<std::int64_t> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t g = grain.Of(static_cast<std::int64_t>(i));
      const double steps =
          single ? double{static_cast<float>(x[i]) / static_cast<float>(scale[g])} : x[i] / scale[g];
      // As ONNX Runtime does: the specification says nothing.
      y[i] = std::isnan(steps) ? RangeOf(to).first : SaturatedInteger(std::nearbyint(steps) + zero[g], to);
    }
    return FromIntegers(to, in[0]->sizes, y);
  });
}

Result<Prepared> DequantizeLinear(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 3));
  const ValueType type = OCTAVO_TRY(call.type(0));
  OCTAVO_TRY(CheckDType(call, 0,
                        {DType::kUint8, DType::kInt8, DType::kUint16, DType::kInt16, DType::kInt32,
                         DType::kInt4, DType::kUint4}));
  OCTAVO_TRY(CheckFloat(call, 1));
  if (call.has(2) && OCTAVO_TRY(call.dtype(2)) != type.dtype)
    return call.Invalid("the zero point must have the dtype of the input");
  const Grain grain = OCTAVO_TRY(GrainOf(call, 1));
  const DType to = OCTAVO_TRY(call.dtype(1));
  return One(to, *type.sizes, [to, grain](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    const std::vector<double> scale = Reals(*in[1]);
    const std::vector<double> zero =
        in.size() > 2 && in[2] ? Reals(*in[2]) : std::vector<double>(scale.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t g = grain.Of(static_cast<std::int64_t>(i));
      x[i] = (x[i] - zero[g]) * scale[g];
    }
    return FromReals(to, in[0]->sizes, x);
  });
}

// The range of x with 0 in it becomes 0 to 255; all in float32, as the specification's formulas are.
Result<Prepared> DynamicQuantizeLinear(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32}));
  const Sizes sizes = OCTAVO_TRY(call.sizes(0));
  Prepared prepared;
  prepared.outputs = {{.dtype = DType::kUint8, .sizes = sizes},
                      {.dtype = DType::kFloat32, .sizes = Sizes()},
                      {.dtype = DType::kUint8, .sizes = Sizes()}};
  if (call.num_outputs() != prepared.outputs.size()) return call.Invalid("the node must have three outputs");
  prepared.compute = [](const Operands& in) -> Result<std::vector<Tensor>> {
    const float* x = Data<float>(*in[0]);
    const auto count = static_cast<std::size_t>(in[0]->num_elements());
    float low = 0, high = 0;
    for (std::size_t i = 0; i < count; ++i) {
      low = std::min(low, x[i]);
      high = std::max(high, x[i]);
    }
    const float scale = high == low ? 1.0F : (high - low) / 255.0F;
    const float zero = scale == 0 ? 0 : std::nearbyint(std::clamp(-low / scale, 0.0F, 255.0F));
    std::vector<std::int64_t> y(count);
    for (std::size_t i = 0; i < count; ++i) {
      const float steps = scale == 0 ? 0 : std::nearbyint(x[i] / scale);
      y[i] = SaturatedInteger(double{steps} + double{zero}, DType::kUint8);
    }
    std::vector<Tensor> results;
    results.push_back(FromIntegers(DType::kUint8, in[0]->sizes, y));
    results.push_back(Tensor::Scalar(scale));
    results.push_back(FromIntegers(DType::kUint8, {}, {SaturatedInteger(double{zero}, DType::kUint8)}));
    return results;
  };
  return prepared;
}

}  // namespace

void AddQuantization(Registry& registry) {
  registry.Add("QuantizeLinear", QuantizeLinear);
  registry.Add("DequantizeLinear", DequantizeLinear);
  registry.Add("com.microsoft::QuantizeLinear", QuantizeLinear);
  registry.Add("com.microsoft::DequantizeLinear", DequantizeLinear);
  registry.Add("DynamicQuantizeLinear", DynamicQuantizeLinear);
}

}  // namespace octavo::engine::literal
