#include "octavo/raise/raiser.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "octavo/lower/binder.h"
#include "octavo/raise/raise.h"
#include <nlohmann/json.hpp>

namespace octavo::raise {
namespace {

using ir::Operand;
using ir::ValueId;

// The opset of a file that says none is the one that such files were written for.
constexpr int kFirstOpset = 1;

Handlers AllHandlers() {
  Handlers handlers;
  AddCaffe2Handlers(handlers);
  AddQuantizationHandlers(handlers);
  AddLayerHandlers(handlers);
  AddMovementHandlers(handlers);
  AddActivationHandlers(handlers);
  AddReductionHandlers(handlers);
  AddTableHandlers(handlers);
  return handlers;
}

// Where a node came from, if its doc_string says so as Octavo writes it; else the node itself.
std::shared_ptr<const ir::Origin> OriginOf(const ir::Node& node) {
  auto origin = std::make_shared<ir::Origin>();
  if (node.origin && node.origin->op != node.op) {
    *origin = *node.origin;
  } else {
    origin->op = node.op;
    origin->place = node.name.empty() ? std::string() : "node " + node.name;
  }
  if (!origin->module_path.empty()) return origin;
  const std::size_t colons = node.op.rfind("::");
  const std::string op = colons == std::string::npos ? node.op : node.op.substr(colons + 2);
  const std::size_t slash = node.name.rfind('/');
  origin->module_path = node.name.substr(0, slash);
  if (slash == std::string::npos && node.name.starts_with(op)) origin->module_path.clear();
  return origin;
}

using DTypeAndQuantization = std::pair<DType, std::optional<Quantization>>;

// What the metadata says of the integers of one input or output.
Result<DTypeAndQuantization> Stated(const nlohmann::json& said, const std::string& name, DType storage) {
  const bool whole = said.is_object() && said.contains("dtype") && said["dtype"].is_string() &&
                     said.contains("scale") && said["scale"].is_number() && said.contains("zero_point") &&
                     said["zero_point"].is_number_integer();
  const auto dtype = whole ? DTypeFromName(said["dtype"].get<std::string>()) : std::nullopt;
  if (!dtype || !IsQuantized(*dtype) || StorageType(*dtype) != storage) {
    return InvalidFile(fmt::format(
        "the metadata entry octavo.quantization has no valid dtype, scale and zero point for {}", name));
  }
  Quantization quantization = OCTAVO_TRY(
      CheckedQuantization(said["scale"].get<double>(), said["zero_point"].get<std::int64_t>(), *dtype));
  return DTypeAndQuantization(*dtype, std::move(quantization));
}

}  // namespace

Operand Dims(const std::vector<std::int64_t>& numbers) {
  return std::vector<Dim>(numbers.begin(), numbers.end());
}

Result<int> AxisOf(std::int64_t axis, int rank) {
  if (axis >= -rank && axis < rank) return static_cast<int>(axis < 0 ? axis + rank : axis);
  return InvalidFile(fmt::format("axis {} is out of range for a tensor of rank {}", axis, rank));
}

Raiser::Raiser(const ir::Graph& source, const Registry& registry, int opset)
    : source_(source),
      registry_(registry),
      source_opset_(kFirstOpset),
      target_opset_(opset),
      handlers_(AllHandlers()) {
  for (const char* domain : {"", "ai.onnx"}) {
    const auto at = source.opsets.find(domain);
    if (at != source.opsets.end()) source_opset_ = std::max(source_opset_, at->second);
  }
}

Result<ir::Graph> Raiser::Run() {
  graph_.name = source_.name;
  graph_.doc = source_.doc;
  graph_.metadata = source_.metadata;
  graph_.metadata.erase("octavo.quantization");
  meanings_ = MeaningsOfIntegers(source_);
  OCTAVO_TRY(RaiseInputs());
  for (const ir::Node& node : source_.nodes()) {
    node_ = &node;
    bool depends = false;
    ir::Graph::ForEachUse(node, [&](ValueId id) { depends |= failed_.contains(id.index); });
    const Status status = depends ? Status() : RaiseNode();
    if (!status) failures_.push_back(Locate(status.error()));
    if (depends || !status) {
      for (const ValueId output : node.outputs) failed_[output.index] = true;
    }
  }
  node_ = nullptr;
  if (!failures_.empty()) return Failure();
  for (const ir::Output& output : source_.outputs()) {
    const Value value = OCTAVO_TRY(Raised(output.value));
    // What the file says of an output's shape is all that is known where an operator stayed as it is.
    if (!value.shape()) graph_.value(value.id()).type.shape = source_.type(output.value).shape;
    graph_.AddOutput(output.name, value.id());
  }
  return std::move(graph_);
}

// Quantized inputs and outputs are integers in the file; the metadata says what they mean.
Status Raiser::RaiseInputs() {
  nlohmann::json known;
  if (const auto at = source_.metadata.find("octavo.quantization"); at != source_.metadata.end()) {
    known = nlohmann::json::parse(at->second, nullptr, false);
  }
  for (const ValueId input : source_.inputs()) {
    const ir::Value& value = source_.value(input);
    TensorType type = value.type;
    if (known.is_object() && known.contains(value.name)) {
      std::tie(type.dtype, type.quantization) = OCTAVO_TRY(Stated(known[value.name], value.name, type.dtype));
    }
    raised_[input.index] = graph_.AddInput(value.name, std::move(type));
  }
  for (const ir::Output& output : source_.outputs()) {
    if (!known.is_object() || !known.contains(output.name)) continue;
    const auto stated = OCTAVO_TRY(Stated(known[output.name], output.name, source_.type(output.value).dtype));
    meanings_[output.value.index] = *stated.second;
  }
  return {};
}

Status Raiser::RaiseNode() {
  inputs_.clear();
  for (const ir::Argument& argument : node_->arguments) {
    if (!argument.name.empty()) continue;
    const auto* id = std::get_if<ValueId>(&argument.value);
    inputs_.push_back(id && id->valid() ? OCTAVO_TRY(Raised(*id)) : Value());
  }
  while (!inputs_.empty() && !inputs_.back().defined()) inputs_.pop_back();
  origin_ = OriginOf(*node_);
  std::string_view name = node_->op;
  if (name.starts_with("ai.onnx::")) name.remove_prefix(9);
  const auto handler = handlers_.find(name);
  std::vector<Value> values;
  if (handler != handlers_.end()) {
    values = OCTAVO_TRY(handler->second(*this));
  } else if (name.find("::") == std::string_view::npos) {
    values = OCTAVO_TRY(KeepOperator(*this));
  } else {
    return Unsupported("this operator is not supported: PyTorch and standard ONNX have no equivalent",
                       "Convert the original PyTorch model with `octavo export`.");
  }
  for (std::size_t i = 0; i < node_->outputs.size(); ++i) {
    if (i < values.size() && values[i].defined()) {
      raised_[node_->outputs[i].index] = values[i].id();
    } else if (!source_.value(node_->outputs[i]).name.empty()) {
      return Unsupported(fmt::format("output {} is not supported: the PyTorch operator has none", i));
    }
  }
  return {};
}

Error Raiser::Locate(Error error) const {
  error.SetSubject(node_->op);
  std::string where = "node " + node_->name;
  if (node_->name.empty()) {
    where =
        node_->outputs.empty() ? "a node" : "the node that computes " + source_.value(node_->outputs[0]).name;
  }
  error.SetWhere(std::move(where));
  return error;
}

Error Raiser::Failure() {
  if (failures_.size() == 1) {
    Error error = std::move(failures_[0]);
    return error;
  }
  Error all(failures_[0].code(), fmt::format("{} nodes cannot be converted", failures_.size()));
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < failures_.size() && i < kShown; ++i) {
    all.AddDetail({.message = failures_[i].what(), .place = failures_[i].where()});
  }
  if (failures_.size() > kShown) all.AddDetail(fmt::format("and {} more", failures_.size() - kShown));
  all.SetHint(failures_[0].hint());
  return all;
}

// ---- The node

std::string_view Raiser::op() const {
  const std::string_view name = node_->op;
  const std::size_t colons = name.rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

Result<Value> Raiser::Input(std::size_t i) const {
  const Value value = optional_input(i);
  if (!value.defined()) return InvalidFile(fmt::format("input {} is missing", i));
  return value;
}

Result<std::vector<std::int64_t>> Raiser::InputInts(std::size_t i) const {
  const Value value = OCTAVO_TRY(Input(i));
  if (!value.constant()) return Unsupported(fmt::format("input {} must be a constant", i));
  if (!IsInteger(value.constant()->dtype)) {
    return InvalidFile(
        fmt::format("input {} must hold integers, not {}", i, value.constant()->type().ToString()));
  }
  return value.constant()->ToInts();
}

Result<std::vector<double>> Raiser::InputNumbers(std::size_t i) const {
  const Value value = OCTAVO_TRY(Input(i));
  if (!value.constant()) return Unsupported(fmt::format("input {} must be a constant", i));
  const DType dtype = value.constant()->dtype;
  if (!IsFloat(dtype) && !IsInteger(dtype)) {
    return InvalidFile(
        fmt::format("input {} must hold numbers, not {}", i, value.constant()->type().ToString()));
  }
  return value.constant()->ToDoubles();
}

namespace {

Error WrongKind(std::string_view attribute) {
  return InvalidFile(fmt::format("attribute {} has the wrong type", attribute));
}

Error Missing(std::string_view attribute) {
  return InvalidFile(fmt::format("attribute {} is missing", attribute));
}

}  // namespace

Result<std::int64_t> Raiser::Int(std::string_view attribute, std::optional<std::int64_t> missing) const {
  const Operand* operand = node_->Find(attribute);
  if (!operand) {
    if (!missing) return Missing(attribute);
    return *missing;
  }
  const auto* dim = std::get_if<Dim>(operand);
  if (!dim || !dim->known()) return WrongKind(attribute);
  return dim->value();
}

Result<double> Raiser::Number(std::string_view attribute, std::optional<double> missing) const {
  const Operand* operand = node_->Find(attribute);
  if (!operand) {
    if (!missing) return Missing(attribute);
    return *missing;
  }
  const auto* number = std::get_if<double>(operand);
  if (!number) return WrongKind(attribute);
  return *number;
}

Result<std::string> Raiser::Text(std::string_view attribute, std::string missing) const {
  const Operand* operand = node_->Find(attribute);
  if (!operand) return missing;
  const auto* text = std::get_if<std::string>(operand);
  if (!text) return WrongKind(attribute);
  return *text;
}

Result<std::vector<std::int64_t>> Raiser::Ints(std::string_view attribute,
                                               std::optional<std::vector<std::int64_t>> missing) const {
  const Operand* operand = node_->Find(attribute);
  if (!operand) {
    if (!missing) return Missing(attribute);
    return *missing;
  }
  const auto* list = std::get_if<std::vector<Dim>>(operand);
  if (!list) return WrongKind(attribute);
  std::vector<std::int64_t> numbers;
  for (const Dim& dim : *list) {
    if (!dim.known()) return WrongKind(attribute);
    numbers.push_back(dim.value());
  }
  return numbers;
}

Status Raiser::Knows(std::initializer_list<std::string_view> known, std::size_t outputs) const {
  for (const ir::Argument& argument : node_->arguments) {
    if (argument.name.empty()) continue;
    if (std::find(known.begin(), known.end(), argument.name) == known.end()) {
      return Unsupported(fmt::format("attribute {} is not supported", argument.name));
    }
  }
  for (std::size_t i = outputs; i < node_->outputs.size(); ++i) {
    if (!source_.value(node_->outputs[i]).name.empty()) {
      return Unsupported(fmt::format("output {} is not supported: the PyTorch operator has none", i));
    }
  }
  return {};
}

const TensorType& Raiser::source_type(std::size_t output) const {
  return source_.type(node_->outputs[output]);
}

std::optional<Quantization> Raiser::meaning(std::size_t output) const {
  const auto at = meanings_.find(node_->outputs[output].index);
  return at == meanings_.end() ? std::nullopt : std::optional<Quantization>(at->second);
}

// ---- The graph

Value Raiser::Constant(Tensor tensor) { return {&graph_, graph_.AddConstant(std::move(tensor))}; }

Result<std::vector<Value>> Raiser::CallAll(std::string_view op, std::vector<Operand> arguments) {
  std::optional<Registry::BoundCall> call =
      OCTAVO_TRY(lower::BindInOrder(registry_, graph_, op, std::move(arguments)));
  if (!call) return Unsupported(fmt::format("the equivalent PyTorch operator {} is not supported yet", op));
  std::vector<ir::Argument> bound;
  for (std::size_t i = 0; i < call->arguments.size(); ++i) {
    bound.push_back({call->row->arguments[i].name, std::move(call->arguments[i])});
  }
  return Add(std::string(op), std::move(bound), std::move(call->results));
}

Result<Value> Raiser::Call(std::string_view op, std::vector<Operand> arguments) {
  const std::vector<Value> values = OCTAVO_TRY(CallAll(op, std::move(arguments)));
  return values[0];
}

std::vector<Value> Raiser::Add(std::string op, std::vector<ir::Argument> arguments,
                               std::vector<TensorType> types) {
  const ir::NodeId id = graph_.AddNode(std::move(op), std::move(arguments), std::move(types), origin_);
  std::vector<Value> values;
  for (const ValueId output : graph_.node(id).outputs) values.emplace_back(&graph_, output);
  return values;
}

std::optional<Raiser::Permutation> Raiser::PermutationOf(Value x) const {
  const ir::NodeId producer = graph_.value(x.id()).producer;
  if (producer == ir::kNoNode || graph_.node(producer).op != "aten::permute") return std::nullopt;
  const ir::Node& node = graph_.node(producer);
  const auto* source = std::get_if<ValueId>(node.Find("self"));
  const auto* dims = std::get_if<std::vector<Dim>>(node.Find("dims"));
  if (!source || !dims) return std::nullopt;
  Permutation permutation{.source = {&graph_, *source}, .order = {}};
  for (const Dim& dim : *dims) permutation.order.push_back(dim.value());
  return permutation;
}

Result<Value> Raiser::Permute(Value x, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i)) {
      return InvalidFile(fmt::format("the axes are not a permutation of {} dimensions", order.size()));
    }
  }
  std::vector<std::int64_t> total = order;
  if (const auto inner = PermutationOf(x); inner && inner->order.size() == order.size()) {
    for (std::size_t i = 0; i < order.size(); ++i) {
      total[i] = inner->order[static_cast<std::size_t>(order[i])];
    }
    x = inner->source;
  }
  if (total == sorted) return x;
  return Call("aten::permute", {x.id(), Dims(total)});
}

Result<Value> Raiser::Raised(ValueId source) {
  if (const auto at = raised_.find(source.index); at != raised_.end()) return Value(&graph_, at->second);
  const ir::Value& value = source_.value(source);
  if (!value.constant) {
    return InvalidFile(fmt::format("the value {} is used, but no node computes it", value.name));
  }
  const ValueId id = graph_.AddConstant(*value.constant, value.name);
  raised_[source.index] = id;
  return Value(&graph_, id);
}

Status Raiser::SetQuantization(Value input, const TensorType& type) {
  const ir::Value& value = graph_.value(input.id());
  if (value.producer != ir::kNoNode || value.constant) {
    return Unsupported(
        "the scale of the integer input is unknown",
        "Compute the integers with QuantizeLinear, so that their scale and zero point are known.");
  }
  TensorType& stated = graph_.value(input.id()).type;
  stated.dtype = type.dtype;
  stated.quantization = type.quantization;
  return {};
}

Result<ir::Graph> Raise(const ir::Graph& graph, const Registry& registry, int opset) {
  return Raiser(graph, registry, opset).Run();
}

}  // namespace octavo::raise
