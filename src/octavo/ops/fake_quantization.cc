#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/float_layer.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

// aten::fake_quantize_*: from floats to floats, through the levels of a range.

namespace octavo {
namespace {

Result<Tensor> FakeParameter(const Arguments& a, const char* name) {
  const Value v = a.tensor(name);
  if (v.constant()) return *v.constant();
  return Unsupported(fmt::format("argument {} is computed at run time", name),
                     "Save the model after training, when scales and zero points are constants.");
}

// The 8-bit dtype that has this range, or contains it.
Result<DType> FakeDType(std::int64_t low, std::int64_t high) {
  if (low >= 0 && high <= 255 && low < high) return DType::kQUint8;
  if (low >= -128 && high <= 127 && low < high) return DType::kQInt8;
  return Unsupported(fmt::format(
      "fake quantization to the range {} to {} is not supported: no 8-bit dtype contains it", low, high));
}

// The reals that a level stands for, along the axis; one number where all channels have the same.
Tensor RealsOfLevel(const Quantization& q, std::int64_t level, int rank) {
  std::vector<float> reals;
  for (std::size_t c = 0; c < q.scales.size(); ++c) {
    const double scale = static_cast<double>(static_cast<float>(q.scales[c]));
    reals.push_back(static_cast<float>(static_cast<double>(level - q.zero_points[c]) * scale));
  }
  if (!q.axis) return Tensor::Floats({}, {reals[0]});
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(rank - *q.axis), 1);
  sizes[0] = static_cast<std::int64_t>(reals.size());
  return Tensor::Floats(sizes, reals);
}

// A range narrower than the dtype's is a clip of the reals that its ends stand for: they round to the ends.
Value ClipToLevels(Builder& g, Value x, const Quantization& q, std::int64_t low, std::int64_t high) {
  if (q.per_tensor()) {
    return Clip(g, x, RealsOfLevel(q, low, 0).ToFloats()[0], RealsOfLevel(q, high, 0).ToFloats()[0]);
  }
  // Clip takes one number for all channels.
  const Value most = g.Op("Min", {x, g.Constant(RealsOfLevel(q, high, *x.rank()))});
  return g.Op("Max", {most, g.Constant(RealsOfLevel(q, low, *x.rank()))});
}

struct FakeRange {
  std::int64_t low, high;
};

Result<FakeRange> RangeOfFake(const Arguments& a) {
  if (!a.dim("quant_min").known() || !a.dim("quant_max").known()) {
    return NeedsInput("arguments quant_min and quant_max depend on an open size");
  }
  return FakeRange{a.integer("quant_min"), a.integer("quant_max")};
}

Result<std::vector<Value>> FakeQuantize(Builder& g, const Arguments& a, const Quantization& q) {
  const auto [low, high] = OCTAVO_TRY(RangeOfFake(a));
  const DType dtype = OCTAVO_TRY(FakeDType(low, high));
  for (std::size_t i = 0; i < q.scales.size(); ++i) {
    OCTAVO_TRY(CheckedQuantization(q.scales[i], q.zero_points[i], dtype));
  }
  const TensorType type{.dtype = dtype, .shape = a.tensor("self").shape(), .quantization = q};
  Value real = a.tensor("self");
  const auto [lowest, highest] = RangeOf(dtype);
  if (low != lowest || high != highest) real = ClipToLevels(g, real, q, low, high);
  if (g.dialect() == Dialect::kCaffe2) {
    return One(Caffe2Dequantize(g, OCTAVO_TRY(Caffe2Quantize(g, real, type))));
  }
  if (g.exact_for(Target::kOnnxRuntime) && IsOfFloatLayer(g.graph(), real.id(), true)) {
    real = KeptApart(g, real);
  }
  return One(Dequantize(g, Quantize(g, real, type)));
}

Result<std::vector<Value>> FakePerTensor(Builder& g, const Arguments& a) {
  if (!a.dim("zero_point").known()) return NeedsInput("the zero point depends on an open size");
  return FakeQuantize(g, a, Quantization::PerTensor(a.number("scale"), a.integer("zero_point")));
}

// `learned`: the zero point is rounded and kept within the range.
Result<std::vector<Value>> FakeOfTensors(Builder& g, const Arguments& a, std::optional<int> axis,
                                         bool learned = false) {
  const Tensor scale = OCTAVO_TRY(FakeParameter(a, "scale"));
  const Tensor zero_point = OCTAVO_TRY(FakeParameter(a, "zero_point"));
  const auto [low, high] = OCTAVO_TRY(RangeOfFake(a));
  Quantization q{.scales = scale.ToDoubles(), .axis = axis};
  for (double z : zero_point.ToDoubles()) {
    if (learned) z = std::clamp(std::nearbyint(z), static_cast<double>(low), static_cast<double>(high));
    if (z != std::nearbyint(z) || std::abs(z) > 0x1p31) {
      return Unsupported(fmt::format("the zero point {} is not an integer", z));
    }
    q.zero_points.push_back(static_cast<std::int64_t>(z));
  }
  if (q.scales.empty() || q.scales.size() != q.zero_points.size() || (!axis && q.scales.size() != 1)) {
    return Unsupported(
        fmt::format("there are {} scales and {} zero points", q.scales.size(), q.zero_points.size()));
  }
  return FakeQuantize(g, a, q);
}

Result<std::vector<Value>> FakePerTensorOfTensors(Builder& g, const Arguments& a) {
  return FakeOfTensors(g, a, std::nullopt);
}

Result<std::vector<Value>> FakePerTensorLearned(Builder& g, const Arguments& a) {
  return FakeOfTensors(g, a, std::nullopt, true);
}

Result<int> FakeAxis(const Arguments& a) {
  if (!a.tensor("self").rank()) {
    return NeedsInput("per-channel quantization needs a tensor of known rank",
                      "Give the inputs' shapes with --input, as in --input 'float32[1,3,224,224]'.");
  }
  if (!a.dim("axis").known()) return NeedsInput("argument axis depends on an open size");
  return NormalizedAxis(a.integer("axis"), *a.tensor("self").rank(), "axis");
}

Result<std::vector<Value>> FakePerChannel(Builder& g, const Arguments& a) {
  return FakeOfTensors(g, a, OCTAVO_TRY(FakeAxis(a)));
}

Result<std::vector<Value>> FakePerChannelLearned(Builder& g, const Arguments& a) {
  return FakeOfTensors(g, a, OCTAVO_TRY(FakeAxis(a)), true);
}

// A module whose fake quantization is switched off gives its input back.
Result<std::vector<Value>> FakeIfEnabled(Builder& g, const Arguments& a) {
  const Tensor enabled = OCTAVO_TRY(FakeParameter(a, "fake_quant_enabled"));
  if (enabled.num_elements() != 1) return Unsupported("argument fake_quant_enabled must have one element");
  if (enabled.ToInts()[0] == 0) return One(g.Op("Identity", {a.tensor("self")}));
  return FakePerTensorOfTensors(g, a);
}

// (output, mask): the mask is left out.
Emitter WithoutMask(Emitter emitter) {
  return [emitter = std::move(emitter)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    std::vector<Value> results = OCTAVO_TRY(emitter(g, a));
    results.resize(2);
    return results;
  };
}

// What PyTorch asks of scales and zero points.
enum class FakeParameters { kNumbers, kTensors, kPerChannel };
struct FakeForm {
  FakeParameters parameters;
  bool learned = false;
};

Status CheckFakeRange(const Arguments& a, const FakeForm& form) {
  const std::optional<std::int64_t> low = a.dim("quant_min").maybe(), high = a.dim("quant_max").maybe();
  if (!low || !high) return {};
  if (*low > *high) {
    return Unsupported(fmt::format("quant_min {} is above quant_max {}", *low, *high));
  }
  if (form.parameters == FakeParameters::kTensors || form.learned) return {};
  std::vector<std::int64_t> zero_points;
  if (form.parameters == FakeParameters::kNumbers) {
    if (const auto zero_point = a.dim("zero_point").maybe()) zero_points = {*zero_point};
  } else if (const Tensor* constant = a.tensor("zero_point").constant();
             constant && IsInteger(constant->dtype)) {
    zero_points = constant->ToInts();
  }
  for (const std::int64_t z : zero_points) {
    if (z < *low || z > *high) {
      return Unsupported(fmt::format("the zero point {} does not lie between quant_min {} and quant_max {}",
                                     z, *low, *high));
    }
  }
  return {};
}

Status CheckFakeChannels(const Arguments& a) {
  OCTAVO_TRY(CheckRank(a, "scale", 1));
  OCTAVO_TRY(CheckRank(a, "zero_point", 1));
  const std::optional<Shape>& shape = a.tensor("self").shape();
  const std::optional<std::int64_t> axis = a.dim("axis").maybe();
  if (!axis) return {};
  if (*axis < 0 || (shape && *axis >= static_cast<std::int64_t>(shape->size()))) {  // a scalar has none
    return Unsupported(fmt::format("argument axis is {}, but argument self is {}", *axis,
                                   a.tensor("self").type().ToString()));
  }
  if (!shape) return {};
  const Dim& channels = (*shape)[static_cast<std::size_t>(*axis)];
  OCTAVO_TRY(CheckVector(a, "scale", channels, "channels"));
  return CheckVector(a, "zero_point", channels, "channels");
}

Status CheckFake(const Arguments& a, const FakeForm& form) {
  for (const char* argument : {"scale", "zero_point"}) {
    if (form.parameters == FakeParameters::kNumbers || !a.tensor(argument).quantized()) continue;
    return Unsupported(fmt::format("argument {} is quantized", argument));
  }
  OCTAVO_TRY(CheckFakeRange(a, form));
  if (form.parameters == FakeParameters::kPerChannel) return CheckFakeChannels(a);
  if (form.parameters == FakeParameters::kNumbers) return {};
  if (form.learned) {  // PyTorch reads the first elements
    OCTAVO_TRY(CheckRank(a, "scale", 1));
    OCTAVO_TRY(CheckRank(a, "zero_point", 1));
  }
  const bool switched = std::ranges::any_of(
      a.specs(), [](const ArgumentSpec& spec) { return spec.name == "fake_quant_enabled"; });
  if (switched) OCTAVO_TRY(CheckElements(a, "fake_quant_enabled", 1, "switches"));
  OCTAVO_TRY(CheckElements(a, "scale", 1, "tensors"));
  return CheckElements(a, "zero_point", 1, "tensors");
}

TypeRule FakeType(FakeForm form) {
  return FloatOnly("self", [form](const Arguments& a) -> Result<std::vector<TensorType>> {
    OCTAVO_TRY(CheckFake(a, form));
    return std::vector<TensorType>{a.tensor("self").type()};
  });
}

Result<std::vector<TensorType>> OutputAndMask(const Arguments& a) {
  const TensorType type = a.tensor("self").type();
  return std::vector<TensorType>{type,
                                 TensorType{.dtype = DType::kBool, .shape = type.shape, .quantization = {}}};
}

}  // namespace

void RegisterFakeQuantization(Registry& registry) {
  const ArgumentSpec self = arg::Tensor("self"), low = arg::Int("quant_min"), high = arg::Int("quant_max"),
                     scales = arg::Tensor("scale"), zero_points = arg::Tensor("zero_point"),
                     axis = arg::Int("axis"), grad_factor = arg::Ignored("grad_factor");
  const auto add = [&registry](std::string name, std::vector<ArgumentSpec> arguments, FakeForm form,
                               const Emitter& emitter) {
    registry.Add({.name = std::move(name),
                  .arguments = std::move(arguments),
                  .result = FakeType(form),
                  .qdq = emitter,
                  .caffe2 = emitter});
  };
  const auto add_with_mask = [&registry](std::string name, std::vector<ArgumentSpec> arguments, FakeForm form,
                                         const Emitter& emitter) {
    registry.Add({.name = std::move(name),
                  .arguments = std::move(arguments),
                  .result = FloatOnly("self",
                                      [form](const Arguments& a) -> Result<std::vector<TensorType>> {
                                        OCTAVO_TRY(CheckFake(a, form));
                                        return OutputAndMask(a);
                                      }),
                  .qdq = WithoutMask(emitter),
                  .caffe2 = WithoutMask(emitter),
                  .returns = Returns::kTuple});
  };
  const std::vector<ArgumentSpec> numbers = {self, arg::Float("scale"), arg::Int("zero_point"), low, high};
  const std::vector<ArgumentSpec> channels = {self, scales, zero_points, axis, low, high};
  using enum FakeParameters;
  add("aten::fake_quantize_per_tensor_affine", numbers, {kNumbers}, FakePerTensor);
  add("aten::fake_quantize_per_tensor_affine.tensor_qparams", {self, scales, zero_points, low, high},
      {kTensors}, FakePerTensorOfTensors);
  add("aten::fake_quantize_per_channel_affine", channels, {kPerChannel}, FakePerChannel);
  add("aten::_fake_quantize_learnable_per_tensor_affine", {self, scales, zero_points, low, high, grad_factor},
      {kTensors, true}, FakePerTensorLearned);
  add("aten::_fake_quantize_learnable_per_channel_affine",
      {self, scales, zero_points, axis, low, high, grad_factor}, {kPerChannel, true}, FakePerChannelLearned);
  add_with_mask("aten::fake_quantize_per_tensor_affine_cachemask", numbers, {kNumbers}, FakePerTensor);
  add_with_mask("aten::fake_quantize_per_channel_affine_cachemask", channels, {kPerChannel}, FakePerChannel);
  add_with_mask("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
                {self, scales, zero_points, arg::Tensor("fake_quant_enabled"), low, high}, {kTensors},
                FakeIfEnabled);
}

}  // namespace octavo
