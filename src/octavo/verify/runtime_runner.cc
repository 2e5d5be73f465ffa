#include "octavo/verify/runtime_runner.h"

#include <filesystem>

#include <fmt/format.h>

#include "octavo/onnx/part.h"
#include "octavo/verify/sides.h"

namespace octavo::verify {

using ir::ValueId;
using onnxruntime_process::OnnxRuntime;

const std::string& RuntimeRunner::name(ValueId value) const {
  return side_.runtime->names[LayerIndex(value)];
}

Result<std::vector<Tensor>> RuntimeRunner::Outputs(const std::vector<Tensor>& inputs) {
  const auto run = [&]() -> Result<std::vector<Tensor>> {
    if (!whole_) whole_ = OCTAVO_TRY(process().Load(side_.runtime->file));
    return process().Run(*whole_, inputs);
  };
  Result<std::vector<Tensor>> done = run();
  if (!done) return done.error().AddContext(side_.runtime->model);
  std::vector<Tensor> outputs = std::move(*done);
  if (outputs.size() != side_.graph->outputs().size()) {
    return Unsupported(
        fmt::format("ONNX Runtime gave {} outputs of {}", outputs.size(), side_.graph->outputs().size()));
  }
  return outputs;
}

Result<Tensor> RuntimeRunner::EndingAt(ValueId value, const std::vector<Tensor>& inputs) {
  return Part(value, {}, inputs);
}

Result<Tensor> RuntimeRunner::Part(ValueId value, const std::map<std::string, Tensor>& begins,
                                   const std::vector<Tensor>& inputs) {
  std::map<std::string, TensorType> types;
  for (const auto& [begin, tensor] : begins) types[begin] = tensor.type();
  const auto boundary = [&types](const std::string& of) -> const TensorType* {
    const auto at = types.find(of);
    return at == types.end() ? nullptr : &at->second;
  };
  const std::filesystem::path file = process().folder() / "part.onnx";
  const auto run = [&]() -> Result<Tensor> {
    const std::vector<std::string> names =
        OCTAVO_TRY(onnx::WritePart(side_.runtime->file, name(value), boundary, file));
    const std::vector<Tensor> given = OCTAVO_TRY(PartInputs(side_, names, begins, inputs));
    const OnnxRuntime::Model model = OCTAVO_TRY(process().Load(file));
    Result<std::vector<Tensor>> outputs = process().Run(model, given);
    if (process().alive()) OCTAVO_TRY(process().Unload(model));
    if (!outputs) return outputs.error();
    if (outputs->size() != 1)
      return Unsupported(fmt::format("ONNX Runtime gave {} outputs of 1", outputs->size()));
    return std::move(outputs->front());
  };
  Result<Tensor> result = run();
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  std::filesystem::remove(file.string() + ".data", ignored);
  return result;
}

Result<std::vector<Tensor>> PartInputs(const Side& side, const std::vector<std::string>& names,
                                       const std::map<std::string, Tensor>& begins,
                                       const std::vector<Tensor>& inputs) {
  std::vector<Tensor> given;
  for (const std::string& name : names) {
    if (const auto at = begins.find(name); at != begins.end()) {
      given.push_back(at->second);
      continue;
    }
    const std::vector<ValueId>& ids = side.graph->inputs();
    std::size_t i = 0;
    while (i < ids.size() && side.runtime->names[LayerIndex(ids[i])] != name) ++i;
    if (i >= std::min(ids.size(), inputs.size()))
      return Unsupported(fmt::format("the part of the model reads {}, which nothing gives", name));
    given.push_back(inputs[i]);
  }
  return given;
}

}  // namespace octavo::verify
