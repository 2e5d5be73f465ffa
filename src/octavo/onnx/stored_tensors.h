#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "octavo/base/file_id.h"
#include "octavo/onnx/read_tensor.h"
#include "octavo/onnx/write.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Decides which tensors of a model lie in a second file beside the output, and writes both files.
class StoredTensors {
 public:
  StoredTensors(TensorReader& tensors, std::filesystem::path output, FileIds inputs);

  // kAuto: as the model has it.  Errors: those of TensorReader.
  Status Place(::onnx::ModelProto& model, ExternalData external_data);
  // What Place changed, as a phrase; empty: nothing.
  const std::string& change() const { return change_; }
  // `as_given`: these bytes are the model; else it is serialized.
  Result<WriteResult> Write(::onnx::ModelProto& model, std::span<const std::byte> as_given,
                            const std::function<void(double)>& progress) const;

 private:
  struct Stored {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
    std::uint64_t offset;
    ::onnx::TensorProto* tensor;  // of the model that Place was given
  };
  Status PlaceExternal(::onnx::TensorProto& tensor, ExternalData external_data);
  void MoveLarge(::onnx::GraphProto& graph);
  void Store(::onnx::TensorProto& tensor, std::span<const std::byte> bytes,
             std::shared_ptr<const void> owner);
  // Says where the stored tensors lie.
  void SetLocation(const std::string& file) const;

  TensorReader& tensors_;
  std::filesystem::path output_, data_path_;
  FileIds inputs_;
  std::vector<Stored> stored_;
  std::uint64_t end_ = 0;
  std::string change_;
};

}  // namespace octavo::onnx
