#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// Where a part of a model begins: the type of the value of that name, or nullptr if the part goes on through
// the node that makes it.
using Boundary = std::function<const TensorType*(const std::string& name)>;

// Writes the part of a model file that computes one value: the nodes before `value`, back to the model's
// inputs and to what `boundary` names.  Everything that is kept is the file's own, subgraphs and functions
// included; only the model's inputs and outputs, and the places of tensors in other files, are new.  Answers
// the names of the part's inputs in order.  `type`: of the value, which is written where the file states
// none; a runtime infers it, and tools ask for it.  Errors: kIo; kUnsupported where no node makes `value`;
// kInvalidFile.
Result<std::vector<std::string>> WritePart(const std::filesystem::path& model, const std::string& value,
                                           const Boundary& boundary, const std::filesystem::path& part,
                                           const TensorType* type = nullptr);

}  // namespace octavo::onnx
