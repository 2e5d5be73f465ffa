#include "octavo/engine/fused/policy.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace octavo::engine::fused {
namespace {

struct Parameters {
  double scale;
  int zero_point;
};

// FNV-1a of the bytes that PyTorch 1.13 gives with the qnnpack engine: of all 65,536 pairs (the first
// operand's byte is the higher one), or of all 256 bytes.
struct Answer {
  std::string op;
  bool is_signed;
  Parameters a, b, y;
  std::uint64_t hash;
};

const Answer kAnswers[] = {
    {"add", false, {0.5, 10}, {0.25, 3}, {0.5, 7}, 0x8bd5f603cf4095ca},
    {"add_relu", false, {0.5, 10}, {0.25, 3}, {0.5, 7}, 0x7040b191736706c5},
    {"mul", false, {0.5, 10}, {0.25, 3}, {0.5, 7}, 0xf7c881d770c89ea3},
    {"add", false, {0.031, 128}, {0.0172, 60}, {0.044, 121}, 0xaf261d6eadf2bc77},
    {"add_relu", false, {0.031, 128}, {0.0172, 60}, {0.044, 121}, 0xc324c0cd74466016},
    {"mul", false, {0.031, 128}, {0.0172, 60}, {0.044, 121}, 0xc9e19e93c0192082},
    {"add", false, {0.1, 0}, {0.1, 255}, {0.3, 128}, 0x0e2c876ef6efae81},
    {"add_relu", false, {0.1, 0}, {0.1, 255}, {0.3, 128}, 0x328f69316ffbdd60},
    {"mul", false, {0.1, 0}, {0.1, 255}, {0.3, 128}, 0xd9d5cdeb6c578823},
    {"add", false, {0.0071, 77}, {0.9, 200}, {0.61, 33}, 0x286b85dce25f924b},
    {"add_relu", false, {0.0071, 77}, {0.9, 200}, {0.61, 33}, 0x9b53b51a54024196},
    {"mul", false, {0.0071, 77}, {0.9, 200}, {0.61, 33}, 0xa4394e8960dce8e4},
    {"add", true, {0.5, -118}, {0.25, -125}, {0.5, -121}, 0x37db3b2e61d21d79},
    {"add_relu", true, {0.5, -118}, {0.25, -125}, {0.5, -121}, 0xd24746972f0da945},
    {"mul", true, {0.5, -118}, {0.25, -125}, {0.5, -121}, 0x5935af225b050f7b},
    {"add", true, {0.031, 0}, {0.0172, -68}, {0.044, -7}, 0xa4fa297cea6a4d08},
    {"add_relu", true, {0.031, 0}, {0.0172, -68}, {0.044, -7}, 0x4f33f5b7747c8312},
    {"mul", true, {0.031, 0}, {0.0172, -68}, {0.044, -7}, 0x7e4fff3bde0dd776},
    {"add", true, {0.1, -128}, {0.1, 127}, {0.3, 0}, 0x6fc2d11ccff21339},
    {"add_relu", true, {0.1, -128}, {0.1, 127}, {0.3, 0}, 0x1cb85ad22e332f54},
    {"mul", true, {0.1, -128}, {0.1, 127}, {0.3, 0}, 0x3564a57bfafd995b},
    {"add", true, {0.0071, -51}, {0.9, 72}, {0.61, -95}, 0x267a4986de720866},
    {"add_relu", true, {0.0071, -51}, {0.9, 72}, {0.61, -95}, 0x0190a0e95e204bb8},
    {"mul", true, {0.0071, -51}, {0.9, 72}, {0.61, -95}, 0x4f96c2cb63e0fcd0},
    {"Sigmoid", false, {0.5, 10}, {1.0, 0}, {0.00390625, 0}, 0x2838cefdb0e8d624},
    {"Tanh", false, {0.5, 10}, {1.0, 0}, {0.0078125, 128}, 0x16fe4ae0bc17b0a2},
    {"HardSigmoid", false, {0.5, 10}, {1.0, 0}, {0.00390625, 0}, 0x06031339099b461d},
    {"HardSwish", false, {0.5, 10}, {1.0, 0}, {0.5, 7}, 0x8ed0e78eee857346},
    {"Sigmoid", false, {0.031, 128}, {1.0, 0}, {0.00390625, 0}, 0x0aa70cc562b32b2c},
    {"Tanh", false, {0.031, 128}, {1.0, 0}, {0.0078125, 128}, 0x94578aaf0a4ad552},
    {"HardSigmoid", false, {0.031, 128}, {1.0, 0}, {0.00390625, 0}, 0x1391281937b6837a},
    {"HardSwish", false, {0.031, 128}, {1.0, 0}, {0.044, 121}, 0xe6411d455c6c778c},
    {"Sigmoid", false, {0.1, 0}, {1.0, 0}, {0.00390625, 0}, 0x358d37c47aff4cdc},
    {"Tanh", false, {0.1, 0}, {1.0, 0}, {0.0078125, 128}, 0xe34bae518a44deca},
    {"HardSigmoid", false, {0.1, 0}, {1.0, 0}, {0.00390625, 0}, 0x311718fd4e6a1fcb},
    {"HardSwish", false, {0.1, 0}, {1.0, 0}, {0.3, 128}, 0x67bf93585359be09},
    {"Sigmoid", false, {0.0071, 77}, {1.0, 0}, {0.00390625, 0}, 0x4c78844749852bbe},
    {"Tanh", false, {0.0071, 77}, {1.0, 0}, {0.0078125, 128}, 0x8ecc3f40121d2094},
    {"HardSigmoid", false, {0.0071, 77}, {1.0, 0}, {0.00390625, 0}, 0x80d7cccc9452ef92},
    {"HardSwish", false, {0.0071, 77}, {1.0, 0}, {0.61, 33}, 0x22d1907c15139cb4},
};

std::uint64_t Hash(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

Quant QuantOf(const Parameters& p, bool is_signed) {
  return {.scale = static_cast<float>(p.scale), .zero_point = p.zero_point, .is_signed = is_signed};
}

TEST(PolicyTest, EqualsPyTorch) {
  const Policy policy(Arithmetic::kPyTorch);
  for (const Answer& answer : kAnswers) {
    const Quant a = QuantOf(answer.a, answer.is_signed), b = QuantOf(answer.b, answer.is_signed),
                y = QuantOf(answer.y, answer.is_signed);
    Range range = {y.low(), y.high()};
    if (answer.op == "add_relu") range.low = std::max(range.low, y.zero_point);
    std::vector<std::uint8_t> bytes;
    if (const auto function = policy.ByteFunction(answer.op, 1.0 / 6, a, y)) {
      for (int x = 0; x < 256; ++x) bytes.push_back(function(static_cast<std::uint8_t>(x)));
    } else {
      const auto add = policy.Add(a, b, y, range, true);
      for (int x = 0; x < 65536; ++x) {
        const auto i = static_cast<std::uint8_t>(x >> 8), j = static_cast<std::uint8_t>(x & 255);
        bytes.push_back(answer.op == "mul" ? policy.Multiply(i, a, j, b, y, range) : add(i, j));
      }
    }
    EXPECT_EQ(Hash(bytes), answer.hash) << answer.op << (answer.is_signed ? " of int8" : " of uint8")
                                        << ", scales " << a.scale << ", " << b.scale << ", " << y.scale;
  }
}

// The vector kernels take the sums and products that occur; a table of pairs is for what they do not give.
TEST(PolicyTest, FormsGiveTheSame) {
  for (const Arithmetic arithmetic : {Arithmetic::kPyTorch, Arithmetic::kOnnxRuntime}) {
    const Policy policy(arithmetic);
    const Quant a = {.scale = 0.031F, .zero_point = 128}, b = {.scale = 0.0172F, .zero_point = 60},
                y = {.scale = 0.044F, .zero_point = 121};
    const Range range = {100, 255};
    const auto add = policy.Add(a, b, y, range, true);
    const kernels::Binary sum = policy.AddForms(a, b, y, range, true)[0];
    const kernels::Binary product = policy.MultiplyForms(a, b, y, range)[0];
    for (int x = 0; x < 65536; ++x) {
      const auto i = static_cast<std::uint8_t>(x >> 8), j = static_cast<std::uint8_t>(x & 255);
      std::uint8_t result = 0;
      kernels::kScalar.binary(sum, &i, &j, 1, 1, &result);
      ASSERT_EQ(result, add(i, j));
      kernels::kScalar.binary(product, &i, &j, 1, 1, &result);
      ASSERT_EQ(result, policy.Multiply(i, a, j, b, y, range));
    }
  }
}

// PyTorch's multiplier and ONNX Runtime's differ in the last bit; XNNPACK's, of int8, is a quotient.
TEST(PolicyTest, Multipliers) {
  const Quant x = {.scale = 0.0273F, .zero_point = 0}, y = {.scale = 0.0371F, .zero_point = 0};
  Quant x8 = x;
  x8.is_signed = true;
  int differ = 0;
  for (int i = 1; i < 200; ++i) {
    const float w = 0.001F * static_cast<float>(i);
    const float quotient = x.scale * w / y.scale, product = x.scale * w * (1.0F / y.scale);
    differ += quotient != product;
    const auto of = [&](Arithmetic arithmetic, const Quant& from) {
      return Policy(arithmetic).Requantize(from, {w}, y, {0, 255}).multipliers[0];
    };
    EXPECT_EQ(of(Arithmetic::kPyTorch, x), product);
    EXPECT_EQ(of(Arithmetic::kPyTorch, x8), quotient);
    EXPECT_EQ(of(Arithmetic::kOnnxRuntime, x), quotient);
  }
  EXPECT_GT(differ, 10);
}

}  // namespace
}  // namespace octavo::engine::fused
