#include "octavo/engine/literal/onnxruntime.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/onnxruntime_sums.h"
#include "octavo/targets/onnxruntime/functions.h"

namespace octavo::engine::literal {
namespace {

namespace ort = targets::onnxruntime;

// Sums and exponentials are predicted for a CPU with AVX-512: docs/numbers.md, "What depends on the CPU".
constexpr ort::Instructions kAssumedInstructions = ort::Instructions::kAvx512;

using Compute = std::function<std::vector<float>(const Operands&)>;

void SetCompute(Prepared& prepared, Compute compute) {
  prepared.compute = [type = prepared.outputs[0],
                      compute = std::move(compute)](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> results;
    results.push_back(Tensor::Floats(*type.sizes, compute(in)));
    return results;
  };
}

std::vector<float> Floats(const Tensor& tensor) {
  const float* data = Data<float>(tensor);
  return {data, data + tensor.num_elements()};
}

Result<std::function<float(float)>> UnaryOf(Call& call) {
  const std::string_view op = call.op();
  std::function<float(float)> f;
  if (op == "Sigmoid") f = ort::Sigmoid;
  if (op == "Tanh") f = ort::Tanh;
  if (op == "Exp") f = ort::Exp;
  if (op == "Erf") f = ort::Erf;
  if (op == "HardSwish") f = ort::HardSwish;
  if (op == "HardSigmoid") {
    const auto alpha = static_cast<float>(OCTAVO_TRY(call.Real("alpha", double{0.2F})));
    const auto beta = static_cast<float>(OCTAVO_TRY(call.Real("beta", 0.5)));
    f = [alpha, beta](float x) { return ort::HardSigmoid(x, alpha, beta); };
  }
  if (op == "LeakyRelu") {
    const auto alpha = static_cast<float>(OCTAVO_TRY(call.Real("alpha", double{0.01F})));
    f = [alpha](float x) { return ort::LeakyRelu(x, alpha); };
  }
  return f;
}

// core/providers/cpu/nn/batch_norm.h: a factor and a summand per channel, each rounded.
Compute BatchNormalization(float epsilon) {
  return [epsilon](const Operands& in) {
    std::vector<float> y = Floats(*in[0]);
    const std::vector<float> scale = Floats(*in[1]), bias = Floats(*in[2]), mean = Floats(*in[3]),
                             variance = Floats(*in[4]);
    const Sizes& sizes = in[0]->sizes;
    const auto channels = static_cast<std::size_t>(sizes.size() > 1 ? sizes[1] : 1);
    const auto pixels = static_cast<std::size_t>(sizes.size() > 2 ? Product(sizes, 2, sizes.size()) : 1);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::size_t c = i / pixels % channels;
      const float factor = 1.0F / std::sqrt(variance[c] + epsilon) * scale[c];
      y[i] = y[i] * factor + (bias[c] - mean[c] * factor);
    }
    return y;
  };
}

// Rows of the last axis.
std::vector<float> SoftmaxOfRows(const Operands& in) {
  std::vector<float> y = Floats(*in[0]);
  const auto row = static_cast<std::size_t>(in[0]->sizes.back());
  for (std::size_t i = 0; row > 0 && i < y.size(); i += row) {
    const std::span<float> line(y.data() + i, row);
    ort::Softmax(line, line, kAssumedInstructions);
  }
  return y;
}

}  // namespace

Result<Prepared> AsOnnxRuntime(Call& call, Prepared literal, RuntimeHints hints) {
  const std::string_view op = call.op();
  if (literal.outputs.size() != 1) return literal;
  if (op == "Resize" || op == "Upsample") return LinearResize(call, std::move(literal), hints.channels_last);
  if (literal.outputs[0].dtype != DType::kFloat32 || literal.outputs[0].int8) return literal;
  if (op == "ReduceMean") return Mean(call, std::move(literal));
  if (op == "AveragePool") return AveragePoolOfFloats(call, std::move(literal));
  if (op == "GlobalAveragePool")
    return GlobalAveragePoolOfFloats(call, std::move(literal), hints.first_in_blocks);
  if (op == "MatMul") return MatMulOfFloats(call, std::move(literal), hints.second_is_stored);
  if (op == "Gemm") return GemmOfFloats(call, std::move(literal), hints.second_is_stored);
  // Float weights that are stored make ONNX Runtime choose among several layouts and orders.
  if ((op == "Conv" || op == "ConvTranspose") && !hints.second_is_stored)
    return ConvOfFloats(call, std::move(literal), op == "ConvTranspose");
  if (op == "BatchNormalization") {
    for (std::size_t i = 1; i < 5; ++i) {
      if (OCTAVO_TRY(call.dtype(i)) != DType::kFloat32) return literal;
    }
    SetCompute(literal,
               BatchNormalization(static_cast<float>(OCTAVO_TRY(call.Real("epsilon", double{1e-5F})))));
    return literal;
  }
  if (op == "Softmax") {
    const auto rank = static_cast<std::int64_t>(literal.outputs[0].sizes->size());
    const std::int64_t axis = OCTAVO_TRY(call.Int("axis", call.opset() < 13 ? 1 : -1));
    if (rank > 0 && (axis == -1 || axis == rank - 1)) SetCompute(literal, SoftmaxOfRows);
    return literal;
  }
  if (auto f = OCTAVO_TRY(UnaryOf(call))) {
    SetCompute(literal, [f = std::move(f)](const Operands& in) {
      std::vector<float> y = Floats(*in[0]);
      std::transform(y.begin(), y.end(), y.begin(), f);
      return y;
    });
  }
  return literal;
}

}  // namespace octavo::engine::literal
