#include "octavo/driver/test_folder.h"

#include <memory>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/output_file.h"
#include "octavo/driver/pipeline.h"
#include "octavo/onnx/write.h"
#include "octavo/onnx/write_tensor.h"

namespace octavo::driver {

Status WriteCounterexample(verify::Counterexample example, const std::filesystem::path& folder) {
  ir::Graph& graph = example.piece.graph;
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    graph.value(graph.inputs()[i]).type = example.inputs[i].type();
  }
  graph.value(graph.outputs()[0].value).type = example.expected.type();
  if (std::string text = QuantizationText(graph); !text.empty())
    graph.metadata["octavo.quantization"] = std::move(text);

  const std::filesystem::path data = folder / "test_data_set_0";
  std::error_code failed;
  std::filesystem::create_directories(data, failed);
  if (failed) return IoError(fmt::format("cannot create the folder {}: {}", data.string(), failed.message()));
  std::vector<std::unique_ptr<OutputFile>> files;
  const auto add = [&](const std::string& file_name, const std::string& name,
                       const Tensor& tensor) -> Status {
    files.push_back(OCTAVO_TRY(OutputFile::Create(data / file_name)));
    OCTAVO_TRY(onnx::WriteTensor(tensor, name, *files.back()));
    return files.back()->Finish();
  };
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    OCTAVO_TRY(add(fmt::format("input_{}.pb", i), graph.value(graph.inputs()[i]).name, example.inputs[i]));
  }
  OCTAVO_TRY(add("output_0.pb", graph.outputs()[0].name, example.expected));
  OCTAVO_TRY(onnx::Write(graph, folder / "model.onnx", {}));
  for (const auto& file : files) OCTAVO_TRY(file->Commit());
  return {};
}

}  // namespace octavo::driver
