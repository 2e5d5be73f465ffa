#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "octavo/base/output_file.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// NumPy's array files: .npy (versions 1 to 3) and .npz, a zip of them.  The format is
// numpy.lib.format's.

namespace octavo::npy {

struct Array {
  std::string name;  // in a .npz file, without ".npy"; else empty
  Tensor tensor;
};

// One array from a .npy file, all of them from a .npz file: the content decides.  C and Fortran order, either
// byte order; bool, integers, float16 to float64 and complex.  There are no tensors of uint16, uint32 and
// uint64, so these become the next larger signed integers.  Where nothing has to be changed, the tensor is a
// view of the mapped file.  Errors: kIo where the file cannot be opened, else kInvalidFile: pickled objects,
// structured types, shapes that do not fit the data.
Result<std::vector<Array>> Read(const std::filesystem::path& path);

// One array from the bytes of a .npy file; `bytes` stay shared.
Result<Tensor> Parse(const Storage& bytes);

// Writes a .npy file of version 1 in C order; a quantized tensor as its integers.  The file appears when
// `file` is committed.
Status Write(const Tensor& tensor, OutputFile& file);

}  // namespace octavo::npy
