#pragma once

#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/bug.h"

// Small models as text, for tests of edits: a part of ONNX's own text form.
//
//   values:  "float[2,?,3] x, float y, int64[2] k = {1, -2}"        an input, or a constant
//   node:    "y, z = Split <axis = 1, mode = "linear"> (x, , k)"    integers, reals, texts and lists

namespace octavo::onnx {

class ModelText {
 public:
  explicit ModelText(std::string_view text) : text_(text) {}

  void ReadValues(::onnx::GraphProto& graph) {
    while (!AtEnd()) {
      const int type = TypeOf(Word());
      std::vector<std::int64_t> sizes;
      const bool shaped = Take('[');
      while (shaped && !Take(']')) {
        sizes.push_back(Take('?') ? -1 : std::strtoll(Word().c_str(), nullptr, 10));
        Take(',');
      }
      const std::string name = Word();
      if (Take('=')) {
        ReadConstant(graph, name, type, sizes);
      } else {
        ::onnx::ValueInfoProto& input = *graph.add_input();
        input.set_name(name);
        auto& tensor = *input.mutable_type()->mutable_tensor_type();
        tensor.set_elem_type(type);
        if (shaped) tensor.mutable_shape();
        for (const std::int64_t size : sizes) {
          auto& dim = *tensor.mutable_shape()->add_dim();
          if (size >= 0) dim.set_dim_value(size);
        }
      }
      Take(',');
    }
  }

  void ReadNode(::onnx::GraphProto& graph) {
    ::onnx::NodeProto& node = *graph.add_node();
    do {
      node.add_output(Word());
      graph.add_output()->set_name(node.output(node.output_size() - 1));
    } while (Take(','));
    Expect('=');
    node.set_op_type(Word());
    if (Take('<')) {
      do ReadAttribute(*node.add_attribute());
      while (Take(','));
      Expect('>');
    }
    Expect('(');
    while (!Take(')')) {
      node.add_input(Peek() == ',' ? "" : Word());
      Take(',');
    }
  }

 private:
  static int TypeOf(const std::string& name) {
    const std::pair<const char*, int> types[] = {
        {"float", ::onnx::TensorProto::FLOAT},     {"double", ::onnx::TensorProto::DOUBLE},
        {"float16", ::onnx::TensorProto::FLOAT16}, {"int8", ::onnx::TensorProto::INT8},
        {"uint8", ::onnx::TensorProto::UINT8},     {"int32", ::onnx::TensorProto::INT32},
        {"int64", ::onnx::TensorProto::INT64},     {"int16", ::onnx::TensorProto::INT16}};
    for (const auto& [text, type] : types) {
      if (name == text) return type;
    }
    Bug("no such type in a test's model: " + name);
  }

  static void ReadElement(::onnx::TensorProto& tensor, const std::string& text) {
    switch (tensor.data_type()) {
      case ::onnx::TensorProto::FLOAT:
        tensor.add_float_data(std::strtof(text.c_str(), nullptr));
        break;
      case ::onnx::TensorProto::INT64:
        tensor.add_int64_data(std::strtoll(text.c_str(), nullptr, 10));
        break;
      default:
        tensor.add_int32_data(static_cast<std::int32_t>(std::strtoll(text.c_str(), nullptr, 10)));
    }
  }

  void ReadConstant(::onnx::GraphProto& graph, const std::string& name, int type,
                    const std::vector<std::int64_t>& sizes) {
    ::onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t size : sizes) tensor.add_dims(size);
    Expect('{');
    while (!Take('}')) {
      ReadElement(tensor, Word());
      Take(',');
    }
  }

  void ReadAttribute(::onnx::AttributeProto& attribute) {
    attribute.set_name(Word());
    Expect('=');
    if (Take('[')) {
      attribute.set_type(::onnx::AttributeProto::INTS);
      while (!Take(']')) {
        attribute.add_ints(std::strtoll(Word().c_str(), nullptr, 10));
        Take(',');
      }
    } else if (Take('"')) {
      attribute.set_type(::onnx::AttributeProto::STRING);
      attribute.set_s(Take('"') ? std::string() : Word());
      Take('"');
    } else if (const std::string number = Word(); number.find('.') != std::string::npos) {
      attribute.set_type(::onnx::AttributeProto::FLOAT);
      attribute.set_f(std::strtof(number.c_str(), nullptr));
    } else {
      attribute.set_type(::onnx::AttributeProto::INT);
      attribute.set_i(std::strtoll(number.c_str(), nullptr, 10));
    }
  }

  bool AtEnd() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    return at_ == text_.size();
  }
  char Peek() { return AtEnd() ? '\0' : text_[at_]; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void Expect(char c) {
    if (!Take(c)) Bug(fmt::format("a test's model has no {} before {}", c, text_.substr(at_)));
  }
  std::string Word() {
    AtEnd();
    const std::size_t begin = at_;
    constexpr std::string_view kMarks = "_.-+";
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  kMarks.find(text_[at_]) != std::string_view::npos)) {
      ++at_;
    }
    if (at_ == begin) Bug(fmt::format("a test's model has no word before {}", text_.substr(at_)));
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The nodes in that form, one a line, and then the constants that they read.
inline std::string TextOf(const ::onnx::GraphProto& graph) {
  const auto list = [](const auto& values) {
    std::string text;
    for (const auto& value : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", value);
    return text;
  };
  std::string text;
  for (const ::onnx::NodeProto& node : graph.node()) {
    std::string attributes;
    for (const auto& a : node.attribute()) {
      attributes += fmt::format("{}{} = ", attributes.empty() ? "" : ", ", a.name());
      if (a.type() == ::onnx::AttributeProto::INTS) attributes += "[" + list(a.ints()) + "]";
      if (a.type() == ::onnx::AttributeProto::INT) attributes += std::to_string(a.i());
      if (a.type() == ::onnx::AttributeProto::FLOAT) attributes += fmt::format("{:.4}", a.f());
      if (a.type() == ::onnx::AttributeProto::STRING) attributes += "\"" + a.s() + "\"";
    }
    std::string inputs;
    for (int i = 0; i < node.input_size(); ++i) inputs += (i == 0 ? "" : ", ") + node.input(i);
    text += fmt::format("{} = {}{} ({})\n", list(node.output()), node.op_type(),
                        attributes.empty() ? "" : " <" + attributes + ">", inputs);
  }
  for (const ::onnx::TensorProto& tensor : graph.initializer()) {
    std::string elements = list(tensor.int64_data());
    if (elements.empty()) elements = list(tensor.float_data());
    if (elements.empty()) elements = list(tensor.int32_data());
    if (elements.empty()) {
      for (const char byte : tensor.raw_data()) {
        elements += fmt::format("{}{}", elements.empty() ? "" : ", ", static_cast<int>(byte));
      }
    }
    text += fmt::format("{}[{}] = {{{}}}\n", tensor.name(), list(tensor.dims()), elements);
  }
  return text;
}

}  // namespace octavo::onnx
