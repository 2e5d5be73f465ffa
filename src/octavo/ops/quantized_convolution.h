#pragma once

#include "octavo/ops/convolution_geometry.h"
#include "octavo/ops/quantized_weights.h"

namespace octavo {

// A packed convolution as one of `dims` spatial dimensions.  conv1d's weights are kept with a dummy dimension
// of size 1 before the last one ([O, I, 1, k]); it is taken out here.
struct QuantizedConv {
  ConvGeometry geometry;
  QuantizedWeights weights;
};
Result<QuantizedConv> QuantizedConvOf(const Arguments& a, const ir::PackedWeights& packed, int dims,
                                      bool transposed);

// Rows quantized::conv{1,2,3}d(_relu) and conv_transpose{1,2,3}d.
void RegisterQuantizedConvolution(Registry& registry);

}  // namespace octavo
