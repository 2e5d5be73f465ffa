#include <string>

#include <gtest/gtest.h>

#include "octavo/reference/answer_testing.h"

namespace octavo::reference {
namespace {

std::string CallProduct(const std::string& constants, const std::string& call) {
  return Answer(constants + "  %y: float32 = " + call + "  output %y");
}

constexpr const char* kMatrices =
    "constant %a = float32[2,3]{1, 2, 3, 4, 5, 6}  constant %b = float32[3,2]{1, 0, 0, 1, 1, 1}"
    "  constant %v = float32[3]{1, 1, 2}";

TEST(Products, OfMatricesAndVectors) {
  EXPECT_EQ(CallProduct(kMatrices, "aten::mm(self=%a, mat2=%b)"), "float32[2,2]{4, 5, 10, 11}");
  EXPECT_EQ(CallProduct(kMatrices, "aten::matmul(self=%a, other=%v)"), "float32[2]{9, 21}");
  EXPECT_EQ(CallProduct(kMatrices, "aten::matmul(self=%v, other=%b)"), "float32[2]{3, 3}");
  EXPECT_EQ(CallProduct(kMatrices, "aten::dot(self=%v, tensor=%v)"), "float32[]{6}");
  EXPECT_EQ(CallProduct(kMatrices, "aten::mm(self=%a, mat2=%a)"),
            "error: aten::mm: matrices of shapes [2, 3] and [2, 3] cannot be multiplied");
  EXPECT_EQ(
      CallProduct("constant %a = float32[2,1,1,2]{1, 2, 3, 4}  constant %b = float32[2,2,1]{1, 1, 0, 1}",
                  "aten::matmul(self=%a, other=%b)"),
      "float32[2,2,1,1]{3, 2, 7, 4}");
  EXPECT_EQ(
      CallProduct("constant %a = float32[2,0]{}  constant %b = float32[0,1]{}", "aten::mm(self=%a, mat2=%b)"),
      "float32[2,1]{0, 0}");
}

TEST(Products, WithSomethingAdded) {
  const std::string bias = std::string(kMatrices) + "  constant %c = float32[2]{100, 200}";
  EXPECT_EQ(CallProduct(bias, "aten::addmm(self=%c, mat1=%a, mat2=%b, beta=1, alpha=2)"),
            "float32[2,2]{108, 210, 120, 222}");
  EXPECT_EQ(CallProduct(std::string(kMatrices) + "  constant %c = float32[2]{nan, 200}",
                        "aten::addmm(self=%c, mat1=%a, mat2=%b, beta=0, alpha=1)"),
            "float32[2,2]{4, 5, 10, 11}");
  EXPECT_EQ(CallProduct(bias + "  constant %w = float32[2,3]{1, 0, 1, 0, 1, 1}",
                        "aten::linear(input=%a, weight=%w, bias=%c)"),
            "float32[2,2]{104, 205, 110, 211}");
}

TEST(Products, AddUpInFloat64) {
  EXPECT_EQ(
      CallProduct("constant %a = float32[3]{100000000, 1, -100000000}  constant %b = float32[3]{1, 1, 1}",
                  "aten::dot(self=%a, tensor=%b)"),
      "float32[]{1}");
}

TEST(Products, Einsum) {
  EXPECT_EQ(CallProduct(kMatrices, "aten::einsum(equation=\"ij,jk->ki\", tensors=[%a,%b], path=None)"),
            "float32[2,2]{4, 10, 5, 11}");
  EXPECT_EQ(CallProduct(kMatrices, "aten::einsum(equation=\"ij\", tensors=[%a], path=None)"),
            "float32[2,3]{1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(CallProduct("constant %m = float32[2,2]{1, 2, 3, 4}",
                        "aten::einsum(equation=\"ii->\", tensors=[%m], path=None)"),
            "float32[]{5}");
  EXPECT_EQ(
      CallProduct(kMatrices, "aten::einsum(equation=\"ij->z\", tensors=[%a], path=None)"),
      "error: aten::einsum: each letter of the equation's result must occur there once and in an operand");
}

TEST(Convolution, SlidesAWindow) {
  const std::string x = "constant %x = float32[1,1,5]{1, 2, 3, 4, 5}  constant %w = float32[1,1,2]{1, 10}";
  EXPECT_EQ(
      CallProduct(
          x, "aten::conv1d(input=%x, weight=%w, bias=None, stride=[1], padding=[0], dilation=[1], groups=1)"),
      "float32[1,1,4]{21, 32, 43, 54}");
  EXPECT_EQ(
      CallProduct(
          x, "aten::conv1d(input=%x, weight=%w, bias=None, stride=[2], padding=[1], dilation=[3], groups=1)"),
      "float32[1,1,2]{30, 52}");
  EXPECT_EQ(
      CallProduct(x,
                  "aten::conv1d(input=%x, weight=%w, bias=None, stride=[1], padding=\"same\", dilation=[1], "
                  "groups=1)"),
      "float32[1,1,5]{21, 32, 43, 54, 5}");
  EXPECT_EQ(
      CallProduct(
          x, "aten::conv1d(input=%x, weight=%w, bias=None, stride=[1], padding=[0], dilation=[9], groups=1)"),
      "error: aten::conv1d: a tensor of shape [1, 1, -1] is not possible");
}

TEST(Convolution, GroupsHaveTheirOwnChannels) {
  EXPECT_EQ(
      CallProduct("constant %x = float32[2,1,1]{1, 2}  constant %w = float32[2,1,1,1]{10, 100}"
                  "  constant %b = float32[2]{1, 2}",
                  "aten::conv2d(input=%x, weight=%w, bias=%b, stride=[1,1], padding=[0,0], dilation=[1,1], "
                  "groups=2)"),
      "float32[2,1,1]{11, 202}");
}

TEST(Convolution, TransposedSpreadsTheWindow) {
  const std::string x =
      "constant %x = float32[1,2,2]{1, 2, 3, 4}  constant %w = float32[2,1,2]{1, 10, 100, 1000}";
  EXPECT_EQ(CallProduct(x,
                        "aten::conv_transpose1d(input=%x, weight=%w, bias=None, stride=[2], padding=[0],"
                        " output_padding=[1], groups=1, dilation=[1])"),
            "float32[1,1,5]{301, 3010, 402, 4020, 0}");
  EXPECT_EQ(CallProduct(x,
                        "aten::conv_transpose1d(input=%x, weight=%w, bias=None, stride=[1], padding=[1],"
                        " output_padding=[0], groups=2, dilation=[1])"),
            "float32[1,2,1]{12, 3400}");
}

TEST(Softmax, AlongADimension) {
  EXPECT_EQ(CallProduct("constant %x = float32[2,2]{0, 1000, 0, -1000}",
                        "aten::softmax(self=%x, dim=0, dtype=None)"),
            "float32[2,2]{0.5, 1, 0.5, 0}");
  EXPECT_EQ(CallProduct("constant %x = float32[1,2]{5, 5}", "aten::log_softmax(self=%x, dim=-1, dtype=None)"),
            "float32[1,2]{-0.6931471824645996, -0.6931471824645996}");
  EXPECT_EQ(CallProduct("constant %x = float32[2,0]{}", "aten::softmax(self=%x, dim=1, dtype=None)"),
            "float32[2,0]{}");
}

}  // namespace
}  // namespace octavo::reference
