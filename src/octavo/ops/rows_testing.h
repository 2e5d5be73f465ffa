#pragma once

// What the tests of rows share: a graph of one call, lowered.

#include <memory>
#include <string>
#include <vector>

#include "octavo/lower/lower.h"
#include "octavo/operators.h"

namespace octavo::testing {

using Dims = std::vector<Dim>;
inline const Dim kN = Dim::Symbol("N");
inline const ir::None kNone;

inline TensorType Float32(std::optional<Shape> shape = std::nullopt) {
  return {.dtype = DType::kFloat32, .shape = std::move(shape), .quantization = std::nullopt};
}
inline TensorType Quint8(std::optional<Shape> shape, double scale, std::int64_t zero_point) {
  return {.dtype = DType::kQUint8,
          .shape = std::move(shape),
          .quantization = Quantization::PerTensor(scale, zero_point)};
}
inline TensorType Qint8(std::optional<Shape> shape, double scale, std::int64_t zero_point) {
  TensorType type = Quint8(std::move(shape), scale, zero_point);
  type.dtype = DType::kQInt8;
  return type;
}

// An imported graph with one call, whose result types the row's own rule gives.
class OneCall {
 public:
  explicit OneCall(void (*register_rows)(Registry&));

  ir::ValueId Input(TensorType type);
  ir::ValueId Constant(Tensor tensor) { return graph_.AddConstant(std::move(tensor)); }
  // Positional arguments.  The error is the binder's or the type rule's.
  Status Call(const std::string& op, std::vector<ir::Operand> arguments);
  const TensorType& result(std::size_t i = 0) const { return graph_.type(graph_.outputs()[i].value); }
  Result<lower::Lowered> Lower(LowerOptions options = {}) const {
    return lower::Lower(graph_, registry_, options);
  }
  Result<lower::Lowered> Caffe2(bool requantize = false, Numbers numbers = Numbers::kExact) const;

 private:
  Registry registry_;
  ir::Graph graph_;
};

// The operators of a lowered graph in order, without their domain; what goes wrong is the answer, too.
std::vector<std::string> Ops(const Result<lower::Lowered>& lowered);
// The first node of that operator (without its domain); fails the test if there is none.
const ir::Node& Find(const ir::Graph& graph, std::string_view op);
std::vector<std::int64_t> Ints(const ir::Node& node, std::string_view attribute);
// The constant that is the node's i-th input.
const Tensor& ConstantInput(const ir::Graph& graph, const ir::Node& node, std::size_t i);

}  // namespace octavo::testing
