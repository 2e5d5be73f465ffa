#include <algorithm>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/onnx/opset/changes.h"

// Attributes that an opset added: below it, only what was meant without them can be written.

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

Error NoSuchAttribute(int opset, std::string_view attribute, std::string_view value) {
  return Unsupported(fmt::format("opset {} is the first with {} {}", opset, attribute, value));
}

Status WithoutInt(NodeEdit& edit, int opset, std::string_view attribute, std::int64_t meant) {
  const std::int64_t value = edit.Int(attribute, meant);
  if (value != meant) return NoSuchAttribute(opset, attribute, std::to_string(value));
  edit.Remove(attribute);
  return {};
}

}  // namespace

Status InferenceBatchNorm(NodeEdit& edit) {
  for (int i = 1; i < edit.node.output_size(); ++i) {
    if (edit.HasOutput(i)) {
      return Unsupported("below opset 14 more than one result means training, which opset 14 has otherwise");
    }
  }
  return {};
}

Status NoTrainingMode(NodeEdit& edit) { return WithoutInt(edit, 14, "training_mode", 0); }

Status WithoutLayout(NodeEdit& edit) { return WithoutInt(edit, 14, "layout", 0); }

Status WithoutReduction(NodeEdit& edit) {
  const std::string reduction = edit.Text("reduction", "none");
  if (reduction != "none") return NoSuchAttribute(16, "reduction", reduction);
  edit.Remove("reduction");
  return {};
}

Status WithoutExtremes(NodeEdit& edit) {
  const std::string reduction = edit.Text("reduction", "none");
  if (reduction == "max" || reduction == "min") return NoSuchAttribute(18, "reduction", reduction);
  return {};
}

Status WithoutDilations(NodeEdit& edit) {
  const bool average = edit.node.op_type() == "AveragePool";
  const int opset = average ? 19 : 18;
  if (!average) OCTAVO_TRY(WithoutInt(edit, opset, "ceil_mode", 0));
  const std::vector<std::int64_t> dilations = edit.Ints("dilations");
  if (std::ranges::any_of(dilations, [](std::int64_t d) { return d != 1; })) {
    return NoSuchAttribute(opset, "dilations", "other than 1");
  }
  edit.Remove("dilations");
  return {};
}

Status WithoutSaturate(NodeEdit& edit) {
  // Only 8-bit floats heed it, which the opset does not have.
  edit.Remove("saturate");
  return {};
}

Status WithoutBlocks(NodeEdit& edit) {
  OCTAVO_TRY(WithoutInt(edit, 21, "block_size", 0));
  const std::int64_t type = edit.Int("output_dtype", 0);
  edit.Remove("output_dtype");
  if (edit.node.op_type() != "QuantizeLinear" || type == 0 || type == pb::TensorProto::UINT8 ||
      edit.HasInput(2)) {
    return {};
  }
  // Below opset 21 the zero point's type is the result's.
  const std::optional<Tensor> scale = OCTAVO_TRY(edit.graph.Constant(edit.Input(1)));
  if (type != pb::TensorProto::INT8 || !scale) return NoSuchAttribute(21, "output_dtype", OnnxTypeName(type));
  pb::TensorProto zero;
  zero.set_data_type(static_cast<int>(type));
  for (const std::int64_t size : scale->sizes) zero.add_dims(size);
  zero.set_raw_data(std::string(static_cast<std::size_t>(scale->num_elements()), '\0'));
  edit.SetInput(2, edit.graph.AddTensor(edit.Like("zero_point"), std::move(zero)));
  return {};
}

Status WithoutPrecision(NodeEdit& edit) {
  OCTAVO_TRY(WithoutInt(edit, 23, "precision", 0));
  if (edit.node.op_type() != "DequantizeLinear") return {};
  const std::int64_t type = edit.Int("output_dtype", 0);
  if (type != 0 && type != edit.graph.Facts(edit.Input(1)).element_type) {
    return NoSuchAttribute(23, "output_dtype", OnnxTypeName(type));
  }
  edit.Remove("output_dtype");
  return {};
}

Status WithoutRoundMode(NodeEdit& edit) {
  // Only 8-bit scales heed it, which the opset does not have.
  edit.Remove("round_mode");
  return {};
}

Status WithoutStashType(NodeEdit& edit) {
  // Only 16-bit floats heed it, which the opset does not take.
  edit.Remove("stash_type");
  return {};
}

// The operator's definition, as ONNX Runtime computes it, too.
Status HardSwishAsProduct(NodeEdit& edit) {
  if (!edit.HasInput(0) || !edit.HasOutput(0)) return InvalidFile("it has no input or result");
  const std::string result = edit.node.output(0), factor = edit.graph.names().New(edit.Like("HardSigmoid"));
  edit.node.set_op_type("HardSigmoid");
  edit.node.set_output(0, factor);
  edit.SetFloat("alpha", 1.0F / 6.0F);
  edit.SetFloat("beta", 0.5F);
  pb::NodeProto& product = edit.after.emplace_back();
  product.set_op_type("Mul");
  product.set_name(edit.graph.names().New(edit.Like("Mul")));
  product.add_input(edit.Input(0));
  product.add_input(factor);
  product.add_output(result);
  return {};
}

Status ScatterElements(NodeEdit& edit) {
  edit.node.set_op_type("ScatterElements");
  return {};
}

Status OtherMeaning(NodeEdit&) {
  return Unsupported("its definition differs too much between the two opsets");
}

}  // namespace octavo::onnx
