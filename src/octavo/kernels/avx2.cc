#include "octavo/kernels/instruction_sets.h"

#ifdef __AVX2__

#include <immintrin.h>

#include "octavo/kernels/scalar.h"

// Products of int16 pairs (vpmaddwd): the 8-bit form (vpmaddubsw) saturates.

namespace octavo::kernels {
namespace {

constexpr int kRows = 6, kColumns = 16, kStep = 2;

__m256i Load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
__m128i Load128(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
void Store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }
void Store128(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

__m128i LoadEight(const std::uint8_t* from) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
}
void StoreEight(std::uint8_t* to, __m128i value) { _mm_storel_epi64(reinterpret_cast<__m128i*>(to), value); }

template <bool kSigned>
__m256i Widen(__m128i bytes) {
  return kSigned ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
}

// Eight 32-bit integers from eight bytes.
__m256i WidenEight(const std::uint8_t* from, bool is_signed) {
  const __m128i bytes = LoadEight(from);
  return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}

// The low bytes of 2 x 8 integers within [-128, 255], in order.
__m128i LowBytes(__m256i first, __m256i second) {
  const __m256i pairs = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
  const __m256i low = _mm256_and_si256(pairs, _mm256_set1_epi16(0xFF));
  return _mm_packus_epi16(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
}

// Rounds, and clamps to bounds that are integers.
class Rounding {
 public:
  Rounding(std::int32_t zero_point, std::int32_t low, std::int32_t high)
      : zero_point_(_mm256_set1_epi32(zero_point)),
        least_(_mm256_set1_ps(static_cast<float>(low - zero_point))),
        most_(_mm256_set1_ps(static_cast<float>(high - zero_point))) {}
  __m256i operator()(__m256 value) const {
    // max(NaN, least) is least.
    value = _mm256_min_ps(_mm256_max_ps(value, least_), most_);
    return _mm256_add_epi32(_mm256_cvtps_epi32(value), zero_point_);
  }

 private:
  __m256i zero_point_;
  __m256 least_, most_;
};

void PackActivations(const std::uint8_t* source, std::int64_t count, bool is_signed, std::byte* target) {
  std::int64_t i = 0;
  if (is_signed) {
    for (; i + 16 <= count; i += 16) Store(target + 2 * i, Widen<true>(Load128(source + i)));
  } else {
    for (; i + 16 <= count; i += 16) Store(target + 2 * i, Widen<false>(Load128(source + i)));
  }
  scalar::PackActivations(source + i, count - i, is_signed, target + 2 * i);
}

template <int kNumRows, bool kWide>
[[gnu::always_inline]] inline void Sum(const Tile& tile, __m256i (&sums)[kNumRows][2]) {
  const __m256i bias0 = Load(tile.biases), bias1 = Load(tile.biases + 8);
  const std::byte* rows[kNumRows];
  for (int r = 0; r < kNumRows; ++r) {
    sums[r][0] = bias0;
    sums[r][1] = bias1;
    rows[r] = tile.rows + r * tile.row_stride;
  }
  const std::byte* weights = tile.weights;
  const std::int64_t bytes = tile.depth * 2;
  for (std::int64_t k = 0; k < bytes; k += 4) {
    __m256i w0, w1;
    if constexpr (kWide) {
      w0 = Load(weights);
      w1 = Load(weights + 32);
      weights += 64;
    } else {
      w0 = _mm256_cvtepi8_epi16(Load128(weights));
      w1 = _mm256_cvtepi8_epi16(Load128(weights + 16));
      weights += 32;
    }
#pragma GCC unroll 8
    for (int r = 0; r < kNumRows; ++r) {
      std::int32_t pair;
      __builtin_memcpy(&pair, rows[r] + k, 4);
      const __m256i a = _mm256_set1_epi32(pair);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(a, w0));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(a, w1));
    }
  }
}

template <int kNumRows, bool kWide>
void AccumulateRows(const Tile& tile, std::int32_t* target) {
  __m256i sums[kNumRows][2];
  Sum<kNumRows, kWide>(tile, sums);
#pragma GCC unroll 8
  for (int r = 0; r < kNumRows; ++r) {
    Store(target + r * kColumns, sums[r][0]);
    Store(target + r * kColumns + 8, sums[r][1]);
  }
}

template <int kNumRows, bool kWide>
void MultiplyRows(const Tile& tile, const Requantization& requantization, int columns, std::uint8_t* target,
                  std::int64_t stride) {
  __m256i sums[kNumRows][2];
  Sum<kNumRows, kWide>(tile, sums);
  const __m256 m0 = _mm256_loadu_ps(requantization.multipliers),
               m1 = _mm256_loadu_ps(requantization.multipliers + 8);
  const Rounding round(requantization.zero_point, requantization.low, requantization.high);
#pragma GCC unroll 8
  for (int r = 0; r < kNumRows; ++r) {
    const __m128i bytes = LowBytes(round(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][0]), m0)),
                                   round(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][1]), m1)));
    if (columns == kColumns) {
      Store128(target + r * stride, bytes);
    } else {
      std::uint8_t row[kColumns];
      Store128(row, bytes);
      for (int c = 0; c < columns; ++c) target[r * stride + c] = row[c];
    }
  }
}

template <bool kWide>
void AccumulateTile(const Tile& tile, std::int32_t* sums) {
  switch (tile.num_rows) {
    case 1:
      return AccumulateRows<1, kWide>(tile, sums);
    case 2:
      return AccumulateRows<2, kWide>(tile, sums);
    case 3:
      return AccumulateRows<3, kWide>(tile, sums);
    case 4:
      return AccumulateRows<4, kWide>(tile, sums);
    case 5:
      return AccumulateRows<5, kWide>(tile, sums);
    default:
      return AccumulateRows<6, kWide>(tile, sums);
  }
}

void Accumulate(const Tile& tile, std::int32_t* sums) {
  tile.wide ? AccumulateTile<true>(tile, sums) : AccumulateTile<false>(tile, sums);
}

template <bool kWide>
void MultiplyTile(const Tile& tile, const Requantization& q, int columns, std::uint8_t* target,
                  std::int64_t stride) {
  switch (tile.num_rows) {
    case 1:
      return MultiplyRows<1, kWide>(tile, q, columns, target, stride);
    case 2:
      return MultiplyRows<2, kWide>(tile, q, columns, target, stride);
    case 3:
      return MultiplyRows<3, kWide>(tile, q, columns, target, stride);
    case 4:
      return MultiplyRows<4, kWide>(tile, q, columns, target, stride);
    case 5:
      return MultiplyRows<5, kWide>(tile, q, columns, target, stride);
    default:
      return MultiplyRows<6, kWide>(tile, q, columns, target, stride);
  }
}

void Multiply(const Tile& tile, const Requantization& requantization, int columns, std::uint8_t* target,
              std::int64_t stride) {
  tile.wide ? MultiplyTile<true>(tile, requantization, columns, target, stride)
            : MultiplyTile<false>(tile, requantization, columns, target, stride);
}

// kTaps 0: as many as it says.  Two taps are interleaved, so that one instruction multiplies and adds both.
template <int kTaps, bool kSigned>
void DepthwiseChannels(const Depthwise& d, const Requantization& requantization, std::uint8_t* target,
                       std::int64_t stride) {
  const std::int64_t num_taps = kTaps != 0 ? kTaps : d.num_taps, pairs = (num_taps + 1) / 2;
  const std::int64_t blocks = d.channels / 16;
  const Rounding round(requantization.zero_point, requantization.low, requantization.high);
  for (std::int64_t p = 0; p < d.pixels; ++p) {
    const std::uint8_t* const* taps = d.taps + p * num_taps;
    const std::int16_t* weights = d.weights;
    for (std::int64_t c = 0; c < blocks * 16; c += 16) {
      __m256i sum0 = Load(d.biases + c), sum1 = Load(d.biases + c + 8);
#pragma GCC unroll 16
      for (std::int64_t t = 0; t < pairs; ++t, weights += 32) {
        const __m128i first = Load128(taps[2 * t] + c);
        const __m128i second = 2 * t + 1 < num_taps ? Load128(taps[2 * t + 1] + c) : first;
        const __m256i low = Widen<kSigned>(_mm_unpacklo_epi8(first, second));
        const __m256i high = Widen<kSigned>(_mm_unpackhi_epi8(first, second));
        sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(low, Load(weights)));
        sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(high, Load(weights + 16)));
      }
      const float* m = requantization.multipliers + c;
      Store128(target + p * stride + c,
               LowBytes(round(_mm256_mul_ps(_mm256_cvtepi32_ps(sum0), _mm256_loadu_ps(m))),
                        round(_mm256_mul_ps(_mm256_cvtepi32_ps(sum1), _mm256_loadu_ps(m + 8)))));
    }
    std::int64_t c = blocks * 16;
    if (c + 8 <= d.channels) {
      __m256i sum = Load(d.biases + c);
#pragma GCC unroll 16
      for (std::int64_t t = 0; t < pairs; ++t) {
        const __m128i first = LoadEight(taps[2 * t] + c);
        const __m128i second = 2 * t + 1 < num_taps ? LoadEight(taps[2 * t + 1] + c) : first;
        const __m256i both = Widen<kSigned>(_mm_unpacklo_epi8(first, second));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(both, Load(weights + 32 * t)));
      }
      const __m256 scaled =
          _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(requantization.multipliers + c));
      StoreEight(target + p * stride + c, LowBytes(round(scaled), _mm256_setzero_si256()));
      c += 8;
    }
    scalar::DepthwisePixel(d, requantization, p, c, target + p * stride);
  }
}

template <bool kSigned>
void DepthwiseSigned(const Depthwise& d, const Requantization& requantization, std::uint8_t* target,
                     std::int64_t stride) {
  switch (d.num_taps) {
    case 9:
      return DepthwiseChannels<9, kSigned>(d, requantization, target, stride);
    case 25:
      return DepthwiseChannels<25, kSigned>(d, requantization, target, stride);
    default:
      return DepthwiseChannels<0, kSigned>(d, requantization, target, stride);
  }
}

void DepthwiseRows(const Depthwise& d, const Requantization& requantization, std::uint8_t* target,
                   std::int64_t stride) {
  d.is_signed ? DepthwiseSigned<true>(d, requantization, target, stride)
              : DepthwiseSigned<false>(d, requantization, target, stride);
}

template <Binary::Form kForm>
__m256 BinaryValue(const Binary& f, __m256i a, __m256i b) {
  using Form = Binary::Form;
  const __m256 a_scale = _mm256_set1_ps(f.a_scale), b_scale = _mm256_set1_ps(f.b_scale),
               factor = _mm256_set1_ps(f.factor);
  if constexpr (kForm == Form::kSumFused) {
    const __m256 sum =
        _mm256_add_ps(_mm256_fmadd_ps(_mm256_cvtepi32_ps(a), a_scale, _mm256_set1_ps(f.offset)),
                      _mm256_fmadd_ps(_mm256_cvtepi32_ps(b), b_scale, _mm256_set1_ps(f.b_offset)));
    return _mm256_mul_ps(sum, factor);
  } else if constexpr (kForm == Form::kSumChained) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(a), a_scale,
                           _mm256_fmadd_ps(_mm256_cvtepi32_ps(b), b_scale, _mm256_set1_ps(f.offset)));
  } else {
    a = _mm256_sub_epi32(a, _mm256_set1_epi32(f.a_zero));
    b = _mm256_sub_epi32(b, _mm256_set1_epi32(f.b_zero));
    if constexpr (kForm == Form::kProductInt) {
      return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_mullo_epi32(a, b)), factor),
                           _mm256_set1_ps(f.offset));
    }
    const __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(a), a_scale),
                 y = _mm256_mul_ps(_mm256_cvtepi32_ps(b), b_scale);
    return _mm256_mul_ps(kForm == Form::kSum ? _mm256_add_ps(x, y) : _mm256_mul_ps(x, y), factor);
  }
}

__m256i FixedSum(const Binary& f, __m256i a, __m256i b) {
  a = _mm256_mullo_epi32(_mm256_sub_epi32(a, _mm256_set1_epi32(f.a_zero)), _mm256_set1_epi32(f.a_factor));
  b = _mm256_mullo_epi32(_mm256_sub_epi32(b, _mm256_set1_epi32(f.b_zero)), _mm256_set1_epi32(f.b_factor));
  __m256i sum = _mm256_add_epi32(a, b);
  if (!f.ties_up) sum = _mm256_add_epi32(sum, _mm256_srai_epi32(sum, 31));
  sum = _mm256_add_epi32(sum, _mm256_set1_epi32(1 << (f.shift - 1)));
  sum = _mm256_add_epi32(_mm256_sra_epi32(sum, _mm_cvtsi32_si128(f.shift)), _mm256_set1_epi32(f.zero_point));
  return _mm256_min_epi32(_mm256_max_epi32(sum, _mm256_set1_epi32(f.low)), _mm256_set1_epi32(f.high));
}

template <Binary::Form kForm>
void BinaryForm(const Binary& f, const std::uint8_t* a, const std::uint8_t* b, std::int64_t b_step,
                std::int64_t count, std::uint8_t* target) {
  const Rounding round(f.zero_point, f.low, f.high);
  const __m256i one_b = _mm256_set1_epi32(count != 0 ? scalar::Integer(b[0], f.is_signed) : 0);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    __m256i parts[2];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const __m256i y = b_step != 0 ? WidenEight(b + i + 8 * j, f.is_signed) : one_b;
      const __m256i x = WidenEight(a + i + 8 * j, f.is_signed);
      if constexpr (kForm == Binary::Form::kSumFixed) {
        parts[j] = FixedSum(f, x, y);
      } else {
        parts[j] = round(BinaryValue<kForm>(f, x, y));
      }
    }
    Store128(target + i, LowBytes(parts[0], parts[1]));
  }
  for (; i < count; ++i) target[i] = scalar::BinaryOne(f, a[i], b[i * b_step]);
}

void BinaryRow(const Binary& f, const std::uint8_t* a, const std::uint8_t* b, std::int64_t b_step,
               std::int64_t count, std::uint8_t* target) {
  using Form = Binary::Form;
  switch (f.form) {
    case Form::kSum:
      return BinaryForm<Form::kSum>(f, a, b, b_step, count, target);
    case Form::kSumFused:
      return BinaryForm<Form::kSumFused>(f, a, b, b_step, count, target);
    case Form::kSumChained:
      return BinaryForm<Form::kSumChained>(f, a, b, b_step, count, target);
    case Form::kSumFixed:
      return BinaryForm<Form::kSumFixed>(f, a, b, b_step, count, target);
    case Form::kProduct:
      return BinaryForm<Form::kProduct>(f, a, b, b_step, count, target);
    case Form::kProductInt:
      return BinaryForm<Form::kProductInt>(f, a, b, b_step, count, target);
  }
}

// 16 tables of 16 entries: x - 16 i is within a table's reach, and its top bit clear, for one of them only.
void Lookup(const std::uint8_t* source, std::int64_t count, const std::uint8_t* table, std::uint8_t* target) {
  std::int64_t i = 0;
  const __m256i sixteen = _mm256_set1_epi8(16);
  for (; i + 32 <= count; i += 32) {
    // 0x70 + x saturates to a set top bit for x >= 16, and leaves x's low four bits for x < 16.
    __m256i index = Load(source + i), result = _mm256_setzero_si256();
#pragma GCC unroll 16
    for (int part = 0; part < 16; ++part) {
      const __m256i entries = _mm256_broadcastsi128_si256(Load128(table + 16 * part));
      const __m256i reach = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
      result = _mm256_or_si256(result, _mm256_shuffle_epi8(entries, reach));
      index = _mm256_sub_epi8(index, sixteen);
    }
    Store(target + i, result);
  }
  for (; i < count; ++i) target[i] = table[source[i]];
}

void MaxRows(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels, bool is_signed,
             std::uint8_t* target) {
  std::int64_t c = 0;
  const __m256i flip = _mm256_set1_epi8(is_signed ? -128 : 0);
  for (; c + 32 <= channels; c += 32) {
    __m256i best = _mm256_xor_si256(Load(rows[0] + c), flip);
    for (std::int64_t r = 1; r < num_rows; ++r) {
      best = _mm256_max_epu8(best, _mm256_xor_si256(Load(rows[r] + c), flip));
    }
    Store(target + c, _mm256_xor_si256(best, flip));
  }
  const __m128i flip128 = _mm256_castsi256_si128(flip);
  for (; c + 8 <= channels; c += 8) {
    __m128i best = _mm_xor_si128(LoadEight(rows[0] + c), flip128);
    for (std::int64_t r = 1; r < num_rows; ++r) {
      best = _mm_max_epu8(best, _mm_xor_si128(LoadEight(rows[r] + c), flip128));
    }
    StoreEight(target + c, _mm_xor_si128(best, flip128));
  }
  scalar::MaxRows(rows, num_rows, c, channels, is_signed, target);
}

// kParts times eight channels.
template <int kParts>
void SumPart(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t first, bool is_signed,
             std::int32_t* sums) {
  __m256i parts[kParts];
#pragma GCC unroll 4
  for (int p = 0; p < kParts; ++p) parts[p] = Load(sums + first + 8 * p);
  for (std::int64_t r = 0; r < num_rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      parts[p] = _mm256_add_epi32(parts[p], WidenEight(rows[r] + first + 8 * p, is_signed));
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kParts; ++p) Store(sums + first + 8 * p, parts[p]);
}

void SumRows(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels, bool is_signed,
             std::int32_t* sums) {
  std::int64_t c = 0;
  for (; c + 32 <= channels; c += 32) SumPart<4>(rows, num_rows, c, is_signed, sums);
  for (; c + 8 <= channels; c += 8) SumPart<1>(rows, num_rows, c, is_signed, sums);
  scalar::SumRows(rows, num_rows, c, channels, is_signed, sums);
}

void Quantize(const float* source, std::int64_t count, float factor, bool divides, std::int32_t zero_point,
              std::int32_t low, std::int32_t high, std::uint8_t* target) {
  const Rounding round(zero_point, low, high);
  const __m256 factors = _mm256_set1_ps(factor);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256 x = _mm256_loadu_ps(source + i), y = _mm256_loadu_ps(source + i + 8);
    Store128(target + i, divides
                             ? LowBytes(round(_mm256_div_ps(x, factors)), round(_mm256_div_ps(y, factors)))
                             : LowBytes(round(_mm256_mul_ps(x, factors)), round(_mm256_mul_ps(y, factors))));
  }
  for (; i < count; ++i) {
    target[i] =
        scalar::RoundAndClamp(divides ? source[i] / factor : source[i] * factor, zero_point, low, high);
  }
}

void Dequantize(const std::uint8_t* source, std::int64_t count, bool is_signed, std::int32_t zero_point,
                float scale, float* target) {
  const __m256i zero = _mm256_set1_epi32(zero_point);
  const __m256 scales = _mm256_set1_ps(scale);
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256i x = _mm256_sub_epi32(WidenEight(source + i, is_signed), zero);
    _mm256_storeu_ps(target + i, _mm256_mul_ps(_mm256_cvtepi32_ps(x), scales));
  }
  for (; i < count; ++i) {
    target[i] = static_cast<float>(scalar::Integer(source[i], is_signed) - zero_point) * scale;
  }
}

const Table kTable = {.name = "avx2",
                      .rows = kRows,
                      .columns = kColumns,
                      .depth_step = kStep,
                      .activation_size = 2,
                      .shifts_signed = false,
                      .takes_wide = true,
                      .pack_activations = PackActivations,
                      .accumulate = Accumulate,
                      .multiply = Multiply,
                      .depthwise = DepthwiseRows,
                      .binary = BinaryRow,
                      .lookup = Lookup,
                      .max_rows = MaxRows,
                      .sum_rows = SumRows,
                      .quantize = Quantize,
                      .dequantize = Dequantize};

}  // namespace

const Table* const kAvx2 = &kTable;

}  // namespace octavo::kernels

#else

namespace octavo::kernels {
const Table* const kAvx2 = nullptr;
}  // namespace octavo::kernels

#endif
