#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>

namespace octavo::fuzz {

// Where the mutators get their chance from: the same seed gives the same mutant.
class Dice {
 public:
  // Changes bytes without knowing what they mean; what it answers has at most `max_size` bytes.
  using MutateBytes = std::function<std::string(std::string data, std::size_t max_size)>;

  // Without `mutate_bytes`, single bytes are changed, put in and taken out.
  explicit Dice(std::uint32_t seed, MutateBytes mutate_bytes = {})
      : engine_(seed), mutate_bytes_(std::move(mutate_bytes)) {}

  std::size_t Below(std::size_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  template <typename Items>
  auto& Pick(Items& items) {
    return items[Below(std::size(items))];
  }

  std::string Bytes(std::string data, std::size_t max_size) {
    if (mutate_bytes_) return mutate_bytes_(std::move(data), max_size);
    const std::size_t at = Below(data.size() + 1);
    const char byte = static_cast<char>(Below(256));
    if (at == data.size() || OneIn(3)) {
      data.insert(at, 1, byte);
    } else if (OneIn(2)) {
      data.erase(at, 1);
    } else {
      data[at] = byte;
    }
    return data.substr(0, max_size);
  }

 private:
  std::mt19937 engine_;
  MutateBytes mutate_bytes_;
};

}  // namespace octavo::fuzz
