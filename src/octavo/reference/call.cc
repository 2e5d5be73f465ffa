#include "octavo/reference/call.h"

#include <variant>

#include <fmt/format.h>

#include "octavo/base/bug.h"

namespace octavo::reference {
namespace {

// Not to be had from a file: each node's arguments were bound by its operator's row, which gives them these
// names and kinds.
[[noreturn]] void Wrong(const ir::Node& node, std::string_view name, std::string_view wanted) {
  Bug(fmt::format("reference: {}: argument {} is not a {}", node.op, name, wanted));
}

std::int64_t Known(const ir::Node& node, std::string_view name, const Dim& dim) {
  // Run() has refused graphs with sizes that are not known.
  if (!dim.known()) Wrong(node, name, "known number");
  return dim.value();
}

}  // namespace

const ir::Operand* Call::Find(std::string_view name) const { return node_.Find(name); }

const ir::Operand& Call::Get(std::string_view name) const {
  const ir::Operand* operand = Find(name);
  if (!operand) Wrong(node_, name, "known argument");
  return *operand;
}

const Tensor& Call::At(ir::ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }

bool Call::has(std::string_view name) const {
  const ir::Operand* operand = Find(name);
  if (!operand || std::holds_alternative<ir::None>(*operand)) return false;
  const auto* id = std::get_if<ir::ValueId>(operand);
  return !id || id->valid();
}

bool Call::is_tensor(std::string_view name) const {
  const ir::Operand* operand = Find(name);
  return operand && std::holds_alternative<ir::ValueId>(*operand) && std::get<ir::ValueId>(*operand).valid();
}

const Tensor& Call::tensor(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (const auto* id = std::get_if<ir::ValueId>(&operand)) return At(*id);
  if (const auto* constant = std::get_if<Tensor>(&operand)) return *constant;
  Wrong(node_, name, "tensor");
}

ir::MemoryFormat Call::memory_format(std::string_view name) const {
  const auto* id = std::get_if<ir::ValueId>(&Get(name));
  return id ? graph_.value(*id).memory_format : ir::MemoryFormat::kContiguous;
}

std::vector<ir::MemoryFormat> Call::memory_formats(std::string_view name) const {
  std::vector<ir::MemoryFormat> formats;
  if (const auto* list = std::get_if<ir::ValueList>(&Get(name))) {
    for (const ir::ValueId id : *list)
      formats.push_back(id.valid() ? graph_.value(id).memory_format : ir::MemoryFormat::kContiguous);
  } else {
    formats.push_back(memory_format(name));
  }
  return formats;
}

std::vector<Tensor> Call::tensors(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  std::vector<Tensor> tensors;
  if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
    for (const ir::ValueId id : *list) tensors.push_back(id.valid() ? At(id) : Tensor());
  } else if (!std::holds_alternative<ir::None>(operand)) {
    const auto* empty = std::get_if<std::vector<Dim>>(&operand);
    if (!empty || !empty->empty()) Wrong(node_, name, "list of tensors");
  }
  return tensors;
}

std::int64_t Call::integer(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (const auto* dim = std::get_if<Dim>(&operand)) return Known(node_, name, *dim);
  if (const auto* flag = std::get_if<bool>(&operand)) return *flag ? 1 : 0;
  Wrong(node_, name, "integer");
}

std::vector<std::int64_t> Call::ints(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (std::holds_alternative<Dim>(operand)) return {integer(name)};
  const auto* dims = std::get_if<std::vector<Dim>>(&operand);
  if (!dims) Wrong(node_, name, "list of integers");
  std::vector<std::int64_t> numbers;
  for (const Dim& dim : *dims) numbers.push_back(Known(node_, name, dim));
  return numbers;
}

double Call::number(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (const auto* real = std::get_if<double>(&operand)) return *real;
  if (std::holds_alternative<ir::ValueId>(operand)) {
    const Tensor& one = tensor(name);
    if (one.num_elements() != 1) Wrong(node_, name, "tensor of one number");
    return one.ToDoubles()[0];
  }
  return static_cast<double>(integer(name));
}

bool Call::is_float(std::string_view name) const { return std::holds_alternative<double>(Get(name)); }

bool Call::is_bool(std::string_view name) const { return std::holds_alternative<bool>(Get(name)); }

bool Call::is_list(std::string_view name) const {
  return std::holds_alternative<std::vector<Dim>>(Get(name));
}

bool Call::is_number(std::string_view name) const {
  const auto* id = std::get_if<ir::ValueId>(&Get(name));
  if (!id) return !std::holds_alternative<Tensor>(Get(name));
  const ir::Value& value = graph_.value(*id);
  return value.constant && value.constant->rank() == 0 && value.name.starts_with("CONSTANTS.");
}

std::vector<double> Call::numbers(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (const auto* reals = std::get_if<std::vector<double>>(&operand)) return *reals;
  const std::vector<std::int64_t> whole = ints(name);
  return {whole.begin(), whole.end()};
}

bool Call::flag(std::string_view name) const {
  const ir::Operand& operand = Get(name);
  if (const auto* flag = std::get_if<bool>(&operand)) return *flag;
  return integer(name) != 0;
}

const std::string& Call::text(std::string_view name) const {
  const auto* text = std::get_if<std::string>(&Get(name));
  if (!text) Wrong(node_, name, "text");
  return *text;
}

bool Call::is_text(std::string_view name) const {
  const ir::Operand* operand = Find(name);
  return operand && std::holds_alternative<std::string>(*operand);
}

const ir::PackedWeights& Call::packed(std::string_view name) const {
  const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&Get(name));
  if (!packed || !*packed) Wrong(node_, name, "packed weights");
  return **packed;
}

Tensor Call::weight(const ir::PackedWeights& packed) const {
  return packed.weight_value.valid() ? At(packed.weight_value) : packed.weight;
}

std::optional<Tensor> Call::bias(const ir::PackedWeights& packed) const {
  return packed.bias_value.valid() ? std::optional<Tensor>(At(packed.bias_value)) : packed.bias;
}

const TensorType& Call::result(std::size_t index) const { return graph_.type(node_.outputs[index]); }

}  // namespace octavo::reference
