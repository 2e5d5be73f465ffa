#include "octavo/base/type_names.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace octavo {
namespace {

constexpr std::array<std::string_view, 46> kScalarTypes = {"uint8",
                                                           "int8",
                                                           "int16",
                                                           "int32",
                                                           "int64",
                                                           "float16",
                                                           "float32",
                                                           "float64",
                                                           "complex32",
                                                           "complex64",
                                                           "complex128",
                                                           "bool",
                                                           "qint8",
                                                           "quint8",
                                                           "qint32",
                                                           "bfloat16",
                                                           "quint4x2",
                                                           "quint2x4",
                                                           "bits1x8",
                                                           "bits2x4",
                                                           "bits4x2",
                                                           "bits8",
                                                           "bits16",
                                                           "float8_e5m2",
                                                           "float8_e4m3fn",
                                                           "float8_e5m2fnuz",
                                                           "float8_e4m3fnuz",
                                                           "uint16",
                                                           "uint32",
                                                           "uint64",
                                                           "uint1",
                                                           "uint2",
                                                           "uint3",
                                                           "uint4",
                                                           "uint5",
                                                           "uint6",
                                                           "uint7",
                                                           "int1",
                                                           "int2",
                                                           "int3",
                                                           "int4",
                                                           "int5",
                                                           "int6",
                                                           "int7",
                                                           "float8_e8m0fnu",
                                                           "float4_e2m1fn_x2"};

constexpr std::array<std::string_view, 29> kOnnxTypes = {
    "undefined",      "float32",    "uint8",          "int8",       "uint16",    "int16",
    "int32",          "int64",      "string",         "bool",       "float16",   "float64",
    "uint32",         "uint64",     "complex64",      "complex128", "bfloat16",  "float8e4m3fn",
    "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",      "int4",      "float4e2m1",
    "float8e8m0",     "uint2",      "int2",           "float6e2m3", "float6e3m2"};

template <std::size_t kCount>
std::string NameIn(const std::array<std::string_view, kCount>& names, std::int64_t number) {
  if (number >= 0 && static_cast<std::uint64_t>(number) < kCount) {
    return std::string(names[static_cast<std::size_t>(number)]);
  }
  return fmt::format("unknown (number {})", number);
}

}  // namespace

std::string ScalarTypeName(std::int64_t number) { return NameIn(kScalarTypes, number); }
std::string OnnxTypeName(std::int64_t number) { return NameIn(kOnnxTypes, number); }

}  // namespace octavo
