#include "octavo/driver/saved_values.h"

#include <fmt/format.h>

#include "octavo/base/output_file.h"
#include "octavo/npy/npy.h"
#include "octavo/verify/quantization.h"
#include <nlohmann/json.hpp>

namespace octavo::driver {
namespace {

using Of = verify::ComparedValue::Of;

const char* NameOf(Of of) {
  return of == Of::kFirst ? "first" : of == Of::kSecond ? "second" : "second_alone";
}

}  // namespace

Result<std::unique_ptr<SavedValues>> SavedValues::Create(const std::filesystem::path& folder) {
  std::unique_ptr<SavedValues> values(new SavedValues());
  values->folder_ = OCTAVO_TRY(TemporaryFolder::CreateFor(folder));
  return values;
}

Status SavedValues::Add(const verify::ComparedValue& value) {
  std::string name = fmt::format("run{}_layer{}_{}.npy", value.run, value.layer, NameOf(value.of));
  const Result<std::unique_ptr<OutputFile>> file = OutputFile::Create(folder_->path() / name);
  if (!file) return folder_->Named(file.error());
  const auto write = [&]() -> Status {
    OCTAVO_TRY(npy::Write(*value.tensor, **file));
    return (*file)->Commit();
  };
  if (const Status status = write(); !status) return folder_->Named(status.error());
  arrays_.push_back({.run = value.run,
                     .layer = value.layer,
                     .of = value.of,
                     .type = value.tensor->type(),
                     .file = std::move(name)});
  return {};
}

Status SavedValues::Finish(const VerifyReport& report, const ir::Graph& first, const ir::Graph& second) {
  const auto of_first = verify::Quantizations(first), of_second = verify::Quantizations(second);
  nlohmann::ordered_json entries = nlohmann::ordered_json::array();
  for (const Saved& saved : arrays_) {
    const verify::Layer& layer = report.report.layers[saved.layer];
    const bool is_first = saved.of == Of::kFirst;
    const ir::ValueId id = is_first ? layer.pair.a : layer.pair.b;
    std::optional<Quantization> quantization = saved.type.quantization;
    if (!quantization) quantization = (is_first ? of_first : of_second)[static_cast<std::size_t>(id.index)];
    std::vector<std::int64_t> shape;
    for (const Dim& size : *saved.type.shape) shape.push_back(size.value());
    nlohmann::ordered_json entry = {{"file", saved.file},   {"run", saved.run},
                                    {"layer", saved.layer}, {"side", NameOf(saved.of)},
                                    {"operator", layer.op}, {"place", layer.place},
                                    {"name", layer.name},   {"dtype", Name(StorageType(saved.type.dtype))},
                                    {"shape", shape}};
    if (quantization && quantization->per_tensor() && !IsFloat(saved.type.dtype)) {
      entry["scale"] = quantization->scale();
      entry["zero_point"] = quantization->zero_point();
    }
    entries.push_back(std::move(entry));
  }
  const nlohmann::ordered_json index = {
      {"first",
       {{"model", report.first}, {"runner", report.first_runner}, {"engine", report.pytorch_engine}}},
      {"second", {{"model", report.second}, {"runner", report.second_runner}}},
      {"arrays", entries}};
  const auto write = [&]() -> Status {
    const auto file = OCTAVO_TRY(OutputFile::Create(folder_->path() / "index.json"));
    OCTAVO_TRY(file->Write(index.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
    return file->Commit();
  };
  if (const Status status = write(); !status) return folder_->Named(status.error());
  return folder_->Commit();
}

}  // namespace octavo::driver
