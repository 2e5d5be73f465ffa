#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "octavo/arithmetic/onnxruntime/blocks.h"
#include "octavo/engine/literal/blocks.h"
#include "octavo/engine/literal/contrib.h"
#include "octavo/engine/literal/matmul.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/targets/onnxruntime/quantize.h"
#include "octavo/targets/onnxruntime/requantize.h"

// Matrix products of ONNX Runtime's own domain.

namespace octavo::engine::literal {
namespace {

namespace ort = targets::onnxruntime;

const Tensor* Optional(const Operands& in, std::size_t i) { return i < in.size() ? in[i] : nullptr; }

Status CheckColumns(Call& call, std::size_t i, std::int64_t columns) {
  if (!call.has(i)) return {};
  const std::int64_t count = Product(OCTAVO_TRY(call.sizes(i)));
  if (count == 1 || count == columns) return {};
  return call.Invalid(fmt::format("input {} has {} elements, but 1 or {} are expected", i, count, columns));
}

// alpha A B + C, requantized, or in float32 where there is no scale of the result.
Result<Prepared> QGemm(Call& call) {
  OCTAVO_TRY(call.Inputs(6, 9));
  OCTAVO_TRY(CheckQuantized(call, 0));
  OCTAVO_TRY(CheckDType(call, 3, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, 4, {DType::kFloat32}));
  const auto alpha = static_cast<float>(OCTAVO_TRY(call.Real("alpha", 1.0)));
  const bool transpose_a = OCTAVO_TRY(call.Int("transA", 0)) != 0;
  const bool transpose_b = OCTAVO_TRY(call.Int("transB", 0)) != 0;
  const MatMulLayout l = OCTAVO_TRY(GemmLayoutOf(call, 0, 3, transpose_a, transpose_b));
  OCTAVO_TRY(CheckColumns(call, 4, l.columns));
  if (OCTAVO_TRY(call.dtype(5)) != OCTAVO_TRY(call.dtype(3)) ||
      OCTAVO_TRY(call.sizes(5)) != OCTAVO_TRY(call.sizes(4)))
    return call.Invalid("input 5 must have the dtype of input 3 and the shape of input 4");
  if (call.has(6)) {
    OCTAVO_TRY(CheckDType(call, 6, {DType::kInt32}));
    if (Broadcast(OCTAVO_TRY(call.sizes(6)), l.result) != l.result)
      return call.Invalid("input 6 cannot be broadcast to the result");
  }
  const bool quantizes = call.has(7);
  const DType to = quantizes ? OCTAVO_TRY(QuantizedResult(call, 7)) : DType::kFloat32;
  return One(to, l.result, [=](const Operands& in) -> Result<Tensor> {
    const Tensor left = transpose_a ? TransposedMatrix(*in[0]) : *in[0];
    const Tensor right = transpose_b ? TransposedMatrix(*in[3]) : *in[3];
    std::vector<std::int64_t> sums =
        MultiplyMatrices(l, ShiftedOperand(left, in[2], false), ShiftedOperand(right, in[5], true));
    if (const Tensor* bias = Optional(in, 6)) {
      const auto added = Integers(Strided(*bias, l.result, BroadcastStrides(bias->sizes, l.result), 0));
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += added[i];
    }
    const std::vector<float> b_scale = in[4]->ToFloats();
    const float a_scale = in[1]->ToFloats()[0];
    const ort::Quantization y = quantizes ? QuantizationAt(in, 7) : ort::Quantization{};
    std::vector<float> multipliers;
    for (const float scale : b_scale)
      multipliers.push_back(quantizes ? ort::GemmMultiplier(alpha, a_scale, scale, y.scale)
                                      : alpha * a_scale * scale);
    const auto multiplier = [&](std::size_t i) {
      return multipliers[multipliers.size() == 1 ? 0 : i % multipliers.size()];
    };
    if (quantizes) {
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = RequantizedSum(sums[i], multiplier(i), y.zero_point, to);
      return FromIntegers(to, l.result, sums);
    }
    std::vector<float> reals(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i)
      reals[i] = ort::ScaleAccumulator(static_cast<std::int32_t>(sums[i]), multiplier(i));
    return Tensor::Floats(l.result, reals);
  });
}

// sum * (a_scale * b_scale) + bias of integers [.., depth] by [depth, columns].
Tensor Scaled(const MatMulLayout& l, const std::vector<std::int64_t>& sums, float a_scale,
              const Tensor& b_scales, const Tensor* bias) {
  const std::vector<float> scales = b_scales.ToFloats();
  const std::vector<float> added = bias != nullptr ? bias->ToFloats() : std::vector<float>();
  std::vector<float> y(sums.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t column = i % static_cast<std::size_t>(l.columns);
    const float multiplier = a_scale * scales[scales.size() == 1 ? 0 : column];
    const auto sum = static_cast<std::int32_t>(sums[i]);
    y[i] = added.empty() ? ort::ScaleAccumulator(sum, multiplier)
                         : ort::ScaleAccumulator(sum, multiplier, added[column]);
  }
  return Tensor::Floats(l.result, y);
}

Status CheckBias(Call& call, std::size_t i, std::int64_t columns) {
  if (!call.has(i)) return {};
  OCTAVO_TRY(CheckDType(call, i, {DType::kFloat32}));
  if (OCTAVO_TRY(call.sizes(i)) == Sizes{columns}) return {};
  return call.Invalid("the bias must have one element per column");
}

Result<Prepared> MatMulIntegerToFloat(Call& call) {
  OCTAVO_TRY(call.Inputs(4, 7));
  for (const std::size_t i : {0, 1}) OCTAVO_TRY(CheckDType(call, i, {DType::kUint8, DType::kInt8}));
  for (const std::size_t i : {2, 3}) OCTAVO_TRY(CheckDType(call, i, {DType::kFloat32}));
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 1));
  if (Product(OCTAVO_TRY(call.sizes(2))) != 1) return call.NotSupported("input 2 must be a scalar");
  OCTAVO_TRY(CheckColumns(call, 3, l.columns));
  OCTAVO_TRY(CheckZeroPoint(call, 4, 0, false));
  OCTAVO_TRY(CheckZeroPoint(call, 5, 1, true));
  OCTAVO_TRY(CheckBias(call, 6, l.columns));
  return One(DType::kFloat32, l.result, [l](const Operands& in) -> Result<Tensor> {
    const auto sums = MultiplyMatrices(l, ShiftedOperand(*in[0], Optional(in, 4), false),
                                       ShiftedOperand(*in[1], Optional(in, 5), true));
    return Scaled(l, sums, in[2]->ToFloats()[0], *in[3], Optional(in, 6));
  });
}

Result<Prepared> DynamicQuantizeMatMul(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 5));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, 2, {DType::kFloat32}));
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 1));
  OCTAVO_TRY(CheckColumns(call, 2, l.columns));
  OCTAVO_TRY(CheckZeroPoint(call, 3, 1, true));
  OCTAVO_TRY(CheckBias(call, 4, l.columns));
  return One(DType::kFloat32, l.result, [l](const Operands& in) -> Result<Tensor> {
    const std::vector<float> x = in[0]->ToFloats();
    const auto [least, greatest] = std::minmax_element(x.begin(), x.end());
    const ort::Quantization q = x.empty() ? ort::Quantization{} : ort::DynamicQuantization(*least, *greatest);
    std::vector<std::int64_t> steps(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      steps[i] = ort::QuantizeLinear<std::uint8_t>(x[i], q) - q.zero_point;
    const auto sums = MultiplyMatrices(l, steps, ShiftedOperand(*in[1], Optional(in, 3), true));
    return Scaled(l, sums, q.scale, *in[2], Optional(in, 4));
  });
}

struct Bits {
  std::int64_t bits = 4, block = 32, depth = 0, columns = 0;
  std::int64_t blocks() const { return (depth + block - 1) / block; }
  std::int64_t row_bytes() const { return (blocks() * bits + 7) / 8; }  // of packed zero points
};

// One of the unsigned integers that `bytes` hold, the first in the low bits.
std::uint8_t Unpack(const std::uint8_t* bytes, std::int64_t i, std::int64_t bits) {
  const std::int64_t per_byte = 8 / bits;
  return static_cast<std::uint8_t>(bytes[i / per_byte] >> (i % per_byte * bits) & ((1 << bits) - 1));
}

BlockedMatrix Unpacked(const Bits& n, const Operands& in) {
  BlockedMatrix m = {
      .depth = n.depth, .columns = n.columns, .block = n.block, .values = {}, .scales = in[2]->ToFloats()};
  const Tensor* zeros = Optional(in, 3);
  m.values.resize(static_cast<std::size_t>(n.depth * n.columns));
  const auto* packed = Data<std::uint8_t>(*in[1]);
  for (std::int64_t c = 0; c < n.columns; ++c) {
    for (std::int64_t d = 0; d < n.depth; ++d) {
      const std::int64_t block = d / n.block;
      float zero = static_cast<float>(1 << (n.bits - 1));
      if (zeros != nullptr && zeros->dtype == DType::kUint8)
        zero = Unpack(Data<std::uint8_t>(*zeros) + c * n.row_bytes(), block, n.bits);
      if (zeros != nullptr && zeros->dtype == DType::kFloat32)
        zero = Data<float>(*zeros)[c * n.blocks() + block];
      const std::uint8_t value = Unpack(packed, (c * n.blocks() + block) * n.block + d % n.block, n.bits);
      m.values[static_cast<std::size_t>(c * n.depth + d)] = static_cast<float>(value) - zero;
    }
  }
  return m;
}

Result<Prepared> MatMulNBits(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 6));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kUint8}));
  OCTAVO_TRY(CheckDType(call, 2, {DType::kFloat32}));
  Bits n = {.bits = OCTAVO_TRY(call.Int("bits", 4)),
            .block = OCTAVO_TRY(call.Int("block_size")),
            .depth = OCTAVO_TRY(call.Int("K")),
            .columns = OCTAVO_TRY(call.Int("N"))};
  const std::int64_t level = OCTAVO_TRY(call.Int("accuracy_level", 0));
  if (n.bits != 2 && n.bits != 4 && n.bits != 8)
    return call.NotSupported(fmt::format("attribute bits = {} is not supported", n.bits));
  if (OCTAVO_TRY(call.Int("weight_prepacked", 0)) != 0)
    return call.NotSupported("attribute weight_prepacked is not supported");
  constexpr std::int64_t kMost = 1 << 24;
  if (n.block < 16 || n.block > kMost || (n.block & (n.block - 1)) != 0 || n.depth < 1 || n.depth > kMost ||
      n.columns < 1 || n.columns > kMost)
    return call.Invalid("attributes K, N and block_size do not fit together");
  if (call.has(4)) return call.NotSupported("input 4 (g_idx) is not supported");
  Sizes x = OCTAVO_TRY(call.sizes(0));
  if (x.empty() || x.back() != n.depth) return call.Invalid("attribute K does not match input 0");
  const std::int64_t packed = Product(OCTAVO_TRY(call.sizes(1)));
  if (packed != n.columns * n.blocks() * (n.block * n.bits / 8) ||
      Product(OCTAVO_TRY(call.sizes(2))) != n.columns * n.blocks())
    return call.Invalid("the weight or its scales do not fit K, N and block_size");
  if (call.has(3)) {
    OCTAVO_TRY(CheckDType(call, 3, {DType::kUint8, DType::kFloat32}));
    const bool bytes = OCTAVO_TRY(call.dtype(3)) == DType::kUint8;
    if (Product(OCTAVO_TRY(call.sizes(3))) != n.columns * (bytes ? n.row_bytes() : n.blocks()))
      return call.Invalid("the zero points do not fit K, N and block_size");
  }
  OCTAVO_TRY(CheckBias(call, 5, n.columns));
  x.back() = n.columns;
  return One(DType::kFloat32, x, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<float> bias = Optional(in, 5) != nullptr ? in[5]->ToFloats() : std::vector<float>();
    const bool quantizes = level == arithmetic::onnxruntime::kRewrittenAccuracyLevel && n.bits != 2;
    return Tensor::Floats(x, Multiply(Unpacked(n, in), in[0]->ToFloats(), quantizes, bias));
  });
}

}  // namespace

std::vector<float> Multiply(const BlockedMatrix& matrix, const std::vector<float>& rows, bool quantizes,
                            const std::vector<float>& bias) {
  const auto depth = static_cast<std::size_t>(matrix.depth),
             columns = static_cast<std::size_t>(matrix.columns);
  const auto size = static_cast<std::size_t>(matrix.block),
             blocks = static_cast<std::size_t>(matrix.blocks());
  std::vector<float> y(depth == 0 ? 0 : rows.size() / depth * columns);
  std::vector<float> row(depth), row_scales(blocks, 1.0F);
  for (std::size_t r = 0; r < y.size() / columns; ++r) {
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(r * depth), depth, row.begin());
    for (std::size_t b = 0; quantizes && b < blocks; ++b) {
      const std::size_t count = std::min(size, depth - b * size);
      row_scales[b] = arithmetic::onnxruntime::QuantizeBlock({row.data() + b * size, count});
    }
    for (std::size_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (std::size_t b = 0; b < blocks; ++b) {
        double in_block = 0;
        for (std::size_t d = b * size; d < std::min(depth, (b + 1) * size); ++d)
          in_block += double{row[d]} * double{matrix.values[c * depth + d]};
        sum += in_block * double{row_scales[b]} * double{matrix.scales[c * blocks + b]};
      }
      y[r * columns + c] = static_cast<float>(sum + (bias.empty() ? 0.0 : double{bias[c]}));
    }
  }
  return y;
}

void AddContribProducts(Registry& registry) {
  registry.Add("com.microsoft::QGemm", QGemm);
  registry.Add("com.microsoft::MatMulIntegerToFloat", MatMulIntegerToFloat);
  registry.Add("com.microsoft::DynamicQuantizeMatMul", DynamicQuantizeMatMul);
  registry.Add("com.microsoft::MatMulNBits", MatMulNBits);
}

}  // namespace octavo::engine::literal
