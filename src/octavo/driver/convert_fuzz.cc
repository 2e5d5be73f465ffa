#include "octavo/driver/fuzz_testing.h"
#include "octavo/onnx/read.h"

// Any ONNX model is converted, to either dialect and for each runtime, or refused; what was written is read
// again.  Corpus to start from: tests/data/fuzz/onnx.
namespace {

using namespace octavo;
using namespace octavo::driver;

void ConvertWith(const std::filesystem::path& model, ConvertOptions options) {
  options.limits = SmallLimits();
  const std::filesystem::path output = FuzzOutput("out.onnx");
  if (!Succeeds(Convert(model, output, options))) return;
  const auto again = onnx::Read(output, {.any_type = true});
  Require(Succeeds(again) || again.error().code() == ErrorCode::kUnsupported);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  ConvertWith(file.path(), {.opset = 21});
  ConvertWith(file.path(), {.target = Target::kTensorRt, .numbers = Numbers::kForms});
  ConvertWith(file.path(), {.target = Target::kOpenVino, .optimize = true});
  ConvertWith(file.path(), {.dialect = Dialect::kCaffe2, .requantize_per_channel = true});
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
