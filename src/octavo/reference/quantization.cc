#include "octavo/reference/array.h"
#include "octavo/reference/kernels.h"

// quantize and dequantize.  Source: at::native::quantize_per_tensor, dequantize (PyTorch 1.13).

namespace octavo::reference {
namespace {

Results Quantize(const Call& call) {
  return std::vector<Tensor>{Quantized(Elements<float>(call.tensor("self")), call.result())};
}

Results Dequantize(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (!x.quantization) return std::vector<Tensor>{x};
  return std::vector<Tensor>{ToTensor(Dequantized(x), TensorType{.dtype = DType::kFloat32})};
}

}  // namespace

void AddQuantization(Kernels& kernels) {
  kernels.Add("aten::quantize_per_tensor", Quantize);
  kernels.Add("aten::dequantize", Dequantize);
}

}  // namespace octavo::reference
