#include "octavo/verify/piece.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

class Cutter {
 public:
  Cutter(const Graph& graph, const std::vector<bool>& boundary,
         const std::vector<std::optional<Quantization>>& quantizations)
      : graph_(graph), boundary_(boundary), quantizations_(quantizations) {}

  std::optional<Piece> Cut(ValueId value) {
    value_ = value;
    const NodeId last = graph_.value(value).producer;
    if (last == ir::kNoNode) return std::nullopt;
    std::vector<NodeId> nodes = NodesBefore(last);
    Graph& piece = piece_.graph;
    piece.name = graph_.name;
    piece.opsets = graph_.opsets;
    for (const NodeId id : nodes) AddNode(graph_.node(id));
    const std::string& name = graph_.value(value).name;
    piece.AddOutput(name.empty() ? "y" : name, map_.at(value.index));
    return std::move(piece_);
  }

 private:
  bool Outside(ValueId id) const {
    return graph_.value(id).producer == ir::kNoNode || boundary_[static_cast<std::size_t>(id.index)];
  }

  // In the order of the graph.
  std::vector<NodeId> NodesBefore(NodeId last) const {
    std::vector<NodeId> nodes = {last};
    std::unordered_map<NodeId, bool> seen = {{last, true}};
    for (std::size_t next = 0; next < nodes.size(); ++next) {
      Graph::ForEachUse(graph_.node(nodes[next]), [&](ValueId id) {
        if (Outside(id)) return;
        const NodeId producer = graph_.value(id).producer;
        if (seen.emplace(producer, true).second) nodes.push_back(producer);
      });
    }
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }

  ValueId Mapped(ValueId id) {
    if (const auto at = map_.find(id.index); at != map_.end()) return at->second;
    const ir::Value& value = graph_.value(id);
    ValueId mapped;
    if (value.constant) {
      mapped = piece_.graph.AddConstant(*value.constant, value.name);
    } else {
      TensorType type = value.type;
      if (const auto& quantization = quantizations_[static_cast<std::size_t>(id.index)];
          quantization && !type.quantized()) {
        type.dtype = type.dtype == DType::kInt8    ? DType::kQInt8
                     : type.dtype == DType::kInt32 ? DType::kQInt32
                                                   : DType::kQUint8;
        type.quantization = quantization;
      }
      const std::string name = value.name.empty() ? fmt::format("value_{}", id.index) : value.name;
      mapped = piece_.graph.AddInput(name, std::move(type));
      piece_.graph.value(mapped).memory_format = value.memory_format;
      piece_.inputs.push_back(id);
    }
    map_[id.index] = mapped;
    return mapped;
  }

  void AddNode(const Node& node) {
    std::vector<TensorType> types;
    for (const ValueId output : node.outputs)
      types.push_back(output.valid() ? graph_.type(output) : TensorType());
    Node copy = node;
    Graph::ReplaceUses(copy, [this](ValueId id) { return Mapped(id); });
    const NodeId added =
        piece_.graph.AddNode(node.op, std::move(copy.arguments), std::move(types), node.origin);
    piece_.graph.node(added).name = node.name;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId made = piece_.graph.node(added).outputs[i];
      const ValueId whole = node.outputs[i];
      // Another result that is on the boundary is an input for what reads it.
      if (!whole.valid() || (whole != value_ && Outside(whole))) continue;
      piece_.graph.value(made).name = graph_.value(whole).name;
      piece_.graph.value(made).memory_format = graph_.value(whole).memory_format;
      map_[whole.index] = made;
    }
  }

  const Graph& graph_;
  const std::vector<bool>& boundary_;
  const std::vector<std::optional<Quantization>>& quantizations_;
  ValueId value_;
  Piece piece_;
  std::unordered_map<std::int32_t, ValueId> map_;
};

}  // namespace

std::optional<Piece> Cut(const Graph& graph, ValueId value, const std::vector<bool>& boundary,
                         const std::vector<std::optional<Quantization>>& quantizations) {
  return Cutter(graph, boundary, quantizations).Cut(value);
}

}  // namespace octavo::verify
