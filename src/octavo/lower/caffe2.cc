#include <algorithm>

#include <fmt/format.h>

#include "octavo/emit.h"

namespace octavo {
namespace {

Status CheckCaffe2Type(const TensorType& type) {
  if (!type.quantized()) return {};
  if (type.dtype != DType::kQUint8) {
    return Unsupported(
        fmt::format("the caffe2 dialect supports quint8 activations only, not {}", type.ToString()),
        "Quantize the activations as quint8 (the qnnpack configuration does), or use --dialect qdq.");
  }
  if (!type.quantization->per_tensor()) {
    return Unsupported(
        fmt::format("the caffe2 dialect supports per-tensor activations only, not {}", type.ToString()),
        "Quantize the activations per-tensor, or use --dialect qdq.");
  }
  return {};
}

Value Int8Transpose(Builder& g, Value x, const std::vector<int>& axes) {
  TensorType type = x.type();
  if (type.shape && type.shape->size() == axes.size()) {
    Shape shape;
    for (const int axis : axes) shape.push_back((*type.shape)[static_cast<std::size_t>(axis)]);
    type.shape = std::move(shape);
  }
  return Int8(g, "Int8Transpose", {x}, type, {{"axes", axes}});
}

}  // namespace

Value Int8(Builder& g, std::string_view op, const std::vector<Value>& inputs, const TensorType& type,
           Attributes attributes) {
  if (type.quantized()) {
    attributes.Set("Y_scale", static_cast<float>(type.quantization->scale()));
    attributes.Set("Y_zero_point", type.quantization->zero_point());
  }
  // The former exporter wrote them in this order.
  std::vector<Attributes::Entry> sorted = attributes.entries();
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  Attributes ordered;
  for (Attributes::Entry& entry : sorted) ordered.Set(entry.name, std::move(entry.value));
  return g.As(g.Op(fmt::format("{}::{}", kCaffe2Domain, op), inputs, ordered), type);
}

Value Nhwc(Builder& g, Value x) { return Int8Transpose(g, x, {0, 2, 3, 1}); }
Value Nchw(Builder& g, Value x) { return Int8Transpose(g, x, {0, 3, 1, 2}); }

Value Caffe2Dequantize(Builder& g, Value x) {
  if (!x.quantized()) return x;
  TensorType type = x.type();
  type.dtype = DType::kFloat32;
  type.quantization.reset();
  return Int8(g, "Int8Dequantize", {x}, type);
}

Result<Value> Caffe2Quantize(Builder& g, Value x, const TensorType& type) {
  OCTAVO_TRY(CheckCaffe2Type(type));
  return Int8(g, "Int8Quantize", {x}, type);
}

Status CheckCaffe2Types(const Arguments& a) {
  for (const ir::Operand& operand : a.values()) {
    if (const auto* id = std::get_if<ir::ValueId>(&operand)) {
      OCTAVO_TRY(CheckCaffe2Type(a.graph().type(*id)));
    } else if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
      for (const ir::ValueId item : *list) {
        if (item.valid()) OCTAVO_TRY(CheckCaffe2Type(a.graph().type(item)));
      }
    }
  }
  for (const TensorType& type : a.results()) OCTAVO_TRY(CheckCaffe2Type(type));
  return {};
}

}  // namespace octavo
