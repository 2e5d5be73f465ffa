#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/kernels/convolution.h"
#include "octavo/kernels/kernels.h"

namespace octavo::engine::fused {

// An 8-bit tensor's meaning.
struct Quant {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool is_signed = false;

  std::int32_t low() const { return is_signed ? -128 : 0; }
  std::int32_t high() const { return is_signed ? 127 : 255; }
  std::int32_t Integer(std::uint8_t byte) const { return is_signed ? static_cast<std::int8_t>(byte) : byte; }
  bool operator==(const Quant&) const = default;
};

// A range of integers that a result is cut to: what a Relu or a Clip leaves.
struct Range {
  std::int32_t low = 0, high = 255;
};

// The formulas of one arithmetic, for single elements.
class Policy {
 public:
  explicit Policy(Arithmetic arithmetic) : arithmetic_(arithmetic) {}

  Arithmetic arithmetic() const { return arithmetic_; }

  // A convolution's or matrix product's int32 sums to bytes.
  kernels::OutputFormula Requantize(const Quant& x, const std::vector<float>& w_scales, const Quant& y,
                                    Range range) const;
  std::uint8_t Quantize(float value, const Quant& y) const;
  float Dequantize(std::uint8_t byte, const Quant& x) const;
  // How kernels::Table::quantize does the same.
  float QuantizeFactor(const Quant& y) const;
  bool QuantizeDivides() const;

  // The integers of a sum or product of two bytes.
  // PyTorch's sum depends on whether an operand is repeated.
  std::function<std::uint8_t(std::uint8_t, std::uint8_t)> Add(const Quant& a, const Quant& b, const Quant& y,
                                                              Range range, bool same_sizes) const;
  std::uint8_t Multiply(std::uint8_t a, const Quant& a_quant, std::uint8_t b, const Quant& b_quant,
                        const Quant& y, Range range) const;
  // Vector forms that may give the same: they are tried on all pairs.
  std::vector<kernels::Binary> AddForms(const Quant& a, const Quant& b, const Quant& y, Range range,
                                        bool same_sizes) const;
  std::vector<kernels::Binary> MultiplyForms(const Quant& a, const Quant& b, const Quant& y,
                                             Range range) const;

  // A mean of `count` elements whose integers, less the zero point each, add up to `sum`.
  std::uint8_t Average(std::int32_t sum, std::int64_t count, const Quant& x, const Quant& y,
                       Range range) const;
  // ONNX Runtime's, of values that were added as floats.
  std::uint8_t FloatAverage(float sum, std::int64_t count, const Quant& y, Range range) const;

  // The value of an operand of a function that is computed in float32, element by element.
  float OperandValue(std::uint8_t byte, const Quant& x) const;
  // Float functions of one element that this arithmetic computes in its own way; empty: as the specification
  // says.
  std::function<float(float)> Function(std::string_view op, double alpha, double beta) const;
  // Functions from byte to byte that it has in place of a float one; empty: none.
  std::function<std::uint8_t(std::uint8_t)> ByteFunction(std::string_view op, double alpha, const Quant& x,
                                                         const Quant& y) const;

 private:
  float ProductMultiplier(const Quant& a, const Quant& b, const Quant& y) const;

  Arithmetic arithmetic_;
};

std::uint8_t Clamped(std::int64_t integer, Range range);

}  // namespace octavo::engine::fused
