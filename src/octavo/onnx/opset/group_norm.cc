#include <fmt/format.h>

#include "octavo/onnx/opset/changes.h"

// GroupNormalization: opset 18 has one scale and bias per group, opset 21 one per channel.

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

struct Groups {
  std::int64_t channels, groups;
};

Result<Groups> GroupsOf(const NodeEdit& edit) {
  const ValueFacts facts = edit.graph.Facts(edit.Input(0));
  const std::int64_t groups = edit.Int("num_groups", 0);
  if (!facts.sizes || facts.sizes->size() < 2 || (*facts.sizes)[1] <= 0) {
    return Unsupported("the number of channels is not in the file",
                       "Run onnx.shape_inference.infer_shapes on the model first.");
  }
  // One scale per channel is written.
  constexpr std::int64_t kMostChannels = std::int64_t{1} << 20;
  if ((*facts.sizes)[1] > kMostChannels) return InvalidFile("it has too many channels");
  if (groups <= 0 || (*facts.sizes)[1] % groups != 0)
    return InvalidFile("num_groups does not fit the channels");
  return Groups{(*facts.sizes)[1], groups};
}

Result<std::vector<double>> ConstantFloats(const NodeEdit& edit, int i) {
  const std::optional<Tensor> tensor = OCTAVO_TRY(edit.graph.Constant(edit.Input(i)));
  if (!tensor) return Unsupported("its scale or bias is computed");
  if (tensor->dtype != DType::kFloat32) return Unsupported("its scale or bias is not float32");
  return tensor->ToDoubles();
}

void SetFloats(NodeEdit& edit, int i, std::string_view what, const std::vector<double>& values) {
  pb::TensorProto tensor;
  tensor.set_data_type(pb::TensorProto::FLOAT);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const double value : values) tensor.add_float_data(static_cast<float>(value));
  edit.graph.RemoveIfUnused(edit.Input(i));
  edit.SetInput(i, edit.graph.AddTensor(edit.Like(what), std::move(tensor)));
}

constexpr const char* kScaleAndBias[] = {"scale", "bias"};

}  // namespace

Status PerChannelGroupNorm(NodeEdit& edit) {
  const auto [channels, groups] = OCTAVO_TRY(GroupsOf(edit));
  for (int i = 1; i <= 2; ++i) {
    const std::vector<double> given = OCTAVO_TRY(ConstantFloats(edit, i));
    if (static_cast<std::int64_t>(given.size()) != groups)
      return InvalidFile("scale or bias is not one per group");
    std::vector<double> all;
    for (std::int64_t c = 0; c < channels; ++c)
      all.push_back(given[static_cast<std::size_t>(c / (channels / groups))]);
    SetFloats(edit, i, kScaleAndBias[i - 1], all);
  }
  return {};
}

Status PerGroupGroupNorm(NodeEdit& edit) {
  const auto [channels, groups] = OCTAVO_TRY(GroupsOf(edit));
  if (edit.Int("stash_type", 1) != 1) return Unsupported("opset 21 is the first with stash_type");
  for (int i = 1; i <= 2; ++i) {
    const std::vector<double> given = OCTAVO_TRY(ConstantFloats(edit, i));
    if (static_cast<std::int64_t>(given.size()) != channels)
      return InvalidFile("scale or bias is not one per channel");
    std::vector<double> first;
    for (std::int64_t c = 0; c < channels; ++c) {
      const double value = given[static_cast<std::size_t>(c)];
      if (c % (channels / groups) == 0) first.push_back(value);
      if (value != first.back()) {
        return Unsupported(
            "below opset 21 all channels of a group have one scale and bias, and these differ");
      }
    }
    SetFloats(edit, i, kScaleAndBias[i - 1], first);
  }
  edit.Remove("stash_type");
  return {};
}

}  // namespace octavo::onnx
