#include <string>

#include <gtest/gtest.h>

#include "octavo/reference/answer_testing.h"

namespace octavo::reference {
namespace {

constexpr const char* kReduced = "constant %x = float32[2,3]{1, 5, 3, 4, 2, 6}";

std::string CallReduction(const std::string& constants, const std::string& dtype, const std::string& call) {
  return Answer(constants + "  %y: " + dtype + " = " + call + "  output %y");
}

TEST(Reduction, ReducesTheNamedDimensions) {
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::sum(self=%x, dim=[0], keepdim=false, dtype=None)"),
            "float32[3]{5, 7, 9}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::sum(self=%x, dim=[-1], keepdim=true, dtype=None)"),
            "float32[2,1]{9, 12}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::sum(self=%x, dim=[], keepdim=true, dtype=None)"),
            "float32[1,1]{21}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::mean(self=%x, dtype=None)"), "float32[]{3.5}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::sum(self=%x, dim=[0,-2], keepdim=false, dtype=None)"),
            "error: aten::sum: dimension -2 occurs twice");
  EXPECT_EQ(CallReduction("constant %x = float32[2,0]{}", "float32",
                          "aten::sum(self=%x, dim=[1], keepdim=false, dtype=None)"),
            "float32[2]{0, 0}");
  EXPECT_EQ(CallReduction("constant %x = float32[]{7}", "float32",
                          "aten::sum(self=%x, dim=[0], keepdim=false, dtype=None)"),
            "float32[]{7}");
}

TEST(Reduction, AddsIntegersAsInt64) {
  EXPECT_EQ(CallReduction("constant %x = int32[2]{2147483647, 1}", "int64", "aten::sum(self=%x, dtype=None)"),
            "int64[]{2147483648}");
  EXPECT_EQ(CallReduction("constant %x = bool[3]{1, 0, 1}", "int64", "aten::sum(self=%x, dtype=None)"),
            "int64[]{2}");
  EXPECT_EQ(CallReduction("constant %x = int64[3]{2, 3, -4}", "int64", "aten::prod(self=%x, dtype=None)"),
            "int64[]{-24}");
}

TEST(Reduction, VarianceAndNorms) {
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::var(self=%x, unbiased=true)"), "float32[]{3.5}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::var(self=%x, dim=[1], unbiased=false, keepdim=false)"),
            "float32[2]{2.6666667461395264, 2.6666667461395264}");
  EXPECT_EQ(CallReduction("constant %x = float32[2]{3, -4}", "float32", "aten::norm(self=%x, p=2)"),
            "float32[]{5}");
  EXPECT_EQ(CallReduction("constant %x = float32[2]{3, -4}", "float32",
                          "aten::linalg_vector_norm(self=%x, ord=inf, dim=None, keepdim=false, dtype=None)"),
            "float32[]{4}");
  EXPECT_EQ(CallReduction("constant %x = float32[2]{1000, 1000}", "float32",
                          "aten::logsumexp(self=%x, dim=[0], keepdim=false)"),
            "float32[]{1000.6931762695312}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::cumsum(self=%x, dim=1, dtype=None)"),
            "float32[2,3]{1, 6, 9, 4, 6, 12}");
}

TEST(Reduction, ExtremesAndTheirPlaces) {
  EXPECT_EQ(
      Answer(std::string(kReduced) + "  %v: float32, %i: int64 = aten::max(self=%x, dim=0, keepdim=false)"
                                     "  output %v  output %i"),
      "float32[3]{4, 5, 6} | int64[3]{1, 0, 1}");
  EXPECT_EQ(CallReduction(kReduced, "float32", "aten::min(self=%x)"), "float32[]{1}");
  EXPECT_EQ(CallReduction(kReduced, "int64", "aten::argmax(self=%x, dim=None, keepdim=false)"), "int64[]{5}");
  EXPECT_EQ(CallReduction("constant %x = float32[4]{2, nan, 3, nan}", "int64",
                          "aten::argmin(self=%x, dim=0, keepdim=true)"),
            "int64[1]{1}");
  EXPECT_EQ(CallReduction("constant %x = int64[3]{5, 5, 1}", "int64",
                          "aten::argmax(self=%x, dim=0, keepdim=false)"),
            "int64[]{0}");
  EXPECT_EQ(CallReduction("constant %x = quint8[3](0.5,3){5, 9, 1}", "quint8(0.5,3)", "aten::max(self=%x)"),
            "quint8[](0.5,3){9}");
  EXPECT_EQ(CallReduction("constant %x = float32[0]{}", "float32", "aten::max(self=%x)"),
            "error: aten::max: an empty tensor has no maximum or minimum");
}

TEST(Reduction, MeansOfQuantizedTensors) {
  // 2.5 becomes 2: the sum of the integers, zero points included, decides.
  EXPECT_EQ(CallReduction("constant %x = quint8[1,2](0.5,1){2, 3}", "quint8(0.5,1)",
                          "aten::mean(self=%x, dim=[1], keepdim=false, dtype=None)"),
            "quint8[1](0.5,1){2}");
  // qnnpack rounds the distance 1.5 from the zero point.
  EXPECT_EQ(CallReduction("constant %x = quint8[1,1,1,2](0.5,1){2, 3}", "quint8(0.5,1)",
                          "aten::mean(self=%x, dim=[2,3], keepdim=true, dtype=None)"),
            "quint8[1,1,1,1](0.5,1){3}");
}

}  // namespace
}  // namespace octavo::reference
