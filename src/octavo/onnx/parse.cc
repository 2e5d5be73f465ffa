#include "octavo/onnx/parse.h"

#include <algorithm>
#include <cctype>
#include <climits>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>

#include "octavo/base/file_kind.h"
#include "octavo/base/limits.h"
#include "octavo/base/protobuf_scan.h"
#include "octavo/onnx/check_size.h"
#include "octavo/onnx/read_tensor.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

// Why the file cannot be read as protobuf, or has no graph.
Error NotOnnx(std::span<const std::byte> bytes) {
  constexpr std::string_view kAgain = "Export or download the file again.";
  if (bytes.empty()) return InvalidFile("the file is empty", std::string(kAgain));
  const std::optional<FileKind> kind = RecognizeFile(bytes);
  if (kind && kind->id == FileKind::Id::kZip) {
    return InvalidFile(fmt::format("this is {}, not an ONNX model", kind->what),
                       "`octavo export` makes an ONNX model of a TorchScript model.");
  }
  if (kind && kind->id == FileKind::Id::kOther) {
    return InvalidFile(fmt::format("this is {}, not an ONNX model", kind->what), "Give the .onnx file.");
  }
  // protobuf counts a message's bytes in 31 bits.
  if (kind && bytes.size() > INT_MAX) {
    return InvalidFile(
        fmt::format("the ONNX file has {} bytes; files of more than 2 GiB cannot be read", bytes.size()),
        "Save its tensors beside it: onnx.save_model(model, path, save_as_external_data=True)");
  }
  ProtobufScan scan(bytes);
  while (scan.Next()) {
  }
  if (kind && scan.truncated()) {
    return InvalidFile(
        fmt::format("the ONNX file is truncated: it ends after {} bytes, inside a field", bytes.size()),
        std::string(kAgain));
  }
  if (kind) return InvalidFile("the ONNX file is damaged", std::string(kAgain));
  return InvalidFile("the file is not an ONNX model, or it is truncated", std::string(kAgain));
}

// A name may be an expression that Octavo wrote, "2*N + 1"; other texts that are not names say nothing.
Dim OpenSize(const std::string& name) {
  constexpr std::size_t kLongest = 1024;
  const bool identifier = std::ranges::all_of(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; });
  if (identifier && !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])))
    return Dim::Symbol(name);
  if (name.size() > kLongest || name.find('?') != std::string::npos) return Dim::Unknown();
  const std::optional<Dim> expression = Dim::Parse(name);
  return expression && expression->ToString() == name ? *expression : Dim::Unknown();
}

// Of a domain that is stated twice, ONNX Runtime takes the last version; "ai.onnx" is another name of "".
Status KeepLastOpsets(pb::ModelProto& model) {
  auto& imports = *model.mutable_opset_import();
  const auto domain_of = [](const pb::OperatorSetIdProto& import) {
    return import.domain() == "ai.onnx" ? std::string() : import.domain();
  };
  std::map<std::string, std::int64_t> versions;
  for (const auto& import : imports) {
    if (import.version() < 0 || import.version() > INT_MAX)
      return InvalidFile(fmt::format("the model has opset {}, which does not exist", import.version()));
    versions[domain_of(import)] = import.version();
  }
  for (auto& import : imports) import.set_version(versions[domain_of(import)]);
  std::set<std::string> seen;
  imports.erase(std::remove_if(imports.begin(), imports.end(),
                               [&](const auto& import) { return !seen.insert(domain_of(import)).second; }),
                imports.end());
  return {};
}

}  // namespace

TensorType DeclaredType(const pb::TypeProto& proto) {
  TensorType type;
  if (!proto.has_tensor_type()) return type;
  const auto& tensor = proto.tensor_type();
  type.dtype = ElementType(tensor.elem_type());
  if (!tensor.has_shape() || tensor.shape().dim_size() > kMaxRank) return type;
  Shape shape;
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      shape.emplace_back(dim.dim_value());
    } else {
      shape.push_back(dim.has_dim_param() ? OpenSize(dim.dim_param()) : Dim::Unknown());
    }
  }
  type.shape = std::move(shape);
  return type;
}

Result<pb::ModelProto> ParseModel(std::span<const std::byte> bytes) {
  OCTAVO_TRY(CheckSize(bytes));
  pb::ModelProto model;
  if (bytes.size() > INT_MAX || !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !model.has_graph()) {
    return NotOnnx(bytes);
  }
  OCTAVO_TRY(KeepLastOpsets(model));
  return model;
}

int OpsetOf(const pb::ModelProto& model) {
  int opset = 1;  // of a file that says none
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") {
      opset = std::max(opset, static_cast<int>(import.version()));
    }
  }
  return opset;
}

int IrVersion(int opset) {
  struct Release {
    int opset, ir_version;
  };
  static constexpr Release kReleases[] = {{23, 11}, {21, 10}, {19, 9}, {15, 8},
                                          {12, 7},  {11, 6},  {10, 5}, {9, 4}};
  for (const Release& release : kReleases) {
    if (opset >= release.opset) return release.ir_version;
  }
  return 3;
}

}  // namespace octavo::onnx
