#pragma once

#include <onnx.pb.h>

#include "octavo/result.h"

namespace octavo::onnx {

// Error (kInvalidFile) if a node reads a value that nothing before it makes, if two make the same value, if
// nothing makes an output, or if a node is not well formed.  This holds in bodies of If, Loop and Scan.  Also
// if what is stored of a tensor does not fit it (CheckStored).
Status CheckGraph(const ::onnx::ModelProto& model);

// Error (kInvalidFile) unless the node has an operator, a result with a name, and attributes that each occur
// once and hold what their types say.  No later stage looks at this again.
Status CheckNodeForm(const ::onnx::NodeProto& node);

}  // namespace octavo::onnx
