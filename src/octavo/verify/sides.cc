#include "octavo/verify/sides.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/ir/origin.h"

namespace octavo::verify {

using ir::Graph;
using ir::Node;
using ir::ValueId;

namespace {

// A tensor whose elements lie in row-major order, so that it holds no more than them.
Tensor Contiguous(const Tensor& tensor) {
  Tensor copy = Tensor::FromBytes(tensor.dtype, tensor.sizes, tensor.Bytes());
  copy.quantization = tensor.quantization;
  return copy;
}

}  // namespace

OutputPlaces::OutputPlaces(const Graph& graph, const Graph& other) : graph_(graph) {
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) last_[graph.outputs()[i].value.index] = i;
  for (std::size_t i = 0; i < std::min(graph.outputs().size(), other.outputs().size()); ++i) {
    of_other_[other.outputs()[i].value.index].push_back(i);
  }
}

const ir::Output* OutputPlaces::Of(const Pair& pair) const {
  if (const auto places = of_other_.find(pair.b.index); places != of_other_.end()) {
    for (const std::size_t i : places->second) {
      if (graph_.outputs()[i].value == pair.a) return &graph_.outputs()[i];
    }
  }
  const auto last = last_.find(pair.a.index);
  if (last == last_.end() || graph_.value(pair.a).producer == ir::kNoNode) return nullptr;
  return &graph_.outputs()[last->second];
}

Runner::Runner(const Side& side, const std::vector<ValueId>& wanted)
    : side_(side), wanted_(side.graph->num_values()) {
  for (const ValueId id : wanted) wanted_[LayerIndex(id)] = true;
  count_ = std::max<std::ptrdiff_t>(std::ranges::count(wanted_, true), 1);
}

Result<Values> Runner::Run(const std::vector<Tensor>& inputs, const std::function<void(double)>& progress) {
  Values values;
  const Graph& graph = *side_.graph;
  kept_.emplace(side_.engine ? *side_.engine->budget : *side_.reference.budget);
  Status kept;
  for (std::size_t i = 0; i < std::min(inputs.size(), graph.inputs().size()); ++i) {
    if (wanted_[LayerIndex(graph.inputs()[i])]) values[graph.inputs()[i].index] = inputs[i];
  }
  const auto observe = [&](ValueId id, const Tensor& tensor) {
    if (!wanted_[LayerIndex(id)] || !kept) return;
    kept = kept_->Take(tensor.num_bytes(), [&] {
      return fmt::format("the value {} that is compared", tensor.type().ToString());
    });
    if (!kept) return;
    values.insert_or_assign(id.index, tensor);
    progress(static_cast<double>(values.size()) / static_cast<double>(count_));
  };
  const std::vector<Tensor> outputs = OCTAVO_TRY(RunSide(inputs, observe));
  OCTAVO_TRY(std::move(kept));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ValueId id = graph.outputs()[i].value;
    if (wanted_[LayerIndex(id)]) values.try_emplace(id.index, outputs[i]);
  }
  return values;
}

Result<std::vector<Tensor>> Runner::RunSide(const std::vector<Tensor>& inputs,
                                            const engine::Observer& observe) {
  if (!side_.engine) return reference::Run(*side_.graph, inputs, side_.reference, observe);
  if (!compiled_) {
    engine::Options options = *side_.engine;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i]) options.keep.push_back(ValueId{static_cast<std::int32_t>(i)});
    }
    std::vector<TensorType> types;
    for (const Tensor& input : inputs) types.push_back(input.type());
    compiled_ = OCTAVO_TRY(engine::CompiledModel::Compile(*side_.graph, types, options));
  }
  return compiled_->Run(inputs, observe);
}

Tensor AsOnB(const Tensor& tensor, const Pair& pair, DType dtype_of_b) {
  Tensor held = pair.order.empty() ? tensor : tensor.Permuted(pair.order);
  const DType from = StorageType(held.dtype), to = StorageType(dtype_of_b);
  if ((from == DType::kUint8 && to == DType::kInt8) || (from == DType::kInt8 && to == DType::kUint8)) {
    const std::int64_t shift = to == DType::kInt8 ? -128 : 128;
    held.flip_sign_bit = !held.flip_sign_bit;
    held.dtype = IsQuantized(held.dtype) ? (to == DType::kInt8 ? DType::kQInt8 : DType::kQUint8) : to;
    if (held.quantization) {
      for (std::int64_t& zero_point : held.quantization->zero_points) zero_point += shift;
    }
  }
  return Contiguous(held);
}

std::vector<Tensor> HeldBy(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> held;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool there = i < graph.inputs().size();
    held.push_back(there ? AsOnB(inputs[i], {}, graph.type(graph.inputs()[i]).dtype) : inputs[i]);
  }
  return held;
}

Tensor AsOnA(const Tensor& tensor, Pair& pair, const Tensor& of_a) {
  if (pair.order.empty() && tensor.rank() == 4 && tensor.sizes != of_a.sizes) {
    const std::vector<int> nhwc = {0, 2, 3, 1};
    if (of_a.rank() == 4 && of_a.Permuted(nhwc).sizes == tensor.sizes) pair.order = nhwc;
  }
  if (pair.order.empty() || pair.order.size() != tensor.sizes.size()) return tensor;
  std::vector<int> inverse(pair.order.size());
  for (std::size_t i = 0; i < inverse.size(); ++i)
    inverse[static_cast<std::size_t>(pair.order[i])] = static_cast<int>(i);
  return tensor.Permuted(inverse);
}

void LookAtLife(const Tensor& tensor, Layer& layer) {
  if (tensor.num_elements() == 0 || !tensor.storage) return;
  const DType stored = StorageType(tensor.dtype);
  const std::vector<std::byte> bytes = tensor.Bytes();
  const std::size_t size = ElementSize(tensor.dtype);
  const std::span<const std::byte> all(bytes);
  for (std::size_t i = size; layer.constant && i < bytes.size(); i += size) {
    layer.constant = std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size),
                                all.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (stored != DType::kUint8 && stored != DType::kInt8) return;
  const std::byte low{stored == DType::kInt8 ? std::uint8_t{0x80} : std::uint8_t{0}};
  const std::byte high{stored == DType::kInt8 ? std::uint8_t{0x7f} : std::uint8_t{0xff}};
  const auto share = [&](std::byte end) {
    return static_cast<double>(std::count(bytes.begin(), bytes.end(), end)) /
           static_cast<double>(bytes.size());
  };
  layer.lowest_share = std::max(layer.lowest_share, share(low));
  layer.highest_share = std::max(layer.highest_share, share(high));
}

Layer Describe(const Graph& graph, const OutputPlaces& outputs, const Pair& pair) {
  Layer layer{.pair = pair};
  const ir::Value& value = graph.value(pair.a);
  layer.type = value.type;
  layer.input = value.producer == ir::kNoNode;
  if (const ir::Output* output = outputs.Of(pair)) {
    layer.output = true;
    layer.name = output->name;
  }
  if (layer.input) {
    if (!layer.output) layer.name = value.name;
    return layer;
  }
  const Node& node = graph.node(value.producer);
  layer.op = node.op;
  layer.place = node.name;
  if (node.origin && node.name.empty()) {
    layer.place = node.origin->module_path.empty() ? ir::Place(*node.origin) : node.origin->module_path;
  }
  return layer;
}

}  // namespace octavo::verify
