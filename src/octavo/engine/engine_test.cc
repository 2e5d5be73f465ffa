#include "octavo/engine/engine.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"

namespace octavo::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<std::vector<Tensor>> RunText(std::string_view text, const std::vector<Tensor>& inputs,
                                    Options options = {}) {
  const ir::Graph graph = OCTAVO_TRY(ir::ParseGraph(text));
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) types.push_back(input.type());
  const CompiledModel model = OCTAVO_TRY(CompiledModel::Compile(graph, types, options));
  return model.Run(inputs);
}

TEST(Engine, RunsNodesInOrder) {
  const auto y = RunText(R"(opset 13
    input %x: float32[2,2]
    constant %w = float32[2,2]{1, 2, 3, 4}
    constant %shape = int64[1]{-1}
    %m = MatMul(%x, %w)
    %r = Relu(%m)
    %f = Reshape(%r, %shape)
    output %f)",
                         {Tensor::Floats({2, 2}, {1, 0, -1, 1})});
  ASSERT_TRUE(y) << y.error().ToString();
  EXPECT_THAT((*y)[0].ToFloats(), ElementsAre(1, 2, 2, 2));
  EXPECT_THAT((*y)[0].sizes, ElementsAre(4));
}

// Cells that are two apart may all lie beside an image of one: ONNX Runtime answers the least number.
TEST(Engine, AWindowInThePaddingAloneHasTheLeastMaximum) {
  const auto y = RunText(R"(opset 13
    input %x: float32[1,1,1,1]
    %m = MaxPool(%x, kernel_shape=[1,2], dilations=[1,2], pads=[0,1,0,1])
    output %m)",
                         {Tensor::Floats({1, 1, 1, 1}, {5})});
  ASSERT_TRUE(y) << y.error().ToString();
  EXPECT_THAT((*y)[0].ToFloats(), ElementsAre(std::numeric_limits<float>::lowest()));
}

TEST(Engine, NamesAllUnknownOperators) {
  const auto y = RunText(R"(opset 13
    input %x: float32[1]
    %a = Frob(%x) name "first"
    %b = "some.domain::Knock"(%a) name "second"
    output %b)",
                         {Tensor::Floats({1}, {1})});
  ASSERT_FALSE(y);
  EXPECT_EQ(y.error().code(), ErrorCode::kUnsupported);
  const std::vector<ErrorDetail>& details = y.error().details();
  ASSERT_EQ(details.size(), 2u);
  EXPECT_EQ(details[0].ToString(), "Frob, at node first");
  EXPECT_EQ(details[0].op, "Frob");
  EXPECT_EQ(details[1].ToString(), "some.domain::Knock, at node second");
  EXPECT_EQ(details[1].count, 1u);
}

// The shape of NonZero's result is known only when the model runs, and all that follows it.
TEST(Engine, FollowsShapesThatDependOnData) {
  const auto y = RunText(R"(opset 13
    input %x: float32[4]
    constant %shape = int64[1]{-1}
    %n = NonZero(%x)
    %r = Reshape(%n, %shape)
    %g = Gather(%x, %r)
    output %g)",
                         {Tensor::Floats({4}, {0, 5, 0, 6})});
  ASSERT_TRUE(y) << y.error().ToString();
  EXPECT_THAT((*y)[0].ToFloats(), ElementsAre(5, 6));
}

TEST(Engine, ShowsKeptValues) {
  const auto graph = ir::ParseGraph(R"(opset 13
    input %x: float32[2]
    %a = Neg(%x)
    %b = Relu(%a)
    output %b)");
  Options options;
  options.keep = {graph->nodes()[0].outputs[0]};
  const auto model = CompiledModel::Compile(*graph, {{.dtype = DType::kFloat32, .shape = Shape{2}}}, options);
  ASSERT_TRUE(model) << model.error().ToString();
  std::vector<std::vector<float>> seen;
  ASSERT_TRUE(model->Run({Tensor::Floats({2}, {1, -2})},
                         [&](ir::ValueId, const Tensor& t) { seen.push_back(t.ToFloats()); }));
  EXPECT_THAT(seen, ElementsAre(ElementsAre(-1, 2), ElementsAre(0, 2)));
}

// PyTorch's and ONNX Runtime's choice for result 27 is element 10.
TEST(Engine, ResizesWithPositionsInFloat32) {
  std::vector<float> x(17);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  Options options;
  options.fuse = false;
  const auto y = RunText(R"(opset 13
    input %x: float32[1,1,17]
    constant %s = float32[3]{1, 1, 2.7}
    %y = Resize(%x, None, %s, coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor")
    output %y)",
                         {Tensor::Floats({1, 1, 17}, x)}, options);
  ASSERT_TRUE(y) << y.error().ToString();
  EXPECT_EQ((*y)[0].sizes[2], 45);
  EXPECT_EQ((*y)[0].ToFloats()[27], 10);
}

}  // namespace
}  // namespace octavo::engine
