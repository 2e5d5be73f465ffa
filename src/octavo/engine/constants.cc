#include "octavo/engine/constants.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "octavo/arithmetic/onnxruntime/constants.h"
#include "octavo/engine/value_uses.h"

namespace octavo::engine {
namespace {

namespace ort = arithmetic::onnxruntime;

class ConstantQuantizer {
 public:
  explicit ConstantQuantizer(Program& program)
      : program_(program), graph_(program.graph), uses_(program.graph) {}

  void Visit(ir::NodeId id) {
    const ir::Node& node = graph_.node(id);
    if (node.op != "Conv" && node.op != "ConvTranspose" && node.op != "Gemm") return;
    const std::vector<ir::ValueId> inputs = InputsOf(node);
    if (inputs.size() < 2) return;
    const std::optional<float> x_scale = ScaleOfDequantized(inputs[0]);
    if (!x_scale || !EndsInQuantizeLinear(node)) return;
    const Tensor* given = inputs.size() > 2 ? FloatConstant(inputs[2]) : nullptr;
    // A copy, which shares the elements: adding a constant moves the graph's values.
    const std::optional<Tensor> bias = given != nullptr ? std::optional(*given) : std::nullopt;
    if (inputs.size() > 2 && inputs[2].valid() && !bias && FloatConstant(inputs[1]) != nullptr) return;
    if (bias && bias->rank() != 1) return;
    std::vector<float> w_scales;
    if (const Tensor* weight = FloatConstant(inputs[1])) {
      w_scales = {QuantizeWeights(id, Tensor(*weight))};
    } else if (const auto scales = ScalesOfWeights(node, inputs[1], bias ? &*bias : nullptr)) {
      w_scales = *scales;
    } else {
      return;
    }
    if (bias) QuantizeBias(id, *bias, *x_scale, w_scales);
  }

 private:
  const ir::Node* Producer(ir::ValueId id, std::string_view op) const {
    if (!id.valid()) return nullptr;
    const ir::NodeId producer = graph_.value(id).producer;
    return producer != ir::kNoNode && graph_.node(producer).op == op ? &graph_.node(producer) : nullptr;
  }

  const Tensor* FloatConstant(ir::ValueId id) const {
    if (!id.valid()) return nullptr;
    const auto& constant = graph_.value(id).constant;
    return constant && constant->dtype == DType::kFloat32 ? &*constant : nullptr;
  }

  std::optional<float> ScaleOfDequantized(ir::ValueId id) const {
    const ir::Node* dequantize = Producer(id, "DequantizeLinear");
    const auto inputs = dequantize != nullptr ? InputsOf(*dequantize) : std::vector<ir::ValueId>();
    const Tensor* scale = inputs.size() > 1 ? FloatConstant(inputs[1]) : nullptr;
    if (scale == nullptr || scale->num_elements() != 1) return std::nullopt;
    return scale->ToFloats()[0];
  }

  // With nothing but Relu and Clip between, and no other reader.
  bool EndsInQuantizeLinear(const ir::Node& node) const {
    const ir::Node* at = &node;
    for (;;) {
      if (at->outputs.size() != 1) return false;
      const std::optional<ir::NodeId> reader = uses_.OnlyReader(at->outputs[0]);
      if (!reader) return false;
      at = &graph_.node(*reader);
      if (at->op == "QuantizeLinear") return true;
      if (at->op != "Relu" && at->op != "Clip") return false;
    }
  }

  // Of weights that are integers already: one, or one per element of the bias.
  std::optional<std::vector<float>> ScalesOfWeights(const ir::Node& node, ir::ValueId weight,
                                                    const Tensor* bias) const {
    const ir::Node* dequantize = Producer(weight, "DequantizeLinear");
    if (dequantize == nullptr || bias == nullptr) return std::nullopt;
    const auto inputs = InputsOf(*dequantize);
    const Tensor* scales = inputs.size() > 1 ? FloatConstant(inputs[1]) : nullptr;
    if (scales == nullptr || scales->rank() > 1 || !inputs[0].valid()) return std::nullopt;
    if (scales->num_elements() == 1) return scales->ToFloats();
    const auto integer = [](const ir::Node& of, std::string_view name, std::int64_t otherwise) {
      const ir::Operand* operand = of.Find(name);
      const Dim* dim = operand != nullptr ? std::get_if<Dim>(operand) : nullptr;
      return dim != nullptr && dim->known() ? dim->value() : otherwise;
    };
    const std::int64_t rank =
        graph_.type(inputs[0]).shape ? static_cast<std::int64_t>(graph_.type(inputs[0]).shape->size()) : 0;
    std::int64_t axis = integer(*dequantize, "axis", 1);
    if (axis < 0) axis += rank;
    const bool second = node.op == "ConvTranspose" || (node.op == "Gemm" && integer(node, "transB", 0) == 0);
    const std::int64_t expected = second ? 1 : 0;
    if (scales->num_elements() != bias->num_elements() || axis != expected ||
        integer(*dequantize, "block_size", 0) != 0)
      return std::nullopt;
    return scales->ToFloats();
  }

  // Answers the scale.
  float QuantizeWeights(ir::NodeId id, const Tensor& weight) {
    const std::vector<float> reals = weight.ToFloats();
    const ort::WeightQuantization q = ort::QuantizationOfWeights(reals);
    Program::Quantized made = {.integers = {}, .scales = {q.scale}, .zero_point = q.zero_point};
    std::vector<std::int8_t> integers;
    std::vector<float> values;
    for (const float real : reals) {
      integers.push_back(ort::QuantizeWeight(real, q));
      values.push_back(static_cast<float>(integers.back() - q.zero_point) * q.scale);
    }
    made.integers = Tensor::From(DType::kInt8, weight.sizes, integers);
    Replace(id, 1, Tensor::Floats(weight.sizes, values), std::move(made));
    return q.scale;
  }

  void QuantizeBias(ir::NodeId id, const Tensor& bias, float x_scale, const std::vector<float>& w_scales) {
    const std::vector<float> reals = bias.ToFloats();
    Program::Quantized made = {.integers = {}, .scales = {}, .zero_point = 0};
    for (const float scale : w_scales) made.scales.push_back(x_scale * scale);
    std::vector<std::int32_t> integers;
    std::vector<float> values;
    for (std::size_t i = 0; i < reals.size(); ++i) {
      const float scale = made.scales[made.scales.size() == 1 ? 0 : i];
      integers.push_back(ort::QuantizeBias(reals[i], scale));
      values.push_back(static_cast<float>(integers.back()) * scale);
    }
    made.integers = Tensor::From(DType::kInt32, bias.sizes, integers);
    Replace(id, 2, Tensor::Floats(bias.sizes, values), std::move(made));
  }

  void Replace(ir::NodeId id, std::size_t input, Tensor reals, Program::Quantized made) {
    const ir::ValueId constant = graph_.AddConstant(std::move(reals));
    program_.quantized.emplace(constant.index, std::move(made));
    SetInput(graph_.node(id), input, constant);
  }

  Program& program_;
  ir::Graph& graph_;
  ValueUses uses_;
};

}  // namespace

void QuantizeConstants(Program& program) {
  ConstantQuantizer quantizer(program);
  for (std::size_t n = 0; n < program.graph.nodes().size(); ++n) quantizer.Visit(static_cast<ir::NodeId>(n));
}

}  // namespace octavo::engine
