#include "octavo/onnx/rename.h"

#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

using NewNames = std::unordered_map<std::string, std::string>;

void Rename(const NewNames& names, std::string& name) {
  if (const auto at = names.find(name); at != names.end()) name = at->second;
}

void RenameIn(const NewNames& names, pb::GraphProto& graph) {
  for (auto* values : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
    for (pb::ValueInfoProto& info : *values) Rename(names, *info.mutable_name());
  }
  for (auto& tensor : *graph.mutable_initializer()) Rename(names, *tensor.mutable_name());
  for (auto& tensor : *graph.mutable_sparse_initializer())
    Rename(names, *tensor.mutable_values()->mutable_name());
  for (auto& annotation : *graph.mutable_quantization_annotation()) {
    Rename(names, *annotation.mutable_tensor_name());
    for (auto& entry : *annotation.mutable_quant_parameter_tensor_names())
      Rename(names, *entry.mutable_value());
  }
  for (pb::NodeProto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) Rename(names, input);
    for (std::string& output : *node.mutable_output()) Rename(names, output);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) RenameIn(names, *attribute.mutable_g());
      for (auto& body : *attribute.mutable_graphs()) RenameIn(names, body);
    }
  }
}

}  // namespace

Result<std::vector<std::string>> RenameValues(pb::ModelProto& model, ModelNames& names,
                                              const RewriteOptions& options) {
  std::vector<std::string> changes;
  NewNames new_names;
  std::unordered_set<std::string> leaving;
  for (const auto& [from, to] : options.renames) {
    if (from == to) continue;
    new_names[from] = to;
    leaving.insert(from);
    changes.push_back(fmt::format("{} is named {}", from, to));
  }
  if (new_names.empty()) return changes;
  for (const auto& [from, to] : options.renames) {
    // New() answers another name if any value has this one.
    if (from == to || leaving.contains(to)) continue;
    if (const std::string free = names.New(to); free != to) new_names.emplace(to, free);
  }
  RenameIn(new_names, *model.mutable_graph());
  return changes;
}

}  // namespace octavo::onnx
