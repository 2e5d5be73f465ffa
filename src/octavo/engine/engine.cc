#include "octavo/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include <fmt/format.h>

#include "octavo/base/out_of_memory.h"
#include "octavo/engine/evaluate.h"
#include "octavo/engine/fuse.h"
#include "octavo/engine/program.h"
#include "octavo/engine/step.h"

namespace octavo::engine {

std::string_view Name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kPyTorch:
      return "pytorch";
    case Arithmetic::kOnnxRuntime:
      return "onnxruntime";
    case Arithmetic::kCaffe2:
      return "caffe2";
  }
  return "";
}

Arithmetic DefaultArithmetic(const ir::Graph& graph) {
  const bool caffe2 = std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const ir::Node& node) {
    return node.op.starts_with("org.pytorch._caffe2::");
  });
  return caffe2 ? Arithmetic::kPyTorch : Arithmetic::kOnnxRuntime;
}

struct CompiledModel::Plan {
  Program program;
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<std::vector<ir::ValueId>> releases;  // by step: values that nothing reads after it
  std::size_t buffer_bytes = 0;

  // Frames of runs that have ended: their buffers are used again.
  std::mutex mutex;
  std::vector<std::unique_ptr<Frame>> frames;

  Result<std::unique_ptr<Frame>> TakeFrame();
  void PutBack(std::unique_ptr<Frame> frame);
  Status Start(Frame& frame, const std::vector<Tensor>& inputs) const;
};

Result<std::unique_ptr<Frame>> CompiledModel::Plan::TakeFrame() {
  {
    const std::lock_guard lock(mutex);
    if (!frames.empty()) {
      std::unique_ptr<Frame> frame = std::move(frames.back());
      frames.pop_back();
      frame->StartRun();
      return frame;
    }
  }
  return Frame::Make(program, buffer_bytes);
}

void CompiledModel::Plan::PutBack(std::unique_ptr<Frame> frame) {
  for (std::size_t v = 0; v < program.values.size(); ++v)
    frame->Release(ir::ValueId{static_cast<std::int32_t>(v)});
  const std::lock_guard lock(mutex);
  frames.push_back(std::move(frame));
}

Status CompiledModel::Plan::Start(Frame& frame, const std::vector<Tensor>& inputs) const {
  const auto& ids = program.graph.inputs();
  if (inputs.size() != ids.size())
    return UsageError(fmt::format("the model has {} inputs, but {} were given", ids.size(), inputs.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const ValueType& type = program.value(ids[i]).type;
    const Tensor& input = inputs[i];
    if (StorageType(input.dtype) != type.dtype || (type.sizes && input.sizes != *type.sizes)) {
      TensorType wanted{.dtype = type.dtype};
      if (type.sizes) wanted.shape = Shape(type.sizes->begin(), type.sizes->end());
      return UsageError(fmt::format("input {} was compiled for {}, but {} was given",
                                    program.graph.value(ids[i]).name, wanted.ToString(),
                                    input.type().ToString()));
    }
    frame.Set(ids[i], Normalized(input));
  }
  return {};
}

namespace {

// Nodes that depend on constants alone, once it is known which are left to be evaluated.
Status FoldConstants(Program& program, const std::vector<bool>& fused) {
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    const auto id = static_cast<ir::NodeId>(n);
    const Program::Node& node = program.node(id);
    if (fused[n] || !node.needed || node.folded || !node.prepared) continue;
    const auto inputs = InputsOf(program.graph.node(id));
    const bool constant = std::all_of(inputs.begin(), inputs.end(), [&program](ir::ValueId input) {
      return !input.valid() || program.value(input).constant.has_value();
    });
    if (constant) OCTAVO_TRY(Fold(program, id));
  }
  return {};
}

}  // namespace

Result<CompiledModel> CompiledModel::Compile(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                                             const Options& options) {
  return CatchOutOfMemory([&] { return Planned(graph, inputs, options); },
                          [] { return std::string("the plan of the model's run"); });
}

Result<CompiledModel> CompiledModel::Planned(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                                             const Options& options) {
  auto plan = std::make_unique<Plan>();
  plan->program = OCTAVO_TRY(MakeProgram(graph, inputs, options));
  Program& program = plan->program;

  Fusion fusion;
  // A node whose results have no elements is skipped when it runs by itself (evaluate.cc); a fused group is
  // not, and would loop over its other sizes.  An empty batch costs a group nothing: its loops begin there.
  const bool empty = std::ranges::any_of(program.values, [](const Program::Value& value) {
    return value.type.sizes && !value.constant && !value.type.sizes->empty() &&
           std::find(value.type.sizes->begin() + 1, value.type.sizes->end(), 0) != value.type.sizes->end();
  });
  if (options.fuse && !empty) fusion = OCTAVO_TRY(Fuse(program));
  plan->buffer_bytes = fusion.buffer_bytes;
  std::vector<bool> fused(program.nodes.size());
  std::vector<std::unique_ptr<Step>> at(program.nodes.size());
  for (FusedStep& step : fusion.steps) {
    for (const ir::NodeId node : step.nodes) fused[static_cast<std::size_t>(node)] = true;
    const ir::NodeId last = *std::max_element(step.nodes.begin(), step.nodes.end());
    at[static_cast<std::size_t>(last)] = std::move(step.step);
  }
  OCTAVO_TRY(FoldConstants(program, fused));
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    const Program::Node& node = program.nodes[n];
    if (!fused[n] && node.needed && !node.folded) at[n] = LiteralStep(program, static_cast<ir::NodeId>(n));
    if (at[n]) plan->steps.push_back(std::move(at[n]));
  }

  std::vector<bool> outputs(program.values.size());
  for (const ir::Output& output : graph.outputs())
    outputs[static_cast<std::size_t>(output.value.index)] = true;
  std::vector<bool> seen(program.values.size());
  plan->releases.resize(plan->steps.size());
  for (std::size_t s = plan->steps.size(); s-- > 0;) {
    for (const auto* list : {&plan->steps[s]->reads, &plan->steps[s]->writes}) {
      for (const ir::ValueId id : *list) {
        const auto v = static_cast<std::size_t>(id.index);
        if (!seen[v] && !outputs[v]) plan->releases[s].push_back(id);
        seen[v] = true;
      }
    }
  }
  return CompiledModel(std::move(plan));
}

CompiledModel::CompiledModel(std::unique_ptr<Plan> plan) : plan_(std::move(plan)) {}
CompiledModel::~CompiledModel() = default;
CompiledModel::CompiledModel(CompiledModel&&) noexcept = default;
CompiledModel& CompiledModel::operator=(CompiledModel&&) noexcept = default;

Result<std::vector<Tensor>> CompiledModel::Run(const std::vector<Tensor>& inputs, const Observer& observer,
                                               std::vector<StepTime>* times) const {
  return CatchOutOfMemory([&] { return RunSteps(inputs, observer, times); },
                          [] { return std::string("the values of the model's run"); });
}

Result<std::vector<Tensor>> CompiledModel::RunSteps(const std::vector<Tensor>& inputs,
                                                    const Observer& observer,
                                                    std::vector<StepTime>* times) const {
  const Program& program = plan_->program;
  std::unique_ptr<Frame> frame = OCTAVO_TRY(plan_->TakeFrame());
  OCTAVO_TRY(plan_->Start(*frame, inputs));
  const auto observe = [&](ir::ValueId id) {
    if (observer && program.value(id).observed) observer(id, frame->Get(id));
  };
  if (observer) {
    for (std::size_t v = 0; v < program.values.size(); ++v) {
      const ir::ValueId id{static_cast<std::int32_t>(v)};
      if (frame->Has(id)) observe(id);
    }
  }
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = *plan_->steps[s];
    const auto begin = std::chrono::steady_clock::now();
    OCTAVO_TRY(
        CatchOutOfMemory([&] { return step.Run(*frame); }, [&] { return "the results of " + step.name; }));
    if (times != nullptr) {
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
      times->push_back({.name = step.name, .kind = step.kind, .seconds = taken.count()});
    }
    for (const ir::ValueId id : step.writes) observe(id);
    for (const ir::ValueId id : plan_->releases[s]) frame->Release(id);
  }
  std::vector<Tensor> outputs;
  for (const ir::Output& output : program.graph.outputs()) outputs.push_back(frame->Get(output.value));
  plan_->PutBack(std::move(frame));
  return outputs;
}

}  // namespace octavo::engine
