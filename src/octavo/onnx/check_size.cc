#include "octavo/onnx/check_size.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/protobuf_scan.h"

namespace octavo::onnx {
namespace {

namespace pb = ::onnx;

using Bytes = std::span<const std::byte>;

// Messages, and the graph that is made of them, may take so much.
constexpr std::uint64_t kBytes = std::uint64_t{48} << 20, kBytesPerFileByte = 95;
// What the graph has for a node (with where it came from), and for an operand or result.
constexpr std::uint64_t kPerGraphNode = 700, kPerOperand = 250;
// As protobuf's own parser.
constexpr int kMaxDepth = 100;
// Beside the object itself: its place in a list, and the allocator's own bytes.
constexpr std::uint64_t kPerObject = 24;

enum class Kind : std::uint8_t {
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSparseTensor,
  kValueInfo,
  kType,
  kTensorType,
  kShape,
  kDimension,
  kEntry,
  kOpset,
  kFunction,
  kTraining,
  kAnnotation,
  kString,
  kNone,
};

std::uint64_t SizeOf(Kind kind) {
  switch (kind) {
    case Kind::kModel:
      return sizeof(pb::ModelProto);
    case Kind::kGraph:
      return sizeof(pb::GraphProto);
    case Kind::kNode:
      return sizeof(pb::NodeProto) + kPerGraphNode;
    case Kind::kAttribute:
      return sizeof(pb::AttributeProto);
    case Kind::kTensor:
      return sizeof(pb::TensorProto);
    case Kind::kSparseTensor:
      return sizeof(pb::SparseTensorProto);
    case Kind::kValueInfo:
      return sizeof(pb::ValueInfoProto);
    case Kind::kType:
      return sizeof(pb::TypeProto);
    case Kind::kTensorType:
      return sizeof(pb::TypeProto_Tensor);
    case Kind::kShape:
      return sizeof(pb::TensorShapeProto);
    case Kind::kDimension:
      return sizeof(pb::TensorShapeProto_Dimension);
    case Kind::kEntry:
      return sizeof(pb::StringStringEntryProto);
    case Kind::kOpset:
      return sizeof(pb::OperatorSetIdProto);
    case Kind::kFunction:
      return sizeof(pb::FunctionProto);
    case Kind::kTraining:
      return sizeof(pb::TrainingInfoProto);
    case Kind::kAnnotation:
      return sizeof(pb::TensorAnnotation);
    case Kind::kString:
      return sizeof(std::string) + kPerOperand;
    case Kind::kNone:
      return 0;
  }
  return 0;
}

// What a field of a message holds: numbers of fields by onnx.proto.
Kind FieldOf(Kind kind, std::uint32_t field) {
  switch (kind) {
    case Kind::kModel:
      if (field == 7) return Kind::kGraph;
      if (field == 8) return Kind::kOpset;
      if (field == 14) return Kind::kEntry;
      if (field == 20) return Kind::kTraining;
      return field == 25 ? Kind::kFunction : Kind::kNone;
    case Kind::kGraph:
      if (field == 1) return Kind::kNode;
      if (field == 5) return Kind::kTensor;
      if (field >= 11 && field <= 13) return Kind::kValueInfo;
      if (field == 14) return Kind::kAnnotation;
      if (field == 15) return Kind::kSparseTensor;
      return field == 16 ? Kind::kEntry : Kind::kNone;
    case Kind::kNode:
      if (field == 1 || field == 2) return Kind::kString;
      if (field == 5) return Kind::kAttribute;
      return field == 9 ? Kind::kEntry : Kind::kNone;
    case Kind::kAttribute:
      if (field == 5 || field == 10) return Kind::kTensor;
      if (field == 6 || field == 11) return Kind::kGraph;
      if (field == 9) return Kind::kString;
      if (field == 14 || field == 15) return Kind::kType;
      return field == 22 || field == 23 ? Kind::kSparseTensor : Kind::kNone;
    case Kind::kTensor:
      if (field == 6) return Kind::kString;
      return field == 13 || field == 16 ? Kind::kEntry : Kind::kNone;
    case Kind::kSparseTensor:
      return field == 1 || field == 2 ? Kind::kTensor : Kind::kNone;
    case Kind::kValueInfo:
      if (field == 2) return Kind::kType;
      return field == 4 ? Kind::kEntry : Kind::kNone;
    case Kind::kType:
      return field == 1 || field == 4 || field == 5 || field == 8 || field == 9 ? Kind::kTensorType
                                                                                : Kind::kNone;
    case Kind::kTensorType:
      // A sequence's, map's or optional's element is a type in the first or second field.
      if (field == 1) return Kind::kType;
      return field == 2 ? Kind::kShape : Kind::kNone;
    case Kind::kShape:
      return field == 1 ? Kind::kDimension : Kind::kNone;
    case Kind::kAnnotation:
      return field == 2 ? Kind::kEntry : Kind::kNone;
    case Kind::kTraining:
      if (field == 1 || field == 2) return Kind::kGraph;
      return field == 3 || field == 4 ? Kind::kEntry : Kind::kNone;
    case Kind::kFunction:
      if (field >= 4 && field <= 6) return Kind::kString;
      if (field == 7) return Kind::kNode;
      if (field == 9) return Kind::kOpset;
      if (field == 11) return Kind::kAttribute;
      if (field == 12) return Kind::kValueInfo;
      return field == 14 ? Kind::kEntry : Kind::kNone;
    default:
      return Kind::kNone;
  }
}

// The field that a message of the graph must have, and what the message is called.
struct Required {
  std::uint32_t field;
  std::string_view message, lacks;
};
const Required* RequiredOf(Kind kind) {
  static constexpr Required kNode = {4, "a node", "operator type"};
  static constexpr Required kAttribute = {1, "an attribute", "name"};
  static constexpr Required kValueInfo = {1, "a value", "name"};
  if (kind == Kind::kNode) return &kNode;
  if (kind == Kind::kAttribute) return &kAttribute;
  return kind == Kind::kValueInfo ? &kValueInfo : nullptr;
}

class Checker {
 public:
  explicit Checker(std::size_t file_bytes)
      : most_(kBytes + kBytesPerFileByte * file_bytes), file_(file_bytes) {}

  // `cut`: the file ends before the message does.
  Status Check(Bytes bytes, Kind kind, int depth, bool cut) {
    if (depth > kMaxDepth) return {};
    const Required* required = RequiredOf(kind);
    bool has_required = false;
    ProtobufScan scan(bytes);
    while (const auto field = scan.Next()) {
      if (field->wire != ProtobufScan::kLength) continue;
      if (required != nullptr && field->number == required->field) has_required = !field->content.empty();
      const Kind inner = FieldOf(kind, field->number);
      if (inner == Kind::kNone) continue;
      // Stored tensors of the graph go by name.
      if (kind == Kind::kGraph && inner == Kind::kTensor)
        OCTAVO_TRY(CheckNamed(field->content, cut || field->cut));
      bytes_ += SizeOf(inner) + kPerObject;
      if (bytes_ > most_) {
        return InvalidFile(fmt::format("the ONNX file has {} bytes, but its messages would take more than {} "
                                       "bytes of memory",
                                       file_, most_),
                           "No exporter writes so many empty messages: the file is damaged or hostile.");
      }
      if (inner != Kind::kString) OCTAVO_TRY(Check(field->content, inner, depth + 1, cut || field->cut));
    }
    if (required != nullptr && !has_required && !cut && !scan.broken() && !scan.truncated()) {
      return InvalidFile(fmt::format("{} of the graph has no {}", required->message, required->lacks),
                         "Export or download the file again.");
    }
    return {};
  }

 private:
  static Status CheckNamed(Bytes tensor, bool cut) {
    constexpr std::uint32_t kName = 8;
    ProtobufScan scan(tensor);
    while (const auto field = scan.Next()) {
      if (field->number == kName && field->wire == ProtobufScan::kLength && !field->content.empty())
        return {};
    }
    if (cut || scan.broken() || scan.truncated()) return {};
    return InvalidFile("a stored tensor of the graph has no name", "Export or download the file again.");
  }

  std::uint64_t bytes_ = 0;
  const std::uint64_t most_;
  const std::size_t file_;
};

}  // namespace

Status CheckSize(Bytes bytes) { return Checker(bytes.size()).Check(bytes, Kind::kModel, 0, false); }

}  // namespace octavo::onnx
