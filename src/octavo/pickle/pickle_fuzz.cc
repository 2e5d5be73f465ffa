#include <cstddef>
#include <cstdint>
#include <vector>

#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/pickle/pickle.h"

// Any bytes are read or refused; every node of what was read can be looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace octavo;
  auto owner = std::make_shared<std::vector<std::byte>>(size);
  for (std::size_t i = 0; i < size; ++i) (*owner)[i] = static_cast<std::byte>(data[i]);
  const auto pickle =
      pickle::Read({.bytes = *owner, .owner = owner}, {.limits = {}, .record = "fuzz", .allowed = {}});
  if (!pickle) return 0;
  std::size_t sum = 0;
  for (pickle::NodeId id = 0; id < pickle->size(); ++id) {
    for (const pickle::NodeId item : pickle->items(id)) sum += pickle->position(item);
    switch (pickle->kind(id)) {
      case pickle::Kind::kString:
      case pickle::Kind::kBytes:
      case pickle::Kind::kBigInt:
        for (const char c : pickle->text(id)) sum += static_cast<unsigned char>(c);
        break;
      case pickle::Kind::kGlobal:
        sum += pickle->QualifiedName(id).size();
        break;
      case pickle::Kind::kCall:
      case pickle::Kind::kObject:
        sum += pickle->position(pickle->callable(id)) + pickle->position(pickle->arguments(id));
        if (pickle->state(id) != pickle::kNoNode) sum += pickle->position(pickle->state(id));
        break;
      default:
        break;
    }
  }
  [[maybe_unused]] static volatile std::size_t sink = 0;  // keeps the reads
  sink = sum;
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed, octavo::fuzz::MutatePickle);
}
