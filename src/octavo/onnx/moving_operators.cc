#include "octavo/onnx/moving_operators.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace octavo::onnx {

bool MovesElements(const ::onnx::NodeProto& node) {
  static const std::unordered_set<std::string_view> kMoves = {
      "MaxPool",  "Reshape",      "Transpose",    "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather",
      "Identity", "DepthToSpace", "SpaceToDepth", "Expand",  "Tile",    "Split",     "Pad"};
  if (!node.domain().empty()) return false;
  if (kMoves.contains(node.op_type())) return true;
  // Interpolating int8, ONNX Runtime rounds toward zero.
  return node.op_type() == "Resize" && std::ranges::none_of(node.attribute(), [](const auto& a) {
           return a.name() == "mode" && a.s() != "nearest";
         });
}

}  // namespace octavo::onnx
