#include "octavo/ops/rows_testing.h"

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

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
                 .qdq = source,
                 .caffe2 = source});
}

ir::ValueId OneCall::Input(TensorType type) {
  const std::string name = fmt::format("x{}", graph_.inputs().size());
  if (!type.quantized()) return graph_.AddInput(name, std::move(type));
  // The Caffe2 dialect has no quantized inputs: the value comes from an operator that Ops() leaves out.
  const ir::ValueId real = graph_.AddInput(name, {.dtype = DType::kFloat32, .shape = type.shape});
  const ir::NodeId node = graph_.AddNode(kSource, {{.name = "x", .value = real}}, {std::move(type)});
  return graph_.node(node).outputs[0];
}

Status OneCall::Call(const std::string& op, std::vector<ir::Operand> arguments) {
  std::vector<ir::Argument> named;
  for (ir::Operand& operand : arguments) named.push_back({.name = {}, .value = std::move(operand)});
  auto call = OCTAVO_TRY(registry_.Bind(graph_, op, named));
  if (!call) return Unsupported("no row " + op);
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
