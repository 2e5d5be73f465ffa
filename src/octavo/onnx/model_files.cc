#include "octavo/onnx/model_files.h"

#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "octavo/base/folder_lock.h"
#include "octavo/base/mapped_file.h"
#include "octavo/base/on_signal.h"
#include "octavo/base/output_target.h"
#include "octavo/base/protobuf_scan.h"
#include "octavo/onnx/external.h"

namespace octavo::onnx {
namespace {

namespace fs = std::filesystem;

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsThere(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

bool IsRegular(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Calls `found` with each field of that number which holds bytes.
template <typename Found>
void ForEach(std::span<const std::byte> message, std::uint32_t number, const Found& found) {
  ProtobufScan scan(message);
  while (const auto field = scan.Next()) {
    if (field->number == number && field->wire == ProtobufScan::kLength) found(field->content);
  }
}

// Fields of ModelProto, GraphProto, TensorProto and StringStringEntryProto.
constexpr std::uint32_t kProducer = 2, kGraph = 7, kInitializer = 5, kExternalData = 13, kKey = 1, kValue = 2;

bool HasDataIn(std::span<const std::byte> model, std::string_view file) {
  bool octavo = false, refers = false;
  ForEach(model, kProducer, [&](auto producer) { octavo = octavo || Text(producer) == "octavo"; });
  if (!octavo) return false;
  ForEach(model, kGraph, [&](auto graph) {
    ForEach(graph, kInitializer, [&](auto tensor) {
      ForEach(tensor, kExternalData, [&](auto entry) {
        std::string_view key, value;
        ForEach(entry, kKey, [&](auto text) { key = Text(text); });
        ForEach(entry, kValue, [&](auto text) { value = Text(text); });
        refers = refers || (key == "location" && value == file);
      });
    });
  });
  return refers;
}

// FNV-1a: the same on every machine and in every build.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

fs::path ModelFiles::DataPath(const fs::path& output) {
  fs::path path = output;
  path += ".data";
  return path;
}

Result<std::unique_ptr<ModelFiles>> ModelFiles::Create(const fs::path& output, bool has_data,
                                                       const FileIds& inputs) {
  std::unique_ptr<ModelFiles> files(new ModelFiles());
  files->output_ = output;
  files->data_path_ = DataPath(output);
  files->folder_ = FolderOf(output);
  files->inputs_ = inputs;
  files->model_ = OCTAVO_TRY(OutputFile::Create(output, {.inputs = inputs}));
  if (!has_data) return files;
  if (!files->model_->regular()) return NoPlaceForData(output);
  // Weights are no more public than the model that they replace or belong to.
  files->data_ = OCTAVO_TRY(OutputFile::Create(
      files->data_path_, {.inputs = inputs, .replaces_link = true, .mode = files->model_->mode()}));
  if (!files->data_->regular()) return NoPlaceForData(output);
  return files;
}

Status ModelFiles::Commit(const Write& write) {
  if (!data_) return CommitAlone(write);
  OCTAVO_TRY(data_->Finish());
  const FolderLock lock = OCTAVO_TRY(FolderLock::Take(folder_));
  return IsThere(output_) || IsThere(data_path_) ? CommitOver(write, lock.held()) : CommitNew(write);
}

Status ModelFiles::CommitAlone(const Write& write) {
  OCTAVO_TRY(write(*model_, {}));
  if (!model_->regular()) return model_->Commit();
  OCTAVO_TRY(model_->Finish());
  const FolderLock lock = OCTAVO_TRY(FolderLock::Take(folder_));
  const bool owns_data = OwnsData();
  if (lock.held()) model_->SetTemporaryName(Hidden("1.tmp"));
  OCTAVO_TRY(model_->Commit());
  if (owns_data) unlink(data_path_.c_str());
  if (lock.held()) RemoveHidden();
  return {};
}

Status ModelFiles::CommitNew(const Write& write) {
  OCTAVO_TRY(write(*model_, data_path_.filename().string()));
  OCTAVO_TRY(model_->Finish());
  Status status;
  OnSignal::Undivided([&] {
    status = data_->CommitRevocably();
    if (!status) return;
    try {
      status = model_->CommitRevocably();
    } catch (...) {  // no memory
      data_->Revoke();
      throw;
    }
    if (!status) data_->Revoke();
  });
  return status;
}

Status ModelFiles::CommitOver(const Write& write, bool locked) {
  // One that is there may be the present model's data, after a kill.
  int number = 1;
  while (locked && IsThere(SecondName(number))) ++number;
  const fs::path second = locked ? SecondName(number) : Hidden(fmt::format("p{}.data", getpid()));
  const auto first_model = OCTAVO_TRY(OutputFile::Create(output_, {.inputs = inputs_}));
  if (locked) {
    first_model->SetTemporaryName(Hidden("1.tmp"));
    data_->SetTemporaryName(Hidden("2.tmp"));
    model_->SetTemporaryName(Hidden("3.tmp"));
  }
  OCTAVO_TRY(write(*first_model, second.filename().string()));
  OCTAVO_TRY(first_model->Finish());
  OCTAVO_TRY(write(*model_, data_path_.filename().string()));
  OCTAVO_TRY(model_->Finish());
  const auto commit = [&]() -> Status {
    OCTAVO_TRY(data_->AddName(second));
    const auto revoke = [&] {
      // The old model needs the old data; where they do not come back, the new model has its data.
      if (data_->Revoke() && first_model->Revoke()) unlink(second.c_str());
    };
    Status status;
    try {
      status = first_model->CommitRevocably();
      if (status) status = data_->CommitRevocably();
      if (status) status = model_->CommitRevocably();
    } catch (...) {  // no memory
      revoke();
      throw;
    }
    if (!status) {
      revoke();
      return status;
    }
    for (OutputFile* file : {model_.get(), data_.get(), first_model.get()}) file->Keep();
    unlink(second.c_str());
    if (locked) RemoveHidden();
    return {};
  };
  Status status;
  OnSignal::Undivided([&] { status = commit(); });
  return status;
}

bool ModelFiles::OwnsData() const {
  if (!IsRegular(data_path_) || IsAmong(data_path_, inputs_)) return false;
  const auto present = MappedFile::Open(model_->target());
  return present && HasDataIn((*present)->bytes(), data_path_.filename().string());
}

// Of one length, so that every name of a model has room for it.
fs::path ModelFiles::Hidden(const std::string& rest) const {
  return folder_ / fmt::format(".octavo-{:016x}-{}", Hash(output_.filename().string()), rest);
}

fs::path ModelFiles::SecondName(int number) const { return Hidden(fmt::format("{}.data", number)); }

// Also what a killed program left.
void ModelFiles::RemoveHidden() const {
  try {
    for (int i = 1; i <= 3; ++i) unlink(Hidden(fmt::format("{}.tmp", i)).c_str());
    int number = 0;
    while (IsRegular(SecondName(number + 1))) ++number;
    // From the last one: a kill leaves no gap in the numbers.
    for (; number > 0; --number) {
      if (!IsAmong(SecondName(number), inputs_)) unlink(SecondName(number).c_str());
    }
  } catch (const std::bad_alloc&) {
    // The model is there; the next export removes the rest.
  }
}

}  // namespace octavo::onnx
