#include "octavo/onnx/qoperator.h"

namespace octavo::onnx {

Result<bool> WriteAsQdq(NodeEdit&) { return false; }

}  // namespace octavo::onnx
