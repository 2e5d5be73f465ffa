#pragma once

#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "octavo/graph.h"

// What printing and parsing of the text form share.

namespace octavo::ir {

// Characters of a name that is written without quotes.
inline bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '/';
}

inline bool IsPlainName(std::string_view name) {
  for (const char c : name) {
    if (!IsNameCharacter(c)) return false;
  }
  return !name.empty();
}

// "aten::relu": names joined by "::".
inline bool IsPlainOperator(std::string_view op) {
  for (std::size_t colons = op.find("::"); colons != std::string_view::npos; colons = op.find("::")) {
    if (!IsPlainName(op.substr(0, colons))) return false;
    op.remove_prefix(colons + 2);
  }
  return IsPlainName(op);
}

inline bool IsNumber(std::string_view name) {
  for (const char c : name) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return !name.empty();
}

// Is an element of this type written as a number?  All others are written as their bytes.
inline bool WrittenAsNumbers(DType dtype) {
  switch (StorageType(dtype)) {
    case DType::kUint8:
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kFloat32:
    case DType::kFloat64:
    case DType::kBool:
      return dtype != DType::kQUint4x2 && dtype != DType::kQUint2x4;
    default:
      return false;
  }
}

inline constexpr std::array<std::pair<PackedWeights::Kind, std::string_view>, 5> kPackedKinds = {{
    {PackedWeights::Kind::kConv, "conv"},
    {PackedWeights::Kind::kConvTranspose, "conv_transpose"},
    {PackedWeights::Kind::kLinear, "linear"},
    {PackedWeights::Kind::kLinearFp16, "linear_fp16"},
    {PackedWeights::Kind::kEmbedding, "embedding"},
}};

}  // namespace octavo::ir
