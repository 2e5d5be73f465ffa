#include "octavo/onnx/part.h"

#include <climits>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/mapped_file.h"
#include "octavo/base/output_file.h"
#include "octavo/onnx/element_type.h"
#include "octavo/onnx/every_tensor.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/read_tensor.h"

namespace octavo::onnx {
namespace {

namespace pb = ::onnx;

// Calls `visit` with the names that a node reads; of nodes with subgraphs also with those that the nodes
// inside read, wherever they are made.
void ForEachName(const pb::NodeProto& node, const std::function<void(const std::string&)>& visit) {
  for (const std::string& name : node.input()) visit(name);
  const auto inside = [&visit](const pb::GraphProto& graph) {
    for (const pb::NodeProto& inner : graph.node()) ForEachName(inner, visit);
    for (const pb::ValueInfoProto& output : graph.output()) visit(output.name());
  };
  for (const pb::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) inside(attribute.g());
    for (const pb::GraphProto& graph : attribute.graphs()) inside(graph);
  }
}

Status Describe(const std::string& name, const TensorType& type, pb::ValueInfoProto& info) {
  info.set_name(name);
  pb::TypeProto::Tensor& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(OCTAVO_TRY(ElementType(type.dtype)));
  if (!type.shape) return {};
  tensor.mutable_shape();
  for (const Dim& size : *type.shape) {
    auto& dim = *tensor.mutable_shape()->add_dim();
    if (size.known()) dim.set_dim_value(size.value());
  }
  return {};
}

class PartCutter {
 public:
  PartCutter(pb::ModelProto& model, const Boundary& boundary)
      : graph_(*model.mutable_graph()), boundary_(boundary) {}

  Result<std::vector<std::string>> Cut(const std::string& value, const TensorType* type) {
    value_ = value;
    for (int i = 0; i < graph_.node_size(); ++i) {
      for (const std::string& name : graph_.node(i).output()) {
        if (!name.empty()) producer_.emplace(name, i);
      }
    }
    const auto last = producer_.find(value);
    if (last == producer_.end()) return Unsupported(fmt::format("no node of the model makes {}", value));
    keep_.resize(static_cast<std::size_t>(graph_.node_size()));
    Collect(last->second);
    KeepNodes();
    KeepInitializers();
    OCTAVO_TRY(ReplaceInputs());
    OCTAVO_TRY(ReplaceOutput(type));
    KeepValueInfo();
    return names_;
  }

 private:
  bool Begins(const std::string& name) const { return name != value_ && boundary_(name) != nullptr; }

  void Collect(int last) {
    std::vector<int> pending = {last};
    keep_[static_cast<std::size_t>(last)] = true;
    while (!pending.empty()) {
      const int index = pending.back();
      pending.pop_back();
      ForEachName(graph_.node(index), [&](const std::string& name) {
        if (name.empty() || !read_.insert(name).second) return;
        const auto producer = producer_.find(name);
        if (producer == producer_.end()) return;
        if (Begins(name)) {
          begins_.push_back(name);
        } else if (!keep_[static_cast<std::size_t>(producer->second)]) {
          keep_[static_cast<std::size_t>(producer->second)] = true;
          pending.push_back(producer->second);
        }
      });
    }
  }

  void KeepNodes() {
    const std::unordered_set<std::string> begins(begins_.begin(), begins_.end());
    google::protobuf::RepeatedPtrField<pb::NodeProto> kept;
    for (int i = 0; i < graph_.node_size(); ++i) {
      if (!keep_[static_cast<std::size_t>(i)]) continue;
      pb::NodeProto& node = *graph_.mutable_node(i);
      // Another result of a node that is kept, which is an input of the part now.
      for (std::string& name : *node.mutable_output()) {
        if (begins.contains(name)) name += "/not_used";
        made_.insert(name);
      }
      kept.Add(std::move(node));
    }
    graph_.mutable_node()->Swap(&kept);
  }

  void KeepInitializers() {
    google::protobuf::RepeatedPtrField<pb::TensorProto> kept;
    for (pb::TensorProto& tensor : *graph_.mutable_initializer()) {
      initializers_.insert(tensor.name());
      if (read_.contains(tensor.name())) kept.Add(std::move(tensor));
    }
    graph_.mutable_initializer()->Swap(&kept);
    for (const pb::SparseTensorProto& tensor : graph_.sparse_initializer())
      initializers_.insert(tensor.values().name());
  }

  Status ReplaceInputs() {
    google::protobuf::RepeatedPtrField<pb::ValueInfoProto> kept;
    for (pb::ValueInfoProto& input : *graph_.mutable_input()) {
      if (!read_.contains(input.name())) continue;
      if (!initializers_.contains(input.name())) names_.push_back(input.name());
      kept.Add(std::move(input));
    }
    for (const std::string& name : begins_) {
      OCTAVO_TRY(Describe(name, *boundary_(name), *kept.Add()));
      names_.push_back(name);
    }
    graph_.mutable_input()->Swap(&kept);
    return {};
  }

  Status ReplaceOutput(const TensorType* type) {
    pb::ValueInfoProto output;
    output.set_name(value_);
    if (type != nullptr) OCTAVO_TRY(Describe(value_, *type, output));
    for (const auto* infos : {&graph_.value_info(), &graph_.output()}) {
      for (const pb::ValueInfoProto& info : *infos) {
        if (info.name() == value_) output = info;
      }
    }
    graph_.clear_output();
    *graph_.add_output() = std::move(output);
    return {};
  }

  void KeepValueInfo() {
    google::protobuf::RepeatedPtrField<pb::ValueInfoProto> kept;
    for (pb::ValueInfoProto& info : *graph_.mutable_value_info()) {
      if (info.name() != value_ && made_.contains(info.name())) kept.Add(std::move(info));
    }
    graph_.mutable_value_info()->Swap(&kept);
  }

  pb::GraphProto& graph_;
  const Boundary& boundary_;
  std::string value_;
  std::unordered_map<std::string, int> producer_;
  std::vector<bool> keep_;  // by node
  std::unordered_set<std::string> read_, made_, initializers_;
  std::vector<std::string> begins_, names_;
};

// Copies the tensors that lie in other files to a file beside the part; nullptr where there are none.
Result<std::unique_ptr<OutputFile>> CopyExternal(pb::ModelProto& part, const std::filesystem::path& model,
                                                 const std::filesystem::path& data) {
  std::unique_ptr<OutputFile> file;
  TensorReader reader(model, true);
  OCTAVO_TRY(ForEachTensor(part, [&](pb::TensorProto& proto) -> Status {
    if (proto.data_location() != pb::TensorProto::EXTERNAL) return {};
    const ExternalBytes found = OCTAVO_TRY(reader.External(proto));
    if (!file) file = OCTAVO_TRY(OutputFile::Create(data));
    OCTAVO_TRY(file->PadTo(ExternalAlignment(found.bytes.size())));
    SetExternal(proto, data.filename().string(), file->size(), found.bytes.size());
    return file->Write(found.bytes);
  }));
  return file;
}

}  // namespace

Result<std::vector<std::string>> WritePart(const std::filesystem::path& model, const std::string& value,
                                           const Boundary& boundary, const std::filesystem::path& part,
                                           const TensorType* type) {
  const std::shared_ptr<const MappedFile> file = OCTAVO_TRY(MappedFile::Open(model));
  const std::span<const std::byte> bytes = file->bytes();
  pb::ModelProto proto;
  if (bytes.size() > INT_MAX || !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return InvalidFile(fmt::format("{} is not an ONNX model", model.string()));
  std::vector<std::string> names = OCTAVO_TRY(PartCutter(proto, boundary).Cut(value, type));
  std::filesystem::path data = part;
  data += ".data";
  const auto data_file = OCTAVO_TRY(CopyExternal(proto, model, data));
  const auto part_file = OCTAVO_TRY(OutputFile::Create(part));
  std::string text;
  if (!proto.SerializeToString(&text)) return Unsupported("a part of the model has more than 2 GB");
  OCTAVO_TRY(part_file->Write(text));
  if (data_file) OCTAVO_TRY(data_file->Commit());
  OCTAVO_TRY(part_file->Commit());
  return names;
}

}  // namespace octavo::onnx
