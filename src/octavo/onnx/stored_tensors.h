#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "octavo/base/budget.h"
#include "octavo/base/file_id.h"
#include "octavo/onnx/read_tensor.h"
#include "octavo/onnx/write.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Decides which tensors of a model lie in a second file beside the output, and writes both files.
class StoredTensors {
 public:
  // `budget`: for tensors that come into the model file.
  StoredTensors(TensorReader& tensors, std::filesystem::path output, FileIds inputs, Budget& budget);

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
    bool again;                   // another tensor has stored the same bytes
  };
  Status PlaceExternal(::onnx::TensorProto& tensor, ExternalData external_data);
  void MoveLarge(::onnx::GraphProto& graph);
  void Store(::onnx::TensorProto& tensor, std::span<const std::byte> bytes,
             std::shared_ptr<const void> owner);
  Status TakeIn(::onnx::TensorProto& tensor, const ExternalBytes& found);
  // Says where the stored tensors lie.
  void SetLocation(const std::string& file) const;

  TensorReader& tensors_;
  std::filesystem::path output_, data_path_;
  FileIds inputs_;
  Budget& budget_;
  std::vector<Stored> stored_;
  // Where bytes are stored: many tensors may name the same ones.
  std::map<std::pair<const std::byte*, std::size_t>, std::uint64_t> offsets_;
  std::set<const MappedFile*> read_;
  std::uint64_t end_ = 0;
  std::string change_;
};

}  // namespace octavo::onnx
