#pragma once

// The constants of a layer for the arithmetic of PyTorch's engines other than qnnpack, whose bias is a float
// and whose zero point may be inside the rounding (src/octavo/arithmetic/pytorch/layers.h).

#include "octavo/operators.h"
#include "octavo/ops/layer_forms.h"
#include "octavo/ops/quantized_weights.h"

namespace octavo {

// A layer's call, as far as its levels depend on it.
struct LayerCall {
  bool relu = false;
  arithmetic::pytorch::LayerTraits traits = {};
};
// The kernel of the engine that the model is written for.
arithmetic::pytorch::LayerKernel KernelOf(const Builder& g, const QuantizedWeights& w, LayerCall call);

// One entry per output channel.  Precondition: the bias, if there is one, is a constant.
std::vector<arithmetic::pytorch::LayerChannel> ChannelsOf(arithmetic::pytorch::LayerKernel kernel,
                                                          const QuantizedWeights& w, const TensorType& x,
                                                          const TensorType& y);
LevelRange LevelsOf(const TensorType& y, bool relu);

struct NearestLayer {
  RequantizationTypes types;
  Distance distance;      // of all channels together
  std::int64_t sums = 0;  // between the lowest and the highest level, of all channels
};
// Scales and an int32 bias with which QLinearConv and QGemm come nearest.
NearestLayer NearestRequantization(arithmetic::pytorch::LayerKernel kernel, const QuantizedWeights& w,
                                   const TensorType& x, const TensorType& y, bool relu);
struct NearestFloats {
  std::vector<float> multipliers, biases;  // per channel
  FloatOrder order = FloatOrder::kInside;
  Distance distance;
  std::int64_t sums = 0;
};
// The same for round(sum multiplier + bias): FloatForm per channel.
NearestFloats NearestFloatBias(arithmetic::pytorch::LayerKernel kernel, const QuantizedWeights& w,
                               const TensorType& x, const TensorType& y, bool relu);
// The scales with which a product of matrices, or a Mul after a convolution counted in steps, is to come.
std::vector<float> ScalesOfSums(const NearestFloats& nearest);
// The level from sums of these scales.  `sizes`: the shape of one number per channel.
Value QuantizeWithBias(Builder& g, Value sums, const NearestFloats& nearest,
                       const std::vector<std::int64_t>& sizes, const TensorType& y, bool relu);

// States that the node is exact, or by how much it is not.
void StateDistance(Builder& g, const Distance& distance, std::int64_t sums, std::string_view why);

}  // namespace octavo
