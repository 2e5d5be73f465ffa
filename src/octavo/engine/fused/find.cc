#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "octavo/engine/fused/plan.h"

namespace octavo::engine::fused {
namespace {

// Cuts the range as a Clip does; false: its bounds are not known.
bool CutByClip(const Pattern& pattern, const ir::Node& node, const Quant& quant, Range& range) {
  const auto bounds = pattern.BoundsOfClip(node);
  if (!bounds) return false;
  range.low = std::max(range.low, quant.Integer(pattern.policy().Quantize(bounds->first, quant)));
  range.high = std::min(range.high, quant.Integer(pattern.policy().Quantize(bounds->second, quant)));
  // Another Clip may have left nothing of this range.
  range.high = std::max(range.low, range.high);
  return true;
}

std::optional<Target> TargetOf(const Pattern& pattern, ir::NodeId id) {
  const ir::Node& node = pattern.node(id);
  const auto quant = pattern.QuantOf(node);
  auto output = pattern.EdgeOf(node.outputs[0]);
  const auto inputs = InputsOf(node);
  const auto real = pattern.EdgeOf(inputs[0]);
  if (!quant || !output || output->is_float || !real || !real->is_float) return std::nullopt;
  Target target = {
      .node = id, .output = *std::move(output), .quant = *quant, .nodes = {id}, .real = inputs[0]};
  target.range = {quant->low(), quant->high()};
  target.made_unsigned = pattern.IsMadeUnsigned(target.output.value);
  const bool as_onnx_runtime = pattern.policy().arithmetic() == Arithmetic::kOnnxRuntime;
  int cuts = 0;
  for (ir::ValueId value = target.real; pattern.Private(value);) {
    const ir::NodeId made = pattern.Producer(value);
    if (made == ir::kNoNode || pattern.Constant(value) != nullptr) break;
    const ir::Node& before = pattern.node(made);
    if (before.op == "Relu") {
      target.range.low = std::max(target.range.low, quant->zero_point);
    } else if (before.op != "Clip" || !CutByClip(pattern, before, *quant, target.range)) {
      target.anchor = made;
      break;
    }
    if (as_onnx_runtime && (++cuts > 1 || !pattern.IsRedundant(before, node))) target.clip_is_kept = true;
    target.nodes.push_back(made);
    value = InputsOf(before)[0];
  }
  target.range.low = std::min(target.range.low, target.range.high);
  return target;
}

std::vector<Group> One(std::optional<Group> group) {
  std::vector<Group> groups;
  if (group) groups.push_back(*std::move(group));
  return groups;
}

std::vector<Group> FuseAt(const Pattern& pattern, ir::NodeId id) {
  const ir::Node& node = pattern.node(id);
  if (pattern.IsInt8Boundary(node) && node.op.ends_with("Int8Quantize")) {
    if (const auto target = TargetOf(pattern, id)) {
      if (auto group = FuseSumOrProduct(pattern, *target)) return One(std::move(group));
    }
  }
  if (node.op.starts_with("org.pytorch._caffe2::")) return One(FuseInt8(pattern, id));
  if (node.op == "MatMul" || node.op == "Gemm") return One(FuseToFloat(pattern, id));
  if (node.op != "QuantizeLinear") return FuseIntegerMovement(pattern, id);
  const auto target = TargetOf(pattern, id);
  if (!target) return {};
  if (target->clip_is_kept) {
    for (const auto fuse : {FuseElementwise, QuantizeAlone}) {
      if (auto group = fuse(pattern, *target)) return One(std::move(group));
    }
    return {};
  }
  for (const auto fuse :
       {FuseConvolution, FuseMatMul, FuseProduct, FuseSumOrProduct, FuseConcat, FuseMaxPool, FuseAverage,
        FusePoolAlone, FuseSoftmax, FuseMovement, FuseElementwise, QuantizeAlone}) {
    if (auto group = fuse(pattern, *target)) return One(std::move(group));
  }
  return {};
}

// DequantizeLinear of constants: weights and biases that are packed.
void AddConstants(const Pattern& pattern, Group& group) {
  for (const ir::NodeId id : group.nodes) {
    for (const ir::ValueId input : InputsOf(pattern.node(id))) {
      const ir::NodeId made = pattern.Producer(input);
      if (made == ir::kNoNode || pattern.node(made).op != "DequantizeLinear") continue;
      if (pattern.Constant(InputsOf(pattern.node(made))[0]) != nullptr) group.dequantized.push_back(made);
    }
  }
}

// Movements of what only another movement makes become one.
void JoinMovements(const Pattern& pattern, std::vector<Group>& groups) {
  std::map<std::int32_t, std::size_t> makers;  // by the value's index
  std::vector<bool> gone(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Group& group = groups[g];
    if (!group.map) continue;
    // A node with several results is several groups.
    if (pattern.node(pattern.Producer(group.output.value)).outputs.size() != 1) continue;
    const ir::ValueId value = group.inputs[0].value;
    const auto maker = makers.find(value.index);
    if (maker != makers.end() && pattern.Private(value) &&
        std::ranges::find(group.nodes, pattern.users(value)[0]) != group.nodes.end()) {
      Group& before = groups[maker->second];
      std::vector<std::int32_t> map = *group.map;
      for (std::int32_t& index : map) index = (*before.map)[static_cast<std::size_t>(index)];
      group.inputs = std::move(before.inputs);
      // The longer list grows: a chain of movements is joined one by one.
      before.nodes.insert(before.nodes.end(), group.nodes.begin(), group.nodes.end());
      group.nodes = std::move(before.nodes);
      gone[maker->second] = true;
      SetMovement(group, std::move(map));
    }
    // A node with several results stays where it is.
    if (pattern.node(pattern.Producer(group.output.value)).outputs.size() == 1)
      makers[group.output.value.index] = g;
  }
  std::size_t kept = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (gone[g]) continue;
    if (kept != g) groups[kept] = std::move(groups[g]);
    ++kept;
  }
  groups.resize(kept);
}

}  // namespace

std::vector<Group> FindGroups(const Pattern& pattern) {
  const Program& program = pattern.program();
  std::vector<Group> groups;
  std::vector<bool> fused(program.nodes.size());
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    const auto id = static_cast<ir::NodeId>(n);
    if (!program.nodes[n].needed || !program.nodes[n].prepared || program.nodes[n].folded) continue;
    for (Group& group : FuseAt(pattern, id)) {
      const bool constant = std::all_of(group.inputs.begin(), group.inputs.end(), [&](const Edge& input) {
        return pattern.Constant(input.value) != nullptr;
      });
      if (constant) continue;
      for (const ir::NodeId node : group.nodes) fused[static_cast<std::size_t>(node)] = true;
      AddConstants(pattern, group);
      groups.push_back(std::move(group));
    }
  }
  for (Group& group : groups) {
    for (const ir::NodeId node : group.dequantized) {
      if (fused[static_cast<std::size_t>(node)]) continue;
      const ir::ValueId real = pattern.node(node).outputs[0];
      const auto& users = pattern.users(real);
      const bool unwanted =
          !program.value(real).observed && std::all_of(users.begin(), users.end(), [&](ir::NodeId user) {
            return fused[static_cast<std::size_t>(user)];
          });
      if (!unwanted) continue;
      fused[static_cast<std::size_t>(node)] = true;
      group.nodes.push_back(node);
    }
  }
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    if (fused[n] || !program.nodes[n].needed || !program.nodes[n].prepared || program.nodes[n].folded)
      continue;
    if (program.graph.nodes()[n].op != "DequantizeLinear") continue;
    if (auto group = DequantizeAlone(pattern, static_cast<ir::NodeId>(n)))
      groups.push_back(*std::move(group));
  }
  const auto last = [](const Group& group) {
    return *std::max_element(group.nodes.begin(), group.nodes.end());
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const Group& a, const Group& b) { return last(a) < last(b); });
  JoinMovements(pattern, groups);
  return groups;
}

}  // namespace octavo::engine::fused
