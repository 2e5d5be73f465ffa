#include <fmt/format.h>

#include "octavo/base/bug.h"
#include "octavo/operators.h"

namespace octavo {
namespace {

// Constants up to this size are shared by their content; weights are told apart by the passes, where that
// pays.
constexpr std::size_t kSharedBytes = 256;

}  // namespace

std::vector<Value> Builder::Ops(std::string_view op, const std::vector<Value>& inputs,
                                const Attributes& attributes, std::size_t outputs) {
  std::vector<ir::Argument> arguments;
  arguments.reserve(inputs.size() + attributes.entries().size());
  for (const Value& input : inputs) {
    arguments.push_back(
        {.name = {}, .value = input.defined() ? ir::Operand(input.id()) : ir::Operand(ir::None{})});
  }
  while (!arguments.empty() && std::holds_alternative<ir::None>(arguments.back().value)) arguments.pop_back();
  for (const Attributes::Entry& entry : attributes.entries()) arguments.push_back({entry.name, entry.value});
  const ir::NodeId id =
      graph_->AddNode(std::string(op), std::move(arguments), std::vector<TensorType>(outputs), origin_);
  std::vector<Value> values;
  for (const ir::ValueId output : graph_->node(id).outputs) values.emplace_back(graph_, output);
  return values;
}

Value Builder::Op(std::string_view op, const std::vector<Value>& inputs, const Attributes& attributes) {
  return Ops(op, inputs, attributes, 1)[0];
}

Value Builder::As(Value value, TensorType type) {
  graph_->value(value.id()).type = std::move(type);
  return value;
}

Value Builder::Constant(Tensor tensor, std::string_view name_hint) {
  const bool small = tensor.num_bytes() <= kSharedBytes;
  std::string key;
  if (small) {
    const std::vector<std::byte> bytes = tensor.Bytes();
    key = fmt::format("{}{}", tensor.type().ToString(), static_cast<int>(name_hint.empty()));
    key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (tensor.quantization && !tensor.quantization->per_tensor()) key.clear();
    if (const auto at = shared_constants_.find(key); !key.empty() && at != shared_constants_.end()) {
      return {graph_, at->second};
    }
  }
  // The former Caffe2 exporter writes weights as initializers and everything else as Constant nodes.
  if (dialect() == Dialect::kCaffe2 && name_hint.empty()) {
    const TensorType type = tensor.type();
    return As(Op("Constant", {}, {{"value", std::move(tensor)}}), type);
  }
  std::string name;
  if (!name_hint.empty()) {
    name = origin_ && !origin_->module_path.empty() ? fmt::format("{}.{}", origin_->module_path, name_hint)
                                                    : std::string(name_hint);
  }
  const ir::ValueId id = graph_->AddConstant(std::move(tensor), std::move(name));
  if (!key.empty()) shared_constants_.emplace(std::move(key), id);
  return {graph_, id};
}

void Builder::Warn(std::string text) {
  std::string line =
      origin_ ? fmt::format("{}: {}", origin_->module_path.empty() ? origin_->op : origin_->module_path, text)
              : std::move(text);
  if (seen_warnings_.insert(line).second) warnings_.push_back(std::move(line));
}

}  // namespace octavo
