#include "octavo/passes/passes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/ir/verify.h"

namespace octavo::passes {
namespace {

ir::Graph Parsed(const std::string& text) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? *std::move(graph) : ir::Graph();
}

// Both as the printer writes them, so that layout and numbering do not matter.
void ExpectGraph(const ir::Graph& graph, const std::string& text) {
  EXPECT_EQ(ir::Print(graph), ir::Print(Parsed(text)));
  EXPECT_TRUE(ir::Verify(graph));
}

// ---- RemoveDeadNodes ----

TEST(RemoveDeadNodesTest, WhatNothingUsesGoesWithWhatOnlyItUsed) {
  ir::Graph graph = Parsed(R"(
      input %x; input %unused
      constant %a = float32[]{1}; constant %b = float32[]{2}
      %0 = f(%x, %a); %1 = g(%x, %b); %2 = h([%1,None]); %3, %4 = split(%0); %5 = i()
      output y = %4)");
  EXPECT_EQ(RemoveDeadNodes(graph), 3);
  ExpectGraph(graph, R"(
      input %x; input %unused
      constant %a = float32[]{1}
      %0 = f(%x, %a); %3, %4 = split(%0)
      output y = %4)");
  EXPECT_EQ(RemoveDeadNodes(graph), 0);
}

TEST(RemoveDeadNodesTest, UsesInsidePackedWeightsCount) {
  const std::string text = R"(
      input %x; constant %b = float32[]{2}
      %0 = f(%x)
      %1 = g(%x, packed(kind=linear, weight=%0, bias=%b))
      output y = %1)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(RemoveDeadNodes(graph), 0);
  ExpectGraph(graph, text);
}

TEST(RemoveDeadNodesTest, AGraphWithoutOutputsBecomesEmpty) {
  ir::Graph graph = Parsed("input %x; %0 = f(%x); %1 = g(%0)");
  EXPECT_EQ(RemoveDeadNodes(graph), 2);
  ExpectGraph(graph, "input %x");
}

// ---- MergeConstants ----

TEST(MergeConstantsTest, SameTypeAndBytes) {
  ir::Graph graph = Parsed(R"(
      input %x
      constant %a = float32[2]{1, 2}; constant %b = float32[2]{1, 2}
      constant %c = float32[1,2]{1, 2}; constant %d = float32[2]{1, 3}; constant %e = int64[1]{1}
      constant %f = qint8[1](0.5,0){1}; constant %g = qint8[1](0.5,1){1}; constant %h = qint8[1](0.5,0){1}
      constant %i = float32[0]{}; constant %j = float32[0]{}; constant %k = float32[1]{0}
      constant %l = float32[1]{-0}; constant %m = int8[1]{1}
      %0 = f(%x, [%a,%b,%c,%d,%e,%f,%g,%h,%i,%j,%k,%l,%m])
      output y = %0
      output b = %b)");
  EXPECT_EQ(MergeConstants(graph), 3);
  ExpectGraph(graph, R"(
      input %x
      constant %a = float32[2]{1, 2}
      constant %c = float32[1,2]{1, 2}; constant %d = float32[2]{1, 3}; constant %e = int64[1]{1}
      constant %f = qint8[1](0.5,0){1}; constant %g = qint8[1](0.5,1){1}
      constant %i = float32[0]{}; constant %k = float32[1]{0}
      constant %l = float32[1]{-0}; constant %m = int8[1]{1}
      %0 = f(%x, [%a,%a,%c,%d,%e,%f,%g,%f,%i,%i,%k,%l,%m])
      output y = %0
      output b = %a)");
}

Tensor Pattern(std::vector<std::int64_t> sizes) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int8_t>(i * 31 % 253);
  return Tensor::From(DType::kInt8, std::move(sizes), values);
}

int Merged(const std::vector<Tensor>& tensors) {
  ir::Graph graph;
  ir::ValueList all;
  for (const Tensor& tensor : tensors) all.push_back(graph.AddConstant(tensor));
  graph.AddNode("f", {{"", all}}, {TensorType()});
  return MergeConstants(graph);
}

TEST(MergeConstantsTest, LargeOnesByTheirElementsWhateverTheirLayout) {
  const Tensor plain = Pattern({300, 40, 50});
  Tensor moved = plain;  // the same elements behind an offset
  std::vector<std::byte> bytes(100);
  const std::vector<std::byte> elements = plain.Bytes();
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  moved.storage = Storage::Of(bytes);
  moved.offset = 100;
  EXPECT_EQ(Merged({plain, moved}), 1);

  // Stored with the axes in another order.
  const std::vector<int> order = {2, 0, 1}, back = {1, 2, 0};
  const Tensor permuted = plain.Permuted(order);
  Tensor stored = Tensor::FromBytes(DType::kInt8, permuted.sizes, permuted.Bytes()).Permuted(back);
  ASSERT_FALSE(stored.contiguous());
  EXPECT_EQ(Merged({plain, stored}), 1);

  // One element in 600,000 differs, wherever it is.
  for (const std::size_t at : {std::size_t{0}, std::size_t{54'321}, std::size_t{599'999}}) {
    std::vector<std::byte> changed = elements;
    changed[at] ^= std::byte{1};
    const Tensor other = Tensor::FromBytes(DType::kInt8, plain.sizes, changed);
    EXPECT_EQ(Merged({plain, other}), 0);
    EXPECT_EQ(Merged({stored, other}), 0);
  }
}

TEST(MergeConstantsTest, AShiftIsPartOfTheBytes) {
  Tensor flipped = Pattern({1000});
  flipped.flip_sign_bit = true;
  EXPECT_EQ(Merged({Pattern({1000}), flipped}), 0);
  EXPECT_EQ(Merged({flipped, flipped}), 1);
  const Tensor written_out = Tensor::FromBytes(DType::kInt8, {1000}, flipped.Bytes());
  EXPECT_EQ(Merged({flipped, written_out}), 1);
}

TEST(MergeConstantsTest, TheSameViewIsNotRead) {
  // A page that is compared with itself would take a while: 1 TB from one byte.
  Tensor huge = Pattern({1});
  huge.sizes = {1'000'000, 1'000'000};
  huge.strides = {0, 0};
  EXPECT_EQ(Merged({huge, huge}), 1);
}

TEST(MergeConstantsTest, UnusedOnesDoNotCount) {
  ir::Graph graph =
      Parsed("constant %a = float32[]{1}; constant %b = float32[]{1}; %0 = f(%b); output y = %0");
  EXPECT_EQ(MergeConstants(graph), 0);
}

// ---- CancelTransposes ----

// What the former exporter's pattern deletes: nhwc2nchw followed by nchw2nhwc, each used once, between two
// convolutions.
TEST(CancelTransposesTest, BetweenTwoConvolutions) {
  ir::Graph graph = Parsed(R"(
      input %x: quint8[1,4,8,8](0.5,3)
      %0 = org.pytorch._caffe2::Int8Transpose(%x, axes=[0,2,3,1])
      %1 = org.pytorch._caffe2::Int8Conv(%0, order="NHWC")
      %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2])
      %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[0,2,3,1])
      %4 = org.pytorch._caffe2::Int8ConvRelu(%3, order="NHWC")
      %5 = org.pytorch._caffe2::Int8Transpose(%4, axes=[0,3,1,2])
      output y = %5)");
  EXPECT_EQ(CancelTransposes(graph, false), 2);
  ExpectGraph(graph, R"(
      input %x: quint8[1,4,8,8](0.5,3)
      %0 = org.pytorch._caffe2::Int8Transpose(%x, axes=[0,2,3,1])
      %1 = org.pytorch._caffe2::Int8Conv(%0, order="NHWC")
      %4 = org.pytorch._caffe2::Int8ConvRelu(%1, order="NHWC")
      %5 = org.pytorch._caffe2::Int8Transpose(%4, axes=[0,3,1,2])
      output y = %5)");
}

constexpr const char* kAroundAPool = R"(
    input %x
    %0 = org.pytorch._caffe2::Int8Transpose(%x, axes=[0,2,3,1])
    %1 = org.pytorch._caffe2::Int8Conv(%0)
    %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2])
    %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[0,2,3,1])
    %4 = org.pytorch._caffe2::Int8MaxPool(%3)
    %5 = org.pytorch._caffe2::Int8Transpose(%4, axes=[0,3,1,2])
    %6 = org.pytorch._caffe2::Int8Transpose(%5, axes=[0,2,3,1])
    %7 = org.pytorch._caffe2::Int8Conv(%6)
    %8 = org.pytorch._caffe2::Int8Transpose(%7, axes=[0,3,1,2])
    output y = %8)";

TEST(CancelTransposesTest, AroundAPoolTheyStayUnlessEverywhere) {
  ir::Graph graph = Parsed(kAroundAPool);
  EXPECT_EQ(CancelTransposes(graph, false), 0);
  ExpectGraph(graph, kAroundAPool);
  EXPECT_EQ(CancelTransposes(graph, true), 4);
  ExpectGraph(graph, R"(
      input %x
      %0 = org.pytorch._caffe2::Int8Transpose(%x, axes=[0,2,3,1])
      %1 = org.pytorch._caffe2::Int8Conv(%0)
      %4 = org.pytorch._caffe2::Int8MaxPool(%1)
      %7 = org.pytorch._caffe2::Int8Conv(%4)
      %8 = org.pytorch._caffe2::Int8Transpose(%7, axes=[0,3,1,2])
      output y = %8)");
}

constexpr const char* kWithASecondUse = R"(
    input %x
    %1 = org.pytorch._caffe2::Int8Conv(%x)
    %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2])
    %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[0,2,3,1])
    %4 = org.pytorch._caffe2::Int8Conv(%3)
    %5 = org.pytorch._caffe2::Int8Relu(%2)
    output y = %4
    output z = %5)";

TEST(CancelTransposesTest, AValueWithASecondUseKeepsThePairUnlessEverywhere) {
  ir::Graph graph = Parsed(kWithASecondUse);
  EXPECT_EQ(CancelTransposes(graph, false), 0);
  ExpectGraph(graph, kWithASecondUse);
  EXPECT_EQ(CancelTransposes(graph, true), 1) << "the first is still used";
  ExpectGraph(graph, R"(
      input %x
      %1 = org.pytorch._caffe2::Int8Conv(%x)
      %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2])
      %4 = org.pytorch._caffe2::Int8Conv(%1)
      %5 = org.pytorch._caffe2::Int8Relu(%2)
      output y = %4
      output z = %5)");
}

TEST(CancelTransposesTest, AGraphOutputBetweenThemKeepsThePair) {
  const std::string text = R"(
      input %x
      %1 = org.pytorch._caffe2::Int8Conv(%x)
      %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2])
      %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[0,2,3,1])
      %4 = org.pytorch._caffe2::Int8Conv(%3)
      output y = %4
      output z = %2)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(CancelTransposes(graph, false), 0);
  ExpectGraph(graph, text);
}

TEST(CancelTransposesTest, OnlyPairsThatUndoEachOther) {
  const std::string text = R"(
      input %x
      %0 = Transpose(%x, perm=[1,2,0]); %1 = Transpose(%0, perm=[1,2,0])
      %2 = Transpose(%x, perm=[1,0]); %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[1,0])
      %4 = Transpose(%x, perm=[0,0]); %5 = Transpose(%4, perm=[0,0])
      %6 = Transpose(%x); %7 = Transpose(%6)
      %8 = Transpose(%x, perm=[1,0]); %9 = Relu(%8); %10 = Transpose(%9, perm=[1,0])
      %11 = Concat(%1, %3, %5, %7, %10)
      output y = %11)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(CancelTransposes(graph, true), 0);
  ExpectGraph(graph, text);
}

TEST(CancelTransposesTest, NestedPairs) {
  ir::Graph graph = Parsed(R"(
      input %x
      %0 = Transpose(%x, perm=[1,2,0]); %1 = Transpose(%0, perm=[0,2,1])
      %2 = Transpose(%1, perm=[0,2,1]); %3 = Transpose(%2, perm=[2,0,1])
      %4 = Relu(%3)
      output y = %4)");
  EXPECT_EQ(CancelTransposes(graph, true), 4);
  ExpectGraph(graph, "input %x; %4 = Relu(%x); output y = %4");
}

TEST(CancelTransposesTest, AnOutputKeepsTheNodeThatMakesIt) {
  const std::string text = R"(
      input %x
      %0 = Transpose(%x, perm=[1,0]); %1 = Transpose(%0, perm=[1,0])
      output y = %1)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(CancelTransposes(graph, true), 0);
  ExpectGraph(graph, text);
  graph = Parsed(R"(
      input %x
      %r = Relu(%x)
      %0 = Transpose(%r, perm=[1,0]); %1 = Transpose(%0, perm=[1,0]); %2 = Transpose(%0, perm=[1,0])
      output y = %1; output z = %2)");
  EXPECT_EQ(CancelTransposes(graph, true), 1) << "the second output still needs a node of its own";
  ExpectGraph(graph, R"(
      input %x
      %r = Relu(%x)
      %0 = Transpose(%r, perm=[1,0]); %2 = Transpose(%0, perm=[1,0])
      output y = %r; output z = %2)");
}

TEST(CancelTransposesTest, OtherQuantizationKeepsThePair) {
  const std::string text = R"(
      input %x: quint8[1,2](0.5,0)
      %0: quint8[2,1](0.5,0) = Transpose(%x, perm=[1,0]); %1: quint8[1,2](0.25,0) = Transpose(%0, perm=[1,0])
      %2 = Relu(%1)
      output y = %2)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(CancelTransposes(graph, true), 0);
}

// ---- RemoveIdentities ----

TEST(RemoveIdentitiesTest, EveryKind) {
  ir::Graph graph = Parsed(R"(
      input %x: quint8[1,4,N](0.5,3)
      constant %shape = int64[3]{0,4,-1}; constant %zero = int64[1]{0}; constant %four = int64[1]{4}
      constant %one = int64[1]{1}
      %0 = Identity(%x)
      %1 = org.pytorch._caffe2::Int8Slice(%0, dim=2, start_idx=0, end_idx=9223372036854775807)
      %2: quint8[1,4,N](0.5,3) = org.pytorch._caffe2::Int8Slice(%1, dim=1, start_idx=0, end_idx=4)
      %3: quint8[1,4,N](0.5,3) = Reshape(%x, %shape)
      %4 = org.pytorch._caffe2::Int8Concat(%3, axis=1)
      %5 = Transpose(%4, perm=[0,1,2])
      %6 = Slice(%3, %zero, %four, %one, %one)
      %8 = Slice(%x, starts=[0,0], ends=[1,5])
      %9 = Concat(%8)
      %10: quint8[1,4,N](0.5,3) = Cast(%x, to=2)
      %y = Add(%2, %5, %6, %9, %10)
      output y = %y)");
  EXPECT_EQ(RemoveIdentities(graph), 10);
  RemoveDeadNodes(graph);
  ExpectGraph(graph, R"(
      input %x: quint8[1,4,N](0.5,3)
      %y = Add(%x, %x, %x, %x, %x)
      output y = %y)");
}

TEST(RemoveIdentitiesTest, WhatChangesSomethingStays) {
  const std::string text = R"(
      input %x: float32[1,4,N]; input %s: int64[1]; input %u
      constant %zero = int64[1]{0}; constant %big = int64[1]{100}; constant %one = int64[1]{1}
      constant %two = int64[1]{2}; constant %three = int64[1]{3}; constant %open = int64[1]{9223372036854775807}
      %0 = Slice(%x, %one, %open, %one)
      %1 = Slice(%x, %zero, %three, %one)
      %2 = Slice(%x, %zero, %open, %one, %two)
      %3 = Slice(%x, %zero, %big, %two)
      %4 = Slice(%x, %zero, %s, %one)
      %5 = Slice(%x, %zero, %open, %s)
      %6 = Slice(%u, %zero, %big, %one)
      %7 = org.pytorch._caffe2::Int8Slice(%x, dim=1, start_idx=0, end_idx=3)
      %8 = org.pytorch._caffe2::Int8Slice(%x, dim=1, start_idx=1, end_idx=4)
      %9: float32[4,N] = Reshape(%x, %s)
      %10: float32[1,4,M] = Reshape(%x, %s)
      %11 = Reshape(%x, %s)
      %12 = Reshape(%u, %s)
      %13 = Transpose(%x, perm=[0,2,1])
      %14 = Transpose(%x)
      %15 = Concat(%x, %x, axis=0)
      %16: float16[1,4,N] = Cast(%x, to=10)
      %17 = Cast(%u, to=10)
      %18 = f(%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17)
      output y = %18)";
  ir::Graph graph = Parsed(text);
  EXPECT_EQ(RemoveIdentities(graph), 0);
  ExpectGraph(graph, text);
}

TEST(RemoveIdentitiesTest, AnOutputKeepsTheIdentityThatNamesIt) {
  ir::Graph graph = Parsed(R"(
      input %x
      %0 = Relu(%x); %1 = Identity(%0); %2 = Identity(%0); %3 = Identity(%x)
      output a = %1; output b = %2; output c = %3)");
  EXPECT_EQ(RemoveIdentities(graph), 1);
  ExpectGraph(graph, R"(
      input %x
      %0 = Relu(%x); %2 = Identity(%0); %3 = Identity(%x)
      output a = %0; output b = %2; output c = %3)");
}

// ---- SeparateWeightZeroPoints ----

TEST(SeparateWeightZeroPoints, EachWeightHasItsOwn) {
  ir::Graph graph = Parsed(R"(
      input %x
      constant %s = float32[]{0.5}; constant %z = int8[]{0}
      constant %v = int8[2]{1,2}; constant %w = int8[2]{3,4}; constant %b = int32[2]{5,6}
      %0 = DequantizeLinear(%v, %s, %z); %1 = DequantizeLinear(%w, %s, %z)
      %2 = DequantizeLinear(%x, %s, %z); %3 = DequantizeLinear(%b, %s); %4 = f(%0, %1, %2, %3)
      output y = %4)");
  EXPECT_EQ(SeparateWeightZeroPoints(graph), 1);
  ExpectGraph(graph, R"(
      input %x
      constant %s = float32[]{0.5}; constant %z = int8[]{0}
      constant %v = int8[2]{1,2}; constant %w = int8[2]{3,4}; constant %b = int32[2]{5,6}
      constant %0 "z" = int8[]{0}
      %1 = DequantizeLinear(%v, %s, %z); %2 = DequantizeLinear(%w, %s, %0)
      %3 = DequantizeLinear(%x, %s, %z); %4 = DequantizeLinear(%b, %s); %5 = f(%1, %2, %3, %4)
      output y = %5)");
  EXPECT_EQ(SeparateWeightZeroPoints(graph), 0);
}

TEST(SeparateWeightZeroPoints, ALayerHasItsOwnWeight) {
  ir::Graph graph = Parsed(R"(
      constant %s = float32[]{0.5}; constant %z = int8[]{0}; constant %v = int8[2]{1,2}
      %0 = DequantizeLinear(%v, %s, %z); %1 = DequantizeLinear(%v, %s, %z); %2 = f(%0, %1)
      output y = %2)");
  EXPECT_EQ(SeparateWeightZeroPoints(graph), 2);
  ExpectGraph(graph, R"(
      constant %s = float32[]{0.5}; constant %z = int8[]{0}; constant %v = int8[2]{1,2}
      constant %0 "v" = int8[2]{1,2}; constant %1 "z" = int8[]{0}
      %2 = DequantizeLinear(%v, %s, %z); %3 = DequantizeLinear(%0, %s, %1); %4 = f(%2, %3)
      output y = %4)");
}

}  // namespace
}  // namespace octavo::passes
