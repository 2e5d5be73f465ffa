#include "octavo/ir/origin.h"

#include <gtest/gtest.h>

namespace octavo::ir {
namespace {

TEST(Origin, Text) {
  EXPECT_EQ(Text({.module_path = "layer1.0", .op = "aten::relu", .place = "code/net.py:3:4"}),
            "aten::relu at code/net.py:3:4, in layer1.0");
  EXPECT_EQ(Text({.op = "aten::relu"}), "aten::relu");
  EXPECT_EQ(Text({.op = "aten::relu", .place = "code/net.py:3:4"}), "aten::relu at code/net.py:3:4");
  EXPECT_EQ(Text({.module_path = "layer1.0", .op = "aten::relu"}), "aten::relu, in layer1.0");
  EXPECT_EQ(Text({}), "");
}

TEST(Origin, TheAuthorsLineStandsBeforeTheGeneratedOne) {
  Origin origin{
      .module_path = "a", .op = "aten::relu", .place = "code/net.py:3:4", .author_line = "net.py:7"};
  EXPECT_EQ(Place(origin), "net.py:7 (code/net.py:3:4)");
  EXPECT_EQ(Text(origin), "aten::relu at net.py:7 (code/net.py:3:4), in a");
  EXPECT_EQ(Identity(origin), "aten::relu at code/net.py:3:4, in a");
  origin.place = "code/net.py:3:4 #12";
  EXPECT_EQ(Place(origin), "net.py:7 (code/net.py:3:4) #12");
  EXPECT_EQ(Place({.author_line = "net.py:7"}), "net.py:7");
  EXPECT_EQ(Place({.place = "code/net.py:3:4"}), "code/net.py:3:4");
  EXPECT_EQ(Place({}), "");
}

TEST(Origin, ReadBack) {
  for (const Origin& origin :
       {Origin{.module_path = "layer1.0", .op = "aten::relu", .place = "code/net.py:3:4 #2"},
        Origin{.op = "quantized::conv2d_relu", .place = "code/net.py:3:4"},
        Origin{.op = "aten::relu", .place = "code/net.py:3:4 #2", .author_line = "a (1) #2.py:7"},
        Origin{
            .module_path = "a.b", .op = "aten::relu", .place = "code/x.py:3:4", .author_line = "at net.py:7"},
        Origin{.module_path = "a.b", .op = "mylib::twice"}}) {
    const std::optional<Origin> read = ParseOrigin(Text(origin));
    ASSERT_TRUE(read) << Text(origin);
    EXPECT_EQ(read->module_path, origin.module_path);
    EXPECT_EQ(read->op, origin.op);
    EXPECT_EQ(read->place, origin.place);
    EXPECT_EQ(read->author_line, origin.author_line);
  }
}

TEST(Origin, OtherTextsSayNothing) {
  for (const char* text : {"", "a comment", "Conv", "see std::vector at large",
                           "/usr/lib/python3/dist-packages/torch/nn.py(3): f"}) {
    EXPECT_FALSE(ParseOrigin(text)) << text;
  }
}

TEST(Origin, NodesFromTheSamePlaceAreNumbered) {
  Graph graph;
  const ValueId x = graph.AddInput("x", {.dtype = DType::kFloat32});
  const auto add = [&](const char* module_path) {
    auto origin = std::make_shared<Origin>();
    origin->op = "aten::relu";
    origin->place = "code/net.py:3:4";
    origin->module_path = module_path;
    graph.AddNode("aten::relu", {{"self", x}}, {{.dtype = DType::kFloat32}}, std::move(origin));
  };
  add("a");
  add("a");
  add("b");
  add("a");
  graph.AddNode("aten::relu", {{"self", x}}, {{.dtype = DType::kFloat32}});
  const auto origins = NumberedOrigins(graph);
  ASSERT_EQ(origins.size(), 5U);
  EXPECT_EQ(Text(*origins[0]), "aten::relu at code/net.py:3:4, in a");
  EXPECT_EQ(Text(*origins[1]), "aten::relu at code/net.py:3:4 #2, in a");
  EXPECT_EQ(Text(*origins[2]), "aten::relu at code/net.py:3:4, in b");
  EXPECT_EQ(Text(*origins[3]), "aten::relu at code/net.py:3:4 #3, in a");
  EXPECT_EQ(origins[4], nullptr);
}

// Numbers are those of files that know nothing of the author's lines.
TEST(Origin, TheAuthorsLineDoesNotChangeTheNumber) {
  Graph graph;
  const ValueId x = graph.AddInput("x", {.dtype = DType::kFloat32});
  for (const char* line : {"net.py:7", "net.py:8"}) {
    auto origin = std::make_shared<Origin>();
    origin->op = "aten::relu";
    origin->place = "code/net.py:3:4";
    origin->author_line = line;
    graph.AddNode("aten::relu", {{"self", x}}, {{.dtype = DType::kFloat32}}, std::move(origin));
  }
  const auto origins = NumberedOrigins(graph);
  EXPECT_EQ(Text(*origins[0]), "aten::relu at net.py:7 (code/net.py:3:4)");
  EXPECT_EQ(Text(*origins[1]), "aten::relu at net.py:8 (code/net.py:3:4) #2");
}

}  // namespace
}  // namespace octavo::ir
