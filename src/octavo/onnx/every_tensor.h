#pragma once

#include <utility>

#include <onnx.pb.h>

#include "octavo/result.h"

namespace octavo::onnx {

// Calls `visit(const TensorProto&)`, which answers a Status, with every tensor that a graph, the nodes of a
// function or a model holds, wherever it lies: initializers, both halves of sparse ones, attributes, bodies,
// functions and what training needs.  Ends with the first error.
template <typename Visit>
Status ForEachTensor(const ::onnx::GraphProto& graph, const Visit& visit);

template <typename Visit>
Status ForEachTensor(const ::onnx::SparseTensorProto& sparse, const Visit& visit) {
  OCTAVO_TRY(visit(sparse.values()));
  return visit(sparse.indices());
}

template <typename Visit>
Status ForEachTensor(const google::protobuf::RepeatedPtrField<::onnx::NodeProto>& nodes, const Visit& visit) {
  for (const auto& node : nodes) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t()) OCTAVO_TRY(visit(attribute.t()));
      for (const auto& tensor : attribute.tensors()) OCTAVO_TRY(visit(tensor));
      if (attribute.has_sparse_tensor()) OCTAVO_TRY(ForEachTensor(attribute.sparse_tensor(), visit));
      for (const auto& sparse : attribute.sparse_tensors()) OCTAVO_TRY(ForEachTensor(sparse, visit));
      if (attribute.has_g()) OCTAVO_TRY(ForEachTensor(attribute.g(), visit));
      for (const auto& body : attribute.graphs()) OCTAVO_TRY(ForEachTensor(body, visit));
    }
  }
  return {};
}

template <typename Visit>
Status ForEachTensor(const ::onnx::GraphProto& graph, const Visit& visit) {
  for (const auto& tensor : graph.initializer()) OCTAVO_TRY(visit(tensor));
  for (const auto& sparse : graph.sparse_initializer()) OCTAVO_TRY(ForEachTensor(sparse, visit));
  return ForEachTensor(graph.node(), visit);
}

template <typename Visit>
Status ForEachTensor(const ::onnx::ModelProto& model, const Visit& visit) {
  OCTAVO_TRY(ForEachTensor(model.graph(), visit));
  for (const auto& function : model.functions()) OCTAVO_TRY(ForEachTensor(function.node(), visit));
  for (const auto& training : model.training_info()) {
    OCTAVO_TRY(ForEachTensor(training.initialization(), visit));
    OCTAVO_TRY(ForEachTensor(training.algorithm(), visit));
  }
  return {};
}

// The same with tensors that may be changed.
template <typename Visit>
Status ForEachTensor(::onnx::ModelProto& model, const Visit& visit) {
  return ForEachTensor(std::as_const(model), [&visit](const ::onnx::TensorProto& tensor) {
    // Of a model that may be changed, and protobuf has no way through both kinds at once.
    return visit(const_cast<::onnx::TensorProto&>(tensor));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  });
}

}  // namespace octavo::onnx
