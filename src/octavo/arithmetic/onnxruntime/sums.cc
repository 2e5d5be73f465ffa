#include "octavo/arithmetic/onnxruntime/sums.h"

#include <algorithm>
#include <array>

namespace octavo::arithmetic::onnxruntime {
namespace {

constexpr std::size_t kLanes = 4;
using Packet = std::array<float, kLanes>;

Packet Load(std::span<const float> values, std::size_t at) {
  return {values[at], values[at + 1], values[at + 2], values[at + 3]};
}
Packet Sum(const Packet& a, const Packet& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]}; }

}  // namespace

float SumOfNeighbours(std::span<const float> values, std::size_t offset) {
  const std::size_t head = std::min((kLanes - offset % kLanes) % kLanes, values.size());
  const std::size_t pairs_end = head + (values.size() - head) / (2 * kLanes) * (2 * kLanes);
  const std::size_t end = head + (values.size() - head) / kLanes * kLanes;
  if (end == head) {
    float sum = values.empty() ? 0.0F : values[0];
    for (std::size_t i = 1; i < values.size(); ++i) sum += values[i];
    return sum;
  }
  Packet packet = Load(values, head);
  if (end - head > kLanes) {
    Packet other = Load(values, head + kLanes);
    for (std::size_t i = head + 2 * kLanes; i < pairs_end; i += 2 * kLanes) {
      packet = Sum(packet, Load(values, i));
      other = Sum(other, Load(values, i + kLanes));
    }
    packet = Sum(packet, other);
    if (end > pairs_end) packet = Sum(packet, Load(values, pairs_end));
  }
  float sum = (packet[0] + packet[2]) + (packet[1] + packet[3]);
  for (std::size_t i = 0; i < head; ++i) sum += values[i];
  for (std::size_t i = end; i < values.size(); ++i) sum += values[i];
  return sum;
}

float SumInLanes(std::span<const float> values) {
  Packet packet{};
  const std::size_t end = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < end; i += kLanes) packet = Sum(packet, Load(values, i));
  float sum = (packet[0] + packet[2]) + (packet[1] + packet[3]);
  for (std::size_t i = end; i < values.size(); ++i) sum += values[i];
  return sum;
}

float SumInOrder(std::span<const float> values) {
  float sum = 0;
  for (const float value : values) sum += value;
  return sum;
}

float SumOfRows(const float* first, std::int64_t count, std::int64_t step) {
  float sum = 0;
  std::int64_t i = 0;
  const auto at = [first, step](std::int64_t index) { return first[index * step]; };
  for (; i + 4 <= count; i += 4) sum += ((at(i) + at(i + 1)) + at(i + 2)) + at(i + 3);
  if (i + 2 <= count) {
    sum += at(i) + at(i + 1);
    i += 2;
  }
  if (i < count) sum += at(i);
  return sum;
}

}  // namespace octavo::arithmetic::onnxruntime
