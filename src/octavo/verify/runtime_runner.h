#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "octavo/onnxruntime_process/onnxruntime.h"
#include "octavo/verify/verify.h"

namespace octavo::verify {

// Runs a side's model file, and parts of it, in ONNX Runtime.  Errors are the runtime's, and those of files;
// after an error of its process nothing can be run.
class RuntimeRunner {
 public:
  explicit RuntimeRunner(const Side& side) : side_(side) {}

  // The whole model.
  Result<std::vector<Tensor>> Outputs(const std::vector<Tensor>& inputs);
  // The value at the end of the model that is cut off there.
  Result<Tensor> EndingAt(ir::ValueId value, const std::vector<Tensor>& inputs);
  // The same of the part that begins at the values in `begins`, by name.
  Result<Tensor> Part(ir::ValueId value, const std::map<std::string, Tensor>& begins,
                      const std::vector<Tensor>& inputs);

  const std::string& name(ir::ValueId value) const;
  onnxruntime_process::OnnxRuntime& process() const { return *side_.runtime->process; }

 private:
  const Side& side_;
  std::optional<onnxruntime_process::OnnxRuntime::Model> whole_;
};

// Of the graph's inputs and of `begins`, those that a part reads, by the names of its inputs.
Result<std::vector<Tensor>> PartInputs(const Side& side, const std::vector<std::string>& names,
                                       const std::map<std::string, Tensor>& begins,
                                       const std::vector<Tensor>& inputs);

}  // namespace octavo::verify
