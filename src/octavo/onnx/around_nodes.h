#pragma once

#include <utility>
#include <vector>

#include <onnx.pb.h>

namespace octavo::onnx {

// New nodes before and after each node of a graph, by the node's index.
class AroundNodes {
 public:
  void Add(std::vector<::onnx::NodeProto> before, std::vector<::onnx::NodeProto> after) {
    more_ = more_ || !before.empty() || !after.empty();
    around_.emplace_back(std::move(before), std::move(after));
  }
  // Puts them in; the graph has as many nodes as were added here.
  void PutInto(::onnx::GraphProto& graph);

 private:
  std::vector<std::pair<std::vector<::onnx::NodeProto>, std::vector<::onnx::NodeProto>>> around_;
  bool more_ = false;
};

}  // namespace octavo::onnx
