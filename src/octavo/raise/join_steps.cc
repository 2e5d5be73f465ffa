// Operators of values counted in other steps than a quantization's own: (f(x a + b)) c + d, where a and c
// undo each other.  Octavo's qdq dialect has them where sums of whole numbers are to be exact.

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "octavo/raise/joiner.h"
#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

using ir::Argument;

// base * factor + offset
struct Affine {
  Value base;
  double factor = 1, offset = 0;
};

std::optional<double> Number(Joiner& j, const ir::Node& node) {
  const ir::Operand* operand = node.Find("other");
  if (!operand) return std::nullopt;
  if (const auto* number = std::get_if<double>(operand)) return *number;
  if (const auto* dim = std::get_if<Dim>(operand); dim && dim->known())
    return static_cast<double>(dim->value());
  const auto* id = std::get_if<ir::ValueId>(operand);
  const Tensor* constant = id && id->valid() ? j.At(*id).constant() : nullptr;
  if (!constant || constant->num_elements() != 1 || constant->quantization) return std::nullopt;
  return constant->ToDoubles()[0];
}

Affine Peel(Joiner& j, Value real) {
  Affine affine{.base = real};
  for (int depth = 0; depth < kMaxChain; ++depth) {
    const Joiner::Made made = j.MadeBy(affine.base);
    if (!made.is("aten::mul") && !made.is("aten::add")) break;
    const std::optional<double> number = Number(j, *made.node);
    const Value self = number ? j.Operand(*made.node, "self") : Value();
    if (!self.defined()) break;
    if (made.is("aten::mul")) {
      affine.factor *= *number;
    } else {
      affine.offset += affine.factor * *number;
    }
    affine.base = self;
  }
  return affine;
}

// Averages, and what else answers an affine function of its input with the same function of its answer.
bool IsAverage(std::string_view op) {
  static constexpr std::array kAverages = {std::string_view("aten::avg_pool1d"),
                                           std::string_view("aten::avg_pool2d"),
                                           std::string_view("aten::avg_pool3d"),
                                           std::string_view("aten::adaptive_avg_pool1d"),
                                           std::string_view("aten::adaptive_avg_pool2d"),
                                           std::string_view("aten::adaptive_avg_pool3d"),
                                           std::string_view("aten::mean"),
                                           std::string_view("aten::upsample_linear1d"),
                                           std::string_view("aten::upsample_bilinear2d"),
                                           std::string_view("aten::upsample_trilinear3d")};
  return std::find(kAverages.begin(), kAverages.end(), op) != kAverages.end();
}

// Padding that counts is 0, which an offset would move.
bool CountsPadding(const ir::Node& node) {
  const ir::Operand* padding = node.Find("padding");
  const auto* list = padding ? std::get_if<std::vector<Dim>>(padding) : nullptr;
  const ir::Operand* include = node.Find("count_include_pad");
  return list && include && *std::get_if<bool>(include) &&
         std::any_of(list->begin(), list->end(), [](const Dim& d) { return d != Dim(0); });
}

std::int64_t DimOf(const ir::Node& node, std::string_view name) {
  return std::get<Dim>(*node.Find(name)).value();
}

// A depthwise convolution with equal weights that add up to 1.
Value AverageByConvolution(Joiner& j, const ir::Node& node, int dims, Value x, const TensorType& type) {
  const std::optional<Tensor> weight = j.QuantizedConstant(j.Operand(node, "weight"));
  if (!weight || !weight->quantization->per_tensor() || j.Operand(node, "bias").defined() ||
      weight->rank() != dims + 2 || weight->sizes[1] != 1 || DimOf(node, "groups") != weight->sizes[0]) {
    return {};
  }
  const std::vector<std::int64_t> integers = weight->ToInts();
  if (integers.empty() ||
      std::adjacent_find(integers.begin(), integers.end(), std::not_equal_to<>()) != integers.end()) {
    return {};
  }
  const std::vector<std::int64_t> kernel(weight->sizes.begin() + 2, weight->sizes.end());
  const double sum = static_cast<double>(integers[0] - weight->quantization->zero_point()) *
                     weight->quantization->scale() * static_cast<double>(integers.size()) /
                     static_cast<double>(weight->sizes[0]);
  const auto* dilation = std::get_if<std::vector<Dim>>(node.Find("dilation"));
  if (!NearScales(sum, 1) || !dilation ||
      std::any_of(dilation->begin(), dilation->end(), [](const Dim& d) { return d != Dim(1); })) {
    return {};
  }
  return j.Call(fmt::format("aten::avg_pool{}d", dims),
                {{.name = {}, .value = x.id()},
                 {.name = {}, .value = Dims(kernel)},
                 {.name = {}, .value = *node.Find("stride")},
                 {.name = {}, .value = *node.Find("padding")},
                 {.name = {}, .value = false},
                 {.name = {}, .value = true}},
                type);
}

// (x (1 / s)) s, which Octavo writes where PyTorch's multiplication by a scale's reciprocal is meant: x.
Value QuantizedByReciprocal(Joiner& j, Value real, const TensorType& type) {
  const auto scale = static_cast<float>(type.quantization->scale());
  const Joiner::Made outer = j.MadeBy(real);
  if (!outer.is("aten::mul") || static_cast<float>(Number(j, *outer.node).value_or(0)) != scale) return {};
  const Joiner::Made inner = j.MadeBy(j.Operand(*outer.node, "self"));
  if (!inner.is("aten::mul") || static_cast<float>(Number(j, *inner.node).value_or(0)) != 1.0F / scale) {
    return {};
  }
  const Value x = j.Operand(*inner.node, "self");
  if (!x.defined()) return {};
  return j.Call("aten::quantize_per_tensor",
                {{.name = {}, .value = x.id()},
                 {.name = {}, .value = type.quantization->scale()},
                 {.name = {}, .value = Dim(type.quantization->zero_point())},
                 {.name = {}, .value = ScalarTypeNumber(type.dtype)}},
                type);
}

}  // namespace

Value JoinSteps(Joiner& j, Value real, const TensorType& type) {
  if (const Value y = QuantizedByReciprocal(j, real, type); y.defined()) return y;
  const Affine outer = Peel(j, real);
  const Joiner::Made made = j.MadeBy(outer.base);
  if (!made.node || made.node->arguments.empty()) return {};
  const ir::Node node = *made.node;
  const auto* self = std::get_if<ir::ValueId>(&node.arguments[0].value);
  if (!self || !self->valid()) return {};
  const Affine inner = Peel(j, j.At(*self));
  const Value x = j.QuantizedForm(inner.base);
  if (!x.defined()) return {};
  const double factor = inner.factor * outer.factor;
  const double offset = inner.offset * outer.factor + outer.offset;
  for (int dims = 1; dims <= 3; ++dims) {
    const bool conv = node.op == fmt::format("aten::conv{}d", dims);
    const bool transposed = node.op == fmt::format("aten::conv_transpose{}d", dims);
    if (!conv && !transposed) continue;
    if (inner.offset != 0 || outer.offset != 0) return {};
    if (conv && NearScales(factor, 1)) {
      if (const Value y = AverageByConvolution(j, node, dims, x, type); y.defined()) return y;
    }
    return JoinScaledLayer(j, node, {dims, transposed, x, factor, outer.factor}, type);
  }
  if (node.op == "aten::linear") {
    if (inner.offset != 0 || outer.offset != 0) return {};
    return JoinScaledLayer(j, node, {0, false, x, factor, outer.factor}, type);
  }
  constexpr double kRounding = 1e-3;
  if (!IsAverage(node.op) || !NearScales(factor, 1) ||
      std::abs(offset) > kRounding * type.quantization->scale() ||
      ((inner.offset != 0 || outer.offset != 0) && CountsPadding(node))) {
    return {};
  }
  std::vector<Argument> arguments = node.arguments;
  arguments[0].value = x.id();
  return j.Call(node.op, std::move(arguments), type);
}

}  // namespace octavo::raise
