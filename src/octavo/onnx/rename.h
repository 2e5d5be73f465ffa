#pragma once

#include <string>
#include <vector>

#include <onnx.pb.h>

#include "octavo/onnx/model_edit.h"
#include "octavo/onnx/rewrite.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Gives inputs and outputs other names, everywhere in the model; a value inside that has the name already
// gets another.  Answers what was done, one phrase per name.
Result<std::vector<std::string>> RenameValues(::onnx::ModelProto& model, ModelNames& names,
                                              const RewriteOptions& options);

}  // namespace octavo::onnx
