#pragma once

// Between libFuzzer's C interface and the mutators.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "octavo/fuzz/dice.h"

// Of libFuzzer, and a stand-in in the program that replays the corpora.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace octavo::fuzz {

// libFuzzer's own mutation knows which bytes the program compared with what.
inline std::string MutateAsLibFuzzer(std::string data, std::size_t max_size) {
  if (max_size == 0) return data;
  const std::size_t size = std::min(data.size(), max_size);
  data.resize(max_size);
  data.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(data.data()), size, max_size));
  return data;
}

inline std::size_t Answer(const std::string& mutant, std::uint8_t* out, std::size_t max_size) {
  if (mutant.size() > max_size) return 0;
  std::memcpy(out, mutant.data(), mutant.size());
  return mutant.size();
}

// LLVMFuzzerCustomMutator in terms of std::string mutate(std::string_view, Dice&).
template <typename Mutator>
std::size_t Mutate(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed,
                   const Mutator& mutate) {
  Dice dice(seed, MutateAsLibFuzzer);
  return Answer(mutate(std::string_view(reinterpret_cast<const char*>(data), size), dice), data, max_size);
}

// LLVMFuzzerCustomCrossOver likewise.
template <typename Mutator>
std::size_t Cross(const std::uint8_t* data, std::size_t size, const std::uint8_t* other,
                  std::size_t other_size, std::uint8_t* out, std::size_t max_size, unsigned seed,
                  const Mutator& cross) {
  Dice dice(seed, MutateAsLibFuzzer);
  return Answer(cross(std::string_view(reinterpret_cast<const char*>(data), size),
                      std::string_view(reinterpret_cast<const char*>(other), other_size), dice),
                out, max_size);
}

}  // namespace octavo::fuzz
