#include "octavo/ir/text.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/verify.h"

namespace octavo::ir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Graph Parsed(const std::string& text) {
  Result<Graph> graph = ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? *std::move(graph) : Graph();
}

// ---- Text that is printed as it was read ----

class SameText : public ::testing::TestWithParam<std::string> {};

TEST_P(SameText, ParsedAndPrinted) {
  const Graph graph = Parsed(GetParam());
  EXPECT_EQ(Print(graph), GetParam());
  EXPECT_TRUE(Verify(graph));
}

INSTANTIATE_TEST_SUITE_P(
    Graphs, SameText,
    ::testing::Values(
        "",
        "graph net\ndoc \"two\\nlines \\\"quoted\\\" \\x00\\xff\"\nopset 17\nopset org.pytorch._caffe2 1\n"
        "metadata \"a key\" \"{}\"\nmetadata octavo.quantization \"{\\\"x\\\": 1}\"\n",
        "input %x: quint8[1,8,6,6](0.25,128)\n"
        "%0: quint8[1,8,3,3](0.25,128) = aten::max_pool2d(%x, kernel_size=[3,3], stride=[2,2], "
        "ceil_mode=false)\n"
        "output y = %0\n",
        // Types
        "input %a: float32[N,3,2*H + 1,floor((H + 1)/2)]\ninput %b: float32\ninput %c: float32[]\ninput %d\n"
        "input %e: ?[2,3]\ninput %f: qint8[2,3](axis=0, scales=[0.1,1e-05], zero_points=[0,-3])\n"
        "input %g: quint4x2[1,2](axis=0, scales=[0.5], float_zero_points=[0.25])\n"
        "input %h: qint32(0.001,0)\ninput %i: bool[0,4]\n",
        // Arguments
        "input %x: int64[2]\n"
        "%0 = op(%x, None, [%x,None,%x], true, 5, -3, N, 2*N + 1, floor(N/2), 0.5, 1.0, -2.0, 1e-05, 1e+20, "
        "inf, -inf, nan, \"a \\\\ b\")\n"
        "%1 = op([], tensors[], floats[], bools[], strings[], [1,N,3], [0.5,1.0], [true,false], "
        "[\"a\",\"\"], [None])\n"
        "%2 = op(a=1, b.c=[2], \"odd name\"=%1, \"0\"=2)\n"
        "%nothing = op()\n"
        "%3, %4: float32[2], %named = aten::split(%0, 9223372036854775807, -9223372036854775808)\n",
        "input %x\n%0 = \"strange op\"()\n%1 = name()\n%2 = name() name \"name\"\n%3 = \"a(b\"()\n",
        // Node names
        "input %x\n%0: float32 = org.pytorch._caffe2::Int8Conv(%x) name \"layer1.0.conv1/Int8Conv\"\n"
        "output \"odd name\" = %0\n",
        // Constants
        "constant %conv1.weight = float32[2,2]{1, -2.5, 0.1, 1e-45}\n"
        "constant %b = qint8[2,1](axis=0, scales=[0.1,0.2], zero_points=[0,0]){-128, 127}\n"
        "constant %0 = int64[]{-9223372036854775808}\nconstant %1 = float32[0,3]{}\n"
        "constant %2 = bool[3]{0, 1, 1}\nconstant %3 = bool[2]{0x0002}\n"
        "constant %4 = float16[2]{0x003c00c0}\nconstant %5 = complex64[1]{0x0000803f00000040}\n"
        "constant %6 = float32[2]{inf, -inf}\nconstant %7 = float32[1]{0x0000c07f}\n"
        "constant %8 = float64[2]{0.1, 5e-324}\nconstant %9 = uint8[1]{255}\n"
        "constant %10 = qint32[1](0.5,0){-2147483648}\nconstant %11 = int16[2]{-32768, 32767}\n",
        "%0 = Op(value=float32[1]{0.5}, values=bytes quint8[3](1,0){1, 2, 3})\n",
        // Packed weights
        "input %x\n"
        "%0 = quantized::conv2d(%x, packed(kind=conv, spatial_dims=2, name=\"conv._packed_params\", "
        "weight=qint8[1,1,1,1](0.5,0){3}, bias=float32[1]{0.25}, stride=[1,1], padding=[0,0], "
        "dilation=[1,1], "
        "output_padding=[0,0], groups=2))\n"
        "%1 = quantized::linear(%0, packed(kind=linear, weight=%x, bias=%0))\n"
        "%2 = op(packed(kind=linear_fp16, weight=float32[1,1]{1}), packed(kind=embedding, "
        "weight=quint8[1,1](1,0){1}), packed(kind=conv_transpose, weight=float32[1]{1}))\n"));

TEST(TextTest, SpacesCommentsAndSemicolonsDoNotMatter) {
  const Graph graph = Parsed(
      "# a comment\n input %x:float32[ 1 , N ] ;%0=aten::relu( %x ) # aten::relu at net.py:3:1\n\n"
      "%1 = op(\n  %0,\n  kernel = [ 3 , 3 ])  name\"n\"; output %1 output logits = %0");
  EXPECT_EQ(Print(graph),
            "input %x: float32[1,N]\n%0 = aten::relu(%x)\n%1 = op(%0, kernel=[3,3]) name \"n\"\n"
            "output 1 = %1\noutput logits = %0\n");
}

// ---- Graphs that are read as they were printed ----

void ExpectSameTensor(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.type(), b.type());
  EXPECT_EQ(a.Bytes(), b.Bytes());
}

TEST(TextTest, EveryKindOfOperandComesBack) {
  Graph graph;
  const ValueId x = graph.AddInput("x", {.dtype = DType::kFloat32, .shape = Shape{1, Dim::Symbol("N")}});
  Tensor strided = Tensor::From(DType::kInt8, {2, 3}, std::vector<std::int8_t>{1, 2, 3, 4, 5, -6});
  strided = strided.Permuted(std::vector<int>{1, 0});
  Tensor shifted = strided;
  shifted.dtype = DType::kQInt8;
  shifted.quantization = Quantization::PerTensor(0.5, 0);
  shifted = shifted.ShiftedBy128();
  const auto packed =
      std::make_shared<const PackedWeights>(PackedWeights{.kind = PackedWeights::Kind::kConvTranspose,
                                                          .spatial_dims = 1,
                                                          .weight = shifted,
                                                          .stride = {2},
                                                          .output_padding = {1},
                                                          .groups = 3,
                                                          .name = "up._packed_params"});
  graph.AddNode("op",
                {{"", None()},
                 {"", x},
                 {"", ValueList{x, ValueId(), x}},
                 {"", ValueList()},
                 {"b", true},
                 {"d", Dim(std::numeric_limits<std::int64_t>::max())},
                 {"s", Dim::Symbol("N") * Dim(3) - Dim(2)},
                 {"f", std::numbers::pi},
                 {"whole", 3.0},
                 {"text", std::string("\t\"\\\n\x01\xc3\xa9\0z", 9)},
                 {"dims", std::vector<Dim>{1, Dim::Symbol("N")}},
                 {"floats", std::vector<double>{1, 0.1}},
                 {"bools", std::vector<bool>{false, true}},
                 {"strings", std::vector<std::string>{"x", "None"}},
                 {"t", strided},
                 {"bytes", Bytes{shifted}},
                 {"packed", packed},
                 {"true", Dim(1)},
                 {"", std::string("true")}},
                {TensorType()});
  const Graph back = Parsed(Print(graph));
  ASSERT_THAT(back.nodes(), SizeIs(1));
  const std::vector<Argument>& before = graph.node(0).arguments;
  const std::vector<Argument>& after = back.node(0).arguments;
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].name, after[i].name);
    ASSERT_EQ(before[i].value.index(), after[i].value.index()) << i << " " << Print(graph);
    std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          const T& other = std::get<T>(after[i].value);
          if constexpr (std::is_same_v<T, Tensor>) {
            ExpectSameTensor(value, other);
          } else if constexpr (std::is_same_v<T, Bytes>) {
            ExpectSameTensor(value.data, other.data);
          } else if constexpr (std::is_same_v<T, std::shared_ptr<const PackedWeights>>) {
            EXPECT_EQ(value->kind, other->kind);
            EXPECT_EQ(value->spatial_dims, other->spatial_dims);
            EXPECT_EQ(value->stride, other->stride);
            EXPECT_EQ(value->output_padding, other->output_padding);
            EXPECT_EQ(value->groups, other->groups);
            EXPECT_EQ(value->name, other->name);
            EXPECT_FALSE(other->bias);
            ExpectSameTensor(value->weight, other->weight);
          } else {
            EXPECT_TRUE(value == other) << i;
          }
        },
        before[i].value);
  }
}

TEST(TextTest, NamesThatAreTakenOrOddArePrintedBehindANumber) {
  Graph graph;
  const ValueId a = graph.AddInput("same", {});
  graph.AddConstant(Tensor::Scalar(1.F), "same");
  graph.AddConstant(Tensor::Scalar(2.F), "7");
  graph.AddConstant(Tensor::Scalar(3.F), "a b:c");
  graph.AddNode("op", {{"", a}}, {TensorType()});
  const std::string text = Print(graph);
  EXPECT_EQ(text,
            "input %0 \"same\"\nconstant %1 \"same\" = float32[]{1}\nconstant %2 \"7\" = float32[]{2}\n"
            "constant %3 \"a b:c\" = float32[]{3}\n%4 = op(%0)\n");
  const Graph back = Parsed(text);
  EXPECT_EQ(Print(back), text);
  EXPECT_EQ(back.value(ValueId{1}).name, "same");
  EXPECT_EQ(back.value(ValueId{3}).name, "a b:c");
  EXPECT_EQ(back.value(ValueId{4}).name, "");
}

TEST(TextTest, OriginsAreComments) {
  Graph graph;
  auto origin = std::make_shared<Origin>();
  origin->op = "aten::relu";
  origin->module_path = "layer1.0";
  origin->place = "code/net.py:3:1";
  graph.AddNode("Relu", {}, {TensorType()}, origin);
  EXPECT_EQ(Print(graph), "%0 = Relu()  # aten::relu, layer1.0, code/net.py:3:1\n");
  EXPECT_EQ(Print(graph, {.origins = false}), "%0 = Relu()\n");
  EXPECT_EQ(Print(Parsed(Print(graph))), "%0 = Relu()\n");
}

TEST(TextTest, LargeConstantsAreLeftOutAndThenRefused) {
  Graph graph;
  graph.AddConstant(Tensor::Floats({2, 17}, std::vector<float>(34, 0.5F)), "w");
  EXPECT_EQ(Print(graph), "constant %w = float32[2,17]{... 136 bytes}\n");
  const Result<Graph> back = ParseGraph(Print(graph));
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().what(), HasSubstr("left out"));
  EXPECT_TRUE(ParseGraph(Print(graph, {.max_elements = 34})));
}

TEST(TextTest, EveryFloatComesBack) {
  std::vector<float> values = {0.F,
                               -0.F,
                               1.F / 3,
                               std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::min()};
  std::uint32_t state = 1;
  for (int i = 0; i < 1000; ++i) {
    state = state * 1664525 + 1013904223;
    const float value = std::bit_cast<float>(state);
    if (!std::isnan(value)) values.push_back(value);
  }
  Graph graph;
  graph.AddConstant(Tensor::Floats({static_cast<std::int64_t>(values.size())}, values), "f");
  const std::vector<double> doubles(values.begin(), values.end());
  graph.AddNode("op", {{"", doubles}}, {TensorType()});
  const Graph back = Parsed(Print(graph, {.max_elements = 10'000}));
  EXPECT_EQ(back.value(ValueId{0}).constant->Bytes(), graph.value(ValueId{0}).constant->Bytes());
  EXPECT_EQ(std::get<std::vector<double>>(back.node(0).arguments[0].value), doubles);
}

// ---- What is refused, and where ----

struct Refusal {
  std::string text, place, message;
  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.text; }
};

class RefusedText : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedText, WithLineAndColumn) {
  const Result<Graph> graph = ParseGraph(GetParam().text);
  ASSERT_FALSE(graph) << GetParam().text;
  EXPECT_EQ(graph.error().code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(graph.error().what(), HasSubstr(GetParam().message)) << GetParam().text;
  EXPECT_EQ(graph.error().where(), GetParam().place) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, RefusedText,
    ::testing::Values(
        Refusal{"nonsense", "graph:1:1", "\"nonsense\" does not begin a statement"},
        Refusal{"input %x\n  @", "graph:2:3", "a statement is expected"},
        Refusal{"input x", "graph:1:7", "'%' is expected"},
        Refusal{"input %", "graph:1:8", "name is expected"},
        Refusal{"input %x\ninput %x", "graph:2:7", "%x is defined twice"},
        Refusal{"%0, %0 = op()", "graph:1:5", "%0 is defined twice"},
        Refusal{"%0 = op(%1)", "graph:1:9", "%1 is used before it is defined"},
        Refusal{"%0 = op(%0)", "graph:1:9", "%0 is used before it is defined"},
        Refusal{"output y = %y", "graph:1:12", "%y is used before it is defined"},
        Refusal{"%0 = op(5+None)", "graph:1:9", "None is not the name of a size"},
        Refusal{"%0 = op(", "graph:1:9", "is expected here"},
        Refusal{"%0 = op(1", "graph:1:10", "')' is expected"},
        Refusal{"%0 op()", "graph:1:4", "'=' is expected"},
        Refusal{"a:: ()", "graph:1:4", "an operator is expected"},
        Refusal{"op(1,,2)", "graph:1:6", "an argument is expected"},
        Refusal{"op([1,true])", "graph:1:4", "must have the same type"},
        Refusal{"op([1,2.5])", "graph:1:4", "must have the same type"},
        Refusal{"op([None,1])", "graph:1:4", "must have the same type"},
        Refusal{"op(floats[1.0])", "graph:1:11", "']' is expected"},
        Refusal{"op(2**3)", "graph:1:4", "an argument is expected"},
        Refusal{"op(99999999999999999999)", "graph:1:4", "an argument is expected"},
        Refusal{"op(\"abc)", "graph:1:4", "is not closed"},
        Refusal{"op(\"a\nb\")", "graph:1:4", "is not closed"},
        Refusal{"op(\"\\q\")", "graph:1:6", "unknown escape"},
        Refusal{"op(\"\\x4\")", "graph:1:6", "unknown escape"},
        Refusal{"op() name x", "graph:1:6", "\"name\" does not begin a statement"},
        Refusal{"\"op\"()", "graph:1:1", "a statement is expected"},
        Refusal{"input %x: float31", "graph:1:11", "unknown type float31"},
        Refusal{"input %x: float32[", "graph:1:19", "a size is expected"},
        Refusal{"input %x: float32[1,]", "graph:1:21", "a size is expected"},
        Refusal{"input %x: float32[1.5]", "graph:1:19", "a size is expected"},
        Refusal{"input %x: float32[1](1,0)", "graph:1:11", "float32 has no scale"},
        Refusal{"input %x: quint8[1]", "graph:1:11", "needs (scale,zero_point)"},
        Refusal{"input %x: quint8[1](a=0)", "graph:1:20", "unknown quantization key a"},
        Refusal{"input %x: quint8[1](0.5)", "graph:1:24", "',' is expected"},
        Refusal{"input %x: quint8[1](0.5,1.5)", "graph:1:25", "an integer is expected"},
        Refusal{"input %x: qint8[64](axis=0, ... 64 scales)", "graph:1:20", "left out"},
        Refusal{"input %x: qint8[1](axis=-1, scales=[1], zero_points=[0])", "graph:1:19",
                "axis -1 is out of range"},
        Refusal{"constant %w = float32[N]{1}", "graph:1:15", "known sizes"},
        Refusal{"constant %w = float32{1}", "graph:1:15", "known sizes"},
        Refusal{"constant %w = float32[2]{1}", "graph:1:15", "1 elements, but 2"},
        Refusal{"constant %w = float32[2]{1,2,3}", "graph:1:15", "3 elements, but 2"},
        Refusal{"constant %w = float32[1099511627777]{}", "graph:1:15", "is not possible"},
        Refusal{"constant %w = float32[4294967296,4294967296]{}", "graph:1:15", "is not possible"},
        Refusal{"constant %w = float32[-1]{}", "graph:1:15", "is not possible"},
        Refusal{"constant %w = float32[0,9223372036854775807]{}", "graph:1:15", "is not possible"},
        Refusal{"constant %w = uint8[1]{256}", "graph:1:24", "not a valid uint8 element"},
        Refusal{"constant %w = uint8[1]{-1}", "graph:1:24", "not a valid uint8 element"},
        Refusal{"constant %w = float32[1]{1e39}", "graph:1:26", "not a valid"},
        Refusal{"constant %w = float32[1]{Inf}", "graph:1:26", "not a valid"},
        Refusal{"constant %w = bool[1]{2}", "graph:1:23", "not a valid"},
        Refusal{"constant %w = float16[1]{1}", "graph:1:26", "not a valid"},
        Refusal{"constant %w = float16[1]{0x003}", "graph:1:30", "two hexadecimal digits"},
        Refusal{"constant %w = float16[1]{0x003g}", "graph:1:30", "two hexadecimal digits"},
        Refusal{"constant %w = float16[1]{0x00}", "graph:1:15", "0.5 elements, but 1"},
        Refusal{"op(packed(kind=what))", "graph:1:11", "unknown kind of packed weights what"},
        Refusal{"op(packed(color=1))", "graph:1:11", "unknown part of packed weights color"},
        Refusal{"op(packed(spatial_dims=4))", "graph:1:11", "1 to 3 dimensions"},
        Refusal{"op(packed())", "graph:1:11", "is expected"}, Refusal{"opset a", "graph:1:8", "is expected"},
        Refusal{"opset 1 opset 2", "graph:1:15", "two versions"},
        Refusal{"opset 99999999999", "graph:1:7", "needs a version"},
        Refusal{"metadata a \"1\"\nmetadata a \"2\"", "graph:2:10", "occurs twice"},
        Refusal{"doc text", "graph:1:5", "'\"' is expected"}));

TEST(TextTest, AGraphThatIsNotWellFormedIsRefused) {
  const Result<Graph> graph = ParseGraph("input %x: qint8[2](axis=0, scales=[1], zero_points=[0])");
  ASSERT_FALSE(graph);
  EXPECT_THAT(graph.error().what(), HasSubstr("1 scales, but the axis has size 2"));
  EXPECT_FALSE(ParseGraph("input %x: qint8[2](axis=1, scales=[1,1], zero_points=[0,0])"));
  EXPECT_FALSE(ParseGraph("input %x: qint8[2](axis=0, scales=[1,1], zero_points=[0])"));
  EXPECT_FALSE(ParseGraph("input %x: qint8[2](scales=[1,1], zero_points=[0,0])"));
  EXPECT_FALSE(ParseGraph("input %x: float32[-2]"));
  EXPECT_FALSE(ParseGraph("op(packed(kind=linear))"));
}

TEST(TextTest, DeepAndLongTextsAreRefusedAtOnce) {
  EXPECT_FALSE(ParseGraph("input %x: float32[" + std::string(100'000, '(') + "]"));
  std::string sum = "op(N0";
  for (int i = 1; i < 100'000; ++i) sum += "+N" + std::to_string(i);
  EXPECT_FALSE(ParseGraph(sum + ")"));
  EXPECT_FALSE(ParseGraph("op(" + std::string(100'000, '[')));
  std::string sizes = "input %x: float32[1";
  for (int i = 0; i < 100; ++i) sizes += ",1";
  EXPECT_FALSE(ParseGraph(sizes + "]"));
}

// Every prefix of a text is a graph or an error, nothing else.
TEST(TextTest, EveryPrefixEnds) {
  const std::string text =
      "graph net\nopset 17\ninput %x: quint8[1,N](0.25,128)\nconstant %w = float32[2]{1, 2}\n"
      "%0: float32[1], %1 = a::b(%x, k=[1,2], t=int8[1]{0x01}, p=packed(kind=linear, weight=%w), "
      "s=\"\\x00\") name \"n\"\noutput y = %1\n";
  ASSERT_TRUE(ParseGraph(text));
  for (std::size_t length = 0; length < text.size(); ++length) {
    const Result<Graph> graph = ParseGraph(text.substr(0, length));
    if (graph) {
      EXPECT_TRUE(Verify(*graph));
    } else {
      EXPECT_THAT(graph.error().where(), HasSubstr("graph:"));
    }
  }
}

}  // namespace
}  // namespace octavo::ir
