#include <string>

#include <gtest/gtest.h>

#include "octavo/reference/answer_testing.h"

namespace octavo::reference {
namespace {

constexpr const char* kX = "constant %x = float32[2,3]{1, 2, 3, 4, 5, 6}  ";
constexpr const char* kScalar = "constant %x = float32[]{7}  ";
constexpr const char* kQuantized = "constant %x = quint8[2,2](0.5,3){1, 2, 3, 4}  ";
constexpr const char* kPerChannel =
    "constant %x = qint8[2,3](axis=0,scales=[0.5,0.25],zero_points=[0,1]){1, 2, 3, 4, 5, 6}  ";

// One result of one call.
std::string Moved(const std::string& constants, const std::string& call,
                  const std::string& type = "float32") {
  return Answer(constants + "%y: " + type + " = " + call + "  output %y");
}

TEST(Movement, PermutesDimensions) {
  EXPECT_EQ(Moved(kX, "aten::permute(self=%x, dims=[-1,0])"), "float32[3,2]{1, 4, 2, 5, 3, 6}");
  EXPECT_EQ(Moved(kX, "aten::transpose(self=%x, dim0=0, dim1=-1)"), "float32[3,2]{1, 4, 2, 5, 3, 6}");
  EXPECT_EQ(Moved(kX, "aten::permute(self=%x, dims=[0,0])"),
            "error: aten::permute: dimension 0 occurs twice");
  EXPECT_EQ(Moved(kScalar, "aten::transpose(self=%x, dim0=0, dim1=-1)"), "float32[]{7}");
  EXPECT_EQ(Moved("constant %x = float32[1,2,3]{1, 2, 3, 4, 5, 6}  ",
                  "aten::movedim(self=%x, source=[2], destination=[0])"),
            "float32[3,1,2]{1, 4, 2, 5, 3, 6}");
}

TEST(Movement, FlipsAndRolls) {
  EXPECT_EQ(Moved(kX, "aten::flip(self=%x, dims=[1])"), "float32[2,3]{3, 2, 1, 6, 5, 4}");
  EXPECT_EQ(Moved(kX, "aten::flipud(self=%x)"), "float32[2,3]{4, 5, 6, 1, 2, 3}");
  EXPECT_EQ(Moved(kX, "aten::roll(self=%x, shifts=[1], dims=[1])"), "float32[2,3]{3, 1, 2, 6, 4, 5}");
  EXPECT_EQ(Moved(kX, "aten::roll(self=%x, shifts=[-8], dims=[])"), "float32[2,3]{3, 4, 5, 6, 1, 2}");
}

TEST(Movement, Reshapes) {
  EXPECT_EQ(Moved(kX, "aten::view(self=%x, size=[3,-1])"), "float32[3,2]{1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(Moved(kX, "aten::flatten(self=%x, start_dim=0, end_dim=-1)"), "float32[6]{1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(Moved(kScalar, "aten::flatten(self=%x, start_dim=0, end_dim=-1)"), "float32[1]{7}");
  EXPECT_EQ(Moved(kX, "aten::unflatten(self=%x, dim=1, sizes=[-1,1])"), "float32[2,3,1]{1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(Moved(kX, "aten::unsqueeze(self=%x, dim=-1)"), "float32[2,3,1]{1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(Moved("constant %x = float32[1,2,1]{1, 2}  ", "aten::squeeze(self=%x)"), "float32[2]{1, 2}");
  EXPECT_EQ(Moved("constant %x = float32[1,2,1]{1, 2}  ", "aten::squeeze(self=%x, dim=-1)"),
            "float32[1,2]{1, 2}");
  EXPECT_EQ(Moved(kX, "aten::view(self=%x, size=[4,-1])"),
            "error: aten::view: 6 elements cannot be reshaped to [4, -1]");
  EXPECT_EQ(Moved("constant %x = float32[0,2]{}  ", "aten::view(self=%x, size=[4611686018427387904,0,4])"),
            "error: aten::view: a tensor of shape [4611686018427387904, 0, 4] is not possible");
}

TEST(Movement, Slices) {
  EXPECT_EQ(Moved(kX, "aten::slice(self=%x, dim=1, start=-2, end=9223372036854775807, step=1)"),
            "float32[2,2]{2, 3, 5, 6}");
  EXPECT_EQ(Moved(kX, "aten::slice(self=%x, dim=1, start=None, end=None, step=2)"),
            "float32[2,2]{1, 3, 4, 6}");
  EXPECT_EQ(Moved(kX, "aten::slice(self=%x, dim=0, start=5, end=1, step=1)"), "float32[0,3]{}");
  EXPECT_EQ(
      Moved(kX, "aten::slice(self=%x, dim=1, start=-9223372036854775807, end=2, step=9223372036854775807)"),
      "float32[2,1]{1, 4}");
  EXPECT_EQ(Moved(kX, "aten::narrow(self=%x, dim=1, start=-2, length=2)"), "float32[2,2]{2, 3, 5, 6}");
  EXPECT_EQ(Moved(kX, "aten::narrow(self=%x, dim=1, start=2, length=2)"),
            "error: aten::narrow: argument length is out of range for the dimension");
  EXPECT_EQ(Moved(kX, "aten::select(self=%x, dim=-1, index=-1)"), "float32[2]{3, 6}");
  EXPECT_EQ(Moved(kX, "aten::select(self=%x, dim=0, index=2)"),
            "error: aten::select: index 2 is out of range for a dimension of size 2");
}

TEST(Movement, SplitsIntoParts) {
  const std::string x = "constant %x = float32[5]{1, 2, 3, 4, 5}  ";
  const std::string parts = "%a: float32, %b: float32, %c: float32 = ",
                    outputs = "  output %a  output %b  output %c";
  EXPECT_EQ(Answer(x + parts + "aten::split(self=%x, split_size=2, dim=0)" + outputs),
            "float32[2]{1, 2} | float32[2]{3, 4} | float32[1]{5}");
  EXPECT_EQ(Answer(x + parts + "aten::chunk(self=%x, chunks=3, dim=-1)" + outputs),
            "float32[2]{1, 2} | float32[2]{3, 4} | float32[1]{5}");
  EXPECT_EQ(Answer(x + parts + "aten::split_with_sizes(self=%x, split_sizes=[0,4,1], dim=0)" + outputs),
            "float32[0]{} | float32[4]{1, 2, 3, 4} | float32[1]{5}");
  EXPECT_EQ(Answer(x + parts + "aten::tensor_split(self=%x, sections=3, dim=0)" + outputs),
            "float32[2]{1, 2} | float32[2]{3, 4} | float32[1]{5}");
  EXPECT_EQ(Answer(x + parts + "aten::tensor_split(self=%x, indices=[1,-1], dim=0)" + outputs),
            "float32[1]{1} | float32[3]{2, 3, 4} | float32[1]{5}");
  EXPECT_EQ(Answer(x + parts + "aten::split(self=%x, split_size=[2,2], dim=0)" + outputs),
            "error: aten::split: the parts do not add up to the size of the dimension");
  EXPECT_EQ(Answer(std::string(kX) +
                   "%a: float32, %b: float32 = aten::unbind(self=%x, dim=0)  output %a  output %b"),
            "float32[3]{1, 2, 3} | float32[3]{4, 5, 6}");
}

TEST(Movement, RepeatsElements) {
  EXPECT_EQ(
      Moved("constant %x = float32[2,1]{1, 2}  ", "aten::expand(self=%x, size=[2,-1,3], implicit=false)"),
      "float32[2,2,3]{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2}");
  EXPECT_EQ(Moved("constant %x = float32[1]{1}  ", "aten::expand(self=%x, size=[0], implicit=false)"),
            "float32[0]{}");
  EXPECT_EQ(Moved(kX, "aten::expand(self=%x, size=[2,4], implicit=false)"),
            "error: aten::expand: shape [2, 3] cannot be expanded to [2, 4]");
  EXPECT_EQ(Moved(kScalar, "aten::expand(self=%x, size=[1073741824,1073741824], implicit=false)"),
            "error: aten::expand: a tensor of shape [1073741824, 1073741824] exceeds the limit of "
            "281474976710656 elements");
  EXPECT_EQ(Moved("constant %x = float32[2]{1, 2}  ", "aten::repeat(self=%x, repeats=[2,2])"),
            "float32[2,4]{1, 2, 1, 2, 1, 2, 1, 2}");
  EXPECT_EQ(Moved("constant %x = float32[2]{1, 2}  ", "aten::repeat_interleave(self=%x, repeats=2, dim=0)"),
            "float32[4]{1, 1, 2, 2}");
  EXPECT_EQ(
      Answer("constant %a = float32[2]{1, 2}  constant %b = float32[3]{3, 4, 5}  %x: float32, %y: float32 = "
             "aten::meshgrid(tensors=[%a,%b], indexing=\"xy\")  output %x  output %y"),
      "float32[3,2]{1, 2, 1, 2, 1, 2} | float32[3,2]{3, 3, 4, 4, 5, 5}");
}

TEST(Movement, ChoosesByIndices) {
  const std::string index = std::string(kX) + "constant %i = int64[2]{2, 0}  ";
  EXPECT_EQ(Moved(index, "aten::index_select(self=%x, dim=1, index=%i)"), "float32[2,2]{3, 1, 6, 4}");
  EXPECT_EQ(Moved(index, "aten::index_select(self=%x, dim=0, index=%i)"),
            "error: aten::index_select: index 2 is out of range for a dimension of size 2");
  EXPECT_EQ(
      Moved(std::string(kX) + "constant %i = int64[1,2]{-1, 0}  ", "aten::index(self=%x, indices=[None,%i])"),
      "float32[2,1,2]{3, 1, 6, 4}");
  EXPECT_EQ(
      Moved(std::string(kX) + "constant %i = int64[1,2]{1, 0}  ", "aten::gather(self=%x, dim=0, index=%i)"),
      "float32[1,2]{4, 2}");
  EXPECT_EQ(Moved(index, "aten::one_hot(self=%i, num_classes=3)", "int64"), "int64[2,3]{0, 0, 1, 1, 0, 0}");
  EXPECT_EQ(
      Moved(std::string(kX) + "constant %i = int64[2]{1, 0}  ", "aten::embedding(weight=%x, indices=%i)"),
      "float32[2,3]{4, 5, 6, 1, 2, 3}");
  EXPECT_EQ(Moved(std::string(kX) + "constant %i = int64[1]{-1}  ", "aten::embedding(weight=%x, indices=%i)"),
            "error: aten::embedding: index -1 is out of range for a dimension of size 2");
}

TEST(Movement, Shuffles) {
  EXPECT_EQ(Moved("constant %x = float32[4,1,2]{1, 2, 3, 4, 5, 6, 7, 8}  ",
                  "aten::pixel_shuffle(self=%x, upscale_factor=2)"),
            "float32[1,2,4]{1, 3, 2, 4, 5, 7, 6, 8}");
  EXPECT_EQ(Moved("constant %x = float32[1,2,4]{1, 3, 2, 4, 5, 7, 6, 8}  ",
                  "aten::pixel_unshuffle(self=%x, downscale_factor=2)"),
            "float32[4,1,2]{1, 2, 3, 4, 5, 6, 7, 8}");
  EXPECT_EQ(
      Moved("constant %x = float32[1,6,1]{1, 2, 3, 4, 5, 6}  ", "aten::channel_shuffle(self=%x, groups=2)"),
      "float32[1,6,1]{1, 4, 2, 5, 3, 6}");
}

TEST(Movement, Pads) {
  EXPECT_EQ(Moved(kX, "aten::constant_pad_nd(self=%x, pad=[1,-1], value=9)"),
            "float32[2,3]{9, 1, 2, 9, 4, 5}");
  EXPECT_EQ(Moved(kX, "aten::pad(self=%x, pad=[0,0,1,0], mode=\"constant\", value=None)"),
            "float32[3,3]{0, 0, 0, 1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(Moved(kX, "aten::reflection_pad1d(self=%x, padding=[2,1])"),
            "float32[2,6]{3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5}");
  EXPECT_EQ(Moved(kX, "aten::replication_pad1d(self=%x, padding=[2,1])"),
            "float32[2,6]{1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6}");
  EXPECT_EQ(Moved(kX, "aten::_pad_circular(self=%x, pad=[1,2])"),
            "float32[2,6]{3, 1, 2, 3, 1, 2, 6, 4, 5, 6, 4, 5}");
  EXPECT_EQ(Moved(kX, "aten::reflection_pad1d(self=%x, padding=[3,0])"),
            "error: aten::reflection_pad1d: a dimension of size 3 cannot be padded by 3 and 0");
}

TEST(Movement, JoinsTensors) {
  EXPECT_EQ(Moved("constant %x = float32[1,2]{1, 2}  constant %z = float32[1,1]{3}  ",
                  "aten::cat(tensors=[%x,%z], dim=-1)"),
            "float32[1,3]{1, 2, 3}");
  EXPECT_EQ(Moved("constant %x = float32[0]{}  constant %z = float32[1,1]{3}  ",
                  "aten::cat(tensors=[%x,%z], dim=1)"),
            "float32[1,1]{3}");
  EXPECT_EQ(Moved("constant %x = float32[2]{1, 2}  constant %z = float32[2]{3, 4}  ",
                  "aten::stack(tensors=[%x,%z], dim=1)"),
            "float32[2,2]{1, 3, 2, 4}");
}

TEST(Movement, KeepsQuantization) {
  EXPECT_EQ(Moved(kQuantized, "aten::permute(self=%x, dims=[1,0])", "quint8(0.5,3)"),
            "quint8[2,2](0.5,3){1, 3, 2, 4}");
  // 1.2 / 0.5 + 3 is 5.4.
  EXPECT_EQ(Moved(kQuantized, "aten::constant_pad_nd(self=%x, pad=[1,0], value=1.2)", "quint8(0.5,3)"),
            "quint8[2,3](0.5,3){5, 1, 2, 5, 3, 4}");
  EXPECT_EQ(Moved(std::string(kQuantized) + "constant %m = bool[2]{0, 1}  ",
                  "aten::masked_fill(self=%x, mask=%m, value=-100)", "quint8(0.5,3)"),
            "quint8[2,2](0.5,3){1, 0, 3, 0}");
  // The second one's reals are 1 and -1: 5 and 1 in steps of 0.5 from 3.
  EXPECT_EQ(Moved("constant %x = quint8[1](0.5,3){9}  constant %z = quint8[2](1.0,1){2, 0}  ",
                  "aten::cat(tensors=[%x,%z], dim=0)", "quint8(0.5,3)"),
            "quint8[3](0.5,3){9, 5, 1}");
}

TEST(Movement, MovesTheAxisOfChannels) {
  EXPECT_EQ(Moved(kPerChannel, "aten::permute(self=%x, dims=[1,0])", "?"),
            "qint8[3,2](axis=1,2 scales){1, 4, 2, 5, 3, 6}");
  EXPECT_EQ(Moved(kPerChannel, "aten::slice(self=%x, dim=1, start=1, end=2, step=1)", "?"),
            "qint8[2,1](axis=0,2 scales){2, 5}");
  EXPECT_EQ(Moved(kPerChannel, "aten::view(self=%x, size=[1,2,3,1])", "?"),
            "qint8[1,2,3,1](axis=1,2 scales){1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(
      Moved(kPerChannel, "aten::view(self=%x, size=[6])"),
      "error: aten::view: the channel dimension of a per-channel quantized tensor cannot be split or merged");
}

}  // namespace
}  // namespace octavo::reference
