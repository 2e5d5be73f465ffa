#pragma once

#include <bit>
#include <cstdint>

namespace octavo {

// A positive float moved by so many units in the last place.
inline float Ulps(float value, int steps) {
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(value) + steps);
}

// 0, 1, -1, 2, -2, ...: the order in which moves are tried.
inline int Alternating(int i) { return i % 2 == 0 ? -(i / 2) : (i + 1) / 2; }

}  // namespace octavo
