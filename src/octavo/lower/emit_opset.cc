#include <limits>

#include <fmt/format.h>

#include "octavo/emit.h"

// ONNX moved attributes to inputs over the years; each function here writes the form of the builder's opset.

namespace octavo {
namespace {

// Axes as an attribute up to opset `last`, as an input after it.
Value WithAxes(Builder& g, std::string_view op, Value x, const std::vector<std::int64_t>& axes, int last,
               Attributes attributes = {}) {
  if (g.opset() <= last) {
    if (!axes.empty()) attributes.Set("axes", axes);
    return g.Op(op, {x}, attributes);
  }
  return g.Op(op, {x, axes.empty() ? Value() : g.Ints(axes)}, attributes);
}

}  // namespace

Value Reshape(Builder& g, Value x, const std::vector<std::int64_t>& shape) {
  return g.Op("Reshape", {x, g.Ints(shape)});
}

Value Transpose(Builder& g, Value x, const std::vector<int>& permutation) {
  return g.Op("Transpose", {x}, {{"perm", permutation}});
}

Value Squeeze(Builder& g, Value x, const std::vector<std::int64_t>& axes) {
  return WithAxes(g, "Squeeze", x, axes, 12);
}

Value Unsqueeze(Builder& g, Value x, const std::vector<std::int64_t>& axes) {
  return WithAxes(g, "Unsqueeze", x, axes, 12);
}

Value Slice(Builder& g, Value x, std::int64_t axis, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (g.opset() < 10 && step == 1) {
    return g.Op("Slice", {x},
                {{"axes", std::vector<std::int64_t>{axis}},
                 {"ends", std::vector<std::int64_t>{end}},
                 {"starts", std::vector<std::int64_t>{start}}});
  }
  return g.Op("Slice", {x, g.Ints({start}), g.Ints({end}), g.Ints({axis}), g.Ints({step})});
}

std::vector<Value> Split(Builder& g, Value x, std::int64_t axis, const std::vector<std::int64_t>& sizes) {
  if (g.opset() < 13) return g.Ops("Split", {x}, {{"axis", axis}, {"split", sizes}}, sizes.size());
  return g.Ops("Split", {x, g.Ints(sizes)}, {{"axis", axis}}, sizes.size());
}

Value Clip(Builder& g, Value x, std::optional<double> low, std::optional<double> high) {
  if (low && high && *low > *high) low = high;  // as PyTorch does, and not every version of Clip
  if (g.opset() < 11) {
    Attributes attributes;
    if (high) attributes.Set("max", static_cast<float>(*high));
    if (low) attributes.Set("min", static_cast<float>(*low));
    return g.Op("Clip", {x}, attributes);
  }
  return g.Op("Clip", {x, low ? ScalarLike(g, x, *low) : Value(), high ? ScalarLike(g, x, *high) : Value()});
}

Value Reduce(Builder& g, std::string_view op, Value x, const std::vector<std::int64_t>& axes,
             bool keep_dims) {
  const int last = op == "ReduceSum" ? 12 : 17;
  return WithAxes(g, op, x, axes, last, {{"keepdims", keep_dims}});
}

Result<Value> ReshapeTo(Builder& g, Value x, const Shape& shape) {
  std::vector<std::int64_t> target;
  bool inferred = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto& from = x.shape();
    if (shape[i].known() && shape[i].value() != 0) {
      target.push_back(shape[i].value());
    } else if (from && i < from->size() && (*from)[i] == shape[i]) {
      target.push_back(0);  // copies the input's size, 0 included
    } else if (!inferred && !shape[i].known()) {
      target.push_back(-1);
      inferred = true;
    } else {
      return NeedsInput(
          fmt::format("reshaping to {} is not supported: more than one size is open", ToString(shape)),
          "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.");
    }
  }
  return Reshape(g, x, target);
}

}  // namespace octavo
