#include "octavo/engine/program.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <variant>

#include <fmt/format.h>

#include "octavo/engine/call.h"
#include "octavo/engine/changed_quantizations.h"
#include "octavo/engine/channels_last.h"
#include "octavo/engine/constants.h"
#include "octavo/engine/evaluate.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine {
namespace {

// Values of this size or less that depend on constants alone are computed at once: they may be shapes.
constexpr std::int64_t kSmall = 4096;

// All operators that are not known, each with its nodes.
Status CheckOperators(const ir::Graph& graph) {
  std::map<std::string, std::vector<std::string>> unknown;
  for (const ir::Node& node : graph.nodes()) {
    if (literal::AllOperators().Find(node.op) == nullptr) unknown[node.op].push_back(node.name);
  }
  if (unknown.empty()) return {};
  Error error =
      Unsupported(unknown.size() == 1 ? "the engine does not support an operator of this model"
                                      : fmt::format("the engine does not support {} operators of this model",
                                                    unknown.size()));
  for (const auto& [op, names] : unknown) {
    error.AddDetail({.message = names.size() == 1 ? op : fmt::format("{}, {} times", op, names.size()),
                     .op = op,
                     .count = names.size(),
                     .place = names[0].empty() ? std::string() : "node " + names[0]});
  }
  return error;
}

Status CheckInput(const ir::Graph& graph, std::size_t index, const TensorType& given) {
  const ir::Value& value = graph.value(graph.inputs()[index]);
  const auto mismatch = [&] {
    return UsageError(fmt::format("input {} of the model must be {}, not {}", value.name,
                                  value.type.ToString(), given.ToString()));
  };
  if (value.type.dtype != DType::kUnknown && StorageType(value.type.dtype) != StorageType(given.dtype)) {
    return mismatch();
  }
  if (!value.type.shape || !given.shape) return {};
  if (value.type.shape->size() != given.shape->size()) return mismatch();
  for (std::size_t d = 0; d < given.shape->size(); ++d) {
    const Dim& wanted = (*value.type.shape)[d];
    const Dim& got = (*given.shape)[d];
    if (wanted.known() && got.known() && wanted.value() != got.value()) return mismatch();
  }
  return {};
}

// Marks what outputs and kept values depend on, and counts uses.
void MarkNeeded(Program& program) {
  std::vector<bool> used(program.values.size());
  const auto use = [&](ir::ValueId id) {
    used[static_cast<std::size_t>(id.index)] = true;
    program.value(id).observed = true;
  };
  for (const ir::Output& output : program.graph.outputs()) {
    use(output.value);
    ++program.value(output.value).uses;
  }
  for (const ir::ValueId id : program.options.keep) use(id);
  const auto& nodes = program.graph.nodes();
  for (std::size_t i = nodes.size(); i-- > 0;) {
    program.nodes[i].needed =
        std::any_of(nodes[i].outputs.begin(), nodes[i].outputs.end(),
                    [&](ir::ValueId id) { return used[static_cast<std::size_t>(id.index)]; });
    if (!program.nodes[i].needed) continue;
    for (const ir::ValueId id : InputsOf(nodes[i])) {
      if (!id.valid()) continue;
      used[static_cast<std::size_t>(id.index)] = true;
      ++program.value(id).uses;
    }
  }
}

// What the file says of a value must agree with what was found.
Status CheckDeclared(const Program& program, const ir::Node& node, ir::ValueId id, const ValueType& found) {
  const TensorType& declared = program.graph.type(id);
  const auto wrong = [&] {
    TensorType type{.dtype = found.dtype, .shape = Shape(found.sizes->begin(), found.sizes->end())};
    return InvalidFile(fmt::format("the model declares value {} as {}, but {} returns {}",
                                   program.graph.value(id).name, declared.ToString(), node.op,
                                   type.ToString()))
        .SetWhere(PlaceOf(node));
  };
  if (found.int8) return {};  // nothing in the file says that an edge is quantized
  if (declared.dtype != DType::kUnknown && StorageType(declared.dtype) != found.dtype) return wrong();
  if (!declared.shape) return {};
  if (declared.shape->size() != found.sizes->size()) return wrong();
  for (std::size_t d = 0; d < found.sizes->size(); ++d) {
    const Dim& dim = (*declared.shape)[d];
    if (dim.known() && dim.value() != (*found.sizes)[d]) return wrong();
  }
  return {};
}

Status PrepareNode(Program& program, ir::NodeId id) {
  const ir::Node& node = program.graph.node(id);
  std::vector<Call::Input> inputs;
  bool constant = true;
  for (const ir::ValueId input : InputsOf(node)) {
    if (!input.valid()) {
      inputs.emplace_back();
      continue;
    }
    const Program::Value& value = program.value(input);
    constant = constant && value.constant.has_value();
    inputs.push_back(
        {.type = value.type, .value = value.constant ? &*value.constant : nullptr, .given = true});
  }
  auto prepared = OCTAVO_TRY(PrepareCall(program, node, std::move(inputs)));
  if (!prepared) return {};
  std::int64_t largest = 0;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueType& type = prepared->outputs[i];
    OCTAVO_TRY(CheckDeclared(program, node, node.outputs[i], type));
    program.value(node.outputs[i]).type = type;
    largest = std::max(largest, *CountElements(*type.sizes));
  }
  program.node(id).prepared = std::move(prepared);
  const bool no_inputs = InputsOf(node).empty();
  if (no_inputs || program.node(id).prepared->from_types || (constant && largest <= kSmall)) {
    OCTAVO_TRY(Fold(program, id));
  }
  return {};
}

}  // namespace

Tensor Normalized(const Tensor& tensor) {
  Tensor integers = tensor.Integers();
  const std::size_t size = std::max<std::size_t>(ElementSize(integers.dtype), 1);
  const bool in_order = integers.contiguous() && !integers.flip_sign_bit && integers.storage != nullptr;
  if (in_order && reinterpret_cast<std::uintptr_t>(integers.storage->bytes.data()) % size == 0) {
    Tensor reshaped = integers.Reshaped(integers.sizes);
    return reshaped;
  }
  return Tensor::FromBytes(integers.dtype, integers.sizes, integers.Bytes());
}

Result<Program> MakeProgram(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                            const Options& options) {
  OCTAVO_TRY(CheckOperators(graph));
  if (inputs.size() != graph.inputs().size()) {
    return UsageError(
        fmt::format("the model has {} inputs, but {} were given", graph.inputs().size(), inputs.size()));
  }
  Program program;
  program.graph = graph;
  program.options = options;
  program.memory.emplace(*options.budget);
  program.work.emplace(*options.budget);
  program.arithmetic = options.arithmetic.value_or(DefaultArithmetic(graph));
  // ONNX Runtime's own QuantizeLinear and DequantizeLinear are older forms of ONNX's with 16-bit integers.
  for (ir::Node& node : program.graph.nodes()) {
    if (node.op == "com.microsoft::QuantizeLinear" || node.op == "com.microsoft::DequantizeLinear")
      node.op.erase(0, std::string_view("com.microsoft::").size());
  }
  if (program.arithmetic == Arithmetic::kOnnxRuntime && options.fuse) {
    MergeQuantizations(program);
    QuantizeConstants(program);
    RemoveClips(program);
    FindChannelsLast(program);
  }
  program.values.resize(program.graph.num_values());
  program.nodes.resize(graph.nodes().size());
  for (const ir::ValueId id : options.keep) {
    if (!id.valid() || static_cast<std::size_t>(id.index) >= graph.num_values())
      return UsageError("a requested value does not exist in the graph");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    OCTAVO_TRY(CheckInput(graph, i, inputs[i]));
    ValueType& type = program.value(graph.inputs()[i]).type;
    type.dtype = StorageType(inputs[i].dtype);
    if (inputs[i].shape) type.sizes = KnownSizes(*inputs[i].shape);
    // An Int8 operator that reads a graph input: a part of a model, cut out to be run by itself.
    if (inputs[i].dtype == DType::kQUint8 && inputs[i].quantization->per_tensor()) {
      type.int8 = Int8Parameters{static_cast<float>(inputs[i].quantization->scale()),
                                 static_cast<std::int32_t>(inputs[i].quantization->zero_point())};
    }
    if (type.sizes && !CountElements(*type.sizes))
      return UsageError(fmt::format("an input of {} is too large", inputs[i].ToString()));
  }
  for (std::size_t v = 0; v < program.values.size(); ++v) {
    const auto& constant = program.graph.value(ir::ValueId{static_cast<std::int32_t>(v)}).constant;
    if (!constant) continue;
    program.values[v].constant = Normalized(*constant);
    program.values[v].type = {.dtype = program.values[v].constant->dtype, .sizes = constant->sizes};
  }
  MarkNeeded(program);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i)
    OCTAVO_TRY(PrepareNode(program, static_cast<ir::NodeId>(i)));
  return program;
}

}  // namespace octavo::engine
