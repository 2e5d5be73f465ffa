#pragma once

// What the checks of open sizes ask of an imported model.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/import/import.h"

namespace octavo::open_sizes {

using Sizes = std::map<std::string, std::int64_t>;  // by their names
using Names = std::set<std::string>;

class Model {
 public:
  explicit Model(const import::Imported& imported);

  const ir::Graph& graph() const { return imported_.graph; }
  // The open sizes of the graph's inputs.
  const Names& open() const { return open_; }
  // Those sizes in the order of the inputs.
  std::vector<std::string> InOrder(const Names& names) const;
  // The nodes that the outputs need, in order.
  const std::vector<ir::NodeId>& nodes() const { return nodes_; }
  const ir::Node& node(ir::NodeId id) const { return graph().node(id); }
  // May its numbers be sizes of the example that the model was traced with?  Those of scripted code are the
  // author's own.
  bool traced(ir::NodeId id) const {
    const auto i = static_cast<std::size_t>(id);
    return i < imported_.traced.size() && imported_.traced[i];
  }
  const Sizes& traced_sizes() const { return imported_.traced_sizes; }
  // What the expression was in the trace; nullopt if that is not known.
  std::optional<std::int64_t> AsTraced(const Dim& dim) const;

  // The open sizes in it.
  Names OpenIn(const Dim& dim) const;
  bool IsOpen(const Dim& dim) const { return !OpenIn(dim).empty(); }
  // The name, if it is an open size by itself.
  std::optional<std::string> NameOf(const Dim& dim) const;

  const std::optional<Shape>& shape(ir::ValueId id) const { return graph().type(id).shape; }
  // The first tensor among the node's arguments, an invalid id if it has none.
  ir::ValueId Self(const ir::Node& node) const;
  // The nodes among nodes() that read a value, and whether the model returns it.
  const std::vector<ir::NodeId>& UsersOf(ir::ValueId id) const {
    return users_[static_cast<std::size_t>(id.index)];
  }
  bool IsOutput(ir::ValueId id) const { return outputs_.contains(id); }

 private:
  const import::Imported& imported_;
  Names open_;
  std::vector<std::string> order_;
  std::vector<ir::NodeId> nodes_;
  std::vector<std::vector<ir::NodeId>> users_;
  std::set<ir::ValueId> outputs_;
};

// A known int, nullopt for anything else.
std::optional<std::int64_t> IntArgument(const ir::Node& node, std::string_view name);
// A list of ints; null for anything else.
const std::vector<Dim>* IntsArgument(const ir::Node& node, std::string_view name);

// What the model does not follow at one place.
struct Finding {
  Names sizes;
  std::string claim;  // "the model works at T = 5 only"; {it} and {its} are the sizes
  ir::NodeId node = ir::kNoNode;
};

// Nodes that work at one size alone, whatever else is open: proven by the types of their results.
std::vector<Finding> FindFixedSizes(const Model& model, const import::OperatorRules& rules);
// Elements of a dimension that are read by their numbers.
std::vector<Finding> FindNumberedReads(const Model& model);
// Numbers that stand in place of a size: in reshapes, repeats, result sizes, means.
std::vector<Finding> FindNumbersForSizes(const Model& model);

}  // namespace octavo::open_sizes
