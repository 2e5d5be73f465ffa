#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "octavo/reference/answer_testing.h"
#include "octavo/reference/levels.h"

// Expectations are PyTorch's own answers (Debian's 1.13, engine qnnpack); tests/numbers compares far more.

namespace octavo::reference {
namespace {

// One result, of the quantization that the importer's rule gives.
std::string CallQuantized(const std::string& constants, const std::string& type, const std::string& call,
                          Engine engine = Engine::kQnnpack) {
  return Answer(constants + "  %y: " + type + " = " + call + "  output %y", {.engine = engine});
}

constexpr const char* kA = "constant %a = quint8[7](0.5,128){0, 1, 3, 128, 255, 127, 129}";
constexpr const char* kImage =
    "constant %x = quint8[1,1,4,4](0.5,3){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}";

TEST(QuantizedAdd, OfUnsignedRoundsTiesAwayFromZero) {
  EXPECT_EQ(
      CallQuantized(std::string(kA) + "  constant %b = quint8[7](0.5,128){128, 128, 128, 128, 128, 128, 128}",
                    "quint8[7](1.0,10)", "quantized::add(qa=%a, qb=%b, scale=1.0, zero_point=10)"),
      "quint8[7](1,10){0, 0, 0, 10, 74, 9, 11}");
}

TEST(QuantizedAdd, OfSignedRoundsTiesUp) {
  EXPECT_EQ(CallQuantized("constant %a = qint8[7](0.5,0){-128, -3, -1, 0, 127, 1, 3}  "
                          "constant %b = qint8[7](0.5,0){0, 0, 0, 0, 0, 0, 0}",
                          "qint8[7](1.0,10)", "quantized::add(qa=%a, qb=%b, scale=1.0, zero_point=10)"),
            "qint8[7](1,10){-54, 9, 10, 10, 74, 11, 12}");
}

TEST(QuantizedMul, RoundsTiesToEven) {
  const std::string pair =
      std::string(kA) + "  constant %b = quint8[7](0.5,128){130, 130, 130, 130, 130, 1, 255}";
  EXPECT_EQ(
      CallQuantized(pair, "quint8[7](1.0,10)", "quantized::mul(qa=%a, qb=%b, scale=1.0, zero_point=10)"),
      "quint8[7](1,10){0, 0, 0, 10, 74, 42, 42}");
  EXPECT_EQ(
      CallQuantized(pair, "quint8[7](1.0,10)", "quantized::mul_relu(qa=%a, qb=%b, scale=1.0, zero_point=10)"),
      "quint8[7](1,10){10, 10, 10, 10, 74, 42, 42}");
}

TEST(QuantizedActivations, AreTablesOfUnsigned) {
  const std::string x = "constant %x = quint8[6](0.05,128){0, 64, 127, 128, 200, 255}";
  EXPECT_EQ(CallQuantized(x, "quint8[6](0.00390625,0)", "aten::sigmoid(self=%x)"),
            "quint8[6](0.00390625,0){0, 10, 125, 128, 249, 255}");
  EXPECT_EQ(CallQuantized(x, "quint8[6](0.0078125,128)", "aten::tanh(self=%x)"),
            "quint8[6](0.0078125,128){0, 0, 122, 128, 255, 255}");
  EXPECT_EQ(CallQuantized(x, "quint8[6](0.03,3)",
                          "quantized::hardswish(input=%x, output_scale=0.03, output_zero_point=3)"),
            "quint8[6](0.03,3){3, 3, 2, 3, 123, 215}");
}

// At ties it shows that the vector loop multiplies by the reciprocal of the scale as float64 holds it.
TEST(QuantizedActivations, OfSignedTakeTheReciprocalInFloat64) {
  EXPECT_EQ(
      CallQuantized("constant %x = qint8[8](0.03618042613836508,7){90, 98, 108, 110, 114, 116, 122, 124}",
                    "qint8[8](0.07236085227673016,-125)",
                    "quantized::hardswish(input=%x, output_scale=0.07236085227673016, "
                    "output_zero_point=-125)"),
      "qint8[8](0.07236085227673016,-125){-84, -80, -75, -74, -72, -71, -68, -67}");
}

// Of small numbers the exponential's rounding is most of what is left of e^x - 1.
TEST(QuantizedActivations, CeluRoundsTheExponential) {
  EXPECT_EQ(CallQuantized("constant %x = quint8[8](4.125289115138282e-05,5){4, 3, 2, 1, 0, 200, 7, 8}",
                          "quint8[8](8.250578230276564e-05,131)",
                          "quantized::celu(self=%x, output_scale=8.250578230276564e-05, "
                          "output_zero_point=131, alpha=1.5526513379148326)"),
            "quint8[8](8.250578230276564e-05,131){130, 130, 130, 129, 128, 229, 132, 133}");
}

TEST(QuantizedSoftmax, CountsIn256thsOfTheSum) {
  EXPECT_EQ(CallQuantized("constant %x = quint8[1,6](0.05,128){0, 64, 127, 128, 130, 131}",
                          "quint8[1,6](0.00390625,0)",
                          "quantized::softmax(qx=%x, dim=1, output_scale=0.00390625, output_zero_point=0)"),
            "quint8[1,6](0.00390625,0){0, 2, 57, 60, 66, 70}");
}

TEST(QuantizedPooling, CountsThePadding) {
  EXPECT_EQ(CallQuantized(
                kImage, "quint8[1,1,5,5](0.5,3)",
                "aten::avg_pool2d(self=%x, kernel_size=[2,2], stride=[1,1], padding=[1,1], ceil_mode=false, "
                "count_include_pad=true, divisor_override=None)"),
            "quint8[1,1,5,5](0.5,3){3, 2, 3, 3, 3, 3, 3, 5, 5, 5, 5, 7, 9, 9, 7, 7, 11, 13, 13, 9, 5, 8, 9, "
            "9, 6}");
}

TEST(QuantizedMean, OfImagesHasTheScaleInItsMultiplier) {
  // 18 of 36 elements are 166, the others 165, in both channels: the mean lies in the middle but for the last
  // bit of s / (s 36), and PyTorch 1.13 answers 165.
  std::string levels;
  for (int i = 0; i < 72; ++i) levels += (i == 0 ? "" : ", ") + std::to_string(i % 36 < 18 ? 166 : 165);
  EXPECT_EQ(Answer("constant %x = quint8[1,2,6,6](0.0673,94){" + levels +
                   "}  %y: quint8[1,2](0.0673,94) = aten::mean(self=%x, dim=[2,3], keepdim=false, "
                   "dtype=None)  output %y"),
            "quint8[1,2](0.0673,94){165, 165}");
}

// qnnpack overlooks count_include_pad=False and answers {3, 3, 3, 5, 9, 7, 5, 9, 6}.
TEST(QuantizedPooling, MeansWhatTheCallSays) {
  EXPECT_EQ(CallQuantized(
                kImage, "quint8[1,1,3,3](0.5,3)",
                "aten::avg_pool2d(self=%x, kernel_size=[2,2], stride=[2,2], padding=[1,1], ceil_mode=false, "
                "count_include_pad=false, divisor_override=None)"),
            "quint8[1,1,3,3](0.5,3){1, 3, 4, 7, 9, 10, 13, 15, 16}");
}

TEST(QuantizedNormalization, WorksInSteps) {
  EXPECT_EQ(
      CallQuantized(
          std::string(kImage) +
              "  constant %w = float32[1]{1.5}  constant %b = float32[1]{0.2}  constant %m = float32[1]{0.1}"
              "  constant %v = float32[1]{0.7}",
          "quint8[1,1,4,4](0.3,5)",
          "quantized::batch_norm2d(qx=%x, weight=%w, bias=%b, mean=%m, var=%v, eps=1e-05, output_scale=0.3, "
          "output_zero_point=5)"),
      "quint8[1,1,4,4](0.3,5){0, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35, 38, 41, 44}");
  EXPECT_EQ(
      CallQuantized(std::string(kImage) +
                        "  constant %w = float32[4]{1, 2, 3, 4}  constant %b = float32[4]{0, 1, 2, 3}",
                    "quint8[1,1,4,4](0.1,20)",
                    "quantized::layer_norm(input=%x, normalized_shape=[4], weight=%w, bias=%b, eps=1e-05, "
                    "output_scale=0.1, output_zero_point=20)"),
      "quint8[1,1,4,4](0.1,20){7, 21, 53, 104, 7, 21, 53, 104, 7, 21, 53, 104, 7, 21, 53, 104}");
}

TEST(QuantizedResampling, WeighsLevels) {
  EXPECT_EQ(CallQuantized(
                kImage, "quint8[1,1,3,5](0.5,3)",
                "aten::upsample_bilinear2d(self=%x, output_size=[3,5], align_corners=false, scales_h=None, "
                "scales_w=None)"),
            "quint8[1,1,3,5](0.5,3){2, 2, 3, 4, 5, 7, 8, 9, 9, 10, 12, 13, 14, 15, 15}");
}

TEST(Levels, SaturateWhereMeantAndFallWhereQnnpackDoes) {
  const Affine affine(0.5, 128);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Faults faults : {Faults::kMeant, Faults::kKeep}) {
    EXPECT_EQ(LevelOf<std::uint8_t>(0.25F, affine, faults), 128);  // half a step: to even
    EXPECT_EQ(LevelOf<std::uint8_t>(0.75F, affine, faults), 130);
    EXPECT_EQ(LevelOf<std::uint8_t>(1e9F, affine, faults), 255);
    EXPECT_EQ(LevelOf<std::uint8_t>(-kInfinity, affine, faults), 0);
    EXPECT_EQ(LevelOf<std::uint8_t>(std::nanf(""), affine, faults), 0);
  }
  EXPECT_EQ(LevelOf<std::uint8_t>(kInfinity, affine, Faults::kMeant), 255);
  EXPECT_EQ(LevelOf<std::uint8_t>(kInfinity, affine, Faults::kKeep), 0);
  EXPECT_EQ(LevelOf<std::uint8_t>(1e30F, affine, Faults::kKeep), 0);
  EXPECT_EQ(VectorLevelOf<std::uint8_t>(1e10F, affine, Faults::kKeep), 0);
  EXPECT_EQ(VectorLevelOf<std::uint8_t>(1e10F, affine, Faults::kMeant), 255);
  EXPECT_EQ(Requantized(1 << 30, 4.0F, 0, 0, 255, Faults::kMeant), 255);
  EXPECT_EQ(Requantized(1 << 30, 4.0F, 0, 0, 255, Faults::kKeep), 0);
}

// PyTorch 2.13, pip's x86 package, by torch.backends.quantized.engine.

TEST(Engines, OfPipAddTheZeroPointBeforeTheyRound) {
  const std::string x = "constant %x = float32[4]{0.25, 0.75, -0.25, nan}";
  const std::string call = "aten::quantize_per_tensor(self=%x, scale=0.5, zero_point=127, dtype=13)";
  EXPECT_EQ(CallQuantized(x, "quint8[4](0.5,127)", call), "quint8[4](0.5,127){127, 129, 127, 0}");
  for (const Engine engine : {Engine::kQnnpackX86, Engine::kFbgemm, Engine::kOnednn, Engine::kX86}) {
    EXPECT_EQ(CallQuantized(x, "quint8[4](0.5,127)", call, engine), "quint8[4](0.5,127){128, 128, 126, 255}");
  }
}

TEST(Engines, AddReals) {
  const std::string pair =
      std::string(kA) + "  constant %b = quint8[7](0.5,128){128, 128, 128, 128, 128, 128, 128}";
  const std::string call = "quantized::add(qa=%a, qb=%b, scale=1.0, zero_point=10)";
  EXPECT_EQ(CallQuantized(pair, "quint8[7](1.0,10)", call, Engine::kQnnpackX86),
            "quint8[7](1,10){0, 0, 0, 10, 74, 9, 11}");
  EXPECT_EQ(CallQuantized(pair, "quint8[7](1.0,10)", call, Engine::kFbgemm),
            "quint8[7](1,10){0, 0, 0, 10, 74, 10, 10}");
}

}  // namespace
}  // namespace octavo::reference
