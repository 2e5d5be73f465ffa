#include <algorithm>

#include <fmt/format.h>

#include "octavo/base/bug.h"
#include "octavo/lower/binder.h"
#include "octavo/operators.h"

namespace octavo {
namespace {

// "aten::mean.dim" -> "aten::mean".
std::string_view WithoutOverload(std::string_view name) {
  const std::size_t colons = name.find("::");
  const std::size_t dot = name.find('.', colons == std::string_view::npos ? 0 : colons);
  return name.substr(0, dot);
}

// The lowest opset of each dialect, which a row's own emitters are registered for.
int FirstOpset(Dialect dialect) { return dialect == Dialect::kCaffe2 ? 9 : 13; }

}  // namespace

std::string_view Name(Dialect dialect) { return dialect == Dialect::kQdq ? "qdq" : "caffe2"; }

std::string_view Name(Target target) {
  switch (target) {
    case Target::kOnnxRuntime:
      return "onnxruntime";
    case Target::kOpenVino:
      return "openvino";
    case Target::kTensorRt:
      return "tensorrt";
  }
  return "?";
}

std::string_view Name(Numbers numbers) {
  switch (numbers) {
    case Numbers::kExact:
      return "exact";
    case Numbers::kForms:
      return "forms";
    case Numbers::kPlain:
      return "plain";
  }
  return "?";
}

std::string_view Name(Exactness exactness) {
  switch (exactness) {
    case Exactness::kUnknown:
      return "unknown";
    case Exactness::kByNode:
      return "by node";
    case Exactness::kConstruction:
      return "construction";
    case Exactness::kMultiplier:
      return "multiplier";
    case Exactness::kExhaustion:
      return "exhaustion";
    case Exactness::kNotExact:
      return "not exact";
    case Exactness::kAsMeant:
      return "as meant";
  }
  return "?";
}

std::string_view Name(ArgumentKind kind) {
  switch (kind) {
    case ArgumentKind::kTensor:
      return "tensor";
    case ArgumentKind::kOptionalTensor:
      return "optional tensor";
    case ArgumentKind::kTensors:
      return "tensors";
    case ArgumentKind::kOptionalTensors:
      return "optional tensors";
    case ArgumentKind::kInt:
      return "int";
    case ArgumentKind::kOptionalInt:
      return "optional int";
    case ArgumentKind::kInts:
      return "ints";
    case ArgumentKind::kOptionalInts:
      return "optional ints";
    case ArgumentKind::kFloat:
      return "float";
    case ArgumentKind::kOptionalFloat:
      return "optional float";
    case ArgumentKind::kFloats:
      return "floats";
    case ArgumentKind::kOptionalFloats:
      return "optional floats";
    case ArgumentKind::kBool:
      return "bool";
    case ArgumentKind::kOptionalBool:
      return "optional bool";
    case ArgumentKind::kString:
      return "string";
    case ArgumentKind::kOptionalString:
      return "optional string";
    case ArgumentKind::kConstant:
      return "constant";
    case ArgumentKind::kScalar:
      return "scalar";
    case ArgumentKind::kOptionalScalar:
      return "optional scalar";
    case ArgumentKind::kTensorOrScalar:
      return "tensor or scalar";
    case ArgumentKind::kPacked:
      return "packed";
    case ArgumentKind::kIgnored:
      return "ignored";
  }
  return "?";
}

void Registry::Add(OperatorRow row) {
  auto& overloads = entries_[std::string(WithoutOverload(row.name))];
  for (const auto& entry : overloads) {
    if (entry->row.name == row.name) Bug(fmt::format("operator {} is registered twice", row.name));
  }
  auto entry = std::make_unique<Entry>();
  if (row.qdq) entry->versions[{Dialect::kQdq, FirstOpset(Dialect::kQdq)}] = row.qdq;
  if (row.caffe2) entry->versions[{Dialect::kCaffe2, FirstOpset(Dialect::kCaffe2)}] = row.caffe2;
  entry->row = std::move(row);
  overloads.push_back(std::move(entry));
}

void Registry::AddVersion(std::string_view name, Dialect dialect, int since, Emitter emitter) {
  const auto at = entries_.find(WithoutOverload(name));
  if (at != entries_.end()) {
    for (const auto& entry : at->second) {
      if (entry->row.name != name) continue;
      if (!entry->versions.try_emplace({dialect, since}, std::move(emitter)).second) {
        Bug(fmt::format("operator {} has two forms for opset {}", name, since));
      }
      return;
    }
  }
  Bug(fmt::format("a version of {}, which is not registered", name));
}

void Registry::SetExactness(std::string_view op, const ExactnessStatement& exactness) {
  const auto at = entries_.find(op);
  if (at == entries_.end()) Bug(fmt::format("the exactness of {}, which is not registered", op));
  for (const auto& entry : at->second) entry->row.exactness = exactness;
}

void Registry::SetMistake(
    std::string_view op, const std::function<std::optional<std::string>(Engine, const Arguments&)>& mistake) {
  const auto at = entries_.find(op);
  if (at == entries_.end()) Bug(fmt::format("the mistakes of {}, which is not registered", op));
  for (const auto& entry : at->second) entry->row.mistake = mistake;
}

Status Registry::AddCustom(OperatorRow row) {
  if (row.name.find("::") == std::string::npos) {
    return UsageError(fmt::format("the custom operator name \"{}\" has no namespace", row.name),
                      "Write the name with its namespace, as PyTorch does: \"mylib::twice\".");
  }
  if (!row.result) return UsageError(fmt::format("the custom operator {} has no result type rule", row.name));
  auto& overloads = entries_[std::string(WithoutOverload(row.name))];
  for (const auto& entry : overloads) {
    if (entry->row.name == row.name && entry->custom) {
      return UsageError(fmt::format("the custom operator {} is registered twice", row.name));
    }
  }
  std::erase_if(overloads, [&row](const auto& entry) { return entry->row.name == row.name; });
  auto entry = std::make_unique<Entry>();
  entry->custom = true;
  if (row.qdq) entry->versions[{Dialect::kQdq, FirstOpset(Dialect::kQdq)}] = row.qdq;
  if (row.caffe2) entry->versions[{Dialect::kCaffe2, FirstOpset(Dialect::kCaffe2)}] = row.caffe2;
  entry->row = std::move(row);
  // Before the built-in overloads, which might take the same arguments.
  overloads.insert(overloads.begin(), std::move(entry));
  return {};
}

bool Registry::Contains(std::string_view op) const {
  return entries_.find(WithoutOverload(op)) != entries_.end();
}

Result<std::optional<Registry::BoundCall>> Registry::Match(const ir::Graph& graph, std::string_view op,
                                                           std::span<const ir::Argument> arguments) const {
  const auto at = entries_.find(WithoutOverload(op));
  if (at == entries_.end()) return std::optional<BoundCall>();
  std::vector<Error> misfits;
  for (const auto& entry : at->second) {
    auto bound = lower::BindArguments(graph, entry->row, arguments);
    if (bound) return std::optional<BoundCall>(BoundCall{&entry->row, std::move(*bound), {}});
    misfits.push_back(std::move(bound).error());
  }
  if (misfits.size() == 1) return std::move(misfits[0]);
  const bool needs_input = std::ranges::any_of(misfits, &Error::needs_input);
  for (const ir::Argument& argument : arguments) {
    const Dim* size = std::get_if<Dim>(&argument.value);
    if (!needs_input || !size || size->known()) continue;
    return NeedsInput(fmt::format("{}: not supported for the open size {}", at->first, size->ToString()),
                      "Give that size a number in --input.");
  }
  Error error = Unsupported(fmt::format("{}: no overload takes these arguments", at->first));
  for (const Error& misfit : misfits) {
    error.AddDetail(misfit.what());
    if (!misfit.hint().empty()) error.SetHint(misfit.hint());
  }
  if (needs_input) error.SetNeedsInput();
  return error;
}

Result<std::optional<Registry::BoundCall>> Registry::Bind(const ir::Graph& graph, std::string_view op,
                                                          std::span<const ir::Argument> arguments) const {
  std::optional<BoundCall> call = OCTAVO_TRY(Match(graph, op, arguments));
  if (call) {
    const Arguments bound(&graph, &call->row->arguments, call->arguments);
    call->results = OCTAVO_TRY(call->row->result(bound));
  }
  return call;
}

const Emitter* Registry::FindEmitter(const OperatorRow& row, Dialect dialect, int opset) const {
  const auto at = entries_.find(WithoutOverload(row.name));
  if (at == entries_.end()) return nullptr;
  const Emitter* newest = nullptr;
  for (const auto& entry : at->second) {
    if (&entry->row != &row) continue;
    for (const auto& [key, emitter] : entry->versions) {
      if (key.first == dialect && key.second <= opset) newest = &emitter;
    }
  }
  return newest;
}

std::vector<const OperatorRow*> Registry::rows() const {
  std::vector<const OperatorRow*> all;
  for (const auto& [name, overloads] : entries_) {
    for (const auto& entry : overloads) all.push_back(&entry->row);
  }
  return all;
}

}  // namespace octavo
