#include "octavo/ops/rows_testing.h"

#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "octavo/lower/binder.h"

namespace octavo::testing {
namespace {

constexpr const char* kSource = "test::source";

std::string WithoutDomain(const std::string& op) {
  const std::size_t colons = op.rfind("::");
  return colons == std::string::npos ? op : op.substr(colons + 2);
}

}  // namespace

OneCall::OneCall(void (*register_rows)(Registry&)) {
  register_rows(registry_);
  const Emitter source = [](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    return std::vector<Value>{g.Op(kSource, {a.tensor("x")})};
  };
  registry_.Add({.name = kSource,
                 .arguments = {{.name = "x", .kind = ArgumentKind::kTensor}},
                 .result = [](const Arguments& a) { return Result<std::vector<TensorType>>(a.results()); },
                 .caffe2 = source});
}

ir::ValueId OneCall::Input(TensorType type) {
  return graph_.AddInput(fmt::format("x{}", graph_.inputs().size()), std::move(type));
}

Result<lower::Lowered> OneCall::Caffe2(bool requantize, Numbers numbers) const {
  // The dialect has no quantized inputs: their values come from an operator that Ops() leaves out.
  ir::Graph graph;
  std::map<ir::ValueId, ir::ValueId> moved;
  for (const ir::ValueId input : graph_.inputs()) {
    const ir::Value& value = graph_.value(input);
    if (!value.type.quantized()) {
      moved[input] = graph.AddInput(value.name, value.type);
      continue;
    }
    const ir::ValueId real =
        graph.AddInput(value.name, {.dtype = DType::kFloat32, .shape = value.type.shape});
    const ir::NodeId source = graph.AddNode(kSource, {{.name = "x", .value = real}}, {value.type});
    moved[input] = graph.node(source).outputs[0];
  }
  for (const ir::Node& original : graph_.nodes()) {
    ir::Node node = original;
    ir::Graph::ReplaceUses(node, [&](ir::ValueId id) {
      const auto [at, is_new] = moved.try_emplace(id);
      if (is_new) at->second = graph.AddConstant(*graph_.value(id).constant, graph_.value(id).name);
      return at->second;
    });
    std::vector<TensorType> types;
    for (const ir::ValueId output : original.outputs) types.push_back(graph_.type(output));
    const ir::NodeId copy = graph.AddNode(node.op, node.arguments, std::move(types), node.origin);
    for (std::size_t i = 0; i < original.outputs.size(); ++i)
      moved[original.outputs[i]] = graph.node(copy).outputs[i];
  }
  for (const ir::Output& output : graph_.outputs()) graph.AddOutput(output.name, moved.at(output.value));
  return lower::Lower(
      graph, registry_,
      {.dialect = Dialect::kCaffe2, .opset = 9, .requantize_per_channel = requantize, .numbers = numbers});
}

Status OneCall::Call(const std::string& op, std::vector<ir::Operand> arguments) {
  std::optional<Registry::BoundCall> call =
      OCTAVO_TRY(lower::BindInOrder(registry_, graph_, op, std::move(arguments)));
  if (!call) return Unsupported("no row " + op);
  std::vector<ir::Argument> named;
  for (std::size_t i = 0; i < call->arguments.size(); ++i) {
    named.push_back({.name = call->row->arguments[i].name, .value = std::move(call->arguments[i])});
  }
  auto origin = std::make_shared<ir::Origin>();
  origin->module_path = "features.0";
  origin->op = op;
  const ir::NodeId node = graph_.AddNode(op, std::move(named), call->results, origin);
  for (const ir::ValueId output : graph_.node(node).outputs) {
    graph_.AddOutput(fmt::format("y{}", graph_.outputs().size()), output);
  }
  return {};
}

std::vector<std::string> Ops(const Result<lower::Lowered>& lowered) {
  if (!lowered) return {lowered.error().ToString()};
  std::vector<std::string> ops;
  for (const ir::Node& node : lowered->graph.nodes()) {
    if (node.op != kSource) ops.push_back(WithoutDomain(node.op));
  }
  return ops;
}

const ir::Node& Find(const ir::Graph& graph, std::string_view op) {
  for (const ir::Node& node : graph.nodes()) {
    if (WithoutDomain(node.op) == op) return node;
  }
  ADD_FAILURE() << "no " << op;
  std::abort();
}

std::vector<std::int64_t> Ints(const ir::Node& node, std::string_view attribute) {
  std::vector<std::int64_t> numbers;
  const ir::Operand* operand = node.Find(attribute);
  if (!operand) return numbers;
  if (const auto* one = std::get_if<Dim>(operand)) return {one->value()};
  for (const Dim& d : std::get<std::vector<Dim>>(*operand)) numbers.push_back(d.value());
  return numbers;
}

const Tensor& ConstantInput(const ir::Graph& graph, const ir::Node& node, std::size_t i) {
  return *graph.value(std::get<ir::ValueId>(node.arguments[i].value)).constant;
}

}  // namespace octavo::testing
