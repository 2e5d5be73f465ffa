#include "octavo/onnx/read.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/onnx/write.h"

namespace octavo::onnx {
namespace {

using ::testing::HasSubstr;

class ReadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "octavo-read-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder_ / "model.onnx";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_, path_;
};

ir::Graph SmallGraph() {
  ir::Graph graph;
  graph.name = "small";
  graph.opsets[""] = 17;
  graph.metadata["key"] = "value";
  const ir::ValueId x = graph.AddInput("x", {.dtype = DType::kFloat32, .shape = Shape{Dim::Symbol("N"), 4}});
  const ir::ValueId w = graph.AddConstant(Tensor::Floats({4}, {1, 2, 3, 4}), "w");
  const ir::NodeId add = graph.AddNode("Add", {{"", x}, {"", w}}, {TensorType{.dtype = DType::kFloat32}});
  const ir::NodeId pool = graph.AddNode(
      "mylib::Pool",
      {{"", graph.node(add).outputs[0]}, {"kernel", std::vector<Dim>{2, 3}}, {"mode", std::string("max")}},
      {TensorType{.dtype = DType::kFloat32, .shape = Shape{Dim::Symbol("N"), 4}}});
  graph.opsets["mylib"] = 1;
  graph.AddOutput("y", graph.node(pool).outputs[0]);
  graph.value(graph.node(pool).outputs[0]).name = "y";
  return graph;
}

TEST_F(ReadTest, ReadsWhatWasWritten) {
  ASSERT_TRUE(Write(SmallGraph(), path_, {}));
  const auto read = Read(path_);
  ASSERT_TRUE(read) << read.error().ToString();
  const ir::Graph& graph = read->graph;
  EXPECT_THAT(read->producer, HasSubstr("octavo"));
  EXPECT_EQ(read->bytes, std::filesystem::file_size(path_));
  ASSERT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(graph.nodes()[1].op, "mylib::Pool");
  EXPECT_EQ(std::get<std::vector<Dim>>(*graph.nodes()[1].Find("kernel")), (std::vector<Dim>{2, 3}));
  EXPECT_EQ(std::get<std::string>(*graph.nodes()[1].Find("mode")), "max");
  EXPECT_EQ(graph.type(graph.inputs()[0]).ToString(), "float32[N,4]");
  EXPECT_EQ(graph.value(std::get<ir::ValueId>(graph.nodes()[0].arguments[1].value)).constant->ToFloats(),
            (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(graph.outputs()[0].name, "y");
  EXPECT_EQ(graph.metadata.at("key"), "value");
}

TEST_F(ReadTest, RefusesWhatIsNoModel) {
  EXPECT_EQ(Read(path_).error().code(), ErrorCode::kIo);
  for (const char* text : {"", "hello", "\x08\x08"}) {
    std::ofstream(path_, std::ios::trunc) << text;
    const auto read = Read(path_);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::kInvalidFile);
  }
}

TEST_F(ReadTest, NeverCrashesOnATruncatedOrChangedFile) {
  ASSERT_TRUE(Write(SmallGraph(), path_, {}));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes.substr(0, i);
    static_cast<void>(Read(path_).has_value());
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << changed;
    static_cast<void>(Read(path_).has_value());
  }
}

}  // namespace
}  // namespace octavo::onnx
