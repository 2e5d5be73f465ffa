#include "octavo/arithmetic/onnxruntime/gemm.h"

#include <algorithm>
#include <cmath>

namespace octavo::arithmetic::onnxruntime {
namespace {

float SumOfPiece(Line a, Line b, std::int64_t begin, std::int64_t end) {
  float sum = 0;
  for (std::int64_t d = begin; d < end; ++d) sum = std::fma(a.first[d * a.step], b.first[d * b.step], sum);
  return sum;
}

}  // namespace

std::int64_t GemmDepthOfPiece(std::int64_t columns, std::int64_t depth, bool packed) {
  constexpr std::int64_t kPacked = 256, kColumns = 128, kDepth = 128, kFewestColumns = 16;
  if (packed) return kPacked;
  std::int64_t piece = kDepth, width = kColumns;
  if (columns >= depth) {
    for (; piece / 2 >= depth && piece > 1; piece /= 2) width *= 2;
  } else {
    for (; width > kFewestColumns && width / 2 >= columns; width /= 2) piece *= 2;
  }
  return piece;
}

float GemmElement(Line a, Line b, std::int64_t depth, std::int64_t piece) {
  float sum = SumOfPiece(a, b, 0, std::min(piece, depth));
  for (std::int64_t d = piece; d < depth; d += piece) sum += SumOfPiece(a, b, d, std::min(d + piece, depth));
  return sum;
}

float GemmElement(Line a, Line b, std::int64_t depth, std::int64_t piece, float first) {
  for (std::int64_t d = 0; d < depth; d += piece) first += SumOfPiece(a, b, d, std::min(d + piece, depth));
  return first;
}

float GemmElementOfRow(Line a, Line b, std::int64_t depth, float first) {
  const auto product = [&](std::int64_t d) { return a.first[d * a.step] * b.first[d * b.step]; };
  std::int64_t d = 0;
  for (; d + 4 <= depth; d += 4) first += ((product(d) + product(d + 1)) + product(d + 2)) + product(d + 3);
  if (d + 2 <= depth) {
    first += product(d) + product(d + 1);
    d += 2;
  }
  if (d < depth) first += product(d);
  return first;
}

}  // namespace octavo::arithmetic::onnxruntime
