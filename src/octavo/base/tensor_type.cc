#include <array>

#include <fmt/format.h>

#include "octavo/tensor.h"

namespace octavo {
namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  int scalar_type;  // c10::ScalarType
  std::size_t size;
};

// PyTorch's models are not read with the last five.
constexpr int kNotRead = -1;
constexpr std::array<DTypeInfo, 23> kDTypes = {{
    {DType::kUint8, "uint8", 0, 1},
    {DType::kInt8, "int8", 1, 1},
    {DType::kInt16, "int16", 2, 2},
    {DType::kInt32, "int32", 3, 4},
    {DType::kInt64, "int64", 4, 8},
    {DType::kFloat16, "float16", 5, 2},
    {DType::kFloat32, "float32", 6, 4},
    {DType::kFloat64, "float64", 7, 8},
    {DType::kComplex32, "complex32", 8, 4},
    {DType::kComplex64, "complex64", 9, 8},
    {DType::kComplex128, "complex128", 10, 16},
    {DType::kBool, "bool", 11, 1},
    {DType::kQInt8, "qint8", 12, 1},
    {DType::kQUint8, "quint8", 13, 1},
    {DType::kQInt32, "qint32", 14, 4},
    {DType::kBFloat16, "bfloat16", 15, 2},
    {DType::kQUint4x2, "quint4x2", 16, 1},
    {DType::kQUint2x4, "quint2x4", 17, 1},
    {DType::kUint16, "uint16", kNotRead, 2},
    {DType::kUint32, "uint32", kNotRead, 4},
    {DType::kUint64, "uint64", kNotRead, 8},
    {DType::kInt4, "int4", kNotRead, 1},
    {DType::kUint4, "uint4", kNotRead, 1},
}};

const DTypeInfo* Find(DType dtype) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.dtype == dtype) return &info;
  }
  return nullptr;
}

}  // namespace

std::string_view Name(DType dtype) {
  const DTypeInfo* info = Find(dtype);
  return info ? info->name : "?";
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name) return info.dtype;
  }
  return std::nullopt;
}

int ScalarTypeNumber(DType dtype) {
  const DTypeInfo* info = Find(dtype);
  return info ? info->scalar_type : -1;
}

std::optional<DType> DTypeFromScalarType(std::int64_t number) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.scalar_type == number && number != kNotRead) return info.dtype;
  }
  return std::nullopt;
}

bool IsQuantized(DType dtype) {
  return dtype == DType::kQUint8 || dtype == DType::kQInt8 || dtype == DType::kQInt32 ||
         dtype == DType::kQUint4x2 || dtype == DType::kQUint2x4;
}

bool IsFloat(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 ||
         dtype == DType::kBFloat16;
}

bool IsInteger(DType dtype) {
  return dtype == DType::kUint8 || dtype == DType::kInt8 || dtype == DType::kInt16 ||
         dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kUint16 ||
         dtype == DType::kUint32 || dtype == DType::kUint64 || dtype == DType::kInt4 ||
         dtype == DType::kUint4;
}

std::size_t ElementSize(DType dtype) {
  const DTypeInfo* info = Find(dtype);
  return info ? info->size : 1;
}

DType StorageType(DType dtype) {
  switch (dtype) {
    case DType::kQUint8:
    case DType::kQUint4x2:
    case DType::kQUint2x4:
      return DType::kUint8;
    case DType::kQInt8:
      return DType::kInt8;
    case DType::kQInt32:
      return DType::kInt32;
    default:
      return dtype;
  }
}

std::string TensorType::ToString() const {
  if (dtype == DType::kUnknown) return "?";
  std::string out(Name(dtype));
  if (shape) out += octavo::ToString(*shape);
  if (quantization) {
    if (quantization->per_tensor() && !quantization->scales.empty() && !quantization->zero_points.empty()) {
      out += fmt::format("({},{})", quantization->scale(), quantization->zero_point());
    } else {
      out += fmt::format("(axis={},{} scales)", quantization->axis.value_or(0), quantization->scales.size());
    }
  }
  return out;
}

}  // namespace octavo
