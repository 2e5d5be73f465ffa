#include <algorithm>

#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"

// cat, stack, quantized::cat.  aten:: gives quantized tensors the first one's quantization; operands of
// another quantization than the result's are dequantized and quantized again.  Sources: qconcat.cpp,
// QuantizedOpKernels.cpp (qcat_nhwc_kernel).

namespace octavo::reference {
namespace {

// Tensors of the sizes [0] stand for nothing among tensors of any rank.
bool Nothing(const Tensor& x) { return x.sizes == Sizes{0}; }

// Whether PyTorch takes its kernel for channels-last tensors, which must all be that; those of one channel or
// one place are.
bool JoinsChannelsLast(const Call& call, std::string_view list, std::int64_t dim) {
  if (dim != 1) return false;  // not for -3
  const std::vector<Tensor> operands = call.tensors(list);
  const std::vector<ir::MemoryFormat> formats = call.memory_formats(list);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Sizes& sizes = operands[i].sizes;
    if (sizes.size() != 4) return false;
    const bool either = sizes[1] == 1 || (sizes[2] == 1 && sizes[3] == 1);
    if (!either && (i >= formats.size() || formats[i] != ir::MemoryFormat::kChannelsLast)) return false;
  }
  return true;
}

// An operand's levels in another quantization.  Eight channels of a channels-last tensor are a vector.
Tensor OperandIn(const Tensor& x, const TensorType& type, bool relu, bool channels_last,
                 const Options& options) {
  Tensor result = x;
  WithElementType(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      const Affine from(*x.quantization), to(*type.quantization);
      // The vectors' reciprocal is computed in float64 (QuantizedOpKernels.cpp, qcat_nhwc_kernel).
      Affine to_vector = to;
      to_vector.inverse = static_cast<float>(1.0 / type.quantization->scale());
      constexpr std::int64_t kVector = 8;
      const Around around(x.sizes, channels_last ? 1 : 0);
      const std::int64_t whole = channels_last ? around.size / kVector * kVector : 0;
      Array<T> levels = Elements<T>(x);
      for (std::int64_t i = 0; i < Count(levels.sizes); ++i) {
        const bool vector = i / around.inner % around.size < whole;
        const float given = vector ? from.FusedReal(levels[i]) : from.Real(levels[i]);
        const float real = relu ? std::max(given, 0.0F) : given;
        levels[i] = vector          ? VectorLevelOf<T>(real, to_vector, options.faults)
                    : channels_last ? ScalarLevelOf<T>(real, to, options)
                                    : TensorLevelOf<T>(real, to, options);
      }
      result = ToTensor(levels, type);
    }
  });
  return result;
}

Result<Tensor> InQuantizationOf(const Tensor& first, const Tensor& x, bool channels_last,
                                const Options& options) {
  if (!first.quantization || !x.quantization || x.dtype != first.dtype) {
    return Unsupported(
        fmt::format("tensors of types {} and {} cannot be concatenated", Name(first.dtype), Name(x.dtype)));
  }
  if (!first.quantization->per_tensor() || !x.quantization->per_tensor()) {
    return Unsupported("concatenation of per-channel quantized tensors is not supported");
  }
  if (*x.quantization == *first.quantization) return x;
  return OperandIn(x, first.type(), false, channels_last, options);
}

Result<std::vector<Tensor>> Operands(const Call& call, bool channels_last) {
  const std::vector<Tensor> all = call.tensors("tensors");
  if (all.empty()) return Unsupported("the list of tensors is empty");
  std::vector<Tensor> operands;
  for (const Tensor& x : all) {
    if (x.dtype == DType::kUnknown) return Unsupported("the list of tensors contains None");
    operands.push_back(all[0].quantization
                           ? OCTAVO_TRY(InQuantizationOf(all[0], x, channels_last, call.options()))
                           : OCTAVO_TRY(Converted(x, ResultDType(call))));
  }
  return operands;
}

Results Cat(const Call& call) {
  const bool channels_last = JoinsChannelsLast(call, "tensors", call.integer("dim"));
  std::vector<Tensor> operands;
  for (Tensor& x : OCTAVO_TRY(Operands(call, channels_last))) {
    if (!Nothing(x)) operands.push_back(std::move(x));
  }
  if (operands.empty()) return One(OCTAVO_TRY(Operands(call, channels_last))[0]);
  if (operands[0].rank() == 0) return Unsupported("scalars cannot be concatenated");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), operands[0].sizes.size()));
  return One(OCTAVO_TRY(Joined(operands, axis)));
}

Results Stack(const Call& call) {
  std::vector<Tensor> operands = OCTAVO_TRY(Operands(call, false));
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

template <bool kRelu>
Results QuantizedCat(const Call& call) {
  std::vector<Tensor> operands = call.tensors("qx");
  if (operands.empty() || operands[0].rank() == 0) return Unsupported("the list of tensors is empty");
  const TensorType type = OCTAVO_TRY(QuantizedResult(call, operands[0]));
  const bool channels_last = JoinsChannelsLast(call, "qx", call.integer("dim"));
  for (Tensor& x : operands) {
    if (x.dtype != type.dtype) return Unsupported("tensors of different dtypes cannot be concatenated");
    if (!kRelu && x.quantization == type.quantization) continue;
    if (!x.quantization || !x.quantization->per_tensor()) {
      return Unsupported("all tensors must be quantized, with one scale each");
    }
    x = OperandIn(x, type, kRelu, channels_last, call.options());
  }
  return One(OCTAVO_TRY(Joined(operands, OCTAVO_TRY(Axis(call.integer("dim"), operands[0].sizes.size())))));
}

}  // namespace

void AddConcatenation(Kernels& kernels) {
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"}) kernels.Add(name, Cat);
  kernels.Add("aten::stack", Stack);
  kernels.Add("quantized::cat", QuantizedCat<false>);
  kernels.Add("quantized::cat_out", QuantizedCat<false>);
  kernels.Add("quantized::cat_relu", QuantizedCat<true>);
  kernels.Add("quantized::cat_relu_out", QuantizedCat<true>);
}

}  // namespace octavo::reference
