#include "octavo/module/load.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "octavo/archive/archive.h"
#include "octavo/module/foreign.h"
#include "octavo/module/globals.h"
#include "octavo/module/program.h"
#include "octavo/module/value_reader.h"
#include "octavo/pickle/pickle.h"

namespace octavo::module {
namespace {

// Values in memory are larger than in a pickle, so their number is bounded by the file's size.
constexpr std::size_t kNodes = std::size_t{1} << 20;
constexpr std::size_t kValues = std::size_t{1} << 20;
constexpr std::size_t kBytesPerFurtherValue = 64;

class Loader {
 public:
  Loader(std::shared_ptr<const archive::Archive> archive, const Limits& limits)
      : archive_(std::move(archive)), limits_(limits) {
    limits_.max_pickle_nodes = std::min(limits_.max_pickle_nodes, kNodes + archive_->file_bytes());
  }

  Result<Module> Load() {
    Module module;
    module.file_bytes = archive_->file_bytes();
    OCTAVO_TRY(CheckSameForPyTorch());
    module.archive_version = OCTAVO_TRY(ReadVersion());
    OCTAVO_TRY(CheckByteOrder());
    program_ = std::make_shared<ArchiveProgram>(archive_, limits_);
    module.program = program_;

    WarnOfChecksums(module);
    Value root = OCTAVO_TRY(ReadPickle("data.pkl", "data/", "", false, &module.lost_weights));
    auto* object = std::get_if<std::shared_ptr<Object>>(&root.v);
    if (object == nullptr) {
      return InvalidFile("the file does not contain a module", "Save a module with torch.jit.save.")
          .SetWhere(fmt::format("record {}data.pkl", archive_->root()));
    }
    module.root = *object;

    const Value constants =
        OCTAVO_TRY(ReadPickle("constants.pkl", "constants/", "CONSTANTS", false, &module.lost_weights));
    if (const auto* tuple = std::get_if<std::shared_ptr<Tuple>>(&constants.v)) {
      module.constants = (*tuple)->items;
    } else {
      return InvalidFile("the constants must be a tuple", "Copy or save the file again: it is damaged.")
          .SetWhere(fmt::format("record {}constants.pkl", archive_->root()));
    }

    if (archive_->Has("traced_inputs.pkl")) {
      module.traced = true;
      const Value inputs = OCTAVO_TRY(ReadPickle("traced_inputs.pkl", "traced_inputs/", "", true, nullptr));
      module.traced_inputs = InputHints(inputs);
    }
    module.producer = archive_->Has("byteorder") || archive_->Has(".data/serialization_id")
                          ? "PyTorch 2.1 or newer"
                          : "PyTorch 1.6 to 2.0";
    return module;
  }

 private:
  // Records that make PyTorch read another model than the one in data.pkl and code/, or none.
  Status CheckSameForPyTorch() const {
    if (archive_->root().empty()) {
      return InvalidFile("the archive's records are in no folder, so PyTorch does not read it",
                         "Save the model again with torch.jit.save.");
    }
    if (archive_->Has("model.json")) {
      return InvalidFile("the archive holds a second model, in the format of PyTorch 1.0 to 1.3",
                         "Save the model again with torch.jit.save.")
          .SetWhere(fmt::format("record {}model.json", archive_->root()));
    }
    return {};
  }

  // The number of the format, which newer versions of PyTorch keep in another place, and look for there
  // first.
  Result<std::string> ReadVersion() {
    const std::string_view name = archive_->Has(".data/version") ? ".data/version" : "version";
    std::string text = OCTAVO_TRY(archive_->ReadText(name));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    int number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || number < 1) {
      return InvalidFile("the version of the archive format is not a number",
                         "Copy or save the file again: it is damaged.")
          .SetWhere(fmt::format("record {}{}", archive_->root(), name));
    }
    constexpr int kNewest = 10;  // of PyTorch 1.13 to 2.13
    if (number > kNewest) {
      return InvalidFile(fmt::format("the archive has version {} of the format, and PyTorch reads up to {}",
                                     number, kNewest),
                         "Save the model with a version of PyTorch up to 2.13.")
          .SetWhere(fmt::format("record {}{}", archive_->root(), name));
    }
    return text;
  }

  // PyTorch takes the storages of every TorchScript file as its own machine's, whatever the record says.
  Status CheckByteOrder() const {
    if (!archive_->Has("byteorder")) return {};
    const std::string text = OCTAVO_TRY(archive_->ReadText("byteorder"));
    if (text == "little") return {};
    if (text == "big") {
      return InvalidFile(
                 "the model was saved on a big-endian machine: PyTorch reads its numbers wrongly elsewhere",
                 "Save the model on a little-endian machine: torch.load(weights), which turns bytes around, "
                 "then torch.jit.save.")
          .SetWhere(fmt::format("record {}byteorder", archive_->root()));
    }
    return InvalidFile("the byte order must be \"little\" or \"big\"",
                       "Copy or save the file again: it is damaged.")
        .SetWhere(fmt::format("record {}byteorder", archive_->root()));
  }

  Result<Value> ReadPickle(const std::string& record, std::string folder, std::string path, bool types_only,
                           std::vector<LostWeight>* lost_weights) {
    const pickle::Options options{
        .limits = limits_, .record = record, .allowed = IsAllowedGlobal, .torchscript = !types_only};
    const auto pickle = pickle::Read(OCTAVO_TRY(archive_->Read(record)), options);
    if (!pickle) return pickle.error();
    const PickleView view(*pickle, record);
    Storages storages(*archive_, std::move(folder));
    ValueReader reader(view, storages, *program_,
                       {.limits = limits_,
                        .types_only = types_only,
                        .max_values = kValues + archive_->file_bytes() / kBytesPerFurtherValue});
    Value value = OCTAVO_TRY(reader.Read(pickle->root(), std::move(path)));
    if (lost_weights != nullptr) {
      lost_weights->insert(lost_weights->end(), reader.lost_weights().begin(), reader.lost_weights().end());
    }
    return value;
  }

  void WarnOfChecksums(Module& module) const {
    const std::vector<std::string_view> names = archive_->WithoutChecksum();
    if (names.empty()) return;
    module.warnings.push_back(
        names.size() == 1
            ? fmt::format("the record {} has no checksum, so damage to it cannot be detected", names[0])
            : fmt::format("{} records have no checksum ({}, ...), so damage to them cannot be detected",
                          names.size(), names[0]));
  }

  // {"forward": [value of the first argument, ...]}
  std::vector<InputHint> InputHints(const Value& inputs) const {
    HintWalk walk;
    const auto* methods = std::get_if<std::shared_ptr<Dict>>(&inputs.v);
    if (methods == nullptr) return {};
    for (const auto& [method, arguments] : (*methods)->items) {
      const auto* name = std::get_if<std::string>(&method.v);
      if (name == nullptr || *name != "forward") continue;
      const std::vector<Value>* items = ItemsOf(arguments);
      for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) AddHints(i, "", (*items)[i], walk);
    }
    return std::move(walk.hints);
  }

  struct HintWalk {
    std::vector<InputHint> hints;
    // Of the values visited: a container may hold another one many times, so that a small file has endlessly
    // many.
    std::size_t left = 4096;
    int depth = 0;
  };

  void AddHints(std::size_t argument, const std::string& item, const Value& value, HintWalk& walk) const {
    constexpr int kDeepest = 16;
    if (walk.left == 0 || walk.depth > kDeepest) return;
    --walk.left;
    ++walk.depth;
    if (TensorType type = TypeOf(value); type.dtype != DType::kUnknown) {
      walk.hints.push_back({.argument = argument, .item = item, .type = std::move(type)});
    } else if (const std::vector<Value>* items = ItemsOf(value)) {
      for (std::size_t i = 0; i < items->size() && walk.left > 0; ++i)
        AddHints(argument, fmt::format("{}.{}", item, i), (*items)[i], walk);
    } else if (const auto* dict = std::get_if<std::shared_ptr<Dict>>(&value.v)) {
      for (const auto& [key, entry] : (*dict)->items) {
        if (const auto* text = std::get_if<std::string>(&key.v))
          AddHints(argument, fmt::format("{}.{}", item, *text), entry, walk);
      }
    }
    --walk.depth;
  }

  static const std::vector<Value>* ItemsOf(const Value& value) {
    if (const auto* list = std::get_if<std::shared_ptr<List>>(&value.v)) return &(*list)->items;
    if (const auto* tuple = std::get_if<std::shared_ptr<Tuple>>(&value.v)) return &(*tuple)->items;
    return nullptr;
  }

  // Unknown for what is no tensor, and for a quantization that is not in the file.
  TensorType TypeOf(const Value& value) const {
    const auto* tensor = std::get_if<Tensor>(&value.v);
    if (tensor == nullptr || tensor->rank() > kMaxRank) return {};
    if (IsQuantized(tensor->dtype) != tensor->quantization.has_value()) return {};
    if (std::any_of(tensor->sizes.begin(), tensor->sizes.end(), [](std::int64_t n) { return n < 0; }))
      return {};
    return tensor->type();
  }

  std::shared_ptr<const archive::Archive> archive_;
  Limits limits_;
  std::shared_ptr<const ArchiveProgram> program_;
};

}  // namespace

Result<Module> Load(const std::filesystem::path& path, const Limits& limits, MappedFile::Needed needed) {
  auto file = OCTAVO_TRY(MappedFile::Open(path, needed));
  OCTAVO_TRY(CheckIsArchive(file->bytes(), limits));
  std::shared_ptr<const archive::Archive> archive =
      OCTAVO_TRY(archive::Archive::Open(std::move(file), limits));
  OCTAVO_TRY(CheckIsTorchScript(*archive, limits));
  return Loader(std::move(archive), limits).Load();
}

}  // namespace octavo::module
