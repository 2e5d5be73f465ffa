#include "octavo/engine/fused/memory.h"

#include <algorithm>
#include <numeric>

namespace octavo::engine::fused {
namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

int Memory::Add(std::size_t bytes, int step) {
  buffers_.push_back(
      {.bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment, .first = step, .last = step});
  return static_cast<int>(buffers_.size()) - 1;
}

void Memory::Hold(int buffer, int step) {
  Buffer& held = buffers_[static_cast<std::size_t>(buffer)];
  held.first = std::min(held.first, step);
  held.last = std::max(held.last, step);
}

std::size_t Memory::Place() {
  // The largest first, each at the lowest place that is free for as long as it is held.
  std::vector<std::size_t> order(buffers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::size_t total = 0;
  std::vector<const Buffer*> placed;  // by offset
  for (const std::size_t i : order) {
    Buffer& buffer = buffers_[i];
    std::size_t offset = 0;
    for (const Buffer* other : placed) {
      if (other->last < buffer.first || other->first > buffer.last) continue;
      if (other->offset >= offset + buffer.bytes) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    buffer.offset = offset;
    total = std::max(total, offset + buffer.bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), &buffer,
                                     [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
    placed.insert(at, &buffer);
  }
  return total;
}

}  // namespace octavo::engine::fused
