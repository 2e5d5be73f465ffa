#include "octavo/engine/fused/memory.h"

#include <algorithm>
#include <numeric>

namespace octavo::engine::fused {
namespace {

constexpr std::size_t kAlignment = 64;

// Which buffers are held around a step, so that a buffer is compared with few others.  Those that are held
// long are compared with all.
class Timetable {
 public:
  explicit Timetable(std::size_t buffers) : seen_(buffers, 0), left_(kMostLooks) {}

  void Add(std::size_t buffer, int first, int last) {
    if (IsLong(first, last)) {
      long_.push_back(buffer);
      return;
    }
    for (int part = first / kSteps; part <= last / kSteps; ++part) {
      if (static_cast<std::size_t>(part) >= parts_.size()) parts_.resize(static_cast<std::size_t>(part) + 1);
      parts_[static_cast<std::size_t>(part)].push_back(buffer);
    }
    short_.push_back(buffer);
  }

  // Adds all that may be held from `first` to `last`.  False: models of that many that are held at once are
  // not worth the time.
  bool Find(int first, int last, std::vector<std::size_t>& found) {
    ++query_;
    const bool all = IsLong(first, last);
    if (!Look(long_, found) || (all && !Look(short_, found))) return false;
    for (int part = first / kSteps; !all && part <= last / kSteps; ++part) {
      if (static_cast<std::size_t>(part) >= parts_.size()) break;
      if (!Look(parts_[static_cast<std::size_t>(part)], found)) return false;
    }
    return true;
  }

 private:
  static constexpr int kSteps = 64, kLongParts = 16;
  static constexpr std::size_t kMostLooks = std::size_t{1} << 26;

  static bool IsLong(int first, int last) { return last / kSteps - first / kSteps > kLongParts; }

  bool Look(const std::vector<std::size_t>& buffers, std::vector<std::size_t>& found) {
    if (buffers.size() > left_) return false;
    left_ -= buffers.size();
    for (const std::size_t buffer : buffers) {
      if (seen_[buffer] != query_) found.push_back(buffer);
      seen_[buffer] = query_;
    }
    return true;
  }

  std::vector<std::vector<std::size_t>> parts_;  // by step / kSteps
  std::vector<std::size_t> long_, short_;
  std::vector<std::size_t> seen_;  // in which query
  std::size_t query_ = 0, left_;
};

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
  Timetable placed(buffers_.size());
  std::vector<std::size_t> others;
  for (const std::size_t i : order) {
    Buffer& buffer = buffers_[i];
    std::size_t offset = 0;
    others.clear();
    if (placed.Find(buffer.first, buffer.last, others)) {
      std::erase_if(others, [&](std::size_t k) {
        return buffers_[k].last < buffer.first || buffers_[k].first > buffer.last;
      });
      std::ranges::sort(others, {}, [&](std::size_t k) { return buffers_[k].offset; });
      for (const std::size_t k : others) {
        const Buffer& other = buffers_[k];
        if (other.offset >= offset + buffer.bytes) break;
        offset = std::max(offset, other.offset + other.bytes);
      }
    } else {
      offset = total;
    }
    buffer.offset = offset;
    total = std::max(total, offset + buffer.bytes);
    placed.Add(i, buffer.first, buffer.last);
  }
  return total;
}

}  // namespace octavo::engine::fused
