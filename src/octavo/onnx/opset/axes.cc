#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/onnx/opset/changes.h"

// Operators whose axes or sizes moved between attributes and inputs.

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

// A constant input instead of integers in an attribute.
void IntsToInput(NodeEdit& edit, std::string_view attribute, int input) {
  if (!edit.Find(attribute)) return;
  edit.SetInput(input, edit.graph.AddInts(edit.Like(attribute), edit.Ints(attribute)));
  edit.Remove(attribute);
}

void FloatToInput(NodeEdit& edit, std::string_view attribute, int input) {
  const pb::AttributeProto* found = edit.Find(attribute);
  if (!found) return;
  pb::TensorProto tensor;
  const int type = edit.graph.Facts(edit.Input(0)).element_type;
  // The attribute is float32 whatever the elements are.
  tensor.set_data_type(pb::TensorProto::FLOAT);
  tensor.add_float_data(found->f());
  edit.Remove(attribute);
  if (type == 0 || type == pb::TensorProto::FLOAT) {
    edit.SetInput(input, edit.graph.AddTensor(edit.Like(attribute), std::move(tensor)));
    return;
  }
  const std::string made = edit.graph.AddTensor(edit.Like(attribute), std::move(tensor));
  pb::NodeProto& added = edit.before.emplace_back();
  added.set_op_type("Cast");
  added.set_name(edit.graph.names().New(edit.Like("cast")));
  added.add_input(made);
  added.add_output(edit.graph.names().New(edit.Like(attribute)));
  pb::AttributeProto& to = *added.add_attribute();
  to.set_name("to");
  to.set_type(pb::AttributeProto::INT);
  to.set_i(type);
  edit.SetInput(input, added.output(0));
}

Result<std::int64_t> Rank(const NodeEdit& edit, std::string_view why) {
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  if (!facts.sizes) {
    return Unsupported(fmt::format("{}, and the rank of {} is not in the file", why, edit.Input(0)),
                       "Run onnx.shape_inference.infer_shapes on the model first.");
  }
  return static_cast<std::int64_t>(facts.sizes->size());
}

}  // namespace

Status AxesToInput(NodeEdit& edit) {
  IntsToInput(edit, "axes", 1);
  return {};
}

Status AxesToAttribute(NodeEdit& edit) {
  const bool nothing = edit.Int("noop_with_empty_axes", 0) != 0;
  std::vector<std::int64_t> axes;
  if (edit.HasInput(1)) axes = OCTAVO_TRY(edit.ConstantInts(1, "axes"));
  if (axes.empty() && nothing) {
    return Unsupported("noop_with_empty_axes without axes cannot be written below opset 18");
  }
  edit.Remove("noop_with_empty_axes");
  edit.RemoveInput(1);
  if (!axes.empty()) edit.SetInts("axes", axes);
  return {};
}

Status SplitToInput(NodeEdit& edit) {
  IntsToInput(edit, "split", 1);
  return {};
}

Status NumberOfOutputs(NodeEdit& edit) {
  if (!edit.HasInput(1)) edit.SetInt("num_outputs", edit.node.output_size());
  return {};
}

Status NoNumberOfOutputs(NodeEdit& edit) {
  const std::int64_t parts = edit.Int("num_outputs", 0);
  edit.Remove("num_outputs");
  if (edit.HasInput(1) || parts == 0) return {};
  // Below opset 18 all parts have one size; in 18 the last one may be smaller.
  const std::int64_t axis = edit.Int("axis", 0);
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  const std::int64_t rank = facts.sizes ? static_cast<std::int64_t>(facts.sizes->size()) : 0;
  const std::int64_t at = axis < 0 ? axis + rank : axis;
  const std::int64_t size = at >= 0 && at < rank ? (*facts.sizes)[static_cast<std::size_t>(at)] : -1;
  if (size < 0 || parts != edit.node.output_size()) {
    return Unsupported("num_outputs cannot be written below opset 18 unless the split size is known");
  }
  const std::int64_t part = (size + parts - 1) / parts;
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0, left = size; i < parts; ++i, left -= part) {
    sizes.push_back(std::clamp<std::int64_t>(left, 0, part));
  }
  edit.SetInput(1, edit.graph.AddInts(edit.Like("split"), sizes));
  return {};
}

// Before opset 13 the operator works on all dimensions from `axis` on, as if they were one.
Status SoftmaxOfOneAxis(NodeEdit& edit) {
  constexpr std::int64_t kOldAxis = 1;
  const std::int64_t axis = edit.Int("axis", kOldAxis);
  const std::int64_t rank =
      OCTAVO_TRY(Rank(edit, "below opset 13 this operator works on several dimensions at once"));
  const std::int64_t at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at > rank) return InvalidFile(fmt::format("axis {} is out of range", axis));
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  // Dimensions of size 1 change nothing.
  std::vector<std::int64_t> spread;
  for (std::int64_t d = std::max<std::int64_t>(at, 0); d < rank; ++d) {
    if ((*facts.sizes)[static_cast<std::size_t>(d)] != 1) spread.push_back(d);
  }
  if (spread.size() > 1) {
    return Unsupported(
        fmt::format("below opset 13 it works on all {} dimensions from dimension {} on at once, "
                    "which the operator of opset 13 cannot do",
                    rank - at, at));
  }
  edit.SetInt("axis", spread.empty() ? std::min(at, rank - 1) : spread[0]);
  return {};
}

Status ClipToInputs(NodeEdit& edit) {
  FloatToInput(edit, "min", 1);
  FloatToInput(edit, "max", 2);
  return {};
}

Status PadToInputs(NodeEdit& edit) {
  IntsToInput(edit, "pads", 1);
  FloatToInput(edit, "value", 2);
  return {};
}

Status PadEveryAxis(NodeEdit& edit) {
  if (!edit.HasInput(3)) return {};
  const std::vector<std::int64_t> axes = OCTAVO_TRY(edit.ConstantInts(3, "axes"));
  const std::vector<std::int64_t> some = OCTAVO_TRY(edit.ConstantInts(1, "pads"));
  const std::int64_t rank = OCTAVO_TRY(Rank(edit, "below opset 18 pads are given for all axes"));
  if (some.size() != 2 * axes.size()) return InvalidFile("pads and axes do not fit");
  std::vector<std::int64_t> all(static_cast<std::size_t>(2 * rank), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) return InvalidFile(fmt::format("axis {} is out of range", axes[i]));
    all[static_cast<std::size_t>(axis)] = some[i];
    all[static_cast<std::size_t>(axis + rank)] = some[i + axes.size()];
  }
  edit.RemoveInput(3);
  edit.graph.RemoveIfUnused(edit.Input(1));
  edit.SetInput(1, edit.graph.AddInts(edit.Like("pads"), all));
  return {};
}

Status PadWithoutWrap(NodeEdit& edit) {
  if (edit.Text("mode", "constant") != "wrap") return {};
  return Unsupported("opset 19 is the first with mode wrap");
}

Status DropoutToInput(NodeEdit& edit) {
  FloatToInput(edit, "ratio", 1);
  return {};
}

Status ShapeOfAllAxes(NodeEdit& edit) {
  if (!edit.Find("start") && !edit.Find("end")) return {};
  const std::int64_t start = edit.Int("start", 0);
  const bool to_end = !edit.Find("end");
  const std::int64_t end = edit.Int("end", 0);
  edit.Remove("start");
  edit.Remove("end");
  if (start == 0 && to_end) return {};
  if (!edit.HasOutput(0)) return InvalidFile("it has no result");
  const std::string result = edit.node.output(0);
  const std::string all = edit.graph.names().New(edit.Like("all"));
  edit.node.set_output(0, all);
  pb::NodeProto& slice = edit.after.emplace_back();
  slice.set_op_type("Slice");
  slice.set_name(edit.graph.names().New(edit.Like("slice")));
  slice.add_input(all);
  slice.add_input(edit.graph.AddInts(edit.Like("start"), {start}));
  slice.add_input(
      edit.graph.AddInts(edit.Like("end"), {to_end ? std::numeric_limits<std::int64_t>::max() : end}));
  slice.add_output(result);
  return {};
}

Status WithoutZeroSizes(NodeEdit& edit) {
  const bool zeros = edit.Int("allowzero", 0) != 0;
  edit.Remove("allowzero");
  if (!zeros) return {};
  const std::vector<std::int64_t> shape = OCTAVO_TRY(edit.ConstantInts(1, "sizes (allowzero)"));
  if (std::ranges::find(shape, 0) == shape.end()) return {};
  return Unsupported("opset 14 is the first with allowzero, and a size is 0");
}

Status DftAxisToInput(NodeEdit& edit) {
  constexpr std::int64_t kOldAxis = 1;
  pb::TensorProto axis;
  axis.set_data_type(pb::TensorProto::INT64);
  axis.add_int64_data(edit.Int("axis", kOldAxis));
  edit.Remove("axis");
  edit.SetInput(2, edit.graph.AddTensor(edit.Like("axis"), std::move(axis)));
  return {};
}

Status DftAxisToAttribute(NodeEdit& edit) {
  constexpr std::int64_t kNewAxis = -2;
  std::int64_t axis = kNewAxis;
  if (edit.HasInput(2)) {
    const std::vector<std::int64_t> given = OCTAVO_TRY(edit.ConstantInts(2, "axis"));
    if (given.size() != 1) return InvalidFile("axis is not one number");
    axis = given[0];
  }
  const std::int64_t rank = OCTAVO_TRY(Rank(edit, "below opset 20 the axis counts from the front"));
  edit.RemoveInput(2);
  edit.SetInt("axis", axis < 0 ? axis + rank : axis);
  return {};
}

}  // namespace octavo::onnx
