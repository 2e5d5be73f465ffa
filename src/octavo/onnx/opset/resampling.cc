#include <algorithm>

#include <fmt/format.h>

#include "octavo/onnx/opset/changes.h"

// Operators that interpolate.

namespace octavo::onnx {

namespace pb = ::onnx;

// Opset 10: an output position divided by the scale, cut off where the image grows, rounded up where it
// shrinks (ONNX Runtime's upsamplebase.h, ResizeNearestMode::SIMPLE).
Status ResizeWithModes(NodeEdit& edit) {
  const std::optional<Tensor> scales = OCTAVO_TRY(edit.graph.Constant(edit.Input(1)));
  std::string nearest = "floor";
  if (edit.Text("mode", "nearest") == "nearest") {
    if (!scales) return Unsupported("its scales are computed: opset 11 rounds positions in another way");
    const std::vector<double> factors = scales->ToDoubles();
    const bool grows = std::ranges::any_of(factors, [](double f) { return f > 1; });
    const bool shrinks = std::ranges::any_of(factors, [](double f) { return f < 1; });
    if (grows && shrinks)
      return Unsupported("it grows and shrinks: opset 11 rounds positions in another way");
    if (shrinks) nearest = "ceil";
  }
  edit.SetText("coordinate_transformation_mode", "asymmetric");
  if (edit.Text("mode", "nearest") == "nearest") edit.SetText("nearest_mode", nearest);
  const std::string scales_name = edit.Input(1);
  edit.SetInput(2, scales_name);
  // Opset 11 asks for a region, even where it is not used.
  pb::TensorProto region;
  region.set_data_type(pb::TensorProto::FLOAT);
  region.add_dims(0);
  edit.SetInput(1, edit.graph.AddTensor(edit.Like("roi"), std::move(region)));
  return {};
}

Status ResizeEveryAxis(NodeEdit& edit) {
  if (edit.Int("antialias", 0) != 0) return Unsupported("opset 18 is the first with antialias 1");
  if (edit.Text("keep_aspect_ratio_policy", "stretch") != "stretch") {
    return Unsupported("opset 18 is the first with keep_aspect_ratio_policy");
  }
  edit.Remove("antialias");
  edit.Remove("keep_aspect_ratio_policy");
  if (!edit.Find("axes")) return {};
  const std::vector<std::int64_t> axes = edit.Ints("axes");
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  if (!facts.sizes || edit.HasInput(1)) {
    return Unsupported(edit.HasInput(1)
                           ? "opset 18 is the first with axes of a region"
                           : "below opset 18 all axes are given, and the rank is not in the file");
  }
  const auto rank = static_cast<std::int64_t>(facts.sizes->size());
  const bool sizes = edit.HasInput(3);
  const int input = sizes ? 3 : 2;
  const std::optional<Tensor> given = OCTAVO_TRY(edit.graph.Constant(edit.Input(input)));
  if (!given) return Unsupported("below opset 18 all axes are given, and those of this node are computed");
  const std::vector<double> some = given->ToDoubles();
  if (some.size() != axes.size()) return InvalidFile("sizes or scales do not fit the axes");
  std::vector<double> all(facts.sizes->size(), 1);
  if (sizes) all.assign(facts.sizes->begin(), facts.sizes->end());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) return InvalidFile(fmt::format("axis {} is out of range", axes[i]));
    all[static_cast<std::size_t>(axis)] = some[i];
  }
  if (std::ranges::any_of(all, [](double size) { return size < 0; })) {
    return Unsupported("below opset 18 all sizes are given, and some are open");
  }
  edit.Remove("axes");
  edit.graph.RemoveIfUnused(edit.Input(input));
  if (sizes) {
    edit.SetInput(input, edit.graph.AddInts(edit.Like("sizes"), {all.begin(), all.end()}));
    return {};
  }
  pb::TensorProto scales;
  scales.set_data_type(pb::TensorProto::FLOAT);
  scales.add_dims(rank);
  for (const double scale : all) scales.add_float_data(static_cast<float>(scale));
  edit.SetInput(input, edit.graph.AddTensor(edit.Like("scales"), std::move(scales)));
  return {};
}

Status ResizeAsymmetric(NodeEdit& edit) {
  if (edit.Text("coordinate_transformation_mode", "half_pixel") != "half_pixel_symmetric") return {};
  return Unsupported("opset 19 is the first with coordinate_transformation_mode half_pixel_symmetric");
}

Status GridSampleLinear(NodeEdit& edit) {
  const std::string mode = edit.Text("mode", "bilinear");
  if (!edit.Find("mode")) return {};
  if (mode == "bilinear") edit.SetText("mode", "linear");
  if (mode == "bicubic") edit.SetText("mode", "cubic");
  return {};
}

Status GridSampleBilinear(NodeEdit& edit) {
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  constexpr std::size_t kImageRank = 4;
  if (!facts.sizes || facts.sizes->size() != kImageRank) {
    return Unsupported(
        "below opset 20 this operator takes images only, and the input is none or its rank is not "
        "in the file");
  }
  const std::string mode = edit.Text("mode", "linear");
  if (!edit.Find("mode")) return {};
  if (mode == "linear") edit.SetText("mode", "bilinear");
  if (mode == "cubic") edit.SetText("mode", "bicubic");
  return {};
}

Status RoiAlignMode(NodeEdit& edit) {
  edit.SetText("coordinate_transformation_mode", "output_half_pixel");
  return {};
}

Status NoRoiAlignMode(NodeEdit& edit) {
  if (edit.Text("coordinate_transformation_mode", "half_pixel") != "output_half_pixel") {
    return Unsupported("below opset 16 coordinate_transformation_mode is output_half_pixel");
  }
  edit.Remove("coordinate_transformation_mode");
  return {};
}

}  // namespace octavo::onnx
