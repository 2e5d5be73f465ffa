#pragma once

#include <optional>

#include "octavo/reference/call.h"

// Activations of quantized tensors, for activations.cc and quantized_activations.cc.

namespace octavo::reference {

Results QuantizedClamp(const Call& call, const Tensor& x, std::optional<double> low,
                       std::optional<double> high);
Results QuantizedRelu(const Call& call, const Tensor& x);
Results QuantizedSigmoid(const Call& call, const Tensor& x);
Results QuantizedTanh(const Call& call, const Tensor& x);
Results QuantizedHardsigmoid(const Call& call, const Tensor& x);
Results QuantizedHardswish(const Call& call, const Tensor& x);
Results QuantizedLeakyRelu(const Call& call, const Tensor& x, double slope);
Results QuantizedElu(const Call& call, const Tensor& x, double alpha, double scale, double input_scale);
Results QuantizedGelu(const Call& call, const Tensor& x, bool tanh);
Results QuantizedThreshold(const Call& call, const Tensor& x, double threshold, double value);
Results QuantizedPrelu(const Call& call, const Tensor& x, const Tensor& weight);

}  // namespace octavo::reference
