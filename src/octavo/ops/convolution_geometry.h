#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// The window of a convolution with `dims` spatial dimensions, all numbers known.
struct ConvGeometry {
  int dims = 2;
  bool transposed = false;
  std::vector<std::int64_t> kernel;  // empty: unknown
  std::vector<std::int64_t> stride, dilation;
  std::vector<std::int64_t> padding_begin, padding_end;
  std::vector<std::int64_t> output_padding;  // transposed only
  std::int64_t groups = 1;

  // Lists of one number are repeated, as PyTorch does; then every number is checked.
  Status Check(std::string_view what);
  // The sizes of the result for an input of N x C x spatial sizes, or C x spatial sizes: unknown rank gives
  // nullopt.
  Result<std::optional<Shape>> OutputShape(const std::optional<Shape>& input,
                                           std::optional<Dim> channels) const;
  // padding_begin then padding_end, ONNX's order.
  std::vector<std::int64_t> pads() const;
  // ONNX's attributes of Conv or ConvTranspose.
  Attributes OnnxAttributes() const;
};

struct ConvInputs {
  Value x;  // real, N x C x spatial sizes
  Value weight;
  Value bias;  // may be absent
};
// ONNX's Conv or ConvTranspose.
Value Convolve(Builder& g, ConvGeometry geometry, ConvInputs inputs);

}  // namespace octavo
