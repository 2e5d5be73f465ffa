#include "octavo/onnx/other_sign.h"

#include <string>

namespace octavo::onnx {

::onnx::TensorProto WithOtherSign(const Tensor& integers) {
  constexpr unsigned char kSignBit = 0x80;
  ::onnx::TensorProto tensor;
  tensor.set_data_type(integers.dtype == DType::kInt8 ? ::onnx::TensorProto::UINT8
                                                      : ::onnx::TensorProto::INT8);
  for (const std::int64_t size : integers.sizes) tensor.add_dims(size);
  std::string bytes;
  for (const std::int64_t element : integers.ToInts()) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(element) ^ kSignBit));
  }
  tensor.set_raw_data(std::move(bytes));
  return tensor;
}

}  // namespace octavo::onnx
