#pragma once

// Emitters, and parts of emitters, that several rows use.

#include <string>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// An emitter's result for an operator with one result.
inline Result<std::vector<Value>> One(Value v) { return std::vector<Value>{v}; }

// ---- Quantized values ----

// Writes DequantizeLinear of a quantized value (stored as uint8, int8 or int32); the result is float32.
// Returns an unquantized value unchanged.  In the Caffe2 dialect: Int8Dequantize.
Value Dequantize(Builder& g, Value x);
// The same with the scale and zero point of `type` instead of the value's own.  Used for scales that were
// adjusted by a few units in the last place.
Value Dequantize(Builder& g, Value x, const TensorType& type);
// Writes QuantizeLinear to `type`, which is quint8 or qint8.  In the Caffe2 dialect: Int8Quantize, which
// supports quint8 only (see CheckCaffe2Types).
Value Quantize(Builder& g, Value x, const TensorType& type);

// Makes the uint8 copy of a qint8 value that Quantize() did not make, such as a graph input.
// ONNX Runtime's integer kernels on x86 take uint8.  It converts an int8 value between QuantizeLinear and
// DequantizeLinear to uint8 itself, but computes in float32 around any other int8 value.  With exact numbers,
// Quantize() therefore writes uint8 and, from that, int8 (which is removed if nothing reads it), and
// Dequantize() reads the uint8.  The integers differ by an offset of 128 only.
void HoldUnsigned(Builder& g, Value x);
// qint8 becomes quint8 with a zero point that is 128 higher; other types are returned unchanged.
TensorType Unsigned(TensorType type);

// The form of most rows: DequantizeLinear for each quantized argument, the float operator, and QuantizeLinear
// for each quantized result.  Without quantized arguments and results it is the float operator itself.  In
// the Caffe2 dialect: Int8Dequantize and Int8Quantize ("through float").
Emitter OnReals(Emitter float_operator);

// The form of operators that only move elements, with the same quantization before and after.  It is OnReals,
// so that runtimes find the pattern that they fuse.  `on_integers`: in the qdq dialect the operator reads the
// integers instead; for operators that runtimes do not fuse.
Emitter OnElements(Emitter movement, bool on_integers = false);

// The form of float operators of several steps: float16 is converted to float32, and the result back,
// since PyTorch rounds once, at the end.
Emitter OnFloat32(Emitter float_operator);

// A 0-dimensional constant of the dtype of `x`, which is a floating-point one or unknown (then float32).
Value ScalarLike(Builder& g, Value x, double number);

// An emitter for one ONNX operator: its inputs are all tensor arguments in order, and it has no attributes.
Emitter FloatOp(std::string op);

// ---- The Caffe2 dialect ----

inline constexpr const char* kCaffe2Domain = "org.pytorch._caffe2";

// Writes an operator of the Caffe2 dialect ("Int8Relu").  Y_scale, Y_zero_point and the result's type come
// from `type`.
Value Int8(Builder& g, std::string_view op, const std::vector<Value>& inputs, const TensorType& type,
           Attributes attributes = {});
// Int8Transpose from NCHW to NHWC, and back.  Precondition: `x` is quantized and has rank 4.
Value Nhwc(Builder& g, Value x);
Value Nchw(Builder& g, Value x);
// Int8Dequantize and Int8Quantize.  Int8Quantize supports quint8 only; any other type is an error.
Value Caffe2Dequantize(Builder& g, Value x);
Result<Value> Caffe2Quantize(Builder& g, Value x, const TensorType& type);
// The float operator between Int8Dequantize and Int8Quantize, for operators that Caffe2 lacks.  Without
// quantized tensors it is the float operator itself.  (OnReals under the name that rows use for the Caffe2
// dialect.)
Emitter ThroughFloat(Emitter float_operator);
// `int8` if a tensor argument or result is quantized, else the float operator.
Emitter Int8Or(Emitter int8, Emitter float_operator);
// Checks that every quantized tensor of the call is quint8 and quantized per tensor: the dialect supports
// nothing else.
Status CheckCaffe2Types(const Arguments& a);

// ---- ONNX operators whose form depends on the opset ----

Value Reshape(Builder& g, Value x,
              const std::vector<std::int64_t>& shape);  // 0 keeps a size; one size may be -1 (inferred)
Value Transpose(Builder& g, Value x, const std::vector<int>& permutation);
Value Squeeze(Builder& g, Value x, const std::vector<std::int64_t>& axes);
Value Unsqueeze(Builder& g, Value x, const std::vector<std::int64_t>& axes);
Value Slice(Builder& g, Value x, std::int64_t axis, std::int64_t start, std::int64_t end,
            std::int64_t step = 1);
std::vector<Value> Split(Builder& g, Value x, std::int64_t axis, const std::vector<std::int64_t>& sizes);
// An unset bound is infinite.
Value Clip(Builder& g, Value x, std::optional<double> low, std::optional<double> high);
// `op` is "ReduceMean", "ReduceSum", "ReduceMax", ...  Empty axes mean all dimensions.
Value Reduce(Builder& g, std::string_view op, Value x, const std::vector<std::int64_t>& axes, bool keep_dims);
// Reshape to sizes that may be open.  It writes known sizes as numbers, sizes equal to the input's at the
// same place as 0, and one other size as -1.  More than one other size is an error.
Result<Value> ReshapeTo(Builder& g, Value x, const Shape& shape);

}  // namespace octavo
