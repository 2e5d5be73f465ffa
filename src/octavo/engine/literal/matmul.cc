#include "octavo/engine/literal/matmul.h"

#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/contrib.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/targets/onnxruntime/requantize.h"

namespace octavo::engine::literal {

Result<MatMulLayout> GemmLayoutOf(Call& call, std::size_t first, std::size_t second, bool transpose_a,
                                  bool transpose_b) {
  Sizes a = OCTAVO_TRY(call.sizes(first)), b = OCTAVO_TRY(call.sizes(second));
  if (a.size() != 2 || b.size() != 2) return call.Invalid("the operands must have rank 2");
  if (transpose_a) std::swap(a[0], a[1]);
  if (transpose_b) std::swap(b[0], b[1]);
  if (a[1] != b[0])
    return call.Invalid(
        fmt::format("a matrix with {} columns cannot be multiplied by one with {} rows", a[1], b[0]));
  return MatMulLayout{.rows = a[0], .depth = a[1], .columns = b[1], .result = {a[0], b[1]}};
}

Tensor TransposedMatrix(const Tensor& t) {
  const Sizes own = StridesOf(t.sizes);
  return Strided(t, {t.sizes[1], t.sizes[0]}, {own[1], own[0]}, 0);
}

Result<MatMulLayout> MatMulLayoutOf(Call& call, std::size_t first, std::size_t second) {
  Sizes a = OCTAVO_TRY(call.sizes(first)), b = OCTAVO_TRY(call.sizes(second));
  if (a.empty() || b.empty()) return call.Invalid("the operands must not be scalars");
  const bool a_vector = a.size() == 1, b_vector = b.size() == 1;
  if (a_vector) a.insert(a.begin(), 1);
  if (b_vector) b.push_back(1);
  MatMulLayout l;
  l.rows = a[a.size() - 2];
  l.depth = a.back();
  l.columns = b.back();
  const auto shown = [](const Sizes& s) { return ToString(Shape(s.begin(), s.end())); };
  if (b[b.size() - 2] != l.depth)
    return call.Invalid(fmt::format("matrices of shapes {} and {} cannot be multiplied", shown(a), shown(b)));
  const Sizes a_batch(a.begin(), a.end() - 2), b_batch(b.begin(), b.end() - 2);
  const auto batch = Broadcast(a_batch, b_batch);
  if (!batch)
    return call.Invalid(fmt::format("matrices of shapes {} and {} cannot be multiplied", shown(a), shown(b)));
  l.batch = *batch;
  l.a_steps = BroadcastStrides(a_batch, l.batch);
  l.b_steps = BroadcastStrides(b_batch, l.batch);
  l.result = l.batch;
  if (!a_vector) l.result.push_back(l.rows);
  if (!b_vector) l.result.push_back(l.columns);
  if (!CountElements(l.result)) return call.Invalid("the result is too large");
  return l;
}

// A zero point for all, or one for each row of A or column of B.
std::vector<std::int64_t> ShiftedOperand(const Tensor& x, const Tensor* zero_point, bool by_column) {
  std::vector<std::int64_t> values = Integers(x);
  if (!zero_point) return values;
  const std::vector<std::int64_t> zero = Integers(*zero_point);
  const auto last = static_cast<std::size_t>(x.sizes.back());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] -= zero[zero.size() == 1 ? 0 : by_column ? i % last : i / last % zero.size()];
  return values;
}

Status CheckZeroPoint(Call& call, std::size_t i, std::size_t of, bool by_column) {
  if (!call.has(i)) return {};
  if (OCTAVO_TRY(call.dtype(i)) != OCTAVO_TRY(call.dtype(of)))
    return call.Invalid("each zero point must have the dtype of its values");
  const Sizes sizes = OCTAVO_TRY(call.sizes(i)), matrix = OCTAVO_TRY(call.sizes(of));
  const std::int64_t count = Product(sizes);
  if (count == 1) return {};
  const std::int64_t wanted = by_column ? matrix.back() : matrix.size() > 1 ? matrix[matrix.size() - 2] : 1;
  if (sizes.size() == 1 && count == wanted) return {};
  return call.Invalid(fmt::format("input {} has {} elements, which does not fit the matrix", i, count));
}

namespace {

// Integers multiply in int64 without sign, where they wrap.
std::vector<std::uint64_t> Unsigned(const std::vector<std::int64_t>& v) { return {v.begin(), v.end()}; }

Result<Prepared> MatMul(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 1));
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, l.result, [l, dtype](const Operands& in) -> Result<Tensor> {
    if (IsFloat(dtype)) return FromReals(dtype, l.result, MultiplyMatrices(l, Reals(*in[0]), Reals(*in[1])));
    const auto y = MultiplyMatrices(l, Unsigned(Integers(*in[0])), Unsigned(Integers(*in[1])));
    return FromIntegers(dtype, l.result, {y.begin(), y.end()});
  });
}

// alpha A' B' + beta C
Result<Prepared> Gemm(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 3));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  const double alpha = OCTAVO_TRY(call.Real("alpha", 1.0)), beta = OCTAVO_TRY(call.Real("beta", 1.0));
  const bool transpose_a = OCTAVO_TRY(call.Int("transA", 0)) != 0;
  const bool transpose_b = OCTAVO_TRY(call.Int("transB", 0)) != 0;
  const MatMulLayout l = OCTAVO_TRY(GemmLayoutOf(call, 0, 1, transpose_a, transpose_b));
  if (!CountElements(l.result)) return call.Invalid("the result is too large");
  if (call.has(2) && Broadcast(OCTAVO_TRY(call.sizes(2)), l.result) != l.result)
    return call.Invalid("input 2 cannot be broadcast to the result");
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, l.result, [=](const Operands& in) -> Result<Tensor> {
    const Tensor left = transpose_a ? TransposedMatrix(*in[0]) : *in[0];
    const Tensor right = transpose_b ? TransposedMatrix(*in[1]) : *in[1];
    std::vector<double> y = MultiplyMatrices(l, Reals(left), Reals(right));
    for (double& v : y) v *= alpha;
    if (in.size() > 2 && in[2]) {
      const std::vector<double> c =
          Reals(Strided(*in[2], l.result, BroadcastStrides(in[2]->sizes, l.result), 0));
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += beta * c[i];
    }
    if (IsFloat(dtype)) return FromReals(dtype, l.result, y);
    std::vector<std::int64_t> integers(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) integers[i] = SaturatedInteger(y[i], DType::kInt64);
    return FromIntegers(dtype, l.result, integers);
  });
}

Result<Prepared> MatMulInteger(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 4));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kUint8, DType::kInt8}));
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 1));
  OCTAVO_TRY(CheckZeroPoint(call, 2, 0, false));
  OCTAVO_TRY(CheckZeroPoint(call, 3, 1, true));
  return One(DType::kInt32, l.result, [l](const Operands& in) -> Result<Tensor> {
    const auto a = ShiftedOperand(*in[0], in.size() > 2 ? in[2] : nullptr, false);
    const auto b = ShiftedOperand(*in[1], in.size() > 3 ? in[3] : nullptr, true);
    return FromIntegers(DType::kInt32, l.result, MultiplyMatrices(l, a, b));
  });
}

// As ONNX Runtime rounds: sum * (a_scale * b_scale / y_scale) in float32.
Result<Prepared> QLinearMatMul(Call& call) {
  OCTAVO_TRY(call.Inputs(8, 8));
  for (const std::size_t i : {0, 2, 3, 5, 7}) OCTAVO_TRY(CheckDType(call, i, {DType::kUint8, DType::kInt8}));
  for (const std::size_t i : {1, 4, 6}) OCTAVO_TRY(CheckFloat(call, i));
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 3));
  OCTAVO_TRY(CheckZeroPoint(call, 2, 0, false));
  OCTAVO_TRY(CheckZeroPoint(call, 5, 3, true));
  for (const std::size_t i : {1, 6, 7}) {
    if (Product(OCTAVO_TRY(call.sizes(i))) != 1)
      return call.Invalid(fmt::format("input {} must be a scalar", i));
  }
  const std::int64_t scales = Product(OCTAVO_TRY(call.sizes(4)));
  if (scales != 1 && scales != l.columns)
    return call.Invalid("the number of scales does not match the columns");
  const DType to = OCTAVO_TRY(call.dtype(7));
  return One(to, l.result, [l, to](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> y =
        MultiplyMatrices(l, ShiftedOperand(*in[0], in[2], false), ShiftedOperand(*in[3], in[5], true));
    const std::vector<float> b_scale = in[4]->ToFloats();
    const float a_scale = in[1]->ToFloats()[0], y_scale = in[6]->ToFloats()[0];
    const auto zero = static_cast<std::int32_t>(Integers(*in[7])[0]);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float scale = b_scale[b_scale.size() == 1 ? 0 : i % b_scale.size()];
      y[i] = RequantizedSum(y[i], targets::onnxruntime::Multiplier(a_scale, scale, y_scale), zero, to);
    }
    return FromIntegers(to, l.result, y);
  });
}

}  // namespace

void AddMatMul(Registry& registry) {
  registry.Add("MatMul", MatMul);
  registry.Add("Gemm", Gemm);
  registry.Add("MatMulInteger", MatMulInteger);
  registry.Add("QLinearMatMul", QLinearMatMul);
}

}  // namespace octavo::engine::literal
