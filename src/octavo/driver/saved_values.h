#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "octavo/base/temporary_folder.h"
#include "octavo/driver/verify.h"
#include "octavo/result.h"
#include "octavo/verify/verify.h"

namespace octavo::driver {

// The arrays that `verify` compared, in a folder that appears whole or not at all:
//   run0_layer12_first.npy         the first model's value
//   run0_layer12_second.npy        the second model's
//   run0_layer12_second_alone.npy  the second model's layer on the first model's values
//   index.json                     what each of them is
// Quantized values are their integers.
class SavedValues {
 public:
  // The folder must not exist, or be empty.  Errors: kIo.
  static Result<std::unique_ptr<SavedValues>> Create(const std::filesystem::path& folder);
  // Errors: kIo; kUnsupported for tensors of types that NumPy does not have.
  Status Add(const verify::ComparedValue& value);
  std::size_t size() const { return arrays_.size(); }
  // Writes the index, and the folder appears.
  Status Finish(const VerifyReport& report, const ir::Graph& first, const ir::Graph& second);

 private:
  struct Saved {
    std::size_t run, layer;
    verify::ComparedValue::Of of;
    TensorType type;
    std::string file;
  };
  SavedValues() = default;

  std::unique_ptr<TemporaryFolder> folder_;
  std::vector<Saved> arrays_;
};

}  // namespace octavo::driver
