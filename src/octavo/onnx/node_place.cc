#include "octavo/onnx/node_place.h"

#include <fmt/format.h>

namespace octavo::onnx {

std::string PlaceOf(const ::onnx::NodeProto& node) {
  if (!node.name().empty()) return "node " + node.name();
  return node.output_size() == 0 ? "a node" : "the node that computes " + node.output(0);
}

Error Located(Error error, const ::onnx::NodeProto& node) {
  error.SetSubject(node.domain().empty() ? node.op_type()
                                         : fmt::format("{}::{}", node.domain(), node.op_type()));
  error.SetWhere(PlaceOf(node));
  return error;
}

}  // namespace octavo::onnx
