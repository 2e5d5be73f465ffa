#include "octavo/targets/onnxruntime/saturation.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "octavo/ir/inputs.h"
#include "octavo/targets/onnxruntime/accumulate.h"

namespace octavo::targets::onnxruntime {
namespace {

constexpr int kNeverSaturates = 64;  // two weights of this size with activations of 255 fit into int16

// The elements of a constant of int8, by their place in memory.
struct Levels {
  const std::int8_t* first = nullptr;
  std::span<const std::int64_t> sizes, strides;

  static std::optional<Levels> Of(const Tensor& tensor) {
    if (StorageType(tensor.dtype) != DType::kInt8 || !tensor.storage || tensor.flip_sign_bit)
      return std::nullopt;
    if (tensor.num_elements() == 0) return std::nullopt;
    const auto* bytes = reinterpret_cast<const std::int8_t*>(tensor.storage->bytes.data());
    return Levels{bytes + tensor.offset, tensor.sizes, tensor.strides};
  }
};

// Whether all elements lie in [-64, 64]; only asked of tensors without gaps, in any order.
bool AllSmall(const Levels& levels, std::int64_t count) {
  constexpr std::int64_t kPiece = 4096;
  for (std::int64_t start = 0; start < count; start += kPiece) {
    int largest = 0;
    for (std::int64_t i = start; i < std::min(count, start + kPiece); ++i) {
      largest = std::max(largest, std::abs(int{levels.first[i]}));
    }
    if (largest > kNeverSaturates) return false;
  }
  return true;
}

// Whether the elements fill one block of memory.
bool WithoutGaps(const Levels& levels) {
  std::vector<std::pair<std::int64_t, std::int64_t>> axes;  // stride, size
  for (std::size_t i = 0; i < levels.sizes.size(); ++i) {
    if (levels.sizes[i] > 1) axes.emplace_back(levels.strides[i], levels.sizes[i]);
  }
  std::sort(axes.begin(), axes.end());
  std::int64_t expected = 1;
  for (const auto& [stride, size] : axes) {
    if (stride != expected) return false;
    expected *= size;
  }
  return true;
}

// Where the elements of all axes but two lie, in order.
std::vector<std::int64_t> OtherOffsets(const Levels& levels, int a, int b) {
  std::vector<std::int64_t> offsets = {0};
  for (int axis = 0; axis < static_cast<int>(levels.sizes.size()); ++axis) {
    if (axis == a || axis == b) continue;
    const auto i = static_cast<std::size_t>(axis);
    std::vector<std::int64_t> more;
    for (const std::int64_t offset : offsets) {
      for (std::int64_t k = 0; k < levels.sizes[i]; ++k) more.push_back(offset + k * levels.strides[i]);
    }
    offsets = std::move(more);
  }
  return offsets;
}

}  // namespace

bool WeightsCanSaturate(const Tensor& weight, int channel_axis, int input_axis) {
  const std::optional<Levels> levels = Levels::Of(weight);
  if (!levels) return false;
  if (WithoutGaps(*levels) && AllSmall(*levels, weight.num_elements())) return false;
  const auto channel = static_cast<std::size_t>(channel_axis), input = static_cast<std::size_t>(input_axis);
  const std::int64_t inputs = levels->sizes[input], step = levels->strides[input];
  const std::vector<std::int64_t> positions = OtherOffsets(*levels, channel_axis, input_axis);
  for (std::int64_t c = 0; c < levels->sizes[channel]; ++c) {
    const std::int8_t* row = levels->first + c * levels->strides[channel];
    // With an odd number of inputs the pairs of one position depend on how many came before; the kernels also
    // differ in where they fill up.  So each two neighbours count.
    const std::int64_t stride = inputs % 2 == 0 ? 2 : 1;
    std::optional<std::int8_t> last;
    for (const std::int64_t position : positions) {
      const std::int8_t* p = row + position;
      if (stride == 1 && last && PairCanSaturate(*last, *p)) return true;
      for (std::int64_t i = 0; i + 1 < inputs; i += stride) {
        if (PairCanSaturate(p[i * step], p[(i + 1) * step])) return true;
      }
      last = p[(inputs - 1) * step];
    }
  }
  return false;
}

namespace {

const ir::Node* ProducerOf(const ir::Graph& graph, const ir::Node& node, std::size_t input) {
  const std::optional<ir::ValueId> id = InputOf(node, input);
  const ir::NodeId producer = id ? graph.value(*id).producer : ir::kNoNode;
  return producer == ir::kNoNode ? nullptr : &graph.node(producer);
}

// The integers that a DequantizeLinear reads.
const ir::Value* IntegersBehind(const ir::Graph& graph, const ir::Node* node) {
  if (node == nullptr || node->op != "DequantizeLinear" || node->arguments.empty()) return nullptr;
  const auto* id = std::get_if<ir::ValueId>(&node->arguments[0].value);
  return id != nullptr && id->valid() ? &graph.value(*id) : nullptr;
}

std::int64_t IntegerAttribute(const ir::Node& node, std::string_view name, std::int64_t otherwise) {
  const ir::Operand* operand = node.Find(name);
  const auto* dim = operand != nullptr ? std::get_if<Dim>(operand) : nullptr;
  return dim != nullptr && dim->known() ? dim->value() : otherwise;
}

// The layer's weight, if its sums can saturate.
const Tensor* WeightThatCanSaturate(const ir::Graph& graph, const ir::Node& node) {
  const bool conv = node.op == "Conv", gemm = node.op == "Gemm";
  if (!conv && !gemm && node.op != "MatMul") return nullptr;
  const ir::Value* x = IntegersBehind(graph, ProducerOf(graph, node, 0));
  const ir::Value* w = IntegersBehind(graph, ProducerOf(graph, node, 1));
  if (x == nullptr || w == nullptr || !w->constant || w->constant->rank() < 2) return nullptr;
  const Tensor& weight = *w->constant;
  const auto if_it_can = [&weight](int channel_axis, int input_axis) {
    return WeightsCanSaturate(weight, channel_axis, input_axis) ? &weight : nullptr;
  };
  if (conv) {
    const std::int64_t groups = IntegerAttribute(node, "group", 1);
    const bool depthwise = groups > 1 && weight.sizes[1] == 1 && weight.sizes[0] == groups;
    return depthwise ? nullptr : if_it_can(0, 1);
  }
  const int rank = weight.rank();
  if (gemm && IntegerAttribute(node, "transB", 0) != 0) return if_it_can(0, 1);
  return if_it_can(rank - 1, rank - 2);
}

}  // namespace

std::size_t LayersThatCanSaturate(const ir::Graph& graph) {
  // A layer that is called several times has one weight, whose copies share their bytes.
  std::set<std::pair<const std::byte*, std::int64_t>> weights;
  for (const ir::Node& node : graph.nodes()) {
    const Tensor* weight = WeightThatCanSaturate(graph, node);
    if (weight != nullptr) weights.emplace(weight->storage->bytes.data(), weight->offset);
  }
  return weights.size();
}

}  // namespace octavo::targets::onnxruntime
