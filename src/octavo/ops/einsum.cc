#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/ops/arithmetic.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/movement.h"
#include "octavo/row.h"

namespace octavo {
namespace {

struct Equation {
  std::vector<std::string> inputs;  // the letters of each operand
  std::string output;

  // As ONNX takes it, without spaces and with the output stated.
  std::string Text() const { return fmt::format("{}->{}", fmt::join(inputs, ","), output); }
};

Error Malformed(const std::string& text) {
  return Unsupported(fmt::format("the equation \"{}\" is not valid", text));
}

// Letters alone; "..." is refused, since ONNX and PyTorch align it in different ways.
Result<Equation> Parse(const std::string& text) {
  Equation equation;
  std::string* part = &equation.inputs.emplace_back();
  bool has_output = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (c == '.') {
      return Unsupported(fmt::format("the ellipsis in the equation \"{}\" is not supported", text),
                         "Write a letter for each dimension.");
    }
    if (c == ',' && !has_output) {
      part = &equation.inputs.emplace_back();
    } else if (c == '-' && !has_output && i + 1 < text.size() && text[i + 1] == '>') {
      ++i;
      has_output = true;
      part = &equation.output;
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      *part += c;
    } else {
      return Malformed(text);
    }
  }
  if (has_output) return equation;
  // What appears once, in alphabetical order, upper case first.
  std::map<char, int> uses;
  for (const std::string& input : equation.inputs) {
    for (const char c : input) ++uses[c];
  }
  for (const auto& [letter, count] : uses) {
    if (count == 1) equation.output += letter;
  }
  return equation;
}

Result<std::optional<Shape>> ResultShape(const Equation& equation, const std::vector<Value>& tensors,
                                         const std::string& text) {
  std::map<char, Dim> sizes;
  bool complete = true;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::optional<Shape>& shape = tensors[i].shape();
    if (!shape) {
      complete = false;
      continue;
    }
    if (shape->size() != equation.inputs[i].size()) {
      return Unsupported(fmt::format("the equation \"{}\" does not fit operand {}, which has rank {}", text,
                                     i + 1, shape->size()));
    }
    for (std::size_t k = 0; k < shape->size(); ++k) {
      const auto [at, added] = sizes.try_emplace(equation.inputs[i][k], (*shape)[k]);
      if (added) continue;
      if (Dim::Equal(at->second, (*shape)[k]) == false) {
        return Unsupported(
            fmt::format("dimension {} of the equation \"{}\" has different sizes", at->first, text));
      }
    }
  }
  Shape result;
  std::string seen;
  for (const char c : equation.output) {
    const bool in_inputs =
        std::any_of(equation.inputs.begin(), equation.inputs.end(),
                    [c](const std::string& input) { return input.find(c) != std::string::npos; });
    if (!in_inputs || seen.find(c) != std::string::npos) return Malformed(text);
    seen += c;
    if (complete) result.push_back(sizes.at(c));
  }
  return complete ? std::optional<Shape>(std::move(result)) : std::nullopt;
}

Result<std::vector<TensorType>> EinsumType(const Arguments& a) {
  const std::string& text = a.text("equation");
  const Equation equation = OCTAVO_TRY(Parse(text));
  const std::vector<Value> tensors = a.tensors("tensors");
  if (tensors.size() != equation.inputs.size()) return Malformed(text);
  TensorType type;
  for (const Value& x : tensors) {
    if (x.quantized())
      return Unsupported("einsum of quantized tensors is not supported", "Call .dequantize() on them first.");
    const DType dtype = KnownDType(x.dtype());
    if (type.dtype != DType::kUnknown && type.dtype != dtype)
      return Unsupported("einsum of tensors of different dtypes is not supported");
    type.dtype = dtype;
  }
  OCTAVO_TRY(CheckArithmetic(type.dtype));
  type.shape = OCTAVO_TRY(ResultShape(equation, tensors, text));
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitEinsum(Builder& g, const Arguments& a) {
  if (g.opset() < 12)
    return Unsupported("the caffe2 dialect (opset 9) has no Einsum operator", "Use --dialect qdq.");
  const Equation equation = OCTAVO_TRY(Parse(a.text("equation")));
  return One(g.Op("Einsum", a.tensors("tensors"), {{"equation", equation.Text()}}));
}

}  // namespace

void RegisterEinsum(Registry& registry) {
  registry.Add({.name = "aten::einsum",
                .arguments = {arg::String("equation"), arg::Tensors("tensors"),
                              arg::KeywordOnly(arg::OptionalInts("path"))},
                .result = EinsumType,
                .qdq = EmitEinsum,
                .caffe2 = EmitEinsum});
}

}  // namespace octavo
