#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message_lite.h>

#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// A protobuf message as it will lie in the file, with gaps where the elements of tensors belong, which are
// read only when it is written.  Fields lie in the order in which they were added.
class WireMessage {
 public:
  // All fields of `part`.  Parts add up as protobuf's merging does.
  void Merge(const google::protobuf::MessageLite& part);
  // A length-delimited field: a message, or a string or bytes.
  void Field(int number, const google::protobuf::MessageLite& message);
  void Field(int number, WireMessage message);
  void Field(int number, std::string_view text);
  // A bytes field that holds the tensor's elements in row-major order.
  void Field(int number, const Tensor& elements);

  std::uint64_t size() const { return text_.size() + gap_bytes_; }
  // Hands out the bytes in order.
  Status Write(const std::function<Status(std::span<const std::byte>)>& sink) const;

 private:
  struct Gap {
    std::size_t position;  // in text_
    Tensor elements;
  };
  void Prefix(int number, std::uint64_t length);
  void Varint(std::uint64_t value);

  std::string text_;
  std::vector<Gap> gaps_;
  std::uint64_t gap_bytes_ = 0;
};

// Hands out the elements, and checks that there are as many bytes as the sizes say.
Status WriteElements(const Tensor& elements, const std::function<Status(std::span<const std::byte>)>& sink);

}  // namespace octavo::onnx
