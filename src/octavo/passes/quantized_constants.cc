#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "octavo/arithmetic/pytorch/quantized_number.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

using ir::Node;
using ir::ValueId;

struct LevelRange {
  std::int64_t low, high;
};

std::optional<LevelRange> LevelsOf(DType dtype) {
  switch (dtype) {
    case DType::kQUint8:
      return LevelRange{0, 255};
    case DType::kQInt8:
      return LevelRange{-128, 127};
    case DType::kQInt32:
      return LevelRange{std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default:
      return std::nullopt;
  }
}

template <typename T>
std::vector<T> Narrowed(const std::vector<std::int64_t>& levels) {
  std::vector<T> narrow(levels.size());
  std::transform(levels.begin(), levels.end(), narrow.begin(),
                 [](std::int64_t v) { return static_cast<T>(v); });
  return narrow;
}

Tensor WithLevels(const TensorType& type, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& levels) {
  Tensor tensor =
      type.dtype == DType::kQUint8  ? Tensor::From(type.dtype, sizes, Narrowed<std::uint8_t>(levels))
      : type.dtype == DType::kQInt8 ? Tensor::From(type.dtype, sizes, Narrowed<std::int8_t>(levels))
                                    : Tensor::From(type.dtype, sizes, Narrowed<std::int32_t>(levels));
  tensor.quantization = type.quantization;
  return tensor;
}

using arithmetic::pytorch::NumberRounding;

std::optional<Tensor> Quantized(const Tensor& x, const TensorType& type, Engine engine) {
  const std::optional<LevelRange> range = LevelsOf(type.dtype);
  if (!range || !type.quantization || x.dtype != DType::kFloat32) return std::nullopt;
  const Quantization& q = *type.quantization;
  std::size_t inner = 1;
  const std::size_t channels = q.scales.size();
  if (q.axis) {
    const auto axis = static_cast<std::size_t>(*q.axis);
    if (axis >= x.sizes.size() || x.sizes[axis] != static_cast<std::int64_t>(channels)) return std::nullopt;
    for (std::size_t d = axis + 1; d < x.sizes.size(); ++d) inner *= static_cast<std::size_t>(x.sizes[d]);
  }
  if (channels == 0 || (q.float_zero_points ? q.float_zeros.size() : q.zero_points.size()) != channels) {
    return std::nullopt;
  }
  const NumberRounding rounding = engine == Engine::kQnnpack ? NumberRounding::kAfter
                                  : q.axis                   ? NumberRounding::kBefore
                                                             : NumberRounding::kFused;
  const std::vector<float> reals = x.ToFloats();
  std::vector<std::int64_t> levels(reals.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const std::size_t channel = i / inner % channels;
    const double scale = q.scales[channel];
    if (q.float_zero_points) {
      const auto zero = static_cast<float>(q.float_zeros[channel]);
      const auto level =
          arithmetic::pytorch::QuantizedByFloatZeroPoint(reals[i], scale, zero, range->low, range->high);
      if (!level) return std::nullopt;
      levels[i] = *level;
      continue;
    }
    const std::int64_t zero_point = q.zero_points[channel];
    if (rounding == NumberRounding::kAfter && arithmetic::pytorch::BeyondInt64(reals[i], scale, zero_point)) {
      return std::nullopt;
    }
    levels[i] =
        arithmetic::pytorch::QuantizedNumber(reals[i], scale, zero_point, range->low, range->high, rounding);
  }
  return WithLevels(type, x.sizes, levels);
}

const ValueId* FirstValue(const Node& node) {
  return node.arguments.empty() ? nullptr : std::get_if<ValueId>(&node.arguments[0].value);
}

std::optional<std::int64_t> IntArgument(const Node& node, std::size_t position) {
  if (position >= node.arguments.size()) return std::nullopt;
  const Dim* dim = std::get_if<Dim>(&node.arguments[position].value);
  return dim && dim->known() ? std::optional(dim->value()) : std::nullopt;
}

std::optional<std::vector<int>> SwappedAxes(int rank, std::int64_t a, std::int64_t b) {
  if (a < 0) a += rank;
  if (b < 0) b += rank;
  if (a < 0 || b < 0 || a >= rank || b >= rank) return std::nullopt;
  std::vector<int> order(static_cast<std::size_t>(rank));
  for (int i = 0; i < rank; ++i) order[static_cast<std::size_t>(i)] = i;
  std::swap(order[static_cast<std::size_t>(a)], order[static_cast<std::size_t>(b)]);
  return order;
}

// A quantized constant seen in another way, by the few operators that models prepare weights with.
std::optional<Tensor> Moved(const Node& node, const Tensor& x, const TensorType& type) {
  static constexpr std::array<std::string_view, 4> kSame = {"aten::alias", "aten::clone", "aten::contiguous",
                                                            "aten::detach"};
  if (std::find(kSame.begin(), kSame.end(), node.op) != kSame.end()) return x;
  std::optional<std::vector<int>> order;
  if (node.op == "aten::t" && x.rank() == 2) order = {1, 0};
  if (node.op == "aten::transpose") {
    const auto a = IntArgument(node, 1), b = IntArgument(node, 2);
    if (a && b) order = SwappedAxes(x.rank(), *a, *b);
  }
  if (order) return x.Permuted(*order);
  if ((node.op == "aten::reshape" || node.op == "aten::view") && x.quantization->per_tensor() && type.shape &&
      x.contiguous()) {
    if (auto sizes = KnownSizes(*type.shape)) return x.Reshaped(std::move(*sizes));
  }
  return std::nullopt;
}

}  // namespace

std::unordered_map<std::int32_t, Tensor> QuantizedConstants(const ir::Graph& graph, Engine engine) {
  std::unordered_map<std::int32_t, Tensor> made;
  for (const Node& node : graph.nodes()) {
    const ValueId* x = FirstValue(node);
    if (!x || !x->valid() || node.outputs.size() != 1) continue;
    const TensorType& type = graph.type(node.outputs[0]);
    if (!type.quantization) continue;
    std::optional<Tensor> result;
    if (node.op == "aten::quantize_per_tensor" || node.op == "aten::quantize_per_channel") {
      const std::optional<Tensor>& constant = graph.value(*x).constant;
      if (constant) result = Quantized(*constant, type, engine);
    } else if (const auto moved = made.find(x->index); moved != made.end()) {
      result = Moved(node, moved->second, type);
    }
    if (result) made.emplace(node.outputs[0].index, std::move(*result));
  }
  return made;
}

}  // namespace octavo::passes
