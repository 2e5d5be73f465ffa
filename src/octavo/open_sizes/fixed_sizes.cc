#include <algorithm>
#include <bit>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "octavo/open_sizes/model.h"

namespace octavo::open_sizes {
namespace {

// Divisible by every number up to 10: strides, patches and heads divide it.
constexpr std::int64_t kRound = 5040;
constexpr std::int64_t kResidues = 32, kLargestTried = 512;
// Few operators need the search below, and many that do need it for the same size.
constexpr int kMostSearches = 16;
constexpr std::size_t kMostNumbers = 12;

// The graph with numbers in place of its open sizes, one node at a time.
class NumericGraph {
 public:
  NumericGraph(const Model& model, const import::OperatorRules& rules)
      : model_(model), rules_(rules), graph_(model.graph()) {}

  // Do the node's arguments fit each other at these sizes?
  bool Fits(ir::NodeId id, const Sizes& sizes) {
    const ir::Node& node = model_.node(id);
    ir::Graph::ForEachUse(node, [&](ir::ValueId value) {
      if (!value.valid() || !model_.shape(value)) return;
      const Shape& open = *model_.shape(value);
      Shape& closed = *graph_.value(value).type.shape;
      for (std::size_t i = 0; i < open.size(); ++i) closed[i] = With(open[i], sizes);
    });
    std::vector<ir::Argument> arguments = node.arguments;
    for (ir::Argument& argument : arguments) {
      if (Dim* dim = std::get_if<Dim>(&argument.value)) *dim = With(*dim, sizes);
      if (auto* dims = std::get_if<std::vector<Dim>>(&argument.value)) {
        for (Dim& dim : *dims) dim = With(dim, sizes);
      }
    }
    const auto call = rules_.Bind(graph_, node.op, arguments);
    return call && call->has_value();
  }

 private:
  // Most dimensions of a network are those of another node, at the same sizes.
  Dim With(const Dim& dim, const Sizes& sizes) {
    if (dim.known()) return dim;
    if (sizes != sizes_) {
      sizes_ = sizes;
      numbers_.clear();
    }
    const auto [at, added] = numbers_.try_emplace(dim.ToString());
    if (added) at->second = dim.With(sizes);
    return at->second;
  }

  const Model& model_;
  const import::OperatorRules& rules_;
  ir::Graph graph_;
  Sizes sizes_;
  std::unordered_map<std::string, Dim> numbers_;
};

class FixedSizeFinder {
 public:
  FixedSizeFinder(const Model& model, const import::OperatorRules& rules)
      : model_(model), numeric_(model, rules) {}

  std::vector<Finding> Find() {
    std::vector<Finding> findings;
    for (const ir::NodeId id : model_.nodes()) {
      const Names names = NamesAt(id);
      if (names.empty() || FitsManySizes(id, names)) continue;
      if (auto finding = FixedAt(id, names)) findings.push_back(std::move(*finding));
    }
    return findings;
  }

 private:
  // The open sizes that the node's arguments have.
  Names NamesAt(ir::NodeId id) const {
    Names names;
    const ir::Node& node = model_.node(id);
    ir::Graph::ForEachUse(node, [&](ir::ValueId value) {
      if (!value.valid() || !model_.shape(value)) return;
      for (const Dim& dim : *model_.shape(value)) names.merge(model_.OpenIn(dim));
    });
    for (const ir::Argument& argument : node.arguments) {
      if (const Dim* dim = std::get_if<Dim>(&argument.value)) names.merge(model_.OpenIn(*dim));
      if (const auto* dims = std::get_if<std::vector<Dim>>(&argument.value)) {
        for (const Dim& dim : *dims) names.merge(model_.OpenIn(dim));
      }
    }
    return names;
  }

  Sizes Large(std::int64_t residue, bool equal) const {
    Sizes sizes;
    std::int64_t i = 0;
    for (const std::string& name : model_.open()) sizes[name] = kRound * (equal ? 1 : ++i) + residue;
    return sizes;
  }

  // Some models need sizes that are all equal, or that have a certain remainder.
  bool FitsManySizes(ir::NodeId id, const Names& names) {
    for (std::int64_t residue = 0; residue < kResidues; ++residue) {
      if (numeric_.Fits(id, Large(residue, false))) return true;
      if (names.size() > 1 && numeric_.Fits(id, Large(residue, true))) return true;
    }
    return false;
  }

  std::optional<Finding> FixedAt(ir::NodeId id, const Names& names) {
    // What is known to be fixed already explains most of what follows.
    for (const auto& [known, near] : found_) {
      Sizes sizes = Large(0, false);
      bool among = true;
      for (const auto& [name, number] : known) {
        among &= names.contains(name);
        sizes[name] = number;
      }
      if (among && numeric_.Fits(id, sizes)) return FindingOf(id, known, near);
    }
    if (++searches_ > kMostSearches) return std::nullopt;
    const std::optional<Sizes> base = SizesThatFit(id, names);
    if (!base) return std::nullopt;
    Sizes fixed;
    bool near = false;
    for (const std::string& name : names) {
      if (MayVary(id, *base, name)) continue;
      const std::int64_t number = base->at(name);
      fixed.emplace(name, number);
      near |= FitsWith(id, *base, name, number + 1) || (number > 2 && FitsWith(id, *base, name, number - 1));
    }
    if (fixed.empty()) return std::nullopt;
    found_.emplace_back(fixed, near);
    return FindingOf(id, fixed, near);
  }

  Finding FindingOf(ir::NodeId id, const Sizes& fixed, bool near) const {
    Finding finding{.node = id};
    for (const auto& [name, number] : fixed) finding.sizes.insert(name);
    std::string numbers;
    std::size_t left = fixed.size();
    for (const std::string& name : model_.InOrder(finding.sizes)) {
      --left;
      numbers += fmt::format("{} = {}{}", name, fixed.at(name), left > 1 ? ", " : left == 1 ? " and " : "");
    }
    finding.claim = fmt::format("the model works {} {} only", near ? "near" : "at", numbers);
    return finding;
  }

  // Sizes at which the node works: those of the trace, or found by trying.  Where 1 works, a size that is
  // broadcast may be meant, so that the largest is taken.
  std::optional<Sizes> SizesThatFit(ir::NodeId id, const Names& names) {
    Sizes traced = model_.traced_sizes();
    if (std::ranges::all_of(names, [&](const std::string& name) { return traced.contains(name); }) &&
        numeric_.Fits(id, traced)) {
      return traced;
    }
    const Sizes large = Large(0, false);
    for (const std::string& name : names) {
      if (auto sizes = Search(id, large, {name})) return sizes;
    }
    if (names.size() == 1) return std::nullopt;
    if (auto sizes = OfTheNodesNumbers(id)) return sizes;
    return Search(id, large, names);
  }

  // One number for those names.  Of neighbours that do the same, behind a stride, it is the roundest.
  std::optional<Sizes> Search(ir::NodeId id, Sizes sizes, const Names& names) {
    const auto fits = [&](std::int64_t number) {
      for (const std::string& name : names) sizes[name] = number;
      return numeric_.Fits(id, sizes);
    };
    const auto roundness = [](std::int64_t number) {
      return std::countr_zero(static_cast<std::uint64_t>(number));
    };
    std::int64_t best = 0;
    for (std::int64_t number = kLargestTried; number >= 1; --number) {
      const bool fit = fits(number);
      if (fit && (best == 0 || roundness(number) > roundness(best))) best = number;
      if (!fit && best != 0) break;
    }
    if (best == 0 || (best == 1 && names.size() > 1)) return std::nullopt;
    for (const std::string& name : names) sizes[name] = best;
    return sizes;
  }

  // Several sizes at once: view(4, 5, 16).  The numbers stand in a list of the node, or in a tensor's shape,
  // in the sizes' order as a rule.
  std::optional<Sizes> OfTheNodesNumbers(ir::NodeId id) {
    constexpr std::size_t kMostNames = 4;
    const std::vector<std::string> names = model_.InOrder(NamesAt(id));
    if (names.size() > kMostNames) return std::nullopt;
    std::vector<Shape> lists;
    for (const ir::Argument& argument : model_.node(id).arguments) {
      if (const auto* dims = std::get_if<std::vector<Dim>>(&argument.value)) lists.push_back(*dims);
    }
    ir::Graph::ForEachUse(model_.node(id), [&](ir::ValueId value) {
      if (value.valid() && model_.shape(value)) lists.push_back(*model_.shape(value));
    });
    // 1 may only be broadcast.
    for (const std::int64_t least : {2, 1}) {
      for (const Shape& list : lists) {
        std::vector<std::int64_t> numbers;
        for (const Dim& dim : list) {
          if (dim.known() && dim.value() >= least && numbers.size() < kMostNumbers)
            numbers.push_back(dim.value());
        }
        Sizes sizes = Large(0, false);
        if (Place(id, names, numbers, 0, 0, sizes)) return sizes;
      }
    }
    return std::nullopt;
  }

  // Gives the names from `name` on numbers from `at` on, or leaves them as large as they are.
  bool Place(ir::NodeId id, const std::vector<std::string>& names, const std::vector<std::int64_t>& numbers,
             std::size_t name, std::size_t at, Sizes& sizes) {
    if (name == names.size()) return numeric_.Fits(id, sizes);
    if (Place(id, names, numbers, name + 1, at, sizes)) return true;
    const std::int64_t large = sizes[names[name]];
    for (; at < numbers.size(); ++at) {
      sizes[names[name]] = numbers[at];
      if (Place(id, names, numbers, name + 1, at + 1, sizes)) return true;
    }
    sizes[names[name]] = large;
    return false;
  }

  bool FitsWith(ir::NodeId id, Sizes sizes, const std::string& name, std::int64_t number) {
    sizes[name] = number;
    return numeric_.Fits(id, sizes);
  }

  // Does the node work with quite another number for that size, besides 1, which may only be broadcast?
  // Neighbours may be the same behind a stride.
  bool MayVary(ir::NodeId id, const Sizes& base, const std::string& name) {
    const std::int64_t is = base.at(name);
    for (const std::int64_t number : {2 * is, 3 * is, is + 64, is + kRound * kResidues, is / 2, is / 3}) {
      if (number > 1 && FitsWith(id, base, name, number)) return true;
    }
    return false;
  }

  const Model& model_;
  NumericGraph numeric_;
  std::vector<std::pair<Sizes, bool>> found_;  // and whether their neighbours work, too
  int searches_ = 0;
};

}  // namespace

std::vector<Finding> FindFixedSizes(const Model& model, const import::OperatorRules& rules) {
  return FixedSizeFinder(model, rules).Find();
}

}  // namespace octavo::open_sizes
