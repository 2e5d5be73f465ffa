#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "octavo/tensor.h"

namespace octavo::verify {

// What counts as equal.
struct Tolerance {
  // Steps of quantized values and other integers.
  std::int64_t lsb = 0;
  // Float values differ where |a - b| > relative * (|a| + typical), typical being the root mean square of a's
  // finite elements: sums are computed in another order on each side, and an element near 0 may be what is
  // left of larger ones.  NaN equals NaN, and an infinity the same one.
  double relative = 1e-5;
};

inline constexpr int kNotFinite = 99;

// How two values that should be the same differ.
struct Difference {
  std::int64_t elements = 0;
  std::int64_t differ = 0;  // by more than the tolerance
  // Quantized values and integers: in steps (b - a).  Floats: |a - b| over the allowed |a - b| times the
  // relative tolerance, so that it is compared with that.
  double largest = 0;
  // Integers: how often each difference that is not 0 occurs; those beyond +-16 count as 16 away.  Floats:
  // how often a difference lies in the decade [10^k, 10^(k+1)), by k, of those that differ; kNotFinite where
  // one of the two is no number.
  std::map<int, std::int64_t> histogram;
  std::vector<std::int64_t> first;  // place, in a's order of axes, of the first that differs
  double a_there = 0, b_there = 0;  // what is there: integers where quantized
  bool integers = false;
  // Set where the two cannot be compared: "quint8[1,8] and float32[1,8]".
  std::string mismatch;

  bool equal() const { return differ == 0 && mismatch.empty(); }
  // Adds what another run found.
  void Add(const Difference& other);
};

// `b` has a's axes.  Of two quantized tensors the integers are compared, after both zero points are taken
// away where the types differ (int8 for uint8).
Difference Compare(const Tensor& a, const Tensor& b, const Tolerance& tolerance);

}  // namespace octavo::verify
