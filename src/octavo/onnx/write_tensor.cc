#include "octavo/onnx/write_tensor.h"

#include "octavo/onnx/element_type.h"
#include "octavo/onnx/wire.h"

namespace octavo::onnx {

Status WriteTensor(const Tensor& tensor, const std::string& name, OutputFile& file) {
  ::onnx::TensorProto header;
  header.mutable_dims()->Assign(tensor.sizes.begin(), tensor.sizes.end());
  header.set_data_type(OCTAVO_TRY(ElementType(tensor.dtype)));
  header.set_name(name);
  WireMessage message;
  message.Merge(header);
  message.Field(::onnx::TensorProto::kRawDataFieldNumber, tensor);
  return message.Write([&](std::span<const std::byte> piece) { return file.Write(piece); });
}

}  // namespace octavo::onnx
