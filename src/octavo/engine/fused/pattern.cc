#include "octavo/engine/fused/pattern.h"

#include <cmath>
#include <utility>
#include <variant>

#include "octavo/engine/call.h"

namespace octavo::engine::fused {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;

template <typename T>
std::optional<T> Value(Result<T> result) {
  if (!result) return std::nullopt;
  return std::move(result).Take();
}

Call AttributesOf(const ir::Node& node, const Program& program) { return {node, 0, program.arithmetic, {}}; }

bool IsSmall(float scale) { return std::isfinite(scale) && scale > 0; }

}  // namespace

Pattern::Pattern(const Program& program)
    : program_(program), policy_(program.arithmetic), users_(program.values.size()) {
  for (std::size_t n = 0; n < program.nodes.size(); ++n) {
    if (!program.nodes[n].needed) continue;
    for (const ir::ValueId input : InputsOf(program.graph.nodes()[n])) {
      if (input.valid()) users_[static_cast<std::size_t>(input.index)].push_back(static_cast<ir::NodeId>(n));
    }
  }
}

ir::NodeId Pattern::Producer(ir::ValueId value) const {
  if (!value.valid()) return ir::kNoNode;
  const ir::NodeId id = program_.graph.value(value).producer;
  if (id == ir::kNoNode) return id;
  const Program::Node& made = program_.node(id);
  return made.needed && made.prepared ? id : ir::kNoNode;
}

bool Pattern::Private(ir::ValueId value) const {
  return !program_.value(value).observed && users(value).size() == 1;
}

const Tensor* Pattern::Constant(ir::ValueId value) const {
  if (!value.valid()) return nullptr;
  const auto& constant = program_.value(value).constant;
  return constant ? &*constant : nullptr;
}

std::optional<Edge> Pattern::EdgeOf(ir::ValueId value) const {
  if (!value.valid()) return std::nullopt;
  const ValueType& type = program_.value(value).type;
  const bool bytes = type.dtype == DType::kUint8 || type.dtype == DType::kInt8;
  if (!type.sizes || (!bytes && type.dtype != DType::kFloat32)) return std::nullopt;
  Edge edge = {.value = value, .sizes = *type.sizes, .is_float = !bytes};
  if (edge.count() >= kMostElements) return std::nullopt;
  return edge;
}

std::optional<float> Pattern::ScalarOf(ir::ValueId value) const {
  const Tensor* constant = Constant(value);
  if (constant == nullptr || constant->num_elements() != 1 || constant->dtype != DType::kFloat32)
    return std::nullopt;
  return Data<float>(*constant)[0];
}

bool Pattern::IsInt8Boundary(const ir::Node& node) const {
  return policy_.arithmetic() == Arithmetic::kPyTorch &&
         (node.op == "org.pytorch._caffe2::Int8Quantize" || node.op == "org.pytorch._caffe2::Int8Dequantize");
}

std::optional<Quant> Pattern::Int8QuantOf(ir::ValueId value) const {
  if (!value.valid()) return std::nullopt;
  const ValueType& type = program_.value(value).type;
  if (!type.int8 || type.dtype != DType::kUint8) return std::nullopt;
  return Quant{.scale = type.int8->scale, .zero_point = type.int8->zero_point, .is_signed = false};
}

std::optional<Quant> Pattern::QuantOf(const ir::Node& node) const {
  const auto inputs = InputsOf(node);
  if (IsInt8Boundary(node)) {
    const bool quantizes = node.op.ends_with("Quantize");
    return Int8QuantOf(quantizes ? node.outputs[0] : inputs[0]);
  }
  if (inputs.size() < 2) return std::nullopt;
  const std::optional<float> scale = ScalarOf(inputs[1]);
  const bool quantizes = node.op == "QuantizeLinear";
  const DType dtype = program_.value(quantizes ? node.outputs[0] : inputs[0]).type.dtype;
  if (!scale || !IsSmall(*scale) || (dtype != DType::kUint8 && dtype != DType::kInt8)) return std::nullopt;
  Quant quant = {.scale = *scale, .is_signed = dtype == DType::kInt8};
  if (inputs.size() > 2 && inputs[2].valid()) {
    const Tensor* zero = Constant(inputs[2]);
    if (zero == nullptr || zero->num_elements() != 1 || zero->dtype != dtype) return std::nullopt;
    quant.zero_point = static_cast<std::int32_t>(zero->ToInts()[0]);
  }
  return quant;
}

std::optional<Dequantized> Pattern::DequantizedOf(ir::ValueId value) const {
  const ir::NodeId id = Producer(value);
  if (id == ir::kNoNode || (node(id).op != "DequantizeLinear" && !IsInt8Boundary(node(id))))
    return std::nullopt;
  const auto quant = QuantOf(node(id));
  auto edge = EdgeOf(InputsOf(node(id))[0]);
  const auto real = EdgeOf(value);
  if (!quant || !edge || edge->is_float || !real || !real->is_float) return std::nullopt;
  return Dequantized{.node = id, .integers = *std::move(edge), .quant = *quant};
}

std::optional<Weights> Pattern::WeightsOf(ir::ValueId value) const {
  const ir::NodeId id = Producer(value);
  if (id == ir::kNoNode || node(id).op != "DequantizeLinear") return std::nullopt;
  const auto inputs = InputsOf(node(id));
  const Tensor* integers = Constant(inputs[0]);
  const Tensor* scales = Constant(inputs[1]);
  const Tensor* zeros = inputs.size() > 2 ? Constant(inputs[2]) : nullptr;
  if (integers == nullptr || scales == nullptr || scales->dtype != DType::kFloat32 || scales->rank() > 1 ||
      (inputs.size() > 2 && inputs[2].valid() && zeros == nullptr)) {
    return std::nullopt;
  }
  if (integers->dtype != DType::kInt8 && integers->dtype != DType::kUint8) return std::nullopt;
  Weights weights = {.sizes = integers->sizes, .scales = scales->ToFloats()};
  for (const float scale : weights.scales) {
    if (!IsSmall(scale)) return std::nullopt;
  }
  const auto axis = Int(node(id), "axis", 1);
  const auto block = Int(node(id), "block_size", 0);
  if (!axis || !block || *block != 0) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(integers->sizes.size());
  const bool per_channel = weights.scales.size() != 1;
  weights.axis = static_cast<int>(*axis < 0 ? *axis + rank : *axis);
  if (per_channel && (weights.axis < 0 || weights.axis >= rank ||
                      integers->sizes[static_cast<std::size_t>(weights.axis)] !=
                          static_cast<std::int64_t>(weights.scales.size()))) {
    return std::nullopt;
  }
  std::vector<std::int64_t> zero_points = zeros == nullptr ? std::vector<std::int64_t>{0} : zeros->ToInts();
  if (zero_points.size() != 1 && zero_points.size() != weights.scales.size()) return std::nullopt;
  std::int64_t inner = 1;
  for (std::int64_t d = weights.axis + 1; d < rank; ++d)
    inner *= integers->sizes[static_cast<std::size_t>(d)];
  const auto channels = static_cast<std::int64_t>(weights.scales.size());
  const auto count = static_cast<std::size_t>(integers->num_elements());
  const bool is_signed = integers->dtype == DType::kInt8;
  weights.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int integer = is_signed ? Data<std::int8_t>(*integers)[i] : Data<std::uint8_t>(*integers)[i];
    const std::size_t channel =
        zero_points.size() == 1 ? 0
                                : i / static_cast<std::size_t>(inner) % static_cast<std::size_t>(channels);
    weights.values[i] = static_cast<std::int16_t>(integer - zero_points[channel]);
  }
  return weights;
}

std::optional<std::vector<std::int32_t>> Pattern::BiasOf(ir::ValueId value, float x_scale,
                                                         const std::vector<float>& w_scales) const {
  const ir::NodeId id = Producer(value);
  if (id == ir::kNoNode || node(id).op != "DequantizeLinear") return std::nullopt;
  const auto inputs = InputsOf(node(id));
  const Tensor* integers = Constant(inputs[0]);
  const Tensor* scales = Constant(inputs[1]);
  if (integers == nullptr || integers->dtype != DType::kInt32 || scales == nullptr ||
      scales->dtype != DType::kFloat32) {
    return std::nullopt;
  }
  if (inputs.size() > 2 && inputs[2].valid()) {
    const Tensor* zeros = Constant(inputs[2]);
    if (zeros == nullptr) return std::nullopt;
    for (const std::int64_t zero : zeros->ToInts()) {
      if (zero != 0) return std::nullopt;
    }
  }
  const std::vector<float> given = scales->ToFloats();
  if (given.size() != 1 && given.size() != w_scales.size() && w_scales.size() != 1) return std::nullopt;
  // A writer may move scales by a few units in the last place so that a runtime rounds as is wanted.
  constexpr float kMoved = 1e-5F;
  for (std::size_t i = 0; i < std::max(given.size(), w_scales.size()); ++i) {
    const float product = x_scale * w_scales[w_scales.size() == 1 ? 0 : i];
    if (!(std::fabs(given[given.size() == 1 ? 0 : i] - product) <= kMoved * product)) return std::nullopt;
  }
  std::vector<std::int32_t> biases(static_cast<std::size_t>(integers->num_elements()));
  for (std::size_t i = 0; i < biases.size(); ++i) biases[i] = Data<std::int32_t>(*integers)[i];
  return biases;
}

std::optional<std::int64_t> Pattern::Int(const ir::Node& node, std::string_view name,
                                         std::int64_t otherwise) const {
  return Value(AttributesOf(node, program_).Int(name, otherwise));
}
std::optional<Sizes> Pattern::Ints(const ir::Node& node, std::string_view name,
                                   const Sizes& otherwise) const {
  return Value(AttributesOf(node, program_).Ints(name, otherwise));
}
std::optional<double> Pattern::Real(const ir::Node& node, std::string_view name, double otherwise) const {
  return Value(AttributesOf(node, program_).Real(name, otherwise));
}
std::string Pattern::Text(const ir::Node& node, std::string_view name) const {
  return Value(AttributesOf(node, program_).Text(name, "")).value_or("");
}

Group NewGroup(const Pattern& pattern, const Target& target, std::string kind) {
  Group group = {.nodes = target.nodes, .output = target.output, .kind = std::move(kind)};
  if (target.anchor != ir::kNoNode) group.nodes.push_back(target.anchor);
  group.name = pattern.node(group.nodes.back()).name;
  return group;
}

void AddInput(Group& group, const Dequantized& input) {
  group.inputs.push_back(input.integers);
  group.dequantized.push_back(input.node);
}

ByteTable TableOf(const std::function<std::uint8_t(std::uint8_t)>& function) {
  ByteTable table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte)
    table[byte] = function(static_cast<std::uint8_t>(byte));
  return table;
}

}  // namespace octavo::engine::fused
