// A table of integers: Cast of a quantized tensor's integers to indices, and Gather of 8-bit integers, which
// a DequantizeLinear behind it gives a scale.

#include "octavo/lower/checks.h"
#include "octavo/raise/joiner.h"
#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

// q = round(x / s) + z, by adding a half and cutting off, which wants what is cut to be positive: opset 9 has
// no Round.
Result<std::vector<Value>> Cast(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  constexpr std::int64_t kInt32 = 6, kInt64 = 7;  // TensorProto's
  const std::int64_t to = OCTAVO_TRY(r.Int("to"));
  if (!EightBitsPerTensor(x.type()) || (to != kInt32 && to != kInt64)) return KeepOperator(r);
  const Quantization q = x.quantization();
  const std::int64_t low = RangeOf(x.dtype()).low;
  Value y = OCTAVO_TRY(r.Call("aten::dequantize", {x.id()}));
  y = OCTAVO_TRY(Scaled(r, y, 1 / q.scale(), static_cast<double>(q.zero_point() - low) + 0.5));
  const TensorType type = {.dtype = to == kInt32 ? DType::kInt32 : DType::kInt64, .shape = x.shape()};
  y = r.Add("onnx::Cast", {{.name = {}, .value = y.id()}, {"to", Dim(to)}}, {type})[0];
  return One(low == 0 ? y : OCTAVO_TRY(r.Call("aten::add", {y.id(), Dim(low)})));
}

// A table of reals, quantized.
Result<std::vector<Value>> Gather(Raiser& r) {
  const Value table = OCTAVO_TRY(r.Input(0)), index = OCTAVO_TRY(r.Input(1));
  const std::optional<Quantization> q = r.meaning(0);
  const Tensor* integers = table.constant();
  if (!q || !integers || table.quantized() || integers->rank() != 1) return KeepOperator(r);
  const DType dtype = OCTAVO_TRY(QuantizedDType(integers->dtype));
  OCTAVO_TRY(CheckedQuantization(q->scale(), q->zero_point(), dtype));
  std::vector<float> reals;
  for (const std::int64_t i : integers->ToInts()) {
    reals.push_back(static_cast<float>(static_cast<double>(i - q->zero_point()) * q->scale()));
  }
  const Value real_table = r.Constant(Tensor::Floats(integers->sizes, reals));
  const TensorType type = {.dtype = DType::kFloat32, .shape = index.shape()};
  const Value real =
      r.Add("onnx::Gather",
            {{.name = {}, .value = real_table.id()}, {.name = {}, .value = index.id()}, {"axis", Dim(0)}},
            {type})[0];
  return One(OCTAVO_TRY(r.Call("aten::quantize_per_tensor",
                               {real.id(), q->scale(), Dim(q->zero_point()), Dim(ScalarTypeNumber(dtype))})));
}

}  // namespace

void AddTableHandlers(Handlers& handlers) {
  handlers["Cast"] = Cast;
  handlers["Gather"] = Gather;
}

}  // namespace octavo::raise
