#pragma once

#include <cstdint>

// MlasGemm of float32 (core/mlas/lib/sgemm.cpp) on x86-64 with FMA3.  The order of its sums does not depend
// on the number of threads, and AVX2 and AVX-512 have the same.

namespace octavo::arithmetic::onnxruntime {

// The number of rows of B that are added up before the sum goes to C.  Weights that are stored in the model
// are packed in advance, in larger pieces.
std::int64_t GemmDepthOfPiece(std::int64_t columns, std::int64_t depth, bool packed);

// One element: sum over d of a[d * a_step] * b[d * b_step], in pieces, each fused and added to the one
// before. `piece`: GemmDepthOfPiece(...).
struct Line {
  const float* first;
  std::int64_t step;
};
float GemmElement(Line a, Line b, std::int64_t depth, std::int64_t piece);
// The same with a first summand (beta 1).
float GemmElement(Line a, Line b, std::int64_t depth, std::int64_t piece, float first);

// A product of one row with a matrix that is not packed (x86_64/SgemmKernelM1Avx.S): products and sums are
// rounded, four at a time.
float GemmElementOfRow(Line a, Line b, std::int64_t depth, float first);

}  // namespace octavo::arithmetic::onnxruntime
