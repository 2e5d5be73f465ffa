#pragma once

#include <cstddef>
#include <cstdint>

// Inner loops on 8-bit integers, one table of them for each instruction set.  This header and the files that
// are compiled for an instruction set of their own (avx2.cc, ...) use no inline function of any library: the
// linker could keep that copy for the whole program, and the program would need the instruction set.
//
// 8-bit tensors are bytes; a flag says whether they mean uint8 or int8.  Sums are int32 and exact (modulo
// 2^32).

namespace octavo::kernels {

// y = clamp(round_half_even(float(sum) * multiplier) + zero_point, low, high), the product in float32.
struct Requantization {
  const float* multipliers;  // one a channel
  std::int32_t zero_point;
  std::int32_t low, high;  // within [0, 255] or [-128, 127]
};

// Rows of activations times a block of Table::columns channels of weights.
struct Tile {
  const std::byte* rows;       // packed by Table::pack_activations
  std::int64_t row_stride;     // in bytes
  int num_rows;                // 1 to Table::rows
  const std::byte* weights;    // [depth / depth_step][columns][depth_step] of int8, int16 if wide
  bool wide;                   // the weights are int16
  std::int64_t depth;          // products a sum; a multiple of Table::depth_step
  const std::int32_t* biases;  // [columns]
};

// A convolution of each channel with its own weights.
struct Depthwise {
  const std::uint8_t* const* taps;  // [pixels][num_taps]: where that tap's channels begin
  std::int64_t num_taps;
  std::int64_t pixels;
  std::int64_t channels;
  bool is_signed;
  const std::int16_t* weights;  // [ceil(channels / 16)][ceil(num_taps / 2)][16][2], zeros where there is none
  const std::int32_t* biases;   // [channels]
};

// y = clamp(round_half_even(value) + zero_point, low, high) of two 8-bit inputs, in one of several forms that
// are equal for real numbers but not in their last bits.
struct Binary {
  enum class Form : std::uint8_t {
    kSum,         // value = (float(a - a_zero) * a_scale + float(b - b_zero) * b_scale) * factor
    kSumFused,    // value = fma(a, a_scale, offset) + fma(b, b_scale, b_offset), times factor
    kSumChained,  // value = fma(a, a_scale, fma(b, b_scale, offset)); `zero_point` must be 0
    kProduct,     // value = float(a - a_zero) * a_scale * (float(b - b_zero) * b_scale) * factor
    kSumFixed,    // y = clamp(zero_point + (sum of (a - a_zero) * a_factor and b's) / 2^shift, to nearest)
    kProductInt,  // value = float((a - a_zero) * (b - b_zero)) * factor + offset
  };
  Form form;
  bool is_signed;  // a, b
  std::int32_t a_zero, b_zero;
  float a_scale, b_scale, offset, b_offset, factor;
  std::int32_t zero_point, low, high;
  // kSumFixed: the sum and half of 2^shift more fit int32.  Ties go away from zero, or up.
  std::int32_t a_factor, b_factor;
  std::int32_t shift;
  bool ties_up;
};

struct Table {
  const char* name;  // "scalar", "avx2"
  int rows, columns;
  int depth_step;
  int activation_size;  // bytes of a packed activation
  // Packed activations are unsigned: int8 values are raised by 128, so their zero point has to be as well.
  bool shifts_signed;
  bool takes_wide;  // weights of int16

  void (*pack_activations)(const std::uint8_t* source, std::int64_t count, bool is_signed, std::byte* target);
  // Sums to [num_rows][columns].
  void (*accumulate)(const Tile& tile, std::int32_t* sums);
  // Requantized sums to rows of `columns` (at most Table::columns) bytes each.
  void (*multiply)(const Tile& tile, const Requantization& requantization, int columns, std::uint8_t* target,
                   std::int64_t target_stride);
  void (*depthwise)(const Depthwise& depthwise, const Requantization& requantization, std::uint8_t* target,
                    std::int64_t target_stride);
  // b_step 0: one b for all.
  void (*binary)(const Binary& binary, const std::uint8_t* a, const std::uint8_t* b, std::int64_t b_step,
                 std::int64_t count, std::uint8_t* target);
  void (*lookup)(const std::uint8_t* source, std::int64_t count, const std::uint8_t* table,
                 std::uint8_t* target);
  // target[c] = max over the rows; at least one row.
  void (*max_rows)(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels,
                   bool is_signed, std::uint8_t* target);
  // sums[c] += over the rows.
  void (*sum_rows)(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels,
                   bool is_signed, std::int32_t* sums);
  // round_half_even(x * factor), or x / factor where `divides`; NaN becomes `low`.
  void (*quantize)(const float* source, std::int64_t count, float factor, bool divides,
                   std::int32_t zero_point, std::int32_t low, std::int32_t high, std::uint8_t* target);
  // float(x - zero_point) * scale
  void (*dequantize)(const std::uint8_t* source, std::int64_t count, bool is_signed, std::int32_t zero_point,
                     float scale, float* target);
};

// The table for any machine, in plain loops.
extern const Table kScalar;
// Null where the program was not built for them or the machine has no such instructions.
const Table* Avx2();
const Table* Avx512Vnni();
// The fastest that the machine can run, or the one of that name in the environment's OCTAVO_INSTRUCTIONS; the
// same for the whole life of the program.
const Table& Best();

}  // namespace octavo::kernels
