// The library in many threads at once.  The preset `tsan` builds this with ThreadSanitizer.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "octavo/base/temporary_folder.h"
#include "octavo/driver/run.h"
#include "octavo/octavo.h"

namespace octavo::driver {
namespace {

constexpr std::size_t kThreads = 8;

std::string FileText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Each thread exports the example's network to a file of its own, and runs it in the reference and what it
// exported in the engine.
TEST(Library, WorksInManyThreads) {
  const std::filesystem::path digits = std::filesystem::path(OCTAVO_SOURCE_DIR) / "examples/digits/digits.pt";
  const auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(folder);
  std::vector<float> image(64);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * 5 % 17);
  const Tensor x = Tensor::Floats({1, 1, 8, 8}, image);
  std::vector<std::string> files(kThreads), answers(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::filesystem::path out = (*folder)->path() / (std::to_string(i) + ".onnx");
      ExportOptions options;
      if (i % 2 == 1) options.dialect = Dialect::kCaffe2;
      options.inputs = {*InputSpec::Parse("float32[1,1,8,8]")};
      if (!Export(digits, out, options)) return;
      files[i] = FileText(out);
      for (const std::filesystem::path& model : {digits, out}) {
        RunOptions run;
        run.engine.threads = 2;
        const auto report = driver::Run(model, {{.name = "", .tensor = x, .file = ""}}, run);
        if (!report) return;
        for (const std::byte byte : report->outputs.at(0).tensor.Bytes())
          answers[i] += static_cast<char>(byte);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kThreads; ++i) {
    EXPECT_FALSE(files[i].empty());
    EXPECT_EQ(files[i], files[i % 2]);
    EXPECT_EQ(answers[i], answers[0]);
    // The reference's numbers and the engine's.
    EXPECT_EQ(answers[i].size(), 2U * 10 * sizeof(float));
  }
}

}  // namespace
}  // namespace octavo::driver
