#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "octavo/base/protobuf_scan.h"
#include "octavo/driver/audit.h"

namespace octavo::driver {
namespace {

using Bytes = std::span<const std::byte>;
using Field = ProtobufScan::Field;

std::string_view FieldText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An ONNX file by its fields, without protobuf's rules for repeated ones.
class OnnxAudit {
 public:
  OnnxAudit(const std::filesystem::path& path, Audit& audit) : path_(path), audit_(audit) {}

  void Model(Bytes bytes) {
    static constexpr std::array<std::uint32_t, 7> kSingle = {1, 2, 3, 4, 5, 6, 7};
    std::map<std::string, int> opsets;
    Fields(bytes, "the model", kSingle, [&](const Field& field) {
      if (field.number == 7) Graph(field.content, 0);
      if (field.number == 20) Training(field.content);
      if (field.number == 25) Function(field.content);
      if (field.number == 8 && ++opsets[Domain(field.content)] == 2) {
        Add("the model",
            fmt::format("states the version of the operators of \"{}\" twice", Domain(field.content)));
      }
    });
  }

 private:
  void Add(std::string_view where, std::string what) { audit_.Add(std::string(where), std::move(what)); }

  // `single`: fields that a message has once; readers keep the last one, or join messages.
  template <typename Visit>
  void Fields(Bytes bytes, std::string_view where, std::span<const std::uint32_t> single,
              const Visit& visit) {
    std::set<std::uint32_t> seen, told;
    ProtobufScan scan(bytes);
    while (const auto field = scan.Next()) {
      if (std::ranges::find(single, field->number) != single.end() && !seen.insert(field->number).second &&
          told.insert(field->number).second) {
        Add(where, fmt::format("has field {} twice, of which readers may take either", field->number));
      }
      visit(*field);
    }
    if (scan.broken() || scan.truncated()) Add(where, "is damaged");
  }

  // Of OperatorSetIdProto.
  static std::string Domain(Bytes bytes) {
    std::string domain;
    ProtobufScan scan(bytes);
    while (const auto field = scan.Next()) {
      if (field->number == 1) domain = FieldText(field->content);
    }
    return domain == "ai.onnx" ? "" : domain;
  }

  void Graph(Bytes bytes, int depth) {
    static constexpr std::array<std::uint32_t, 2> kSingle = {2, 10};
    if (depth > kDeepest) return;
    Fields(bytes, "the graph", kSingle, [&](const Field& field) {
      if (field.number == 1) Node(field.content, depth);
      if (field.number == 5) Tensor(field.content);
      if (field.number == 15) SparseTensor(field.content);
    });
  }

  void Function(Bytes bytes) {
    Fields(bytes, "a function", {}, [&](const Field& field) {
      if (field.number == 7) Node(field.content, 0);
      // attribute_proto, the defaults of attributes.
      if (field.number == 11) Attribute(field.content, "a function", 0);
    });
  }

  // Of TrainingInfoProto: the initialization and the algorithm.
  void Training(Bytes bytes) {
    static constexpr std::array<std::uint32_t, 2> kSingle = {1, 2};
    Fields(bytes, "the training information", kSingle, [&](const Field& field) {
      if (field.number == 1 || field.number == 2) Graph(field.content, 0);
    });
  }

  void Node(Bytes bytes, int depth) {
    static constexpr std::array<std::uint32_t, 4> kSingle = {3, 4, 6, 7};
    std::string name, op, domain;
    ProtobufScan scan(bytes);
    while (const auto field = scan.Next()) {
      if (field->number == 3) name = FieldText(field->content);
      if (field->number == 4) op = FieldText(field->content);
      if (field->number == 7) domain = FieldText(field->content);
    }
    const std::string where = fmt::format("node {} ({})", name.empty() ? "without a name" : name, op);
    // What ONNX Runtime's own and its extensions' operators do beyond computing.
    if (op == "PythonOp" || op == "PythonOpGrad" || op == "PyOp" || domain == "pyopmulti") {
      Add(where, "runs Python code that the program has registered at run time");
    } else if (op == "EPContext") {
      Add(where, "loads compiled code, which may be in another file, when the model is loaded");
    } else if (domain == "org.pytorch.aten" && op == "ATen") {
      Add(where, "calls an operator of PyTorch by its name at run time");
    }
    Fields(bytes, where, kSingle, [&](const Field& field) {
      if (field.number == 5) Attribute(field.content, where, depth);
    });
  }

  void Attribute(Bytes bytes, std::string_view where, int depth) {
    static constexpr std::array<std::uint32_t, 7> kSingle = {1, 2, 3, 4, 5, 6, 20};
    Fields(bytes, where, kSingle, [&](const Field& field) {
      if (field.number == 5 || field.number == 10) Tensor(field.content);
      if (field.number == 6 || field.number == 11) Graph(field.content, depth + 1);
      if (field.number == 22 || field.number == 23) SparseTensor(field.content);
    });
  }

  void SparseTensor(Bytes bytes) {
    Fields(bytes, "a sparse tensor", {}, [&](const Field& field) {
      if (field.number == 1 || field.number == 2) Tensor(field.content);
    });
  }

  void Tensor(Bytes bytes) {
    static constexpr std::array<std::uint32_t, 4> kSingle = {2, 8, 9, 14};
    static constexpr std::array<std::uint32_t, 6> kData = {4, 5, 6, 7, 10, 11};
    std::string name;
    ProtobufScan names(bytes);
    while (const auto field = names.Next()) {
      if (field->number == 8) name = FieldText(field->content);
    }
    const std::string where = fmt::format("tensor {}", name.empty() ? "without a name" : name);
    std::map<std::string, std::string> external;
    std::set<std::uint32_t> data;
    bool raw = false;
    Fields(bytes, where, kSingle, [&](const Field& field) {
      raw |= field.number == 9;
      if (std::ranges::find(kData, field.number) != kData.end()) data.insert(field.number);
      if (field.number == 13) External(field.content, where, external);
    });
    if (data.size() + (raw ? 1 : 0) > 1)
      Add(where, "has its numbers in two fields, of which readers may take either");
    if (!external.empty() && (raw || !data.empty()))
      Add(where, "has its numbers in the model and in another file");
    if (const auto location = external.find("location"); location != external.end()) {
      Location(location->second, where);
    }
  }

  void External(Bytes bytes, const std::string& where, std::map<std::string, std::string>& entries) {
    std::string key, value;
    ProtobufScan scan(bytes);
    while (const auto field = scan.Next()) {
      if (field->number == 1) key = FieldText(field->content);
      if (field->number == 2) value = FieldText(field->content);
    }
    if (!entries.emplace(key, value).second) Add(where, fmt::format("states the {} of its data twice", key));
  }

  // A file below the model's folder, or below that of the file which the model's name links to.
  void Location(const std::string& location, const std::string& where) {
    const std::filesystem::path file = location;
    const bool parent = std::ranges::any_of(file, [](const auto& part) { return part == ".."; });
    if (file.is_absolute() || parent || location.find('\\') != std::string::npos) {
      Add(where, fmt::format("reads {}, outside of the model's folder, when the model is loaded", location));
      return;
    }
    std::error_code error;
    const auto folder = [&error](const std::filesystem::path& of) {
      return std::filesystem::weakly_canonical(of, error).string() + "/";
    };
    const std::filesystem::path beside = path_.has_parent_path() ? path_.parent_path() : ".";
    const std::string target = std::filesystem::weakly_canonical(beside / file, error).string();
    const std::string real = folder(std::filesystem::weakly_canonical(path_, error).parent_path());
    if (!error && !target.starts_with(folder(beside)) && !target.starts_with(real)) {
      Add(where, fmt::format("reads {}, a link to {}, outside of the model's folder", location, target));
    }
  }

  static constexpr int kDeepest = 64;

  const std::filesystem::path& path_;
  Audit& audit_;
};

}  // namespace

void AuditOnnx(std::span<const std::byte> bytes, const std::filesystem::path& path, Audit& audit) {
  OnnxAudit(path, audit).Model(bytes);
}

}  // namespace octavo::driver
