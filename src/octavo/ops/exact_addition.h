#pragma once

// Scales with which ONNX Runtime's QLinearAdd gives PyTorch's integers for every pair of inputs.

#include <optional>

#include "octavo/ops/exact_binary.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/vector_loop.h"
#include "octavo/tensor.h"

namespace octavo {

// How PyTorch adds two quantized tensors.
enum class QuantizedSum {
  // quint8 of the same shape by qnnpack, qint8 by XNNPACK: each integer times its scale in steps of the
  // result's, as a whole number of 2^-k steps (src/octavo/reference/quantized_arithmetic.cc has the formula).
  kFixedPoint,
  // fma(s, q, -(s z)) of each, added and quantized, in float32.
  kReals,
};

// What kFixedPoint multiplies the operands' integers by, in steps of the result's: a product and the sum of
// two are exact in float64.
struct FixedPointRatios {
  double a, b;
  bool ties_up;  // a sum in the middle between two integers; else away from zero
};
// nullopt: PyTorch has no fixed-point sum of such scales, and adds reals.
std::optional<FixedPointRatios> RatiosInFixedPoint(const TensorType& a, const TensorType& b,
                                                   const TensorType& result);

// Of the pairs of levels, those whose sum of reals PyTorch rounds in two ways: as above in its vector loop,
// as the sum of (q - z) s in what is left of it.  `a_levels`, `b_levels`: all that an operand has, where it
// is a constant.
struct TwoSums {
  int differing = 0, pairs = 0;
};
TwoSums PairsWithTwoSums(const TensorType& a, const TensorType& b, const TensorType& result,
                         VectorLoop loop = {}, const Tensor* a_levels = nullptr,
                         const Tensor* b_levels = nullptr);

struct AdditionScales {
  BinaryScales scales;
  // Of the 65,536 pairs, those for which a kernel of ONNX Runtime may answer another integer than PyTorch.
  int differing;
};

// The three scales near their own, the fewest steps away, for which no pair differs in any of the builds;
// where none are found, those for which the fewest do.  `swapped`: QLinearAdd may take the operands in the
// other order, as it does where one is broadcast.
AdditionScales ExactAdditionScales(const TensorType& a, const TensorType& b, const TensorType& result,
                                   QuantizedSum sum, bool swapped,
                                   QLinearAddBuilds builds = QLinearAddBuilds::kAll);

// Scales with which DequantizeLinear of both, a float sum and QuantizeLinear give PyTorch's integers for
// every pair: for where QLinearAdd, whose ratios of scales are rounded to float32, has none.  They differ
// from their own by up to 2^-8.
std::optional<BinaryScales> ExactFloatAdditionScales(const TensorType& a, const TensorType& b,
                                                     const TensorType& result, QuantizedSum sum);

}  // namespace octavo
