#pragma once

#include <onnx.pb.h>

#include "octavo/result.h"

namespace octavo::onnx {

// Error (kInvalidFile) if a node reads a value that nothing before it makes, if two make the same value, or
// if nothing makes an output.  Bodies of If, Loop and Scan, too.
Status CheckGraph(const ::onnx::ModelProto& model);

}  // namespace octavo::onnx
