#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/wrapping.h"

// Products of matrices: linear, matmul and its like, addmm and its like.  Reals are added up in float64.

namespace octavo::reference {
namespace {

void Accumulate(double& sum, double x, double y) { sum += x * y; }
void Accumulate(std::int64_t& sum, std::int64_t x, std::int64_t y) {
  sum = WrappedSum(sum, WrappedProduct(x, y));
}

// numpy's matmul: a vector is a row on the left and a column on the right, and the dimensions before the last
// two are repeated to each other.
template <typename T>
Result<Array<T>> Product(const Array<T>& x, const Array<T>& y) {
  if (x.sizes.empty() || y.sizes.empty())
    return Unsupported("a scalar cannot be an operand of a matrix product");
  Sizes left = x.sizes, right = y.sizes;
  if (left.size() == 1) left.insert(left.begin(), 1);
  if (right.size() == 1) right.push_back(1);
  const std::int64_t rows = left[left.size() - 2], depth = left.back(), columns = right.back();
  if (depth != right[right.size() - 2]) {
    return Unsupported(fmt::format("matrices of shapes {} and {} cannot be multiplied", x.sizes, y.sizes));
  }
  left.resize(left.size() - 2);
  right.resize(right.size() - 2);
  const Sizes batch = OCTAVO_TRY(Broadcast(left, right));
  Sizes sizes = batch;
  if (x.sizes.size() > 1) sizes.push_back(rows);
  if (y.sizes.size() > 1) sizes.push_back(columns);
  Array<T> result(OCTAVO_TRY(Checked(std::move(sizes))));
  const std::vector<std::int64_t> lefts = OCTAVO_TRY(RepeatedPlaces(left, batch));
  const std::vector<std::int64_t> rights = OCTAVO_TRY(RepeatedPlaces(right, batch));
  for (std::int64_t b = 0; b < Count(batch); ++b) {
    const std::int64_t from_x = lefts[static_cast<std::size_t>(b)] * rows * depth;
    const std::int64_t from_y = rights[static_cast<std::size_t>(b)] * depth * columns;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        T sum = 0;
        for (std::int64_t k = 0; k < depth; ++k) {
          Accumulate(sum, x[from_x + r * depth + k], y[from_y + k * columns + c]);
        }
        result[(b * rows + r) * columns + c] = sum;
      }
    }
  }
  return result;
}

Result<Tensor> SameDType(const Call& call, const char* name, DType dtype) {
  const Tensor& x = call.tensor(name);
  if (x.dtype == dtype) return x;
  return Unsupported(
      fmt::format("argument {} is {}, but the other operands are {}", name, Name(x.dtype), Name(dtype)));
}

template <typename T>
Result<Array<T>> Matrix(const Call& call, const char* name, DType dtype) {
  return Numbers<T>(OCTAVO_TRY(SameDType(call, name, dtype)));
}

template <typename T>
Result<Tensor> ProductOf(const Call& call, const char* x, const char* y, DType dtype) {
  const Array<T> left = OCTAVO_TRY(Matrix<T>(call, x, dtype));
  const Array<T> right = OCTAVO_TRY(Matrix<T>(call, y, dtype));
  return Stored(OCTAVO_TRY(Product(left, right)), dtype);
}

Results Multiply(const Call& call, const char* x, const char* y, int x_rank, int y_rank) {
  const Tensor& left = call.tensor(x);
  if ((x_rank > 0 && left.rank() != x_rank) || (y_rank > 0 && call.tensor(y).rank() != y_rank)) {
    return Unsupported(
        fmt::format("operands of shapes {} and {} are not supported", left.sizes, call.tensor(y).sizes));
  }
  if (IsFloat(left.dtype)) return One(OCTAVO_TRY(ProductOf<double>(call, x, y, left.dtype)));
  return One(OCTAVO_TRY(ProductOf<std::int64_t>(call, x, y, left.dtype)));
}

Results Matmul(const Call& call) { return Multiply(call, "self", "other", 0, 0); }
Results Mm(const Call& call) { return Multiply(call, "self", "mat2", 2, 2); }
Results Bmm(const Call& call) { return Multiply(call, "self", "mat2", 3, 3); }
Results Mv(const Call& call) { return Multiply(call, "self", "vec", 2, 1); }
Results Dot(const Call& call) { return Multiply(call, "self", "tensor", 1, 1); }

// x weightᵀ + bias; a weight with one dimension is a vector.
Results Linear(const Call& call) {
  const Tensor& x = call.tensor("input");
  if (!IsFloat(x.dtype))
    return Unsupported(fmt::format("a linear layer of {} is not supported", Name(x.dtype)));
  Array<double> weight = OCTAVO_TRY(Matrix<double>(call, "weight", x.dtype));
  if (weight.rank() == 2) {
    Array<double> transposed({weight.size(1), weight.size(0)});
    for (std::int64_t o = 0; o < weight.size(0); ++o) {
      for (std::int64_t i = 0; i < weight.size(1); ++i) {
        transposed[i * weight.size(0) + o] = weight[o * weight.size(1) + i];
      }
    }
    weight = std::move(transposed);
  }
  Array<double> result = OCTAVO_TRY(Product(OCTAVO_TRY(Matrix<double>(call, "input", x.dtype)), weight));
  if (call.has("bias")) {
    const Array<double> bias = OCTAVO_TRY(Operand<double>(call, "bias", x.dtype, result.sizes));
    for (std::size_t i = 0; i < result.data.size(); ++i) result.data[i] += bias.data[i];
  }
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

// beta self + alpha (x y).  For beta 0 nothing of self counts, not even NaNs.
template <typename T>
Result<Tensor> AddedProduct(const Call& call, const char* x, const char* y, DType dtype) {
  Array<T> result =
      OCTAVO_TRY(Product(OCTAVO_TRY(Matrix<T>(call, x, dtype)), OCTAVO_TRY(Matrix<T>(call, y, dtype))));
  const Array<T> alpha = OCTAVO_TRY(Operand<T>(call, "alpha", dtype, {}));
  const Array<T> beta = OCTAVO_TRY(Operand<T>(call, "beta", dtype, {}));
  const Array<T> self = OCTAVO_TRY(Operand<T>(call, "self", dtype, result.sizes));
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    T sum = 0;
    Accumulate(sum, alpha[0], result.data[i]);
    if (beta[0] != 0) Accumulate(sum, beta[0], self.data[i]);
    result.data[i] = sum;
  }
  return Stored(result, dtype);
}

Results AddProduct(const Call& call, const char* x, const char* y) {
  const DType dtype = call.tensor(x).dtype;
  if (IsFloat(dtype)) return One(OCTAVO_TRY(AddedProduct<double>(call, x, y, dtype)));
  return One(OCTAVO_TRY(AddedProduct<std::int64_t>(call, x, y, dtype)));
}

Results Addmm(const Call& call) { return AddProduct(call, "mat1", "mat2"); }
Results Addmv(const Call& call) { return AddProduct(call, "mat", "vec"); }
Results Baddbmm(const Call& call) { return AddProduct(call, "batch1", "batch2"); }

}  // namespace

void AddProducts(Kernels& kernels) {
  kernels.Add("aten::linear", Linear);
  kernels.Add("aten::matmul", Matmul);
  kernels.Add("aten::mm", Mm);
  kernels.Add("aten::bmm", Bmm);
  kernels.Add("aten::mv", Mv);
  kernels.Add("aten::dot", Dot);
  kernels.Add("aten::addmm", Addmm);
  kernels.Add("aten::addmv", Addmv);
  kernels.Add("aten::baddbmm", Baddbmm);
}

}  // namespace octavo::reference
