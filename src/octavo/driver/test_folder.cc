#include "octavo/driver/test_folder.h"

#include <functional>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/output_file.h"
#include "octavo/base/temporary_folder.h"
#include "octavo/driver/pipeline.h"
#include "octavo/onnx/part.h"
#include "octavo/onnx/write.h"
#include "octavo/onnx/write_tensor.h"
#include "octavo/verify/runtime_runner.h"

namespace octavo::driver {

namespace {

// The arrays of an ONNX test folder.
class TestFolder {
 public:
  explicit TestFolder(const std::filesystem::path& folder) : data_(folder / "test_data_set_0") {}

  Status Create() const {
    std::error_code failed;
    std::filesystem::create_directories(data_, failed);
    if (!failed) return {};
    return IoError(fmt::format("cannot create the folder {}: {}", data_.string(), failed.message()));
  }
  Status Add(const std::string& file_name, const std::string& name, const Tensor& tensor) const {
    const auto file = OCTAVO_TRY(OutputFile::Create(data_ / file_name));
    OCTAVO_TRY(onnx::WriteTensor(tensor, name, *file));
    return file->Commit();
  }

 private:
  std::filesystem::path data_;
};

// `write` fills the folder, which appears whole or not at all.
Status WriteFolder(const std::filesystem::path& folder,
                   const std::function<Status(const std::filesystem::path&)>& write) {
  NewFolders parents = OCTAVO_TRY(NewFolders::CreateFor(folder));
  const auto made = OCTAVO_TRY(TemporaryFolder::CreateFor(folder));
  if (const Status status = write(made->path()); !status) return made->Named(status.error());
  OCTAVO_TRY(made->Commit());
  parents.Keep();
  return {};
}

Status Write(verify::Counterexample& example, const std::filesystem::path& folder) {
  ir::Graph& graph = example.piece.graph;
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    graph.value(graph.inputs()[i]).type = example.inputs[i].type();
  }
  graph.value(graph.outputs()[0].value).type = example.expected.type();
  if (std::string text = QuantizationText(graph); !text.empty())
    graph.metadata["octavo.quantization"] = std::move(text);

  TestFolder data(folder);
  OCTAVO_TRY(data.Create());
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    OCTAVO_TRY(
        data.Add(fmt::format("input_{}.pb", i), graph.value(graph.inputs()[i]).name, example.inputs[i]));
  }
  OCTAVO_TRY(data.Add("output_0.pb", graph.outputs()[0].name, example.expected));
  OCTAVO_TRY(onnx::Write(graph, folder / "model.onnx", {}));
  return {};
}

Status Write(const verify::Side& b, const verify::RuntimeCounterexample& example,
             const std::filesystem::path& folder) {
  TestFolder data(folder);
  OCTAVO_TRY(data.Create());
  std::map<std::string, TensorType> types;
  for (const auto& [name, tensor] : example.begins) types[name] = tensor.type();
  const auto boundary = [&types](const std::string& name) -> const TensorType* {
    const auto at = types.find(name);
    return at == types.end() ? nullptr : &at->second;
  };
  const TensorType type = example.expected.type();
  const std::vector<std::string> names =
      OCTAVO_TRY(onnx::WritePart(b.runtime->file, example.value, boundary, folder / "model.onnx", &type));
  const std::vector<Tensor> inputs =
      OCTAVO_TRY(verify::PartInputs(b, names, example.begins, example.graph_inputs));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    OCTAVO_TRY(data.Add(fmt::format("input_{}.pb", i), names[i], inputs[i]));
  return data.Add("output_0.pb", example.value, example.expected);
}

}  // namespace

Status WriteCounterexample(verify::Counterexample example, const std::filesystem::path& folder) {
  return WriteFolder(folder, [&](const std::filesystem::path& made) { return Write(example, made); });
}

Status WriteRuntimeCounterexample(const verify::Side& b, const verify::RuntimeCounterexample& example,
                                  const std::filesystem::path& folder) {
  return WriteFolder(folder, [&](const std::filesystem::path& made) { return Write(b, example, made); });
}

}  // namespace octavo::driver
