#pragma once

#include "octavo/operators.h"

namespace octavo {

// Rows quantized::add_scalar, mul_scalar (+_relu, _out) and the .Scalar overloads of add and mul.  PyTorch
// changes the scale and the zero point rather than the integers, by these formulas (s, z of the input; c the
// number; lo, hi the dtype's range):
//   add: c_q = round_half_even(c / s);
//        lo > z - c_q:  s' = (hi - (z - c_q)) / (hi - lo) * s,  z' = lo
//        hi < z - c_q:  s' = ((z - c_q) - lo) / (hi - lo) * s,  z' = hi
//        else           s' = s, z' = z - c_q
//   mul: c > 0:  s' = c s,   z' = z
//        c = 0:  s' = 1,     z' = 0, all integers 0
//        c < 0:  s' = |c| s, z' = hi - (z - lo)
Result<Quantization> AddedScalar(const Quantization& q, DType dtype, double c);
Result<Quantization> MultipliedByScalar(const Quantization& q, DType dtype, double c);

void RegisterQuantizedScalar(Registry& registry);

}  // namespace octavo
