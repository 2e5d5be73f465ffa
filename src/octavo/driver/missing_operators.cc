#include "octavo/driver/missing_operators.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "octavo/ir/origin.h"

namespace octavo::driver {
namespace {

struct Advice {
  const char* name;  // what the operator's name begins with; "*" in front: what one of PyTorch's contains
  const char* text;
};

constexpr const char* kDynamic =
    "Dynamic quantization (int8 weights, activations quantized while the model runs) is not supported yet. "
    "Quantize the model statically, or export the float model with torch.onnx and quantize the ONNX file "
    "with "
    "onnxruntime.quantization.quantize_dynamic.";
constexpr const char* kHalfWeights =
    "Dynamic quantization to float16 weights is not supported yet. Leave these layers in float32.";
constexpr const char* kRecurrent =
    "Recurrent layers are not supported yet. Export the recurrent part with torch.onnx, as a model of its "
    "own.";
constexpr const char* kEmbedding =
    "Quantized embeddings are not supported yet. Keep embeddings in float (embedding.qconfig = None before "
    "prepare), and replace EmbeddingBag by Embedding and a sum or mean.";
constexpr const char* kTraining =
    "The model still has the fake-quantize modules of training, which observe ranges. Call "
    "torch.ao.quantization.convert on the model in eval mode, then save it.";
constexpr const char* kPt2e =
    "Models of torchao and of PT2E quantization are not supported yet. Quantize with "
    "torch.ao.quantization.quantize_fx, which makes int8 modules that torch.jit.trace keeps.";
constexpr const char* kOneDnn =
    "PyTorch fuses this for its onednn engine only. Convert without "
    "backend_config=get_onednn_backend_config().";
constexpr const char* kThisCpu =
    "torch.jit.optimize_for_inference (or to_mkldnn) has rewritten the model for one kind of CPU. Save the "
    "model before that call.";
constexpr const char* kMobile =
    "torch.utils.mobile_optimizer.optimize_for_mobile has rewritten the model. Save the model before that "
    "call.";
constexpr const char* kLowered =
    "A part of the model is compiled for another runtime, and its program is not in the file. Save the model "
    "before that step.";
constexpr const char* kNnapi =
    "The model is compiled for Android's NNAPI, and its program is not in the file. Save the model with "
    "torch.jit.save before convert_model_to_nnapi.";
constexpr const char* kTensorRt =
    "The model is compiled for TensorRT by Torch-TensorRT, and its program is not in the file. Save the "
    "model with "
    "torch.jit.save before torch_tensorrt.compile.";
constexpr const char* kNeuron =
    "The model is compiled for AWS Neuron, and its program is not in the file. Save the model with "
    "torch.jit.save "
    "before torch_neuron traces it.";
constexpr const char* kIpex =
    "Intel Extension for PyTorch has rewritten the model. Save the model with torch.jit.save before "
    "ipex.optimize.";
constexpr const char* kCaffe2Operator =
    "This is an operator of Caffe2, which PyTorch no longer has. Save the model's PyTorch form.";
constexpr const char* kAttention =
    "PyTorch's attention operators are not supported yet. Write the attention as "
    "torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), -1) @ v.";
constexpr const char* kTorchvision =
    "torchvision's own operators are not supported yet. Leave them out of the saved model and call them on "
    "its "
    "outputs.";
constexpr const char* kOfPyTorch =
    "Leave it out of the saved model, or replace it by operators that `octavo ops` lists.";
constexpr const char* kPlugin =
    "It is not one of PyTorch's own operators: add it with --plugin, see docs/custom_operators.md.";

// The first that fits.
constexpr Advice kAdvice[] = {
    {"quantized::linear_dynamic_fp16", kHalfWeights},
    {"quantized::linear_relu_dynamic_fp16", kHalfWeights},
    {"quantized::embedding", kEmbedding},
    {"aten::embedding_bag", kEmbedding},
    {"aten::_embedding_bag", kEmbedding},
    {"aten::quantized_lstm", kDynamic},
    {"aten::quantized_gru", kDynamic},
    {"aten::quantized_rnn", kDynamic},
    {"quantized::quantized_lstm", kDynamic},
    {"quantized::quantized_gru", kDynamic},
    {"quantized::quantized_rnn", kDynamic},
    {"quantized::make_quantized_cell_params", kDynamic},
    {"torch.classes.rnn.", kDynamic},
    {"*_dynamic", kDynamic},
    {"aten::lstm", kRecurrent},
    {"aten::gru", kRecurrent},
    {"aten::rnn_", kRecurrent},
    {"aten::_thnn_fused_", kRecurrent},
    {"aten::mkldnn_rnn_layer", kRecurrent},
    {"aten::fused_moving_avg_obs_fake_quant", kTraining},
    {"aten::_fused_moving_avg_obs_fq_helper", kTraining},
    {"torchao::", kPt2e},
    {"quantized_decomposed::", kPt2e},
    {"onednn::", kOneDnn},
    {"quantized::conv1d_add", kOneDnn},
    {"quantized::conv2d_add", kOneDnn},
    {"quantized::conv3d_add", kOneDnn},
    {"quantized::linear_leaky_relu", kOneDnn},
    {"quantized::linear_tanh", kOneDnn},
    {"aten::to_dense", kThisCpu},
    {"*mkldnn", kThisCpu},
    {"*MKLDNN", kThisCpu},
    {"prepacked::", kMobile},
    {"metal_prepack::", kMobile},
    {"vulkan_prepack::", kMobile},
    {"torch.classes.xnnpack.", kMobile},
    {"torch.classes.metal.", kMobile},
    {"torch.classes.vulkan.", kMobile},
    {"torch.classes._nnapi.", kNnapi},
    {"_nnapi::", kNnapi},
    {"torch.classes.tensorrt.", kTensorRt},
    {"tensorrt::", kTensorRt},
    {"torch.classes.neuron.", kNeuron},
    {"neuron::", kNeuron},
    {"torch.classes.ipex_prepack.", kIpex},
    {"ipex_prepack::", kIpex},
    {"torch_ipex::", kIpex},
    {"coreml::", kLowered},
    {"torch.classes.", kLowered},
    {"_caffe2::", kCaffe2Operator},
    {"caffe2::", kCaffe2Operator},
    {"aten::scaled_dot_product_attention", kAttention},
    {"aten::_scaled_dot_product", kAttention},
    {"aten::_native_multi_head_attention", kAttention},
    {"aten::_transformer_encoder_layer_fwd", kAttention},
    {"torchvision::", kTorchvision},
    {"aten::", kOfPyTorch},
    {"_quantized::", kOfPyTorch},
    {"quantized::", kOfPyTorch},
    {"prim::", kOfPyTorch},
    {"prims::", kOfPyTorch},
    {"static_runtime::", kOfPyTorch},
    {"sparse::", kOfPyTorch},
};

std::string Uses(std::size_t count) { return fmt::format("{} use{}", count, count == 1 ? "" : "s"); }

// The uses that are counted: those in branches that may not be taken only where there are no others.
const std::vector<std::shared_ptr<const ir::Origin>>& Counted(const import::MissingOperator& operation) {
  return operation.uses.empty() ? operation.perhaps : operation.uses;
}

ErrorDetail Detail(const import::MissingOperator& operation, bool counted) {
  const auto& uses = Counted(operation);
  ErrorDetail detail{.message = operation.op, .op = operation.op, .count = uses.size()};
  if (counted) detail.message += fmt::format(" ({})", Uses(uses.size()));
  if (operation.uses.empty()) detail.message += ", in branches that may not be taken";
  if (!uses.empty() && uses[0]) {
    detail.place = ir::Place(*uses[0]);
    detail.module_path = uses[0]->module_path;
    detail.excerpt = uses[0]->excerpt;
  }
  return detail;
}

// "aten::lstm, aten::gru: advice", a line for each advice.
std::string Hints(const std::vector<import::MissingOperator>& missing) {
  std::vector<std::pair<std::string, std::string>> by_advice;
  for (const import::MissingOperator& operation : missing) {
    std::string advice = AdviceFor(operation.op);
    const auto same = std::ranges::find(by_advice, advice, &std::pair<std::string, std::string>::first);
    if (same == by_advice.end()) {
      by_advice.emplace_back(std::move(advice), operation.op);
    } else {
      same->second += ", " + operation.op;
    }
  }
  if (by_advice.size() == 1) return by_advice[0].first;
  std::string hints;
  for (const auto& [advice, operators] : by_advice) {
    hints += fmt::format("{}{}: {}", hints.empty() ? "" : "\n", operators, advice);
  }
  return hints;
}

}  // namespace

std::string AdviceFor(std::string_view op) {
  const bool of_pytorch = op.starts_with("aten::") || op.starts_with("quantized::") ||
                          op.starts_with("prim::") || op.starts_with("mkldnn");
  for (const Advice& advice : kAdvice) {
    const std::string_view name = advice.name;
    if (name[0] == '*' ? of_pytorch && op.find(name.substr(1)) != std::string_view::npos
                       : op.starts_with(name)) {
      return advice.text;
    }
  }
  return kPlugin;
}

Error MissingOperators(const std::vector<import::MissingOperator>& missing, std::string advice) {
  const bool one = missing.size() == 1;
  Error error = Unsupported(
      one ? fmt::format("{} is not supported yet ({})", missing[0].op, Uses(Counted(missing[0]).size()))
          : fmt::format("{} operators are not supported yet", missing.size()),
      advice.empty() ? Hints(missing) : std::move(advice));
  for (const import::MissingOperator& operation : missing) error.AddDetail(Detail(operation, !one));
  return error;
}

}  // namespace octavo::driver
