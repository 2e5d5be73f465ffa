#include "octavo/onnx/read.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

namespace octavo::onnx {
namespace {

namespace pb = ::ONNX_NAMESPACE;
using ir::ValueId;

DType ElementType(int type) {
  switch (type) {
    case pb::TensorProto::UINT8:
      return DType::kUint8;
    case pb::TensorProto::INT8:
      return DType::kInt8;
    case pb::TensorProto::INT16:
      return DType::kInt16;
    case pb::TensorProto::INT32:
      return DType::kInt32;
    case pb::TensorProto::INT64:
      return DType::kInt64;
    case pb::TensorProto::FLOAT16:
      return DType::kFloat16;
    case pb::TensorProto::BFLOAT16:
      return DType::kBFloat16;
    case pb::TensorProto::FLOAT:
      return DType::kFloat32;
    case pb::TensorProto::DOUBLE:
      return DType::kFloat64;
    case pb::TensorProto::BOOL:
      return DType::kBool;
    case pb::TensorProto::COMPLEX64:
      return DType::kComplex64;
    case pb::TensorProto::COMPLEX128:
      return DType::kComplex128;
    default:
      return DType::kUnknown;
  }
}

TensorType Type(const pb::TypeProto& proto) {
  TensorType type;
  if (!proto.has_tensor_type()) return type;
  const auto& tensor = proto.tensor_type();
  type.dtype = ElementType(tensor.elem_type());
  if (!tensor.has_shape()) return type;
  Shape shape;
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value()) {
      shape.emplace_back(dim.dim_value());
    } else {
      shape.push_back(dim.has_dim_param() && !dim.dim_param().empty() ? Dim::Symbol(dim.dim_param())
                                                                      : Dim::Unknown());
    }
  }
  type.shape = std::move(shape);
  return type;
}

// The product of the sizes, or nullopt if one is negative or it passes what a protobuf file can hold.
std::optional<std::uint64_t> Elements(const pb::TensorProto& proto) {
  std::uint64_t elements = 1;
  for (const std::int64_t size : proto.dims()) {
    if (size < 0) return std::nullopt;
    if (size > 0 && elements > std::uint64_t{std::numeric_limits<std::int64_t>::max()} /
                                   static_cast<std::uint64_t>(size)) {
      return std::nullopt;
    }
    elements *= static_cast<std::uint64_t>(size);
  }
  return elements;
}

template <typename T, typename Field>
std::vector<std::byte> Packed(const Field& field) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(field.size()) * sizeof(T));
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof value);
  }
  return bytes;
}

// The elements as they lie in memory; the message has one field for each group of types, or raw bytes.
std::vector<std::byte> ElementBytes(const pb::TensorProto& proto, DType dtype) {
  if (proto.has_raw_data()) {
    const auto bytes = std::as_bytes(std::span(proto.raw_data()));
    return {bytes.begin(), bytes.end()};
  }
  switch (dtype) {
    case DType::kFloat32:
      return Packed<float>(proto.float_data());
    case DType::kFloat64:
      return Packed<double>(proto.double_data());
    case DType::kInt64:
      return Packed<std::int64_t>(proto.int64_data());
    case DType::kInt32:
      return Packed<std::int32_t>(proto.int32_data());
    case DType::kInt16:
    case DType::kFloat16:
    case DType::kBFloat16:
      return Packed<std::uint16_t>(proto.int32_data());
    case DType::kUint8:
    case DType::kInt8:
    case DType::kBool:
      return Packed<std::uint8_t>(proto.int32_data());
    default:
      return {};
  }
}

bool IsExternal(const pb::TensorProto& proto) { return proto.data_location() == pb::TensorProto::EXTERNAL; }

Result<Tensor> Constant(const pb::TensorProto& proto) {
  const DType dtype = ElementType(proto.data_type());
  const auto elements = Elements(proto);
  if (dtype == DType::kUnknown || !elements) {
    return InvalidFile(fmt::format("the tensor {} has a type or size that cannot be", proto.name()));
  }
  std::vector<std::byte> bytes = ElementBytes(proto, dtype);
  if (bytes.size() != *elements * ElementSize(dtype)) {
    return InvalidFile(fmt::format("the tensor {} has {} bytes of data for {} elements of {}", proto.name(),
                                   bytes.size(), *elements, Name(dtype)));
  }
  return Tensor::FromBytes(dtype, {proto.dims().begin(), proto.dims().end()}, std::move(bytes));
}

Result<ir::Operand> Attribute(const pb::AttributeProto& proto) {
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
      return ir::Operand(OCTAVO_TRY(Constant(proto.t())));
    case pb::AttributeProto::FLOATS:
      return ir::Operand(std::vector<double>(proto.floats().begin(), proto.floats().end()));
    case pb::AttributeProto::INTS:
      return ir::Operand(std::vector<Dim>(proto.ints().begin(), proto.ints().end()));
    case pb::AttributeProto::STRINGS:
      return ir::Operand(std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
    default:
      return ir::Operand(ir::None{});  // a subgraph, or a kind that the standard added later
  }
}

class Reader {
 public:
  explicit Reader(const pb::ModelProto& model) : model_(model) {}

  Result<ir::Graph> Graph() {
    const pb::GraphProto& proto = model_.graph();
    graph_.name = proto.name();
    graph_.doc = proto.doc_string();
    for (const auto& opset : model_.opset_import())
      graph_.opsets[opset.domain()] = static_cast<int>(opset.version());
    for (const auto& entry : model_.metadata_props()) graph_.metadata[entry.key()] = entry.value();
    for (const auto& info : proto.value_info()) known_.emplace(info.name(), Type(info.type()));
    for (const auto& info : proto.output()) known_.emplace(info.name(), Type(info.type()));
    for (const auto& initializer : proto.initializer()) OCTAVO_TRY(AddInitializer(initializer));
    for (const auto& input : proto.input()) {
      // Old files list initializers as inputs, too.
      if (values_.contains(input.name())) continue;
      values_[input.name()] = graph_.AddInput(input.name(), Type(input.type()));
    }
    for (const auto& node : proto.node()) OCTAVO_TRY(AddNode(node));
    for (const auto& output : proto.output()) {
      const auto at = values_.find(output.name());
      if (at == values_.end()) return InvalidFile(fmt::format("nothing makes the output {}", output.name()));
      graph_.AddOutput(output.name(), at->second);
    }
    return std::move(graph_);
  }

 private:
  Status AddInitializer(const pb::TensorProto& proto) {
    if (values_.contains(proto.name()))
      return InvalidFile(fmt::format("the tensor {} is there twice", proto.name()));
    if (IsExternal(proto)) {
      TensorType type{.dtype = ElementType(proto.data_type()),
                      .shape = Shape(proto.dims().begin(), proto.dims().end())};
      values_[proto.name()] = graph_.AddInput(proto.name(), std::move(type));
      return {};
    }
    values_[proto.name()] = graph_.AddConstant(OCTAVO_TRY(Constant(proto)), proto.name());
    return {};
  }

  Status AddNode(const pb::NodeProto& proto) {
    std::vector<ir::Argument> arguments;
    for (const std::string& name : proto.input()) {
      if (name.empty()) {
        arguments.push_back({.name = {}, .value = ir::None{}});
        continue;
      }
      const auto at = values_.find(name);
      if (at == values_.end()) {
        return InvalidFile(fmt::format("node {} ({}) reads {}, which nothing before it makes", proto.name(),
                                       proto.op_type(), name));
      }
      arguments.push_back({.name = {}, .value = at->second});
    }
    for (const auto& attribute : proto.attribute()) {
      ir::Operand value = OCTAVO_TRY(Attribute(attribute));
      arguments.push_back({.name = attribute.name(), .value = std::move(value)});
    }
    std::vector<TensorType> types;
    for (const std::string& name : proto.output()) {
      const auto known = known_.find(name);
      types.push_back(known == known_.end() ? TensorType() : known->second);
    }
    const std::string op =
        proto.domain().empty() ? proto.op_type() : fmt::format("{}::{}", proto.domain(), proto.op_type());
    auto origin = std::make_shared<ir::Origin>();
    origin->module_path = proto.name();
    origin->op = op;
    origin->place = proto.doc_string();
    const ir::NodeId id = graph_.AddNode(op, std::move(arguments), std::move(types), std::move(origin));
    graph_.node(id).name = proto.name();
    for (int i = 0; i < proto.output_size(); ++i) {
      const ValueId value = graph_.node(id).outputs[static_cast<std::size_t>(i)];
      graph_.value(value).name = proto.output(i);
      if (!proto.output(i).empty() && !values_.emplace(proto.output(i), value).second) {
        return InvalidFile(fmt::format("two nodes make {}", proto.output(i)));
      }
    }
    return {};
  }

  const pb::ModelProto& model_;
  ir::Graph graph_;
  std::unordered_map<std::string, ValueId> values_;
  std::unordered_map<std::string, TensorType> known_;
};

}  // namespace

Result<ReadModel> Read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return IoError(fmt::format("{} cannot be opened: {}", path.string(), std::strerror(errno)));
  pb::ModelProto model;
  if (!model.ParseFromIstream(&stream) || !model.has_graph()) {
    return InvalidFile("this is no ONNX model, or it ends early", "Write the file again.");
  }
  ReadModel read;
  read.graph = OCTAVO_TRY(Reader(model).Graph());
  read.producer = model.producer_name();
  if (!model.producer_version().empty()) read.producer += " " + model.producer_version();
  std::error_code ignored;
  read.bytes = std::filesystem::file_size(path, ignored);
  return read;
}

}  // namespace octavo::onnx
