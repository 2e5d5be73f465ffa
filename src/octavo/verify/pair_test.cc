#include "octavo/verify/pair.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/origin.h"
#include "octavo/ir/text.h"

namespace octavo::verify {
namespace {

using ::testing::ElementsAre;

// Each node comes from the text at its place in `origins`, as from a doc_string.
ir::Graph Graph(const std::string& text, const std::vector<std::string>& origins = {}) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const auto origin = ir::ParseOrigin(origins[i]);
    if (origin) graph->nodes()[i].origin = std::make_shared<ir::Origin>(*origin);
  }
  return std::move(*graph);
}

// "a=b" by the values' names; "a=b!" where the axes are in another order.
std::vector<std::string> Names(const ir::Graph& a, const ir::Graph& b, const std::vector<Pair>& pairs) {
  std::vector<std::string> names;
  for (const Pair& pair : pairs) {
    names.push_back(a.value(pair.a).name + "=" + b.value(pair.b).name + (pair.order.empty() ? "" : "!"));
  }
  return names;
}

const char* const kImported = R"(
  input %x: float32[1,2,4,4]
  %q: quint8[1,2,4,4](0.5,3) = aten::quantize_per_tensor(%x)
  %c: quint8[1,2,4,4](0.25,0) = quantized::conv2d(%q)
  %r: quint8[1,2,4,4](0.25,0) = quantized::conv2d(%c)
  %d: float32[1,2,4,4] = aten::dequantize(%r)
  output y = %d
)";
const std::vector<std::string> kOrigins = {
    "aten::quantize_per_tensor at net.py:1:1", "quantized::conv2d at net.py:2:1, in conv",
    "quantized::conv2d at net.py:2:1, in conv", "aten::dequantize at net.py:4:1"};

TEST(PairByOrigin, AModuleThatIsCalledTwice) {
  const ir::Graph a = Graph(kImported, kOrigins);
  const ir::Graph b =
      Graph(R"(
    opset 17
    input %in: float32[1,2,4,4]
    constant %s = float32[]{0.5}; constant %z = uint8[]{3}
    %bq = QuantizeLinear(%in, %s, %z)
    %1 = DequantizeLinear(%bq, %s, %z)
    %2 = Conv(%1)
    %bc = QuantizeLinear(%2, %s, %z)
    %3 = DequantizeLinear(%bc, %s, %z)
    %4 = Conv(%3)
    %br = QuantizeLinear(%4, %s, %z)
    %bd = DequantizeLinear(%br, %s, %z)
    output y = %bd
  )",
            {kOrigins[0], kOrigins[1], kOrigins[1], kOrigins[1],
             "quantized::conv2d at net.py:2:1 #2, in conv", "quantized::conv2d at net.py:2:1 #2, in conv",
             "quantized::conv2d at net.py:2:1 #2, in conv", kOrigins[3]});
  EXPECT_THAT(Names(a, b, PairByOrigin(a, b)), ElementsAre("x=in", "q=bq", "c=bc", "r=br", "d=bd"));
  EXPECT_TRUE(ShareOrigins(a, b));
}

// A file of an older version, or one made without the records that know the author's lines.
TEST(PairByOrigin, TheAuthorsLineSaysNothing) {
  const std::vector<std::string> origins = {"aten::quantize_per_tensor at net.py:30 (code/net.py:1:1)",
                                            "quantized::conv2d at net.py:31 (code/net.py:2:1), in conv",
                                            "quantized::conv2d at net.py:32 (code/net.py:2:1), in conv",
                                            "aten::dequantize at net.py:33 (code/net.py:4:1)"};
  std::vector<std::string> written = origins, former = origins;
  written[2] = "quantized::conv2d at net.py:32 (code/net.py:2:1) #2, in conv";
  for (std::size_t i = 0; i < written.size(); ++i) {
    auto origin = *ir::ParseOrigin(written[i]);
    origin.author_line.clear();
    former[i] = ir::Text(origin);
  }
  EXPECT_EQ(former[2], "quantized::conv2d at code/net.py:2:1 #2, in conv");
  const char* const text = R"(
    opset 17
    input %in: float32[1,2,4,4]
    %bq = QuantizeLinear(%in)
    %bc = Conv(%bq)
    %br = Conv(%bc)
    %bd = DequantizeLinear(%br)
    output y = %bd
  )";
  for (const auto& of_file : {written, former}) {
    const ir::Graph a = Graph(kImported, origins), b = Graph(text, of_file);
    EXPECT_THAT(Names(a, b, PairByOrigin(a, b)), ElementsAre("x=in", "q=bq", "c=bc", "r=br", "d=bd"));
    const ir::Graph without = Graph(
        kImported,
        {"aten::quantize_per_tensor at code/net.py:1:1", "quantized::conv2d at code/net.py:2:1, in conv",
         "quantized::conv2d at code/net.py:2:1, in conv", "aten::dequantize at code/net.py:4:1"});
    EXPECT_THAT(Names(without, b, PairByOrigin(without, b)),
                ElementsAre("x=in", "q=bq", "c=bc", "r=br", "d=bd"));
  }
}

TEST(PairByOrigin, Caffe2HasImagesInNhwc) {
  const ir::Graph a = Graph(kImported, kOrigins);
  const ir::Graph b = Graph(
      R"(
    opset 9
    opset "org.pytorch._caffe2" 1
    input %in: float32[1,2,4,4]
    %bq = org.pytorch._caffe2::Int8Quantize(%in)
    %1 = org.pytorch._caffe2::Int8Transpose(%bq, axes=[0,2,3,1])
    %w = org.pytorch._caffe2::Int8GivenTensorFill()
    %bc = org.pytorch._caffe2::Int8Conv(%1, %w, order="NHWC")
    %br = org.pytorch._caffe2::Int8Conv(%bc, %w, order="NHWC")
    %back = org.pytorch._caffe2::Int8Transpose(%br, axes=[0,3,1,2])
    %bd = org.pytorch._caffe2::Int8Dequantize(%back)
    output y = %bd
  )",
      {kOrigins[0], kOrigins[1], kOrigins[1], kOrigins[1], "quantized::conv2d at net.py:2:1 #2, in conv",
       "quantized::conv2d at net.py:2:1 #2, in conv", kOrigins[3]});
  EXPECT_THAT(Names(a, b, PairByOrigin(a, b)), ElementsAre("x=in", "q=bq", "c=bc!", "r=back", "d=bd"));
}

TEST(PairByOrigin, SeveralResultsInOrder) {
  const std::string chunk = "aten::chunk at net.py:2:1";
  const ir::Graph a = Graph(R"(
    input %x: float32[4]
    %p: float32[2], %q: float32[2] = aten::chunk(%x)
    %s: float32[2] = aten::add(%p, %q)
    output y = %s
  )",
                            {chunk, "aten::add at net.py:3:1"});
  const ir::Graph b = Graph(R"(
    opset 17
    input %x: float32[4]
    %bp = Slice(%x)
    %bq = Slice(%x)
    %bs = Add(%bq, %bp)
    output y = %bs
  )",
                            {chunk, chunk, "aten::add at net.py:3:1"});
  EXPECT_THAT(Names(a, b, PairByOrigin(a, b)), ElementsAre("x=x", "p=bp", "q=bq", "s=bs"));
}

TEST(PairByQuantization, AnotherExportersFile) {
  const ir::Graph a = Graph(kImported, kOrigins);
  const ir::Graph b = Graph(R"(
    opset 13
    input %in: float32[1,2,4,4]
    constant %s = float32[]{0.5}; constant %z = uint8[]{3}
    constant %t = float32[]{0.2500001}; constant %o = uint8[]{0}
    %bq = QuantizeLinear(%in, %s, %z)
    %1 = DequantizeLinear(%bq, %s, %z)
    %2 = Conv(%1)
    %bc = QuantizeLinear(%2, %t, %o)
    %3 = DequantizeLinear(%bc, %t, %o)
    %4 = Conv(%3)
    %br = QuantizeLinear(%4, %t, %o)
    %bd = DequantizeLinear(%br, %t, %o)
    output y = %bd
  )");
  EXPECT_THAT(Names(a, b, PairByQuantization(a, b)), ElementsAre("x=in", "q=bq", "c=bc", "r=br", "d=bd"));
  EXPECT_FALSE(ShareOrigins(a, b));
}

TEST(PairByQuantization, ValuesThatCannotBeToldApart) {
  const ir::Graph a = Graph(kImported, kOrigins);
  const ir::Graph b = Graph(R"(
    opset 13
    input %in: float32[1,2,4,4]
    constant %s = float32[]{0.5}; constant %z = uint8[]{3}
    constant %t = float32[]{0.25}; constant %o = uint8[]{0}
    %bq = QuantizeLinear(%in, %s, %z)
    %bc = QuantizeLinear(%bq, %t, %o)
    %more = QuantizeLinear(%bc, %t, %o)
    %br = QuantizeLinear(%more, %t, %o)
    %bd = DequantizeLinear(%br, %t, %o)
    output y = %bd
  )");
  EXPECT_THAT(Names(a, b, PairByQuantization(a, b)), ElementsAre("x=in", "q=bq", "d=bd"));
}

TEST(PairByQuantization, AnotherZeroPointOrShapeIsAnotherValue) {
  const ir::Graph a = Graph(kImported, kOrigins);
  const ir::Graph b = Graph(R"(
    opset 13
    input %in: float32[1,2,4,4]
    constant %s = float32[]{0.5}; constant %z = uint8[]{4}
    constant %t = float32[]{0.25}; constant %o = uint8[]{0}
    %bq = QuantizeLinear(%in, %s, %z)
    %bc: uint8[1,2,2,2] = QuantizeLinear(%bq, %t, %o)
    %br: uint8[1,2,4,4] = QuantizeLinear(%bc, %t, %o)
    %bs: uint8[1,2,4,4] = QuantizeLinear(%br, %t, %o)
    %bd = DequantizeLinear(%bs, %t, %o)
    output y = %bd
  )");
  EXPECT_THAT(Names(a, b, PairByQuantization(a, b)), ElementsAre("x=in", "c=br", "r=bs", "d=bd"));
}

TEST(Completed, AnOutputThatIsCopied) {
  const ir::Graph a = Graph(R"(
    input %x: float32[4]
    %p: float32[4] = aten::relu(%x)
    output y = %p
    output z = %p
  )");
  const ir::Graph b = Graph(R"(
    opset 17
    input %x: float32[4]
    %bp = Relu(%x)
    %copy = Identity(%bp)
    output y = %bp
    output z = %copy
  )");
  EXPECT_THAT(Names(a, b, Completed(a, b, {})), ElementsAre("x=x", "p=bp", "p=copy"));
}

}  // namespace
}  // namespace octavo::verify
