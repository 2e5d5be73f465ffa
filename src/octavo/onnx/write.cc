#include "octavo/onnx/write.h"

#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/output_file.h"
#include "octavo/ir/origin.h"
#include "octavo/ir/verify.h"
#include "octavo/onnx/element_type.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/model_files.h"
#include "octavo/onnx/names.h"
#include "octavo/onnx/origins.h"
#include "octavo/onnx/parse.h"
#include "octavo/onnx/wire.h"

namespace octavo::onnx {
namespace {

namespace pb = ::onnx;
using ir::ValueId;

// Protobuf refuses larger messages.
constexpr std::uint64_t kMaxMessageBytes = std::numeric_limits<std::int32_t>::max();
Error Named(Error error, std::string_view kind, std::string_view name) {
  return std::move(error.AddContext(fmt::format("{} {}", kind, name)));
}

Result<pb::ValueInfoProto> ValueInfo(const std::string& name, const TensorType& type) {
  pb::ValueInfoProto info;
  info.set_name(name);
  pb::TypeProto::Tensor& tensor = *info.mutable_type()->mutable_tensor_type();
  const Result<pb::TensorProto::DataType> element = ElementType(type.dtype);
  if (!element) return Named(element.error(), "value", name);
  tensor.set_elem_type(*element);
  if (!type.shape) return info;
  pb::TensorShapeProto& shape = *tensor.mutable_shape();
  for (const Dim& size : *type.shape) {
    pb::TensorShapeProto::Dimension& dim = *shape.add_dim();
    if (size.known()) {
      if (size.value() < 0) {
        return Unsupported(fmt::format("{} has a negative size: {}", name, type.ToString()));
      }
      dim.set_dim_value(size.value());
    } else if (const std::string text = size.ToString(); text.find('?') == std::string::npos) {
      dim.set_dim_param(text);
    }  // else nothing is known of it, and a name would claim that it equals another
  }
  return info;
}

Result<std::int64_t> KnownInt(const Dim& dim, std::string_view attribute) {
  if (dim.known()) return dim.value();
  return NeedsInput(fmt::format("attribute {} depends on the open size {}", attribute, dim.ToString()),
                    "Give the inputs' sizes as numbers, as in --input 'float32[1,3,224,224]'.");
}

Result<float> Float32(double value, std::string_view attribute) {
  if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
    return Unsupported(
        fmt::format("attribute {} is {}, which is out of range for float32", attribute, value));
  }
  return static_cast<float>(value);
}

// One attribute, as one more field of its node.
class AttributeWriter {
 public:
  AttributeWriter(std::string_view name, WireMessage& node) : name_(name), node_(node) {
    attribute_.set_name(name_);
  }

  Status operator()(const ir::None&) const { return {}; }
  Status operator()(bool value) { return Int(value ? 1 : 0); }
  Status operator()(const Dim& value) { return Int(OCTAVO_TRY(KnownInt(value, name_))); }
  Status operator()(double value) {
    attribute_.set_f(OCTAVO_TRY(Float32(value, name_)));
    return Add(pb::AttributeProto::FLOAT);
  }
  Status operator()(const std::string& value) {
    attribute_.set_s(value);
    return Add(pb::AttributeProto::STRING);
  }
  Status operator()(const std::vector<Dim>& values) {
    for (const Dim& value : values) attribute_.add_ints(OCTAVO_TRY(KnownInt(value, name_)));
    return Add(pb::AttributeProto::INTS);
  }
  Status operator()(const std::vector<bool>& values) {
    for (const bool value : values) attribute_.add_ints(value ? 1 : 0);
    return Add(pb::AttributeProto::INTS);
  }
  Status operator()(const std::vector<double>& values) {
    for (const double value : values) attribute_.add_floats(OCTAVO_TRY(Float32(value, name_)));
    return Add(pb::AttributeProto::FLOATS);
  }
  Status operator()(const std::vector<std::string>& values) {
    for (const std::string& value : values) attribute_.add_strings(value);
    return Add(pb::AttributeProto::STRINGS);
  }
  Status operator()(const ir::Bytes& value) const {
    WireMessage message;
    message.Merge(attribute_);
    message.Field(pb::AttributeProto::kSFieldNumber, value.data);
    return Add(std::move(message), pb::AttributeProto::STRING);
  }
  Status operator()(const Tensor& value) const {
    pb::TensorProto header;
    header.mutable_dims()->Assign(value.sizes.begin(), value.sizes.end());
    header.set_data_type(OCTAVO_TRY(ElementType(value.dtype)));
    WireMessage tensor;
    tensor.Merge(header);
    tensor.Field(pb::TensorProto::kRawDataFieldNumber, value);
    WireMessage message;
    message.Merge(attribute_);
    message.Field(pb::AttributeProto::kTFieldNumber, std::move(tensor));
    return Add(std::move(message), pb::AttributeProto::TENSOR);
  }
  template <typename Other>
  Status operator()(const Other&) const {
    return Unsupported(fmt::format("ONNX does not support the type of attribute {}", name_));
  }

 private:
  Status Int(std::int64_t value) {
    attribute_.set_i(value);
    return Add(pb::AttributeProto::INT);
  }
  Status Add(pb::AttributeProto::AttributeType type) {
    attribute_.set_type(type);
    node_.Field(pb::NodeProto::kAttributeFieldNumber, attribute_);
    return {};
  }
  Status Add(WireMessage message, pb::AttributeProto::AttributeType type) const {
    pb::AttributeProto last;
    last.set_type(type);
    message.Merge(last);
    node_.Field(pb::NodeProto::kAttributeFieldNumber, std::move(message));
    return {};
  }

  std::string name_;
  WireMessage& node_;
  pb::AttributeProto attribute_;
};

struct ExternalTensor {
  Tensor elements;
  std::uint64_t alignment;
};

// The model file's bytes, and what goes into the data file.
class ModelBuilder {
 public:
  ModelBuilder(const ir::Graph& graph, const Names& names, const WriteOptions& options,
               std::string data_file_name)
      : graph_(graph), names_(names), options_(options), data_file_name_(std::move(data_file_name)) {}

  Result<WireMessage> Build() {
    pb::ModelProto head, tail;
    const auto opset = graph_.opsets.find("");
    head.set_ir_version(options_.ir_version != 0
                            ? options_.ir_version
                            : IrVersion(opset == graph_.opsets.end() ? 0 : opset->second));
    head.set_producer_name("octavo");
    head.set_producer_version(OCTAVO_VERSION);
    for (const auto& [domain, version] : graph_.opsets) {
      pb::OperatorSetIdProto& import = *tail.add_opset_import();
      import.set_domain(domain);
      import.set_version(version);
    }
    std::map<std::string, std::string> metadata = graph_.metadata;
    metadata.erase(kOriginsKey);
    if (std::string origins = OriginsText(graph_, names_.nodes); !origins.empty()) {
      metadata[kOriginsKey] = std::move(origins);
    }
    for (const auto& [key, value] : metadata) {
      pb::StringStringEntryProto& entry = *tail.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
    WireMessage model;
    model.Merge(head);
    model.Field(pb::ModelProto::kGraphFieldNumber, OCTAVO_TRY(GraphMessage()));
    model.Merge(tail);
    return model;
  }

  const std::vector<ExternalTensor>& external() const { return external_; }

 private:
  Result<WireMessage> GraphMessage() {
    WireMessage message;
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      const ir::Node& node = graph_.nodes()[i];
      WireMessage wire;
      if (Status status = AddNode(node, names_.nodes[i], wire); !status) {
        Error error = Named(std::move(status).error(), "node", names_.nodes[i]);
        if (node.origin) error.SetWhere(ir::Place(*node.origin), node.origin->excerpt);
        return error;
      }
      message.Field(pb::GraphProto::kNodeFieldNumber, std::move(wire));
    }
    for (const CopiedOutput& copy : names_.copies) {
      pb::NodeProto node;
      node.add_input(names_.of(copy.from));
      node.add_output(copy.to);
      node.set_name(copy.node_name);
      node.set_op_type("Identity");
      message.Field(pb::GraphProto::kNodeFieldNumber, node);
    }
    pb::GraphProto named, rest;
    named.set_name(graph_.name.empty() ? "graph" : graph_.name);
    message.Merge(named);
    for (const ValueId input : graph_.inputs()) {
      *rest.add_input() = OCTAVO_TRY(ValueInfo(names_.of(input), graph_.type(input)));
    }
    for (std::size_t i = 0; i < graph_.num_values(); ++i) {
      const ir::Value& value = graph_.value(ValueId{static_cast<std::int32_t>(i)});
      if (!value.constant || names_.values[i].empty()) continue;
      OCTAVO_TRY(AddInitializer(names_.values[i], *value.constant, message));
      if (options_.initializers_as_inputs) {
        *rest.add_input() = OCTAVO_TRY(ValueInfo(names_.values[i], value.constant->type()));
      }
    }
    if (!graph_.doc.empty()) rest.set_doc_string(graph_.doc);
    for (const ir::Output& output : graph_.outputs()) {
      *rest.add_output() = OCTAVO_TRY(ValueInfo(output.name, graph_.type(output.value)));
    }
    OCTAVO_TRY(AddValueInfo(rest));
    message.Merge(rest);
    return message;
  }

  // The types of the values between the nodes.  Graph outputs have theirs already.
  Status AddValueInfo(pb::GraphProto& graph) const {
    std::unordered_set<std::int32_t> outputs;
    for (const ir::Output& output : graph_.outputs()) outputs.insert(output.value.index);
    for (const ir::Node& node : graph_.nodes()) {
      for (const ValueId id : node.outputs) {
        if (!id.valid() || outputs.contains(id.index)) continue;
        const TensorType& type = graph_.type(id);
        if (type.dtype == DType::kUnknown) continue;
        *graph.add_value_info() = OCTAVO_TRY(ValueInfo(names_.of(id), type));
      }
    }
    return {};
  }

  Status AddInput(const ir::Operand& operand, pb::NodeProto& node) const {
    if (std::holds_alternative<ir::None>(operand)) {
      node.add_input();
    } else if (const auto* id = std::get_if<ValueId>(&operand)) {
      node.add_input(names_.of(*id));
    } else if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
      for (const ValueId item : *list) node.add_input(item.valid() ? names_.of(item) : std::string());
    } else {
      return Unsupported("an unnamed argument is not a tensor");
    }
    return {};
  }

  Status AddNode(const ir::Node& node, const std::string& name, WireMessage& message) const {
    const std::size_t colons = node.op.rfind("::");
    const std::string domain = colons == std::string::npos ? "" : node.op.substr(0, colons);
    if (!graph_.opsets.contains(domain)) {
      return Unsupported(
          fmt::format("the graph has no opset version for the operator domain \"{}\"", domain));
    }
    pb::NodeProto head, tail;
    for (const ir::Argument& argument : node.arguments) {
      if (argument.name.empty()) OCTAVO_TRY(AddInput(argument.value, head));
    }
    while (head.input_size() > 0 && head.input(head.input_size() - 1).empty()) {
      head.mutable_input()->RemoveLast();
    }
    for (const ValueId output : node.outputs) {
      head.add_output(output.valid() ? names_.of(output) : std::string());
    }
    head.set_name(name);
    head.set_op_type(colons == std::string::npos ? node.op : node.op.substr(colons + 2));
    message.Merge(head);
    for (const ir::Argument& argument : node.arguments) {
      if (!argument.name.empty()) {
        OCTAVO_TRY(std::visit(AttributeWriter(argument.name, message), argument.value));
      }
    }
    if (node.origin) tail.set_doc_string(ir::Text(*node.origin));
    if (!domain.empty()) tail.set_domain(domain);
    message.Merge(tail);
    return {};
  }

  Status AddInitializer(const std::string& name, const Tensor& tensor, WireMessage& graph) {
    pb::TensorProto header;
    header.mutable_dims()->Assign(tensor.sizes.begin(), tensor.sizes.end());
    const Result<pb::TensorProto::DataType> element = ElementType(tensor.dtype);
    if (!element) return Named(element.error(), "constant", name);
    header.set_data_type(*element);
    header.set_name(name);
    WireMessage message;
    if (options_.external_data == ExternalData::kAlways && tensor.num_bytes() >= kMinExternalBytes) {
      AddExternal(tensor, header);
      message.Merge(header);
    } else {
      message.Merge(header);
      message.Field(pb::TensorProto::kRawDataFieldNumber, tensor);
    }
    graph.Field(pb::GraphProto::kInitializerFieldNumber, std::move(message));
    return {};
  }

  void AddExternal(const Tensor& tensor, pb::TensorProto& header) {
    const std::uint64_t alignment = ExternalAlignment(tensor.num_bytes());
    const std::uint64_t offset = (external_end_ + alignment - 1) / alignment * alignment;
    external_end_ = offset + tensor.num_bytes();
    external_.push_back({tensor, alignment});
    SetExternal(header, data_file_name_, offset, tensor.num_bytes());
  }

  const ir::Graph& graph_;
  const Names& names_;
  const WriteOptions& options_;
  const std::string data_file_name_;
  std::vector<ExternalTensor> external_;
  std::uint64_t external_end_ = 0;
};

Error TooLarge(std::uint64_t bytes, ExternalData external_data) {
  return Unsupported(
      fmt::format("the model needs {:.2f} GB, but an ONNX file is limited to 2 GB",
                  static_cast<double>(bytes) / 1e9),
      external_data == ExternalData::kNever
          ? "Use --external-data auto, which stores the weights in a second file."
          : "Use --dialect qdq: only weights, not attributes, can be stored in a second file.");
}

}  // namespace

Result<WriteResult> Write(const ir::Graph& graph, const std::filesystem::path& path,
                          const WriteOptions& options) {
  OCTAVO_TRY(ir::Verify(graph));
  const Names names = OCTAVO_TRY(NameValues(graph));
  const std::string usual = ModelFiles::DataPath(path).filename().string();
  const auto build = [&](ExternalData external_data, const std::string& location,
                         std::vector<ExternalTensor>& external) -> Result<WireMessage> {
    WriteOptions chosen = options;
    chosen.external_data = external_data;
    ModelBuilder builder(graph, names, chosen, location);
    WireMessage message = OCTAVO_TRY(builder.Build());
    external = builder.external();
    return message;
  };
  std::vector<ExternalTensor> external;
  WireMessage model = OCTAVO_TRY(build(options.external_data, usual, external));
  if (model.size() > kMaxMessageBytes && options.external_data == ExternalData::kAuto) {
    model = OCTAVO_TRY(build(ExternalData::kAlways, usual, external));
  }
  if (model.size() > kMaxMessageBytes) return TooLarge(model.size(), options.external_data);

  std::uint64_t all = model.size(), done = 0;
  for (const ExternalTensor& tensor : external) all += tensor.elements.num_bytes();
  const auto write = [&](OutputFile& file, std::span<const std::byte> piece) -> Status {
    OCTAVO_TRY(file.Write(piece));
    done += piece.size();
    if (options.progress)
      options.progress(std::min(1.0, static_cast<double>(done) / static_cast<double>(all)));
    return {};
  };
  WriteResult result;
  const auto files = OCTAVO_TRY(ModelFiles::Create(path, !external.empty(), options.inputs));
  if (!external.empty()) {
    for (const ExternalTensor& tensor : external) {
      OCTAVO_TRY(files->data().PadTo(tensor.alignment));
      OCTAVO_TRY(WriteElements(
          tensor.elements, [&](std::span<const std::byte> piece) { return write(files->data(), piece); }));
    }
    result.external_bytes = files->data().size();
  }
  OCTAVO_TRY(files->Commit([&](OutputFile& file, const std::string& location) -> Status {
    const auto sink = [&](std::span<const std::byte> piece) { return write(file, piece); };
    if (location.empty() || location == usual) return model.Write(sink);
    std::vector<ExternalTensor> same;
    return OCTAVO_TRY(build(ExternalData::kAlways, location, same)).Write(sink);
  }));
  result.bytes = files->model_bytes();
  return result;
}

}  // namespace octavo::onnx
