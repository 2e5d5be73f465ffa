// Reductions that PyTorch has under another name.

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

Result<std::vector<Value>> Reduce(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axes", "keepdims", "noop_with_empty_axes"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  const bool axes_input = r.optional_input(1).defined();
  std::vector<std::int64_t> axes = OCTAVO_TRY(r.Ints("axes", std::vector<std::int64_t>{}));
  if (axes_input) axes = OCTAVO_TRY(r.InputInts(1));
  const bool keep = OCTAVO_TRY(r.Int("keepdims", 1)) != 0;
  if (axes.empty() || x.dtype() != DType::kFloat32) return KeepOperator(r);
  const std::string_view op = r.op();
  if (op == "ReduceMax") return One(OCTAVO_TRY(r.Call("aten::amax", {x.id(), Dims(axes), keep})));
  if (op == "ReduceMin") return One(OCTAVO_TRY(r.Call("aten::amin", {x.id(), Dims(axes), keep})));
  const char* aten = op == "ReduceMean" ? "aten::mean" : "aten::sum";
  return One(OCTAVO_TRY(r.Call(aten, {x.id(), Dims(axes), keep})));
}

}  // namespace

void AddReductionHandlers(Handlers& handlers) {
  for (const char* op : {"ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum"}) handlers[op] = Reduce;
}

}  // namespace octavo::raise
