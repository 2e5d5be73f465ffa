#include "octavo/engine/fused/plan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "octavo/engine/call.h"
#include "octavo/engine/cost.h"
#include "octavo/engine/fused/memory.h"
#include "octavo/engine/step.h"

namespace octavo::engine::fused {
namespace {

// Than the loops for which CostOf() is.
constexpr double kTimesFaster = 4;

// What all steps of a model share.
struct Shared {
  Machine machine;
  std::unique_ptr<kernels::ThreadPool> pool;
  Memory memory;
};

// Memory of the plan, or a value of the frame.
struct Place {
  int buffer = -1;
  ir::ValueId value;
};

struct Action {
  std::unique_ptr<Operation> operation;
  std::vector<Place> inputs;
  Place output;
  int scratch = -1;
};

class FusedGroup final : public Step {
 public:
  FusedGroup(const Program& program, std::shared_ptr<const Shared> shared)
      : program_(program), shared_(std::move(shared)) {}

  void Add(Action action) {
    for (const Place& input : action.inputs) {
      if (input.value.valid()) reads.push_back(input.value);
    }
    if (action.output.value.valid()) writes.push_back(action.output.value);
    actions_.push_back(std::move(action));
  }

  double multiply_adds = 0;

  Status Run(Frame& frame) const override {
    if (Status status = frame.work().Take(multiply_adds); !status)
      return status.error().SetWhere("node " + name);
    std::vector<const std::byte*> inputs;
    for (const Action& action : actions_) {
      inputs.clear();
      for (const Place& input : action.inputs) {
        inputs.push_back(input.value.valid() ? Begin(frame.Get(input.value)) : Address(frame, input.buffer));
      }
      std::byte* scratch = action.scratch < 0 ? nullptr : Address(frame, action.scratch);
      if (!action.output.value.valid()) {
        action.operation->Run(shared_->machine, inputs, Address(frame, action.output.buffer), scratch);
        continue;
      }
      const ValueType& type = program_.value(action.output.value).type;
      const auto size = static_cast<std::size_t>(*CountBytes(*type.sizes, type.dtype));
      const auto what = [&] { return ResultText(type); };
      if (Status status = frame.memory().Take(size, what); !status)
        return status.error().SetWhere("node " + name);
      std::vector<std::byte> bytes(size);
      action.operation->Run(shared_->machine, inputs, bytes.data(), scratch);
      frame.memory().GiveBack(size);
      OCTAVO_TRY(
          frame.Hold(action.output.value, Tensor::FromBytes(type.dtype, *type.sizes, std::move(bytes))));
    }
    return {};
  }

 private:
  std::byte* Address(Frame& frame, int buffer) const {
    return frame.buffer() + shared_->memory.offset(buffer);
  }

  const Program& program_;
  std::shared_ptr<const Shared> shared_;
  std::vector<Action> actions_;
};

class Planner {
 public:
  Planner(const Pattern& pattern, const std::vector<Group>& groups)
      : pattern_(pattern), shared_(std::make_shared<Shared>()), buffers_(pattern.program().values.size()) {
    constexpr int kMostThreads = 256;
    shared_->pool =
        std::make_unique<kernels::ThreadPool>(std::clamp(pattern.program().options.threads, 1, kMostThreads));
    shared_->machine = {.table = &kernels::Best(), .pool = shared_->pool.get()};
    fused_.resize(pattern.program().nodes.size());
    for (const Group& group : groups) {
      for (const ir::NodeId node : group.nodes) fused_[static_cast<std::size_t>(node)] = true;
    }
  }

  void Add(const Group& group) {
    // The results of one node are made by one step.
    const ir::NodeId last = *std::max_element(group.nodes.begin(), group.nodes.end());
    if (last != last_) {
      auto added = std::make_unique<FusedGroup>(pattern_.program(), shared_);
      added->name = group.name;
      added->kind = group.kind;
      step_ = added.get();
      fusion_.steps.push_back({.step = std::move(added), .nodes = group.nodes});
      last_ = last;
      ++now_;
    }
    FusedGroup* const step = step_;
    for (const ir::NodeId node : group.nodes) {
      const auto& prepared = pattern_.program().node(node).prepared;
      if (prepared) step->multiply_adds += prepared->cost.multiply_adds / kTimesFaster;
    }
    std::vector<LayoutSet> available;
    for (const Edge& input : group.inputs) available.push_back(Available(input));
    const Choice choice = group.choose(available);
    Action action;
    for (std::size_t i = 0; i < group.inputs.size(); ++i) {
      action.inputs.push_back(Get(group.inputs[i], choice.inputs[i], *step));
    }
    const Edge& output = group.output;
    if (output.is_float) {
      action.output.value = output.value;
    } else if (choice.alias && action.inputs[0].buffer >= 0) {
      action.output = action.inputs[0];
    } else {
      action.output.buffer = shared_->memory.Add(static_cast<std::size_t>(output.count()), now_);
    }
    const int buffer = action.output.buffer;
    if (!(choice.alias && buffer >= 0 && buffer == action.inputs[0].buffer)) {
      action.operation = group.make(choice);
      AddAction(*step, std::move(action));
    }
    if (buffer >= 0) {
      Buffer(output.value, choice.output) = buffer;
      if (LayoutsAgree(output.sizes)) Buffer(output.value, Other(choice.output)) = buffer;
    }
    if (!output.is_float && WantedOutside(output.value)) {
      Action copy;
      copy.inputs.push_back(Get(output, Layout::kPlain, *step));
      copy.output.value = output.value;
      copy.operation = MakeCopy(output.count());
      AddAction(*step, std::move(copy));
    }
  }

  Fusion Finish() {
    fusion_.buffer_bytes = shared_->memory.Place();
    return std::move(fusion_);
  }

 private:
  static Layout Other(Layout layout) {
    return layout == Layout::kPlain ? Layout::kChannelsLast : Layout::kPlain;
  }
  int& Buffer(ir::ValueId value, Layout layout) {
    return buffers_[static_cast<std::size_t>(value.index)].by_layout[static_cast<std::size_t>(layout)];
  }

  // Whether a node that is evaluated literally, or somebody who observes, reads the value.
  bool WantedOutside(ir::ValueId value) const {
    if (pattern_.program().value(value).observed) return true;
    const auto& users = pattern_.users(value);
    return std::any_of(users.begin(), users.end(),
                       [&](ir::NodeId user) { return !fused_[static_cast<std::size_t>(user)]; });
  }

  LayoutSet Available(const Edge& edge) {
    LayoutSet set = {Buffer(edge.value, Layout::kPlain) >= 0, Buffer(edge.value, Layout::kChannelsLast) >= 0};
    if (!set[0] && !set[1]) set = {true, LayoutsAgree(edge.sizes)};
    return set;
  }

  // The tensor in a layout; what is needed for that is done in `step`.
  Place Get(const Edge& edge, Layout layout, FusedGroup& step) {
    if (edge.is_float) return {.value = edge.value};
    int& wanted = Buffer(edge.value, layout);
    const int other = Buffer(edge.value, Other(layout));
    if (wanted >= 0) {
      shared_->memory.Hold(wanted, now_);
      return {.buffer = wanted};
    }
    const bool in_frame = other < 0;
    if (in_frame && (layout == Layout::kPlain || LayoutsAgree(edge.sizes))) return {.value = edge.value};
    Action action;
    action.inputs.push_back(in_frame ? Place{.value = edge.value} : Place{.buffer = other});
    if (!in_frame) shared_->memory.Hold(other, now_);
    wanted = shared_->memory.Add(static_cast<std::size_t>(edge.count()), now_);
    action.output.buffer = wanted;
    const std::int64_t batch = edge.sizes[0], channels = edge.sizes[1];
    std::int64_t pixels = 1;
    for (std::size_t d = 2; d < edge.sizes.size(); ++d) pixels *= edge.sizes[d];
    action.operation = layout == Layout::kChannelsLast ? MakeTranspose(batch, channels, pixels)
                                                       : MakeTranspose(batch, pixels, channels);
    AddAction(step, std::move(action));
    return {.buffer = Buffer(edge.value, layout)};
  }

  void AddAction(FusedGroup& step, Action action) {
    const std::size_t scratch = action.operation->scratch_size(shared_->machine);
    if (scratch > 0) action.scratch = shared_->memory.Add(scratch, now_);
    step.Add(std::move(action));
  }

  struct Buffers {
    std::array<int, kNumLayouts> by_layout = {-1, -1};
  };

  const Pattern& pattern_;
  std::shared_ptr<Shared> shared_;
  std::vector<Buffers> buffers_;  // by value
  std::vector<bool> fused_;
  Fusion fusion_;
  // The step that is made, its last node, and its number.
  FusedGroup* step_ = nullptr;
  ir::NodeId last_ = ir::kNoNode;
  int now_ = -1;
};

}  // namespace

Fusion MakeSteps(const Pattern& pattern, std::vector<Group> groups) {
  Planner planner(pattern, groups);
  for (Group& group : groups) {
    planner.Add(group);
    group.make = {};  // the weights that it holds are packed now
    group.choose = {};
  }
  return planner.Finish();
}

}  // namespace octavo::engine::fused
