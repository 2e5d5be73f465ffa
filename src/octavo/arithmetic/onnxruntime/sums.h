#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// In which order ONNX Runtime's CPU kernels add float32 numbers.  Compiled for x86-64's least instruction
// set, these kernels add in the same order on every CPU.

namespace octavo::arithmetic::onnxruntime {

// The sum of neighbours, as Eigen's vectorized sum of a contiguous array with four elements per register (the
// reductions of core/providers/cpu/reduction).  `offset`: the distance of the first element from an address
// that is a multiple of 16 bytes, in elements; the elements before the next such address are added last.
float SumOfNeighbours(std::span<const float> values, std::size_t offset);

// MlasPool's sum of a whole image (core/mlas/lib/pooling.cpp): four sums, then theirs, then what is left.
float SumInLanes(std::span<const float> values);
// One after the other.
float SumInOrder(std::span<const float> values);

// The sum of `count` elements, `step` apart, as a product of a vector of ones with a matrix (MlasGemm with
// one row: core/mlas/lib/amd64/SgemmKernelM1Avx.S): four at a time, then two, then one.
float SumOfRows(const float* first, std::int64_t count, std::int64_t step);

}  // namespace octavo::arithmetic::onnxruntime
