#include "octavo/engine/call.h"

#include <algorithm>
#include <limits>
#include <variant>

#include <fmt/format.h>

namespace octavo::engine {
namespace {

Result<std::int64_t> Known(const Call& call, std::string_view name, const Dim& dim) {
  if (dim.known()) return dim.value();
  return Unsupported(
             fmt::format("attribute {} is the open size {}, but it must be a number", name, dim.ToString()))
      .SetWhere(PlaceOf(call.node()));
}

}  // namespace

std::string PlaceOf(const ir::Node& node) {
  return node.name.empty() ? fmt::format("node {}", node.op)
                           : fmt::format("node {} ({})", node.name, node.op);
}

std::string_view Call::op() const {
  const std::string_view op = node_.op;
  const std::size_t at = op.rfind("::");
  return at == std::string_view::npos ? op : op.substr(at + 2);
}

Error Call::Invalid(std::string what) const {
  return InvalidFile(fmt::format("{}: {}", op(), what)).SetWhere(PlaceOf(node_));
}

Error Call::NotSupported(std::string what) const {
  return Unsupported(fmt::format("{}: {}", op(), what)).SetWhere(PlaceOf(node_));
}

Error Call::Deferred() {
  deferred_ = true;
  return Invalid("depends on data");
}

Status Call::Inputs(std::size_t least, std::size_t most) const {
  if (inputs_.size() < least || inputs_.size() > most) {
    return Invalid(
        least == most
            ? fmt::format("the node has {} inputs, but {} are expected", inputs_.size(), least)
            : fmt::format("the node has {} inputs, but {} to {} are expected", inputs_.size(), least, most));
  }
  for (std::size_t i = 0; i < least; ++i) {
    if (!inputs_[i].given) return Invalid(fmt::format("input {} is missing", i));
  }
  return {};
}

Result<const Call::Input*> Call::Get(std::size_t i) {
  if (!has(i)) return Invalid(fmt::format("input {} is missing", i));
  return &inputs_[i];
}

Result<DType> Call::dtype(std::size_t i) {
  const Input* input = OCTAVO_TRY(Get(i));
  if (input->type.dtype == DType::kUnknown) return Deferred();
  return input->type.dtype;
}

Result<Sizes> Call::sizes(std::size_t i) {
  const Input* input = OCTAVO_TRY(Get(i));
  if (!input->type.sizes) return Deferred();
  return *input->type.sizes;
}

Result<int> Call::rank(std::size_t i) { return static_cast<int>(OCTAVO_TRY(sizes(i)).size()); }

Result<ValueType> Call::type(std::size_t i) {
  OCTAVO_TRY(dtype(i));
  OCTAVO_TRY(sizes(i));
  return inputs_[i].type;
}

Result<Int8Parameters> Call::int8(std::size_t i) {
  const Input* input = OCTAVO_TRY(Get(i));
  if (input->type.int8) return *input->type.int8;
  if (input->type.dtype == DType::kUnknown) return Deferred();
  return Invalid(fmt::format("input {} must be the result of an Int8 operator", i));
}

Result<const Tensor*> Call::value(std::size_t i) {
  const Input* input = OCTAVO_TRY(Get(i));
  if (input->value == nullptr) return Deferred();
  return input->value;
}

Result<std::vector<std::int64_t>> Call::Integers(std::size_t i, int least_rank, int most_rank, Width width) {
  const Tensor* tensor = OCTAVO_TRY(value(i));
  const bool takes_int32 = width == Width::kInt32OrInt64;
  const bool fits = tensor->dtype == DType::kInt64 || (takes_int32 && tensor->dtype == DType::kInt32);
  if (!fits || tensor->rank() < least_rank || tensor->rank() > most_rank) {
    return Invalid(fmt::format("input {} must be {} of {}, not {}", i,
                               least_rank == 1 ? "a list" : "a number",
                               takes_int32 ? "int32 or int64" : "int64", tensor->type().ToString()));
  }
  return tensor->ToInts();
}

Result<std::vector<std::int64_t>> Call::IntsOf(std::size_t i, Width width) {
  return Integers(i, 1, 1, width);
}

Result<std::int64_t> Call::IntOf(std::size_t i, Width width) {
  const std::vector<std::int64_t> ints = OCTAVO_TRY(Integers(i, 0, 1, width));
  if (ints.size() != 1) return Invalid(fmt::format("input {} must have one element, not {}", i, ints.size()));
  return ints[0];
}

Result<double> Call::RealOf(std::size_t i) {
  const Tensor* tensor = OCTAVO_TRY(value(i));
  if (tensor->num_elements() != 1) {
    return Invalid(fmt::format("input {} must have one element, not {}", i, tensor->num_elements()));
  }
  if (!IsFloat(tensor->dtype) && !IsInteger(tensor->dtype))
    return Invalid(fmt::format("input {} must be a number, not {}", i, Name(tensor->dtype)));
  return tensor->ToDoubles()[0];
}

const ir::Operand* Call::Attribute(std::string_view name) const {
  asked_.emplace(name);
  return node_.Find(name);
}

Status Call::CheckAttributes() const {
  for (const ir::Argument& argument : node_.arguments) {
    if (!argument.name.empty() && !asked_.contains(argument.name))
      return NotSupported(fmt::format("attribute {} is not supported", argument.name));
  }
  return {};
}

Result<std::int64_t> Call::Int(std::string_view name, std::optional<std::int64_t> otherwise) const {
  const ir::Operand* operand = Attribute(name);
  if (operand == nullptr) {
    if (otherwise) return *otherwise;
    return Invalid(fmt::format("attribute {} is missing", name));
  }
  if (const auto* dim = std::get_if<Dim>(operand)) return Known(*this, name, *dim);
  if (const auto* flag = std::get_if<bool>(operand)) return std::int64_t{*flag};
  return Invalid(fmt::format("attribute {} must be an integer", name));
}

Result<std::vector<std::int64_t>> Call::Ints(std::string_view name,
                                             std::optional<std::vector<std::int64_t>> otherwise) const {
  const ir::Operand* operand = Attribute(name);
  if (operand == nullptr) {
    if (otherwise) return *otherwise;
    return Invalid(fmt::format("attribute {} is missing", name));
  }
  const auto* dims = std::get_if<std::vector<Dim>>(operand);
  if (dims == nullptr) return Invalid(fmt::format("attribute {} must be a list of integers", name));
  std::vector<std::int64_t> ints;
  for (const Dim& dim : *dims) ints.push_back(OCTAVO_TRY(Known(*this, name, dim)));
  return ints;
}

Result<double> Call::Real(std::string_view name, std::optional<double> otherwise) const {
  const ir::Operand* operand = Attribute(name);
  if (operand == nullptr) {
    if (otherwise) return *otherwise;
    return Invalid(fmt::format("attribute {} is missing", name));
  }
  // FLOAT attributes are float32 in a file.
  if (const auto* real = std::get_if<double>(operand)) return double{static_cast<float>(*real)};
  return Invalid(fmt::format("attribute {} must be a float", name));
}

Result<std::string> Call::Text(std::string_view name, std::optional<std::string> otherwise) const {
  const ir::Operand* operand = Attribute(name);
  if (operand == nullptr) {
    if (otherwise) return *otherwise;
    return Invalid(fmt::format("attribute {} is missing", name));
  }
  if (const auto* text = std::get_if<std::string>(operand)) return *text;
  return Invalid(fmt::format("attribute {} must be a string", name));
}

Result<const Tensor*> Call::TensorOf(std::string_view name) const {
  const ir::Operand* operand = Attribute(name);
  if (operand == nullptr) return nullptr;
  if (const auto* tensor = std::get_if<Tensor>(operand)) return tensor;
  return Invalid(fmt::format("attribute {} must be a tensor", name));
}

Result<int> Call::Axis(std::int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) {
    return Invalid(fmt::format("axis {} is out of range for a tensor of rank {}", axis, rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Result<std::vector<int>> Call::AxesOnce(const std::vector<std::int64_t>& axes, int rank) const {
  std::vector<int> normalized;
  std::vector<bool> seen(static_cast<std::size_t>(rank));
  for (const std::int64_t axis : axes) {
    const int a = OCTAVO_TRY(Axis(axis, rank));
    if (!seen[static_cast<std::size_t>(a)]) normalized.push_back(a);
    seen[static_cast<std::size_t>(a)] = true;
  }
  return normalized;
}

Result<std::vector<int>> Call::Axes(const std::vector<std::int64_t>& axes, int rank) const {
  std::vector<int> normalized;
  for (const std::int64_t axis : axes) {
    const int a = OCTAVO_TRY(Axis(axis, rank));
    if (std::find(normalized.begin(), normalized.end(), a) != normalized.end())
      return Invalid(fmt::format("axis {} occurs twice", axis));
    normalized.push_back(a);
  }
  return normalized;
}

}  // namespace octavo::engine
