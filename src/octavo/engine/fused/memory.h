#pragma once

#include <cstddef>
#include <vector>

namespace octavo::engine::fused {

// Buffers of one run, each held from one step to another; those that are not held at the same time share
// memory.
class Memory {
 public:
  // A buffer that is held during `step` and until it is held for the last time; answers its number.
  int Add(std::size_t bytes, int step);
  void Hold(int buffer, int step);

  // Places all buffers; answers the bytes that they take together.
  std::size_t Place();
  std::size_t offset(int buffer) const { return buffers_[static_cast<std::size_t>(buffer)].offset; }

 private:
  struct Buffer {
    std::size_t bytes;
    int first, last;
    std::size_t offset = 0;
  };
  std::vector<Buffer> buffers_;
};

}  // namespace octavo::engine::fused
