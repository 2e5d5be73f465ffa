#include "octavo/ops/operand_checks.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace octavo {
namespace {

// The shape of an argument that is there and whose rank is known.
std::optional<Shape> ShapeOfGiven(const Arguments& a, std::string_view argument) {
  if (!a.has(argument)) return std::nullopt;
  return a.tensor(argument).shape();
}

bool MayEqual(const Dim& a, const Dim& b) { return Dim::Equal(a, b) != false; }

}  // namespace

Status CheckRank(const Arguments& a, std::string_view argument, int rank) {
  return CheckRank(a, argument, rank, rank);
}

Status CheckRank(const Arguments& a, std::string_view argument, int lowest, int highest) {
  const std::optional<Shape> shape = ShapeOfGiven(a, argument);
  if (!shape) return {};
  const auto rank = static_cast<int>(shape->size());
  if (rank >= lowest && rank <= highest) return {};
  const std::string wanted =
      lowest == highest ? std::to_string(lowest) : fmt::format("{} to {}", lowest, highest);
  return Unsupported(
      fmt::format("argument {} must have rank {}, but its shape is {}", argument, wanted, ToString(*shape)));
}

Status CheckVector(const Arguments& a, std::string_view argument, const Dim& length, std::string_view of) {
  const std::optional<Shape> shape = ShapeOfGiven(a, argument);
  if (!shape || (shape->size() == 1 && MayEqual((*shape)[0], length))) return {};
  return Unsupported(
      fmt::format("argument {} must be a vector of {} elements, one for each of the {}, but "
                  "its shape is {}",
                  argument, length.ToString(), of, ToString(*shape)));
}

Status CheckElements(const Arguments& a, std::string_view argument, const Dim& count, std::string_view of) {
  const std::optional<Shape> shape = ShapeOfGiven(a, argument);
  if (!shape || MayEqual(NumElements(*shape), count)) return {};
  return Unsupported(
      fmt::format("argument {} must have {} elements, one for each of the {}, but its shape "
                  "is {}",
                  argument, count.ToString(), of, ToString(*shape)));
}

Status CheckBroadcastTo(const Arguments& a, std::string_view argument, const std::optional<Shape>& to) {
  const std::optional<Shape> from = ShapeOfGiven(a, argument);
  if (!from || !to) return {};
  bool fits = from->size() <= to->size();
  for (std::size_t i = 1; fits && i <= from->size(); ++i) {
    const Dim& size = (*from)[from->size() - i];
    fits = size == Dim(1) || MayEqual(size, (*to)[to->size() - i]);
  }
  if (fits) return {};
  return Unsupported(fmt::format("argument {} has shape {}, which cannot be broadcast to the result's {}",
                                 argument, ToString(*from), ToString(*to)));
}

Status CheckOut(const Arguments& a, std::string_view argument, const std::optional<Shape>& result) {
  const std::optional<Shape> out = ShapeOfGiven(a, argument);
  if (!out || !result) return {};
  bool fits = out->size() == result->size();
  for (std::size_t d = 0; fits && d < out->size(); ++d) fits = MayEqual((*out)[d], (*result)[d]);
  if (fits) return {};
  return Unsupported(fmt::format("argument {} has shape {}, but the result has shape {}", argument,
                                 ToString(*out), ToString(*result)));
}

Status CheckSameDType(const Arguments& a, std::initializer_list<std::string_view> arguments) {
  std::string_view first;
  for (const std::string_view argument : arguments) {
    if (!a.has(argument) || a.tensor(argument).dtype() == DType::kUnknown) continue;
    if (first.empty()) first = argument;
    const DType dtype = a.tensor(argument).dtype(), wanted = a.tensor(first).dtype();
    if (dtype != wanted) {
      return Unsupported(
          fmt::format("argument {} is {}, but argument {} is {}: they must have the same dtype", argument,
                      Name(dtype), first, Name(wanted)));
    }
  }
  return {};
}

Status CheckImages(const Shape& shape, std::size_t dims, bool may_lack_batch) {
  const bool has_batch = shape.size() == dims + 2;
  if (!has_batch && !(may_lack_batch && shape.size() == dims + 1)) {
    const std::string lowest = may_lack_batch ? fmt::format("{} or ", dims + 1) : "";
    return Unsupported(
        fmt::format("the input must have rank {}{}, but its shape is {}", lowest, dims + 2, ToString(shape)));
  }
  if (std::find(shape.begin() + (has_batch ? 1 : 0), shape.end(), Dim(0)) == shape.end()) return {};
  return Unsupported(fmt::format("the input has no elements: its shape is {}", ToString(shape)));
}

}  // namespace octavo
