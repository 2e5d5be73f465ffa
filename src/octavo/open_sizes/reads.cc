#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "octavo/open_sizes/model.h"

namespace octavo::open_sizes {
namespace {

constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostElements = 4096;  // longer loops are not unrolled

// Elements of one dimension of a value, by their numbers.
struct Read {
  ir::ValueId value;
  std::size_t axis = 0;
  std::vector<std::int64_t> elements;  // negative ones count from the end
};

// A number, or `missing` for None; nullopt for what depends on a size.
std::optional<std::int64_t> NumberOr(const ir::Node& node, std::string_view name, std::int64_t missing) {
  const ir::Operand* operand = node.Find(name);
  if (!operand || std::holds_alternative<ir::None>(*operand)) return missing;
  return IntArgument(node, name);
}

std::optional<std::vector<std::int64_t>> Range(std::int64_t begin, std::int64_t end) {
  if (begin >= end || (begin < 0) != (end <= 0) || end - begin > kMostElements) return std::nullopt;
  std::vector<std::int64_t> elements;
  for (std::int64_t i = begin; i < end; ++i) elements.push_back(i);
  return elements;
}

// A constant's numbers, or those of arange.
std::optional<std::vector<std::int64_t>> NumbersOf(const ir::Graph& graph, ir::ValueId id) {
  if (const ir::NodeId producer = graph.value(id).producer; producer != ir::kNoNode) {
    const ir::Node& node = graph.node(producer);
    const auto start = NumberOr(node, "start", 0), end = NumberOr(node, "end", 0),
               step = NumberOr(node, "step", 1);
    if (node.op != "aten::arange" || !start || !end || !step || *step == 0) return std::nullopt;
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = *start; *step > 0 ? i < *end : i > *end; i += *step) {
      if (static_cast<std::int64_t>(numbers.size()) >= kMostElements) return std::nullopt;
      numbers.push_back(i);
    }
    return numbers;
  }
  const std::optional<Tensor>& constant = graph.value(id).constant;
  if (!constant || constant->rank() != 1 || !IsInteger(constant->dtype) ||
      constant->num_elements() > kMostElements) {
    return std::nullopt;
  }
  return constant->ToInts();
}

// select, narrow, slice, index_select.
std::optional<std::vector<std::int64_t>> ElementsAlongDim(const ir::Graph& graph, const ir::Node& node) {
  if (const ir::Operand* index = node.Find("index")) {
    if (const auto* tensor = std::get_if<ir::ValueId>(index); tensor && tensor->valid())
      return NumbersOf(graph, *tensor);
    if (const auto number = IntArgument(node, "index")) return std::vector{*number};
    return std::nullopt;
  }
  if (!node.Find("start")) return std::nullopt;
  const auto start = NumberOr(node, "start", 0);
  if (!start) return std::nullopt;
  if (node.Find("length")) {
    const auto length = IntArgument(node, "length");
    return length ? Range(*start, *start + *length) : std::nullopt;
  }
  const auto end = NumberOr(node, "end", kOpenEnd);
  if (!end || *end == kOpenEnd || NumberOr(node, "step", 1) != 1) return std::nullopt;
  return Range(*start, *end);
}

// What x[:, 3] writes before its select: all of the first dimension.
bool IsWhole(const ir::Node& node) {
  return node.Find("dim") && node.Find("end") && NumberOr(node, "start", 0) == 0 &&
         NumberOr(node, "end", kOpenEnd) == kOpenEnd && NumberOr(node, "step", 1) == 1;
}

std::optional<Read> ReadOf(const Model& model, const ir::Node& node) {
  ir::ValueId self = model.Self(node);
  while (self.valid() && model.graph().value(self).producer != ir::kNoNode &&
         IsWhole(model.node(model.graph().value(self).producer))) {
    self = model.Self(model.node(model.graph().value(self).producer));
  }
  if (!self.valid() || !model.shape(self) || model.shape(self)->empty()) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(model.shape(self)->size());
  if (const ir::Operand* operand = node.Find("indices")) {  // x[:, [0, 2, 1]]
    const auto* tensors = std::get_if<ir::ValueList>(operand);
    if (!tensors || std::ranges::count_if(*tensors, &ir::ValueId::valid) != 1) return std::nullopt;
    const auto at = std::ranges::find_if(*tensors, &ir::ValueId::valid);
    auto elements = NumbersOf(model.graph(), *at);
    if (!elements || at - tensors->begin() >= rank) return std::nullopt;
    return Read{self, static_cast<std::size_t>(at - tensors->begin()), std::move(*elements)};
  }
  const auto dim = IntArgument(node, "dim");
  if (!dim || *dim < -rank || *dim >= rank) return std::nullopt;
  auto elements = ElementsAlongDim(model.graph(), node);
  if (!elements || elements->empty()) return std::nullopt;
  return Read{self, static_cast<std::size_t>(*dim < 0 ? *dim + rank : *dim), std::move(*elements)};
}

// All reads of one dimension of a value.
struct Reads {
  std::set<std::int64_t> front, back;  // from the front: 0, 1, ...; from the end: -1, -2, ...
  ir::NodeId first = ir::kNoNode;
};

// Is it 0, 1, ..., count - 1?
bool AreFirst(const std::set<std::int64_t>& elements, std::int64_t count) {
  return static_cast<std::int64_t>(elements.size()) == count && *elements.rbegin() == count - 1;
}
bool AreLast(const std::set<std::int64_t>& elements, std::int64_t count) {
  return static_cast<std::int64_t>(elements.size()) == count && *elements.begin() == -count;
}

std::string ElementsText(const std::set<std::int64_t>& elements) {
  if (elements.size() == 1) return fmt::format("element {}", *elements.begin());
  const auto count = static_cast<std::int64_t>(elements.size());
  if (*elements.rbegin() - *elements.begin() == count - 1)
    return fmt::format("elements {} to {}", *elements.begin(), *elements.rbegin());
  return fmt::format("some elements up to {}", *elements.rbegin());
}

// What is suspicious in reads of a dimension of that size; empty: nothing.
std::string ClaimOf(const Model& model, const Reads& reads, const Dim& dim) {
  const auto was_all = [](const std::set<std::int64_t>& elements) {
    return fmt::format("the model reads only {} of {{it}}, all that there {} when it was traced",
                       ElementsText(elements), elements.size() == 1 ? "was" : "were");
  };
  if (const auto size = model.AsTraced(dim)) {
    if (*size < 1) return {};
    if (!reads.front.empty() && AreFirst(reads.front, *size)) return was_all(reads.front);
    if (!reads.back.empty() && AreLast(reads.back, *size)) return was_all(reads.back);
    if (*size > 1 && !reads.front.empty() && *reads.front.rbegin() == *size - 1) {
      return fmt::format("the model reads element {} of {{it}}, the last one when it was traced", *size - 1);
    }
    // A part that is as large as the input was: y[:, :height].
    for (const std::string& name : model.OpenIn(dim)) {
      const std::int64_t traced = model.traced_sizes().at(name);
      if (traced > 1 && !reads.front.empty() && AreFirst(reads.front, traced)) return was_all(reads.front);
    }
    return {};
  }
  // The first element alone, or the last ones, are often meant.
  if (!reads.front.empty() && *reads.front.rbegin() > 0)
    return fmt::format("the model reads {} of {{it}} by number", ElementsText(reads.front));
  constexpr std::size_t kFewLast = 2;
  if (reads.back.size() > kFewLast && AreLast(reads.back, static_cast<std::int64_t>(reads.back.size())))
    return fmt::format("the model reads {} of {{it}} by number", ElementsText(reads.back));
  return {};
}

// Follows the first dimension of an input, the batch as a rule, through the operators that keep it, to find
// out whether anything but some elements of it is ever used.
class BatchFollower {
 public:
  BatchFollower(const Model& model, Dim size) : model_(model), size_(std::move(size)) {}

  std::optional<Finding> Follow(ir::ValueId input) {
    if (!UsesAll(input) && first_ != ir::kNoNode) {
      return Finding{.sizes = model_.OpenIn(size_),
                     .claim = fmt::format("the model reads only {} of {{it}}", ElementsText(elements_)),
                     .node = first_};
    }
    return std::nullopt;
  }

 private:
  bool UsesAll(ir::ValueId input) {
    std::vector<ir::ValueId> left = {input};
    while (!left.empty()) {
      const ir::ValueId id = left.back();
      left.pop_back();
      if (!visited_.insert(id).second) continue;
      if (model_.IsOutput(id)) return true;
      for (const ir::NodeId user : model_.UsersOf(id)) {
        const ir::Node& node = model_.node(user);
        const auto read = ReadOf(model_, node);
        if (IsWhole(node) && model_.Self(node) == id) {
          left.push_back(node.outputs[0]);
          continue;
        }
        if (read && model_.Self(node) == id && read->axis == 0 && read->elements.front() >= 0 &&
            model_.traced(user)) {
          elements_.insert(read->elements.begin(), read->elements.end());
          if (first_ == ir::kNoNode) first_ = user;
          continue;
        }
        for (const ir::ValueId output : node.outputs) {
          const std::optional<Shape>& shape = model_.shape(output);
          if (!shape || shape->empty() || (*shape)[0] != size_) return true;
          left.push_back(output);
        }
      }
    }
    return false;
  }

  const Model& model_;
  const Dim size_;
  std::set<ir::ValueId> visited_;
  std::set<std::int64_t> elements_;
  ir::NodeId first_ = ir::kNoNode;
};

}  // namespace

std::vector<Finding> FindNumberedReads(const Model& model) {
  std::map<std::pair<ir::ValueId, std::size_t>, Reads> all;
  for (const ir::NodeId id : model.nodes()) {
    if (!model.traced(id)) continue;
    const auto read = ReadOf(model, model.node(id));
    if (!read || !model.IsOpen((*model.shape(read->value))[read->axis])) continue;
    Reads& reads = all[{read->value, read->axis}];
    if (reads.first == ir::kNoNode) reads.first = id;
    for (const std::int64_t element : read->elements)
      (element < 0 ? reads.back : reads.front).insert(element);
  }
  std::vector<Finding> findings;
  for (const auto& [place, reads] : all) {
    const Dim& size = (*model.shape(place.first))[place.second];
    std::string claim = ClaimOf(model, reads, size);
    if (!claim.empty())
      findings.push_back({.sizes = model.OpenIn(size), .claim = std::move(claim), .node = reads.first});
  }
  for (const ir::ValueId input : model.graph().inputs()) {
    const std::optional<Shape>& shape = model.shape(input);
    if (!shape || shape->empty() || !model.NameOf((*shape)[0])) continue;
    if (auto finding = BatchFollower(model, (*shape)[0]).Follow(input))
      findings.push_back(std::move(*finding));
  }
  return findings;
}

}  // namespace octavo::open_sizes
