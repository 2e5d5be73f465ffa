#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/file_id.h"
#include "octavo/base/mapped_file.h"
#include "octavo/driver/claims.h"
#include "octavo/import/import.h"
#include "octavo/lower/lower.h"
#include "octavo/module/value.h"
#include "octavo/octavo.h"
#include "octavo/onnx/write.h"
#include "octavo/verify/pair.h"

namespace octavo::driver {

// The built-in rows and those of the plugins, which stay loaded as long as this lives.
struct Operators {
  std::vector<std::shared_ptr<void>> plugins;
  Registry registry;
};
Result<std::unique_ptr<Operators>> LoadOperators(const std::vector<std::filesystem::path>& plugins);

import::Options ImportOptions(const std::vector<InputSpec>& inputs, const Limits& limits);
// Inputs of which neither the file nor the user says the type are taken as float32.
void WarnOfAssumedTypes(import::Imported& imported);
// Adds to the import's warnings those of the file (records without a checksum, weights that PyTorch lost, a
// model that was saved before it was converted) and of open sizes.
void AddWarnings(const module::Module& module, const import::OperatorRules& rules,
                 import::Imported& imported);

// Reads and imports a model.  Operators that are not supported are an error.
struct Read {
  module::Module module;
  import::Imported imported;
};
Result<Read> ReadModel(const std::filesystem::path& path, const Registry& registry,
                       const std::vector<InputSpec>& inputs, const Limits& limits,
                       MappedFile::Needed needed = MappedFile::Needed::kLong);

// The PyTorch engine whose numbers are written: the one that is named, or the dialect's default.
Engine ChosenEngine(const ExportOptions& options);
// The engine that an exported model's metadata names.  Error: an unknown one.
Result<std::optional<Engine>> WrittenEngine(const std::map<std::string, std::string>& metadata);

struct Converted {
  ir::Graph graph;
  std::vector<std::string> warnings;
  std::vector<NodeExactness> exactness;
  Claims claims;  // with warnings about the written file, which are not among `warnings`
  std::size_t nodes_saved = 0;
  std::vector<verify::Pair> pairs;  // of the imported graph's values and this one's
};
// What a user should know of the conversion and of the file that is written.
std::vector<std::string> WarningsOf(const Converted& converted);
// Lowers and runs the passes.
Result<Converted> Convert(const ir::Graph& imported, const Registry& registry, const ExportOptions& options);

// Fills in what the report says of the model rather than of the file: warnings, int8 and float operators,
// exactness.
void AddClaims(const Converted& converted, Engine engine, ExportReport& report);

// Convert, and the result as a file, which replaces none of `inputs`.
Result<ExportReport> ConvertAndWrite(const ir::Graph& imported, const Registry& registry,
                                     const std::filesystem::path& output, const ExportOptions& options,
                                     const FileIds& inputs);
onnx::ExternalData Translate(ExternalData external);
// An error where the output, or its data file if it will have one, would replace one of `inputs`.
Status CheckOutput(const std::filesystem::path& model, const std::filesystem::path& output, bool has_data,
                   const FileIds& inputs);
// Tells options.progress what is being done, and how much of it is done.
void Report(const ExportOptions& options, std::string_view stage, double share = -1);

// The metadata `octavo.quantization`: quantized inputs and outputs are plain integer tensors in the file;
// this says what they mean.  Empty where there are none.
std::string QuantizationText(const ir::Graph& graph);

// The metadata `octavo.exactness`: [place, operator, how it is exact, bound] of each node.  Empty where there
// are none.
std::string ExactnessText(const std::vector<NodeExactness>& exactness);

// The opset that is meant; an error where the dialect does not have it.
Result<int> ChosenOpset(const ExportOptions& options);

}  // namespace octavo::driver
