// Many threads in one compiled model.  The preset `tsan` builds this with ThreadSanitizer.

#include <random>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "octavo/engine/engine.h"
#include "octavo/ir/text.h"

namespace octavo::engine {
namespace {

// A quantized convolution, an average, a product that is fused, and float operators that are not.
std::string NetworkText() {
  std::string weights, row;
  for (int i = 0; i < 8 * 4 * 3 * 3; ++i)
    weights += fmt::format("{}{}", i == 0 ? "" : ", ", i * 37 % 255 - 127);
  for (int i = 0; i < 8 * 5; ++i) row += fmt::format("{}{}", i == 0 ? "" : ", ", i * 53 % 255 - 127);
  return fmt::format(R"(opset 17
    input %x: float32[2,4,9,9]
    constant %s = float32[]{{0.03125}}
    constant %z = uint8[]{{118}}
    constant %w = int8[8,4,3,3]{{{}}}
    constant %ws = float32[]{{0.0078125}}
    constant %wz = int8[]{{0}}
    constant %ys = float32[]{{0.125}}
    constant %v = int8[8,5]{{{}}}
    %q = QuantizeLinear(%x, %s, %z)
    %d = DequantizeLinear(%q, %s, %z)
    %wd = DequantizeLinear(%w, %ws, %wz)
    %c = Conv(%d, %wd, pads=[1,1,1,1])
    %r = Relu(%c)
    %rq = QuantizeLinear(%r, %ys, %z)
    %rd = DequantizeLinear(%rq, %ys, %z)
    %m = GlobalAveragePool(%rd)
    %f = Flatten(%m)
    %fq = QuantizeLinear(%f, %ys, %z)
    %fd = DequantizeLinear(%fq, %ys, %z)
    %vd = DequantizeLinear(%v, %ws, %wz)
    %p = MatMul(%fd, %vd)
    %pq = QuantizeLinear(%p, %ys, %z)
    %pd = DequantizeLinear(%pq, %ys, %z)
    %y = Softmax(%pd)
    output %y
    output %rq)",
                     weights, row);
}

Tensor Image(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(std::size_t{2} * 4 * 9 * 9);
  for (float& value : values) value = static_cast<float>(random() % 8192) / 1024.0F - 4.0F;
  return Tensor::Floats({2, 4, 9, 9}, values);
}

std::vector<std::byte> BytesOf(const std::vector<Tensor>& outputs) {
  std::vector<std::byte> bytes;
  for (const Tensor& output : outputs) {
    const std::vector<std::byte> more = output.Bytes();
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

constexpr unsigned kThreads = 8, kRuns = 20;

class Threads : public testing::TestWithParam<int> {};

TEST_P(Threads, GiveTheBytesOfOne) {
  const auto graph = ir::ParseGraph(NetworkText());
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::vector<std::vector<std::byte>> expected;
  {
    const auto alone = CompiledModel::Compile(*graph, {Image(0).type()}, {});
    ASSERT_TRUE(alone) << alone.error().ToString();
    for (unsigned seed = 0; seed < kThreads; ++seed) expected.push_back(BytesOf(*alone->Run({Image(seed)})));
  }
  EXPECT_NE(expected[0], expected[1]);
  Options options;
  options.threads = GetParam();
  const auto shared = CompiledModel::Compile(*graph, {Image(0).type()}, options);
  ASSERT_TRUE(shared) << shared.error().ToString();
  std::vector<unsigned> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (unsigned run = 0; run < kRuns; ++run) {
        const unsigned seed = (thread + run) % kThreads;
        const auto outputs = shared->Run({Image(seed)});
        if (!outputs || BytesOf(*outputs) != expected[seed]) ++wrong[thread];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<unsigned>(kThreads, 0));
}

// Each run in one thread, and each with helpers, which one run at a time has.
INSTANTIATE_TEST_SUITE_P(Engine, Threads, testing::Values(1, 3, 8));

// Eight threads that each compile the same graph.
TEST(Engine, CompilesInManyThreads) {
  const auto graph = ir::ParseGraph(NetworkText());
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::vector<std::vector<std::byte>> answers(kThreads);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      const auto model = CompiledModel::Compile(*graph, {Image(0).type()}, {});
      if (!model) return;
      if (const auto outputs = model->Run({Image(1)})) answers[thread] = BytesOf(*outputs);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_FALSE(answers[0].empty());
}

}  // namespace
}  // namespace octavo::engine
