#include "octavo/ops/trials.h"

#include <cmath>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/exact_addition.h"
#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

std::string Text(const ExactnessStatement& statement) {
  return std::string(Name(statement.exactness)) + (statement.bound.empty() ? "" : ": ") + statement.bound;
}

template <typename F>
std::string Stated(F state) {
  ir::Graph graph;
  Builder g(&graph, {});
  state(g);
  return Text(g.TakeStatement().value_or(ExactnessStatement{}));
}

TEST(Trial, CountsTheIntegersThatComeOutOtherwise) {
  const TensorType in = Quint8(Shape{1}, 1, 3), out = Quint8(Shape{1}, 1, 3);
  Trial trial(in, out);
  trial.ThroughReals([](float x) { return x; });
  const auto against = [&](float added) {
    return Stated([&](Builder& g) {
      StateTried(g, trial.Against([=](float x) { return x + added; }), "input values");
    });
  };
  EXPECT_EQ(against(0), "exhaustion");
  // All but 255, which stays where it is.
  EXPECT_EQ(against(1), "not exact: may be off by one step for 255 of 256 input values");
  EXPECT_EQ(against(-2), "not exact: may be off by up to 2 steps for 255 of 256 input values");
}

TEST(Trial, BothOfPyTorchsWaysToDequantizeCount) {
  // s q - s z and (q - z) s, over s / 2, are in the middle between two integers, or not quite: by a plain
  // loop.
  const double scale = 0.1;
  const TensorType in = Quint8(Shape{1}, scale, 77), out = Quint8(Shape{1}, 2 * scale, 0);
  const auto s = static_cast<float>(scale), inverse = 1.0F / static_cast<float>(2 * scale);
  int two = 0;
  for (int q = 0; q < 256; ++q) {
    const float fused = std::fma(s, static_cast<float>(q), -(s * 77.0F)),
                plain = static_cast<float>(q - 77) * s;
    const auto rounded = [](float v) { return std::max(std::nearbyint(v), 0.0F); };
    two += rounded(fused * inverse) != rounded(plain * inverse) ? 1 : 0;
  }
  ASSERT_GT(two, 0) << "these numbers show nothing";
  Trial trial(in, out);
  trial.ThroughReals([](float x) { return x; });
  EXPECT_GE(trial.Against([](float x) { return x; }).differing, two);
}

TEST(Sums, AreAllTried) {
  const auto text = [](std::int64_t cells, float divisor) {
    return Stated([&](Builder& g) {
      StateOfSums(g, {0, 255, cells, cells},
                  {[](float sum, float n) { return std::nearbyint(sum / n); },
                   [=](float sum, float) { return std::nearbyint(sum / divisor); }});
    });
  };
  EXPECT_EQ(text(9, 9), "exhaustion");
  // Of the sums of 2 from 0 to 510, these lie in other halves.
  EXPECT_THAT(text(2, 2.0001F), HasSubstr("not exact: may be off by one step for "));
  EXPECT_THAT(text(0, 1), HasSubstr("not exact"));
  EXPECT_THAT(text(1 << 20, 1), HasSubstr("too many possible sums to try"));
}

// Of a call whose last operands are the result's scale and zero point.
std::string OfCall(void (*rows)(Registry&), const char* op, std::vector<TensorType> inputs,
                   std::vector<ir::Operand> others, LowerOptions options = {}) {
  OneCall call(rows);
  std::vector<ir::Operand> arguments;
  for (TensorType& type : inputs) arguments.emplace_back(call.Input(std::move(type)));
  arguments.insert(arguments.end(), others.begin(), others.end());
  if (const Status status = call.Call(op, std::move(arguments)); !status) return status.error().what();
  const auto lowered = call.Lower(options);
  if (!lowered) return lowered.error().what();
  if (lowered->exactness.size() != 1) return std::to_string(lowered->exactness.size()) + " statements";
  EXPECT_EQ(lowered->exactness[0].op, op);
  return Text(lowered->exactness[0].statement);
}

TEST(Exactness, IsStatedByTheEmitters) {
  const TensorType x = Quint8(Shape{1, 2, 4, 4}, .02, 3);
  EXPECT_EQ(OfCall(RegisterBinary, "quantized::add", {x, x}, {.05, Dim(7)}), "exhaustion");
  EXPECT_EQ(OfCall(RegisterBinary, "quantized::add", {x, Quint8(std::nullopt, .03, 0)}, {.05, Dim(7)}),
            "exhaustion: if both operands have the same shape");
  EXPECT_EQ(OfCall(RegisterBinary, "quantized::mul", {x, x}, {.05, Dim(7)}), "exhaustion");
  EXPECT_EQ(OfCall(RegisterBinary, "quantized::mul", {Quint8(Shape{2}, .5, 3), Quint8(Shape{2}, .5, 100)},
                   {1.0, Dim(33)}),
            "construction");
  EXPECT_EQ(OfCall(RegisterActivations, "quantized::hardswish", {x}, {.02, Dim(3)}), "exhaustion");
  EXPECT_EQ(OfCall(RegisterActivations, "aten::hardsigmoid", {x}, {}), "exhaustion");
  EXPECT_EQ(OfCall(RegisterPooling, "aten::adaptive_avg_pool2d", {x}, {Dim(1)}), "multiplier");
  EXPECT_EQ(OfCall(RegisterResampling, "aten::upsample_bilinear2d", {x},
                   {std::vector<Dim>{7, 7}, false, ir::None(), ir::None()}),
            "construction");
}

TEST(Exactness, IsOfOnnxRuntimeAlone) {
  const TensorType x = Quint8(Shape{1, 2}, .02, 3);
  for (const LowerOptions& options :
       {LowerOptions{.numbers = Numbers::kPlain}, LowerOptions{.target = Target::kOpenVino}}) {
    EXPECT_EQ(OfCall(RegisterBinary, "quantized::add", {x, x}, {.05, Dim(7)}, options), "0 statements");
  }
}

TEST(Exactness, OfRealsIsNot) {
  const TensorType x = Quint8(Shape{1, 2}, .02, 3);
  // Slopes of a tenth, of integers: every tenth result lies in the middle between two integers.
  EXPECT_THAT(OfCall(RegisterActivations, "aten::leaky_relu", {Quint8(Shape{2}, .1, 77)}, {.1}),
              HasSubstr(" of 256 input values"));
}

// qnnpack's sum in integers, and the float64 sum that is written.
TEST(FixedPointRatios, GiveTheSumOfIntegers) {
  const TensorType a = Quint8(Shape{1}, .0173, 3), b = Quint8(Shape{1}, .0911, 200),
                   c = Quint8(Shape{1}, .0477, 9);
  const auto ratios = RatiosInFixedPoint(a, b, c);
  ASSERT_TRUE(ratios);
  EXPECT_FALSE(ratios->ties_up);
  const int shift = 21 - std::ilogb(.0911F / .0477F);
  const auto integer = [&](float ratio) { return std::llrint(std::ldexp(double{ratio}, shift)); };
  EXPECT_EQ(std::ldexp(ratios->a, shift), static_cast<double>(integer(.0173F / .0477F)));
  EXPECT_EQ(std::ldexp(ratios->b, shift), static_cast<double>(integer(.0911F / .0477F)));
  EXPECT_FALSE(RatiosInFixedPoint(a, Quint8(Shape{1}, 1e5, 0), c));
}

TEST(Addition, WithoutScalesIsWrittenInFloat64) {
  OneCall call(RegisterBinary);
  const ir::ValueId x = call.Input(Qint8(Shape{2}, .5, 0)), y = call.Input(Qint8(Shape{2}, .5, 0));
  ASSERT_TRUE(call.Call("quantized::add", {x, y, 1.0, Dim(0)}));
  const auto lowered = call.Lower({.engine = Engine::kQnnpack});
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ops(lowered),
              ElementsAre("DequantizeLinear", "Cast", "Mul", "DequantizeLinear", "Cast", "Mul", "Add", "Add",
                          "Floor", "Cast", "QuantizeLinear", "DequantizeLinear", "QuantizeLinear"));
}

}  // namespace
}  // namespace octavo
