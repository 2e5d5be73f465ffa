#include "octavo/verify/draw.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"

namespace octavo::verify {
namespace {

using ::testing::HasSubstr;

std::vector<Tensor> Drawn(const std::string& text, std::uint64_t seed = 0) {
  const Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  Budget budget;
  Memory memory(budget);
  Result<std::vector<Tensor>> inputs = DrawInputs(*graph, seed, memory);
  EXPECT_TRUE(inputs) << inputs.error().ToString();
  return std::move(*inputs);
}

struct Statistics {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Statistics Of(const Tensor& tensor) {
  const std::vector<double> numbers = tensor.ToDoubles();
  Statistics s;
  for (const double x : numbers) s.mean += x / static_cast<double>(numbers.size());
  for (const double x : numbers)
    s.deviation += (x - s.mean) * (x - s.mean) / static_cast<double>(numbers.size());
  s.deviation = std::sqrt(s.deviation);
  s.low = *std::min_element(numbers.begin(), numbers.end());
  s.high = *std::max_element(numbers.begin(), numbers.end());
  return s;
}

TEST(Draw, ImagesFillTheRangeTheyAreQuantizedTo) {
  const Tensor x = Drawn(R"(
    input %x: float32[2,3,32,32]
    %q: quint8[2,3,32,32](0.02,100) = aten::quantize_per_tensor(%x)
    output y = %q
  )")[0];
  EXPECT_EQ(x.type().ToString(), "float32[2,3,32,32]");
  const Statistics s = Of(x);  // the range is -2 to 3.1
  EXPECT_NEAR(s.mean, 0.55, 0.8);
  EXPECT_GT(s.deviation, 0.5);
  EXPECT_LT(s.deviation, 2);
  EXPECT_LT(s.low, -1);
  EXPECT_GT(s.high, 2);
}

TEST(Draw, ImagesAreSmooth) {
  const std::vector<double> x = Drawn("input %x: float32[1,1,64,64]; output y = %x")[0].ToDoubles();
  double apart = 0, along = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) along += std::abs(x[i + 1] - x[i]);
  for (std::size_t i = 0; i + 2080 < x.size(); ++i) apart += std::abs(x[i + 2080] - x[i]);
  EXPECT_LT(along / static_cast<double>(x.size()), 0.6 * apart / static_cast<double>(x.size() - 2080));
}

TEST(Draw, ThroughAMultiplication) {
  const Statistics s = Of(Drawn(R"(
    opset 17
    input %x: float32[1,1000]
    constant %f = float32[]{100.0}; constant %one = float32[]{1.0}; constant %z = uint8[]{0}
    %m = Mul(%x, %f)
    %q: uint8[1,1000] = QuantizeLinear(%m, %one, %z)
    output y = %q
  )")[0]);
  EXPECT_NEAR(s.mean, 1.275, 0.1);
  EXPECT_NEAR(s.deviation, 2.55 / 5, 0.05);
}

TEST(Draw, QuantizedInputsFillTheirIntegers) {
  const std::vector<Tensor> inputs =
      Drawn("input %x: quint8[500](0.1,7); input %y: qint8[500](0.1,0); output z = %x");
  EXPECT_EQ(inputs[0].type().ToString(), "quint8[500](0.1,7)");
  EXPECT_NEAR(Of(inputs[0]).mean, 127.5, 10);
  EXPECT_NEAR(Of(inputs[1]).mean, 0, 10);
  EXPECT_NEAR(Of(inputs[1]).deviation, 51, 6);
}

TEST(Draw, IndicesStayInsideTheTable) {
  const Tensor x = Drawn(R"(
    input %x: int64[200]
    constant %w = float32[3,2]{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
    %e: float32[200,2] = aten::embedding(%w, %x)
    output y = %e
  )")[0];
  EXPECT_EQ(Of(x).low, 0);
  EXPECT_EQ(Of(x).high, 2);
}

TEST(Draw, OtherTypes) {
  const std::vector<Tensor> inputs = Drawn(
      "input %a: bool[50]; input %b: int32[50]; input %c: float64[50]; input %d: float32[]; output z = %a");
  EXPECT_EQ(inputs[0].dtype, DType::kBool);
  EXPECT_EQ(Of(inputs[1]).high, 9);
  EXPECT_EQ(inputs[2].dtype, DType::kFloat64);
  EXPECT_EQ(inputs[3].num_elements(), 1);
}

TEST(Draw, TheSameForTheSameSeed) {
  const std::string text = "input %x: float32[1,3,16,16]; output y = %x";
  EXPECT_EQ(Drawn(text, 3)[0].Bytes(), Drawn(text, 3)[0].Bytes());
  EXPECT_NE(Drawn(text, 3)[0].Bytes(), Drawn(text, 4)[0].Bytes());
}

TEST(Draw, UnknownSizes) {
  Budget budget;
  Memory memory(budget);
  const Result<std::vector<Tensor>> inputs =
      DrawInputs(*ir::ParseGraph("input %x: float32[N,3]; output y = %x"), 0, memory);
  ASSERT_FALSE(inputs);
  EXPECT_EQ(inputs.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(inputs.error().ToString(), HasSubstr("--input"));
  EXPECT_FALSE(DrawInputs(*ir::ParseGraph("input %x: float32[100000,100000,100]; output y = %x"), 0, memory));
}

}  // namespace
}  // namespace octavo::verify
