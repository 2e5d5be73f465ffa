#include "octavo/onnx/read.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/limits.h"
#include "octavo/base/mapped_file.h"
#include "octavo/base/type_names.h"
#include "octavo/onnx/check_graph.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/origins.h"
#include "octavo/onnx/parse.h"
#include "octavo/onnx/read_tensor.h"
#include "octavo/onnx/rewrite.h"

namespace octavo::onnx {
namespace {

namespace pb = ::onnx;
using ir::ValueId;

// What an attribute of a kind is that no value here can be.
std::string_view KindOf(const pb::AttributeProto& proto) {
  switch (proto.type()) {
    case pb::AttributeProto::GRAPH:
      return "a graph";
    case pb::AttributeProto::GRAPHS:
      return "a list of graphs";
    case pb::AttributeProto::SPARSE_TENSOR:
      return "a sparse tensor";
    case pb::AttributeProto::TENSORS:
      return "a list of tensors";
    default:
      return "of an unknown type";
  }
}

Result<ir::Operand> Attribute(const pb::NodeProto& node, const pb::AttributeProto& proto,
                              TensorReader& tensors, bool hides_bodies) {
  switch (proto.type()) {
    case pb::AttributeProto::FLOAT:
      return ir::Operand(static_cast<double>(proto.f()));
    case pb::AttributeProto::INT:
      return ir::Operand(Dim(proto.i()));
    case pb::AttributeProto::STRING: {
      // The Caffe2 dialect has weights in strings, which are not text.
      if (proto.name() != "values") return ir::Operand(proto.s());
      const auto bytes = std::as_bytes(std::span(proto.s()));
      return ir::Operand(ir::Bytes{Tensor::FromBytes(DType::kUint8, {static_cast<std::int64_t>(bytes.size())},
                                                     {bytes.begin(), bytes.end()})});
    }
    case pb::AttributeProto::TENSOR:
      return ir::Operand(OCTAVO_TRY(tensors.Read(proto.t())));
    case pb::AttributeProto::FLOATS:
      return ir::Operand(std::vector<double>(proto.floats().begin(), proto.floats().end()));
    case pb::AttributeProto::INTS:
      return ir::Operand(std::vector<Dim>(proto.ints().begin(), proto.ints().end()));
    case pb::AttributeProto::STRINGS:
      return ir::Operand(std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
    default:
      break;
  }
  if (hides_bodies) return ir::Operand(ir::None{});
  return Unsupported(
      fmt::format("attribute {} of node {} is {}, which is not supported", proto.name(),
                  node.name().empty() ? node.op_type() : fmt::format("{} ({})", node.name(), node.op_type()),
                  KindOf(proto)));
}

// `what`: "input", "output", "value".
Status CheckIsTensor(std::string_view what, const std::string& name, const pb::TypeProto& type) {
  if (!type.has_sequence_type() && !type.has_map_type() && !type.has_optional_type()) return {};
  return Unsupported(fmt::format("the {} {} is {}, which is not supported; only tensors are", what, name,
                                 type.has_sequence_type() ? "a sequence"
                                 : type.has_map_type()    ? "a map"
                                                          : "an optional value"));
}

// An input that no value of the graph can be.
Status CheckInput(const std::string& name, const pb::TypeProto& type) {
  OCTAVO_TRY(CheckIsTensor("input", name, type));
  if (type.tensor_type().shape().dim_size() > kMaxRank) {
    return Unsupported(fmt::format("the input {} has {} dimensions, more than {}", name,
                                   type.tensor_type().shape().dim_size(), kMaxRank));
  }
  const int element = type.tensor_type().elem_type();
  if (element == 0 || ElementType(element) != DType::kUnknown) return {};
  return Unsupported(fmt::format("the input {} has elements of type {}, which is not supported", name,
                                 OnnxTypeName(element)));
}

class Reader {
 public:
  Reader(const pb::ModelProto& model, TensorReader& tensors, const ReadOptions& options)
      : model_(model), tensors_(tensors), options_(options) {}

  Result<ir::Graph> Graph() {
    const pb::GraphProto& proto = model_.graph();
    graph_.name = proto.name();
    graph_.doc = proto.doc_string();
    for (const auto& opset : model_.opset_import())
      graph_.opsets[opset.domain()] = static_cast<int>(opset.version());
    for (const auto& entry : model_.metadata_props()) {
      if (entry.key() == kOriginsKey) {
        origins_ = ParseOrigins(entry.value());
      } else {
        graph_.metadata[entry.key()] = entry.value();
      }
    }
    for (const auto& info : proto.value_info()) {
      if (!options_.any_type) OCTAVO_TRY(CheckIsTensor("value", info.name(), info.type()));
      known_.emplace(info.name(), DeclaredType(info.type()));
    }
    for (const auto& info : proto.output()) {
      if (!options_.any_type) OCTAVO_TRY(CheckIsTensor("output", info.name(), info.type()));
      known_.emplace(info.name(), DeclaredType(info.type()));
    }
    if (proto.sparse_initializer_size() > 0) return Unsupported("sparse tensors are not supported");
    for (const auto& initializer : proto.initializer()) OCTAVO_TRY(AddInitializer(initializer));
    std::unordered_set<std::string> inputs;
    for (const auto& input : proto.input()) {
      if (input.name().empty() || !inputs.insert(input.name()).second)
        return InvalidFile(fmt::format("the input \"{}\" is duplicate or has no name", input.name()));
      // Old files list initializers as inputs, too.
      if (const auto at = values_.find(input.name()); at != values_.end()) {
        OCTAVO_TRY(CheckDefault(input, graph_.type(at->second)));
        continue;
      }
      if (!options_.any_type) OCTAVO_TRY(CheckInput(input.name(), input.type()));
      values_[input.name()] = graph_.AddInput(input.name(), DeclaredType(input.type()));
    }
    for (const auto& node : proto.node()) {
      for (const std::string& name : node.output()) made_.insert(name);
    }
    for (const auto& node : proto.node()) OCTAVO_TRY(AddNode(node));
    for (const auto& output : proto.output()) {
      const auto at = values_.find(output.name());
      if (at == values_.end())
        return InvalidFile(fmt::format("no node computes the output {}", output.name()));
      graph_.AddOutput(output.name(), at->second);
    }
    return std::move(graph_);
  }

  std::size_t external_tensors() const { return external_tensors_; }

 private:
  // The tensor of an input must be what the input is declared to be.
  static Status CheckDefault(const pb::ValueInfoProto& input, const TensorType& tensor) {
    const TensorType declared = DeclaredType(input.type());
    bool fits = declared.dtype == DType::kUnknown || declared.dtype == tensor.dtype;
    if (declared.shape && tensor.shape) {
      fits = fits && std::ranges::equal(
                         *declared.shape, *tensor.shape,
                         [](const Dim& wanted, const Dim& has) { return !wanted.known() || wanted == has; });
    }
    if (fits) return {};
    return InvalidFile(fmt::format("the input {} is {}, but the tensor of that name is {}", input.name(),
                                   declared.ToString(), tensor.ToString()));
  }

  Status AddInitializer(const pb::TensorProto& proto) {
    if (values_.contains(proto.name()))
      return InvalidFile(fmt::format("the tensor {} occurs twice", proto.name()));
    if (tensors_.Skips(proto)) {
      OCTAVO_TRY(CheckStored(proto));
      TensorType type{.dtype = ElementType(proto.data_type()),
                      .shape = Shape(proto.dims().begin(), proto.dims().end())};
      values_[proto.name()] = graph_.AddInput(proto.name(), std::move(type));
      ++external_tensors_;
      return {};
    }
    values_[proto.name()] = graph_.AddConstant(OCTAVO_TRY(tensors_.Read(proto)), proto.name());
    return {};
  }

  Status AddNode(const pb::NodeProto& proto) {
    OCTAVO_TRY(CheckNodeForm(proto));
    std::vector<ir::Argument> arguments;
    for (const std::string& name : proto.input()) {
      if (name.empty()) {
        arguments.push_back({.name = {}, .value = ir::None{}});
        continue;
      }
      const auto at = values_.find(name);
      if (at == values_.end()) {
        return InvalidFile(fmt::format(
            "node {} reads {}, which {}",
            proto.name().empty() ? proto.op_type() : fmt::format("{} ({})", proto.name(), proto.op_type()),
            name,
            made_.contains(name) ? "this or a later node computes: the graph has a cycle or is not sorted"
                                 : "no node before it computes"));
      }
      arguments.push_back({.name = {}, .value = at->second});
    }
    std::set<std::string_view> names;
    for (const auto& attribute : proto.attribute()) {
      if (!names.insert(attribute.name()).second) {
        return InvalidFile(fmt::format("node {} has the attribute {} twice",
                                       proto.name().empty() ? proto.op_type() : proto.name(),
                                       attribute.name()));
      }
      ir::Operand value = OCTAVO_TRY(Attribute(proto, attribute, tensors_, options_.hides_bodies));
      arguments.push_back({.name = attribute.name(), .value = std::move(value)});
    }
    std::vector<TensorType> types;
    for (const std::string& name : proto.output()) {
      const auto known = known_.find(name);
      types.push_back(known == known_.end() ? TensorType() : known->second);
    }
    const std::string op =
        proto.domain().empty() ? proto.op_type() : fmt::format("{}::{}", proto.domain(), proto.op_type());
    // What a doc_string says is shown and never used: tools drop it.
    const auto said = proto.name().empty() ? origins_.end() : origins_.find(proto.name());
    std::shared_ptr<const ir::Origin> origin =
        said != origins_.end()
            ? said->second
            : std::make_shared<const ir::Origin>(
                  ir::Origin{.module_path = proto.name(), .op = op, .author_line = proto.doc_string()});
    const ir::NodeId id = graph_.AddNode(op, std::move(arguments), std::move(types), std::move(origin));
    graph_.node(id).name = proto.name();
    for (int i = 0; i < proto.output_size(); ++i) {
      const ValueId value = graph_.node(id).outputs[static_cast<std::size_t>(i)];
      graph_.value(value).name = proto.output(i);
      if (!proto.output(i).empty() && !values_.emplace(proto.output(i), value).second) {
        return InvalidFile(fmt::format("two nodes compute {}", proto.output(i)));
      }
    }
    return {};
  }

  const pb::ModelProto& model_;
  TensorReader& tensors_;
  const ReadOptions& options_;
  ir::Graph graph_;
  std::unordered_map<std::string, ValueId> values_;
  std::unordered_map<std::string, TensorType> known_;
  std::unordered_set<std::string> made_;                                        // by any node
  std::unordered_map<std::string, std::shared_ptr<const ir::Origin>> origins_;  // by node name
  std::size_t external_tensors_ = 0;
};

}  // namespace

Result<ReadModel> Read(const std::filesystem::path& path, const ReadOptions& options) {
  // Only while it is parsed.
  const auto file = OCTAVO_TRY(MappedFile::Open(path, MappedFile::Needed::kBriefly));
  pb::ModelProto model = OCTAVO_TRY(ParseModel(file->bytes()));
  ReadModel read;
  read.files = DataFiles(model, path);
  read.files.push_back(file->id());
  TensorReader tensors(path, options.external_data, options.needed);
  if (options.qoperators_as_qdq) OCTAVO_TRY(WriteQOperators(model, tensors));
  Reader reader(model, tensors, options);
  read.graph = OCTAVO_TRY(reader.Graph());
  read.external_tensors = reader.external_tensors();
  for (const auto* values : {&model.graph().input(), &model.graph().output()}) {
    for (const pb::ValueInfoProto& info : *values) {
      const int element = info.type().tensor_type().elem_type();
      if (element != 0 && ElementType(element) == DType::kUnknown)
        read.other_types[info.name()] = OnnxTypeName(element);
    }
  }
  read.producer = model.producer_name();
  if (!model.producer_version().empty()) read.producer += " " + model.producer_version();
  read.bytes = file->bytes().size();
  return read;
}

}  // namespace octavo::onnx
