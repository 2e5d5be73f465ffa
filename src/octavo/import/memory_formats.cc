#include "octavo/import/memory_formats.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace octavo::import {
namespace {

using ir::Graph;
using ir::MemoryFormat;
using ir::Node;
using ir::ValueId;

// Images and volumes; the order of others is never asked for.
bool IsImage(std::optional<int> rank) { return rank && (*rank == 4 || *rank == 5); }

// Images of one element per channel.
bool HasOneElement(const TensorType& type) {
  return type.shape && type.shape->size() > 2 &&
         std::all_of(type.shape->begin() + 2, type.shape->end(), [](const Dim& d) { return d == Dim(1); });
}

// "quantized::conv2d_relu" -> "conv2d_relu"
std::string_view NameOf(const Node& node) {
  const std::string_view op = node.op;
  const std::size_t colons = op.rfind("::");
  return colons == std::string_view::npos ? op : op.substr(colons + 2);
}

std::string_view WithoutOverload(const Node& node) {
  const std::string_view op = node.op;
  return op.substr(0, op.find('.'));
}

// Whatever comes in, a dense channels-last tensor comes out.
bool MakesChannelsLast(const Node& node, bool quantized) {
  static constexpr std::string_view kMakers[] = {
      "quantized::conv2d",           "quantized::conv2d_relu",
      "quantized::conv3d",           "quantized::conv3d_relu",
      "quantized::conv_transpose2d", "quantized::conv_transpose3d",
      "quantized::batch_norm",       "quantized::batch_norm_relu",
      "quantized::batch_norm2d",     "quantized::batch_norm2d_relu",
      "quantized::batch_norm3d",     "quantized::batch_norm3d_relu",
  };
  if (quantized && node.op == "aten::avg_pool3d") return true;
  return std::ranges::find(kMakers, WithoutOverload(node)) != std::end(kMakers);
}

// What is written element by element in a new order, or as one block that is contiguous.
bool MakesContiguous(const Node& node, bool quantized) {
  static const std::set<std::string_view> kAlways = {
      "reshape",
      "view",
      "flatten",
      "unflatten",
      "squeeze",
      "unsqueeze",
      "transpose",
      "permute",
      "t",
      "swapaxes",
      "swapdims",
      "movedim",
      "moveaxis",
      "mT",
      "mH",
      "numpy_T",
      "view_copy",
      "narrow_copy",
      "pixel_shuffle",
      "channel_shuffle",
      "pixel_unshuffle",
      "index",
      "index_select",
      "gather",
      "take",
      "take_along_dim",
      "grid_sampler",
      "grid_sampler_2d",
      "masked_fill",
      "repeat",
      "repeat_interleave",
      "reflection_pad2d",
      "cumsum",
      "softmax",
      "log_softmax",
      "layer_norm",
      "linear",
      "linear_relu",
      "linear_dynamic",
      "matmul",
      "einsum",
      "stack",
      "upsample_bicubic2d",
      "relu6",
      "max",
      "min",
      "new_zeros",
      "new_ones",
  };
  // Of these PyTorch's quantized kernels do not ask for the order of what they are given.
  static const std::set<std::string_view> kQuantized = {"clone",       "_to_copy",        "alias_copy",
                                                        "detach_copy", "lift_fresh_copy", "elu",
                                                        "celu",        "clamp",           "hardtanh"};
  const std::string_view name = NameOf(node);
  return kAlways.contains(name) || (quantized && kQuantized.contains(name));
}

bool TakesAPart(const Node& node) {
  static const std::set<std::string_view> kParts = {
      "slice", "narrow", "chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk"};
  return kParts.contains(NameOf(node));
}

std::int64_t Number(const Node& node, std::string_view argument, std::int64_t otherwise) {
  const ir::Operand* operand = node.Find(argument);
  const Dim* dim = operand ? std::get_if<Dim>(operand) : nullptr;
  return dim && dim->known() ? dim->value() : otherwise;
}

bool PadsWithConstant(const Node& node) {
  const ir::Operand* operand = node.Find("mode");
  const auto* mode = operand ? std::get_if<std::string>(operand) : nullptr;
  return !mode || *mode == "constant";
}

class Formats {
 public:
  explicit Formats(Graph& graph) : graph_(graph) {}

  void Set() {
    for (const Node& node : graph_.nodes()) {
      const MemoryFormat format = Of(node);
      for (const ValueId output : node.outputs) {
        if (!output.valid()) continue;
        ir::Value& value = graph_.value(output);
        const bool image = !value.type.shape || IsImage(value.type.rank());
        value.memory_format = image ? format : MemoryFormat::kContiguous;
      }
    }
  }

 private:
  MemoryFormat Of(const Node& node) const {
    const bool quantized = !node.outputs.empty() && graph_.type(node.outputs.front()).quantized();
    if (MakesChannelsLast(node, quantized)) return MemoryFormat::kChannelsLast;
    const std::vector<ValueId> images = Images(node);
    if (images.empty()) return MemoryFormat::kContiguous;
    const ir::Value& first = graph_.value(images.front());
    if (const std::optional<MemoryFormat> asked = Asked(node, first)) return *asked;
    if (NameOf(node) == "permute") return Permuted(node, first);
    if (SameSizes(node, first)) return first.memory_format;
    if (MakesContiguous(node, first.type.quantized())) return MemoryFormat::kContiguous;
    if (quantized && NameOf(node) == "mean" && HasOneElement(graph_.type(node.outputs.front()))) {
      return MemoryFormat::kContiguous;
    }
    if (NameOf(node) == "pad" && !PadsWithConstant(node)) return MemoryFormat::kContiguous;
    // Operators of a list have PyTorch's kernel for channels-last tensors where all are.
    const auto format = [this](ValueId id) { return graph_.value(id).memory_format; };
    const bool list = std::holds_alternative<ir::ValueList>(node.arguments.front().value);
    if (list && std::ranges::any_of(images, [&](ValueId id) { return format(id) != format(images[0]); })) {
      return MemoryFormat::kContiguous;
    }
    if (first.memory_format == MemoryFormat::kContiguous) return MemoryFormat::kContiguous;
    if (TakesAPart(node)) {
      const std::int64_t dim = Number(node, "dim", 0);
      return dim == 0 || -dim == first.type.rank().value_or(4) ? first.memory_format
                                                               : MemoryFormat::kSlicedChannelsLast;
    }
    // The result is new, in the order of the operand.
    return MemoryFormat::kChannelsLast;
  }

  // The tensors of four or five dimensions that the node reads, or whose rank is not known.
  std::vector<ValueId> Images(const Node& node) const {
    std::vector<ValueId> images;
    Graph::ForEachUse(node, [&](ValueId id) {
      if (!id.valid()) return;
      const ir::Value& value = graph_.value(id);
      if (value.constant && !IsImage(value.type.rank())) return;
      if (!value.type.shape || IsImage(value.type.rank())) images.push_back(id);
    });
    return images;
  }

  // x.contiguous(memory_format=...), by the numbers that TorchScript has for them; nullopt where none is
  // given.
  static std::optional<MemoryFormat> Asked(const Node& node, const ir::Value& x) {
    constexpr std::int64_t kNone = -1, kContiguous = 0, kChannelsLast = 2, kChannelsLast3d = 3;
    const std::int64_t asked =
        Number(node, "memory_format", NameOf(node) == "contiguous" ? kContiguous : kNone);
    // Images of one element are in both orders, so they are not copied.
    const bool copies = NameOf(node) != "contiguous" && NameOf(node) != "to";
    if (asked != kNone && !copies && HasOneElement(x.type)) return x.memory_format;
    if (asked == kContiguous) return MemoryFormat::kContiguous;
    if (asked != kChannelsLast && asked != kChannelsLast3d) return std::nullopt;
    // What is channels-last already is not copied.
    return x.memory_format == MemoryFormat::kSlicedChannelsLast && NameOf(node) == "to"
               ? x.memory_format
               : MemoryFormat::kChannelsLast;
  }

  static MemoryFormat Permuted(const Node& node, const ir::Value& x) {
    const ir::Operand* operand = node.Find("dims");
    const auto* dims = operand ? std::get_if<std::vector<Dim>>(operand) : nullptr;
    const std::vector<Dim> to_front = {0, 3, 1, 2}, to_front_3d = {0, 4, 1, 2, 3};
    const bool from_nhwc =
        dims && (*dims == to_front || *dims == to_front_3d) && x.memory_format == MemoryFormat::kContiguous;
    return from_nhwc ? MemoryFormat::kChannelsLast : MemoryFormat::kContiguous;
  }

  // A view of the same sizes is the tensor itself.
  bool SameSizes(const Node& node, const ir::Value& x) const {
    static const std::set<std::string_view> kViews = {"reshape", "view", "view_as", "reshape_as"};
    if (!kViews.contains(NameOf(node))) return false;
    const TensorType& type = graph_.type(node.outputs.front());
    return type.shape && x.type.shape && *type.shape == *x.type.shape;
  }

  Graph& graph_;
};

}  // namespace

void SetMemoryFormats(Graph& graph) { Formats(graph).Set(); }

ir::NodeId DependsOnOrderOfInputs(Graph& graph) {
  static const std::set<std::string_view> kDepend = {
      "aten::clamp",     "aten::clamp_max", "aten::clamp_min",          "aten::clip",
      "aten::hardtanh",  "aten::relu6",     "quantized::clamp",         "quantized::relu6",
      "quantized::celu", "quantized::elu",  "aten::upsample_bilinear2d"};
  const auto set_inputs = [&graph](MemoryFormat format) {
    for (const ValueId input : graph.inputs()) {
      ir::Value& value = graph.value(input);
      if (IsImage(value.type.rank())) value.memory_format = format;
    }
  };
  const auto reads_images = [&graph](ir::NodeId id) {
    bool reads = false;
    Graph::ForEachUse(graph.node(id), [&](ValueId input) {
      if (!input.valid()) return;
      const ir::Value& value = graph.value(input);
      reads |= value.type.quantized() && value.memory_format != MemoryFormat::kContiguous;
    });
    return reads;
  };
  const auto depends = [](const Node& node) { return kDepend.contains(node.op); };
  if (std::ranges::none_of(graph.nodes(), depends)) return ir::kNoNode;
  set_inputs(MemoryFormat::kChannelsLast);
  SetMemoryFormats(graph);
  std::vector<ir::NodeId> found;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto id = static_cast<ir::NodeId>(i);
    if (depends(graph.node(id)) && reads_images(id)) found.push_back(id);
  }
  set_inputs(MemoryFormat::kContiguous);
  SetMemoryFormats(graph);
  const auto first = std::ranges::find_if(found, [&](ir::NodeId id) { return !reads_images(id); });
  return first == found.end() ? ir::kNoNode : *first;
}

}  // namespace octavo::import
