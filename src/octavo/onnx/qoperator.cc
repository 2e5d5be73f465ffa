#include "octavo/onnx/qoperator.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/base/type_names.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

// A quantized value and what it means.
struct Quantized {
  std::string value, scale, zero_point;  // zero_point may be empty: 0
};

Quantized Triple(const NodeEdit& edit, int i) {
  const auto input = [&edit](int at) { return at < edit.node.input_size() ? edit.Input(at) : std::string(); };
  return {input(i), input(i + 1), input(i + 2)};
}

int TypeOf(const NodeEdit& edit, const std::string& name) { return edit.graph.Facts(name).element_type; }

// A node is written anew: its inputs are collected, and its result goes through a QuantizeLinear.
class QdqWriter {
 public:
  explicit QdqWriter(NodeEdit& edit) : edit_(edit) {}

  // Adds DequantizeLinear(value); `axis` counts only where there is a scale per channel.
  Status Add(const Quantized& q, std::int64_t axis) {
    if (q.value.empty()) return InvalidFile("an input is missing");
    const std::string scale_name = OCTAVO_TRY(FloatScale(q.scale));
    pb::NodeProto& node = edit_.before.emplace_back();
    node.set_op_type("DequantizeLinear");
    node.set_name(edit_.graph.names().New(edit_.Like("DequantizeLinear")));
    node.add_input(q.value);
    node.add_input(scale_name);
    if (!q.zero_point.empty()) node.add_input(q.zero_point);
    const ValueFacts scale = edit_.graph.Facts(scale_name);
    if (!scale.sizes)
      return Unsupported(fmt::format("the shape of the scale {} is not in the file", q.scale));
    if (scale.sizes->size() > 1)
      return Unsupported(fmt::format("the scale {} has more than one axis", q.scale));
    if (scale.sizes->size() == 1 && (*scale.sizes)[0] != 1) SetAxis(node, axis);
    const std::string real = edit_.graph.names().New(q.value + "_DequantizeLinear");
    node.add_output(real);
    inputs_.push_back(real);
    ValueFacts facts = edit_.graph.Facts(q.value);
    facts.element_type = pb::TensorProto::FLOAT;
    edit_.graph.SetFacts(real, std::move(facts));
    return {};
  }
  void AddPlain(const std::string& name) { inputs_.push_back(name); }

  // An int32 bias, whose scale is that of the layer's sums.
  Status AddBias(const std::string& bias, const std::string& x_scale, const std::string& w_scale,
                 double alpha) {
    if (bias.empty()) return {};
    const std::optional<Tensor> x = OCTAVO_TRY(edit_.graph.Constant(x_scale));
    const std::optional<Tensor> w = OCTAVO_TRY(edit_.graph.Constant(w_scale));
    if (!x || !w) return Unsupported("its scales are computed, so the bias's scale is unknown");
    const std::vector<double> of_x = x->ToDoubles(), of_w = w->ToDoubles();
    if (of_x.size() != 1) return Unsupported("its input has more than one scale");
    pb::TensorProto scale;
    scale.set_data_type(pb::TensorProto::FLOAT);
    if (of_w.size() != 1) scale.add_dims(static_cast<std::int64_t>(of_w.size()));
    for (const double one : of_w) {
      scale.add_float_data(static_cast<float>(alpha) *
                           (static_cast<float>(of_x[0]) * static_cast<float>(one)));
    }
    return Add({bias, edit_.graph.AddTensor(bias + "_scale", std::move(scale)), ""}, 0);
  }

  // The float operator; its first result is quantized, unless there is no scale: then it is a float.
  Status Finish(std::string_view op, const std::string& scale, const std::string& zero_point, int type) {
    if (scale.empty() && op != "Gemm") return InvalidFile("the scale of its result is missing");
    const std::string scale_name = scale.empty() ? scale : OCTAVO_TRY(FloatScale(scale));
    pb::NodeProto& node = edit_.node;
    node.set_op_type(std::string(op));
    node.clear_domain();
    node.clear_input();
    for (const std::string& input : inputs_) node.add_input(input);
    if (scale.empty()) return {};
    const std::string result = node.output(0);
    node.set_output(0, edit_.graph.names().New(result + "_float"));
    pb::NodeProto& quantize = edit_.after.emplace_back();
    quantize.set_op_type("QuantizeLinear");
    quantize.set_name(edit_.graph.names().New(edit_.Like("QuantizeLinear")));
    quantize.add_input(node.output(0));
    quantize.add_input(scale_name);
    quantize.add_input(zero_point.empty() ? Zero(type) : zero_point);
    quantize.add_output(result);
    return {};
  }

 private:
  static void SetAxis(pb::NodeProto& node, std::int64_t axis) {
    pb::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("axis");
    attribute.set_type(pb::AttributeProto::INT);
    attribute.set_i(axis);
  }

  // QLinearMatMul of opset 21 may have float16 scales, which ONNX Runtime's kernel reads as float32.  Between
  // DequantizeLinear and QuantizeLinear, the product itself would be float16.
  Result<std::string> FloatScale(const std::string& name) {
    const int type = edit_.graph.Facts(name).element_type;
    if (type == 0 || type == pb::TensorProto::FLOAT) return name;
    const std::optional<Tensor> scale = OCTAVO_TRY(edit_.graph.Constant(name));
    if (!scale || type != pb::TensorProto::FLOAT16)
      return Unsupported(fmt::format("the scale {} is {}, not float32", name, OnnxTypeName(type)));
    pb::TensorProto widened;
    widened.set_data_type(pb::TensorProto::FLOAT);
    for (const std::int64_t size : scale->sizes) widened.add_dims(size);
    for (const double one : scale->ToDoubles()) widened.add_float_data(static_cast<float>(one));
    return edit_.graph.AddTensor(name + "_float32", std::move(widened));
  }

  std::string Zero(int type) {
    pb::TensorProto zero;
    zero.set_data_type(type);
    zero.set_raw_data(std::string(1, '\0'));
    return edit_.graph.AddTensor(edit_.Like("zero_point"), std::move(zero));
  }

  NodeEdit& edit_;
  std::vector<std::string> inputs_;
};

// Kernels take 8-bit integers; ONNX Runtime fuses only operands and results of one type.
Status OneType(const NodeEdit& edit, const std::vector<std::string>& values, const std::string& result_zero) {
  int type = 0;
  std::vector<std::string> all = values;
  if (!result_zero.empty()) all.push_back(result_zero);
  for (const std::string& name : all) {
    const int of_this = TypeOf(edit, name);
    if (of_this != pb::TensorProto::UINT8 && of_this != pb::TensorProto::INT8) {
      return of_this == 0 ? Unsupported(fmt::format("the type of {} is not in the file", name),
                                        "Run onnx.shape_inference.infer_shapes on the model first.")
                          : Unsupported(fmt::format("{} is {}, not 8-bit", name, OnnxTypeName(of_this)));
    }
    if (type != 0 && type != of_this) {
      return Unsupported(
          "its operands and result are int8 and uint8, and ONNX Runtime does not fuse QuantizeLinear "
          "and DequantizeLinear of different types");
    }
    type = of_this;
  }
  if (type == pb::TensorProto::INT8) {
    return Unsupported(
        "its values are int8 and cannot be made uint8, since something else reads them as integers; "
        "ONNX Runtime on x86 fuses QuantizeLinear and DequantizeLinear of uint8 only",
        "Quantize the model again with activation_type QuantType.QUInt8.");
  }
  return {};
}

Status Convolution(NodeEdit& edit) {
  const Quantized x = Triple(edit, 0), w = Triple(edit, 3);
  const std::string y_scale = edit.Input(6), y_zero = edit.Input(7);
  OCTAVO_TRY(OneType(edit, {x.value}, y_zero));
  const std::string bias = edit.HasInput(8) ? edit.Input(8) : std::string();
  const int type = TypeOf(edit, x.value);
  QdqWriter writer(edit);
  OCTAVO_TRY(writer.Add(x, 0));
  OCTAVO_TRY(writer.Add(w, 0));
  OCTAVO_TRY(writer.AddBias(bias, x.scale, w.scale, 1));
  return writer.Finish("Conv", y_scale, y_zero, type);
}

Status Product(NodeEdit& edit) {
  const Quantized a = Triple(edit, 0), b = Triple(edit, 3);
  OCTAVO_TRY(OneType(edit, {a.value}, edit.Input(7)));
  const ValueFacts right = edit.graph.Facts(b.value);
  const std::string y_scale = edit.Input(6), y_zero = edit.Input(7);
  const int type = TypeOf(edit, a.value);
  QdqWriter writer(edit);
  OCTAVO_TRY(writer.Add(a, 0));
  OCTAVO_TRY(writer.Add(b, right.sizes ? static_cast<std::int64_t>(right.sizes->size()) - 1 : 1));
  return writer.Finish("MatMul", y_scale, y_zero, type);
}

Status MatrixProduct(NodeEdit& edit) {
  const Quantized a = Triple(edit, 0), b = Triple(edit, 3);
  const std::string bias = edit.HasInput(6) ? edit.Input(6) : std::string();
  const std::string y_scale = edit.HasInput(7) ? edit.Input(7) : std::string();
  const std::string y_zero = edit.HasInput(8) ? edit.Input(8) : std::string();
  OCTAVO_TRY(OneType(edit, {a.value}, y_zero));
  const pb::AttributeProto* alpha = edit.Find("alpha");
  const int type = TypeOf(edit, a.value);
  QdqWriter writer(edit);
  OCTAVO_TRY(writer.Add(a, 0));
  OCTAVO_TRY(writer.Add(b, edit.Int("transB", 0) != 0 ? 0 : 1));
  OCTAVO_TRY(writer.AddBias(bias, a.scale, b.scale, alpha ? static_cast<double>(alpha->f()) : 1.0));
  return writer.Finish("Gemm", y_scale, y_zero, type);
}

Status OfTwo(NodeEdit& edit) {
  const Quantized a = Triple(edit, 0), b = Triple(edit, 3), y = Triple(edit, 5);  // y.scale is input 6
  OCTAVO_TRY(OneType(edit, {a.value, b.value}, y.zero_point));
  const int type = TypeOf(edit, a.value);
  const std::string op = edit.node.op_type().substr(std::string_view("QLinear").size());
  QdqWriter writer(edit);
  OCTAVO_TRY(writer.Add(a, 0));
  OCTAVO_TRY(writer.Add(b, 0));
  return writer.Finish(op, y.scale, y.zero_point, type);
}

Status OfOne(NodeEdit& edit) {
  const Quantized x = Triple(edit, 0), y = Triple(edit, 2);  // y.scale is input 3
  OCTAVO_TRY(OneType(edit, {x.value}, y.zero_point));
  if (edit.Int("channels_last", 0) != 0)
    return Unsupported("its images are channels-last, which no float operator takes");
  edit.Remove("channels_last");
  const int type = TypeOf(edit, x.value);
  const std::string op = edit.node.op_type().substr(std::string_view("QLinear").size());
  QdqWriter writer(edit);
  OCTAVO_TRY(writer.Add(x, 0));
  return writer.Finish(op, y.scale, y.zero_point, type);
}

Status OfOneAxis(NodeEdit& edit) {
  // The operator of an older opset works on all dimensions from its axis on.
  constexpr std::int64_t kFirstOfOneAxis = 13;
  const std::int64_t opset = edit.Int("opset", 0);
  if (opset < kFirstOfOneAxis) {
    const ValueFacts facts = edit.graph.Facts(edit.Input(0));
    const std::int64_t axis = edit.Int("axis", 1);
    if (!facts.sizes || (axis != -1 && axis + 1 != static_cast<std::int64_t>(facts.sizes->size()))) {
      return Unsupported(
          fmt::format("it is the operator of opset {}, which works on several dimensions at once", opset));
    }
    edit.SetInt("axis", -1);
  }
  edit.Remove("opset");
  return OfOne(edit);
}

Status Concatenation(NodeEdit& edit) {
  const std::string y_scale = edit.Input(0), y_zero = edit.Input(1);
  std::vector<Quantized> parts;
  std::vector<std::string> values;
  for (int i = 2; i + 2 < edit.node.input_size(); i += 3) {
    parts.push_back(Triple(edit, i));
    values.push_back(parts.back().value);
  }
  OCTAVO_TRY(OneType(edit, values, y_zero));
  QdqWriter writer(edit);
  for (const Quantized& part : parts) OCTAVO_TRY(writer.Add(part, 0));
  return writer.Finish("Concat", y_scale, y_zero, TypeOf(edit, y_zero));
}

Status Selection(NodeEdit& edit) {
  const std::string condition = edit.Input(0);
  const Quantized x = Triple(edit, 1), y = Triple(edit, 4);
  const std::string z_scale = edit.Input(7), z_zero = edit.HasInput(8) ? edit.Input(8) : std::string();
  OCTAVO_TRY(OneType(edit, {x.value, y.value}, z_zero));
  const int type = TypeOf(edit, x.value);
  QdqWriter writer(edit);
  writer.AddPlain(condition);
  OCTAVO_TRY(writer.Add(x, 0));
  OCTAVO_TRY(writer.Add(y, 0));
  return writer.Finish("Where", z_scale, z_zero, type);
}

Status Dynamic(NodeEdit&) { return Unsupported("dynamic quantization is not converted yet"); }

Status NoForm(NodeEdit&) {
  return Unsupported("this operator cannot be written with QuantizeLinear and DequantizeLinear");
}

struct QOperator {
  Status (*write)(NodeEdit&);
  int inputs;  // at least
};

const QOperator* Find(const pb::NodeProto& node) {
  static const std::unordered_map<std::string_view, QOperator> kOnnx = {
      {"QLinearConv", {Convolution, 8}},
      {"QLinearMatMul", {Product, 8}},
      {"ConvInteger", {Dynamic, 0}},
      {"DynamicQuantizeLinear", {Dynamic, 0}},
      {"MatMulInteger", {Dynamic, 0}}};
  static const std::unordered_map<std::string_view, QOperator> kContributed = {
      {"QGemm", {MatrixProduct, 6}},
      {"QLinearAdd", {OfTwo, 7}},
      {"QLinearMul", {OfTwo, 7}},
      {"QLinearAveragePool", {OfOne, 4}},
      {"QLinearGlobalAveragePool", {OfOne, 5}},
      {"QLinearLeakyRelu", {OfOne, 4}},
      {"QLinearSigmoid", {OfOne, 4}},
      {"QLinearSoftmax", {OfOneAxis, 5}},
      {"QLinearConcat", {Concatenation, 5}},
      {"QLinearWhere", {Selection, 8}},
      {"QLinearReduceMean", {NoForm, 0}},
      {"QAttention", {NoForm, 0}},
      {"QEmbedLayerNormalization", {NoForm, 0}},
      {"DynamicQuantizeLSTM", {Dynamic, 0}},
      {"DynamicQuantizeMatMul", {Dynamic, 0}},
      {"MatMulIntegerToFloat", {Dynamic, 0}},
      {"MatMulInteger16", {NoForm, 0}}};
  const bool contributed = node.domain() == kMicrosoft;
  if (!contributed && !node.domain().empty() && node.domain() != "ai.onnx") return nullptr;
  const auto& operators = contributed ? kContributed : kOnnx;
  const auto at = operators.find(node.op_type());
  return at == operators.end() ? nullptr : &at->second;
}

}  // namespace

Result<bool> WriteAsQdq(NodeEdit& edit) {
  const QOperator* found = Find(edit.node);
  if (!found) return false;
  if (edit.node.input_size() < found->inputs || edit.node.output_size() < 1) {
    return InvalidFile(fmt::format("it has {} inputs", edit.node.input_size()));
  }
  OCTAVO_TRY(found->write(edit));
  return true;
}

}  // namespace octavo::onnx
