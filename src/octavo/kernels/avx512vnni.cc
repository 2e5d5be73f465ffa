#include "octavo/kernels/instruction_sets.h"

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include <immintrin.h>

#include "octavo/kernels/scalar.h"

// Products of four bytes at once (vpdpbusd), which adds in int32 and so is exact.  Activations are unsigned.

namespace octavo::kernels {
namespace {

constexpr int kRows = 12, kColumns = 32, kStep = 4, kLanes = 16;

void PackActivations(const std::uint8_t* source, std::int64_t count, bool is_signed, std::byte* target) {
  const std::uint8_t flip = is_signed ? 0x80 : 0;
  for (std::int64_t i = 0; i < count; ++i) target[i] = static_cast<std::byte>(source[i] ^ flip);
}

// sum += products of four unsigned and four signed bytes.  With the intrinsic GCC 12 stores every sum to
// memory after each step.
[[gnu::always_inline]] inline void AddProducts(__m512i& sum, __m512i a, __m512i w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(w));
}

// The first kVectors * 16 columns.
template <int kNumRows, int kVectors>
[[gnu::always_inline]] inline void Sum(const Tile& tile, __m512i (&sums)[kNumRows][kVectors]) {
  const std::byte* rows[kNumRows];
#pragma GCC unroll 16
  for (int r = 0; r < kNumRows; ++r) {
    rows[r] = tile.rows + r * tile.row_stride;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_loadu_si512(tile.biases + kLanes * v);
  }
  const std::byte* weights = tile.weights;
  for (std::int64_t k = 0; k < tile.depth; k += kStep) {
    __m512i w[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) w[v] = _mm512_loadu_si512(weights + 64 * v);
    weights += kColumns * kStep;
#pragma GCC unroll 16
    for (int r = 0; r < kNumRows; ++r) {
      std::int32_t four;
      __builtin_memcpy(&four, rows[r] + k, 4);
      const __m512i a = _mm512_set1_epi32(four);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) AddProducts(sums[r][v], a, w[v]);
    }
  }
}

template <int kNumRows>
void AccumulateRows(const Tile& tile, std::int32_t* target) {
  __m512i sums[kNumRows][2];
  Sum<kNumRows, 2>(tile, sums);
#pragma GCC unroll 16
  for (int r = 0; r < kNumRows; ++r) {
    _mm512_storeu_si512(target + r * kColumns, sums[r][0]);
    _mm512_storeu_si512(target + r * kColumns + kLanes, sums[r][1]);
  }
}

template <int kNumRows, int kVectors>
void MultiplyRows(const Tile& tile, const Requantization& q, int columns, std::uint8_t* target,
                  std::int64_t stride) {
  __m512i sums[kNumRows][kVectors];
  Sum<kNumRows, kVectors>(tile, sums);
  const __m512 least = _mm512_set1_ps(static_cast<float>(q.low - q.zero_point)),
               most = _mm512_set1_ps(static_cast<float>(q.high - q.zero_point));
  const __m512i zero_point = _mm512_set1_epi32(q.zero_point);
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const __m512 multipliers = _mm512_loadu_ps(q.multipliers + kLanes * v);
    const int left = columns - kLanes * v;
#pragma GCC unroll 16
    for (int r = 0; r < kNumRows; ++r) {
      const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][v]), multipliers);
      const __m512 value = _mm512_min_ps(_mm512_max_ps(scaled, least), most);
      // The low bytes.
      const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(value), zero_point));
      std::uint8_t* to = target + r * stride + kLanes * v;
      if (left >= kLanes) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
      } else {
        std::uint8_t row[kLanes];
        _mm_storeu_si128(reinterpret_cast<__m128i*>(row), bytes);
        for (int c = 0; c < left; ++c) to[c] = row[c];
      }
    }
  }
}

using AccumulateFunction = void (*)(const Tile&, std::int32_t*);
using MultiplyFunction = void (*)(const Tile&, const Requantization&, int, std::uint8_t*, std::int64_t);

// By the number of rows.
constexpr AccumulateFunction kAccumulate[kRows] = {
    AccumulateRows<1>, AccumulateRows<2>,  AccumulateRows<3>,  AccumulateRows<4>,
    AccumulateRows<5>, AccumulateRows<6>,  AccumulateRows<7>,  AccumulateRows<8>,
    AccumulateRows<9>, AccumulateRows<10>, AccumulateRows<11>, AccumulateRows<12>};
template <int kVectors>
constexpr MultiplyFunction kMultiply[kRows] = {
    MultiplyRows<1, kVectors>,  MultiplyRows<2, kVectors>,  MultiplyRows<3, kVectors>,
    MultiplyRows<4, kVectors>,  MultiplyRows<5, kVectors>,  MultiplyRows<6, kVectors>,
    MultiplyRows<7, kVectors>,  MultiplyRows<8, kVectors>,  MultiplyRows<9, kVectors>,
    MultiplyRows<10, kVectors>, MultiplyRows<11, kVectors>, MultiplyRows<12, kVectors>};

void Accumulate(const Tile& tile, std::int32_t* sums) { kAccumulate[tile.num_rows - 1](tile, sums); }

void Multiply(const Tile& tile, const Requantization& requantization, int columns, std::uint8_t* target,
              std::int64_t stride) {
  const auto* functions = columns > kLanes ? kMultiply<2> : kMultiply<1>;
  functions[tile.num_rows - 1](tile, requantization, columns, target, stride);
}

// Everything else as AVX2 does it.
Table kTable;

}  // namespace

const Table* Avx512VnniTable() {
  kTable = *kAvx2;
  kTable.name = "avx512vnni";
  kTable.rows = kRows;
  kTable.columns = kColumns;
  kTable.depth_step = kStep;
  kTable.activation_size = 1;
  kTable.shifts_signed = true;
  kTable.takes_wide = false;
  kTable.pack_activations = PackActivations;
  kTable.accumulate = Accumulate;
  kTable.multiply = Multiply;
  return &kTable;
}

}  // namespace octavo::kernels

#else

namespace octavo::kernels {
const Table* Avx512VnniTable() { return nullptr; }
}  // namespace octavo::kernels

#endif
