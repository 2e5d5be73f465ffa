#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "octavo/base/file_id.h"
#include "octavo/base/output_file.h"
#include "octavo/result.h"

namespace octavo::onnx {

// OUT.onnx and, where the model's tensors lie in a second file, OUT.onnx.data.
//
// The two appear together.  A model refers to its data by name, and the system replaces one file at a time;
// so where files are replaced, the data get a second name first, and a model that refers to that name takes
// the old one's place before the old data are replaced.  Whenever the program ends, the file OUT.onnx is the
// old model with its old data or the new one with its new data.  docs/files.md has the steps.
class ModelFiles {
 public:
  // Nothing is written yet.  Errors: kUsage where one of `inputs` would be replaced; kIo.
  static Result<std::unique_ptr<ModelFiles>> Create(const std::filesystem::path& output, bool has_data,
                                                    const FileIds& inputs);

  // Where the tensors go; only if there are data.
  OutputFile& data() { return *data_; }
  // Writes the model that has its data in the file `location`, and makes the files appear.  `write` is called
  // a second time, with another location, where files are replaced.  Errors: those of `write`; kIo, and then
  // the files from before are kept.
  using Write = std::function<Status(OutputFile& model, const std::string& location)>;
  Status Commit(const Write& write);
  std::uint64_t model_bytes() const { return model_->size(); }

  // The name of the file with the tensors of a model of that name.
  static std::filesystem::path DataPath(const std::filesystem::path& output);

 private:
  ModelFiles() = default;
  Status CommitAlone(const Write& write);
  Status CommitNew(const Write& write);
  Status CommitOver(const Write& write, bool locked);
  // Has the present model, if there is one, its data in the file at data_path_ that Octavo wrote?
  bool OwnsData() const;
  // A name in the model's folder that is this model's own.
  std::filesystem::path Hidden(const std::string& rest) const;
  std::filesystem::path SecondName(int number) const;
  void RemoveHidden() const;

  std::filesystem::path output_, data_path_, folder_;
  FileIds inputs_;
  std::unique_ptr<OutputFile> model_, data_;
};

}  // namespace octavo::onnx
