#pragma once

#include <cstdint>

// The order in which PyTorch adds float32 numbers.  Source: aten/src/ATen/native/cpu/SumKernel.cpp.

namespace octavo::reference {

// Of what lies apart in memory, in vectors: in runs of 16 or more, the runs' sums likewise, in four levels.
float CascadeSum(const float* row, std::int64_t length, std::int64_t step = 1);

// The same outside vectors: in four sums, of every fourth number, which are then added up.
float SumOfFourths(const float* row, std::int64_t length);

// The mean of one channel's image of a channels-last tensor, in row-major order.  Channels are in vectors in
// groups of 32.
float MeanOfChannel(const float* image, std::int64_t length, std::int64_t channel, std::int64_t channels);

}  // namespace octavo::reference
