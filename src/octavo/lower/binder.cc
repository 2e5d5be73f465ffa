#include "octavo/lower/binder.h"

#include <algorithm>

#include <fmt/format.h>

namespace octavo::lower {
namespace {

using ir::None;
using ir::Operand;
using ir::ValueId;
using ir::ValueList;

std::string Describe(const Operand& operand) {
  struct Visitor {
    std::string operator()(const None&) const { return "None"; }
    std::string operator()(const ValueId&) const { return "a tensor"; }
    std::string operator()(const ValueList& v) const { return fmt::format("a list of {} tensors", v.size()); }
    std::string operator()(bool b) const { return b ? "True" : "False"; }
    std::string operator()(const Dim& d) const {
      return (d.known() ? "the int " : "the open size ") + d.ToString();
    }
    std::string operator()(double d) const { return fmt::format("the float {}", d); }
    std::string operator()(const std::string& s) const { return fmt::format("the string \"{}\"", s); }
    std::string operator()(const std::vector<Dim>& v) const {
      return fmt::format("a list of {} ints", v.size());
    }
    std::string operator()(const std::vector<double>& v) const {
      return fmt::format("a list of {} floats", v.size());
    }
    std::string operator()(const std::vector<bool>& v) const {
      return fmt::format("a list of {} bools", v.size());
    }
    std::string operator()(const std::vector<std::string>& v) const {
      return fmt::format("a list of {} strings", v.size());
    }
    std::string operator()(const Tensor&) const { return "a constant tensor"; }
    std::string operator()(const ir::Bytes&) const { return "bytes"; }
    std::string operator()(const std::shared_ptr<const ir::PackedWeights>&) const { return "packed weights"; }
  };
  return std::visit(Visitor{}, operand);
}

std::string_view Expected(ArgumentKind kind) {
  switch (kind) {
    case ArgumentKind::kTensor:
      return "a tensor";
    case ArgumentKind::kOptionalTensor:
      return "a tensor or None";
    case ArgumentKind::kTensors:
      return "a list of tensors";
    case ArgumentKind::kOptionalTensors:
      return "a list of tensors or None";
    case ArgumentKind::kInt:
      return "an int";
    case ArgumentKind::kOptionalInt:
      return "an int or None";
    case ArgumentKind::kInts:
      return "a list of ints";
    case ArgumentKind::kOptionalInts:
      return "a list of ints or None";
    case ArgumentKind::kFloat:
      return "a float";
    case ArgumentKind::kOptionalFloat:
      return "a float or None";
    case ArgumentKind::kFloats:
      return "a list of floats";
    case ArgumentKind::kOptionalFloats:
      return "a list of floats or None";
    case ArgumentKind::kBool:
      return "a bool";
    case ArgumentKind::kOptionalBool:
      return "a bool or None";
    case ArgumentKind::kString:
      return "a string";
    case ArgumentKind::kOptionalString:
      return "a string or None";
    case ArgumentKind::kConstant:
      return "a constant tensor";
    case ArgumentKind::kScalar:
      return "a number";
    case ArgumentKind::kOptionalScalar:
      return "a number or None";
    case ArgumentKind::kTensorOrScalar:
      return "a tensor or a number";
    case ArgumentKind::kPacked:
      return "packed weights";
    case ArgumentKind::kIgnored:
      return "anything";
  }
  return "?";
}

bool TakesNone(ArgumentKind kind) {
  switch (kind) {
    case ArgumentKind::kOptionalTensor:
    case ArgumentKind::kOptionalTensors:
    case ArgumentKind::kOptionalInt:
    case ArgumentKind::kOptionalInts:
    case ArgumentKind::kOptionalFloat:
    case ArgumentKind::kOptionalFloats:
    case ArgumentKind::kOptionalBool:
    case ArgumentKind::kOptionalString:
    case ArgumentKind::kOptionalScalar:
    case ArgumentKind::kIgnored:
      return true;
    default:
      return false;
  }
}

// "[]" in the model's source has no element type.
bool IsEmptyList(const Operand& o) {
  return (std::holds_alternative<ValueList>(o) && std::get<ValueList>(o).empty()) ||
         (std::holds_alternative<std::vector<Dim>>(o) && std::get<std::vector<Dim>>(o).empty()) ||
         (std::holds_alternative<std::vector<double>>(o) && std::get<std::vector<double>>(o).empty());
}

template <typename T>
std::optional<Operand> If(const Operand& o) {
  return std::holds_alternative<T>(o) ? std::optional<Operand>(o) : std::nullopt;
}

std::optional<Operand> AsInts(const Operand& o, int length) {
  std::vector<Dim> dims;
  if (const auto* d = std::get_if<Dim>(&o)) {
    dims = {*d};
  } else if (const auto* list = std::get_if<std::vector<Dim>>(&o)) {
    dims = *list;
  } else if (!IsEmptyList(o)) {
    return std::nullopt;
  }
  if (length > 1 && dims.size() == 1) dims.resize(static_cast<std::size_t>(length), dims[0]);
  return dims;
}

std::optional<Operand> AsFloat(const Operand& o) {
  if (const auto* d = std::get_if<Dim>(&o); d && d->known()) return static_cast<double>(d->value());
  return If<double>(o);
}

std::optional<Operand> AsFloats(const Operand& o) {
  if (IsEmptyList(o)) return std::vector<double>{};
  if (const auto* list = std::get_if<std::vector<Dim>>(&o)) {
    std::vector<double> numbers;
    for (const Dim& d : *list) {
      if (!d.known()) return std::nullopt;
      numbers.push_back(static_cast<double>(d.value()));
    }
    return numbers;
  }
  return If<std::vector<double>>(o);
}

std::optional<Operand> AsTensors(const Operand& o, bool holes) {
  if (IsEmptyList(o)) return ValueList{};
  const auto* list = std::get_if<ValueList>(&o);
  if (!list) return std::nullopt;
  for (const ValueId id : *list) {
    if (!id.valid() && !holes) return std::nullopt;
  }
  return *list;
}

std::optional<Operand> AsScalar(const Operand& o) {
  if (const auto* d = std::get_if<Dim>(&o)) return d->known() ? std::optional<Operand>(o) : std::nullopt;
  if (std::holds_alternative<bool>(o)) return o;
  return If<double>(o);
}

std::optional<Operand> Convert(const ir::Graph& graph, const ArgumentSpec& spec, const Operand& o) {
  if (std::holds_alternative<None>(o) && TakesNone(spec.kind)) return o;
  switch (spec.kind) {
    case ArgumentKind::kTensor:
    case ArgumentKind::kOptionalTensor:
      return If<ValueId>(o);
    case ArgumentKind::kTensors:
      return AsTensors(o, false);
    case ArgumentKind::kOptionalTensors:
      return AsTensors(o, true);
    case ArgumentKind::kInt:
    case ArgumentKind::kOptionalInt:
      return If<Dim>(o);
    case ArgumentKind::kInts:
    case ArgumentKind::kOptionalInts:
      return AsInts(o, spec.length);
    case ArgumentKind::kFloat:
    case ArgumentKind::kOptionalFloat:
      return AsFloat(o);
    case ArgumentKind::kFloats:
    case ArgumentKind::kOptionalFloats:
      return AsFloats(o);
    case ArgumentKind::kBool:
    case ArgumentKind::kOptionalBool:
      return If<bool>(o);
    case ArgumentKind::kString:
    case ArgumentKind::kOptionalString:
      return If<std::string>(o);
    case ArgumentKind::kConstant:
      if (const auto* id = std::get_if<ValueId>(&o); id && graph.value(*id).constant) return o;
      return std::nullopt;
    case ArgumentKind::kScalar:
    case ArgumentKind::kOptionalScalar:
      return AsScalar(o);
    case ArgumentKind::kTensorOrScalar:
      return std::holds_alternative<ValueId>(o) ? std::optional<Operand>(o) : AsScalar(o);
    case ArgumentKind::kPacked:
      return If<std::shared_ptr<const ir::PackedWeights>>(o);
    case ArgumentKind::kIgnored:
      return None{};
  }
  return std::nullopt;
}

Error Misfit(const OperatorRow& row, std::string what, std::string hint = {}) {
  // Hints of this file are about sizes that --input may give.
  return hint.empty() ? Unsupported(fmt::format("{}: {}", row.name, what))
                      : NeedsInput(fmt::format("{}: {}", row.name, what), std::move(hint));
}

std::string HintFor(const Operand& operand) {
  const auto is_open = [](const Dim& dim) { return !dim.known(); };
  const auto* dim = std::get_if<Dim>(&operand);
  const auto* dims = std::get_if<std::vector<Dim>>(&operand);
  if (!(dim && is_open(*dim)) && !(dims && std::ranges::any_of(*dims, is_open))) return {};
  return "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.";
}

}  // namespace

Result<std::vector<Operand>> BindArguments(const ir::Graph& graph, const OperatorRow& row,
                                           std::span<const ir::Argument> arguments) {
  const std::vector<ArgumentSpec>& specs = row.arguments;
  std::vector<const Operand*> given(specs.size(), nullptr);
  std::size_t position = 0;
  for (const ir::Argument& argument : arguments) {
    std::size_t at = position;
    if (argument.name.empty()) {
      if (at >= specs.size() || specs[at].keyword_only) {
        return Misfit(row, fmt::format("this operator takes {} argument{}, but the model passes more", at,
                                       at == 1 ? "" : "s"));
      }
      ++position;
    } else {
      for (at = 0; at < specs.size() && specs[at].name != argument.name; ++at) {
      }
      if (at == specs.size()) return Misfit(row, fmt::format("unknown argument {}", argument.name));
      if (given[at]) return Misfit(row, fmt::format("argument {} is given twice", argument.name));
    }
    given[at] = &argument.value;
  }

  std::vector<Operand> bound;
  bound.reserve(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ArgumentSpec& spec = specs[i];
    const bool left_out = !given[i] || (std::holds_alternative<None>(*given[i]) && !TakesNone(spec.kind));
    if (left_out && !spec.default_value) {
      return Misfit(row, given[i]
                             ? fmt::format("argument {} must be {}, not None", spec.name, Expected(spec.kind))
                             : fmt::format("argument {} is missing", spec.name));
    }
    const Operand& source = left_out ? *spec.default_value : *given[i];
    std::optional<Operand> value = Convert(graph, spec, source);
    if (!value) {
      return Misfit(
          row,
          fmt::format("argument {} must be {}, not {}", spec.name, Expected(spec.kind), Describe(source)),
          HintFor(source));
    }
    if (!spec.same_as.empty() && (IsEmptyList(*value) || std::holds_alternative<None>(*value))) {
      for (std::size_t k = 0; k < i; ++k) {
        if (specs[k].name == spec.same_as) value = bound[k];
      }
    }
    if (spec.length > 0) {
      const auto* list = std::get_if<std::vector<Dim>>(&*value);
      if (list && list->size() != static_cast<std::size_t>(spec.length)) {
        return Misfit(row, fmt::format("argument {} must have {} elements, not {}", spec.name, spec.length,
                                       list->size()));
      }
    }
    bound.push_back(std::move(*value));
  }
  return bound;
}

Result<std::optional<Registry::BoundCall>> BindInOrder(const Registry& registry, const ir::Graph& graph,
                                                       std::string_view op,
                                                       std::vector<ir::Operand> arguments) {
  std::vector<ir::Argument> positional;
  for (ir::Operand& operand : arguments) positional.push_back({.name = {}, .value = std::move(operand)});
  if (registry.Match(graph, op, positional)) return registry.Bind(graph, op, positional);
  for (const OperatorRow* row : registry.rows()) {
    if (std::string_view(row->name).substr(0, row->name.find('.')) != op) continue;
    std::vector<ir::Argument> named = positional;
    bool changed = false;
    for (std::size_t i = 0; i < named.size() && i < row->arguments.size(); ++i) {
      if (!row->arguments[i].keyword_only) continue;
      named[i].name = row->arguments[i].name;
      changed = true;
    }
    if (!changed) continue;
    if (registry.Match(graph, op, named)) return registry.Bind(graph, op, named);
  }
  return registry.Bind(graph, op, positional);
}

}  // namespace octavo::lower
