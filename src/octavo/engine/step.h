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
  // Error: the budget has no memory for the buffer.
  static Result<std::unique_ptr<Frame>> Make(const Program& program, std::size_t buffer_bytes);

  // Constants and graph inputs, too.
  const Tensor& Get(ir::ValueId id) const;
  bool Has(ir::ValueId id) const;
  // `tensor` is normalized.
  void Set(ir::ValueId id, Tensor tensor) { values_[Index(id)] = std::move(tensor); }
  // The same of what was computed: it counts until it is released.
  Status Hold(ir::ValueId id, Tensor tensor);
  void Release(ir::ValueId id) {
    memory_.GiveBack(std::exchange(held_[Index(id)], 0));
    values_[Index(id)] = Tensor();
  }
  // Where a value's type was found only while running.
  ValueType Type(ir::ValueId id) const;
  void SetInt8(ir::ValueId id, const std::optional<Int8Parameters>& int8) { int8_[Index(id)] = int8; }

  // Planned memory that fused steps share, aligned to 64 bytes; what a step leaves there stays until the run
  // ends, and its first content is what the run before left.
  std::byte* buffer() { return buffer_; }

  // What this run takes from the budget.
  Memory& memory() { return memory_; }
  Work& work() { return work_; }
  void StartRun();

 private:
  explicit Frame(const Program& program);
  static std::size_t Index(ir::ValueId id) { return static_cast<std::size_t>(id.index); }

  const Program& program_;
  std::vector<Tensor> values_;       // by ValueId
  std::vector<std::uint64_t> held_;  // by ValueId: bytes of what was computed
  std::vector<std::optional<Int8Parameters>> int8_;
  Memory memory_;
  Work work_;
  std::unique_ptr<std::byte[]> buffer_memory_;
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
