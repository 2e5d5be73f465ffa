// Runs each harness of the fuzzers on the files of its corpus.  A harness aborts where it
// finds something wrong: the file named last in the output is the one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#define HARNESS(name) extern "C" int Run_##name(const std::uint8_t* data, std::size_t size);
#include "harnesses.inc"
#undef HARNESS

// The mutators of the harnesses are not called here.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }

namespace {

struct Harness {
  std::string name;
  int (*run)(const std::uint8_t* data, std::size_t size);
};

const Harness kHarnesses[] = {
#define HARNESS(name) {#name, Run_##name},
#include "harnesses.inc"
#undef HARNESS
};

class Corpora : public testing::TestWithParam<Harness> {};

TEST_P(Corpora, AreReadOrRefused) {
  const std::string name = GetParam().name.substr(0, GetParam().name.rfind("_fuzz"));
  const std::filesystem::path folder = std::filesystem::path(OCTAVO_SOURCE_DIR) / "tests/data/fuzz" / name;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  EXPECT_FALSE(files.empty()) << folder;
  for (const std::filesystem::path& path : files) {
    std::printf("%s/%s\n", name.c_str(), path.filename().c_str());
    std::fflush(stdout);
    std::ifstream file(path, std::ios::binary);
    // In a block of its own size, so that a read past its end is found.
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    GetParam().run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzzers, Corpora, testing::ValuesIn(kHarnesses),
                         [](const auto& harness) { return harness.param.name; });

}  // namespace
