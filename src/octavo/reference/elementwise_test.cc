#include <string>

#include <gtest/gtest.h>

#include "octavo/reference/answer_testing.h"

namespace octavo::reference {
namespace {

// One result of one call, whose dtype the importer's rule gives as `dtype`.
std::string CallElementwise(const std::string& constants, const std::string& dtype, const std::string& call) {
  return Answer(constants + "  %y: " + dtype + " = " + call + "  output %y");
}

constexpr const char* kReals = "constant %a = float32[2,1]{1, 2}  constant %b = float32[3]{10, 20, 30}";
constexpr const char* kIntegers =
    "constant %a = int64[4]{7, -7, 7, -7}  constant %b = int64[4]{2, 2, -2, -2}";

TEST(Elementwise, BroadcastsItsArguments) {
  EXPECT_EQ(CallElementwise(kReals, "float32", "aten::add(self=%a, other=%b, alpha=1)"),
            "float32[2,3]{11, 21, 31, 12, 22, 32}");
  EXPECT_EQ(CallElementwise("constant %a = float32[0,1]{}  constant %b = float32[3]{10, 20, 30}", "float32",
                            "aten::mul(self=%a, other=%b)"),
            "float32[0,3]{}");
  EXPECT_EQ(CallElementwise("constant %a = float32[2]{1, 2}  constant %b = float32[3]{10, 20, 30}", "float32",
                            "aten::mul(self=%a, other=%b)"),
            "error: aten::mul: the shapes [2] and [3] cannot be broadcast");
}

TEST(Elementwise, ScalesWhatItAdds) {
  EXPECT_EQ(CallElementwise(kReals, "float32", "aten::sub(self=%b, other=2, alpha=0.5)"),
            "float32[3]{9, 19, 29}");
  EXPECT_EQ(CallElementwise(kReals, "float32", "aten::rsub(self=%b, other=2, alpha=0.5)"),
            "float32[3]{-3, -8, -13}");
  EXPECT_EQ(CallElementwise(kReals, "float32", "aten::addcmul(self=%b, tensor1=%a, tensor2=%a, value=2)"),
            "float32[2,3]{12, 22, 32, 18, 28, 38}");
  EXPECT_EQ(CallElementwise(kReals, "float32", "aten::lerp(self=%b, end=%a, weight=0.5)"),
            "float32[2,3]{5.5, 10.5, 15.5, 6, 11, 16}");
}

TEST(Elementwise, RoundsOnceToTheResultsDType) {
  // 0.1 is rounded to float32 before it is multiplied.
  EXPECT_EQ(CallElementwise("constant %a = float32[1]{3}", "float32", "aten::mul(self=%a, other=0.1)"),
            "float32[1]{0.30000001192092896}");
  EXPECT_EQ(CallElementwise("constant %a = int64[1]{16777217}", "float32",
                            "aten::add(self=%a, other=0.0, alpha=1)"),
            "float32[1]{16777216}");
}

TEST(Elementwise, IntegersKeepTheirLowBits) {
  EXPECT_EQ(
      CallElementwise("constant %a = int32[1]{2147483647}", "int32", "aten::add(self=%a, other=1, alpha=1)"),
      "int32[1]{-2147483648}");
  EXPECT_EQ(CallElementwise("constant %a = int64[2]{-9223372036854775807, 3}", "int64",
                            "aten::pow(self=%a, exponent=2)"),
            "int64[2]{1, 9}");
}

TEST(Elementwise, RoundsQuotients) {
  EXPECT_EQ(CallElementwise(kIntegers, "int64", "aten::floor_divide(self=%a, other=%b)"),
            "int64[4]{3, -4, -4, 3}");
  EXPECT_EQ(CallElementwise(kIntegers, "int64", "aten::div(self=%a, other=%b, rounding_mode=\"trunc\")"),
            "int64[4]{3, -3, -3, 3}");
  EXPECT_EQ(CallElementwise(kIntegers, "int64", "aten::remainder(self=%a, other=%b)"),
            "int64[4]{1, 1, -1, -1}");
  EXPECT_EQ(CallElementwise(kIntegers, "int64", "aten::fmod(self=%a, other=%b)"), "int64[4]{1, -1, 1, -1}");
  EXPECT_EQ(CallElementwise(kIntegers, "float32", "aten::div(self=%a, other=%b)"),
            "float32[4]{3.5, -3.5, -3.5, 3.5}");
  EXPECT_EQ(
      CallElementwise("constant %a = float64[1]{1}", "float64", "aten::floor_divide(self=%a, other=0.1)"),
      "float64[1]{9}");
  EXPECT_EQ(
      CallElementwise("constant %a = float32[2]{1, -1}", "float32", "aten::floor_divide(self=%a, other=0)"),
      "float32[2]{inf, -inf}");
  EXPECT_EQ(CallElementwise("constant %a = int64[1]{1}", "int64", "aten::floor_divide(self=%a, other=0)"),
            "error: aten::floor_divide: integer division by zero");
  EXPECT_EQ(CallElementwise("constant %a = int64[0]{}", "int64", "aten::remainder(self=%a, other=0)"),
            "int64[0]{}");
  EXPECT_EQ(CallElementwise("constant %a = int64[1]{-9223372036854775808}", "int64",
                            "aten::floor_divide(self=%a, other=-1)"),
            "int64[1]{-9.223372036854776e+18}");
}

TEST(Elementwise, ComparesInTheCommonDType) {
  EXPECT_EQ(CallElementwise(kReals, "bool", "aten::ge(self=%b, other=20)"), "bool[3]{0, 1, 1}");
  // Both are the same float32.
  EXPECT_EQ(CallElementwise("constant %a = float32[1]{0.1}", "bool", "aten::eq(self=%a, other=0.1)"),
            "bool[1]{1}");
  EXPECT_EQ(CallElementwise("constant %a = int64[1]{1}", "bool", "aten::lt(self=%a, other=1.5)"),
            "bool[1]{1}");
  EXPECT_EQ(
      CallElementwise("constant %a = quint8[3](0.5,3){3, 4, 5}", "bool", "aten::gt(self=%a, other=0.5)"),
      "bool[3]{0, 0, 1}");
  EXPECT_EQ(CallElementwise("constant %a = int64[2]{9007199254740993, 1}", "bool",
                            "aten::eq(self=%a, other=9007199254740992)"),
            "bool[2]{0, 0}");
}

TEST(Elementwise, Logic) {
  const std::string flags = "constant %a = float32[4]{0, 0.5, 0, 2}  constant %b = bool[4]{0, 0, 1, 1}";
  EXPECT_EQ(CallElementwise(flags, "bool", "aten::logical_and(self=%a, other=%b)"), "bool[4]{0, 0, 0, 1}");
  EXPECT_EQ(CallElementwise(flags, "bool", "aten::logical_xor(self=%a, other=%b)"), "bool[4]{0, 1, 1, 0}");
  EXPECT_EQ(CallElementwise(flags, "bool", "aten::logical_not(self=%a)"), "bool[4]{1, 0, 1, 0}");
  EXPECT_EQ(CallElementwise(flags, "bool", "aten::bitwise_not(self=%b)"), "bool[4]{1, 1, 0, 0}");
  EXPECT_EQ(
      CallElementwise("constant %a = uint8[2]{12, 255}", "uint8", "aten::bitwise_and(self=%a, other=10)"),
      "uint8[2]{8, 10}");
  EXPECT_EQ(CallElementwise("constant %a = uint8[1]{12}", "uint8", "aten::bitwise_not(self=%a)"),
            "uint8[1]{243}");
  EXPECT_EQ(CallElementwise(flags, "float32", "aten::where(condition=%b, self=%a, other=-1)"),
            "float32[4]{-1, -1, 0, 2}");
  EXPECT_EQ(CallElementwise(flags, "float32", "aten::masked_fill(self=%a, mask=%b, value=7)"),
            "float32[4]{0, 0.5, 7, 7}");
}

TEST(Elementwise, Functions) {
  EXPECT_EQ(
      CallElementwise("constant %a = float32[4]{0.5, 1.5, 2.5, -0.5}", "float32", "aten::round(self=%a)"),
      "float32[4]{0, 2, 2, -0}");
  EXPECT_EQ(CallElementwise("constant %a = float32[2]{0, 1}", "float32", "aten::exp(self=%a)"),
            "float32[2]{1, 2.7182817459106445}");
  EXPECT_EQ(CallElementwise("constant %a = int64[3]{-2, 0, 3}", "int64", "aten::sign(self=%a)"),
            "int64[3]{-1, 0, 1}");
  EXPECT_EQ(
      CallElementwise("constant %a = float32[2]{-0.0, 4}", "float32", "aten::pow(self=%a, exponent=0.5)"),
      "float32[2]{-0, 2}");
}

TEST(Elementwise, Casts) {
  const std::string reals = "constant %a = float32[5]{-1.9, 1.9, 300, -1, inf}";
  EXPECT_EQ(CallElementwise(reals, "int64", "aten::to(self=%a, dtype=4)"),
            "int64[5]{-1, 1, 300, -1, -9.223372036854776e+18}");
  EXPECT_EQ(CallElementwise(reals, "uint8", "aten::to(self=%a, dtype=0)"), "uint8[5]{255, 1, 44, 255, 0}");
  EXPECT_EQ(CallElementwise(reals, "bool", "aten::to(self=%a, dtype=11)"), "bool[5]{1, 1, 1, 1, 1}");
  EXPECT_EQ(CallElementwise("constant %a = float64[1]{0.1}", "float32", "aten::_cast_Float(self=%a)"),
            "float32[1]{0.10000000149011612}");
  EXPECT_EQ(
      CallElementwise(reals + "  constant %b = int32[1]{0}", "int32", "aten::type_as(self=%a, other=%b)"),
      "int32[5]{-1, 1, 300, -1, -2147483648}");
}

TEST(Elementwise, MakesTensorsOfNumbers) {
  EXPECT_EQ(CallElementwise("", "float32", "aten::zeros(size=[2,1], dtype=None)"), "float32[2,1]{0, 0}");
  EXPECT_EQ(CallElementwise("", "int64", "aten::full(size=[2], fill_value=7, dtype=None)"), "int64[2]{7, 7}");
  EXPECT_EQ(CallElementwise("", "int64", "aten::arange(start=5, end=0, step=-2, dtype=None)"),
            "int64[3]{5, 3, 1}");
  EXPECT_EQ(CallElementwise("", "float32", "aten::arange(end=0.7, dtype=None)"), "float32[1]{0}");
  EXPECT_EQ(CallElementwise("", "float32", "aten::zeros(size=[-1], dtype=None)"),
            "error: aten::zeros: a tensor of shape [-1] is not possible");
}

}  // namespace
}  // namespace octavo::reference
