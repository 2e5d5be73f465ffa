#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// cat, stack.  Quantized tensors get the first one's quantization: the others are dequantized and quantized
// again where theirs differs.

namespace octavo::reference {
namespace {

// Tensors of the sizes [0] stand for nothing among tensors of any rank.
bool Nothing(const Tensor& x) { return x.sizes == Sizes{0}; }

Result<Tensor> InQuantizationOf(const Tensor& first, const Tensor& x, const Options& options) {
  if (!first.quantization || !x.quantization || x.dtype != first.dtype) {
    return Unsupported(
        fmt::format("tensors of types {} and {} cannot be concatenated", Name(first.dtype), Name(x.dtype)));
  }
  if (!first.quantization->per_tensor() || !x.quantization->per_tensor()) {
    return Unsupported("concatenation of per-channel quantized tensors is not supported");
  }
  if (*x.quantization == *first.quantization) return x;
  return Quantized(Dequantized(x), {.dtype = first.dtype, .shape = {}, .quantization = first.quantization},
                   options);
}

Result<std::vector<Tensor>> Operands(const Call& call) {
  const std::vector<Tensor> all = call.tensors("tensors");
  if (all.empty()) return Unsupported("the list of tensors is empty");
  std::vector<Tensor> operands;
  for (const Tensor& x : all) {
    if (x.dtype == DType::kUnknown) return Unsupported("the list of tensors contains None");
    operands.push_back(all[0].quantization ? OCTAVO_TRY(InQuantizationOf(all[0], x, call.options()))
                                           : OCTAVO_TRY(Converted(x, ResultDType(call))));
  }
  return operands;
}

Results Cat(const Call& call) {
  std::vector<Tensor> operands;
  for (Tensor& x : OCTAVO_TRY(Operands(call))) {
    if (!Nothing(x)) operands.push_back(std::move(x));
  }
  if (operands.empty()) return One(OCTAVO_TRY(Operands(call))[0]);
  if (operands[0].rank() == 0) return Unsupported("scalars cannot be concatenated");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), operands[0].sizes.size()));
  return One(OCTAVO_TRY(Joined(operands, axis)));
}

Results Stack(const Call& call) {
  std::vector<Tensor> operands = OCTAVO_TRY(Operands(call));
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), operands[0].sizes.size() + 1));
  const Sizes each = operands[0].sizes;
  for (Tensor& x : operands) {
    if (x.sizes != each) return Unsupported("tensors of different shapes cannot be stacked");
    Sizes sizes = x.sizes;
    sizes.insert(sizes.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    x = OCTAVO_TRY(Reshaped(x, std::move(sizes)));
  }
  return One(OCTAVO_TRY(Joined(operands, axis)));
}

}  // namespace

void AddConcatenation(Kernels& kernels) {
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"}) kernels.Add(name, Cat);
  kernels.Add("aten::stack", Stack);
}

}  // namespace octavo::reference
