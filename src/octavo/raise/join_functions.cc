#include <algorithm>
#include <array>

#include "octavo/raise/joiner.h"

namespace octavo::raise {
namespace {

using ir::Argument;

// Operators of PyTorch that take a quantized tensor in place of a real one; what its result's quantization is
// then, the row says.
constexpr std::array kEither = {
    std::string_view("aten::relu"),
    std::string_view("aten::clamp"),
    std::string_view("aten::sigmoid"),
    std::string_view("aten::tanh"),
    std::string_view("aten::hardsigmoid"),
    std::string_view("aten::leaky_relu"),
    std::string_view("aten::max_pool1d"),
    std::string_view("aten::max_pool2d"),
    std::string_view("aten::max_pool3d"),
    std::string_view("aten::avg_pool1d"),
    std::string_view("aten::avg_pool2d"),
    std::string_view("aten::avg_pool3d"),
    std::string_view("aten::adaptive_avg_pool1d"),
    std::string_view("aten::adaptive_avg_pool2d"),
    std::string_view("aten::adaptive_avg_pool3d"),
    std::string_view("aten::mean"),
    std::string_view("aten::amax"),
    std::string_view("aten::amin"),
    std::string_view("aten::upsample_nearest1d"),
    std::string_view("aten::upsample_nearest2d"),
    std::string_view("aten::upsample_nearest3d"),
    std::string_view("aten::upsample_bilinear2d"),
    std::string_view("aten::constant_pad_nd"),
    std::string_view("aten::pad"),
};

Argument At(ir::Operand value) { return {.name = {}, .value = std::move(value)}; }

}  // namespace

Value JoinFunction(Joiner& j, const ir::Node& node, const TensorType& type) {
  if (node.arguments.empty()) return {};
  const bool either = std::find(kEither.begin(), kEither.end(), node.op) != kEither.end();
  const auto* self = std::get_if<ir::ValueId>(&node.arguments[0].value);
  if (!self) return {};
  const double scale = type.quantization->scale();
  const Dim zero_point = type.quantization->zero_point();
  const auto argument = [&node](std::string_view name) { return At(*node.Find(name)); };
  const bool named = node.op == "aten::hardswish" || node.op == "aten::elu" || node.op == "aten::softmax" ||
                     node.op == "aten::sigmoid" || node.op == "aten::leaky_relu";
  if (!either && !named) return {};
  const Value x = j.QuantizedForm(j.At(*self));
  if (!x.defined()) return {};
  if (node.op.starts_with("aten::avg_pool") && node.origin && type.shape &&
      node.origin->op == "aten::adaptive_" + node.op.substr(6)) {
    // The same windows; PyTorch rounds in another way there.
    const std::vector<Dim> sizes(type.shape->begin() + 2, type.shape->end());
    if (const Value y = j.Call(node.origin->op, {At(x.id()), At(sizes)}, type); y.defined()) return y;
  }
  if (node.op == "aten::relu") {
    if (const Value y = j.JoinLayersRelu(node, x, type); y.defined()) return y;
  }
  if (either) {
    std::vector<Argument> arguments = node.arguments;
    arguments[0].value = x.id();
    if (const Value y = j.Call(node.op, std::move(arguments), type); y.defined()) return y;
  }
  if (node.op == "aten::sigmoid") {
    return j.Call("quantized::sigmoid", {At(x.id()), At(scale), At(zero_point)}, type);
  }
  if (node.op == "aten::leaky_relu") {
    return j.Call("quantized::leaky_relu",
                  {At(x.id()), argument("negative_slope"), At(false), At(scale), At(zero_point)}, type);
  }
  if (node.op == "aten::hardswish") {
    return j.Call("quantized::hardswish", {At(x.id()), At(scale), At(zero_point)}, type);
  }
  if (node.op == "aten::elu") {
    return j.Call("quantized::elu",
                  {At(x.id()), At(scale), At(zero_point), argument("alpha"), argument("scale"),
                   argument("input_scale")},
                  type);
  }
  if (node.op == "aten::softmax") {
    return j.Call("quantized::softmax", {At(x.id()), argument("dim"), At(scale), At(zero_point)}, type);
  }
  return {};
}

}  // namespace octavo::raise
