#pragma once

#include <cstddef>

#include "octavo/graph.h"

namespace octavo::targets::onnxruntime {

// How many convolutions and matrix products of a graph in the qdq dialect have weights whose sums of products
// can saturate on x86 CPUs without VNNI (accumulate.h): those of uint8 activations and int8 constants, but
// for depthwise ones.  A layer that is called several times counts once.
std::size_t LayersThatCanSaturate(const ir::Graph& graph);

// Whether the weights themselves can: [output channel][kernel position][input channel of the group] after
// `channel_axis` and `input_axis` of the tensor are put there.  All other axes are kernel positions.
bool WeightsCanSaturate(const Tensor& weight, int channel_axis, int input_axis);

}  // namespace octavo::targets::onnxruntime
