#pragma once

#include <cstdint>
#include <vector>

#include "octavo/engine/program.h"

namespace octavo::engine::literal {

// A matrix of small integers with a scale and a zero point per block of rows, as MatMulNBits multiplies by
// it.
struct BlockedMatrix {
  std::int64_t depth = 0, columns = 0, block = 1;
  // The integers less their zero points, [columns, depth].
  std::vector<float> values;
  std::vector<float> scales;  // [columns, blocks]

  std::int64_t blocks() const { return (depth + block - 1) / block; }
};

// rows [.., depth] by the matrix, [.., columns].  `quantizes`: accuracy level 4, whose activations are int8
// in blocks. Sums are exact and rounded once; ONNX Runtime's have an order that depends on the CPU.
std::vector<float> Multiply(const BlockedMatrix& matrix, const std::vector<float>& rows, bool quantizes,
                            const std::vector<float>& bias);

}  // namespace octavo::engine::literal
