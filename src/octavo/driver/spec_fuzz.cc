#include "octavo/driver/fuzz_testing.h"
#include "octavo/driver/input_values.h"

// Any text of --input, --rename, --limit and FILE@SPEC is taken or is a usage error.
// Corpus to start from: tests/data/fuzz/spec.
namespace {

using namespace octavo;

template <typename T>
void Check(const Result<T>& result, bool names_missing_file = false) {
  if (driver::Succeeds(result)) return;
  const ErrorCode code = result.error().code();
  driver::Require(code == ErrorCode::kUsage || (names_missing_file && code == ErrorCode::kIo));
}

const std::string& Array() {
  static const archive::TestFile& file =
      *new archive::TestFile(std::string("\x93NUMPY\1\0\x37\0", 10) +
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}"
                             "\1\2\3\4");
  static const std::string& path = *new std::string(file.path().string());
  return path;
}

const std::string kSpecWords[] = {"float32", "quint8", "qint8", "qint32", "int64", "bool", "float16",
                                  "torch",   "memory", "steps", "N",      "x",     "None", "true"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto spec = InputSpec::Parse(text);
  Check(spec);
  Check(Rename::Parse(text));
  Limits limits;
  Check(SetLimit(limits, text));
  // The last @ ends the name of the file: one in the text names a file that does not exist.
  Check(driver::ReadInputs({Array() + "@" + text}), text.find('@') != std::string::npos);
  if (spec && !spec->value) {
    std::vector<InputSpec> specs = {*spec};
    Check(driver::CloseSizes(specs));
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return fuzz::Mutate(data, size, max_size, seed, [](std::string_view text, fuzz::Dice& dice) {
    return fuzz::MutateText(text, kSpecWords, dice);
  });
}
