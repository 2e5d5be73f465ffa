#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include <onnx.pb.h>

#include "octavo/base/mapped_file.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// kUnknown for the types that Octavo does not know (strings, 4-bit and 8-bit floats).
DType ElementType(int type);

// Error (kInvalidFile) unless the tensor's sizes can be and its elements, where they lie in the message, are
// as many as the sizes say.  Elements of types that are not known are not counted.  Of elements in several
// fields those count that Read and ONNX Runtime take: raw bytes, else the field of the type.
Status CheckStored(const ::onnx::TensorProto& proto);

// A tensor's elements in a file beside the model.
struct ExternalBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;  // that they lie in
};

// Reads tensors, those in files beside the model as well.
class TensorReader {
 public:
  // `model`: the file.  Files with tensors must lie below its folder, or below the folder of the file that it
  // is a link to.
  TensorReader(std::filesystem::path model, bool external_data,
               MappedFile::Needed needed = MappedFile::Needed::kLong)
      : model_(std::move(model)), external_data_(external_data), needed_(needed) {}

  // Whether its elements lie in another file that shall not be opened.
  bool Skips(const ::onnx::TensorProto& proto) const;
  // Errors: kInvalidFile for types and sizes that cannot be or do not fit the data, and for a file outside
  // the folder; kIo where that file cannot be read.
  Result<Tensor> Read(const ::onnx::TensorProto& proto);
  // The bytes of a tensor in another file: those that it needs, and for types that are not known as many as
  // the file says, or all from its offset on.
  Result<ExternalBytes> External(const ::onnx::TensorProto& proto);

 private:
  Result<Tensor> ReadExternal(const ::onnx::TensorProto& proto, DType dtype);
  Result<std::shared_ptr<const MappedFile>> Open(const std::string& tensor, const std::string& location);

  std::filesystem::path model_;
  bool external_data_;
  MappedFile::Needed needed_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;  // by location
};

}  // namespace octavo::onnx
