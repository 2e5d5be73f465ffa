#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "octavo/base/budget.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// The real ONNX Runtime: the Python package `onnxruntime` of the user's own Python, in a process of its own.

namespace octavo::onnxruntime_process {

// The oldest Python that the program in program.h runs on, and the oldest release of ONNX Runtime that is
// tested.
inline constexpr const char* kOldestPython = "3.8";
inline constexpr const char* kOldestOnnxRuntime = "1.17";

struct Description {
  std::string version;                 // of onnxruntime, "1.32.0"
  std::vector<std::string> providers;  // "CPUExecutionProvider"
  std::string python;                  // "3.11.2"
  std::string executable;              // of Python
  // "onnxruntime 1.32.0 (CPU)".
  std::string ToString() const;
};

// A Python process that runs models with ONNX Runtime's default options.
//
// The process runs a program that Octavo passes on its command line, with Python's options -I and -B and
// without the variables PYTHON*: neither the working folder nor a model's is on its module path.  Models and
// arrays go there and back as files in a private folder, which disappears with the object.  What comes back
// is checked as a file from anywhere is.  If the program is asked to end, it ends the process first.
class OnnxRuntime {
 public:
  // `python`: a path, or a name that is looked for in the absolute folders of PATH; empty: python3.
  // Errors: kUsage where there is no such program, or it is not Python, is too old, or has no onnxruntime;
  // kIo where no process or folder can be made.
  // `budget`: what outputs are taken from.
  static Result<std::unique_ptr<OnnxRuntime>> Start(
      const std::string& python, std::shared_ptr<Budget> budget = std::make_shared<Budget>());
  ~OnnxRuntime();
  OnnxRuntime(const OnnxRuntime&) = delete;
  OnnxRuntime& operator=(const OnnxRuntime&) = delete;

  const Description& description() const;
  // The private folder, for models; names that begin with "array" are taken.
  const std::filesystem::path& folder() const;

  // A loaded model.
  struct Model {
    std::int64_t id = 0;
  };
  // Errors: kUnsupported with the runtime's message where it does not take the model.
  Result<Model> Load(const std::filesystem::path& model);
  // `inputs` in the order of the model's; quantized ones are their integers.  Answers all outputs.  Errors:
  // kUnsupported with the runtime's message, or for outputs that are not tensors of numbers; kIo.
  Result<std::vector<Tensor>> Run(Model model, const std::vector<Tensor>& inputs);
  // False once an error was that of the process, not of a model: nothing can be run then.
  bool alive() const;
  // Gives the model's memory back.
  Status Unload(Model model);

 private:
  struct State;
  explicit OnnxRuntime(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace octavo::onnxruntime_process
