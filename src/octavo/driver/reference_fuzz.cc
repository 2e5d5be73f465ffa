#include "octavo/driver/fuzz_testing.h"
#include "octavo/passes/passes.h"
#include "octavo/reference/reference.h"
#include "octavo/verify/draw.h"

// Any archive runs in the reference or is refused; each value has the bytes that its shape says, and a second
// run gives the same ones.  Corpus to start from: tests/data/fuzz/export.
namespace {

using namespace octavo;
using namespace octavo::driver;

bool IsSmall(const ir::Graph& graph) {
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    if (!Small(graph.type(ir::ValueId{static_cast<std::int32_t>(i)}))) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  std::vector<InputSpec> specs = SpecsOf(file.path());
  if (!CloseSizes(specs)) return 0;
  auto read = ReadFuzzed(file.path(), specs);
  if (!Succeeds(read)) return 0;
  ir::Graph& graph = read->imported.graph;
  passes::RemoveDeadNodes(graph);
  if (!IsSmall(graph)) return 0;
  const auto budget = std::make_shared<Budget>(SmallLimits());
  Memory memory(*budget);
  const auto inputs = verify::DrawInputs(graph, 0, memory);
  if (!Succeeds(inputs)) return 0;
  const auto check = [](ir::ValueId, const Tensor& value) {
    Require(value.Bytes().size() == value.num_bytes());
  };
  const auto outputs = reference::Run(graph, *inputs, {.budget = budget}, check);
  if (!Succeeds(outputs)) return 0;
  Require(outputs->size() == graph.outputs().size());
  const auto again = reference::Run(graph, *inputs, {.budget = budget});
  Require(again.has_value());
  for (std::size_t i = 0; i < outputs->size(); ++i)
    Require(std::ranges::equal((*outputs)[i].Bytes(), (*again)[i].Bytes()));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return MutateArchive(data, size, max_size, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t max_size, unsigned seed) {
  return fuzz::Cross(data, size, other, other_size, out, max_size, seed, fuzz::CrossZips);
}
