#include "octavo/driver/fuzz_testing.h"
#include "octavo/driver/onnx_model.h"
#include "octavo/engine/engine.h"
#include "octavo/ir/verify.h"
#include "octavo/verify/draw.h"

// Any ONNX model runs in the engine, fused and node by node, or is refused; a second run gives the same
// bytes. Corpus to start from: tests/data/fuzz/onnx.
namespace {

using namespace octavo;
using namespace octavo::driver;

void RunTwice(const ir::Graph& graph, const std::vector<TensorType>& types, const std::vector<Tensor>& inputs,
              const engine::Options& options) {
  const auto compiled = engine::CompiledModel::Compile(graph, types, options);
  if (!Succeeds(compiled)) return;
  const auto outputs = compiled->Run(inputs);
  if (!Succeeds(outputs)) return;
  Require(outputs->size() == graph.outputs().size());
  const auto again = compiled->Run(inputs);
  Require(again.has_value());
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    Require((*outputs)[i].Bytes().size() == (*outputs)[i].num_bytes());
    Require(std::ranges::equal((*outputs)[i].Bytes(), (*again)[i].Bytes()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  auto read = ReadOnnx(file.path());
  if (!Succeeds(read)) return 0;
  Require(ir::Verify(read->graph).has_value());
  if (!CloseSizes(read->graph, {})) return 0;
  std::vector<TensorType> types;
  for (const ir::ValueId input : read->graph.inputs()) types.push_back(read->graph.type(input));
  if (!std::ranges::all_of(types, Small)) return 0;
  const auto budget = std::make_shared<Budget>(SmallLimits());
  Memory memory(*budget);
  const auto inputs = verify::DrawInputs(read->graph, 0, memory);
  if (!Succeeds(inputs)) return 0;
  engine::Options options;
  options.budget = budget;
  RunTwice(read->graph, types, *inputs, options);
  options.arithmetic = engine::Arithmetic::kPyTorch;
  RunTwice(read->graph, types, *inputs, options);
  options.arithmetic = std::nullopt;
  options.fuse = false;
  RunTwice(read->graph, types, *inputs, options);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return MutateModel(data, size, max_size, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t max_size, unsigned seed) {
  return fuzz::Cross(data, size, other, other_size, out, max_size, seed, fuzz::CrossOnnx);
}
