#pragma once

// Emitters and parts of emitters that rows share.

#include <string>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// One value as an emitter's answer.
inline Result<std::vector<Value>> One(Value v) { return std::vector<Value>{v}; }

// ---- Quantized values ----

// DequantizeLinear of a quantized value (uint8, int8, int32 by its type); the result is float32.  A value
// that is not quantized comes back as it is.  In the Caffe2 dialect: Int8Dequantize.
Value Dequantize(Builder& g, Value x);
// The same with `type` in place of the value's own: for scales moved by so little that only the target's
// rounding changes.
Value Dequantize(Builder& g, Value x, const TensorType& type);
// QuantizeLinear to `type`, which is quantized (quint8 or qint8).  In the Caffe2 dialect: Int8Quantize, which
// knows quint8 alone (CheckCaffe2Types).
Value Quantize(Builder& g, Value x, const TensorType& type);

// ONNX Runtime's integer kernels on x86 are for uint8.  It makes uint8 of an int8 value between a pair of
// QuantizeLinear and DequantizeLinear, and computes in float32 what reads or writes any other.  With exact
// numbers for it Quantize() therefore writes uint8, and int8 from that (which is dropped where nothing reads
// it), and Dequantize() reads the uint8; this makes it for a qint8 value that comes from elsewhere, such as
// an input.  The integers are the same but for an offset of 128.
void HoldUnsigned(Builder& g, Value x);
// qint8 as quint8 with a zero point 128 higher; another type comes back as it is.
TensorType Unsigned(TensorType type);

// The form that nearly all rows have: every quantized tensor among the arguments through its own
// DequantizeLinear, then the float operator, then QuantizeLinear to each result type that is quantized.
// Without quantized arguments and results this is the float operator itself. With the Caffe2 dialect:
// Int8Dequantize and Int8Quantize likewise ("through float").
Emitter OnReals(Emitter float_operator);

// For operators that only move elements (same quantization before and after): as OnReals in the qdq dialect,
// so that every runtime sees the same pattern; on the integers themselves where `on_integers` is true, for
// operators around which runtimes keep the pairs.
Emitter OnElements(Emitter movement, bool on_integers = false);

// One ONNX operator with all tensor arguments as its inputs, in order, and no attributes.
Emitter FloatOp(std::string op);

// ---- The Caffe2 dialect ----

inline constexpr const char* kCaffe2Domain = "org.pytorch._caffe2";

// An operator of the Caffe2 dialect ("Int8Relu") whose result is quantized with `quantization`: sets Y_scale
// and Y_zero_point and gives the value the type `type`.
Value Int8(Builder& g, std::string_view op, const std::vector<Value>& inputs, const TensorType& type,
           Attributes attributes = {});
// Int8Transpose to NHWC and back; the operand has rank 4 and is quantized.
Value Nhwc(Builder& g, Value x);
Value Nchw(Builder& g, Value x);
// Int8Dequantize / Int8Quantize.  Int8Quantize knows quint8 only: an error otherwise.
Value Caffe2Dequantize(Builder& g, Value x);
Result<Value> Caffe2Quantize(Builder& g, Value x, const TensorType& type);
// The float operator between Int8Dequantize and Int8Quantize, where Caffe2 has no operator that means the
// same; the plain float operator where nothing is quantized.  (OnReals does the same; this name is for rows'
// Caffe2 column.)
Emitter ThroughFloat(Emitter float_operator);
// `int8` where the first tensor argument is quantized, else the float operator.
Emitter Int8Or(Emitter int8, Emitter float_operator);
// The dialect has unsigned activations only: an error that says so unless every quantized tensor is quint8,
// per tensor.
Status CheckCaffe2Types(const Arguments& a);

// ---- ONNX operators whose form depends on the opset ----

Value Reshape(Builder& g, Value x,
              const std::vector<std::int64_t>& shape);  // 0 copies a size, one -1 is inferred
Value Transpose(Builder& g, Value x, const std::vector<int>& permutation);
Value Squeeze(Builder& g, Value x, const std::vector<std::int64_t>& axes);
Value Unsqueeze(Builder& g, Value x, const std::vector<std::int64_t>& axes);
Value Slice(Builder& g, Value x, std::int64_t axis, std::int64_t start, std::int64_t end,
            std::int64_t step = 1);
std::vector<Value> Split(Builder& g, Value x, std::int64_t axis, const std::vector<std::int64_t>& sizes);
// Unset bounds are infinite.
Value Clip(Builder& g, Value x, std::optional<float> low, std::optional<float> high);
// "ReduceMean", "ReduceSum", "ReduceMax", ...; empty axes: all.
Value Reduce(Builder& g, std::string_view op, Value x, const std::vector<std::int64_t>& axes, bool keep_dims);
// Reshape to sizes that may depend on the input's: the number where it is known, 0 where it is the input's
// own size at the same place, -1 once; error (needs a fixed size) where that is not enough.
Result<Value> ReshapeTo(Builder& g, Value x, const Shape& shape);

}  // namespace octavo
