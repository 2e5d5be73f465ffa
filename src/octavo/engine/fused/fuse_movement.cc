#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "octavo/engine/evaluate.h"
#include "octavo/engine/fused/pattern.h"

namespace octavo::engine::fused {
namespace {

const std::set<std::string_view> kMovements = {"DepthToSpace",
                                               "Expand",
                                               "Flatten",
                                               "Gather",
                                               "Identity",
                                               "Reshape",
                                               "Slice",
                                               "Split",
                                               "SpaceToDepth",
                                               "Squeeze",
                                               "Tile",
                                               "Transpose",
                                               "Unsqueeze",
                                               "Upsample",
                                               "org.pytorch._caffe2::Int8Reshape",
                                               "org.pytorch._caffe2::Int8ResizeNearest",
                                               "org.pytorch._caffe2::Int8Slice",
                                               "org.pytorch._caffe2::Int8Transpose"};

bool OnlyMoves(const Pattern& pattern, const ir::Node& node) {
  return kMovements.contains(node.op) || (node.op == "Resize" && pattern.Text(node, "mode") != "linear" &&
                                          pattern.Text(node, "mode") != "cubic");
}

bool IsIdentity(const std::vector<std::int32_t>& map, std::int64_t inputs) {
  if (static_cast<std::int64_t>(map.size()) != inputs) return false;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map[i] != static_cast<std::int32_t>(i)) return false;
  }
  return true;
}

// For each place in a tensor's memory, the row-major index of its element.
std::vector<std::int32_t> IndexOfPlace(const Sizes& sizes, Layout layout) {
  const Sizes plain = MemoryStrides(sizes, Layout::kPlain);
  std::vector<std::int32_t> index = {0};
  for (const std::size_t d : MemoryOrder(sizes.size(), layout)) {
    std::vector<std::int32_t> next;
    next.reserve(index.size() * static_cast<std::size_t>(sizes[d]));
    for (const std::int32_t begin : index) {
      for (std::int64_t i = 0; i < sizes[d]; ++i)
        next.push_back(static_cast<std::int32_t>(begin + i * plain[d]));
    }
    index = std::move(next);
  }
  return index;
}

// The map between memories for a map between row-major indices.
std::vector<std::int32_t> InMemory(const std::vector<std::int32_t>& map, const Sizes& from,
                                   Layout from_layout, const Sizes& to, Layout to_layout) {
  const std::vector<std::int32_t> from_index = IndexOfPlace(from, from_layout);
  std::vector<std::int32_t> place(from_index.size());
  for (std::size_t p = 0; p < from_index.size(); ++p)
    place[static_cast<std::size_t>(from_index[p])] = static_cast<std::int32_t>(p);
  std::vector<std::int32_t> result = IndexOfPlace(to, to_layout);
  for (std::int32_t& index : result)
    index = place[static_cast<std::size_t>(map[static_cast<std::size_t>(index)])];
  return result;
}

std::size_t CountRuns(const std::vector<std::int32_t>& map) {
  std::size_t runs = 0;
  for (std::size_t i = 0; i < map.size(); ++i) runs += i == 0 || map[i] != map[i - 1] + 1;
  return runs;
}

}  // namespace

std::optional<std::vector<std::int32_t>> MovementOf(const Pattern& pattern, const ir::Node& node,
                                                    const Edge& input, const Edge& output,
                                                    std::size_t index) {
  // The map takes several times the tensor's memory.
  constexpr std::int64_t kMostElements = 1 << 26;
  if (!OnlyMoves(pattern, node) || input.count() > kMostElements || output.count() > kMostElements) {
    return std::nullopt;
  }
  // The node itself moves each byte of the elements' indices.
  std::vector<std::int32_t> map(static_cast<std::size_t>(output.count()));
  const auto count = static_cast<std::size_t>(input.count());
  const auto node_inputs = InputsOf(node);
  for (int shift = 0; shift < 32; shift += 8) {
    if (shift > 0 && (input.count() - 1) >> shift <= 0) break;
    std::vector<std::uint8_t> bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i >> shift);
    const Tensor indices = Tensor::From(DType::kUint8, input.sizes, bytes);
    std::vector<Call::Input> inputs;
    Operands operands;
    for (std::size_t i = 0; i < node_inputs.size(); ++i) {
      const Tensor* value = i == 0 ? &indices : pattern.Constant(node_inputs[i]);
      operands.push_back(value);
      if (value == nullptr) {
        if (node_inputs[i].valid()) return std::nullopt;
        inputs.emplace_back();
        continue;
      }
      ValueType type = {.dtype = value->dtype, .sizes = value->sizes};
      type.int8 = pattern.program().value(node_inputs[i]).type.int8;
      inputs.push_back({.type = type, .value = value, .given = true});
    }
    auto prepared = PrepareCall(pattern.program(), node, std::move(inputs));
    if (!prepared || !*prepared) return std::nullopt;
    auto results = (*prepared)->compute(operands);
    if (!results || results->size() <= index || (*results)[index].dtype != DType::kUint8 ||
        (*results)[index].num_elements() != output.count()) {
      return std::nullopt;
    }
    const Tensor moved = Normalized((*results)[index]);
    for (std::size_t i = 0; i < map.size(); ++i)
      map[i] |= static_cast<std::int32_t>(Data<std::uint8_t>(moved)[i]) << shift;
  }
  for (const std::int32_t from : map) {
    if (from < 0 || from >= input.count()) return std::nullopt;
  }
  return map;
}

void SetMovement(Group& group, std::vector<std::int32_t> map) {
  const auto shared = std::make_shared<const std::vector<std::int32_t>>(std::move(map));
  group.map = shared;
  const Edge from = group.inputs[0], to = group.output;
  group.choose = [shared, from, to](const std::vector<LayoutSet>& available) {
    // Of the layouts that the input has, the pair that leaves the most neighbours together; of equals,
    // channels last.
    Choice best;
    std::size_t fewest = shared->size() + 1;
    for (const Layout in : {Layout::kChannelsLast, Layout::kPlain}) {
      if (!available[0][static_cast<std::size_t>(in)] && !LayoutsAgree(from.sizes)) continue;
      for (const Layout out : {Layout::kChannelsLast, Layout::kPlain}) {
        if (out == Layout::kChannelsLast && to.sizes.size() < 3) continue;
        const auto memory = InMemory(*shared, from.sizes, in, to.sizes, out);
        const std::size_t runs = CountRuns(memory);
        if (runs >= fewest) continue;
        fewest = runs;
        best = {.inputs = {in}, .output = out, .alias = IsIdentity(memory, from.count())};
        if (best.alias) return best;
      }
    }
    if (best.inputs.empty()) best.inputs = {Layout::kPlain};
    return best;
  };
  group.make = [shared, from, to](const Choice& choice) -> std::unique_ptr<Operation> {
    const auto memory = InMemory(*shared, from.sizes, choice.inputs[0], to.sizes, choice.output);
    return MakeGather(memory);
  };
}

std::optional<Group> FuseMovement(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  const auto inputs = InputsOf(node);
  if (inputs.empty() || node.outputs.size() != 1) return std::nullopt;
  const auto x = pattern.DequantizedOf(inputs[0]);
  if (!x || x->quant != target.quant || target.range.low != x->quant.low() ||
      target.range.high != x->quant.high()) {
    return std::nullopt;
  }
  auto map = MovementOf(pattern, node, x->integers, target.output);
  if (!map) return std::nullopt;
  Group group = NewGroup(pattern, target, "move");
  AddInput(group, *x);
  SetMovement(group, *std::move(map));
  return group;
}

std::vector<Group> FuseIntegerMovement(const Pattern& pattern, ir::NodeId id) {
  const ir::Node& node = pattern.node(id);
  const auto inputs = InputsOf(node);
  std::vector<Group> groups;
  const auto x = inputs.empty() ? std::nullopt : pattern.EdgeOf(inputs[0]);
  if (!x || x->is_float) return groups;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ir::ValueId value = node.outputs[i];
    if (pattern.users(value).empty() && !pattern.program().value(value).observed) continue;
    const auto output = pattern.EdgeOf(value);
    auto map = output && !output->is_float ? MovementOf(pattern, node, *x, *output, i) : std::nullopt;
    if (!map) return {};
    Group group = {.nodes = {id},
                   .dequantized = {},
                   .inputs = {*x},
                   .output = *output,
                   .name = node.name,
                   .kind = "move"};
    SetMovement(group, *std::move(map));
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace octavo::engine::fused
