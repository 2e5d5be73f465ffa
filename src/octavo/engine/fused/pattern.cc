#include "octavo/engine/fused/pattern.h"

#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "octavo/arithmetic/onnxruntime/blocks.h"
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
    : program_(program),
      policy_(program.arithmetic),
      users_(program.values.size()),
      is_output_(program.values.size()) {
  for (const ir::Output& output : program.graph.outputs())
    is_output_[static_cast<std::size_t>(output.value.index)] = true;
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

std::optional<Pattern::Reals> Pattern::RealsOf(const ir::Node& node) const {
  const auto inputs = InputsOf(node);
  if (node.op != "QuantizeLinear" || inputs.size() < 2) return std::nullopt;
  const std::optional<float> scale = ScalarOf(inputs[1]);
  const Tensor* zero = inputs.size() > 2 ? Constant(inputs[2]) : nullptr;
  const DType dtype = program_.value(node.outputs[0]).type.dtype;
  if (!scale || (inputs.size() > 2 && (zero == nullptr || zero->num_elements() != 1))) return std::nullopt;
  const bool wide = dtype == DType::kInt16 || dtype == DType::kUint16;
  if (!wide && dtype != DType::kInt8 && dtype != DType::kUint8) return std::nullopt;
  const std::int64_t count = wide ? 65536 : 256;
  const std::int64_t low = dtype == DType::kInt16 || dtype == DType::kInt8 ? -count / 2 : 0;
  const std::int64_t zero_point = zero != nullptr ? zero->ToInts()[0] : 0;
  return Reals{.least = static_cast<float>(low - zero_point) * *scale,
               .greatest = static_cast<float>(low + count - 1 - zero_point) * *scale};
}

bool Pattern::IsRedundant(const ir::Node& clip, const ir::Node& quantize) const {
  constexpr float kEpsilon = std::numeric_limits<float>::epsilon();
  const auto reals = RealsOf(quantize);
  if (!reals) return false;
  if (clip.op == "Relu") return !(kEpsilon < 0.0F - reals->least);
  const auto bounds = BoundsOfClip(clip);
  return bounds && !(kEpsilon < bounds->first - reals->least) &&
         !(kEpsilon < reals->greatest - bounds->second);
}

std::optional<std::pair<float, float>> Pattern::BoundsOfClip(const ir::Node& node) const {
  const auto inputs = InputsOf(node);
  const auto bound = [&](std::size_t input, std::string_view attribute,
                         float otherwise) -> std::optional<float> {
    if (node.Find(attribute) != nullptr) {
      const auto value = Real(node, attribute, 0);
      return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
    }
    if (inputs.size() <= input || !inputs[input].valid()) return otherwise;
    return ScalarOf(inputs[input]);
  };
  const auto low = bound(1, "min", -INFINITY), high = bound(2, "max", INFINITY);
  if (!low || !high || std::isnan(*low) || std::isnan(*high) || *low > *high) return std::nullopt;
  return std::pair(*low, *high);
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
  const bool made_unsigned = IsMadeUnsigned(edge->value);
  return Dequantized{
      .node = id, .integers = *std::move(edge), .quant = *quant, .made_unsigned = made_unsigned};
}

bool Pattern::IsMadeUnsigned(ir::ValueId integers) const {
  if (policy_.arithmetic() != Arithmetic::kOnnxRuntime) return false;
  const ir::NodeId made = Producer(integers);
  if (made == ir::kNoNode || node(made).op != "QuantizeLinear") return false;
  const auto inputs = InputsOf(node(made));
  const auto quant = QuantOf(node(made));
  if (!quant || !quant->is_signed || inputs.size() != 3) return false;
  // ONNX Runtime joins equal nodes first, and then gives each reader a DequantizeLinear of its own.
  std::size_t readers = 0;
  for (const ir::NodeId twin : users(inputs[0])) {
    if (node(twin).op != "QuantizeLinear" || InputsOf(node(twin))[0] != inputs[0] ||
        QuantOf(node(twin)) != quant)
      continue;
    const ir::ValueId result = node(twin).outputs[0];
    if (is_output_[static_cast<std::size_t>(result.index)]) return false;
    for (const ir::NodeId user : users(result)) {
      if (node(user).op != "DequantizeLinear" || InputsOf(node(user)).size() != 3) return false;
      const auto back = QuantOf(node(user));
      if (!back || back->zero_point != quant->zero_point) return false;
      const ir::ValueId real = node(user).outputs[0];
      readers += users(real).size() + (is_output_[static_cast<std::size_t>(real.index)] ? 1 : 0);
    }
  }
  return readers == 1;
}

std::optional<Weights> Pattern::WeightsOf(ir::ValueId value) const {
  if (const auto made = program_.quantized.find(value.index); made != program_.quantized.end()) {
    const Program::Quantized& q = made->second;
    if (q.integers.dtype != DType::kInt8) return std::nullopt;
    Weights weights = {.values = {}, .sizes = q.integers.sizes, .scales = q.scales, .is_signed = true};
    for (const std::int64_t integer : q.integers.ToInts())
      weights.values.push_back(static_cast<std::int16_t>(integer - q.zero_point));
    return weights;
  }
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
  const bool has_4_bits = integers->dtype == DType::kInt4 || integers->dtype == DType::kUint4;
  if (integers->dtype != DType::kInt8 && integers->dtype != DType::kUint8 && !has_4_bits) return std::nullopt;
  Weights weights = {
      .values = {}, .sizes = integers->sizes, .scales = scales->ToFloats(), .has_4_bits = has_4_bits};
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
  const bool is_signed = integers->dtype == DType::kInt8 || integers->dtype == DType::kInt4;
  weights.is_signed = is_signed;
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

std::optional<literal::BlockedMatrix> Pattern::BlockedWeightsOf(ir::ValueId value, bool transposed) const {
  if (const auto made = program_.quantized.find(value.index);
      made != program_.quantized.end() && !transposed) {
    const Program::Quantized& q = made->second;
    if (q.integers.rank() != 2 || q.scales.size() != 1) return std::nullopt;
    literal::BlockedMatrix m = {.depth = q.integers.sizes[0],
                                .columns = q.integers.sizes[1],
                                .block = arithmetic::onnxruntime::kRewrittenBlock,
                                .values = {},
                                .scales = {}};
    const std::vector<std::int64_t> w = q.integers.ToInts();
    for (std::int64_t c = 0; c < m.columns; ++c) {
      for (std::int64_t d = 0; d < m.depth; ++d)
        m.values.push_back(static_cast<float>(w[static_cast<std::size_t>(d * m.columns + c)] - q.zero_point));
    }
    m.scales.assign(static_cast<std::size_t>(m.blocks() * m.columns), q.scales[0]);
    return m;
  }
  const ir::NodeId id = Producer(value);
  if (id == ir::kNoNode || node(id).op != "DequantizeLinear") return std::nullopt;
  const auto inputs = InputsOf(node(id));
  const Tensor* integers = Constant(inputs[0]);
  const Tensor* scales = Constant(inputs[1]);
  const Tensor* zeros = inputs.size() > 2 ? Constant(inputs[2]) : nullptr;
  if (integers == nullptr || scales == nullptr || (inputs.size() > 2 && zeros == nullptr) ||
      integers->rank() != 2 || scales->dtype != DType::kFloat32) {
    return std::nullopt;
  }
  const auto is = [integers](DType dtype) { return integers->dtype == dtype; };
  if (!is(DType::kInt8) && !is(DType::kUint8) && !is(DType::kInt4) && !is(DType::kUint4)) return std::nullopt;
  const auto axis = Int(node(id), "axis", 1), block = Int(node(id), "block_size", 0);
  if (!axis || !block) return std::nullopt;
  const int columns_at = transposed ? 0 : 1;
  const std::int64_t depth = integers->sizes[static_cast<std::size_t>(1 - columns_at)];
  const std::int64_t columns = integers->sizes[static_cast<std::size_t>(columns_at)];
  literal::BlockedMatrix m = {.depth = depth,
                              .columns = columns,
                              .block = *block > 0 ? *block : arithmetic::onnxruntime::kRewrittenBlock,
                              .values = {},
                              .scales = {}};
  if (*block > 0) {
    if (*axis != 1 - columns_at || *block < 16 || (*block & (*block - 1)) != 0 ||
        scales->num_elements() != m.blocks() * columns)
      return std::nullopt;
  } else if (scales->rank() != 0 &&
             (scales->rank() != 1 || scales->num_elements() != columns || *axis != columns_at)) {
    return std::nullopt;
  }
  if (zeros != nullptr && zeros->sizes != scales->sizes) return std::nullopt;
  const std::vector<float> scale = scales->ToFloats();
  const std::vector<std::int64_t> zero =
      zeros != nullptr ? zeros->ToInts() : std::vector<std::int64_t>(scale.size());
  const std::vector<std::int64_t> w = integers->ToInts();
  for (std::int64_t c = 0; c < columns; ++c) {
    const auto at = [&](std::int64_t b) {
      const std::int64_t blocked = transposed ? c * m.blocks() + b : b * columns + c;
      return static_cast<std::size_t>(*block > 0 ? blocked : scales->rank() == 0 ? 0 : c);
    };
    for (std::int64_t d = 0; d < depth; ++d) {
      const auto element = static_cast<std::size_t>(transposed ? c * depth + d : d * columns + c);
      m.values.push_back(static_cast<float>(w[element] - zero[at(d / m.block)]));
    }
    for (std::int64_t b = 0; b < m.blocks(); ++b) m.scales.push_back(scale[at(b)]);
  }
  return m;
}

int Pattern::Opset() const {
  const auto& opsets = program_.graph.opsets;
  const auto own = opsets.contains("") ? opsets.find("") : opsets.find("ai.onnx");
  constexpr int kUnsaid = 17;
  return own == opsets.end() ? kUnsaid : own->second;
}

std::optional<std::vector<std::int32_t>> Pattern::BiasOf(ir::ValueId value, float x_scale,
                                                         const std::vector<float>& w_scales,
                                                         bool of_gemm) const {
  const ir::NodeId id = Producer(value);
  if (const auto made = program_.quantized.find(value.index); made != program_.quantized.end()) {
    if (made->second.integers.dtype != DType::kInt32) return std::nullopt;
    const std::vector<std::int64_t> wide = made->second.integers.ToInts();
    return std::vector<std::int32_t>(wide.begin(), wide.end());
  }
  if (id == ir::kNoNode || node(id).op != "DequantizeLinear") return std::nullopt;
  const auto inputs = InputsOf(node(id));
  const Tensor* integers = Constant(inputs[0]);
  const Tensor* scales = Constant(inputs[1]);
  if (integers == nullptr || integers->dtype != DType::kInt32 || scales == nullptr ||
      scales->dtype != DType::kFloat32) {
    return std::nullopt;
  }
  std::vector<std::int32_t> biases(static_cast<std::size_t>(integers->num_elements()));
  for (std::size_t i = 0; i < biases.size(); ++i) biases[i] = Data<std::int32_t>(*integers)[i];
  // A Gemm becomes QGemm whatever the bias's scale and zero point are.
  const bool as_onnx_runtime = policy_.arithmetic() == Arithmetic::kOnnxRuntime;
  if (as_onnx_runtime && of_gemm) return biases;
  if (inputs.size() > 2 && inputs[2].valid()) {
    const Tensor* zeros = Constant(inputs[2]);
    if (zeros == nullptr) return std::nullopt;
    for (const std::int64_t zero : zeros->ToInts()) {
      if (zero != 0) return std::nullopt;
    }
  }
  const std::vector<float> given = scales->ToFloats();
  if (given.size() != 1 && given.size() != w_scales.size() && w_scales.size() != 1) return std::nullopt;
  // A writer may move scales by a few units in the last place so that a runtime rounds as is wanted.  ONNX
  // Runtime's bounds for a Conv were measured.
  const float relative = as_onnx_runtime ? 1e-2F : 1e-5F, absolute = as_onnx_runtime ? 1e-6F : 0;
  for (std::size_t i = 0; i < std::max(given.size(), w_scales.size()); ++i) {
    const float product = x_scale * w_scales[w_scales.size() == 1 ? 0 : i];
    if (!(std::fabs(given[given.size() == 1 ? 0 : i] - product) <= absolute + relative * product))
      return std::nullopt;
  }
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
