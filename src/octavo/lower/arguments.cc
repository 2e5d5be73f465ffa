#include <fmt/format.h>

#include "octavo/base/bug.h"
#include "octavo/operators.h"

namespace octavo {
namespace {

// None of these errors can be had from a file: BindArguments gives every argument the kind that its row
// states, or None where the row takes that (and then has() is asked first), and a row's type rule refuses
// open sizes of the arguments that its emitters read as numbers.

template <typename T>
const T& Get(const ir::Operand& operand, std::string_view name) {
  const T* value = std::get_if<T>(&operand);
  if (!value) Bug(fmt::format("argument {} is read as another kind than it has", name));
  return *value;
}

double AsNumber(const ir::Operand& operand, std::string_view name) {
  if (const auto* b = std::get_if<bool>(&operand)) return *b ? 1 : 0;
  if (const auto* d = std::get_if<Dim>(&operand)) return static_cast<double>(d->value());
  return Get<double>(operand, name);
}

std::int64_t Known(const Dim& dim, std::string_view name) {
  if (!dim.known()) Bug(fmt::format("argument {} depends on a size and is read as a number", name));
  return dim.value();
}

}  // namespace

std::size_t Arguments::Index(std::string_view name) const {
  for (std::size_t i = 0; i < specs_->size(); ++i) {
    if ((*specs_)[i].name == name) return i;
  }
  Bug(fmt::format("no argument {}", name));
}

const ir::Operand& Arguments::operand(std::string_view name) const { return values_[Index(name)]; }

bool Arguments::has(std::string_view name) const { return !std::holds_alternative<ir::None>(operand(name)); }

bool Arguments::is_tensor(std::string_view name) const {
  return std::holds_alternative<ir::ValueId>(operand(name));
}

Value Arguments::tensor(std::string_view name) const {
  const ir::Operand& o = operand(name);
  if (std::holds_alternative<ir::None>(o)) return {};
  return {graph_, Get<ir::ValueId>(o, name)};
}

std::vector<Value> Arguments::tensors(std::string_view name) const {
  std::vector<Value> values;
  for (const ir::ValueId id : Get<ir::ValueList>(operand(name), name)) {
    values.push_back(id.valid() ? Value(graph_, id) : Value());
  }
  return values;
}

const Tensor& Arguments::constant(std::string_view name) const {
  const auto& constant = graph_->value(Get<ir::ValueId>(operand(name), name)).constant;
  if (!constant) Bug(fmt::format("argument {} is not a constant", name));
  return *constant;
}

Dim Arguments::dim(std::string_view name) const { return Get<Dim>(operand(name), name); }

std::vector<Dim> Arguments::dims(std::string_view name) const {
  return Get<std::vector<Dim>>(operand(name), name);
}

std::int64_t Arguments::integer(std::string_view name) const { return Known(dim(name), name); }

std::vector<std::int64_t> Arguments::ints(std::string_view name) const {
  std::vector<std::int64_t> numbers;
  for (const Dim& d : Get<std::vector<Dim>>(operand(name), name)) numbers.push_back(Known(d, name));
  return numbers;
}

double Arguments::number(std::string_view name) const { return AsNumber(operand(name), name); }

std::vector<double> Arguments::numbers(std::string_view name) const {
  return Get<std::vector<double>>(operand(name), name);
}

bool Arguments::flag(std::string_view name) const { return Get<bool>(operand(name), name); }

const std::string& Arguments::text(std::string_view name) const {
  return Get<std::string>(operand(name), name);
}

const ir::PackedWeights& Arguments::packed(std::string_view name) const {
  return *Get<std::shared_ptr<const ir::PackedWeights>>(operand(name), name);
}

Arguments Arguments::With(std::string_view name, ir::Operand value) const {
  Arguments copy = *this;
  copy.values_[Index(name)] = std::move(value);
  return copy;
}

Arguments Arguments::WithResults(std::vector<TensorType> types) const {
  Arguments copy = *this;
  copy.result_types_ = std::move(types);
  return copy;
}

}  // namespace octavo
