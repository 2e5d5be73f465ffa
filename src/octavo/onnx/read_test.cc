#include "octavo/onnx/read.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx.pb.h>

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

// ---- External data ----

// A model whose only tensor lies in another file; nullptr: no such entry.
void WriteExternal(const std::filesystem::path& path, const char* location, const char* offset,
                   const char* length, const std::vector<std::int64_t>& sizes) {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  auto& graph = *model.mutable_graph();
  auto& tensor = *graph.add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const std::int64_t size : sizes) tensor.add_dims(size);
  const std::pair<const char*, const char*> entries[] = {
      {"location", location}, {"offset", offset}, {"length", length}};
  for (const auto& [key, value] : entries) {
    if (value == nullptr) continue;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  auto& node = *graph.add_node();
  node.set_op_type("Relu");
  node.add_input("w");
  node.add_output("y");
  graph.add_output()->set_name("y");
  std::ofstream(path, std::ios::binary) << model.SerializeAsString();
}

TEST_F(ReadTest, ReadsExternalData) {
  std::filesystem::create_directory(folder_ / "weights");
  const float values[] = {0, 1, 2, 3};
  std::ofstream(folder_ / "weights" / "w.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(values), sizeof values);
  WriteExternal(path_, "weights/w.bin", "4", "12", {3});
  const auto read = Read(path_);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_TRUE(read->graph.inputs().empty());
  EXPECT_EQ(read->graph.value(ir::ValueId{0}).constant->ToFloats(), (std::vector<float>{1, 2, 3}));
  const auto skipped = Read(path_, {.external_data = false});
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->graph.inputs().size(), 1U);
  // Offset and length may be left out: the beginning, as much as is needed.
  WriteExternal(path_, "weights/w.bin", nullptr, nullptr, {2});
  EXPECT_EQ(Read(path_)->graph.value(ir::ValueId{0}).constant->ToFloats(), (std::vector<float>{0, 1}));
}

TEST_F(ReadTest, RefusesExternalDataOutsideTheFolder) {
  const auto inner = folder_ / "model";
  std::filesystem::create_directory(inner);
  std::ofstream(folder_ / "secret.bin") << std::string(16, 'x');
  std::ofstream(inner / "inside.bin") << std::string(16, 'x');
  std::filesystem::create_symlink("../secret.bin", inner / "link.bin");
  std::filesystem::create_directory_symlink("..", inner / "up");
  std::filesystem::create_symlink("inside.bin", inner / "good.bin");
  const auto path = inner / "model.onnx";
  const std::string absolute = (folder_ / "secret.bin").string();
  for (const char* location : {"../secret.bin", "./../secret.bin", "x/../../secret.bin", "link.bin",
                               "up/secret.bin", absolute.c_str(), "/dev/zero", "", "."}) {
    WriteExternal(path, location, nullptr, nullptr, {4});
    const auto read = Read(path);
    ASSERT_FALSE(read) << location;
    EXPECT_EQ(read.error().code(), ErrorCode::kInvalidFile) << location;
    EXPECT_THAT(read.error().what(), HasSubstr("not in the model's folder")) << location;
  }
  WriteExternal(path, "good.bin", nullptr, nullptr, {4});
  EXPECT_TRUE(Read(path));
}

TEST_F(ReadTest, ChecksTheSizeOfExternalData) {
  std::ofstream(folder_ / "w.bin") << std::string(16, 'x');
  struct Case {
    const char *offset, *length;
    std::vector<std::int64_t> sizes;
  };
  const Case cases[] = {{"0", "20", {5}},
                        {"8", "12", {3}},
                        {"18446744073709551615", "4", {1}},
                        {"0", "8", {1}},
                        {"-4", nullptr, {1}},
                        {"4x", nullptr, {1}},
                        {nullptr, nullptr, {std::int64_t{1} << 62}},
                        {nullptr, nullptr, {std::int64_t{1} << 31, std::int64_t{1} << 31, 4}},
                        {nullptr, nullptr, {-1}}};
  for (const Case& c : cases) {
    WriteExternal(path_, "w.bin", c.offset, c.length, c.sizes);
    const auto read = Read(path_);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ErrorCode::kInvalidFile) << read.error().ToString();
  }
  WriteExternal(path_, "missing.bin", nullptr, nullptr, {4});
  EXPECT_EQ(Read(path_).error().code(), ErrorCode::kIo);
}

// ---- Graphs that are not well formed ----

class BrokenGraph : public ReadTest {
 protected:
  static void AddNode(::onnx::GraphProto& graph, const char* input, const char* output) {
    auto& node = *graph.add_node();
    node.set_op_type("Relu");
    node.add_input(input);
    node.add_output(output);
  }
  Error ErrorOf(const ::onnx::ModelProto& model) {
    std::ofstream(path_, std::ios::binary) << model.SerializeAsString();
    auto read = Read(path_);
    return read ? UsageError("it is read") : std::move(read).error();
  }
};

TEST_F(BrokenGraph, Cycle) {
  ::onnx::ModelProto model;
  AddNode(*model.mutable_graph(), "b", "a");
  AddNode(*model.mutable_graph(), "a", "b");
  const Error error = ErrorOf(model);
  EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(error.what(), HasSubstr("cycle"));
}

TEST_F(BrokenGraph, ValueThatNothingMakes) {
  ::onnx::ModelProto model;
  AddNode(*model.mutable_graph(), "b", "a");
  EXPECT_THAT(ErrorOf(model).what(), HasSubstr("node Relu reads b, which no node before it computes"));
}

TEST_F(BrokenGraph, ValueThatIsMadeTwice) {
  ::onnx::ModelProto model;
  model.mutable_graph()->add_input()->set_name("x");
  AddNode(*model.mutable_graph(), "x", "a");
  AddNode(*model.mutable_graph(), "x", "a");
  EXPECT_THAT(ErrorOf(model).what(), HasSubstr("two nodes compute a"));
}

TEST_F(BrokenGraph, InputThatIsThereTwice) {
  ::onnx::ModelProto model;
  model.mutable_graph()->add_input()->set_name("x");
  model.mutable_graph()->add_input()->set_name("x");
  EXPECT_THAT(ErrorOf(model).what(), HasSubstr("the input \"x\" is duplicate"));
}

// A model of one input x and one node.
class BrokenNode : public BrokenGraph {
 protected:
  ::onnx::NodeProto& Node(const char* op, const char* input, const char* output) {
    ::onnx::GraphProto& graph = *model_.mutable_graph();
    graph.add_input()->set_name("x");
    ::onnx::NodeProto& node = *graph.add_node();
    node.set_op_type(op);
    node.add_input(input);
    node.add_output(output);
    return node;
  }
  void Refused(const char* message, ErrorCode code = ErrorCode::kInvalidFile) {
    const Error error = ErrorOf(model_);
    EXPECT_EQ(error.code(), code) << error.ToString();
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
  ::onnx::ModelProto model_;
};

TEST_F(BrokenNode, NodeWithoutOutputs) {
  ::onnx::NodeProto& node = Node("Relu", "x", "y");
  node.clear_output();
  Refused("has no outputs");
  node.add_output("");
  Refused("has no outputs");
  node.add_output("y");
  Refused("the first output of node Relu has no name");
}

TEST_F(BrokenNode, NodeWithoutOperator) {
  Node("", "x", "y");
  Refused("a node of the graph has no operator type");
}

TEST_F(BrokenNode, AttributesThatAreNotWhatTheySay) {
  using Proto = ::onnx::AttributeProto;
  ::onnx::NodeProto& node = Node("LeakyRelu", "x", "y");
  Proto& alpha = *node.add_attribute();
  alpha.set_f(0.5F);
  alpha.set_type(Proto::FLOAT);
  Refused("an attribute of the graph has no name");
  alpha.set_name("alpha");
  for (const auto type : {Proto::UNDEFINED, Proto::INT, Proto::GRAPH, Proto::FLOATS}) {
    alpha.set_type(type);
    Refused("attribute alpha of node LeakyRelu does not hold what its type says");
  }
  alpha.set_type(Proto::FLOAT);
  alpha.set_ref_attr_name("slope");
  Refused("attribute alpha of node LeakyRelu refers to an attribute of a function");
  alpha.clear_ref_attr_name();
  *node.add_attribute() = Proto(alpha);
  Refused("attribute alpha of node LeakyRelu occurs twice");
}

TEST_F(BrokenNode, AttributesThatNoOperandCanBe) {
  using Proto = ::onnx::AttributeProto;
  ::onnx::NodeProto& node = Node("If", "x", "y");
  Proto& body = *node.add_attribute();
  body.set_name("then_branch");
  body.set_type(Proto::GRAPH);
  body.mutable_g()->set_name("body");
  Refused("attribute then_branch of node If is a graph, which is not supported", ErrorCode::kUnsupported);
  const auto read = Read(path_, {.hides_bodies = true});
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_TRUE(std::holds_alternative<ir::None>(*read->graph.nodes()[0].Find("then_branch")));
  for (const auto& [type, words] : {std::pair(Proto::GRAPHS, "is a list of graphs"),
                                    std::pair(Proto::SPARSE_TENSOR, "is a sparse tensor"),
                                    std::pair(Proto::TENSORS, "is a list of tensors"),
                                    std::pair(Proto::TYPE_PROTO, "is of an unknown type")}) {
    body.clear_g();
    body.set_type(type);
    Refused(words, ErrorCode::kUnsupported);
  }
}

TEST_F(BrokenNode, TensorThatIsNotItsInput) {
  Node("Relu", "w", "y");
  ::onnx::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  tensor.add_dims(2);
  tensor.add_float_data(1);
  tensor.add_float_data(2);
  ::onnx::ValueInfoProto& input = *model_.mutable_graph()->add_input();
  input.set_name("w");
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(::onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_value(3);
  Refused("the input w is float32[3], but the tensor of that name is float32[2]");
}

TEST_F(BrokenNode, OpsetThatDoesNotExist) {
  Node("Relu", "x", "y");
  for (const std::int64_t version : {std::int64_t{-1}, std::int64_t{1} << 33}) {
    model_.clear_opset_import();
    model_.add_opset_import()->set_version(version);
    Refused("which does not exist");
  }
}

TEST_F(ReadTest, TheLastOpsetOfADomainCounts) {
  ASSERT_TRUE(Write(SmallGraph(), path_, {}));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto with = [&](const char* domain, std::int64_t version) {
    ::onnx::ModelProto model;
    EXPECT_TRUE(model.ParseFromString(bytes));
    auto& import = *model.add_opset_import();
    import.set_domain(domain);
    import.set_version(version);
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << model.SerializeAsString();
    return Read(path_);
  };
  EXPECT_EQ(with("", 11)->graph.opsets.at(""), 11);
  EXPECT_EQ(with("ai.onnx", 11)->graph.opsets.at(""), 11);
}

// 2^61 elements of 8 bytes are 2^64 bytes, which a register takes for none.
TEST_F(BrokenGraph, SizesThatOverflow) {
  for (const std::vector<std::int64_t>& sizes : {std::vector<std::int64_t>{std::int64_t{1} << 61},
                                                 {0, std::int64_t{1} << 62, std::int64_t{1} << 62},
                                                 {-2}}) {
    ::onnx::ModelProto model;
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(::onnx::TensorProto::DOUBLE);
    for (const std::int64_t size : sizes) tensor.add_dims(size);
    const Error error = ErrorOf(model);
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_THAT(error.what(), HasSubstr("invalid size"));
  }
}

TEST_F(BrokenGraph, TypeThatIsNotKnown) {
  const std::pair<int, const char*> types[] = {{::onnx::TensorProto::STRING, "elements of type string,"},
                                               {17, "elements of type float8e4m3fn,"},
                                               {23, "elements of type float4e2m1,"},
                                               {99, "elements of type unknown (number 99),"}};
  for (const auto& [type, says] : types) {
    ::onnx::ModelProto model;
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(type);
    EXPECT_EQ(ErrorOf(model).code(), ErrorCode::kUnsupported);
    EXPECT_THAT(ErrorOf(model).what(), HasSubstr(says));
    ::onnx::ModelProto of_input;
    auto& input = *of_input.mutable_graph()->add_input();
    input.set_name("x");
    input.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    EXPECT_EQ(ErrorOf(of_input).code(), ErrorCode::kUnsupported);
    EXPECT_THAT(ErrorOf(of_input).what(), HasSubstr(std::string("the input x has ") + says));
    const auto any = Read(path_, {.any_type = true});
    ASSERT_TRUE(any);
    EXPECT_EQ(any->graph.type(any->graph.inputs()[0]).dtype, DType::kUnknown);
  }
  ::onnx::ModelProto model;
  auto& input = *model.mutable_graph()->add_input();
  input.set_name("x");
  input.mutable_type()->mutable_sequence_type();
  EXPECT_THAT(ErrorOf(model).what(), HasSubstr("the input x is a sequence"));
  input.mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::FLOAT);
  auto& info = *model.mutable_graph()->add_value_info();
  info.set_name("v");
  info.mutable_type()->mutable_optional_type();
  EXPECT_THAT(ErrorOf(model).what(), HasSubstr("the value v is an optional value"));
}

// Two elements lie in a byte; each becomes a byte of its own.
TEST_F(BrokenGraph, IntegersOfFourBits) {
  for (const bool is_signed : {false, true}) {
    ::onnx::ModelProto model;
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(is_signed ? 22 : 21);
    tensor.add_dims(3);
    tensor.set_raw_data(std::string("\x7f\x08", 2));
    std::ofstream(path_, std::ios::binary) << model.SerializeAsString();
    const auto read = Read(path_);
    ASSERT_TRUE(read) << read.error().what();
    const Tensor& w = *read->graph.value(ir::ValueId{0}).constant;
    EXPECT_EQ(w.dtype, is_signed ? DType::kInt4 : DType::kUint4);
    EXPECT_EQ(w.ToInts(),
              is_signed ? (std::vector<std::int64_t>{-1, 7, -8}) : (std::vector<std::int64_t>{15, 7, 8}));
    tensor.set_raw_data("\x7f");
    EXPECT_THAT(ErrorOf(model).what(), HasSubstr("the tensor w has 1 bytes of data"));
  }
}

TEST_F(ReadTest, FilesThatAreNoOnnx) {
  const auto error = [this](const std::string& bytes) {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto read = Read(path_);
    EXPECT_FALSE(read);
    return read ? std::string() : read.error().what();
  };
  ASSERT_TRUE(Write(SmallGraph(), path_, {}));
  std::ifstream stream(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error(std::string(100, '\xff')), HasSubstr("not an ONNX model"));
  EXPECT_THAT(error("hello world"), HasSubstr("this is a text, not an ONNX model"));
  EXPECT_THAT(error("PK\3\4" + std::string(50, 'x')), HasSubstr("this is a zip archive"));
  EXPECT_THAT(error(whole.substr(0, whole.size() / 2)), HasSubstr("truncated"));
  std::string damaged = whole;
  damaged[whole.find("mylib") - 1] = '\xff';  // a length inside the graph
  EXPECT_THAT(error(damaged), HasSubstr("damaged"));
  // No part of a model reads as another format; two parts end behind a field, and are models.
  int models = 0;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::ofstream(path_, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(size));
    const auto read = Read(path_);
    if (read) {
      ++models;
    } else {
      EXPECT_THAT(read.error().what(), HasSubstr("truncated")) << size;
    }
  }
  EXPECT_LE(models, 5);
}

}  // namespace
}  // namespace octavo::onnx
