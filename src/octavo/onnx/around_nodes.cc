#include "octavo/onnx/around_nodes.h"

#include <cstddef>

namespace octavo::onnx {

void AroundNodes::PutInto(::onnx::GraphProto& graph) {
  if (!more_) return;
  google::protobuf::RepeatedPtrField<::onnx::NodeProto> nodes;
  nodes.Swap(graph.mutable_node());
  for (int i = 0; i < nodes.size(); ++i) {
    auto& [before, after] = around_[static_cast<std::size_t>(i)];
    for (::onnx::NodeProto& node : before) *graph.add_node() = std::move(node);
    *graph.add_node() = std::move(nodes[i]);
    for (::onnx::NodeProto& node : after) *graph.add_node() = std::move(node);
  }
}

}  // namespace octavo::onnx
