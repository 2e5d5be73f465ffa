#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "octavo/operators.h"
#include "octavo/ops/exact_requantization.h"

namespace octavo {

struct LayerCall;

// The parameters of a quantized convolution or linear layer, checked: constants, or values that the model
// computes.
struct QuantizedWeights {
  TensorType type;               // of the weight: qint8, its shape known
  std::optional<Tensor> weight;  // unset where the model computes it
  Value weight_value;            // then this is it
  std::optional<Tensor> bias;    // float32 or qint32 [channels]
  Value bias_value;              // a bias that the model computes
  std::int64_t channels = 0;     // of the output

  const Quantization& quantization() const { return *type.quantization; }
  bool has_bias() const { return bias || bias_value.defined(); }
};

// Where the channels of the output lie in the weight: dimension 0, but for transposed convolutions in
// dimension 1 times the groups.
Result<QuantizedWeights> WeightsOf(const Arguments& a, const ir::PackedWeights& packed);

// The scales of the int32 bias: float32(x_scale * w_scale), one a channel where the weights are per channel.
Quantization BiasQuantization(const Quantization& weight, double x_scale);
// round_half_even(b * (1 / scale)), the reciprocal in float32: qint32 with BiasQuantization.  A qint32 bias
// is taken as it is.
Tensor QuantizedBias(const Tensor& bias, const Quantization& weight, double x_scale);

// Error: the quantization of a layer's input is not known.  `example` is a SPEC that states one.
Status NeedsQuantization(const Value& x, std::string_view example);

// ---- qdq ----

// The types to write at a convolution or linear layer from x to y: those with which ONNX Runtime's integer
// kernel, which is there for quint8, requantizes as PyTorch does; the model's own for others, and for a bias
// that the model computes.
RequantizationTypes TypesOfLayer(Builder& g, const QuantizedWeights& w, const Value& x, const TensorType& y,
                                 const LayerCall& call);

// DequantizeLinear of the weight; `order` permutes its dimensions first (empty: as they are).  `moved`, if
// given, has the scales to write.
Value RealWeight(Builder& g, const QuantizedWeights& w, const std::vector<int>& order = {},
                 const RequantizationTypes* moved = nullptr);
// The bias as reals that are multiples of its scale: DequantizeLinear of int32, rounded with the model's own
// scales whatever `moved` says; a float constant for TensorRT.  Undefined where there is none.
Value RealBias(Builder& g, const QuantizedWeights& w, const Value& x,
               const RequantizationTypes* moved = nullptr);

// Both as whole numbers: the weight less its zero point, the bias as its integers.  Constant ones only.
Value WeightInSteps(Builder& g, const QuantizedWeights& w);
Value BiasInSteps(Builder& g, const QuantizedWeights& w, const Value& x);

// ---- Caffe2 ----

// Weights of one scale: as they are, or requantized per tensor where the options allow it (with a warning
// that states the loss).  Error: per channel and not allowed, or computed by the model.
Result<QuantizedWeights> Caffe2Weights(Builder& g, QuantizedWeights w);
// Int8GivenTensorFill of the weight with its dimensions permuted by `order`.
Value Caffe2Weight(Builder& g, const QuantizedWeights& w, const std::vector<int>& order = {});
// Int8GivenIntTensorFill of the bias; zeros where there is none.
Value Caffe2Bias(Builder& g, const QuantizedWeights& w, const Value& x);
// The same bias as float32 reals, for layers that go through float.
Value Caffe2RealBias(Builder& g, const QuantizedWeights& w, const Value& x);
// Caffe2 multiplies by x_scale * w_scale / y_scale as a fraction: in [2^-32, 1).
bool Caffe2CanRequantize(const Value& x, const QuantizedWeights& w, const TensorType& y);

}  // namespace octavo
