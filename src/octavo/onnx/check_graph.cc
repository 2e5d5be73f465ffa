#include "octavo/onnx/check_graph.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "octavo/base/protobuf_scan.h"
#include "octavo/onnx/every_tensor.h"
#include "octavo/onnx/read_tensor.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

std::string Describe(const pb::NodeProto& node) {
  return node.name().empty() ? fmt::format("node {}", node.op_type())
                             : fmt::format("node {} ({})", node.name(), node.op_type());
}

// Whether all fields with data are those of the stated type.  A field of the default value may be left out.
bool HoldsItsType(const pb::AttributeProto& attribute) {
  using Proto = pb::AttributeProto;
  const struct {
    bool there;
    int type;
  } fields[] = {{attribute.has_f(), Proto::FLOAT},
                {attribute.has_i(), Proto::INT},
                {attribute.has_s(), Proto::STRING},
                {attribute.has_t(), Proto::TENSOR},
                {attribute.has_g(), Proto::GRAPH},
                {attribute.has_sparse_tensor(), Proto::SPARSE_TENSOR},
                {attribute.has_tp(), Proto::TYPE_PROTO},
                {attribute.floats_size() > 0, Proto::FLOATS},
                {attribute.ints_size() > 0, Proto::INTS},
                {attribute.strings_size() > 0, Proto::STRINGS},
                {attribute.tensors_size() > 0, Proto::TENSORS},
                {attribute.graphs_size() > 0, Proto::GRAPHS},
                {attribute.sparse_tensors_size() > 0, Proto::SPARSE_TENSORS},
                {attribute.type_protos_size() > 0, Proto::TYPE_PROTOS}};
  return attribute.type() != Proto::UNDEFINED &&
         std::ranges::none_of(fields, [&](const auto& f) { return f.there && f.type != attribute.type(); });
}

Status CheckAttributeForms(const pb::NodeProto& node) {
  std::unordered_set<std::string_view> names;
  for (const pb::AttributeProto& attribute : node.attribute()) {
    const auto invalid = [&](std::string_view what) {
      return InvalidFile(fmt::format("attribute {} of {} {}", attribute.name(), Describe(node), what));
    };
    if (attribute.name().empty())
      return InvalidFile(fmt::format("an attribute of {} has no name", Describe(node)));
    if (!names.insert(attribute.name()).second) return invalid("occurs twice");
    if (!attribute.ref_attr_name().empty())
      return invalid("refers to an attribute of a function, but it is in no function");
    if (!HoldsItsType(attribute)) return invalid("does not hold what its type says");
  }
  return {};
}

// Of all other operators the first result is not optional.
bool MayLeaveOutFirstResult(const pb::NodeProto& node) {
  constexpr std::string_view kRecurrent[] = {"LSTM", "GRU", "RNN"};
  return std::ranges::any_of(kRecurrent, [&](std::string_view op) { return node.op_type().ends_with(op); }) ||
         std::ranges::any_of(node.attribute(), [](const auto& attribute) { return attribute.has_g(); });
}

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
    OCTAVO_TRY(CheckNodeForm(node));
    for (const std::string& name : node.input()) {
      if (name.empty() || Made(name)) continue;
      return InvalidFile(fmt::format("{} reads {}, which no node before it computes", Describe(node), name));
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

Status CheckNodeForm(const pb::NodeProto& node) {
  if (node.op_type().empty()) {
    return InvalidFile(node.name().empty() ? std::string("a node has no operator")
                                           : fmt::format("node {} has no operator", node.name()));
  }
  const auto& outputs = node.output();
  if (outputs.empty() || std::ranges::all_of(outputs, [](const std::string& name) { return name.empty(); })) {
    return InvalidFile(fmt::format("{} has no outputs", Describe(node)));
  }
  if (outputs[0].empty() && !MayLeaveOutFirstResult(node))
    return InvalidFile(fmt::format("the first output of {} has no name", Describe(node)));
  return CheckAttributeForms(node);
}

namespace {

// Newer than the copy of onnx.proto here; their tensors would be overlooked.
Status CheckFunctionFields(const pb::FunctionProto& function) {
  constexpr std::uint32_t kDefaultAttributes = 11;
  ProtobufScan unknown(std::as_bytes(std::span(function.unknown_fields())));
  while (const auto field = unknown.Next()) {
    if (field->number != kDefaultAttributes) continue;
    return Unsupported(
        fmt::format("the function {} has default values of attributes, which are not supported",
                    function.name()),
        "Inline the functions first with onnx.inliner.inline_local_functions.");
  }
  return {};
}

}  // namespace

Status CheckGraph(const pb::ModelProto& model) {
  for (const auto& function : model.functions()) OCTAVO_TRY(CheckFunctionFields(function));
  OCTAVO_TRY(ForEachTensor(model, CheckStored));
  return Scope(model.graph(), nullptr).Check();
}

}  // namespace octavo::onnx
