#include "octavo/driver/fuzz_testing.h"
#include "octavo/ir/verify.h"
#include "octavo/onnx/read.h"
#include "octavo/passes/passes.h"

// Any archive is exported to the dialects qdq and caffe2 or refused; what was written is read again.
// Corpus to start from: tests/data/fuzz/export.
namespace {

using namespace octavo;
using namespace octavo::driver;

void ExportTo(const ir::Graph& graph, const ExportOptions& options) {
  const std::filesystem::path output = FuzzOutput("out.onnx");
  if (!Succeeds(ConvertAndWrite(graph, BuiltinRegistry(), output, options, {}))) return;
  const auto again = onnx::Read(output);
  Require(Succeeds(again) || again.error().code() == ErrorCode::kUnsupported);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  auto read = ReadFuzzed(file.path(), SpecsOf(file.path()));
  if (!Succeeds(read)) return 0;
  ir::Graph& graph = read->imported.graph;
  passes::RemoveDeadNodes(graph);
  Require(ir::Verify(graph).has_value());
  ExportOptions options;
  // The search for exact constants takes most of the time.
  options.numbers = size % 4 == 0 ? Numbers::kExact : Numbers::kForms;
  ExportTo(graph, options);
  options.target = Target::kTensorRt;
  options.numbers = Numbers::kForms;
  options.optimize = true;
  ExportTo(graph, options);
  options = {};
  options.dialect = Dialect::kCaffe2;
  options.requantize_per_channel = true;
  ExportTo(graph, options);
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
