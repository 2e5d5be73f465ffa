#include "octavo/driver/onnx_model.h"

#include <cmath>

#include <fmt/format.h>

#include "octavo/ir/verify.h"
#include <nlohmann/json.hpp>

namespace octavo::driver {
namespace {

Error Bad(const std::string& name) {
  return InvalidFile(
      fmt::format("the metadata entry octavo.quantization has no valid dtype, scale and zero point for {}",
                  name),
      "Export the model again.");
}

Result<TensorType> Type(const std::string& name, const nlohmann::json& json) {
  const auto has = [&](const char* key, bool number) {
    return json.is_object() && json.contains(key) && (number ? json[key].is_number() : json[key].is_string());
  };
  if (!has("dtype", false) || !has("scale", true) || !has("zero_point", true)) return Bad(name);
  const auto dtype = DTypeFromName(json["dtype"].get<std::string>());
  const double scale = json["scale"].get<double>();
  if (!dtype || !IsQuantized(*dtype) || ElementSize(*dtype) != ElementSize(StorageType(*dtype)) ||
      !(scale > 0) || !std::isfinite(scale) || !json["zero_point"].is_number_integer()) {
    return Bad(name);
  }
  return TensorType{.dtype = *dtype,
                    .shape = std::nullopt,
                    .quantization = Quantization::PerTensor(scale, json["zero_point"].get<std::int64_t>())};
}

}  // namespace

Result<std::map<std::string, TensorType>> MetadataTypes(const ir::Graph& graph) {
  return MetadataTypes(graph.metadata);
}

Result<std::map<std::string, TensorType>> MetadataTypes(const std::map<std::string, std::string>& metadata) {
  std::map<std::string, TensorType> types;
  const auto entry = metadata.find("octavo.quantization");
  if (entry == metadata.end()) return types;
  const nlohmann::json json = nlohmann::json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Bad("inputs and outputs");
  for (const auto& [name, value] : json.items()) types[name] = OCTAVO_TRY(Type(name, value));
  return types;
}

Result<onnx::ReadModel> ReadOnnx(const std::filesystem::path& path, const onnx::ReadOptions& options) {
  onnx::ReadModel read = OCTAVO_TRY(onnx::Read(path, options));
  const std::map<std::string, TensorType> types = OCTAVO_TRY(MetadataTypes(read.graph));
  for (const ir::ValueId input : read.graph.inputs()) {
    ir::Value& value = read.graph.value(input);
    const auto said = types.find(value.name);
    if (said == types.end()) continue;
    if (StorageType(said->second.dtype) != StorageType(value.type.dtype)) return Bad(value.name);
    value.type.dtype = said->second.dtype;
    value.type.quantization = said->second.quantization;
  }
  OCTAVO_TRY(ir::Verify(read.graph));
  return read;
}

Status CheckEngineOptions(const ir::Graph& graph, const engine::Options& options) {
  const bool has_int8_operators = engine::DefaultArithmetic(graph) == engine::Arithmetic::kPyTorch;
  if (options.fuse || !options.arithmetic || has_int8_operators) return {};
  return UsageError(
      "--arithmetic does not go with --no-fuse here: without Caffe2's operators, each node is evaluated as "
      "the "
      "ONNX specification says",
      "Leave one of them out.");
}

}  // namespace octavo::driver
