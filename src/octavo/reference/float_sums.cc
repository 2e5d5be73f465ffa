#include "octavo/reference/float_sums.h"

#include <array>
#include <cstddef>

namespace octavo::reference {

float CascadeSum(const float* row, std::int64_t length, std::int64_t step) {
  constexpr std::size_t kLevels = 4;
  std::int64_t power = 4;
  while ((std::int64_t{1} << (power * static_cast<std::int64_t>(kLevels))) < length) ++power;
  const std::int64_t run = std::int64_t{1} << power;
  std::array<float, kLevels> sums = {};
  std::int64_t i = 0;
  while (i + run <= length) {
    for (std::int64_t k = 0; k < run; ++k) sums[0] += row[step * i++];
    for (std::size_t level = 1; level < kLevels; ++level) {
      sums[level] += sums[level - 1];
      sums[level - 1] = 0;
      if (i >> (static_cast<std::int64_t>(level) * power) & (run - 1)) break;
    }
  }
  for (; i < length; ++i) sums[0] += row[step * i];
  for (std::size_t level = 1; level < kLevels; ++level) sums[0] += sums[level];
  return sums[0];
}

float SumOfFourths(const float* row, std::int64_t length) {
  constexpr std::int64_t kLanes = 4;
  const std::int64_t fourth = length / kLanes;
  std::array<float, kLanes> sums = {};
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    sums[static_cast<std::size_t>(lane)] = CascadeSum(row + lane, fourth, kLanes);
  }
  for (std::int64_t i = fourth * kLanes; i < length; ++i) sums[0] += row[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

float MeanOfChannel(const float* image, std::int64_t length, std::int64_t channel, std::int64_t channels) {
  constexpr std::int64_t kGroup = 32;
  const bool in_vectors = channel < channels / kGroup * kGroup;
  const float sum = in_vectors ? CascadeSum(image, length) : SumOfFourths(image, length);
  return sum / static_cast<float>(length);
}

}  // namespace octavo::reference
