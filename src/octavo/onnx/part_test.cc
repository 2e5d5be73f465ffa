#include "octavo/onnx/part.h"

#include <fstream>
#include <iterator>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx.pb.h>

#include "octavo/base/temporary_folder.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/read.h"
#include "octavo/onnx/write.h"

namespace octavo::onnx {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// x -> Relu -> a; a, w -> Add -> b; b -> Split -> c, d; c, d -> Mul -> e; z -> Neg -> f.
class PartTest : public ::testing::Test {
 protected:
  PartTest() : folder_(*TemporaryFolder::Create()) {
    const TensorType type{.dtype = DType::kFloat32, .shape = Shape{Dim(4)}};
    const auto node = [this](const char* op, const std::vector<ir::ValueId>& inputs,
                             const std::vector<std::string>& outputs) {
      std::vector<ir::Argument> arguments;
      for (const ir::ValueId id : inputs) arguments.push_back({.name = {}, .value = id});
      const ir::NodeId added =
          graph_.AddNode(op, std::move(arguments), std::vector<TensorType>(outputs.size()));
      std::vector<ir::ValueId> made = graph_.node(added).outputs;
      for (std::size_t i = 0; i < outputs.size(); ++i) graph_.value(made[i]).name = outputs[i];
      return made;
    };
    graph_.opsets[""] = 17;
    const ir::ValueId x = graph_.AddInput("x", type), z = graph_.AddInput("z", type);
    const ir::ValueId w = graph_.AddConstant(Tensor::Floats({400}, std::vector<float>(400, 2.0F)), "w");
    const ir::ValueId unused = graph_.AddConstant(Tensor::Floats({1}, {3.0F}), "u");
    const ir::ValueId a = node("Relu", {x}, {"a"})[0], b = node("Add", {a, w}, {"b"})[0];
    const std::vector<ir::ValueId> halves = node("Split", {b}, {"c", "d"});
    const ir::ValueId e = node("Mul", halves, {"e"})[0], f = node("Sub", {z, unused}, {"f"})[0];
    for (const ir::ValueId id : {e, f}) graph_.value(id).type = type;
    graph_.AddOutput("e", e);
    graph_.AddOutput("f", f);
  }

  fs::path Model(ExternalData external = ExternalData::kNever) {
    WriteOptions options;
    options.external_data = external;
    EXPECT_TRUE(Write(graph_, folder_->path() / "model.onnx", options));
    return folder_->path() / "model.onnx";
  }
  // Cuts, and reads the part.
  Result<std::vector<std::string>> Cut(const std::string& value,
                                       const std::map<std::string, TensorType>& begins = {},
                                       ExternalData external = ExternalData::kNever) {
    const auto boundary = [&begins](const std::string& name) {
      const auto at = begins.find(name);
      return at == begins.end() ? nullptr : &at->second;
    };
    Result<std::vector<std::string>> names =
        WritePart(Model(external), value, boundary, folder_->path() / "part.onnx");
    if (!names) return names;
    std::ifstream file(folder_->path() / "part.onnx", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(part_.ParseFromString(text));
    return names;
  }
  std::vector<std::string> Nodes() const {
    std::vector<std::string> names;
    for (const auto& node : part_.graph().node()) names.push_back(node.op_type());
    return names;
  }
  std::vector<std::string> Constants() const {
    std::vector<std::string> names;
    for (const auto& tensor : part_.graph().initializer()) names.push_back(tensor.name());
    return names;
  }

  std::unique_ptr<TemporaryFolder> folder_;
  ir::Graph graph_;
  ::onnx::ModelProto part_;
};

TEST_F(PartTest, EndsAtAValue) {
  EXPECT_THAT(*Cut("b"), ElementsAre("x"));
  EXPECT_THAT(Nodes(), ElementsAre("Relu", "Add"));
  EXPECT_THAT(Constants(), ElementsAre("w"));
  ASSERT_EQ(part_.graph().output_size(), 1);
  EXPECT_EQ(part_.graph().output(0).name(), "b");
  EXPECT_EQ(part_.opset_import(0).version(), 17);
}

TEST_F(PartTest, EndsAtAnOutput) {
  EXPECT_THAT(*Cut("f"), ElementsAre("z"));
  EXPECT_THAT(Nodes(), ElementsAre("Sub"));
  EXPECT_EQ(part_.graph().output(0).type().tensor_type().elem_type(), ::onnx::TensorProto::FLOAT);
}

TEST_F(PartTest, BeginsAtABoundary) {
  const TensorType type{
      .dtype = DType::kQUint8, .shape = Shape{Dim(4)}, .quantization = Quantization::PerTensor(1, 0)};
  EXPECT_THAT(*Cut("e", {{"b", type}}), ElementsAre("b"));
  EXPECT_THAT(Nodes(), ElementsAre("Split", "Mul"));
  EXPECT_THAT(Constants(), IsEmpty());
  const auto& input = part_.graph().input(0).type().tensor_type();
  EXPECT_EQ(input.elem_type(), ::onnx::TensorProto::UINT8);
  EXPECT_EQ(input.shape().dim(0).dim_value(), 4);
}

TEST_F(PartTest, KeepsANodeWhoseOtherResultIsTheBoundary) {
  const TensorType type{.dtype = DType::kFloat32, .shape = Shape{Dim(4)}};
  EXPECT_THAT(*Cut("e", {{"c", type}}), ElementsAre("x", "c"));
  EXPECT_THAT(Nodes(), ElementsAre("Relu", "Add", "Split", "Mul"));
  EXPECT_THAT(part_.graph().node(2).output(), ElementsAre("c/not_used", "d"));
}

TEST_F(PartTest, IgnoresABoundaryAtItsEnd) {
  const TensorType type{.dtype = DType::kFloat32, .shape = Shape{Dim(4)}};
  EXPECT_THAT(*Cut("b", {{"b", type}}), ElementsAre("x"));
}

TEST_F(PartTest, CopiesTensorsOfOtherFiles) {
  EXPECT_THAT(*Cut("b", {}, ExternalData::kAlways), ElementsAre("x"));
  fs::remove(folder_->path() / "model.onnx.data");
  const auto read = Read(folder_->path() / "part.onnx");
  ASSERT_TRUE(read) << read.error().ToString();
  bool found = false;
  for (std::size_t i = 0; i < read->graph.num_values(); ++i) {
    const auto& value = read->graph.value(ir::ValueId{static_cast<std::int32_t>(i)});
    if (value.name != "w") continue;
    found = true;
    EXPECT_EQ(value.constant->ToFloats(), std::vector<float>(400, 2.0F));
  }
  EXPECT_TRUE(found);
}

TEST_F(PartTest, CopiesTensorsOfOtherFilesInBodies) {
  std::ofstream(folder_->path() / "w.bin", std::ios::binary) << std::string(16, 'w');
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  auto& graph = *model.mutable_graph();
  graph.add_input()->set_name("c");
  auto& node = *graph.add_node();
  node.set_op_type("If");
  node.add_input("c");
  node.add_output("y");
  for (const char* name : {"then_branch", "else_branch"}) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::GRAPH);
    auto& tensor = *attribute.mutable_g()->add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    tensor.add_dims(4);
    SetExternal(tensor, "w.bin", 0, 16);
    attribute.mutable_g()->add_output()->set_name("w");
  }
  graph.add_output()->set_name("y");
  const fs::path path = folder_->path() / "model.onnx", part = folder_->path() / "part.onnx";
  std::ofstream(path, std::ios::binary) << model.SerializeAsString();
  const auto nothing = [](const std::string&) -> const TensorType* { return nullptr; };
  ASSERT_TRUE(WritePart(path, "y", nothing, part));
  EXPECT_GE(fs::file_size(folder_->path() / "part.onnx.data"), 2U * 16U);
  std::ifstream file(part, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text.find("w.bin"), std::string::npos);
}

TEST_F(PartTest, RefusesWhatNoNodeMakes) {
  for (const char* name : {"x", "w", "nothing", ""}) {
    const auto names = Cut(name);
    ASSERT_FALSE(names) << name;
    EXPECT_EQ(names.error().code(), ErrorCode::kUnsupported);
  }
  EXPECT_FALSE(fs::exists(folder_->path() / "part.onnx"));
}

}  // namespace
}  // namespace octavo::onnx
