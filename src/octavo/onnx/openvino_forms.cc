#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "octavo/arithmetic/onnxruntime/constants.h"
#include "octavo/base/type_names.h"
#include "octavo/onnx/around_nodes.h"
#include "octavo/onnx/layer_bias.h"
#include "octavo/onnx/node_place.h"
#include "octavo/onnx/other_sign.h"
#include "octavo/onnx/target_forms.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

bool IsQuantizeOrDequantize(const pb::NodeProto& node) {
  return node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear";
}

bool IsProduct(const pb::NodeProto& node) {
  const std::string& op = node.op_type();
  return node.domain().empty() && (op == "Conv" || op == "ConvTranspose" || op == "Gemm" || op == "MatMul");
}

class OpenVinoWriter {
 public:
  OpenVinoWriter(GraphEdit& graph, TargetForms& forms) : graph_(graph), forms_(forms), signed_(graph) {}

  void Run() {
    AroundNodes around;
    for (pb::NodeProto& node : *graph_.proto().mutable_node()) {
      NodeEdit edit{.graph = graph_, .node = node};
      if (const Status status = Write(edit); !status) {
        forms_.failures.push_back(Located(status.error(), node));
      }
      around.Add(std::move(edit.before), std::move(edit.after));
    }
    for (pb::NodeProto& node : *graph_.proto().mutable_node()) {
      if (node.op_type() != "QuantizeLinear" || node.input_size() == 0) continue;
      if (const auto at = rounded_.find(node.input(0)); at != rounded_.end()) node.set_input(0, at->second);
    }
    around.PutInto(graph_.proto());
    TakeWeights();
  }

 private:
  Status Write(NodeEdit& edit) {
    if (IsQuantizeOrDequantize(edit.node)) {
      OCTAVO_TRY(CheckWidth(edit));
      if (edit.node.op_type() == "QuantizeLinear") return {};
      return OCTAVO_TRY(DequantizeWeight(edit)) ? Status() : SignWeight(edit);
    }
    if (IsProduct(edit.node) && edit.node.op_type() != "MatMul") OCTAVO_TRY(RoundBias(edit));
    RoundConvolution(edit);
    KeepFloat(edit);
    return edit.node.op_type() == "AveragePool" ? KeepPadding(edit) : Status();
  }

  // The CPU plugin moves a pool before the DequantizeLinear, and pads the integers with 0, not with the zero
  // point.
  Status KeepPadding(NodeEdit& edit) {
    if (!edit.node.domain().empty() || edit.Int("count_include_pad", 0) == 0) return {};
    const bool padded = edit.Text("auto_pad", "NOTSET") != "NOTSET" ||
                        std::ranges::any_of(edit.Ints("pads"), [](std::int64_t pad) { return pad != 0; });
    const pb::NodeProto* before = graph_.Producer(edit.Input(0));
    if (!padded || !before || before->op_type() != "DequantizeLinear" || before->input_size() < 3) return {};
    const std::optional<Tensor> zero = OCTAVO_TRY(graph_.Constant(before->input(2)));
    if (zero && std::ranges::all_of(zero->ToInts(), [](std::int64_t z) { return z == 0; })) return {};
    const std::string real = edit.Input(0);
    const std::string apart = graph_.names().New(real + "_apart");
    edit.before.push_back(Identity(edit, real, apart));
    edit.node.set_input(0, apart);
    ++forms_.changes["LeakyRelu of slope 1 between DequantizeLinear and an average that counts padding"];
    forms_.other_numbers.push_back(
        fmt::format("AveragePool at {}: ONNX Runtime adds floats, not integers, behind the LeakyRelu of "
                    "slope 1 with which "
                    "OpenVINO pads rightly",
                    PlaceOf(edit.node)));
    return {};
  }

  // ONNX Runtime rounds this bias to int32, and OpenVINO does not.
  Status RoundBias(NodeEdit& edit) {
    const std::string name = edit.Input(2);
    if (!graph_.IsConstant(name) || graph_.Facts(name).element_type != pb::TensorProto::FLOAT) return {};
    const std::optional<Tensor> bias = OCTAVO_TRY(graph_.Constant(name));
    if (!bias || bias->sizes.size() != 1) return {};
    const std::vector<float> reals = bias->ToFloats();
    const auto scales = OCTAVO_TRY(BiasScales(graph_, edit.node, reals.size()));
    if (!scales) return {};
    pb::TensorProto integers, scale;
    integers.set_data_type(pb::TensorProto::INT32);
    integers.add_dims(bias->sizes[0]);
    scale.set_data_type(pb::TensorProto::FLOAT);
    const bool per_channel = scales->size() != 1;
    if (per_channel) scale.add_dims(bias->sizes[0]);
    for (std::size_t i = 0; i < reals.size(); ++i) {
      integers.add_int32_data(
          arithmetic::onnxruntime::QuantizeBias(reals[i], (*scales)[per_channel ? i : 0]));
    }
    for (const float one : *scales) scale.add_float_data(one);
    pb::NodeProto& node = edit.before.emplace_back();
    node.set_op_type("DequantizeLinear");
    node.set_name(graph_.names().New(edit.Like("bias_DequantizeLinear")));
    node.add_input(graph_.AddTensor(name + "_int32", std::move(integers)));
    node.add_input(graph_.AddTensor(name + "_scale", std::move(scale)));
    node.add_output(graph_.names().New(name + "_DequantizeLinear"));
    if (per_channel) NodeEdit{.graph = graph_, .node = node}.SetInt("axis", 0);
    graph_.RemoveIfUnused(name);
    edit.node.set_input(2, node.output(0));
    ++forms_.changes["float bias written as int32, as ONNX Runtime rounds it"];
    return {};
  }

  static Status CheckWidth(const NodeEdit& edit) {
    const bool quantizes = edit.node.op_type() == "QuantizeLinear";
    if (!quantizes && !edit.HasInput(0)) return InvalidFile("it has no input");
    if (edit.node.output_size() == 0) return InvalidFile("it has no result");
    const int type = edit.graph.Facts(quantizes ? edit.node.output(0) : edit.Input(0)).element_type;
    if (type != pb::TensorProto::INT16 && type != pb::TensorProto::UINT16) return {};
    return Unsupported(fmt::format("OpenVINO leaves the rounding to {} out, so its results would be others",
                                   OnnxTypeName(type)),
                       "Quantize the model again with 8-bit activations.");
  }

  // The CPU plugin computes a ConvTranspose wrongly whose weights have another zero point than 0: float32
  // weights instead, which is what ONNX Runtime computes with.  KeepFloat keeps it from rounding them.
  Result<bool> DequantizeWeight(NodeEdit& edit) {
    const auto& readers = graph_.Readers(edit.node.output(0));
    const auto takes_weight = [&](const pb::NodeProto* reader) {
      return reader->op_type() == "ConvTranspose" && reader->domain().empty() && reader->input_size() >= 2 &&
             reader->input(0) != edit.node.output(0) && reader->input(1) == edit.node.output(0);
    };
    if (readers.empty() || !std::ranges::all_of(readers, takes_weight)) return false;
    const std::optional<Tensor> integers = OCTAVO_TRY(graph_.Constant(edit.Input(0)));
    const std::optional<Tensor> scale = OCTAVO_TRY(graph_.Constant(edit.Input(1)));
    if (!integers || !scale || (integers->dtype != DType::kInt8 && integers->dtype != DType::kUint8)) {
      return false;
    }
    const std::vector<float> scales = scale->ToFloats();
    std::vector<std::int64_t> zeros(scales.size(), 0);
    if (edit.HasInput(2)) {
      const std::optional<Tensor> zero = OCTAVO_TRY(graph_.Constant(edit.Input(2)));
      if (!zero || zero->num_elements() != scale->num_elements()) return false;
      zeros = zero->ToInts();
    }
    const std::int64_t middle = integers->dtype == DType::kUint8 ? 128 : 0;
    if (std::ranges::all_of(zeros, [middle](std::int64_t zero) { return zero == middle; })) return false;
    const auto rank = static_cast<std::int64_t>(integers->sizes.size());
    std::int64_t axis = edit.Int("axis", 1), inner = 1;
    if (axis < 0) axis += rank;
    if (scales.size() != 1 && (scale->sizes.size() != 1 || axis < 0 || axis >= rank ||
                               scale->sizes[0] != integers->sizes[static_cast<std::size_t>(axis)])) {
      return false;
    }
    for (std::int64_t d = axis + 1; scales.size() > 1 && d < rank; ++d) {
      inner *= integers->sizes[static_cast<std::size_t>(d)];
    }
    const std::vector<std::int64_t> levels = integers->ToInts();
    std::vector<float> reals;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::size_t c = scales.size() == 1 ? 0 : i / static_cast<std::size_t>(inner) % scales.size();
      reals.push_back(static_cast<float>(levels[i] - zeros[c]) * scales[c]);
    }
    pb::TensorProto weight;
    weight.set_data_type(pb::TensorProto::FLOAT);
    for (const std::int64_t size : integers->sizes) weight.add_dims(size);
    weight.set_raw_data(
        std::string(reinterpret_cast<const char*>(reals.data()), reals.size() * sizeof(float)));
    for (const std::string& input : edit.node.input()) graph_.RemoveIfUnused(input);
    weights_[edit.node.output(0)] = graph_.AddTensor(edit.Input(0) + "_float", std::move(weight));
    ++forms_.changes["weight of ConvTranspose with a zero point written as float32"];
    return true;
  }

  // The readers of dequantized weights take the constants.
  void TakeWeights() {
    if (weights_.empty()) return;
    auto* nodes = graph_.proto().mutable_node();
    nodes->erase(std::remove_if(nodes->begin(), nodes->end(),
                                [&](const pb::NodeProto& node) {
                                  return node.op_type() == "DequantizeLinear" && node.output_size() > 0 &&
                                         weights_.contains(node.output(0));
                                }),
                 nodes->end());
    for (pb::NodeProto& node : *nodes) {
      for (std::string& input : *node.mutable_input()) {
        if (const auto at = weights_.find(input); at != weights_.end()) input = at->second;
      }
    }
  }

  // The CPU plugin has exact kernels for int8 weights; with uint8 weights it computes floats, and a
  // ConvTranspose wrongly.
  Status SignWeight(NodeEdit& edit) {
    const std::string weight = edit.Input(0), result = edit.node.output(0);
    if (!graph_.IsConstant(weight) || graph_.Facts(weight).element_type != pb::TensorProto::UINT8) return {};
    const auto& readers = graph_.Readers(result);
    const bool only_weight =
        !readers.empty() && std::ranges::all_of(readers, [&](const pb::NodeProto* reader) {
          if (!IsProduct(*reader)) return false;
          for (int i = 0; i < reader->input_size(); ++i) {
            if (i != 1 && reader->input(i) == result) return false;
          }
          return true;
        });
    if (!only_weight) return {};
    if (edit.HasInput(2) && !graph_.IsConstant(edit.Input(2))) return {};
    const std::string given_zero = edit.Input(2);
    const std::string zero = OCTAVO_TRY(given_zero.empty() ? LowestZero(edit) : Signed(given_zero));
    edit.node.set_input(0, OCTAVO_TRY(Signed(weight)));
    edit.SetInput(2, zero);
    ++forms_.changes["uint8 weight written as int8"];
    return {};
  }

  // uint8 without a zero point: 0, of int8 -128.
  Result<std::string> LowestZero(const NodeEdit& edit) {
    constexpr signed char kLowest = -128;
    const std::optional<Tensor> scale = OCTAVO_TRY(graph_.Constant(edit.Input(1)));
    if (!scale) return Unsupported("the weight's scale is computed");
    pb::TensorProto zero;
    zero.set_data_type(pb::TensorProto::INT8);
    for (const std::int64_t size : scale->sizes) zero.add_dims(size);
    zero.set_raw_data(
        std::string(static_cast<std::size_t>(scale->num_elements()), static_cast<char>(kLowest)));
    return graph_.AddTensor(edit.Like("zero_point"), std::move(zero));
  }

  Result<std::string> Signed(const std::string& name) {
    std::optional<std::string> made = OCTAVO_TRY(signed_.Of(name, DType::kUint8));
    if (!made) return InvalidFile(fmt::format("{} is not uint8", name));
    return *std::move(made);
  }

  void RoundConvolution(NodeEdit& edit) {
    if (edit.node.op_type() != "Conv" || !edit.node.domain().empty() || !edit.HasOutput(0)) return;
    for (const int i : {0, 1}) {
      const pb::NodeProto* before = graph_.Producer(edit.Input(i));
      if (!before || before->op_type() != "DequantizeLinear") return;
    }
    const std::string result = edit.node.output(0);
    if (std::ranges::none_of(graph_.Readers(result), [&](const pb::NodeProto* reader) {
          return reader->op_type() == "QuantizeLinear" && reader->input(0) == result;
        })) {
      return;
    }
    rounded_[result] = graph_.names().New(result + "_rounded");
    edit.after.push_back(Identity(edit, result, rounded_[result]));
    ++forms_.changes["LeakyRelu of slope 1 between a convolution and its QuantizeLinear"];
    forms_.other_numbers.push_back(fmt::format(
        "Conv at {}: ONNX Runtime adds floats, not integers, before the LeakyRelu of slope 1 with which "
        "OpenVINO rounds the result",
        PlaceOf(edit.node)));
  }

  // Without it, ONNX Runtime would make the float32 weights of DequantizeWeight int8.
  void KeepFloat(NodeEdit& edit) {
    if (!weights_.contains(edit.Input(1)) || !edit.HasOutput(0)) return;
    const std::string result = edit.node.output(0), apart = graph_.names().New(result + "_apart");
    edit.node.set_output(0, apart);
    edit.after.push_back(Identity(edit, apart, result));
  }

  pb::NodeProto Identity(const NodeEdit& edit, const std::string& from, const std::string& to) {
    pb::NodeProto identity;
    identity.set_op_type("LeakyRelu");
    identity.set_name(graph_.names().New(edit.Like("LeakyRelu")));
    identity.add_input(from);
    identity.add_output(to);
    NodeEdit{.graph = graph_, .node = identity}.SetFloat("alpha", 1);
    return identity;
  }

  GraphEdit& graph_;
  TargetForms& forms_;
  OtherSigns signed_;
  std::unordered_map<std::string, std::string> rounded_, weights_;
};

}  // namespace

void WriteForOpenVino(GraphEdit& graph, TargetForms& forms) { OpenVinoWriter(graph, forms).Run(); }

}  // namespace octavo::onnx
