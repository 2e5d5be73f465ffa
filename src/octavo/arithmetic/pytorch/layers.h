#pragma once

#include <cstdint>

#include "octavo/pytorch_engine.h"

// From the exact int32 sum of a quantized convolution or linear layer to its level, as PyTorch's engines
// compute it.  Sources are paths in PyTorch's repository and its submodules.

namespace octavo::arithmetic::pytorch {

// The arithmetic after the sum.  Engine x86 chooses one per layer.
enum class LayerKernel : std::uint8_t {
  kQnnpack,       // aten/src/ATen/native/quantized/cpu/{qconv,qlinear}.cpp, QnnpackUtils.h
  kFbgemm,        // third_party/fbgemm/include/fbgemm/QuantUtilsAvx2.h (requantizeOutputProcessingAvx2)
  kOnednn,        // convolutions: third_party/ideep, oneDNN's dst scale and zero point
  kOnednnLinear,  // the same for linear layers, whose weights' scales take another way
};

// What engine x86 looks at in a layer.
struct LayerTraits {
  bool linear = false;
  std::int64_t groups = 1;
  bool symmetric_weights = true;  // all zero points of the weights are 0
  bool output_padding = false;
};

// The kernel that the engine runs on a CPU with AVX-512 VNNI (qconv_prepack.cpp, should_use_onednn_quant).
LayerKernel KernelOf(Engine engine, const LayerTraits& layer);

// The scales of one output channel, as PyTorch stores them.
struct LayerScales {
  double x = 1, weight = 1, y = 1;
  bool per_channel = false;  // the weights have one scale per channel
};

// One output channel of a layer.
class LayerChannel {
 public:
  // `bias`: 0 if the layer has none.
  LayerChannel(LayerKernel kernel, const LayerScales& scales, float bias, std::int64_t y_zero_point);

  // The level of a sum of (q_x - z_x)(q_w - z_w), before it is clamped to its dtype.  It never decreases with
  // the sum.  Products of 2^31 steps and more, which PyTorch mistakes, keep their sign.
  float Level(std::int64_t sum) const;
  // About the same without rounding: Level is near multiplier() * (sum + bias()) + zero point.
  double multiplier() const { return steps_; }
  double bias() const { return bias_in_sums_; }
  // The number that kQnnpack and kFbgemm multiply by; about that of kOnednn.
  float float_multiplier() const { return multiplier_; }

 private:
  LayerKernel kernel_;
  bool per_channel_;
  float zero_point_;
  float bias_;
  float multiplier_;                  // exactly kQnnpack's and kFbgemm's
  float inverse_ = 1, offset_ = 0;    // kFbgemm: 1 / (s_x s_w), bias / (s_x s_w)
  std::int64_t rounded_bias_ = 0;     // kQnnpack
  float x_ = 1, weight_ = 1, y_ = 1;  // kOnednn: what each step multiplies by
  double steps_, bias_in_sums_;
};

}  // namespace octavo::arithmetic::pytorch
