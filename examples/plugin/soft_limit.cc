// mylib::soft_limit(x, limit) = limit * tanh(x / limit), for float and for quantized tensors.

#include "octavo/emit.h"
#include "octavo/octavo.h"
#include "octavo/row.h"

namespace {

using octavo::Arguments;
using octavo::Builder;
using octavo::Result;
using octavo::Value;

// The operator on real numbers.
Result<std::vector<Value>> SoftLimit(Builder& g, const Arguments& a) {
  const double limit = a.number("limit");
  if (!(limit > 0)) return octavo::Unsupported("argument limit must be positive");
  const Value factor = g.Scalar(static_cast<float>(limit));
  const Value relative = g.Op("Div", {a.tensor("x"), factor});
  return octavo::One(g.Op("Mul", {g.Op("Tanh", {relative}), factor}));
}

}  // namespace

OCTAVO_PLUGIN(registry) {
  return registry.AddCustom({.name = "mylib::soft_limit",
                             .arguments = {octavo::arg::Tensor("x"), octavo::arg::Float("limit")},
                             .result = octavo::SameType("x"),
                             .qdq = octavo::OnReals(SoftLimit),
                             .caffe2 = octavo::ThroughFloat(SoftLimit)});
}
