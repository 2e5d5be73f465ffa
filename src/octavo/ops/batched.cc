#include "octavo/ops/batched.h"

#include <utility>
#include <vector>

#include "octavo/emit.h"

namespace octavo {
namespace {

TensorType WithBatch(TensorType type) {
  if (type.shape) type.shape->insert(type.shape->begin(), Dim(1));
  return type;
}

// Every node between a pair of its own, as runtimes want it around operators that only move elements.
Value AddBatch(Builder& g, Value x) {
  const TensorType type = WithBatch(x.type());
  if (!x.quantized()) return g.As(Unsqueeze(g, x, {0}), type);
  return Quantize(g, Unsqueeze(g, Dequantize(g, x), {0}), type);
}

Value TakeBatch(Builder& g, Value y, const TensorType& type) {
  if (!type.quantized()) {
    const Value squeezed = g.As(Squeeze(g, y, {0}), type);
    if (g.proven(y)) g.SetProven(squeezed);
    return squeezed;
  }
  return Quantize(g, Squeeze(g, Dequantize(g, y), {0}), type);
}

}  // namespace

Emitter Batched(std::string argument, int spatial_dims, Emitter batched) {
  return [argument = std::move(argument), spatial_dims, batched = std::move(batched)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor(argument);
    if (x.rank() != spatial_dims + 1) return batched(g, a);
    std::vector<TensorType> types;
    for (const TensorType& type : a.results()) types.push_back(WithBatch(type));
    const Arguments inner = a.With(argument, AddBatch(g, x).id()).WithResults(std::move(types));
    std::vector<Value> results = OCTAVO_TRY(batched(g, inner));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i].defined()) continue;
      if (inner.result(i).quantized()) results[i] = g.As(results[i], inner.result(i));
      results[i] = TakeBatch(g, results[i], a.result(i));
    }
    return results;
  };
}

}  // namespace octavo
