#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "octavo/operators.h"

namespace octavo::raise {

// Copies a raised graph; where a real is quantized, looks for the quantized operator that means the same.
class Joiner {
 public:
  Joiner(const ir::Graph& source, const Registry& registry) : source_(source), registry_(registry) {}
  ir::Graph Run();
  int joined() const { return joined_; }

  // ---- For the patterns, on the graph that is being made

  // A real, and the node that made it.
  struct Made {
    const ir::Node* node = nullptr;
    bool is(std::string_view op) const { return node && node->op == op; }
  };
  Value At(ir::ValueId id) const { return {&graph_, id}; }
  Made MadeBy(Value v) const;
  // An argument of a node; undefined where it is None or no tensor.
  Value Operand(const ir::Node& node, std::string_view name) const;
  // The quantized tensor, per tensor to 8 bits, whose dequantization this real is: undefined where it is
  // none. Movements of it are repeated on the quantized tensor.
  Value QuantizedForm(Value real, int depth = 0);
  // The constant quantized tensor whose dequantization this real is, permuted as the real is.
  std::optional<Tensor> QuantizedConstant(Value real) const;
  // A call of PyTorch's operator whose result has this type; undefined where it cannot be.
  Value Call(std::string_view op, std::vector<ir::Argument> arguments, const TensorType& type);
  // The same where only the quantization of the result is given.
  Value CallLike(std::string_view op, std::vector<ir::Argument> arguments, const Quantization& like);
  // A ReLU of `x` that PyTorch has in the layer before it: what it came from says so.
  Value JoinLayersRelu(const ir::Node& relu, Value x, const TensorType& type);

 private:
  void Copy(const ir::Node& node);
  Value Join(Value real, const TensorType& type, int depth);
  Value JoinQuantizedNode(const ir::Node& node);
  Value JoinRequantized(const ir::Node& node);
  ir::Operand Mapped(const ir::Operand& operand) const;

  const ir::Graph& source_;
  const Registry& registry_;
  ir::Graph graph_;
  std::vector<ir::ValueId> map_;  // by index in the source
  std::unordered_map<std::int32_t, ir::ValueId> quantized_forms_;
  std::shared_ptr<const ir::Origin> origin_;
  int joined_ = 0;
};

inline constexpr int kMaxChain = 64;  // operators in a row that are looked through

// quantized::conv, linear, add, ... for a layer of reals, with a ReLU behind it if `relu`.  Undefined: none.
Value JoinLayer(Joiner& j, const ir::Node& node, bool relu, const TensorType& type);
// Functions of each element, pools and the like.
Value JoinFunction(Joiner& j, const ir::Node& node, const TensorType& type);
// What is counted in other steps than the quantizations' own.
Value JoinSteps(Joiner& j, Value real, const TensorType& type);
// f(x a, w) c with a constant w, where a c is `factor` and c `outer`; f is a convolution over `dims`
// dimensions, or a linear layer (dims 0).
struct ScaledLayer {
  int dims;
  bool transposed;
  Value x;
  double factor, outer;
};
Value JoinScaledLayer(Joiner& j, const ir::Node& node, const ScaledLayer& scaled, const TensorType& type);
// Operators that only move elements of `self`.
bool IsMovement(std::string_view op);

bool SameQuantization(const Quantization& a, const Quantization& b);
bool EightBitsPerTensor(const TensorType& type);

}  // namespace octavo::raise
