#include "octavo/onnx/opset/changes.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/onnx/around_nodes.h"
#include "octavo/onnx/model_text_testing.h"

namespace octavo::onnx {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The node and the constants of the model after it is moved; "error: ..." if it cannot be.
std::string Moved(std::string_view values, std::string_view node, int from, int to) {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  ::onnx::GraphProto& graph = *model.mutable_graph();
  ModelText(values).ReadValues(graph);
  ModelText(node).ReadNode(graph);
  ModelNames names(model);
  TensorReader tensors(".", false);
  GraphEdit edit(model, graph, names, tensors, nullptr);
  NodeEdit one{.graph = edit, .node = *graph.mutable_node(0)};
  edit.Infer(one.node);
  if (const Status status = MoveNode(one, from, to); !status) return "error: " + status.error().what();
  AroundNodes around;
  around.Add(std::move(one.before), std::move(one.after));
  around.PutInto(graph);
  edit.RemoveUnused();
  return TextOf(graph);
}

struct MoveCase {
  const char* values;
  const char* node;
  int from, to;
  const char* expected;  // a part of an error, or all of the new text
};

void PrintTo(const MoveCase& c, std::ostream* out) { *out << c.node << " " << c.from << " → " << c.to; }

class MoveNodeTest : public ::testing::TestWithParam<MoveCase> {};

TEST_P(MoveNodeTest, GivesTheNewForm) {
  const MoveCase& c = GetParam();
  const std::string moved = Moved(c.values, c.node, c.from, c.to);
  constexpr std::string_view kError = "error: ";
  if (std::string_view(c.expected).starts_with(kError)) {
    EXPECT_THAT(moved, StartsWith(std::string(kError)));
    EXPECT_THAT(moved, HasSubstr(c.expected + kError.size()));
  } else {
    EXPECT_EQ(moved, c.expected);
  }
}

constexpr const char* kImage = "float[1,4,6,5] x";

INSTANTIATE_TEST_SUITE_P(
    Axes, MoveNodeTest,
    ::testing::Values(
        MoveCase{kImage, "y = Squeeze <axes = [0]> (x)", 11, 13,
                 "y = Squeeze (x, y_axes)\ny_axes[1] = {0}\n"},
        MoveCase{kImage, "y = Squeeze (x)", 11, 13, "y = Squeeze (x)\n"},
        MoveCase{kImage, "y = Unsqueeze <axes = [0, -1]> (x)", 12, 13,
                 "y = Unsqueeze (x, y_axes)\ny_axes[2] = {0, -1}\n"},
        MoveCase{kImage, "y = ReduceSum <axes = [1], keepdims = 0> (x)", 11, 13,
                 "y = ReduceSum <keepdims = 0> (x, y_axes)\ny_axes[1] = {1}\n"},
        MoveCase{kImage, "y = ReduceMean <axes = [2, 3]> (x)", 17, 18,
                 "y = ReduceMean (x, y_axes)\ny_axes[2] = {2, 3}\n"},
        MoveCase{"float[2,3] x, int64[1] a = {-1}", "y = ReduceMean <keepdims = 0> (x, a)", 18, 17,
                 "y = ReduceMean <keepdims = 0, axes = [-1]> (x)\n"},
        MoveCase{kImage, "y = ReduceMax <noop_with_empty_axes = 0> (x)", 18, 17, "y = ReduceMax (x)\n"},
        MoveCase{kImage, "y = ReduceMax <noop_with_empty_axes = 1> (x)", 18, 17,
                 "error: noop_with_empty_axes"},
        MoveCase{"float[2,3] x, int64[1] a", "y = ReduceL2 (x, a)", 18, 17, "error: its axes are computed"},
        MoveCase{kImage, "y = Softmax <axis = 3> (x)", 11, 13, "y = Softmax <axis = 3> (x)\n"},
        MoveCase{"float[2,3,1,1] x", "y = LogSoftmax (x)", 11, 13, "y = LogSoftmax <axis = 1> (x)\n"},
        MoveCase{"float[2,1,1] x", "y = Hardmax <axis = 3> (x)", 11, 13, "y = Hardmax <axis = 2> (x)\n"},
        MoveCase{kImage, "y = Softmax <axis = 2> (x)", 11, 13,
                 "error: works on all 2 dimensions from dimension 2"},
        MoveCase{"float x", "y = Softmax <axis = 1> (x)", 11, 13, "error: the rank of x is not in the file"},
        MoveCase{kImage, "y = DFT <axis = 2> (x)", 19, 20, "y = DFT (x, , y_axis)\ny_axis[] = {2}\n"},
        MoveCase{"float[1,4,2] x, int64[] a = {-2}", "y = DFT (x, , a)", 20, 19,
                 "y = DFT <axis = 1> (x)\n"}));

INSTANTIATE_TEST_SUITE_P(
    SizesAndPads, MoveNodeTest,
    ::testing::Values(
        MoveCase{kImage, "a, b = Split <axis = 1, split = [1, 3]> (x)", 11, 13,
                 "a, b = Split <axis = 1> (x, a_split)\na_split[2] = {1, 3}\n"},
        MoveCase{kImage, "a, b = Split <axis = 1> (x)", 17, 18,
                 "a, b = Split <axis = 1, num_outputs = 2> (x)\n"},
        MoveCase{kImage, "a, b = Split <axis = -1, num_outputs = 2> (x)", 18, 17,
                 "a, b = Split <axis = -1> (x, a_split)\na_split[2] = {3, 2}\n"},
        MoveCase{"float[1,?] x", "a, b = Split <axis = 1, num_outputs = 2> (x)", 18, 17,
                 "error: num_outputs cannot be written below opset 18"},
        MoveCase{kImage, "y = Pad <pads = [0, 1, 0, 2], value = 0.5> (x)", 10, 11,
                 "y = Pad (x, y_pads, y_value)\ny_pads[4] = {0, 1, 0, 2}\ny_value[] = {0.5}\n"},
        MoveCase{"float[2,3,4] x, int64[2] p = {1, 2}, int64[1] a = {-1}", "y = Pad (x, p, , a)", 18, 17,
                 "y = Pad (x, y_pads)\ny_pads[6] = {0, 0, 1, 0, 0, 2}\n"},
        MoveCase{"float[2,3] x, int64[4] p = {1, 0, 0, 1}", "y = Pad (x, p)", 18, 17,
                 "y = Pad (x, p)\np[4] = {1, 0, 0, 1}\n"},
        MoveCase{"float x, int64[2] p = {1, 2}, int64[1] a = {0}", "y = Pad (x, p, , a)", 18, 17,
                 "error: the rank of x is not in the file"},
        MoveCase{"float[2] x, int64[2] p = {1, 2}", "y = Pad <mode = \"wrap\"> (x, p)", 19, 18,
                 "error: opset 19 is the first with mode wrap"},
        MoveCase{kImage, "y = Shape <start = 1> (x)", 15, 14,
                 "y_all = Shape (x)\ny = Slice (y_all, y_all_start, y_all_end)\ny_all_start[1] = {1}\n"
                 "y_all_end[1] = {9223372036854775807}\n"},
        MoveCase{kImage, "y = Shape <start = 0> (x)", 15, 14, "y = Shape (x)\n"},
        MoveCase{"float[2,3] x, int64[2] s = {3, 2}", "y = Reshape <allowzero = 1> (x, s)", 14, 13,
                 "y = Reshape (x, s)\ns[2] = {3, 2}\n"},
        MoveCase{"float[0,3] x, int64[2] s = {0, 3}", "y = Reshape <allowzero = 1> (x, s)", 14, 13,
                 "error: opset 14 is the first with allowzero"}));

INSTANTIATE_TEST_SUITE_P(
    Resampling, MoveNodeTest,
    ::testing::Values(
        MoveCase{
            "float[1,1,2,2] x, float[4] s = {1, 1, 2, 2}", "y = Resize <mode = \"nearest\"> (x, s)", 10, 11,
            "y = Resize <mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", nearest_mode = "
            "\"floor\"> (x, y_roi, s)\ns[4] = {1, 1, 2, 2}\ny_roi[0] = {}\n"},
        MoveCase{
            "float[1,1,2,2] x, float[4] s = {1, 1, 0.5, 0.5}", "y = Resize <mode = \"linear\"> (x, s)", 10,
            11,
            "y = Resize <mode = \"linear\", coordinate_transformation_mode = \"asymmetric\"> (x, y_roi, s)\n"
            "s[4] = {1, 1, 0.5, 0.5}\ny_roi[0] = {}\n"},
        MoveCase{"float[1,1,2,2] x, float[4] s = {1, 1, 0.5, 2}", "y = Resize (x, s)", 10, 11,
                 "error: it grows and shrinks"},
        MoveCase{"float[1,1,2,2] x, float[4] s", "y = Resize (x, s)", 10, 11,
                 "error: its scales are computed"},
        MoveCase{"float[1,3,2,4] x, float[2] s = {2, 3}",
                 "y = Resize <axes = [2, -1], antialias = 0> (x, , s)", 18, 17,
                 "y = Resize (x, , y_scales)\ny_scales[4] = {1, 1, 2, 3}\n"},
        MoveCase{"float[1,3,2,4] x, int64[1] s = {7}", "y = Resize <axes = [3]> (x, , , s)", 18, 17,
                 "y = Resize (x, , , y_sizes)\ny_sizes[4] = {1, 3, 2, 7}\n"},
        MoveCase{"float[1,3,2,4] x, float[4] s = {1, 1, 2, 2}", "y = Resize <antialias = 1> (x, , s)", 18, 17,
                 "error: opset 18 is the first with antialias 1"},
        MoveCase{"float[1,3,2,4] x, float[4] s = {1, 1, 2, 2}",
                 "y = Resize <keep_aspect_ratio_policy = \"not_larger\"> (x, , s)", 18, 17,
                 "error: keep_aspect_ratio_policy"},
        MoveCase{"float[1,3,2,4] x, float[4] s = {1, 1, 2, 2}",
                 "y = Resize <coordinate_transformation_mode = \"half_pixel_symmetric\"> (x, , s)", 19, 18,
                 "error: half_pixel_symmetric"},
        MoveCase{"float[1,1,2,2] x, float[1,2,2,2] g", "y = GridSample <mode = \"bilinear\"> (x, g)", 16, 20,
                 "y = GridSample <mode = \"linear\"> (x, g)\n"},
        MoveCase{"float[1,1,2,2] x, float[1,2,2,2] g", "y = GridSample <mode = \"cubic\"> (x, g)", 20, 19,
                 "y = GridSample <mode = \"bicubic\"> (x, g)\n"},
        MoveCase{"float[1,1,2,2,2] x, float[1,2,2,2,3] g", "y = GridSample (x, g)", 20, 19,
                 "error: takes images only"},
        MoveCase{"float[1,1,2,2] x, float[1,4] r, int64[1] i", "y = RoiAlign (x, r, i)", 15, 16,
                 "y = RoiAlign <coordinate_transformation_mode = \"output_half_pixel\"> (x, r, i)\n"},
        MoveCase{"float[1,1,2,2] x, float[1,4] r, int64[1] i",
                 "y = RoiAlign <coordinate_transformation_mode = \"output_half_pixel\"> (x, r, i)", 16, 15,
                 "y = RoiAlign (x, r, i)\n"},
        MoveCase{"float[1,1,2,2] x, float[1,4] r, int64[1] i", "y = RoiAlign (x, r, i)", 16, 15,
                 "error: coordinate_transformation_mode is output_half_pixel"}));

INSTANTIATE_TEST_SUITE_P(
    Attributes, MoveNodeTest,
    ::testing::Values(
        MoveCase{kImage, "y = Clip <min = -1.0, max = 2.5> (x)", 10, 11,
                 "y = Clip (x, y_min, y_max)\ny_min[] = {-1}\ny_max[] = {2.5}\n"},
        MoveCase{"float16[2] x", "y = Clip <max = 2.5> (x)", 10, 11,
                 "y_max_1 = Cast <to = 10> (y_max)\ny = Clip (x, , y_max_1)\ny_max[] = {2.5}\n"},
        MoveCase{kImage, "y = Dropout <ratio = 0.25> (x)", 11, 12,
                 "y = Dropout (x, y_ratio)\ny_ratio[] = {0.25}\n"},
        MoveCase{"float[2] x, int64[1] i, float[1] u", "y = Scatter <axis = 0> (x, i, u)", 10, 11,
                 "y = ScatterElements <axis = 0> (x, i, u)\n"},
        MoveCase{"float[2] x, int64[1] i, float[1] u", "y = ScatterElements <reduction = \"none\"> (x, i, u)",
                 16, 15, "y = ScatterElements (x, i, u)\n"},
        MoveCase{"float[2] x, int64[1] i, float[1] u", "y = ScatterElements <reduction = \"add\"> (x, i, u)",
                 16, 15, "error: opset 16 is the first with reduction add"},
        MoveCase{"float[2] x, int64[1] i, float[1] u", "y = ScatterND <reduction = \"max\"> (x, i, u)", 18,
                 17, "error: opset 18 is the first with reduction max"},
        MoveCase{kImage, "y = AveragePool <kernel_shape = [2, 2], dilations = [1, 1]> (x)", 19, 18,
                 "y = AveragePool <kernel_shape = [2, 2]> (x)\n"},
        MoveCase{kImage, "y = AveragePool <kernel_shape = [2, 2], dilations = [2, 1]> (x)", 19, 18,
                 "error: opset 19 is the first with dilations"},
        MoveCase{kImage, "y = LpPool <kernel_shape = [2, 2], ceil_mode = 1> (x)", 18, 17,
                 "error: opset 18 is the first with ceil_mode 1"},
        MoveCase{"float[1,2,3] x, float[2] s, float[2] b, float[2] m, float[2] v",
                 "y = BatchNormalization <training_mode = 0> (x, s, b, m, v)", 15, 13,
                 "y = BatchNormalization (x, s, b, m, v)\n"},
        MoveCase{"float[1,2,3] x, float[2] s, float[2] b, float[2] m, float[2] v",
                 "y = BatchNormalization <training_mode = 1> (x, s, b, m, v)", 15, 13,
                 "error: opset 14 is the first with training_mode 1"},
        MoveCase{"float[1,2,3] x, float[2] s, float[2] b, float[2] m, float[2] v",
                 "y, p, q = BatchNormalization (x, s, b, m, v)", 13, 14,
                 "error: more than one result means training"},
        MoveCase{"float[1,1,2] x, float[1,4,2] w, float[1,4,1] r", "y = LSTM <layout = 1> (x, w, r)", 14, 13,
                 "error: opset 14 is the first with layout 1"},
        MoveCase{kImage, "y = Cast <to = 1, saturate = 1> (x)", 19, 18, "y = Cast <to = 1> (x)\n"},
        MoveCase{kImage, "y = Cast <to = 1, round_mode = \"up\"> (x)", 24, 23, "y = Cast <to = 1> (x)\n"},
        MoveCase{"float[2] x, float[] s = {0.5}", "y = QuantizeLinear <output_dtype = 3> (x, s)", 21, 20,
                 "y = QuantizeLinear (x, s, y_zero_point)\ns[] = {0.5}\ny_zero_point[] = {0}\n"},
        MoveCase{"float[2] x, float[] s", "y = QuantizeLinear <output_dtype = 3> (x, s)", 21, 20,
                 "error: opset 21 is the first with output_dtype int8"},
        MoveCase{"int8[4] x, float[2] s", "y = DequantizeLinear <axis = 0, block_size = 2> (x, s)", 21, 20,
                 "error: opset 21 is the first with block_size 2"},
        MoveCase{"int8[4] x, float[] s", "y = DequantizeLinear <output_dtype = 1> (x, s)", 23, 22,
                 "y = DequantizeLinear (x, s)\n"},
        MoveCase{"int8[4] x, float[] s", "y = DequantizeLinear <output_dtype = 10> (x, s)", 23, 22,
                 "error: opset 23 is the first with output_dtype float16"},
        MoveCase{"float[2] x, float[] s", "y = QuantizeLinear <precision = 10> (x, s)", 23, 22,
                 "error: opset 23 is the first with precision 10"},
        MoveCase{"int16[4] x, float[] s", "y = DequantizeLinear (x, s)", 21, 20,
                 "error: opset 21 is the first in which this operator takes int16"},
        MoveCase{"int8[4] x", "y = Relu (x)", 14, 13,
                 "error: opset 14 is the first in which this operator takes int8"},
        MoveCase{"float a, float b, float c", "y = Range <stash_type = 1> (a, b, c)", 27, 26,
                 "y = Range (a, b, c)\n"},
        MoveCase{
            kImage, "y = HardSwish (x)", 14, 13,
            "y_HardSigmoid = HardSigmoid <alpha = 0.1667, beta = 0.5> (x)\ny = Mul (x, y_HardSigmoid)\n"},
        MoveCase{kImage, "y = Gelu (x)", 20, 19, "error: opset 20 is the first with this operator"},
        MoveCase{kImage, "y = Gelu (x)", 19, 20,
                 "error: opset 19 has no such operator, which opset 20 introduced"},
        MoveCase{kImage, "y = OptionalHasElement (x)", 18, 17, "error: its definition differs too much"},
        MoveCase{kImage, "y = Relu (x)", 10, 27, "y = Relu (x)\n"}));

INSTANTIATE_TEST_SUITE_P(
    GroupNormalization, MoveNodeTest,
    ::testing::Values(MoveCase{"float[1,4,3] x, float[2] s = {1, 2}, float[2] b = {3, 4}",
                               "y = GroupNormalization <num_groups = 2> (x, s, b)", 18, 21,
                               "y = GroupNormalization <num_groups = 2> (x, y_scale, y_bias)\n"
                               "y_scale[4] = {1, 1, 2, 2}\ny_bias[4] = {3, 3, 4, 4}\n"},
                      MoveCase{"float[1,4,3] x, float[4] s = {1, 1, 2, 2}, float[4] b = {3, 3, 4, 4}",
                               "y = GroupNormalization <num_groups = 2> (x, s, b)", 21, 20,
                               "y = GroupNormalization <num_groups = 2> (x, y_scale, y_bias)\n"
                               "y_scale[2] = {1, 2}\ny_bias[2] = {3, 4}\n"},
                      MoveCase{"float[1,4,3] x, float[4] s = {1, 2, 2, 2}, float[4] b = {3, 3, 4, 4}",
                               "y = GroupNormalization <num_groups = 2> (x, s, b)", 21, 20,
                               "error: these differ"},
                      MoveCase{"float[1,4,3] x, float[2] s, float[2] b = {3, 4}",
                               "y = GroupNormalization <num_groups = 2> (x, s, b)", 18, 21,
                               "error: its scale or bias is computed"},
                      MoveCase{"float x, float[2] s = {1, 2}, float[2] b = {3, 4}",
                               "y = GroupNormalization <num_groups = 2> (x, s, b)", 18, 21,
                               "error: the number of channels is not in the file"}));

// Every edit of the table has a case above.
TEST(OpsetChanges, EachIsTested) {
  std::set<OpsetEdit> edits, tested;
  for (const OpsetChange& change : OpsetChanges()) edits.insert({change.up, change.down});
  edits.erase(nullptr);
  for (const OpsetEdit edit :
       {AxesToInput,        AxesToAttribute,    SplitToInput,        NumberOfOutputs,   NoNumberOfOutputs,
        SoftmaxOfOneAxis,   ClipToInputs,       PadToInputs,         PadEveryAxis,      PadWithoutWrap,
        DropoutToInput,     ResizeWithModes,    ResizeEveryAxis,     ResizeAsymmetric,  ScatterElements,
        InferenceBatchNorm, NoTrainingMode,     RoiAlignMode,        NoRoiAlignMode,    ShapeOfAllAxes,
        WithoutZeroSizes,   WithoutLayout,      WithoutReduction,    WithoutExtremes,   WithoutDilations,
        WithoutSaturate,    WithoutBlocks,      WithoutPrecision,    GridSampleLinear,  GridSampleBilinear,
        DftAxisToInput,     DftAxisToAttribute, PerChannelGroupNorm, PerGroupGroupNorm, HardSwishAsProduct,
        WithoutRoundMode,   WithoutStashType,   OtherMeaning}) {
    tested.insert(edit);
  }
  // The one that is left marks new operators.
  EXPECT_EQ(edits.size(), tested.size() + 1);
  EXPECT_TRUE(std::ranges::includes(edits, tested));
}

}  // namespace
}  // namespace octavo::onnx
