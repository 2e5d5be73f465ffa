#include <algorithm>
#include <array>

#include "octavo/raise/joiner.h"
#include "octavo/raise/raise.h"

namespace octavo::raise {

bool SameQuantization(const Quantization& a, const Quantization& b) {
  return a.per_tensor() && b.per_tensor() && a.zero_point() == b.zero_point() &&
         static_cast<float>(a.scale()) == static_cast<float>(b.scale());
}

bool EightBitsPerTensor(const TensorType& type) {
  return (type.dtype == DType::kQUint8 || type.dtype == DType::kQInt8) && type.quantization->per_tensor();
}

bool IsMovement(std::string_view op) {
  static constexpr std::array kMovements = {
      std::string_view("aten::reshape"),   std::string_view("aten::permute"),
      std::string_view("aten::flatten"),   std::string_view("aten::squeeze"),
      std::string_view("aten::unsqueeze"), std::string_view("aten::slice"),
      std::string_view("aten::flip")};
  return std::find(kMovements.begin(), kMovements.end(), op) != kMovements.end();
}

Joiner::Made Joiner::MadeBy(Value v) const {
  if (!v.defined()) return {};
  const ir::NodeId producer = graph_.value(v.id()).producer;
  return {.node = producer == ir::kNoNode ? nullptr : &graph_.node(producer)};
}

Value Joiner::Operand(const ir::Node& node, std::string_view name) const {
  const ir::Operand* operand = node.Find(name);
  const auto* id = operand ? std::get_if<ir::ValueId>(operand) : nullptr;
  return id && id->valid() ? Value(&graph_, *id) : Value();
}

Value Joiner::QuantizedForm(Value real, int depth) {
  if (!real.defined() || depth > kMaxChain) return {};
  if (const auto at = quantized_forms_.find(real.id().index); at != quantized_forms_.end()) {
    return {&graph_, at->second};
  }
  const Made made = MadeBy(real);
  if (!made.node) return {};
  Value form;
  if (made.is("aten::dequantize")) {
    form = Operand(*made.node, "self");
    if (!form.defined() || !EightBitsPerTensor(form.type())) return {};
  } else if (IsMovement(made.node->op)) {
    const std::string op = made.node->op;
    std::vector<ir::Argument> arguments = made.node->arguments;
    const Value inner = QuantizedForm(Operand(*made.node, "self"), depth + 1);
    if (!inner.defined()) return {};
    arguments[0].value = inner.id();
    form = CallLike(op, std::move(arguments), *inner.type().quantization);
  }
  if (form.defined()) quantized_forms_[real.id().index] = form.id();
  return form;
}

std::optional<Tensor> Joiner::QuantizedConstant(Value real) const {
  const Made made = MadeBy(real);
  if (made.is("aten::dequantize")) {
    const Value q = Operand(*made.node, "self");
    if (!q.defined() || !q.constant() || !q.constant()->quantization) return std::nullopt;
    return *q.constant();
  }
  if (!made.is("aten::permute")) return std::nullopt;
  const Made inner = MadeBy(Operand(*made.node, "self"));
  if (!inner.is("aten::dequantize")) return std::nullopt;
  const Value q = Operand(*inner.node, "self");
  const auto* dims = std::get_if<std::vector<Dim>>(made.node->Find("dims"));
  if (!q.defined() || !q.constant() || !q.constant()->quantization || !dims) return std::nullopt;
  std::vector<int> order;
  for (const Dim& dim : *dims) order.push_back(static_cast<int>(dim.value()));
  if (order.size() != q.constant()->sizes.size()) return std::nullopt;
  return q.constant()->Permuted(order);
}

Value Joiner::CallLike(std::string_view op, std::vector<ir::Argument> arguments, const Quantization& like) {
  Result<std::optional<Registry::BoundCall>> call = registry_.Bind(graph_, op, arguments);
  if (!call || !*call || (*call)->results.size() != 1) return {};
  const TensorType& result = (*call)->results[0];
  if (!result.quantization || !SameQuantization(*result.quantization, like)) return {};
  std::vector<ir::Argument> bound;
  for (std::size_t i = 0; i < (*call)->arguments.size(); ++i) {
    bound.push_back({(*call)->row->arguments[i].name, std::move((*call)->arguments[i])});
  }
  const ir::NodeId id = graph_.AddNode(std::string(op), std::move(bound), {result}, origin_);
  return {&graph_, graph_.node(id).outputs[0]};
}

Value Joiner::Call(std::string_view op, std::vector<ir::Argument> arguments, const TensorType& type) {
  const Value value = CallLike(op, std::move(arguments), *type.quantization);
  return value.defined() && value.dtype() == type.dtype ? value : Value();
}

ir::Operand Joiner::Mapped(const ir::Operand& operand) const {
  if (const auto* id = std::get_if<ir::ValueId>(&operand)) {
    return id->valid() ? ir::Operand(map_[static_cast<std::size_t>(id->index)]) : operand;
  }
  if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
    ir::ValueList mapped;
    for (const ir::ValueId id : *list) {
      mapped.push_back(id.valid() ? map_[static_cast<std::size_t>(id.index)] : id);
    }
    return mapped;
  }
  return operand;
}

void Joiner::Copy(const ir::Node& node) {
  std::vector<ir::Argument> arguments;
  for (const ir::Argument& argument : node.arguments) {
    arguments.push_back({argument.name, Mapped(argument.value)});
  }
  std::vector<TensorType> types;
  for (const ir::ValueId output : node.outputs) types.push_back(source_.type(output));
  const ir::NodeId id = graph_.AddNode(node.op, std::move(arguments), std::move(types), node.origin);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    map_[static_cast<std::size_t>(node.outputs[i].index)] = graph_.node(id).outputs[i];
  }
}

namespace {

// A fused ReLU that is not written, since the result's zero point clamps already.
bool MeansRelu(const ir::Node& node, const TensorType& type) {
  const std::int64_t lowest = type.dtype == DType::kQUint8 ? 0 : -128;
  return node.origin && node.origin->op.starts_with("quantized::") && node.origin->op.ends_with("_relu") &&
         type.quantization->zero_point() == lowest;
}

}  // namespace

// The quantization of a real, as one quantized operator; undefined where there is none.
Value Joiner::Join(Value real, const TensorType& type, int depth) {
  const Made made = MadeBy(real);
  if (!made.node || depth > kMaxChain) return {};
  origin_ = made.node->origin;
  // Adding to the graph moves its nodes.
  const ir::Node node = *made.node;
  if (node.op == "aten::dequantize" || IsMovement(node.op)) {
    // Integers that go through reals unchanged.
    const Value form = QuantizedForm(real);
    if (form.defined() && form.dtype() == type.dtype &&
        SameQuantization(*form.type().quantization, *type.quantization)) {
      return form;
    }
  }
  if (node.op == "aten::dequantize") return {};
  if (IsMovement(node.op)) {
    TensorType before = type;
    before.shape = Operand(node, "self").shape();
    const Value inner = Join(Operand(node, "self"), before, depth + 1);
    if (inner.defined()) {
      std::vector<ir::Argument> arguments = node.arguments;
      arguments[0].value = inner.id();
      return Call(node.op, std::move(arguments), type);
    }
  }
  if (const Value layer = JoinLayer(*this, node, MeansRelu(node, type), type); layer.defined()) return layer;
  if (node.op == "aten::relu") {
    const Made layer = MadeBy(Operand(node, "self"));
    if (layer.node) {
      origin_ = layer.node->origin;
      const ir::Node copy = *layer.node;
      if (const Value joined = JoinLayer(*this, copy, true, type); joined.defined()) return joined;
    }
  }
  if (const Value function = JoinFunction(*this, node, type); function.defined()) return function;
  return JoinSteps(*this, real, type);
}

Value Joiner::JoinLayersRelu(const ir::Node& relu, Value x, const TensorType& type) {
  const Made layer = MadeBy(x);
  if (!relu.origin || !layer.node || layer.node->op + "_relu" != relu.origin->op) return {};
  origin_ = relu.origin;
  return Call(relu.origin->op, layer.node->arguments, type);
}

// A concatenation whose operands were brought to one quantization before it: quantized::cat does both.
Value Joiner::JoinRequantized(const ir::Node& node) {
  const TensorType& type = source_.type(node.outputs[0]);
  const auto* list = std::get_if<ir::ValueList>(node.Find("tensors"));
  if (!list || !EightBitsPerTensor(type)) return {};
  origin_ = node.origin;
  bool any = false;
  ir::ValueList operands;
  for (const ir::ValueId id : *list) {
    Value operand(&graph_, map_[static_cast<std::size_t>(id.index)]);
    const Made made = MadeBy(operand);
    const Value before =
        made.is("aten::quantize_per_tensor") ? QuantizedForm(Operand(*made.node, "self")) : Value();
    if (before.defined() && before.dtype() == type.dtype) {
      operand = before;
      any = true;
    }
    operands.push_back(operand.id());
  }
  if (!any) return {};
  return Call("quantized::cat",
              {{.name = {}, .value = operands},
               {.name = {}, .value = *node.Find("dim")},
               {.name = {}, .value = type.quantization->scale()},
               {.name = {}, .value = Dim(type.quantization->zero_point())}},
              type);
}

// What is quantized already.
Value Joiner::JoinQuantizedNode(const ir::Node& node) {
  const TensorType& type = source_.type(node.outputs[0]);
  if (!type.quantized() || !EightBitsPerTensor(type)) return {};
  if (node.op == "aten::cat") return JoinRequantized(node);
  const auto* self = std::get_if<ir::ValueId>(node.Find("self"));
  if (!self || !self->valid()) return {};
  return JoinLayersRelu(node, {&graph_, map_[static_cast<std::size_t>(self->index)]}, type);
}

namespace {

// The saved model quantizes floats here, so that what computes them is no part of a quantized operator.
bool QuantizesFloats(const ir::Node& node) {
  return node.origin && node.origin->op == "aten::quantize_per_tensor";
}

}  // namespace

ir::Graph Joiner::Run() {
  graph_.name = source_.name;
  graph_.doc = source_.doc;
  graph_.opsets = source_.opsets;
  graph_.metadata = source_.metadata;
  map_.resize(source_.num_values());
  for (const ir::ValueId input : source_.inputs()) {
    map_[static_cast<std::size_t>(input.index)] =
        graph_.AddInput(source_.value(input).name, source_.type(input));
  }
  for (std::size_t i = 0; i < source_.num_values(); ++i) {
    const ir::Value& value = source_.value({static_cast<std::int32_t>(i)});
    if (value.constant) map_[i] = graph_.AddConstant(*value.constant, value.name);
  }
  for (const ir::Node& node : source_.nodes()) {
    if (node.op == "aten::quantize_per_tensor" && !QuantizesFloats(node)) {
      const TensorType& type = source_.type(node.outputs[0]);
      const auto* self = std::get_if<ir::ValueId>(node.Find("self"));
      if (self && EightBitsPerTensor(type)) {
        const Value real(&graph_, map_[static_cast<std::size_t>(self->index)]);
        if (const Value joined = Join(real, type, 0); joined.defined()) {
          map_[static_cast<std::size_t>(node.outputs[0].index)] = joined.id();
          ++joined_;
          continue;
        }
      }
    }
    if (node.op == "aten::cat" || node.op == "aten::relu") {
      const Value joined = JoinQuantizedNode(node);
      if (joined.defined()) {
        map_[static_cast<std::size_t>(node.outputs[0].index)] = joined.id();
        ++joined_;
        continue;
      }
    }
    Copy(node);
  }
  for (const ir::Output& output : source_.outputs()) {
    graph_.AddOutput(output.name, map_[static_cast<std::size_t>(output.value.index)]);
  }
  return std::move(graph_);
}

int JoinQuantized(ir::Graph& graph, const Registry& registry) {
  Joiner joiner(graph, registry);
  graph = joiner.Run();
  return joiner.joined();
}

}  // namespace octavo::raise
