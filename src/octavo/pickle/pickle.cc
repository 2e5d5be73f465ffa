#include "octavo/pickle/pickle.h"

#include <bit>

namespace octavo::pickle {

double Pickle::number(NodeId id) const { return std::bit_cast<double>(nodes_[id].integer); }

std::string_view Pickle::text(NodeId id) const { return Bytes(nodes_[id].a, nodes_[id].b); }

std::string_view Pickle::module(NodeId id) const {
  return Bytes(nodes_[id].a, static_cast<std::uint64_t>(nodes_[id].integer) >> 32);
}

std::string_view Pickle::name(NodeId id) const {
  return Bytes(nodes_[id].b, static_cast<std::uint64_t>(nodes_[id].integer) & 0xffffffffu);
}

std::string Pickle::QualifiedName(NodeId id) const {
  std::string name(module(id));
  if (!name.empty()) name += '.';
  return name += this->name(id);
}

std::span<const NodeId> Pickle::items(NodeId id) const {
  const Node& node = nodes_[id];
  if (node.kind == Kind::kTuple) return std::span(tuple_items_).subspan(node.a, node.b);
  if (node.kind < Kind::kTuple || node.kind == Kind::kPersistent || node.integer < 0) return {};
  return extras_[static_cast<std::size_t>(node.integer)].items;
}

NodeId Pickle::state(NodeId id) const {
  const Node& node = nodes_[id];
  if ((node.kind != Kind::kCall && node.kind != Kind::kObject) || node.integer < 0) return kNoNode;
  return extras_[static_cast<std::size_t>(node.integer)].state;
}

}  // namespace octavo::pickle
