#include "octavo/onnx/write.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx.pb.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "octavo/base/bug.h"

namespace octavo::onnx {
namespace {

namespace fs = std::filesystem;
namespace pb = ::onnx;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WriteTest : public ::testing::Test {
 protected:
  WriteTest() {
    std::string name = (fs::temp_directory_path() / "octavo_write_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~WriteTest() override { fs::remove_all(folder_); }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path Out(const std::string& name = "m.onnx") const { return folder_ / name; }

  fs::path folder_;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

pb::ModelProto ParseModel(const fs::path& path) {
  pb::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(ReadFile(path))) << path;
  return model;
}

TensorType Floats(Shape shape) { return {.dtype = DType::kFloat32, .shape = std::move(shape)}; }

ir::Argument Use(ir::ValueId id) { return {.name = {}, .value = id}; }

ir::ValueId OnlyOutput(const ir::Graph& graph, ir::NodeId node) { return graph.node(node).outputs[0]; }

// One node "Op" with an attribute "a", opset 17.
ir::Graph WithAttribute(ir::Operand value) {
  ir::Graph graph;
  graph.opsets[""] = 17;
  const ir::ValueId x = graph.AddInput("x", Floats({2}));
  const ir::NodeId node = graph.AddNode("Op", {Use(x), {"a", std::move(value)}}, {Floats({2})});
  graph.AddOutput("y", OnlyOutput(graph, node));
  return graph;
}

// A graph whose single initializer "w" is that tensor.
ir::Graph WithConstant(Tensor tensor) {
  ir::Graph graph;
  graph.opsets[""] = 17;
  const TensorType type = tensor.type();
  const ir::ValueId w = graph.AddConstant(std::move(tensor), "w");
  graph.AddOutput("y", OnlyOutput(graph, graph.AddNode("Neg", {Use(w)}, {type})));
  return graph;
}

std::vector<std::int8_t> Sequence(std::size_t count) {
  std::vector<std::int8_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::int8_t>(i * 37 % 251);
  return values;
}

std::string AsString(const std::vector<std::int8_t>& values) { return {values.begin(), values.end()}; }

// ---- What is written ----

TEST_F(WriteTest, HeaderNodesNamesAndTypes) {
  ir::Graph graph;
  graph.name = "main";
  graph.doc = "a test";
  graph.opsets = {{"", 13}, {"com.microsoft", 1}};
  graph.metadata = {{"z", "last"}, {"octavo.quantization", "{}"}};
  const ir::ValueId x = graph.AddInput("x", Floats({Dim::Symbol("N"), 3, Dim::Symbol("H") + Dim(1)}));
  const ir::ValueId q = graph.AddInput(
      "q", {.dtype = DType::kQUint8, .shape = std::nullopt, .quantization = Quantization::PerTensor(0.5, 3)});
  const ir::ValueId w = graph.AddConstant(Tensor::Floats({2}, {1.5F, -2.F}), "conv1.weight");
  graph.AddConstant(Tensor::Floats({2}, {7.F, 8.F}), "unused");
  auto origin = std::make_shared<ir::Origin>();
  origin->op = "aten::add";
  origin->place = "code/__torch__/x.py:31:10";
  const ir::NodeId add = graph.AddNode("Add", {Use(x), Use(w)}, {Floats({2})}, origin);
  graph.node(add).name = "conv1/Add";
  const ir::NodeId clip =
      graph.AddNode("Clip", {Use(OnlyOutput(graph, add)), {"", ir::None{}}, Use(w)}, {Floats({2})});
  const ir::NodeId fused = graph.AddNode(
      "com.microsoft::Fused", {Use(OnlyOutput(graph, clip)), Use(q), {"", ir::None{}}}, {Floats({2})});
  graph.AddOutput("y", OnlyOutput(graph, fused));

  const Result<WriteResult> written = Write(graph, Out(), {});
  ASSERT_TRUE(written) << written.error().ToString();
  EXPECT_EQ(written->bytes, fs::file_size(Out()));
  EXPECT_EQ(written->external_bytes, 0U);
  EXPECT_THAT(Files(), ElementsAre("m.onnx"));

  const pb::ModelProto model = ParseModel(Out());
  EXPECT_EQ(model.ir_version(), 7);
  EXPECT_EQ(model.producer_name(), "octavo");
  EXPECT_EQ(model.producer_version(), OCTAVO_VERSION);
  ASSERT_EQ(model.opset_import_size(), 2);
  EXPECT_EQ(model.opset_import(0).domain(), "");
  EXPECT_EQ(model.opset_import(0).version(), 13);
  EXPECT_EQ(model.opset_import(1).domain(), "com.microsoft");
  ASSERT_EQ(model.metadata_props_size(), 3);
  EXPECT_EQ(model.metadata_props(0).key(), "octavo.origins");
  EXPECT_EQ(model.metadata_props(0).value(), R"({"aten::add at code/__torch__/x.py:31:10":["conv1/Add"]})");
  EXPECT_EQ(model.metadata_props(1).key(), "octavo.quantization");
  EXPECT_EQ(model.metadata_props(2).value(), "last");

  const pb::GraphProto& g = model.graph();
  EXPECT_EQ(g.name(), "main");
  EXPECT_EQ(g.doc_string(), "a test");
  ASSERT_EQ(g.node_size(), 3);
  EXPECT_EQ(g.node(0).op_type(), "Add");
  EXPECT_EQ(g.node(0).name(), "conv1/Add");
  EXPECT_EQ(g.node(0).doc_string(), "aten::add at code/__torch__/x.py:31:10");
  EXPECT_THAT(g.node(0).input(), ElementsAre("x", "conv1.weight"));
  EXPECT_THAT(g.node(0).output(), ElementsAre("conv1/Add_output_0"));
  EXPECT_THAT(g.node(1).input(), ElementsAre("conv1/Add_output_0", "", "conv1.weight"));
  EXPECT_FALSE(g.node(1).has_doc_string());
  EXPECT_EQ(g.node(2).domain(), "com.microsoft");
  EXPECT_EQ(g.node(2).op_type(), "Fused");
  EXPECT_THAT(g.node(2).input(), ElementsAre("Clip_output_0", "q")) << "a trailing None is left out";
  EXPECT_THAT(g.node(2).output(), ElementsAre("y"));

  ASSERT_EQ(g.initializer_size(), 1) << "an unused constant is not written";
  EXPECT_EQ(g.initializer(0).name(), "conv1.weight");
  EXPECT_EQ(g.initializer(0).data_type(), pb::TensorProto::FLOAT);
  ASSERT_EQ(g.input_size(), 2);
  const pb::TypeProto::Tensor& x_type = g.input(0).type().tensor_type();
  EXPECT_EQ(x_type.elem_type(), pb::TensorProto::FLOAT);
  ASSERT_EQ(x_type.shape().dim_size(), 3);
  EXPECT_EQ(x_type.shape().dim(0).dim_param(), "N");
  EXPECT_EQ(x_type.shape().dim(1).dim_value(), 3);
  EXPECT_EQ(x_type.shape().dim(2).dim_param(), "H + 1");
  EXPECT_EQ(g.input(1).name(), "q");
  EXPECT_EQ(g.input(1).type().tensor_type().elem_type(), pb::TensorProto::UINT8);
  EXPECT_FALSE(g.input(1).type().tensor_type().has_shape()) << "unknown rank";
  ASSERT_EQ(g.output_size(), 1);
  EXPECT_EQ(g.output(0).type().tensor_type().shape().dim(0).dim_value(), 2);
}

TEST_F(WriteTest, SizesOfWhichNothingIsKnownHaveNeitherValueNorName) {
  ir::Graph graph = WithAttribute(1.0);
  graph.value(OnlyOutput(graph, 0)).type = Floats({Dim::Unknown(), 2, Dim::Unknown() * 2 + 1});
  ASSERT_TRUE(Write(graph, Out(), {}));
  const pb::ModelProto model = ParseModel(Out());
  const pb::TensorShapeProto& shape = model.graph().output(0).type().tensor_type().shape();
  ASSERT_EQ(shape.dim_size(), 3);
  EXPECT_EQ(shape.dim(0).value_case(), pb::TensorShapeProto::Dimension::VALUE_NOT_SET);
  EXPECT_EQ(shape.dim(1).dim_value(), 2);
  EXPECT_EQ(shape.dim(2).value_case(), pb::TensorShapeProto::Dimension::VALUE_NOT_SET);
}

TEST_F(WriteTest, ValuesBetweenTheNodesHaveTheirTypes) {
  ir::Graph graph;
  graph.opsets[""] = 17;
  const ir::ValueId x = graph.AddInput("x", Floats({1}));
  const TensorType quantized{.dtype = DType::kQInt8,
                             .shape = Shape{Dim::Symbol("N"), 4, Dim::Unknown()},
                             .quantization = Quantization::PerTensor(0.5, 3)};
  const TensorType of_unknown_rank{.dtype = DType::kInt64};
  const ir::NodeId first =
      graph.AddNode("A", {Use(x)}, {quantized, of_unknown_rank, TensorType(), Floats({5})});
  const std::vector<ir::ValueId> made = graph.node(first).outputs;
  const ir::NodeId second =
      graph.AddNode("B", {Use(made[0]), Use(made[1]), Use(made[2]), Use(made[3])}, {Floats({})});
  graph.AddOutput("y", OnlyOutput(graph, second));
  graph.AddOutput("z", made[3]);
  ASSERT_TRUE(Write(graph, Out(), {}));
  const pb::GraphProto g = ParseModel(Out()).graph();
  ASSERT_EQ(g.value_info_size(), 2) << "outputs have theirs, and of one value nothing is known";
  EXPECT_EQ(g.value_info(0).name(), "A_output_0");
  const pb::TypeProto::Tensor& type = g.value_info(0).type().tensor_type();
  EXPECT_EQ(type.elem_type(), pb::TensorProto::INT8);
  ASSERT_EQ(type.shape().dim_size(), 3);
  EXPECT_EQ(type.shape().dim(0).dim_param(), "N");
  EXPECT_EQ(type.shape().dim(1).dim_value(), 4);
  EXPECT_EQ(type.shape().dim(2).value_case(), pb::TensorShapeProto::Dimension::VALUE_NOT_SET);
  EXPECT_EQ(g.value_info(1).name(), "A_output_1");
  EXPECT_EQ(g.value_info(1).type().tensor_type().elem_type(), pb::TensorProto::INT64);
  EXPECT_FALSE(g.value_info(1).type().tensor_type().has_shape());
}

TEST_F(WriteTest, IrVersionFollowsTheOpset) {
  // ONNX's own table of releases (docs/Versioning.md).
  const std::vector<std::pair<int, int>> table = {{8, 3},  {9, 4},  {10, 5}, {11, 6}, {12, 7},
                                                  {13, 7}, {14, 7}, {15, 8}, {17, 8}, {18, 8},
                                                  {19, 9}, {20, 9}, {21, 10}};
  for (const auto& [opset, ir_version] : table) {
    ir::Graph graph = WithAttribute(1.0);
    graph.opsets[""] = opset;
    ASSERT_TRUE(Write(graph, Out(), {}));
    EXPECT_EQ(ParseModel(Out()).ir_version(), ir_version) << "opset " << opset;
  }
  ASSERT_TRUE(Write(WithAttribute(1.0), Out(), {.ir_version = 4}));
  EXPECT_EQ(ParseModel(Out()).ir_version(), 4);
}

TEST_F(WriteTest, InitializersAsInputs) {
  const ir::Graph graph = WithConstant(Tensor::Floats({2, 1}, {1.F, 2.F}));
  ASSERT_TRUE(Write(graph, Out(), {.initializers_as_inputs = true}));
  const pb::GraphProto g = ParseModel(Out()).graph();
  ASSERT_EQ(g.input_size(), 1);
  EXPECT_EQ(g.input(0).name(), "w");
  EXPECT_EQ(g.input(0).type().tensor_type().shape().dim(0).dim_value(), 2);
  EXPECT_EQ(g.initializer_size(), 1);
}

TEST_F(WriteTest, NamesAreUniqueAndOutputsThatNothingMakesGoThroughIdentity) {
  ir::Graph graph;
  graph.opsets[""] = 17;
  const ir::ValueId x = graph.AddInput("x", Floats({1}));
  const ir::ValueId a = graph.AddConstant(Tensor::Scalar(1.F), "x");
  const ir::ValueId b = graph.AddConstant(Tensor::Scalar(2.F), "y");
  const ir::ValueId c = graph.AddConstant(Tensor::Scalar(3.F));
  const ir::NodeId n = graph.AddNode("Sum", {Use(x), Use(a), Use(b), Use(c)}, {Floats({1})});
  const ir::NodeId m = graph.AddNode("Sum", {Use(x), Use(OnlyOutput(graph, n))}, {Floats({1})});
  graph.AddOutput("y", OnlyOutput(graph, m));
  graph.AddOutput("twice", OnlyOutput(graph, m));
  graph.AddOutput("input", x);
  graph.AddOutput("constant", c);
  ASSERT_TRUE(Write(graph, Out(), {}));
  const pb::GraphProto g = ParseModel(Out()).graph();
  ASSERT_EQ(g.node_size(), 5);
  EXPECT_THAT(g.node(0).input(), ElementsAre("x", "x_1", "y_1", "Sum_input_3"));
  EXPECT_THAT(g.node(1).output(), ElementsAre("y"));
  EXPECT_EQ(g.node(0).name(), "Sum");
  EXPECT_EQ(g.node(1).name(), "Sum_1");
  EXPECT_THAT(g.node(2).input(), ElementsAre("y"));
  EXPECT_THAT(g.node(2).output(), ElementsAre("twice"));
  EXPECT_EQ(g.node(3).op_type(), "Identity");
  EXPECT_THAT(g.node(3).input(), ElementsAre("x"));
  EXPECT_THAT(g.node(4).input(), ElementsAre("Sum_input_3"));
  std::set<std::string> made;
  for (const pb::TensorProto& t : g.initializer()) EXPECT_TRUE(made.insert(t.name()).second);
  for (const pb::NodeProto& node : g.node()) {
    for (const std::string& name : node.output()) EXPECT_TRUE(made.insert(name).second) << name;
  }
}

// ---- Attributes ----

class AttributeTest : public WriteTest {
 protected:
  pb::AttributeProto Written(ir::Operand value) {
    const Result<WriteResult> written = Write(WithAttribute(std::move(value)), Out(), {});
    EXPECT_TRUE(written) << written.error().ToString();
    const pb::ModelProto model = ParseModel(Out());
    const pb::NodeProto& node = model.graph().node(0);
    if (node.attribute_size() != 1) return {};
    EXPECT_EQ(node.attribute(0).name(), "a");
    return node.attribute(0);
  }
};

TEST_F(AttributeTest, Numbers) {
  EXPECT_EQ(Written(Dim(-5)).i(), -5);
  EXPECT_EQ(Written(Dim(0)).type(), pb::AttributeProto::INT);
  EXPECT_TRUE(Written(Dim(0)).has_i());
  EXPECT_EQ(Written(Dim(std::numeric_limits<std::int64_t>::max())).i(), 9223372036854775807);
  EXPECT_EQ(Written(true).type(), pb::AttributeProto::INT);
  EXPECT_EQ(Written(true).i(), 1);
  EXPECT_EQ(Written(0.1).type(), pb::AttributeProto::FLOAT);
  EXPECT_EQ(Written(0.1).f(), 0.1F);
  EXPECT_EQ(Written(std::numeric_limits<double>::infinity()).f(), std::numeric_limits<float>::infinity());
  EXPECT_EQ(Written(ir::None{}).type(), pb::AttributeProto::UNDEFINED) << "None is left out";
}

TEST_F(AttributeTest, Texts) {
  EXPECT_EQ(Written(std::string("NHWC")).s(), "NHWC");
  EXPECT_EQ(Written(std::string("NHWC")).type(), pb::AttributeProto::STRING);
  EXPECT_EQ(Written(std::string()).type(), pb::AttributeProto::STRING);
  const pb::AttributeProto list = Written(std::vector<std::string>{"a", "", "b"});
  EXPECT_EQ(list.type(), pb::AttributeProto::STRINGS);
  EXPECT_THAT(list.strings(), ElementsAre("a", "", "b"));
}

TEST_F(AttributeTest, ListsKeepTheirTypeWhenEmpty) {
  EXPECT_THAT(Written(std::vector<Dim>{3, -1, 0}).ints(), ElementsAre(3, -1, 0));
  EXPECT_EQ(Written(std::vector<Dim>{}).type(), pb::AttributeProto::INTS);
  EXPECT_THAT(Written(std::vector<bool>{true, false}).ints(), ElementsAre(1, 0));
  EXPECT_THAT(Written(std::vector<double>{0.5, 0.1}).floats(), ElementsAre(0.5F, 0.1F));
  EXPECT_EQ(Written(std::vector<double>{}).type(), pb::AttributeProto::FLOATS);
  EXPECT_EQ(Written(std::vector<std::string>{}).type(), pb::AttributeProto::STRINGS);
}

TEST_F(AttributeTest, TensorsAndBytes) {
  const pb::AttributeProto tensor = Written(Tensor::Int64s({1, -2}));
  EXPECT_EQ(tensor.type(), pb::AttributeProto::TENSOR);
  EXPECT_EQ(tensor.t().data_type(), pb::TensorProto::INT64);
  EXPECT_THAT(tensor.t().dims(), ElementsAre(2));
  EXPECT_EQ(tensor.t().raw_data(), std::string("\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16));

  const std::vector<std::int8_t> values = Sequence(1 << 20);
  const Tensor weight = Tensor::From(DType::kInt8, {1 << 20}, values);
  const pb::AttributeProto bytes = Written(ir::Bytes{weight});
  EXPECT_EQ(bytes.type(), pb::AttributeProto::STRING);
  EXPECT_EQ(bytes.s(), AsString(values));
  EXPECT_EQ(Written(ir::Bytes{Tensor::From(DType::kInt8, {0}, std::vector<std::int8_t>{})}).type(),
            pb::AttributeProto::STRING);
}

TEST_F(AttributeTest, OrderInTheNodeIsKept) {
  ir::Graph graph = WithAttribute(ir::Bytes{Tensor::From(DType::kInt8, {3}, Sequence(3))});
  graph.node(0).arguments.push_back({"b", Dim(2)});
  graph.node(0).arguments.insert(graph.node(0).arguments.begin() + 1, {"c", std::vector<Dim>{1}});
  ASSERT_TRUE(Write(graph, Out(), {}));
  const pb::ModelProto model = ParseModel(Out());
  std::vector<std::string> order;
  for (const pb::AttributeProto& a : model.graph().node(0).attribute()) order.push_back(a.name());
  EXPECT_THAT(order, ElementsAre("c", "a", "b"));
}

TEST_F(AttributeTest, WhatOnnxCannotHoldIsRefused) {
  const auto refused = [this](ir::Operand value, const std::string& text) {
    const Result<WriteResult> written = Write(WithAttribute(std::move(value)), Out(), {});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(written.error().ToString(), HasSubstr(text));
    EXPECT_THAT(Files(), IsEmpty());
  };
  refused(Dim::Symbol("N"), "attribute a depends on the open size N");
  refused(std::vector<Dim>{1, Dim::Symbol("H")}, "the open size H");
  refused(1e39, "out of range for float32");
  refused(std::vector<double>{-1e300}, "out of range for float32");
  refused(ir::ValueId{0}, "the type of attribute a");
  refused(ir::ValueList{ir::ValueId{0}}, "the type of attribute a");
  refused(std::make_shared<const ir::PackedWeights>(ir::PackedWeights{.weight = Tensor::Floats({1}, {1.F})}),
          "the type of attribute a");
  refused(Tensor::From(DType::kComplex32, {1}, std::vector<std::int32_t>{0}), "complex32");
}

// ---- Constants ----

class ConstantTest : public WriteTest {
 protected:
  pb::TensorProto Written(Tensor tensor) {
    const Result<WriteResult> written = Write(WithConstant(std::move(tensor)), Out(), {});
    EXPECT_TRUE(written) << written.error().ToString();
    const pb::ModelProto model = ParseModel(Out());
    return model.graph().initializer_size() == 1 ? model.graph().initializer(0) : pb::TensorProto();
  }
};

TEST_F(ConstantTest, EveryType) {
  struct Case {
    DType dtype;
    pb::TensorProto::DataType element;
    std::size_t size;
  };
  const std::vector<Case> cases = {{DType::kUint8, pb::TensorProto::UINT8, 1},
                                   {DType::kInt8, pb::TensorProto::INT8, 1},
                                   {DType::kInt16, pb::TensorProto::INT16, 2},
                                   {DType::kInt32, pb::TensorProto::INT32, 4},
                                   {DType::kInt64, pb::TensorProto::INT64, 8},
                                   {DType::kFloat16, pb::TensorProto::FLOAT16, 2},
                                   {DType::kBFloat16, pb::TensorProto::BFLOAT16, 2},
                                   {DType::kFloat32, pb::TensorProto::FLOAT, 4},
                                   {DType::kFloat64, pb::TensorProto::DOUBLE, 8},
                                   {DType::kComplex64, pb::TensorProto::COMPLEX64, 8},
                                   {DType::kComplex128, pb::TensorProto::COMPLEX128, 16},
                                   {DType::kBool, pb::TensorProto::BOOL, 1},
                                   {DType::kQUint8, pb::TensorProto::UINT8, 1},
                                   {DType::kQInt8, pb::TensorProto::INT8, 1},
                                   {DType::kQInt32, pb::TensorProto::INT32, 4}};
  for (const Case& c : cases) {
    const std::vector<std::int8_t> bytes = Sequence(3 * c.size);
    Tensor tensor = Tensor::From(c.dtype, {3}, bytes);
    if (IsQuantized(c.dtype)) tensor.quantization = Quantization::PerTensor(0.5, 0);
    const pb::TensorProto written = Written(tensor);
    EXPECT_EQ(written.data_type(), c.element) << Name(c.dtype);
    EXPECT_EQ(written.raw_data(), AsString(bytes)) << Name(c.dtype);
  }
}

TEST_F(ConstantTest, ScalarsAndEmptyOnes) {
  const pb::TensorProto scalar = Written(Tensor::Scalar(0.25F));
  EXPECT_EQ(scalar.dims_size(), 0);
  EXPECT_EQ(scalar.raw_data(), std::string("\0\0\x80\x3e", 4));
  const pb::TensorProto empty = Written(Tensor::Floats({2, 0, 3}, {}));
  EXPECT_THAT(empty.dims(), ElementsAre(2, 0, 3));
  EXPECT_TRUE(empty.has_raw_data());
  EXPECT_EQ(empty.raw_data(), "");
}

// Every strided view is written as a plain loop over its indices reads it.
TEST_F(ConstantTest, StridedViews) {
  const auto check = [this](const Tensor& tensor) {
    const std::span<const std::byte> bytes = tensor.storage->bytes;
    const std::size_t size = ElementSize(tensor.dtype);
    std::string expected;
    std::vector<std::int64_t> index(tensor.sizes.size(), 0);
    for (std::int64_t n = 0; n < tensor.num_elements(); ++n) {
      std::int64_t at = tensor.offset;
      for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * tensor.strides[d];
      for (std::size_t k = 0; k < size; ++k) {
        auto byte = static_cast<unsigned char>(bytes[static_cast<std::size_t>(at) * size + k]);
        expected.push_back(static_cast<char>(tensor.flip_sign_bit ? byte ^ 0x80U : byte));
      }
      for (std::size_t d = index.size(); d-- > 0;) {
        if (++index[d] < tensor.sizes[d]) break;
        index[d] = 0;
      }
    }
    const pb::TensorProto written = Written(tensor);
    EXPECT_EQ(written.raw_data().size(), expected.size());
    EXPECT_TRUE(written.raw_data() == expected) << tensor.type().ToString();
  };
  const auto of = [](DType dtype, std::vector<std::int64_t> sizes) {
    std::size_t bytes = ElementSize(dtype);
    for (const std::int64_t s : sizes) bytes *= static_cast<std::size_t>(s);
    return Tensor::From(dtype, std::move(sizes), Sequence(bytes));
  };
  const std::vector<int> to_nchw = {0, 3, 1, 2}, to_nhwc = {0, 2, 3, 1}, swap = {1, 0};
  for (const auto& sizes : std::vector<std::vector<std::int64_t>>{
           {64, 3, 3, 32}, {5, 7, 7, 3}, {31, 1, 1, 33}, {1, 1, 1, 1}, {2, 5, 5, 1}, {700, 3, 3, 130}}) {
    check(of(DType::kInt8, sizes).Permuted(to_nchw));
    check(of(DType::kInt8, sizes).Permuted(to_nhwc));
    check(of(DType::kFloat32, sizes).Permuted(to_nchw));
    Tensor quantized = of(DType::kInt8, sizes).Permuted(to_nchw);
    quantized.dtype = DType::kQInt8;
    quantized.quantization = Quantization::PerTensor(0.1, 0);
    check(quantized.ShiftedBy128());
  }
  check(of(DType::kFloat32, {300, 1000}).Permuted(swap));
  check(of(DType::kInt8, {1000, 300}).Permuted(swap));
  check(of(DType::kInt64, {3, 5}).Permuted(swap));
  Tensor part = of(DType::kInt16, {100});
  part.sizes = {4, 6};
  part.strides = {20, 2};
  part.offset = 5;
  check(part);
  Tensor expanded = of(DType::kInt8, {7});
  expanded.sizes = {5, 7, 2};
  expanded.strides = {0, 1, 0};
  check(expanded);
}

TEST_F(ConstantTest, OneThatReachesBeyondItsStorageIsRefused) {
  Tensor tensor = Tensor::Floats({4}, {1, 2, 3, 4});
  tensor.offset = 1;
  EXPECT_FALSE(Write(WithConstant(tensor), Out(), {}));
  tensor.offset = 0;
  tensor.strides = {-1};
  EXPECT_FALSE(Write(WithConstant(tensor), Out(), {}));
  EXPECT_THAT(Files(), IsEmpty());
}

// ---- External data ----

ir::Graph ManyConstants() {
  ir::Graph graph;
  graph.opsets[""] = 17;
  std::vector<ir::Argument> inputs;
  const std::vector<std::int64_t> sizes = {300, 2000, 1023, 1024, 3 << 20, 1500};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    inputs.push_back(Use(graph.AddConstant(
        Tensor::From(DType::kInt8, {sizes[i]}, Sequence(static_cast<std::size_t>(sizes[i]))),
        "w" + std::to_string(i))));
  }
  graph.AddOutput("y", OnlyOutput(graph, graph.AddNode("Op", inputs, {Floats({1})})));
  return graph;
}

TEST_F(WriteTest, ExternalData) {
  const Result<WriteResult> written = Write(ManyConstants(), Out(), {.external_data = ExternalData::kAlways});
  ASSERT_TRUE(written) << written.error().ToString();
  EXPECT_THAT(Files(), ElementsAre("m.onnx", "m.onnx.data"));
  EXPECT_EQ(written->bytes, fs::file_size(Out()));
  EXPECT_EQ(written->external_bytes, fs::file_size(Out("m.onnx.data")));
  const std::string data = ReadFile(Out("m.onnx.data"));
  const pb::ModelProto model = ParseModel(Out());
  ASSERT_EQ(model.graph().initializer_size(), 6);
  int external = 0;
  for (const pb::TensorProto& tensor : model.graph().initializer()) {
    const auto bytes = static_cast<std::size_t>(tensor.dims(0));
    EXPECT_EQ(tensor.data_location() == pb::TensorProto::EXTERNAL, bytes >= 1024) << tensor.name();
    if (tensor.data_location() != pb::TensorProto::EXTERNAL) {
      EXPECT_EQ(tensor.raw_data(), AsString(Sequence(bytes)));
      continue;
    }
    ++external;
    EXPECT_FALSE(tensor.has_raw_data());
    std::map<std::string, std::string> entries;
    for (const auto& entry : tensor.external_data()) entries[entry.key()] = entry.value();
    EXPECT_EQ(entries["location"], "m.onnx.data");
    EXPECT_EQ(entries["length"], std::to_string(bytes));
    const std::size_t offset = std::stoul(entries["offset"]);
    EXPECT_EQ(offset % (bytes >= 1 << 20 ? 4096 : 64), 0U);
    EXPECT_TRUE(data.substr(offset, bytes) == AsString(Sequence(bytes))) << tensor.name();
  }
  EXPECT_EQ(external, 4);
}

TEST_F(WriteTest, NoExternalFileWhereNothingIsLarge) {
  const ir::Graph graph = WithConstant(Tensor::Scalar(1.F));
  const Result<WriteResult> written = Write(graph, Out(), {.external_data = ExternalData::kAlways});
  ASSERT_TRUE(written);
  EXPECT_EQ(written->external_bytes, 0U);
  EXPECT_THAT(Files(), ElementsAre("m.onnx"));
}

// 2.2 GB of one repeated byte: nothing is allocated for it, and what is refused is refused before writing.
ir::Graph Huge() {
  Tensor tensor = Tensor::From(DType::kInt8, {1}, Sequence(1));
  tensor.sizes = {2'200'000'000};
  tensor.strides = {0};
  return WithConstant(tensor);
}

TEST_F(WriteTest, PastTwoGigabytesNeverMeansAnError) {
  const Result<WriteResult> written = Write(Huge(), Out(), {.external_data = ExternalData::kNever});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(written.error().ToString(), HasSubstr("2.20 GB"));
  EXPECT_THAT(written.error().hint(), HasSubstr("--external-data auto"));
  EXPECT_THAT(Files(), IsEmpty());
}

// Writes 2.2 GB: `scripts/test --all` has GTEST_ALSO_RUN_DISABLED_TESTS set.
TEST_F(WriteTest, DISABLED_PastTwoGigabytesAutoMeansExternal) {
  const Result<WriteResult> written = Write(Huge(), Out(), {});
  ASSERT_TRUE(written) << written.error().ToString();
  EXPECT_LT(written->bytes, 1000U);
  EXPECT_EQ(written->external_bytes, 2'200'000'000U);
  EXPECT_EQ(fs::file_size(Out("m.onnx.data")), 2'200'000'000U);
  EXPECT_EQ(ParseModel(Out()).graph().initializer(0).data_location(), pb::TensorProto::EXTERNAL);
}

TEST_F(WriteTest, LargeAttributesCannotGoOutside) {
  ir::Graph graph = WithAttribute(ir::Bytes{*Huge().value(ir::ValueId{0}).constant});
  const Result<WriteResult> written = Write(graph, Out(), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(Files(), IsEmpty());
}

// ---- The same input gives the same bytes ----

TEST_F(WriteTest, Deterministic) {
  for (const ExternalData external : {ExternalData::kNever, ExternalData::kAlways}) {
    ASSERT_TRUE(Write(ManyConstants(), Out(), {.external_data = external}));
    const std::string first = ReadFile(Out());
    ASSERT_TRUE(Write(ManyConstants(), Out(), {.external_data = external}));
    EXPECT_TRUE(ReadFile(Out()) == first);
  }
}

// What we write is what protobuf itself would write of the same message, so the order of fields is canonical.
TEST_F(WriteTest, CanonicalBytes) {
  ASSERT_TRUE(Write(ManyConstants(), Out(), {}));
  EXPECT_TRUE(ParseModel(Out()).SerializeAsString() == ReadFile(Out()));
}

// ---- Files appear whole or not at all ----

TEST_F(WriteTest, ReplacesAFileAndKeepsItsPermissions) {
  std::ofstream(Out()) << "old";
  fs::permissions(Out(), fs::perms(0640));
  ASSERT_TRUE(Write(WithAttribute(1.0), Out(), {}));
  EXPECT_EQ(fs::status(Out()).permissions(), fs::perms(0640));
  EXPECT_EQ(ParseModel(Out()).producer_name(), "octavo");
  EXPECT_THAT(Files(), ElementsAre("m.onnx"));
}

TEST_F(WriteTest, ASymbolicLinkStaysOne) {
  std::ofstream(Out("target")) << "old";
  fs::create_symlink("target", Out());
  ASSERT_TRUE(Write(WithAttribute(1.0), Out(), {}));
  EXPECT_TRUE(fs::is_symlink(Out()));
  EXPECT_EQ(ParseModel(Out("target")).producer_name(), "octavo");
}

TEST_F(WriteTest, MissingFolder) {
  const Result<WriteResult> written = Write(WithAttribute(1.0), Out("none/m.onnx"), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_THAT(written.error().what(), HasSubstr("does not exist"));
  EXPECT_THAT(written.error().hint(), HasSubstr("mkdir"));
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(WriteTest, AFolderThatIsAFile) {
  std::ofstream(Out("file")) << "kept";
  const Result<WriteResult> written = Write(WithAttribute(1.0), Out("file/m.onnx"), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_THAT(written.error().what(), HasSubstr("is not a folder"));
  EXPECT_THAT(Files(), ElementsAre("file"));
  EXPECT_EQ(ReadFile(Out("file")), "kept");
}

TEST_F(WriteTest, AFileThatIsAFolder) {
  fs::create_directory(Out());
  const Result<WriteResult> written = Write(WithAttribute(1.0), Out(), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_THAT(written.error().what(), HasSubstr("it is a folder"));
  // The data file's name can be taken by a folder, too.
  fs::create_directory(Out("n.onnx.data"));
  EXPECT_FALSE(Write(ManyConstants(), Out("n.onnx"), {.external_data = ExternalData::kAlways}));
  EXPECT_THAT(Files(), ElementsAre("m.onnx", "n.onnx.data"));
}

TEST_F(WriteTest, AFolderThatMayNotBeWrittenTo) {
  // /proc takes no files, whoever asks.
  const Result<WriteResult> written = Write(WithAttribute(1.0), "/proc/self/m.onnx", {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  if (geteuid() == 0) return;
  fs::permissions(folder_, fs::perms(0555));
  const Result<WriteResult> refused = Write(WithAttribute(1.0), Out(), {});
  fs::permissions(folder_, fs::perms(0755));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("may not be written to"));
}

TEST_F(WriteTest, ANameThatIsTooLong) {
  const Result<WriteResult> written = Write(WithAttribute(1.0), Out(std::string(300, 'x')), {});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().what(), HasSubstr("too long"));
  // The longest name that is allowed works, too: the temporary file has a name of its own.
  EXPECT_TRUE(Write(WithAttribute(1.0), Out(std::string(255, 'x')), {}));
}

TEST_F(WriteTest, RefusesDevices) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const Result<WriteResult> written = Write(ManyConstants(), "/dev/full", {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_THAT(written.error().what(), HasSubstr("it is a device"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(WriteTest, DropsWhatGoesToTheNullDevice) {
  EXPECT_TRUE(Write(ManyConstants(), "/dev/null", {}));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const Result<WriteResult> written =
      Write(ManyConstants(), "/dev/null", {.external_data = ExternalData::kAlways});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
}

// A limit on the size of files stops the write in the middle, as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*handler_)(int);
};

TEST_F(WriteTest, NothingIsLeftAndTheOldFilesStayWhenWritingFails) {
  std::ofstream(Out()) << "old";
  std::ofstream(Out("m.onnx.data")) << "old data";
  for (const ExternalData external : {ExternalData::kNever, ExternalData::kAlways}) {
    for (const rlim_t bytes : {rlim_t{0}, rlim_t{700}, rlim_t{1 << 20}}) {
      Result<WriteResult> written;
      {
        const FileSizeLimit limit(bytes);
        written = Write(ManyConstants(), Out(), {.external_data = external});
      }
      ASSERT_FALSE(written);
      EXPECT_EQ(written.error().code(), ErrorCode::kIo);
      EXPECT_FALSE(written.error().hint().empty());
      EXPECT_THAT(Files(), ElementsAre("m.onnx", "m.onnx.data"));
      EXPECT_EQ(ReadFile(Out()), "old");
      EXPECT_EQ(ReadFile(Out("m.onnx.data")), "old data");
    }
  }
}

// ---- What is wrong with the graph ----

TEST_F(WriteTest, GraphsThatMakeNoModelAreRefused) {
  const auto refused = [this](const ir::Graph& graph, const std::string& text) {
    const Result<WriteResult> written = Write(graph, Out(), {});
    ASSERT_FALSE(written) << text;
    EXPECT_EQ(written.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(written.error().ToString(), HasSubstr(text));
    EXPECT_THAT(Files(), IsEmpty());
  };
  ir::Graph graph = WithAttribute(1.0);
  graph.AddOutput("y", OnlyOutput(graph, 0));
  refused(graph, "named y");
  graph = WithAttribute(1.0);
  graph.outputs()[0].name = "x";
  refused(graph, "named x");
  graph = WithAttribute(1.0);
  graph.AddInput("x", Floats({1}));
  refused(graph, "two inputs of the graph are named x");
  graph = WithAttribute(1.0);
  graph.opsets.clear();
  refused(graph, "no opset version for the operator domain");
  graph = WithAttribute(1.0);
  graph.value(OnlyOutput(graph, 0)).type = TensorType();
  refused(graph, "no tensor type for ?");
  graph = WithAttribute(1.0);
  graph.node(0).arguments[0].value = Dim(3);
  refused(graph, "an unnamed argument");
  graph = WithAttribute(1.0);
  graph.node(0).arguments[0].value = OnlyOutput(graph, 0);
  refused(graph, "used before it is computed");
  graph = WithAttribute(1.0);
  auto origin = std::make_shared<ir::Origin>();
  origin->place = "code/__torch__/net.py:3:4";
  graph.node(0).origin = origin;
  graph.node(0).arguments[1].value = Dim::Symbol("N");
  refused(graph, "code/__torch__/net.py:3:4");
}

// ---- Memory ----

std::size_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

TEST_F(WriteTest, WeightsAreNotHeldInMemory) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer has memory of its own";
  // 200 MB each, read from a byte that repeats, and through a permutation of one that repeats.
  Tensor flat = Tensor::From(DType::kInt8, {1}, Sequence(1));
  flat.sizes = {200'000'000};
  flat.strides = {0};
  Tensor window = Tensor::From(DType::kInt8, {3, 3, 1000}, Sequence(9000));
  window.sizes = {22'000, 1000, 3, 3};
  window.strides = {0, 1, 3000, 1000};
  for (const Tensor& tensor : {flat, window}) {
    for (const ExternalData external : {ExternalData::kNever, ExternalData::kAlways}) {
      const ir::Graph graph = WithConstant(tensor);
      const std::size_t before = PeakBytes();
      ASSERT_TRUE(Write(graph, Out(), {.external_data = external}));
      EXPECT_LE(PeakBytes() - before, std::size_t{4} << 20);
    }
  }
}

}  // namespace
}  // namespace octavo::onnx
