#include "octavo/onnx/target_forms.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

void WriteGraph(Runtime runtime, pb::ModelProto& model, pb::GraphProto& graph, ModelNames& names,
                TensorReader& tensors, const GraphEdit* outer, TargetForms& forms) {
  GraphEdit edit(model, graph, names, tensors, outer);
  for (pb::NodeProto& node : *graph.mutable_node()) {
    edit.Infer(node);
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) WriteGraph(runtime, model, *attribute.mutable_g(), names, tensors, &edit, forms);
      for (pb::GraphProto& body : *attribute.mutable_graphs())
        WriteGraph(runtime, model, body, names, tensors, &edit, forms);
    }
  }
  if (runtime == Runtime::kOpenVino) WriteForOpenVino(edit, forms);
  if (runtime == Runtime::kTensorRt) WriteForTensorRt(edit, forms);
  edit.RemoveUnused();
}

}  // namespace

TargetForms WriteForRuntime(Runtime runtime, pb::ModelProto& model, ModelNames& names,
                            TensorReader& tensors) {
  TargetForms forms;
  if (runtime == Runtime::kOnnxRuntime) return forms;
  WriteGraph(runtime, model, *model.mutable_graph(), names, tensors, nullptr, forms);
  return forms;
}

}  // namespace octavo::onnx
