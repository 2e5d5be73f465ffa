#include "octavo/onnx/other_sign.h"

#include <utility>

#include <onnx.pb.h>

namespace octavo::onnx {
namespace {

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

}  // namespace

Result<std::optional<std::string>> OtherSigns::Of(const std::string& name, DType from) {
  using Made = std::optional<std::string>;
  if (const auto made = made_.find(name); made != made_.end()) return Made(made->second);
  const std::optional<Tensor> given = OCTAVO_TRY(graph_.Constant(name));
  if (!given || given->dtype != from) return Made();
  graph_.RemoveIfUnused(name);
  const char* suffix = from == DType::kInt8 ? "_uint8" : "_int8";
  return Made(made_[name] = graph_.AddTensor(name + suffix, WithOtherSign(*given)));
}

}  // namespace octavo::onnx
