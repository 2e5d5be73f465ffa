#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "octavo/passes/lowered_node.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// One number per tensor, or per index of one dimension of the weight.
struct ChannelNumbers {
  std::vector<float> values;
  std::optional<std::int64_t> axis;
};

std::optional<ChannelNumbers> NumbersOf(const Graph& graph, const Node& node, int rank) {
  const auto id = ir::InputOf(node, 1);
  const Tensor* tensor = id ? ConstantOf(graph, *id) : nullptr;
  if (tensor == nullptr || tensor->dtype != DType::kFloat32 || tensor->rank() > rank) return std::nullopt;
  ChannelNumbers numbers{tensor->ToFloats(), std::nullopt};
  for (std::size_t d = 0; d < tensor->sizes.size(); ++d) {
    if (tensor->sizes[d] == 1) continue;
    if (numbers.axis) return std::nullopt;
    numbers.axis = static_cast<std::int64_t>(d) + rank - tensor->rank();
  }
  return numbers.values.empty() ? std::nullopt : std::optional(std::move(numbers));
}

// The zero points of the integers that `sub` subtracts from each channel.
std::optional<std::vector<std::int64_t>> ZeroPoints(const Graph& graph, const Node* sub, int rank,
                                                    DType storage, const ChannelNumbers& scales) {
  std::vector<std::int64_t> zero_points(scales.values.size(), 0);
  if (sub == nullptr) return zero_points;
  const std::optional<ChannelNumbers> numbers = NumbersOf(graph, *sub, rank);
  if (!numbers || (numbers->axis && numbers->axis != scales.axis)) return std::nullopt;
  if (numbers->values.size() != 1 && numbers->values.size() != zero_points.size()) return std::nullopt;
  const float low = storage == DType::kInt8 ? -128 : 0;
  for (std::size_t i = 0; i < zero_points.size(); ++i) {
    const float z = numbers->values[numbers->values.size() == 1 ? 0 : i];
    if (!(z >= low && z <= low + 255) || z != std::nearbyint(z)) return std::nullopt;
    zero_points[i] = static_cast<std::int64_t>(z);
  }
  return zero_points;
}

}  // namespace

int RestoreDequantizeLinear(Graph& graph) {
  constexpr std::int64_t kFloat = 1;  // TensorProto's number of float32
  int restored = 0;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& mul = graph.nodes()[i];
    if (mul.op != "Mul" || mul.outputs.size() != 1) continue;
    const Node* cast = MadeBy(graph, mul);
    const Node* sub = nullptr;
    if (cast != nullptr && cast->op == "Sub") {
      sub = cast;
      cast = MadeBy(graph, *sub);
    }
    if (cast == nullptr || cast->op != "Cast" || IntAttribute(*cast, "to") != kFloat) continue;
    const auto weight = ir::InputOf(*cast);
    const Tensor* integers = weight ? ConstantOf(graph, *weight) : nullptr;
    if (integers == nullptr) continue;
    const DType storage = StorageType(integers->dtype);
    if (storage != DType::kInt8 && storage != DType::kUint8) continue;
    const std::optional<ChannelNumbers> scales = NumbersOf(graph, mul, integers->rank());
    if (!scales || std::ranges::any_of(scales->values, [](float s) { return !(s > 0) || std::isinf(s); })) {
      continue;
    }
    const auto count = static_cast<std::int64_t>(scales->values.size());
    if (scales->axis && integers->sizes[static_cast<std::size_t>(*scales->axis)] != count) continue;
    const auto zero_points = ZeroPoints(graph, sub, integers->rank(), storage, *scales);
    if (!zero_points) continue;
    const std::vector<std::int64_t> sizes = scales->axis ? std::vector{count} : std::vector<std::int64_t>();
    std::vector<std::byte> bytes;
    for (const std::int64_t z : *zero_points) bytes.push_back(static_cast<std::byte>(z & 0xff));
    const ValueId scale = graph.AddConstant(Tensor::Floats(sizes, scales->values));
    const ValueId zero_point = graph.AddConstant(Tensor::FromBytes(storage, sizes, std::move(bytes)));
    std::vector<ir::Argument> arguments = {{{}, *weight}, {{}, scale}, {{}, zero_point}};
    if (scales->axis) arguments.push_back({"axis", Dim(*scales->axis)});
    graph.nodes()[i].op = "DequantizeLinear";
    graph.nodes()[i].arguments = std::move(arguments);
    ++restored;
  }
  if (restored > 0) RemoveDeadNodes(graph);
  return restored;
}

}  // namespace octavo::passes
