#pragma once

#include <cstdint>
#include <vector>

#include "octavo/engine/call.h"
#include "octavo/targets/onnxruntime/rounding.h"

// Parts of the operators of ONNX Runtime's own domain.  They are computed as its kernels compute them,
// whatever the arithmetic: nothing else defines them.

namespace octavo::engine::literal {

class Registry;

// A quantized operand: values, scale and zero point in three inputs one after the other, of which the last
// may be left out.
Status CheckQuantized(Call& call, std::size_t i);
// The result's scale and zero point in two inputs one after the other; answers the result's type.
Result<DType> QuantizedResult(Call& call, std::size_t scale);

// Of inputs i and i + 1.
targets::onnxruntime::Quantization QuantizationAt(const Operands& in, std::size_t scale);

// Calls f with a value of the type that holds the 8-bit integers.
template <typename F>
auto WithByte(DType dtype, F&& f) {
  return dtype == DType::kInt8 ? f(std::int8_t{}) : f(std::uint8_t{});
}

// Round of sum * multiplier, of a layer's int32 sums, as an integer of `to`.
std::int64_t RequantizedSum(std::int64_t sum, float multiplier, std::int32_t zero_point, DType to);

void AddContribPools(Registry& registry);
void AddContribProducts(Registry& registry);

}  // namespace octavo::engine::literal
