#include "octavo/engine/evaluate.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/base/checked.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/engine/cost.h"
#include "octavo/engine/literal/onnxruntime.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/ir/inputs.h"

namespace octavo::engine {
namespace {

int OpsetOf(const ir::Graph& graph, const std::string& op) {
  const std::size_t at = op.rfind("::");
  const std::string domain = at == std::string::npos ? std::string() : op.substr(0, at);
  auto opset = graph.opsets.find(domain);
  // "ai.onnx" is another name of ONNX's own domain.
  if (opset == graph.opsets.end() && domain.empty()) opset = graph.opsets.find("ai.onnx");
  constexpr int kUnsaid = 17;
  return opset == graph.opsets.end() ? kUnsaid : opset->second;
}

// `budget`: how many more nodes are looked at, so that no graph takes long.
bool IsStoredWithin(const Program& program, ir::ValueId value, int& budget) {
  if (!value.valid() || program.quantized.contains(value.index)) return false;
  const ir::Value& of = program.graph.value(value);
  if (of.constant) return true;
  if (of.producer == ir::kNoNode || --budget < 0) return false;
  const ir::Node& node = program.graph.node(of.producer);
  const auto inputs = InputsOf(node);
  return !node.op.ends_with("DequantizeLinear") && !inputs.empty() &&
         std::all_of(inputs.begin(), inputs.end(),
                     [&](ir::ValueId id) { return !id.valid() || IsStoredWithin(program, id, budget); });
}

// What a kernel does that contradicts what it said when it was prepared.
Error Broken(const ir::Node& node, std::string_view what) {
  return std::move(Unsupported(fmt::format("{}: {}", node.op, what),
                               "Please report this bug of Octavo together with the model.")
                       .SetWhere(PlaceOf(node)));
}

Error Located(Error error, const ir::Node& node) {
  Error located(error.code(), fmt::format("{}: {}", node.op, error.what()), error.hint());
  located.SetWhere(PlaceOf(node));
  return located;
}

std::string WhatOf(const Prepared& prepared) {
  return prepared.outputs.empty() ? std::string("this operator") : ResultText(prepared.outputs[0]);
}

bool IsEmpty(const ValueType& type) { return CountElements(*type.sizes) == std::int64_t{0}; }

// Integers are computed as int64.
Status CheckUnsigned(const ir::Node& node, const Operands& operands) {
  for (const Tensor* operand : operands) {
    if (operand == nullptr || operand->dtype != DType::kUint64 || ir::IsMovement(node)) continue;
    const std::vector<std::int64_t> values = operand->ToInts();
    if (std::ranges::any_of(values, [](std::int64_t v) { return v < 0; })) {
      return Located(Unsupported("numbers of 2^63 and more are not supported", "Use int64 or floats."), node);
    }
  }
  return {};
}

Result<std::vector<Tensor>> Compute(const ir::Node& node, const Prepared& prepared, const Operands& operands,
                                    Memory& memory, Work& work) {
  // Kernels walk over the sizes, of which all but one may be large.
  if (std::ranges::all_of(prepared.outputs, IsEmpty)) {
    std::vector<Tensor> empty;
    for (const ValueType& type : prepared.outputs)
      empty.push_back(Tensor::FromBytes(type.dtype, *type.sizes, {}));
    return empty;
  }
  OCTAVO_TRY(CheckUnsigned(node, operands));
  const auto what = [&] { return WhatOf(prepared); };
  const std::uint64_t bytes = prepared.cost.result_bytes + prepared.cost.kernel_bytes;
  if (Status status = memory.Take(bytes, what); !status) return Located(status.error(), node);
  if (Status status = work.Take(prepared.cost.multiply_adds); !status) {
    memory.GiveBack(bytes);
    return Located(status.error(), node);
  }
  bool no_memory = false;
  auto results = CatchOutOfMemory([&] { return prepared.compute(operands); },
                                  [&] {
                                    no_memory = true;
                                    return what();
                                  });
  memory.GiveBack(bytes);
  if (!results) {
    Error error = std::move(results).error();
    if (no_memory) return Located(std::move(error), node);
    error.SetWhere(PlaceOf(node));
    return error;
  }
  if (results->size() != prepared.outputs.size()) return Broken(node, "the number of results changed");
  for (std::size_t i = 0; i < results->size(); ++i) {
    Tensor& tensor = (*results)[i];
    const ValueType& type = prepared.outputs[i];
    if (tensor.dtype != type.dtype || tensor.sizes != *type.sizes) {
      return Broken(node, fmt::format("result {} turned out to be {}", i, tensor.type().ToString()));
    }
    tensor = Normalized(tensor);
  }
  return results;
}

class Literal final : public Step {
 public:
  Literal(const Program& program, ir::NodeId id) : program_(program), id_(id) {
    const ir::Node& node = program.graph.node(id);
    inputs_ = InputsOf(node);
    for (const ir::ValueId input : inputs_) {
      if (input.valid()) reads.push_back(input);
    }
    writes = node.outputs;
    name = node.name;
    kind = node.op;
  }

  Status Run(Frame& frame) const override {
    const ir::Node& node = program_.graph.node(id_);
    const auto& known = program_.node(id_).prepared;
    Operands operands;
    for (const ir::ValueId input : inputs_) operands.push_back(input.valid() ? &frame.Get(input) : nullptr);
    if (known) {
      return Set(frame, node, *known,
                 OCTAVO_TRY(Compute(node, *known, operands, frame.memory(), frame.work())));
    }

    std::vector<Call::Input> inputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (operands[i] == nullptr) {
        inputs.emplace_back();
      } else {
        inputs.push_back({.type = frame.Type(inputs_[i]), .value = operands[i], .given = true});
      }
    }
    const auto prepared = OCTAVO_TRY(PrepareCall(program_, node, std::move(inputs)));
    if (!prepared) return Broken(node, "a type is unknown when the node runs");
    return Set(frame, node, *prepared,
               OCTAVO_TRY(Compute(node, *prepared, operands, frame.memory(), frame.work())));
  }

 private:
  Status Set(Frame& frame, const ir::Node& node, const Prepared& prepared,
             std::vector<Tensor> results) const {
    for (std::size_t i = 0; i < results.size(); ++i) {
      frame.SetInt8(node.outputs[i], prepared.outputs[i].int8);
      const Status held = frame.Hold(node.outputs[i], std::move(results[i]));
      if (!held) return Located(held.error(), node);
    }
    return {};
  }

  const Program& program_;
  ir::NodeId id_;
  std::vector<ir::ValueId> inputs_;
};

}  // namespace

bool IsStored(const Program& program, ir::ValueId value) {
  constexpr int kMostNodes = 32;
  int budget = kMostNodes;
  return IsStoredWithin(program, value, budget);
}

namespace {

Result<std::optional<Prepared>> PrepareWithMemory(const Program& program, const ir::Node& node,
                                                  std::vector<Call::Input> inputs) {
  Call call(node, OpsetOf(program.graph, node.op), program.arithmetic, std::move(inputs));
  const Prepare prepare = literal::AllOperators().Find(node.op);
  if (prepare == nullptr) return call.NotSupported("the engine does not support this operator");
  if (node.outputs.empty()) return call.Invalid("the node has no outputs");
  Result<Prepared> prepared = prepare(call);
  if (call.deferred()) return std::optional<Prepared>();
  if (prepared && program.arithmetic == Arithmetic::kOnnxRuntime && program.options.fuse) {
    const auto operands = InputsOf(node);
    const ir::NodeId producer =
        operands.empty() || !operands[0].valid() ? ir::kNoNode : program.graph.value(operands[0]).producer;
    const bool in_blocks = producer == ir::kNoNode || program.graph.node(producer).op == "AveragePool" ||
                           program.graph.node(producer).op == "MaxPool";
    const bool stored = operands.size() > 1 && IsStored(program, operands[1]);
    prepared = literal::AsOnnxRuntime(call, std::move(prepared).Take(),
                                      {.channels_last = program.channels_last.contains(node.outputs[0].index),
                                       .first_in_blocks = in_blocks,
                                       .second_is_stored = stored});
    if (call.deferred()) return std::optional<Prepared>();
  }
  if (!prepared) return std::move(prepared).error();
  OCTAVO_TRY(call.CheckAttributes());
  if (prepared->outputs.size() < node.outputs.size()) {
    return call.Invalid(fmt::format("the node has {} outputs, but at most {} are allowed",
                                    node.outputs.size(), prepared->outputs.size()));
  }
  if (prepared->outputs.size() > node.outputs.size())
    return call.Invalid(fmt::format("the node has {} outputs, but {} are expected", node.outputs.size(),
                                    prepared->outputs.size()));
  for (const ValueType& type : prepared->outputs) {
    if (!CountElements(*type.sizes)) {
      return call.Invalid(fmt::format("the result has more than {} elements", kMaxTensorElements));
    }
  }
  prepared->cost = CostOf(call, prepared->outputs);
  return std::optional<Prepared>(std::move(prepared).Take());
}

}  // namespace

Result<std::optional<Prepared>> PrepareCall(const Program& program, const ir::Node& node,
                                            std::vector<Call::Input> inputs) {
  bool no_memory = false;
  auto prepared = CatchOutOfMemory([&] { return PrepareWithMemory(program, node, std::move(inputs)); },
                                   [&] {
                                     no_memory = true;
                                     return std::string("this operator");
                                   });
  if (!prepared && no_memory) return Located(std::move(prepared).error(), node);
  return prepared;
}

Status Fold(Program& program, ir::NodeId id) {
  const ir::Node& node = program.graph.node(id);
  Operands operands;
  for (const ir::ValueId input : InputsOf(node)) {
    const auto* constant =
        input.valid() && program.value(input).constant ? &*program.value(input).constant : nullptr;
    operands.push_back(constant);
  }
  std::vector<Tensor> results =
      OCTAVO_TRY(Compute(node, *program.node(id).prepared, operands, *program.memory, *program.work));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Status held = program.memory->Take(results[i].num_bytes(),
                                             [&] { return ResultText(program.value(node.outputs[i]).type); });
    if (!held) return Located(held.error(), node);
    program.value(node.outputs[i]).constant = std::move(results[i]);
  }
  program.node(id).folded = true;
  return {};
}

std::unique_ptr<Step> LiteralStep(const Program& program, ir::NodeId id) {
  return std::make_unique<Literal>(program, id);
}

}  // namespace octavo::engine
