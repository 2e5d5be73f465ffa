#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "octavo/engine/program.h"

namespace octavo::engine {

// The values and buffers of one run.
class Frame {
 public:
  Frame(const Program& program, std::size_t buffer_bytes);

  // Constants and graph inputs, too.
  const Tensor& Get(ir::ValueId id) const;
  bool Has(ir::ValueId id) const;
  // `tensor` is normalized.
  void Set(ir::ValueId id, Tensor tensor) {
    bytes_ += BytesOf(tensor);
    bytes_ -= BytesOf(std::exchange(values_[Index(id)], std::move(tensor)));
  }
  void Release(ir::ValueId id) { Set(id, Tensor()); }
  // Where a value's type was found only while running.
  ValueType Type(ir::ValueId id) const;
  void SetInt8(ir::ValueId id, const std::optional<Int8Parameters>& int8) { int8_[Index(id)] = int8; }

  // Planned memory that fused steps share, aligned to 64 bytes; what a step leaves there stays until the run
  // ends, and its first content is what the run before left.
  std::byte* buffer() { return buffer_; }
  // Bytes of all values that are held now.
  std::size_t bytes() const { return bytes_; }

 private:
  static std::size_t Index(ir::ValueId id) { return static_cast<std::size_t>(id.index); }
  static std::size_t BytesOf(const Tensor& tensor) {
    return tensor.dtype == DType::kUnknown ? 0 : tensor.num_bytes();
  }

  const Program& program_;
  std::vector<Tensor> values_;  // by ValueId
  std::size_t bytes_ = 0;       // of all values_
  std::vector<std::optional<Int8Parameters>> int8_;
  std::unique_ptr<std::byte[]> memory_;
  std::byte* buffer_ = nullptr;
};

// What is done at once: one node, or a group of nodes.  The same step runs in several threads at once.
class Step {
 public:
  Step() = default;
  virtual ~Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  // Gets `reads` from the frame, sets `writes`.
  virtual Status Run(Frame& frame) const = 0;

  std::vector<ir::ValueId> reads, writes;
  std::string name;  // the first node's
  std::string kind;  // "conv2d u8s8", "Softmax"
};

}  // namespace octavo::engine
