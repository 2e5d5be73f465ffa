// libFuzzer harness: any text is a graph or an error, and a graph's own text is read back as it is.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/ir/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using octavo::ir::ParseGraph;
  using octavo::ir::Print;
  const octavo::Result<octavo::ir::Graph> graph =
      ParseGraph(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!graph) return 0;
  const octavo::ir::PrintOptions everything{.max_elements = SIZE_MAX};
  const std::string text = Print(*graph, everything);
  // Lists of scales are left out when they are long, whatever the options.
  if (text.find("... ") != std::string::npos) return 0;
  const octavo::Result<octavo::ir::Graph> again = ParseGraph(text);
  if (!again || Print(*again, everything) != text) std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed,
                              [](std::string_view text, octavo::fuzz::Dice& dice) {
                                return octavo::fuzz::MutateText(text, {}, dice);
                              });
}
