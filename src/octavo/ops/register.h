#pragma once

#include "octavo/operators.h"

namespace octavo {

// One function an operator family, one family a file.
void RegisterActivations(Registry& registry);  // activations.cc
void RegisterArithmetic(Registry& registry);  // arithmetic.cc: float add, sub, mul, div, pow, comparisons ...
void RegisterBinary(Registry& registry);      // binary.cc: quantized::add, mul, add_scalar, ... with relu
void RegisterConcatenation(Registry& registry);     // concatenation.cc
void RegisterConvolution(Registry& registry);       // convolution.cc
void RegisterFakeQuantization(Registry& registry);  // fake_quantization.cc
void RegisterIdentities(Registry& registry);     // identities.cc: dropout, contiguous, clone, detach, to ...
void RegisterLinear(Registry& registry);         // linear.cc: linear, matmul, bmm, addmm
void RegisterNormalization(Registry& registry);  // normalization.cc
void RegisterPadding(Registry& registry);        // padding.cc
void RegisterPooling(Registry& registry);        // pooling.cc
void RegisterQuantization(
    Registry& registry);                     // quantization.cc: quantize_per_tensor, dequantize, int_repr ...
void RegisterReduction(Registry& registry);  // reduction.cc: mean, sum, max, softmax
void RegisterResampling(Registry& registry);  // resampling.cc: upsample_*, pixel_shuffle
void RegisterShaping(Registry& registry);     // shaping.cc: reshape, view, permute, squeeze, expand ...
void RegisterSlicing(Registry& registry);     // slicing.cc: slice, select, chunk, split, narrow, unbind ...

}  // namespace octavo
