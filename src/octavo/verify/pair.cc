#include "octavo/verify/pair.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>

#include "octavo/ir/origin.h"
#include "octavo/verify/quantization.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

std::size_t Index(ValueId id) { return static_cast<std::size_t>(id.index); }

// Whether each value depends on nothing but constants.
std::vector<bool> ConstantValues(const Graph& graph) {
  std::vector<bool> constant(graph.num_values());
  for (std::size_t i = 0; i < constant.size(); ++i) {
    constant[i] = graph.value(ValueId{static_cast<std::int32_t>(i)}).constant.has_value();
  }
  for (const Node& node : graph.nodes()) {
    bool all = true;
    Graph::ForEachUse(node, [&](ValueId id) { all &= constant[Index(id)]; });
    for (const ValueId output : node.outputs) {
      if (output.valid()) constant[Index(output)] = all;
    }
  }
  return constant;
}

// A node's group: the identity of its origin.  Empty: it says nothing.
std::vector<std::string> Groups(const Graph& graph) {
  const bool imported = std::all_of(graph.nodes().begin(), graph.nodes().end(), [](const Node& node) {
    return node.origin && node.origin->op == node.op && node.op.find("::") != std::string::npos;
  });
  std::vector<std::shared_ptr<const ir::Origin>> origins;
  if (imported) {
    origins = ir::NumberedOrigins(graph);
  } else {
    for (const Node& node : graph.nodes()) origins.push_back(node.origin);
  }
  std::vector<std::string> groups;
  for (const auto& origin : origins) {
    const bool known = origin && !(origin->place.empty() && origin->module_path.empty());
    groups.push_back(known ? ir::Identity(*origin) : std::string());
  }
  return groups;
}

// The values that leave each group, in the order of the graph.
std::unordered_map<std::string, std::vector<ValueId>> Results(const Graph& graph) {
  const std::vector<std::string> groups = Groups(graph);
  const std::vector<bool> constant = ConstantValues(graph);
  std::vector<bool> leaves(graph.num_values());
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    Graph::ForEachUse(graph.nodes()[n], [&](ValueId id) {
      const NodeId producer = graph.value(id).producer;
      if (producer != ir::kNoNode && groups[static_cast<std::size_t>(producer)] != groups[n])
        leaves[Index(id)] = true;
    });
  }
  for (const ir::Output& output : graph.outputs()) leaves[Index(output.value)] = true;
  std::unordered_map<std::string, std::vector<ValueId>> results;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    if (groups[n].empty()) continue;
    for (const ValueId output : graph.nodes()[n].outputs) {
      if (output.valid() && leaves[Index(output)] && !constant[Index(output)])
        results[groups[n]].push_back(output);
    }
  }
  return results;
}

// Caffe2's operators on images work on NHWC, where the source has NCHW.
std::vector<int> OrderOf(const Graph& b, ValueId id) {
  const NodeId producer = b.value(id).producer;
  if (producer == ir::kNoNode) return {};
  const Node& node = b.node(producer);
  const ir::Operand* order = node.Find("order");
  const auto* text = order != nullptr ? std::get_if<std::string>(order) : nullptr;
  if ((text != nullptr && *text == "NHWC") || node.op.ends_with("::Int8ResizeNearest")) return {0, 2, 3, 1};
  return {};
}

// Of a's axes to b's.
std::vector<int> OrderBetween(const Graph& a, ValueId x, const Graph& b, ValueId y) {
  const std::vector<int> of_a = OrderOf(a, x), of_b = OrderOf(b, y);
  if (of_a == of_b) return {};
  return of_b.empty() ? std::vector<int>{0, 3, 1, 2} : of_b;
}

bool SameSizes(const Graph& a, ValueId x, const Graph& b, ValueId y, const std::vector<int>& order) {
  const auto &from = a.type(x).shape, &to = b.type(y).shape;
  if (!from || !to) return true;
  if (from->size() != to->size()) return false;
  for (std::size_t i = 0; i < to->size(); ++i) {
    const Dim& source = order.empty() ? (*from)[i] : (*from)[static_cast<std::size_t>(order[i])];
    if (source.known() && (*to)[i].known() && source.value() != (*to)[i].value()) return false;
  }
  return true;
}

bool SameQuantization(const Quantization& a, const Quantization& b) {
  // Exporters write float32, and some move a scale by a few units in its last place.
  constexpr double kRelative = 1e-5;
  return a.per_tensor() && b.per_tensor() && a.zero_point() == b.zero_point() &&
         std::abs(a.scale() - b.scale()) <= kRelative * a.scale();
}

std::vector<ValueId> QuantizedValues(const Graph& graph,
                                     const std::vector<std::optional<Quantization>>& quantizations) {
  const std::vector<bool> constant = ConstantValues(graph);
  std::vector<ValueId> values;
  for (const Node& node : graph.nodes()) {
    // What goes in, once more: the Caffe2 dialect's way from NHWC and back, which the source does not have.
    if (node.op.ends_with("::Int8Transpose")) continue;
    for (const ValueId output : node.outputs) {
      if (output.valid() && quantizations[Index(output)] && !constant[Index(output)])
        values.push_back(output);
    }
  }
  return values;
}

}  // namespace

std::vector<Pair> PairByOrigin(const Graph& a, const Graph& b) {
  const auto of_a = Results(a), of_b = Results(b);
  std::vector<Pair> pairs;
  for (const auto& [group, values] : of_a) {
    const auto at = of_b.find(group);
    if (at == of_b.end()) continue;
    // Where their number differs, only those can be told apart that keep their place from the end: what an
    // operator makes on the way comes first.
    const std::size_t count = std::min(values.size(), at->second.size());
    if (values.size() != at->second.size() && count != 1) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const ValueId x = values[values.size() - count + i], y = at->second[at->second.size() - count + i];
      pairs.push_back({x, y, OrderBetween(a, x, b, y)});
    }
  }
  return Completed(a, b, std::move(pairs));
}

std::vector<Pair> PairByQuantization(const Graph& a, const Graph& b) {
  const std::vector<std::optional<Quantization>> of_a = Quantizations(a), of_b = Quantizations(b);
  const std::vector<ValueId> left = QuantizedValues(a, of_a), right = QuantizedValues(b, of_b);
  const auto alike = [&](ValueId x, ValueId y) {
    return SameQuantization(*of_a[Index(x)], *of_b[Index(y)]) &&
           SameSizes(a, x, b, y, OrderBetween(a, x, b, y));
  };
  // Each is compared with each, which no model that is one makes take long.
  constexpr std::size_t kMostComparisons = std::size_t{1} << 24;
  if (!right.empty() && left.size() > kMostComparisons / right.size()) return Completed(a, b, {});
  std::vector<std::vector<ValueId>> candidates;    // for each of `left`
  std::vector<std::size_t> wanted(right.size());   // how many of `left` each of `right` is like
  std::vector<std::size_t> place(b.num_values());  // of a value in `right`
  for (std::size_t i = 0; i < right.size(); ++i) place[Index(right[i])] = i;
  for (const ValueId x : left) {
    candidates.emplace_back();
    for (std::size_t i = 0; i < right.size(); ++i) {
      if (!alike(x, right[i])) continue;
      candidates.back().push_back(right[i]);
      ++wanted[i];
    }
  }
  std::vector<bool> taken(b.num_values());
  std::vector<Pair> pairs;
  for (std::size_t k = 0; k < left.size(); ++k) {
    // Values that move elements have one scale after another: where one side has more of them than the other,
    // nothing says which is which.
    if (candidates[k].empty() || candidates[k].size() != wanted[place[Index(candidates[k][0])]]) continue;
    const auto free =
        std::find_if(candidates[k].begin(), candidates[k].end(), [&](ValueId y) { return !taken[Index(y)]; });
    if (free == candidates[k].end()) continue;
    taken[Index(*free)] = true;
    pairs.push_back({left[k], *free, OrderBetween(a, left[k], b, *free)});
  }
  return Completed(a, b, std::move(pairs));
}

bool ShareOrigins(const Graph& a, const Graph& b) {
  // A text that two files share by chance pairs few; inputs and outputs are paired whatever the texts.
  std::set<ValueId> ends(b.inputs().begin(), b.inputs().end());
  for (const ir::Output& output : b.outputs()) ends.insert(output.value);
  const std::vector<Pair> pairs = PairByOrigin(a, b);
  const auto inner =
      std::count_if(pairs.begin(), pairs.end(), [&](const Pair& p) { return !ends.contains(p.b); });
  return 2 * static_cast<std::size_t>(inner) >= QuantizedValues(a, Quantizations(a)).size();
}

std::vector<Pair> Completed(const Graph& a, const Graph& b, std::vector<Pair> pairs) {
  for (std::size_t i = 0; i < std::min(a.inputs().size(), b.inputs().size()); ++i) {
    pairs.push_back({a.inputs()[i], b.inputs()[i], {}});
  }
  for (std::size_t i = 0; i < std::min(a.outputs().size(), b.outputs().size()); ++i) {
    pairs.push_back({a.outputs()[i].value, b.outputs()[i].value, {}});
  }
  std::stable_sort(pairs.begin(), pairs.end(), [&](const Pair& x, const Pair& y) {
    const NodeId of_x = a.value(x.a).producer, of_y = a.value(y.a).producer;
    return of_x != of_y ? of_x < of_y : x.a.index < y.a.index;
  });
  std::set<std::int32_t> seen;
  std::erase_if(pairs, [&](const Pair& pair) { return !seen.insert(pair.b.index).second; });
  return pairs;
}

}  // namespace octavo::verify
