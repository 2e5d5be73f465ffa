#include "octavo/ir/text.h"

#include <cmath>
#include <cstring>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/ir/origin.h"
#include "octavo/ir/text_words.h"

namespace octavo::ir {
namespace {

// A scale list that is longer than this is left out of a type.
constexpr std::size_t kMaxScales = 32;

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A word as it is, anything else in quotes.
std::string Word(std::string_view text) { return IsPlainName(text) ? std::string(text) : Quoted(text); }

// A name that may not be read as a number.
std::string ArgumentName(std::string_view name) {
  const bool plain =
      IsPlainName(name) && std::isdigit(static_cast<unsigned char>(name.front())) == 0 && name.front() != '.';
  return plain ? std::string(name) : Quoted(name);
}

template <typename Number>
std::string Real(Number value) {
  std::string text = fmt::format("{}", value);
  // "nan" whatever its sign: a sign that must be kept is written as bytes.
  if (std::isnan(value)) return "nan";
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

template <typename List, typename Format>
std::string Listed(const List& items, const Format& format) {
  std::string out = "[";
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    out += format(item);
  }
  return out + "]";
}

std::string Numbers(const std::vector<std::int64_t>& values) {
  return Listed(values, [](std::int64_t v) { return fmt::format("{}", v); });
}

std::string PrintType(const TensorType& type) {
  std::string out(type.dtype == DType::kUnknown ? "?" : Name(type.dtype));
  if (type.shape) out += ToString(*type.shape);
  if (!type.quantization) return out;
  const Quantization& q = *type.quantization;
  if (q.per_tensor() && q.scales.size() == 1 && q.zero_points.size() == 1 && !q.float_zero_points) {
    return out + fmt::format("({},{})", q.scale(), q.zero_point());
  }
  out += "(";
  if (q.axis) out += fmt::format("axis={}, ", *q.axis);
  const auto real = [](double v) { return fmt::format("{}", v); };
  if (q.scales.size() > kMaxScales) return out + fmt::format("... {} scales)", q.scales.size());
  out += "scales=" + Listed(q.scales, real);
  out += q.float_zero_points ? ", float_zero_points=" + Listed(q.float_zeros, real)
                             : ", zero_points=" + Numbers(q.zero_points);
  return out + ")";
}

template <typename Number>
std::string Elements(const std::vector<std::byte>& bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Number)) {
    Number value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if (at != 0) out += ", ";
    if constexpr (std::is_floating_point_v<Number>) {
      out += fmt::format("{}", value);
    } else {
      out += fmt::format("{}", static_cast<std::int64_t>(value));
    }
  }
  return out;
}

// Would Elements lose something: a NaN's other bits, or a bool that is neither 0 nor 1?
bool NeedsBytes(const Tensor& tensor, const std::vector<std::byte>& bytes) {
  if (!WrittenAsNumbers(tensor.dtype)) return true;
  if (tensor.dtype == DType::kBool) {
    for (const std::byte b : bytes) {
      if (b > std::byte{1}) return true;
    }
  }
  if (tensor.dtype == DType::kFloat32 || tensor.dtype == DType::kFloat64) {
    const std::size_t size = ElementSize(tensor.dtype);
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      float f = 0;
      double d = 0;
      if (size == sizeof f) {
        std::memcpy(&f, bytes.data() + at, sizeof f);
      } else {
        std::memcpy(&d, bytes.data() + at, sizeof d);
      }
      if (std::isnan(f) || std::isnan(d)) return true;
    }
  }
  return false;
}

class Printer {
 public:
  Printer(const Graph& graph, const PrintOptions& options) : graph_(graph), options_(options) {}

  std::string Run() {
    if (!graph_.name.empty()) out_ += fmt::format("graph {}\n", Word(graph_.name));
    if (!graph_.doc.empty()) out_ += fmt::format("doc {}\n", Quoted(graph_.doc));
    for (const auto& [domain, version] : graph_.opsets) {
      const std::string word = IsNumber(domain) ? Quoted(domain) : Word(domain);
      out_ +=
          domain.empty() ? fmt::format("opset {}\n", version) : fmt::format("opset {} {}\n", word, version);
    }
    for (const auto& [key, value] : graph_.metadata) {
      out_ += fmt::format("metadata {} {}\n", Word(key), Quoted(value));
    }
    for (std::size_t i = 0; i < graph_.num_values(); ++i) {
      ++names_[graph_.value(ValueId{static_cast<std::int32_t>(i)}).name];
    }
    for (const ValueId input : graph_.inputs()) out_ += fmt::format("input {}\n", Definition(input));
    for (std::size_t i = 0; i < graph_.num_values(); ++i) {
      const ValueId id{static_cast<std::int32_t>(i)};
      if (!graph_.value(id).constant) continue;
      const std::string definition = Reference(id, true);
      out_ += fmt::format("constant {} = {}\n", definition, PrintTensor(*graph_.value(id).constant));
    }
    for (const Node& node : graph_.nodes()) PrintNode(node);
    for (const Output& output : graph_.outputs()) {
      out_ += fmt::format("output {} = {}\n", Word(output.name), Reference(output.value));
    }
    return std::move(out_);
  }

 private:
  // "%conv1.weight" where the name is the value's alone, else "%7", with the name in quotes behind it where
  // the value is made.
  std::string Reference(ValueId id, bool defining = false) {
    if (!id.valid()) return "None";
    if (static_cast<std::size_t>(id.index) >= graph_.num_values()) return fmt::format("%<{}>", id.index);
    const std::string& name = graph_.value(id).name;
    if (IsPlainName(name) && !IsNumber(name) && names_[name] == 1) return "%" + name;
    const auto [at, added] = numbers_.try_emplace(id.index, numbers_.size());
    std::string out = fmt::format("%{}", at->second);
    if (defining && !name.empty()) out += " " + Quoted(name);
    return out;
  }

  std::string Definition(ValueId id) {
    std::string out = Reference(id, true);
    const TensorType& type = graph_.type(id);
    if (type != TensorType()) out += ": " + PrintType(type);
    return out;
  }

  std::string PrintTensor(const Tensor& tensor) const {
    std::string out = PrintType(tensor.type());
    if (static_cast<std::size_t>(tensor.num_elements()) > options_.max_elements) {
      return out + fmt::format("{{... {} bytes}}", tensor.num_bytes());
    }
    const std::vector<std::byte> bytes = tensor.Bytes();
    out += '{';
    if (NeedsBytes(tensor, bytes)) {
      out += "0x";
      for (const std::byte b : bytes) out += fmt::format("{:02x}", static_cast<unsigned>(b));
      return out + "}";
    }
    switch (StorageType(tensor.dtype)) {
      case DType::kInt8:
        out += Elements<std::int8_t>(bytes);
        break;
      case DType::kInt16:
        out += Elements<std::int16_t>(bytes);
        break;
      case DType::kInt32:
        out += Elements<std::int32_t>(bytes);
        break;
      case DType::kInt64:
        out += Elements<std::int64_t>(bytes);
        break;
      case DType::kFloat32:
        out += Elements<float>(bytes);
        break;
      case DType::kFloat64:
        out += Elements<double>(bytes);
        break;
      default:
        out += Elements<std::uint8_t>(bytes);
    }
    return out + "}";
  }

  std::string PrintPacked(const PackedWeights& packed) {
    std::string_view kind;
    for (const auto& [value, text] : kPackedKinds) {
      if (value == packed.kind) kind = text;
    }
    std::string out = fmt::format("packed(kind={}", kind);
    if (packed.spatial_dims != 0) out += fmt::format(", spatial_dims={}", packed.spatial_dims);
    if (!packed.name.empty()) out += fmt::format(", name={}", Quoted(packed.name));
    out += ", weight=" +
           (packed.weight_value.valid() ? Reference(packed.weight_value) : PrintTensor(packed.weight));
    if (packed.bias_value.valid()) {
      out += ", bias=" + Reference(packed.bias_value);
    } else if (packed.bias) {
      out += ", bias=" + PrintTensor(*packed.bias);
    }
    const auto list = [&out](std::string_view name, const std::vector<std::int64_t>& values) {
      if (!values.empty()) out += fmt::format(", {}={}", name, Numbers(values));
    };
    list("stride", packed.stride);
    list("padding", packed.padding);
    list("dilation", packed.dilation);
    list("output_padding", packed.output_padding);
    if (packed.groups != 1) out += fmt::format(", groups={}", packed.groups);
    return out + ")";
  }

  // An empty list says of what it is, "[]" is one of integers.
  std::string PrintOperand(const Operand& operand) {
    struct Visitor {
      Printer& p;
      std::string operator()(const None&) const { return "None"; }
      std::string operator()(ValueId id) const { return p.Reference(id); }
      std::string operator()(const ValueList& v) const {
        return (v.empty() ? "tensors" : "") + Listed(v, [this](ValueId id) { return p.Reference(id); });
      }
      std::string operator()(bool v) const { return v ? "true" : "false"; }
      std::string operator()(const Dim& v) const { return v.ToString(); }
      std::string operator()(double v) const { return Real(v); }
      std::string operator()(const std::string& v) const { return Quoted(v); }
      std::string operator()(const std::vector<Dim>& v) const {
        return Listed(v, [](const Dim& d) { return d.ToString(); });
      }
      std::string operator()(const std::vector<double>& v) const {
        return (v.empty() ? "floats" : "") + Listed(v, Real<double>);
      }
      std::string operator()(const std::vector<bool>& v) const {
        return (v.empty() ? "bools" : "") + Listed(v, [](bool b) { return b ? "true" : "false"; });
      }
      std::string operator()(const std::vector<std::string>& v) const {
        return (v.empty() ? "strings" : "") + Listed(v, [](const std::string& s) { return Quoted(s); });
      }
      std::string operator()(const Tensor& v) const { return p.PrintTensor(v); }
      std::string operator()(const Bytes& v) const { return "bytes " + p.PrintTensor(v.data); }
      std::string operator()(const std::shared_ptr<const PackedWeights>& v) const {
        return v ? p.PrintPacked(*v) : "packed(nothing)";
      }
    };
    return std::visit(Visitor{*this}, operand);
  }

  void PrintNode(const Node& node) {
    // Arguments first: they are made before the outputs and so have the smaller numbers.
    std::string arguments;
    for (const Argument& argument : node.arguments) {
      if (!arguments.empty()) arguments += ", ";
      if (!argument.name.empty()) arguments += ArgumentName(argument.name) + "=";
      arguments += PrintOperand(argument.value);
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      out_ += (i == 0 ? "" : ", ") + Definition(node.outputs[i]);
    }
    // A string may not begin a statement: it would belong to the value before it.
    const bool plain = IsPlainOperator(node.op);
    if (!node.outputs.empty()) out_ += " = ";
    if (node.outputs.empty() && !plain) out_ += "= ";
    out_ += fmt::format("{}({})", plain ? node.op : Quoted(node.op), arguments);
    if (!node.name.empty()) out_ += fmt::format(" name {}", Quoted(node.name));
    if (options_.origins && node.origin) out_ += Comment(*node.origin);
    out_ += '\n';
  }

  // "  # quantized::conv2d, layer1.0.conv1, code/__torch__/net.py:31:10"
  static std::string Comment(const Origin& origin) {
    std::string out;
    for (const std::string& part : {origin.op, origin.module_path, Place(origin)}) {
      if (part.empty()) continue;
      out += out.empty() ? "  # " : ", ";
      for (const char c : part) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out;
  }

  const Graph& graph_;
  const PrintOptions& options_;
  std::string out_;
  std::unordered_map<std::string, int> names_;
  std::unordered_map<std::int32_t, std::size_t> numbers_;
};

}  // namespace

std::string Print(const Graph& graph, const PrintOptions& options) { return Printer(graph, options).Run(); }

}  // namespace octavo::ir
