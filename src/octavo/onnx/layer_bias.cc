#include "octavo/onnx/layer_bias.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "octavo/arithmetic/onnxruntime/constants.h"
#include "octavo/onnx/node_place.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

// The constants of a DequantizeLinear of int32.
struct Bias {
  std::vector<std::int64_t> integers, sizes;
  std::vector<float> scales;  // one, or one per element
};

Result<Bias> ReadBias(const NodeEdit& edit) {
  const std::optional<Tensor> integers = OCTAVO_TRY(edit.graph.Constant(edit.Input(0)));
  const std::optional<Tensor> scale = OCTAVO_TRY(edit.graph.Constant(edit.Input(1)));
  if (!integers || !scale) {
    return Unsupported("TensorRT dequantizes 8-bit integers only, and its int32 input or scale is computed");
  }
  if (edit.HasInput(2)) {
    const std::optional<Tensor> zero = OCTAVO_TRY(edit.graph.Constant(edit.Input(2)));
    if (!zero || std::ranges::any_of(zero->ToInts(), [](std::int64_t z) { return z != 0; })) {
      return Unsupported("the zero point of int32 is not 0");
    }
  }
  Bias bias{.integers = integers->ToInts(), .sizes = integers->sizes, .scales = scale->ToFloats()};
  if (bias.scales.size() != 1 && (bias.sizes.size() != 1 || bias.scales.size() != bias.integers.size())) {
    return Unsupported("its int32 input has a scale per channel and more than one axis");
  }
  return bias;
}

bool IsScalar(const std::vector<std::int64_t>& sizes) {
  return sizes.empty() || (sizes.size() == 1 && sizes[0] == 1);
}

// Relu and Clip may stand between; no value on the way has another reader.
bool LeadsToQuantizeLinear(const GraphEdit& graph, const pb::NodeProto& node) {
  const pb::NodeProto* current = &node;
  while (current->output_size() == 1) {
    const auto& readers = graph.Readers(current->output(0));
    if (readers.size() != 1) return false;
    if (readers[0]->op_type() == "QuantizeLinear") return true;
    if (readers[0]->op_type() != "Relu" && readers[0]->op_type() != "Clip") return false;
    current = readers[0];
  }
  return false;
}

std::int64_t IntOf(const pb::NodeProto& node, std::string_view name, std::int64_t missing) {
  const auto at = std::ranges::find(node.attribute(), name, &pb::AttributeProto::name);
  return at == node.attribute().end() ? missing : at->i();
}

const pb::NodeProto* DequantizeBefore(const GraphEdit& graph, const pb::NodeProto& node, int i) {
  const pb::NodeProto* found = i < node.input_size() ? graph.Producer(node.input(i)) : nullptr;
  return found && found->op_type() == "DequantizeLinear" && found->input_size() >= 2 ? found : nullptr;
}

std::string LineFor(const pb::NodeProto& node, std::string_view what) {
  return fmt::format("{} at {}: {}", node.op_type(), PlaceOf(node), what);
}

Status CheckReader(const NodeEdit& edit, const Bias& bias, const std::vector<float>& reals,
                   const pb::NodeProto& reader, TargetForms& forms) {
  const bool layer =
      reader.op_type() == "Conv" || reader.op_type() == "ConvTranspose" || reader.op_type() == "Gemm";
  if (!layer || reader.input_size() != 3 || reader.output_size() == 0 ||
      reader.input(2) != edit.node.output(0)) {
    forms.other_numbers.push_back(
        LineFor(reader, "ONNX Runtime may compute with a float constant otherwise"));
    return {};
  }
  const bool quantized =
      std::ranges::any_of(edit.graph.Readers(reader.output(0)), [](const pb::NodeProto* after) {
        return after->op_type() == "QuantizeLinear" || after->op_type() == "Relu" ||
               after->op_type() == "Clip";
      });
  const auto scales = OCTAVO_TRY(BiasScales(edit.graph, reader, bias.integers.size()));
  if (!scales || bias.sizes.size() != 1) {
    // A float layer before as after.
    if (quantized)
      forms.other_numbers.push_back(LineFor(reader, "ONNX Runtime adds a float bias, not an integer"));
    return {};
  }
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const float scale = (*scales)[scales->size() == 1 ? 0 : i];
    const float given = bias.scales[bias.scales.size() == 1 ? 0 : i];
    if (scale == given && arithmetic::onnxruntime::QuantizeBias(reals[i], scale) == bias.integers[i])
      continue;
    forms.other_numbers.push_back(LineFor(
        reader, fmt::format("ONNX Runtime rounds the float bias of channel {} to another integer", i)));
    return {};
  }
  return {};
}

std::vector<float> Reals(const Bias& bias) {
  std::vector<float> reals;
  for (std::size_t i = 0; i < bias.integers.size(); ++i) {
    reals.push_back(static_cast<float>(bias.integers[i]) * bias.scales[bias.scales.size() == 1 ? 0 : i]);
  }
  return reals;
}

}  // namespace

Result<std::optional<std::vector<float>>> BiasScales(const GraphEdit& graph, const pb::NodeProto& layer,
                                                     std::size_t channels) {
  const std::optional<std::vector<float>> none;
  if (!LeadsToQuantizeLinear(graph, layer)) return none;
  const pb::NodeProto* x = DequantizeBefore(graph, layer, 0);
  const pb::NodeProto* w = DequantizeBefore(graph, layer, 1);
  if (!x || !w) return none;
  const std::optional<Tensor> of_x = OCTAVO_TRY(graph.Constant(x->input(1)));
  const std::optional<Tensor> of_w = OCTAVO_TRY(graph.Constant(w->input(1)));
  if (!of_x || !of_w || !IsScalar(of_x->sizes)) return none;
  if (!IsScalar(of_w->sizes)) {
    const std::int64_t output_axis = layer.op_type() == "Gemm" && IntOf(layer, "transB", 0) == 0 ? 1 : 0;
    const ValueFacts weight = graph.Facts(w->input(0));
    std::int64_t axis = IntOf(*w, "axis", 1);
    if (axis < 0 && weight.sizes) axis += static_cast<std::int64_t>(weight.sizes->size());
    if (of_w->sizes.size() != 1 || static_cast<std::size_t>(of_w->sizes[0]) != channels ||
        axis != output_axis || IntOf(*w, "block_size", 0) != 0) {
      return none;
    }
  }
  const float scale = of_x->ToFloats()[0];
  std::vector<float> scales;
  for (const float one : of_w->ToFloats()) scales.push_back(scale * one);
  return std::optional(std::move(scales));
}

Result<Tensor> DequantizedBias(const NodeEdit& dequantize) {
  const Bias bias = OCTAVO_TRY(ReadBias(dequantize));
  return Tensor::Floats(bias.sizes, Reals(bias));
}

Status CheckRoundedBias(const NodeEdit& dequantize, TargetForms& forms) {
  const Bias bias = OCTAVO_TRY(ReadBias(dequantize));
  const std::vector<float> reals = Reals(bias);
  for (const pb::NodeProto* reader : dequantize.graph.Readers(dequantize.node.output(0))) {
    OCTAVO_TRY(CheckReader(dequantize, bias, reals, *reader, forms));
  }
  return {};
}

}  // namespace octavo::onnx
