#include "octavo/module/pickle_view.h"

#include <fmt/format.h>

namespace octavo::module {

using pickle::Kind;
using pickle::NodeId;

std::string PickleView::Where(NodeId node) const {
  return fmt::format("record {}, byte {}", record_, pickle_.position(node));
}

Error PickleView::Fail(NodeId node, std::string what) const {
  return InvalidFile(std::move(what),
                     "Save the model again with torch.jit.save: the file is damaged or was written by "
                     "another program.")
      .SetWhere(Where(node));
}

Result<std::int64_t> PickleView::Int(NodeId node, std::string_view what) const {
  if (pickle_.kind(node) != Kind::kInt) return Fail(node, fmt::format("{} is not an integer", what));
  return pickle_.integer(node);
}

Result<double> PickleView::Number(NodeId node, std::string_view what) const {
  if (pickle_.kind(node) == Kind::kFloat) return pickle_.number(node);
  if (pickle_.kind(node) == Kind::kInt) return static_cast<double>(pickle_.integer(node));
  return Fail(node, fmt::format("{} is not a number", what));
}

Result<std::string_view> PickleView::String(NodeId node, std::string_view what) const {
  if (pickle_.kind(node) != Kind::kString) return Fail(node, fmt::format("{} is not a string", what));
  return pickle_.text(node);
}

Result<std::span<const NodeId>> PickleView::Tuple(NodeId node, std::size_t count,
                                                  std::string_view what) const {
  if (pickle_.kind(node) != Kind::kTuple || pickle_.items(node).size() < count) {
    return Fail(node, fmt::format("{} is not a tuple of at least {} values", what, count));
  }
  return pickle_.items(node);
}

Result<std::vector<std::int64_t>> PickleView::Ints(NodeId node, std::string_view what) const {
  if (pickle_.kind(node) != Kind::kTuple && pickle_.kind(node) != Kind::kList) {
    return Fail(node, fmt::format("{} is not a tuple of integers", what));
  }
  std::vector<std::int64_t> ints;
  ints.reserve(pickle_.items(node).size());
  for (const NodeId item : pickle_.items(node)) ints.push_back(OCTAVO_TRY(Int(item, what)));
  return ints;
}

std::string PickleView::GlobalName(NodeId node) const {
  return pickle_.kind(node) == Kind::kGlobal ? pickle_.QualifiedName(node) : std::string();
}

}  // namespace octavo::module
