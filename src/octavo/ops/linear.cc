#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/ops/matmul_shape.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/quantized_linear.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

Status NotQuantized(const Arguments& a, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (a.has(name) && a.tensor(name).quantized()) {
      return Unsupported(
          fmt::format("argument {} is quantized, but this operator does not take quantized tensors", name));
    }
  }
  return {};
}

Result<std::vector<TensorType>> LinearTypeOf(const Value& like, std::optional<Shape> shape) {
  TensorType type = like.type();
  type.shape = std::move(shape);
  return std::vector<TensorType>{std::move(type)};
}

// ---- aten::linear ----

// PyTorch computes an input of two dimensions, and one of three as the matrix of all its rows, in one step
// with the bias: then the weight is a matrix, and the bias is broadcast to a matrix.
Status CheckLinearBias(const Arguments& a, const std::optional<Shape>& result) {
  if (!a.has("bias")) return {};
  const int rank = a.tensor("input").rank().value_or(-1);
  if (rank == 2 || rank == 3) {
    OCTAVO_TRY(CheckRank(a, "weight", 2));
    OCTAVO_TRY(CheckRank(a, "bias", 0, 2));
  }
  OCTAVO_TRY(CheckBroadcastTo(a, "bias", result));
  const Value x = a.tensor("input"), bias = a.tensor("bias");
  const Dim one = 1;
  if (rank == 3 && bias.rank() == 2 && Dim::Equal((*bias.shape())[0], one) == false &&
      Dim::Equal((*x.shape())[0], one) == false) {
    return Unsupported(fmt::format("a bias of shape {} does not fit the rows of an input of shape {}",
                                   ToString(*bias.shape()), ToString(*x.shape())));
  }
  return {};
}

Result<std::vector<TensorType>> LinearType(const Arguments& a) {
  OCTAVO_TRY(NotQuantized(a, {"input", "weight", "bias"}));
  OCTAVO_TRY(CheckSameDType(a, {"input", "weight", "bias"}));
  OCTAVO_TRY(CheckRank(a, "weight", 1, 2));
  const Value x = a.tensor("input"), weight = a.tensor("weight");
  std::optional<Shape> shape;
  if (weight.rank() == 2) {
    const Shape& w = *weight.shape();
    shape = OCTAVO_TRY(LinearShape(x.shape(), w[1], w[0]));
  } else {
    shape = OCTAVO_TRY(MatMulShape(x.shape(), weight.shape()));
  }
  OCTAVO_TRY(CheckLinearBias(a, shape));
  return LinearTypeOf(x, std::move(shape));
}

Result<std::vector<Value>> Linear(Builder& g, const Arguments& a) {
  const Value x = a.tensor("input"), bias = a.tensor("bias");
  Value weight = a.tensor("weight");
  const bool matrix = !weight.rank() || *weight.rank() == 2;
  if (matrix && x.rank() == 2 && bias.defined()) {
    return One(g.Op("Gemm", {x, weight, bias}, {{"alpha", 1.0}, {"beta", 1.0}, {"transB", 1}}));
  }
  if (matrix) {
    const int order[] = {1, 0};
    weight = weight.constant() ? g.Constant(weight.constant()->Permuted(order), "weight")
                               : Transpose(g, weight, {1, 0});
  }
  Value y = g.Op("MatMul", {x, weight});
  if (bias.defined()) y = g.Op("Add", {y, bias});
  return One(y);
}

// ---- Products of matrices ----

struct Factors {
  std::string x, y;
  int x_rank = 0, y_rank = 0;  // 0: any
};

// Both of the ranks that the operator asks for, of one dtype, and with as many matrices each.
Status CheckFactors(const Arguments& a, const Factors& f) {
  if (f.x_rank > 0) OCTAVO_TRY(CheckRank(a, f.x, f.x_rank));
  if (f.y_rank > 0) OCTAVO_TRY(CheckRank(a, f.y, f.y_rank));
  OCTAVO_TRY(CheckSameDType(a, {f.x, f.y}));
  const Value x = a.tensor(f.x), y = a.tensor(f.y);
  if (x.dtype() == DType::kBool) return Unsupported("matrix products of bools are not supported");
  if (f.x_rank == 3 && x.shape() && y.shape() && Dim::Equal((*x.shape())[0], (*y.shape())[0]) == false) {
    return Unsupported(fmt::format("the shapes {} and {} have different numbers of matrices",
                                   ToString(*x.shape()), ToString(*y.shape())));
  }
  return {};
}

TypeRule ProductType(Factors f) {
  return [f = std::move(f)](const Arguments& a) -> Result<std::vector<TensorType>> {
    if (a.tensor(f.x).quantized() || a.tensor(f.y).quantized()) {
      return Unsupported(
          "this operator does not take quantized tensors; PyTorch's quantized product is quantized::matmul");
    }
    OCTAVO_TRY(CheckFactors(a, f));
    return LinearTypeOf(a.tensor(f.x), OCTAVO_TRY(MatMulShape(a.tensor(f.x).shape(), a.tensor(f.y).shape())));
  };
}

Result<std::vector<Value>> MatMul(Builder& g, const Arguments& a) {
  std::vector<Value> inputs;
  for (const ir::Operand& operand : a.values()) {
    if (const auto* id = std::get_if<ir::ValueId>(&operand)) inputs.emplace_back(&g.graph(), *id);
  }
  return One(g.Op("MatMul", inputs));
}

// beta * self + alpha * (x @ y)
TypeRule AddedProductType(Factors f) {
  return [f = std::move(f)](const Arguments& a) -> Result<std::vector<TensorType>> {
    OCTAVO_TRY(NotQuantized(a, {"self", f.x.c_str(), f.y.c_str()}));
    OCTAVO_TRY(CheckFactors(a, f));
    OCTAVO_TRY(CheckSameDType(a, {f.x, "self"}));
    std::optional<Shape> shape = OCTAVO_TRY(MatMulShape(a.tensor(f.x).shape(), a.tensor(f.y).shape()));
    OCTAVO_TRY(CheckBroadcastTo(a, "self", shape));
    if (const DType dtype = a.tensor(f.x).dtype();
        IsInteger(dtype) && dtype != DType::kInt64 && dtype != DType::kInt32) {
      return Unsupported(fmt::format("matrix products of {} are not supported", Name(dtype)),
                         "Convert the matrices to int32 or int64 first.");
    }
    return LinearTypeOf(a.tensor(f.x), std::move(shape));
  };
}

// Integers are multiplied by the factor's whole part, as in PyTorch.
Value ScaledProduct(Builder& g, Value x, DType dtype, double factor, Value like) {
  if (!IsInteger(dtype)) return factor == 1 ? x : g.Op("Mul", {x, ScalarLike(g, like, factor)});
  const auto whole = static_cast<std::int64_t>(factor);
  if (whole == 1) return x;
  if (dtype == DType::kInt64)
    return g.Op("Mul", {x, g.Constant(Tensor::From(dtype, {}, std::vector{whole}))});
  return g.Op("Mul", {x, g.Constant(Tensor::From(dtype, {}, std::vector{static_cast<std::int32_t>(whole)}))});
}

Emitter AddedProduct(std::string x, std::string y) {
  return [x = std::move(x), y = std::move(y)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DType dtype = a.result().dtype;
    const Value product =
        ScaledProduct(g, g.Op("MatMul", {a.tensor(x), a.tensor(y)}), dtype, a.number("alpha"), a.tensor(x));
    // PyTorch does not look at `self` then, not even at its NaNs.
    if (a.number("beta") == 0) return One(product);
    return One(
        g.Op("Add", {ScaledProduct(g, a.tensor("self"), dtype, a.number("beta"), a.tensor(x)), product}));
  };
}

Result<std::vector<Value>> AddMm(Builder& g, const Arguments& a) {
  // ONNX Runtime has no Gemm of integers.
  if (a.number("beta") == 0 || IsInteger(a.result().dtype)) return AddedProduct("mat1", "mat2")(g, a);
  return One(g.Op("Gemm", {a.tensor("mat1"), a.tensor("mat2"), a.tensor("self")},
                  {{"alpha", a.number("alpha")}, {"beta", a.number("beta")}}));
}

std::vector<ArgumentSpec> AddedProductArguments(std::string x, std::string y) {
  return {arg::Tensor("self"), arg::Tensor(std::move(x)), arg::Tensor(std::move(y)),
          arg::KeywordOnly(arg::Scalar("beta", 1)), arg::KeywordOnly(arg::Scalar("alpha", 1))};
}

// ---- quantized::matmul ----

Result<std::optional<Shape>> QuantizedProductShape(const Arguments& a) {
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  if (x.quantized() && y.quantized() && x.dtype() != y.dtype()) {
    return Unsupported("the two matrices must have the same dtype");
  }
  return MatMulShape(x.shape(), y.shape());
}

Result<std::vector<Value>> QuantizedMatMul(Builder& g, const Arguments& a) {
  return One(g.Op("MatMul", {a.tensor("qa"), a.tensor("qb")}));
}

}  // namespace

void RegisterLinear(Registry& registry) {
  RegisterQuantizedLinear(registry);
  registry.Add({.name = "aten::linear",
                .arguments = {arg::Tensor("input"), arg::Tensor("weight"), arg::OptionalTensor("bias")},
                .result = LinearType,
                .qdq = Linear,
                .caffe2 = Linear});
  struct Product {
    const char* name;
    Factors factors;
  };
  for (const Product& p :
       {Product{"aten::matmul", {"self", "other"}}, Product{"aten::mm", {"self", "mat2", 2, 2}},
        Product{"aten::bmm", {"self", "mat2", 3, 3}}, Product{"aten::mv", {"self", "vec", 2, 1}},
        Product{"aten::dot", {"self", "tensor", 1, 1}}}) {
    registry.Add({.name = p.name,
                  .arguments = {arg::Tensor(p.factors.x), arg::Tensor(p.factors.y)},
                  .result = ProductType(p.factors),
                  .qdq = MatMul,
                  .caffe2 = MatMul});
  }
  registry.Add({.name = "aten::addmm",
                .arguments = AddedProductArguments("mat1", "mat2"),
                .result = AddedProductType({"mat1", "mat2", 2, 2}),
                .qdq = AddMm,
                .caffe2 = AddMm});
  registry.Add({.name = "aten::addmv",
                .arguments = AddedProductArguments("mat", "vec"),
                .result = AddedProductType({"mat", "vec", 2, 1}),
                .qdq = AddedProduct("mat", "vec"),
                .caffe2 = AddedProduct("mat", "vec")});
  registry.Add({.name = "aten::baddbmm",
                .arguments = AddedProductArguments("batch1", "batch2"),
                .result = AddedProductType({"batch1", "batch2", 3, 3}),
                .qdq = AddedProduct("batch1", "batch2"),
                .caffe2 = AddedProduct("batch1", "batch2")});
  registry.Add(
      {.name = "quantized::matmul",
       .arguments = {arg::Tensor("qa"), arg::Tensor("qb"), arg::Float("scale"), arg::Int("zero_point")},
       .result = GivenQuantization("qa", QuantizedProductShape, "scale", "zero_point"),
       .qdq = OnReals(QuantizedMatMul),
       .caffe2 = ThroughFloat(QuantizedMatMul)});
}

}  // namespace octavo
