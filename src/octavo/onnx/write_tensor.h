#pragma once

#include <string>

#include "octavo/base/output_file.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// Writes a tensor as ONNX's test data has it: one TensorProto, of the tensor's stored integers where it is
// quantized.  The file appears when `file` is committed.
Status WriteTensor(const Tensor& tensor, const std::string& name, OutputFile& file);

}  // namespace octavo::onnx
