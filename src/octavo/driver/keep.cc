#include "octavo/driver/keep.h"

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "octavo/driver/names.h"
#include "octavo/driver/onnx_model.h"
#include "octavo/driver/pipeline.h"
#include <nlohmann/json.hpp>

namespace octavo::driver {
namespace {

// The entry octavo.quantization with the inputs' and outputs' new names.
std::string RenamedKeys(const std::string& text, const std::vector<Rename>& renames) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return text;
  nlohmann::ordered_json renamed = nlohmann::ordered_json::object();
  for (const auto& [name, value] : json.items()) {
    std::string to = name;
    for (const Rename& rename : renames) {
      if (rename.from == name) to = rename.to;
    }
    renamed[to] = value;
  }
  return renamed.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<ValueReport> Reported(const std::vector<onnx::ModelValue>& values,
                                  const std::map<std::string, TensorType>& quantized) {
  std::vector<ValueReport> reported;
  for (const auto& [name, type] : values) {
    ValueReport& value = reported.emplace_back(ValueReport{name, type});
    const auto said = quantized.find(name);
    if (said == quantized.end()) continue;
    value.type.dtype = said->second.dtype;
    value.type.quantization = said->second.quantization;
  }
  return reported;
}

onnx::Runtime RuntimeOf(Target target) {
  switch (target) {
    case Target::kOnnxRuntime:
      break;
    case Target::kOpenVino:
      return onnx::Runtime::kOpenVino;
    case Target::kTensorRt:
      return onnx::Runtime::kTensorRt;
  }
  return onnx::Runtime::kOnnxRuntime;
}

// The metadata must fit the integers in the file.
Status CheckStorage(const std::string& name, const TensorType& type,
                    const std::map<std::string, TensorType>& quantized) {
  const auto said = quantized.find(name);
  if (said == quantized.end() || StorageType(said->second.dtype) == type.dtype) return {};
  return InvalidFile(fmt::format("the metadata entry octavo.quantization says that {} is {}, but it is {}",
                                 name, Name(said->second.dtype), Name(type.dtype)));
}

}  // namespace

Maker MakerOf(const onnx::ModelFacts& facts) {
  if (facts.opsets.contains("org.pytorch._caffe2")) return Maker::kCaffe2;
  return facts.producer == "octavo" ? Maker::kOctavo : Maker::kOther;
}

bool KeepsNodes(const onnx::ModelFacts& facts, const ConvertOptions& options) {
  if (options.dialect != Dialect::kQdq) return false;
  switch (MakerOf(facts)) {
    case Maker::kCaffe2:
      return false;
    case Maker::kOctavo: {
      // --numbers asks for PyTorch's numbers in another form, or for a promise that they are exact.
      if (options.optimize || options.require_exact || options.numbers != Numbers::kExact) return false;
      const auto target = facts.metadata.find("octavo.target");
      return !options.target || (target != facts.metadata.end() && target->second == Name(*options.target));
    }
    case Maker::kOther:
      return true;  // what such a file means is what ONNX Runtime computes
  }
  return false;
}

Result<ExportReport> Keep(const onnx::ModelFacts& facts, const std::filesystem::path& model,
                          const std::filesystem::path& output, const ConvertOptions& options) {
  if (options.optimize) {
    return UsageError("--optimize does not go with a model whose nodes are kept",
                      "Octavo keeps the nodes of a model that other software wrote, so that ONNX Runtime's "
                      "results do not change. Leave --optimize out.");
  }
  if (options.progress) options.progress("converting", -1);
  onnx::RewriteOptions rewrite;
  rewrite.opset = options.opset;
  if (MakerOf(facts) == Maker::kOther)
    rewrite.runtime = RuntimeOf(options.target.value_or(Target::kOnnxRuntime));
  rewrite.external_data = Translate(options.external_data);
  rewrite.inputs = facts.files;
  rewrite.limits = options.limits;
  rewrite.progress = [&options](double share) {
    if (options.progress) options.progress("writing", share);
  };
  std::map<std::string, TensorType> quantized = OCTAVO_TRY(MetadataTypes(facts.metadata));
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  for (const auto* values : {&facts.inputs, &facts.outputs}) {
    for (const auto& [name, type] : *values) {
      // A value that is both an input and an output is named once.
      if (known.insert(name).second) names.push_back(name);
      OCTAVO_TRY(CheckStorage(name, type, quantized));
    }
  }
  std::vector<std::string*> places;
  for (std::string& name : names) places.push_back(&name);
  OCTAVO_TRY(RenameAll(places, options.renames));
  for (const auto& [from, to] : options.renames) rewrite.renames.emplace_back(from, to);
  if (const auto text = facts.metadata.find("octavo.quantization");
      text != facts.metadata.end() && !options.renames.empty()) {
    rewrite.metadata["octavo.quantization"] = RenamedKeys(text->second, options.renames);
    quantized = OCTAVO_TRY(MetadataTypes(rewrite.metadata));
  }
  rewrite.only_identical = options.require_exact;
  const onnx::Rewritten made = OCTAVO_TRY(onnx::Rewrite(model, output, rewrite));
  ExportReport report;
  report.bytes = made.written.bytes;
  report.external_bytes = made.written.external_bytes;
  report.operators = made.nodes_before;
  report.nodes = made.nodes;
  report.opset = made.opset;
  report.inputs = Reported(made.inputs, quantized);
  report.outputs = Reported(made.outputs, quantized);
  report.changes = made.changes;
  report.not_identical = made.other_numbers;
  return report;
}

}  // namespace octavo::driver
