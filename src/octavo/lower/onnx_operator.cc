#include "octavo/lower/onnx_operator.h"

#include <string>

#include "octavo/emit.h"

namespace octavo::lower {
namespace {

bool HasAxes(std::string_view op) { return op == "Squeeze" || op == "Unsqueeze" || op.starts_with("Reduce"); }

Result<std::vector<Value>> WriteWithAxes(Builder& g, const std::string& op, const Arguments& a) {
  std::vector<std::int64_t> axes;
  for (const Dim& axis : a.dims("axes")) axes.push_back(axis.value());
  const Value x(&g.graph(), std::get<ir::ValueId>(a.values()[0]));
  if (op == "Squeeze") return One(g.As(Squeeze(g, x, axes), a.result()));
  if (op == "Unsqueeze") return One(g.As(Unsqueeze(g, x, axes), a.result()));
  return One(g.As(Reduce(g, op, x, axes, a.dim("keepdims") != Dim(0)), a.result()));
}

Result<std::vector<Value>> WriteAsItIs(Builder& g, const std::string& op, const Arguments& a) {
  std::vector<Value> inputs;
  Attributes attributes;
  for (std::size_t i = 0; i < a.values().size(); ++i) {
    const ir::Operand& operand = a.values()[i];
    if (!a.specs()[i].name.empty()) {
      attributes.Set(a.specs()[i].name, operand);
    } else {
      const auto* id = std::get_if<ir::ValueId>(&operand);
      inputs.push_back(id ? Value(&g.graph(), *id) : Value());
    }
  }
  std::vector<Value> values = g.Ops(op, inputs, attributes, a.results().size());
  for (std::size_t i = 0; i < values.size(); ++i) g.As(values[i], a.result(i));
  return values;
}

}  // namespace

Result<std::vector<Value>> WriteOnnxOperator(Builder& g, std::string_view op,
                                             std::vector<ir::Argument> arguments,
                                             std::vector<TensorType> results) {
  const std::string name(op.substr(kOnnxPrefix.size()));
  std::vector<ArgumentSpec> specs;
  std::vector<ir::Operand> values;
  for (ir::Argument& argument : arguments) {
    specs.push_back({.name = argument.name, .kind = ArgumentKind::kIgnored});
    values.push_back(std::move(argument.value));
  }
  const Emitter write = [&name](Builder& builder, const Arguments& a) {
    return HasAxes(name) ? WriteWithAxes(builder, name, a) : WriteAsItIs(builder, name, a);
  };
  const Arguments bound(&g.graph(), &specs, std::move(values), std::move(results));
  return g.dialect() == Dialect::kQdq ? write(g, bound) : OnReals(write)(g, bound);
}

}  // namespace octavo::lower
