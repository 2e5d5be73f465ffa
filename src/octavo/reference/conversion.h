#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "octavo/reference/array.h"
#include "octavo/reference/call.h"
#include "octavo/reference/sizes.h"
#include "octavo/result.h"

// Numbers of different dtypes.  Operators compute with float64 or int64 and round once, to the dtype of the
// result; what PyTorch computes in float32 is within 2 ulp of that.

namespace octavo::reference {

// PyTorch's `to`: float64 is rounded to float32, reals are cut towards 0, integers keep their low bits, and
// of any number bool says whether it is 0.  Quantized tensors are refused.
Result<Tensor> Converted(const Tensor& x, DType dtype);

// Elements as float64 or int64, whatever the dtype.  Array<int64_t> of a tensor of reals: cut towards 0.
template <typename T>
Result<Array<T>> Numbers(const Tensor& x);

// Rounded to float32, reduced to the low bits of an integer dtype, or whether it is not 0.
Result<Tensor> Stored(const Array<double>& numbers, DType dtype);
Result<Tensor> Stored(const Array<std::int64_t>& numbers, DType dtype);
// A real as the dtype has it.
double Rounded(double number, DType dtype);

// An int, a float, or a bool of the call as a tensor without dimensions; a tensor is itself.
Tensor NumberTensor(const Call& call, std::string_view name);

// One element with that number, in the dtype of `x`, or, where that is quantized, in its quantization.
Result<Tensor> FilledLike(const Tensor& x, const Tensor& number, const Options& options);

// The dtype that the importer's rule gives; float32 where it says nothing.
DType ResultDType(const Call& call, std::size_t index = 0);

// PyTorch's common dtype of tensors and numbers: numbers, and tensors without dimensions, count only where
// they are of a higher kind (bool, integer, real).
DType CommonDType(const Call& call, std::initializer_list<std::string_view> names);

// The sizes of these arguments after broadcasting; numbers have none.
Result<Sizes> CommonSizes(const Call& call, std::initializer_list<std::string_view> names);

// The places in row-major order of `from` of all elements of `sizes`, to which `from` is repeated.  Error:
// `from` cannot be broadcast to `sizes`.
Result<std::vector<std::int64_t>> RepeatedPlaces(const Sizes& from, const Sizes& sizes);

// The argument, a tensor or a number, converted to `dtype` and repeated to `sizes`.
template <typename T>
Result<Array<T>> Operand(const Call& call, std::string_view name, DType dtype, const Sizes& sizes);

}  // namespace octavo::reference
