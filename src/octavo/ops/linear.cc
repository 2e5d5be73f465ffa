#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/ops/matmul_shape.h"
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

Result<std::vector<TensorType>> LinearType(const Arguments& a) {
  OCTAVO_TRY(NotQuantized(a, {"input", "weight", "bias"}));
  const Value x = a.tensor("input"), weight = a.tensor("weight");
  if (!weight.shape()) return LinearTypeOf(x, std::nullopt);
  const Shape& w = *weight.shape();
  if (w.size() == 2) return LinearTypeOf(x, OCTAVO_TRY(LinearShape(x.shape(), w[1], w[0])));
  if (w.size() != 1)
    return Unsupported(fmt::format("the weight must have rank 1 or 2, but its shape is {}", ToString(w)));
  return LinearTypeOf(x, OCTAVO_TRY(MatMulShape(x.shape(), w)));
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

TypeRule ProductType(std::string x, std::string y) {
  return [x = std::move(x), y = std::move(y)](const Arguments& a) -> Result<std::vector<TensorType>> {
    if (a.tensor(x).quantized() || a.tensor(y).quantized()) {
      return Unsupported(
          "this operator does not take quantized tensors; PyTorch's quantized product is quantized::matmul");
    }
    return LinearTypeOf(a.tensor(x), OCTAVO_TRY(MatMulShape(a.tensor(x).shape(), a.tensor(y).shape())));
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
TypeRule AddedProductType(std::string x, std::string y) {
  return [x = std::move(x), y = std::move(y)](const Arguments& a) -> Result<std::vector<TensorType>> {
    OCTAVO_TRY(NotQuantized(a, {"self", x.c_str(), y.c_str()}));
    std::optional<Shape> shape = OCTAVO_TRY(MatMulShape(a.tensor(x).shape(), a.tensor(y).shape()));
    if (shape && a.tensor("self").shape()) OCTAVO_TRY(Broadcast(*a.tensor("self").shape(), *shape));
    if (const DType dtype = a.tensor(x).dtype();
        IsInteger(dtype) && dtype != DType::kInt64 && dtype != DType::kInt32) {
      return Unsupported(fmt::format("matrix products of {} are not supported", Name(dtype)),
                         "Convert the matrices to int32 or int64 first.");
    }
    return LinearTypeOf(a.tensor(x), std::move(shape));
  };
}

// Integers are multiplied by the factor's whole part, as in PyTorch.
Value ScaledProduct(Builder& g, Value x, DType dtype, double factor) {
  if (!IsInteger(dtype)) return factor == 1 ? x : g.Op("Mul", {x, g.Scalar(static_cast<float>(factor))});
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
        ScaledProduct(g, g.Op("MatMul", {a.tensor(x), a.tensor(y)}), dtype, a.number("alpha"));
    // PyTorch does not look at `self` then, not even at its NaNs.
    if (a.number("beta") == 0) return One(product);
    return One(g.Op("Add", {ScaledProduct(g, a.tensor("self"), dtype, a.number("beta")), product}));
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
    const char *name, *x, *y;
  };
  for (const Product& p : {Product{"aten::matmul", "self", "other"}, Product{"aten::mm", "self", "mat2"},
                           Product{"aten::bmm", "self", "mat2"}, Product{"aten::mv", "self", "vec"},
                           Product{"aten::dot", "self", "tensor"}}) {
    registry.Add({.name = p.name,
                  .arguments = {arg::Tensor(p.x), arg::Tensor(p.y)},
                  .result = ProductType(p.x, p.y),
                  .qdq = MatMul,
                  .caffe2 = MatMul});
  }
  registry.Add({.name = "aten::addmm",
                .arguments = AddedProductArguments("mat1", "mat2"),
                .result = AddedProductType("mat1", "mat2"),
                .qdq = AddMm,
                .caffe2 = AddMm});
  registry.Add({.name = "aten::addmv",
                .arguments = AddedProductArguments("mat", "vec"),
                .result = AddedProductType("mat", "vec"),
                .qdq = AddedProduct("mat", "vec"),
                .caffe2 = AddedProduct("mat", "vec")});
  registry.Add({.name = "aten::baddbmm",
                .arguments = AddedProductArguments("batch1", "batch2"),
                .result = AddedProductType("batch1", "batch2"),
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
