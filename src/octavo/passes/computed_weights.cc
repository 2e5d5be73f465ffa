#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "octavo/passes/lowered_node.h"
#include "octavo/passes/passes.h"
#include "octavo/passes/replacements.h"

namespace octavo::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

constexpr std::int64_t kOnnxFloat = 1;  // TensorProto's number of float32
constexpr std::size_t kWeight = 1;      // the input of a MatMul or Gemm

// Operators on the way from a DequantizeLinear to a matrix product that ONNX Runtime removes, or moves before
// the DequantizeLinear.
bool IsOnTheWay(std::string_view op) {
  static constexpr std::array kOps = {std::string_view("Transpose"), std::string_view("Reshape"),
                                      std::string_view("Squeeze"),   std::string_view("Unsqueeze"),
                                      std::string_view("Flatten"),   std::string_view("Slice"),
                                      std::string_view("Identity")};
  return std::ranges::find(kOps, op) != kOps.end();
}

// A DequantizeLinear of an 8-bit constant with constant float32 scales.
struct Weight {
  ValueId integers;
  const Tensor* scale;
  const Tensor* zero_point;  // null: 0
  std::int64_t axis;         // of one scale per channel
  bool per_channel;
};

std::optional<Weight> WeightOf(const Graph& graph, const Node& node) {
  if (node.op != "DequantizeLinear" || node.outputs.size() != 1) return std::nullopt;
  const auto constant = [&](std::size_t i) -> const Tensor* {
    const auto id = ir::InputOf(node, i);
    return id ? ConstantOf(graph, *id) : nullptr;
  };
  const Tensor *integers = constant(0), *scale = constant(1), *zero_point = constant(2);
  if (integers == nullptr || scale == nullptr || scale->dtype != DType::kFloat32) return std::nullopt;
  if (ir::InputOf(node, 2) && zero_point == nullptr) return std::nullopt;
  const DType storage = StorageType(integers->dtype);
  if (storage != DType::kInt8 && storage != DType::kUint8) return std::nullopt;
  if (IntAttribute(node, "block_size").value_or(0) != 0 || scale->rank() > 1) return std::nullopt;
  Weight weight{*ir::InputOf(node), scale, zero_point, 0, scale->num_elements() > 1};
  if (weight.per_channel) {
    weight.axis = IntAttribute(node, "axis").value_or(1);
    if (weight.axis < 0) weight.axis += integers->rank();
    if (weight.axis < 0 || weight.axis >= integers->rank()) return std::nullopt;
    if (integers->sizes[static_cast<std::size_t>(weight.axis)] != scale->num_elements()) return std::nullopt;
  }
  if (zero_point != nullptr && zero_point->num_elements() != scale->num_elements()) return std::nullopt;
  return weight;
}

// The sizes with which one number per channel broadcasts over the weight.
std::vector<std::int64_t> ChannelSizes(const Weight& weight, int rank) {
  if (!weight.per_channel) return {};
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(rank - weight.axis), 1);
  sizes[0] = weight.scale->num_elements();
  return sizes;
}

// Writes DequantizeLinear nodes of weights as other nodes, or as float constants.
class Writer {
 public:
  Writer(Graph& graph, const std::vector<bool>& products, bool as_constants)
      : graph_(graph), products_(products), as_constants_(as_constants), first_new_(graph.nodes().size()) {
    for (const Node& node : graph.nodes()) names_.insert(node.name);
    readers_.resize(graph.num_values());
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const NodeId id = static_cast<NodeId>(i);
      const std::vector<ValueId> inputs = ir::InputsOf(graph.nodes()[i]);
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (inputs[k].valid()) readers_[Index(inputs[k])].push_back({id, k});
      }
    }
    for (const ir::Output& output : graph.outputs()) outputs_.insert(output.value.index);
  }

  int Run() {
    int written = 0;
    std::vector<NodeId> sources;
    std::unordered_map<NodeId, bool> only_for_products;
    for (std::size_t i = 0; i < first_new_; ++i) {
      if (!products_[i]) continue;
      const auto weight = ir::InputOf(graph_.nodes()[i], kWeight);
      const NodeId source = weight ? Source(*weight) : ir::kNoNode;
      if (source == ir::kNoNode) continue;
      ++written;
      const auto [known, added] = only_for_products.try_emplace(source, false);
      if (added) known->second = OnlyForProducts(graph_.node(source).outputs[0], 0);
      if (known->second) {
        if (added) sources.push_back(source);
        continue;
      }
      // Others need the DequantizeLinear: this product gets a weight of its own.
      const ValueId own = CopyOf(*weight);
      graph_.node(static_cast<NodeId>(i)).arguments[kWeight].value = own;
    }
    Replacements replacements(graph_);
    for (const NodeId source : sources) Replace(source, replacements);
    replacements.Apply();
    if (written > 0) PutInOrder();
    return written;
  }

 private:
  static constexpr int kMostSteps = 16;
  struct Reader {
    NodeId node;
    std::size_t input;
  };
  static std::size_t Index(ValueId id) { return static_cast<std::size_t>(id.index); }

  // The DequantizeLinear that the value comes from.
  NodeId Source(ValueId value) const {
    for (int steps = 0; steps < kMostSteps; ++steps) {
      const NodeId producer = graph_.value(value).producer;
      if (producer == ir::kNoNode) return ir::kNoNode;
      const Node& node = graph_.node(producer);
      if (WeightOf(graph_, node)) return producer;
      if (!IsOnTheWay(node.op) || node.outputs.size() != 1 || !ir::InputOf(node)) return ir::kNoNode;
      value = *ir::InputOf(node);
    }
    return ir::kNoNode;
  }

  // Whether all that read the value are products that are to be written so.
  bool OnlyForProducts(ValueId value, int steps) const {
    if (outputs_.contains(value.index) || steps > kMostSteps) return false;
    return std::ranges::all_of(readers_[Index(value)], [&](const Reader& reader) {
      const Node& node = graph_.node(reader.node);
      if (products_[static_cast<std::size_t>(reader.node)]) return reader.input == kWeight;
      return IsOnTheWay(node.op) && reader.input == 0 && node.outputs.size() == 1 &&
             OnlyForProducts(node.outputs[0], steps + 1);
    });
  }

  std::string NewName(const Node& like, std::string_view op) {
    const std::size_t slash = like.name.rfind('/');
    const std::string base =
        (slash == std::string::npos ? "" : like.name.substr(0, slash + 1)) + std::string(op);
    std::string name = base;
    for (int count = 1; !names_.insert(name).second; ++count) name = fmt::format("{}_{}", base, count);
    return name;
  }

  ValueId Add(const Node& like, std::string op, std::vector<ir::Argument> arguments, const TensorType& type) {
    std::string name = NewName(like, op);
    const NodeId id = graph_.AddNode(std::move(op), std::move(arguments), {type}, like.origin);
    graph_.node(id).name = std::move(name);
    new_before_[place_].push_back(id);
    return graph_.node(id).outputs[0];
  }

  // (integers - zero point) * scale as nodes of constants, which a runtime computes once.
  ValueId AddNodes(const Node& like, const Weight& weight) {
    const TensorType integers = graph_.type(weight.integers);
    const std::string name = graph_.value(weight.integers).name;
    const std::vector<std::int64_t> sizes = ChannelSizes(weight, integers.rank().value_or(0));
    const TensorType real{.dtype = DType::kFloat32, .shape = integers.shape, .quantization = std::nullopt};
    const Tensor scale = Tensor::Floats(sizes, weight.scale->ToFloats());
    std::vector<float> zero_points;
    if (weight.zero_point != nullptr) {
      for (const std::int64_t z : weight.zero_point->ToInts()) zero_points.push_back(static_cast<float>(z));
    }
    const auto named = [&name](std::string_view what) {
      return name.empty() ? std::string() : fmt::format("{}_{}", name, what);
    };
    ValueId value = Add(like, "Cast", {{{}, weight.integers}, {"to", Dim(kOnnxFloat)}}, real);
    if (std::ranges::any_of(zero_points, [](float z) { return z != 0; })) {
      const ValueId zero = graph_.AddConstant(Tensor::Floats(sizes, zero_points), named("zero_point"));
      value = Add(like, "Sub", {{{}, value}, {{}, zero}}, real);
    }
    const ValueId factor = graph_.AddConstant(scale, named("scale"));
    return Add(like, "Mul", {{{}, value}, {{}, factor}}, real);
  }

  Tensor Reals(const Weight& weight) const {
    const Tensor& integers = *ConstantOf(graph_, weight.integers);
    const std::vector<float> scales = weight.scale->ToFloats();
    std::vector<std::int64_t> zero_points(scales.size(), 0);
    if (weight.zero_point != nullptr) zero_points = weight.zero_point->ToInts();
    std::int64_t inner = 1;
    for (int d = integers.rank() - 1; weight.per_channel && d > weight.axis; --d) {
      inner *= integers.sizes[static_cast<std::size_t>(d)];
    }
    std::vector<float> reals;
    const std::vector<std::int64_t> values = integers.ToInts();
    reals.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t channel =
          weight.per_channel ? (i / static_cast<std::size_t>(inner)) % scales.size() : std::size_t{0};
      reals.push_back(static_cast<float>(values[i] - zero_points[channel]) * scales[channel]);
    }
    return Tensor::Floats(integers.sizes, reals);
  }

  // The reals of the DequantizeLinear: a new value.
  ValueId RealsOf(NodeId source) {
    const Node like = graph_.node(source);
    const Weight weight = *WeightOf(graph_, like);
    if (as_constants_) return graph_.AddConstant(Reals(weight), graph_.value(weight.integers).name);
    place_ = source;
    return AddNodes(like, weight);
  }

  void Replace(NodeId source, Replacements& replacements) {
    const ValueId old = graph_.node(source).outputs[0];
    const ValueId reals = RealsOf(source);
    if (as_constants_) {
      replacements.Add(old, reals);
      return;
    }
    // The last new node makes the value that the DequantizeLinear made: what links to it stays right.
    graph_.node(graph_.value(reals).producer).outputs[0] = old;
    graph_.value(reals).producer = ir::kNoNode;
    removed_.insert(source);
  }

  ValueId CopyOf(ValueId value) {
    if (const auto at = copies_.find(value.index); at != copies_.end()) return at->second;
    const NodeId producer = graph_.value(value).producer;
    ValueId copy;
    if (WeightOf(graph_, graph_.node(producer))) {
      copy = RealsOf(producer);
    } else {
      const ValueId inner = CopyOf(*ir::InputOf(graph_.node(producer)));
      const Node like = graph_.node(producer);
      std::vector<ir::Argument> arguments = like.arguments;
      arguments[0].value = inner;
      place_ = producer;
      copy = Add(like, like.op, std::move(arguments), TensorType(graph_.type(value)));
    }
    copies_[value.index] = copy;
    return copy;
  }

  // New nodes go where the nodes are that they stand for.
  void PutInOrder() {
    std::vector<NodeId> order;
    for (std::size_t i = 0; i < first_new_; ++i) {
      const NodeId id = static_cast<NodeId>(i);
      for (const NodeId added : new_before_[id]) order.push_back(added);
      if (!removed_.contains(id)) order.push_back(id);
    }
    Reorder(graph_, order);
  }

  Graph& graph_;
  const std::vector<bool>& products_;
  const bool as_constants_;
  const std::size_t first_new_;
  std::set<std::string> names_;
  std::vector<std::vector<Reader>> readers_;
  std::set<std::int32_t> outputs_;
  std::unordered_map<std::int32_t, ValueId> copies_;
  std::unordered_map<NodeId, std::vector<NodeId>> new_before_;
  std::set<NodeId> removed_;
  NodeId place_ = ir::kNoNode;
};

}  // namespace

int ComputeWeights(Graph& graph, const std::vector<bool>& products, bool as_constants) {
  const int written = Writer(graph, products, as_constants).Run();
  if (written > 0) RemoveDeadNodes(graph);
  return written;
}

}  // namespace octavo::passes
