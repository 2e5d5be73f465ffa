#pragma once

#include <array>
#include <cstdint>

#include "octavo/targets/onnxruntime/functions.h"
#include "octavo/targets/onnxruntime/quantize.h"

// Operators that ONNX Runtime computes once for each of the 256 inputs: QLinearConcat, QLinearSigmoid and
// QLinearLeakyRelu of com.microsoft.  contrib_ops/cpu/quantization/qlinear_lookup_table.cc: the table is
// QuantizeLinear(function(DequantizeLinear(x))), indexed by the input's bits.

namespace octavo::targets::onnxruntime {

template <typename T>
using Table = std::array<T, 256>;

template <typename T, typename Function>
Table<T> MakeTable(Quantization x, Quantization y, const Function& function) {
  Table<T> table{};
  for (std::size_t bits = 0; bits < table.size(); ++bits) {
    const T value = static_cast<T>(bits);
    table[bits] = QuantizeLinear<T>(function(DequantizeLinear(value, x)), y);
  }
  return table;
}

// contrib_ops/cpu/quantization/qlinear_concat.cc, for one input: a copy if its parameters are the output's.
template <typename T>
Table<T> QLinearConcat(Quantization x, Quantization y) {
  if (x.scale == y.scale && x.zero_point == y.zero_point) {
    Table<T> same{};
    for (std::size_t bits = 0; bits < same.size(); ++bits) same[bits] = static_cast<T>(bits);
    return same;
  }
  return MakeTable<T>(x, y, [](float value) { return value; });
}

// contrib_ops/cpu/quantization/qlinear_activations.cc
template <typename T>
Table<T> QLinearSigmoid(Quantization x, Quantization y) {
  return MakeTable<T>(x, y, Sigmoid);
}
template <typename T>
Table<T> QLinearLeakyRelu(Quantization x, Quantization y, float alpha) {
  return MakeTable<T>(x, y, [alpha](float value) { return LeakyRelu(value, alpha); });
}

}  // namespace octavo::targets::onnxruntime
