#include "octavo/onnx/check_graph.h"

#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

class Scope {
 public:
  Scope(const pb::GraphProto& graph, const Scope* outer) : graph_(graph), outer_(outer) {}

  Status Check() {
    for (const auto& tensor : graph_.initializer()) {
      if (!made_.insert(tensor.name()).second)
        return InvalidFile(fmt::format("the tensor {} occurs twice", tensor.name()));
    }
    for (const auto& tensor : graph_.sparse_initializer()) made_.insert(tensor.values().name());
    std::unordered_set<std::string_view> inputs;
    for (const auto& input : graph_.input()) {
      if (input.name().empty() || !inputs.insert(input.name()).second)
        return InvalidFile(fmt::format("the input \"{}\" is duplicate or has no name", input.name()));
      made_.insert(input.name());
    }
    for (const pb::NodeProto& node : graph_.node()) OCTAVO_TRY(CheckNode(node));
    for (const auto& output : graph_.output()) {
      if (!Made(output.name()))
        return InvalidFile(fmt::format("no node computes the output {}", output.name()));
    }
    return {};
  }

 private:
  Status CheckNode(const pb::NodeProto& node) {
    for (const std::string& name : node.input()) {
      if (name.empty() || Made(name)) continue;
      return InvalidFile(fmt::format(
          "node {} reads {}, which no node before it computes",
          node.name().empty() ? node.op_type() : fmt::format("{} ({})", node.name(), node.op_type()), name));
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) OCTAVO_TRY(Scope(attribute.g(), this).Check());
      for (const auto& body : attribute.graphs()) OCTAVO_TRY(Scope(body, this).Check());
    }
    for (const std::string& name : node.output()) {
      if (!name.empty() && !made_.insert(name).second)
        return InvalidFile(fmt::format("two nodes compute {}", name));
    }
    return {};
  }

  bool Made(const std::string& name) const {
    return made_.contains(name) || (outer_ != nullptr && outer_->Made(name));
  }

  const pb::GraphProto& graph_;
  const Scope* outer_;
  std::unordered_set<std::string_view> made_;
};

}  // namespace

Status CheckGraph(const pb::ModelProto& model) { return Scope(model.graph(), nullptr).Check(); }

}  // namespace octavo::onnx
