#include "octavo/base/file_kind.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/base/protobuf_scan.h"
#include "octavo/base/type_names.h"

namespace octavo {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::StartsWith;

std::string What(const std::string& bytes) {
  const auto kind = RecognizeFile(std::as_bytes(std::span(bytes)));
  return kind ? kind->what : "?";
}

std::string Varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string Length(unsigned number, const std::string& content) {
  return Varint(number << 3 | 2) + Varint(content.size()) + content;
}
std::string Number(unsigned number, std::uint64_t value) { return Varint(number << 3) + Varint(value); }

TEST(FileKind, ByTheFirstBytes) {
  const std::string rest(300, 'x');
  const std::pair<std::string, const char*> files[] = {
      {"", "empty"},
      {"PK\3\4" + rest, "a zip archive"},
      {"\x80\2" + rest, "a Python pickle"},
      {"\x18\0\0\0PTMF"s + rest, "a flatbuffer model of PyTorch's lite interpreter"},
      {"\x18\0\0\0ORTM"s + rest, "a model in ONNX Runtime's own format"},
      {"\x18\0\0\0TFL3"s + rest, "a TensorFlow Lite model"},
      {"\x18\0\0\0ET12"s + rest, "an ExecuTorch program"},
      {"\x89HDF\r\n\x1a\n" + rest, "an HDF5 file"},
      {"\x93NUMPY\1\0"s + rest, "a NumPy array"},
      {"GGUF\3\0\0\0"s + rest, "a GGUF file"},
      {"ptrt" + rest, "a TensorRT engine"},
      {"ftrt" + rest, "a TensorRT engine"},
      {"\x7f"
       "ELF" +
           rest,
       "a compiled library"},
      {"\x1f\x8b\x08" + rest, "a gzip file"},
      {"BZh9" + rest, "a bzip2 file"},
      {"\xfd"
       "7zXZ\0"s +
           rest,
       "an xz file"},
      {"\x28\xb5\x2f\xfd" + rest, "a zstd file"},
      {"7z\xbc\xaf\x27\x1c" + rest, "a 7z archive"},
      {"Rar!\x1a\x07\0"s + rest, "a RAR archive"},
      {rest.substr(0, 257) + "ustar" + rest, "a tar archive"},
      {"\x89PNG\r\n\x1a\n" + rest, "an image"},
      {"\x10\0\0\0\0\0\0\0{\"weight\":{}}   "s, "a safetensors file"},
      {std::string(1000, '\0'), "?"},
      {"\xff\xfe\xfd", "?"},
      {"\xc3"
       "a",
       "?"},
      {"a\x80", "?"},
      {"a\x7f", "?"},
  };
  for (const auto& [bytes, what] : files) EXPECT_THAT(What(bytes), StartsWith(what)) << what;
}

TEST(FileKind, Texts) {
  const std::pair<const char*, const char*> files[] = {
      {"version https://git-lfs.example/spec/v1\noid sha256:00\nsize 12\n", "a Git LFS pointer"},
      {"/annex/objects/MD5E-s12--00.pt\n", "a git-annex pointer"},
      {"outs:\n- md5: 00\n  path: model.pt\n", "a DVC pointer"},
      {"\n <!DOCTYPE html><html><body>404</body></html>", "a web page"},
      {"<HTML>", "a web page"},
      {"<?xml version=\"1.0\"?>\n<net name=\"a\" version=\"11\">", "an OpenVINO model"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML text"},
      {"{\"error\": \"not found\"}", "a JSON text"},
      {"# a model\nimport torch\n", "a Python program"},
      {"\"\"\"A model.\"\"\"\nfrom torch import nn\n", "a Python program"},
      {"class Net(nn.Module):\n", "a Python program"},
      {"7767517\n3 3\nInput in 0 1 in\n", "an ncnn parameter file"},
      {"hello, this is important\n", "a text"},
      {"Gr\xc3\xbc\xc3\x9f"
       "e",
       "a text"},
  };
  for (const auto& [text, what] : files) EXPECT_THAT(What(text), StartsWith(what)) << text;
}

TEST(FileKind, Protobuf) {
  const std::string graph = Length(1, Length(4, "Relu")) + Length(2, "main");
  EXPECT_EQ(What(Number(1, 8) + Length(2, "pytorch") + Length(7, graph) + Length(8, Number(2, 17))),
            "an ONNX model");
  EXPECT_EQ(What(Length(7, graph) + Length(8, Number(2, 17))), "an ONNX model");
  const std::string onnx = Number(1, 8) + Length(7, graph);
  EXPECT_EQ(What(onnx.substr(0, onnx.size() - 3)), "an ONNX model");  // cut short

  const std::string op =
      Length(1, "x") + Length(2, "y") + Length(4, "Conv") + Length(5, Length(1, "kernel") + Number(3, 3));
  EXPECT_THAT(What(Length(1, "net") + Length(2, op) + Length(8, "x")), StartsWith("a net of Caffe2"));
  EXPECT_THAT(What(Length(2, Length(2, "w") + Length(4, "GivenTensorFill"))), StartsWith("a net of Caffe2"));
  // Caffe's layers: bottom, top, name, a number for the type.
  EXPECT_EQ(What(Length(1, "net") + Length(100, Length(1, "conv"))), "a Caffe model");
  EXPECT_EQ(
      What(Length(1, "net") + Length(2, Length(2, "x") + Length(3, "y") + Length(4, "conv") + Number(5, 4))),
      "?");
  EXPECT_EQ(What(Number(1, 4) + Length(2, Length(1, "x")) + Length(500, Length(1, "layer"))),
            "a Core ML model");
  EXPECT_EQ(What(Number(1, 1) + Length(2, "....saved_model_main_op")), "a TensorFlow model (saved_model.pb)");
  EXPECT_EQ(What(Length(1, Length(1, "input") + Length(2, "Placeholder"))), "a TensorFlow graph");
}

TEST(ProtobufScan, FieldsOfAllKinds) {
  const std::string bytes = Number(1, 300) + Length(2, "ab") + "\x19" + std::string(8, 'x') + "\x25" + "xxxx";
  ProtobufScan scan(std::as_bytes(std::span(bytes)));
  auto field = scan.Next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->number, 1U);
  EXPECT_EQ(field->value, 300U);
  field = scan.Next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->content.size(), 2U);
  EXPECT_FALSE(field->cut);
  field = scan.Next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->wire, ProtobufScan::kFixed64);
  field = scan.Next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->number, 4U);
  EXPECT_FALSE(scan.Next());
  EXPECT_FALSE(scan.broken());
}

TEST(ProtobufScan, BrokenBytes) {
  const std::string ends_in_a_field[] = {"\x08",
                                         "\x80",
                                         std::string(11, '\xff'),
                                         "\x0b",
                                         "\x0c",
                                         "\x0e",
                                         "\x09xxxxxxx",
                                         "\x0dxxx",
                                         "\x0a\x80",
                                         "\0x"s,
                                         Varint(std::uint64_t{1} << 35) + "x"};
  for (const std::string& bytes : ends_in_a_field) {
    ProtobufScan scan(std::as_bytes(std::span(bytes)));
    EXPECT_FALSE(scan.Next()) << testing::PrintToString(bytes);
    EXPECT_TRUE(scan.broken()) << testing::PrintToString(bytes);
  }
  const std::string cut = "\x0a\x05xx";
  ProtobufScan scan(std::as_bytes(std::span(cut)));
  const auto field = scan.Next();
  ASSERT_TRUE(field);
  EXPECT_TRUE(field->cut);
  EXPECT_TRUE(scan.truncated());
  EXPECT_EQ(field->content.size(), 2U);
  EXPECT_FALSE(scan.Next());
}

// Numbers as PyTorch 2.13 and onnx 1.23 give them.
TEST(TypeNames, OfPyTorchAndOnnx) {
  for (const auto& [number, name] : std::vector<std::pair<int, const char*>>{{0, "uint8"},
                                                                             {6, "float32"},
                                                                             {13, "quint8"},
                                                                             {15, "bfloat16"},
                                                                             {17, "quint2x4"},
                                                                             {22, "bits16"},
                                                                             {23, "float8_e5m2"},
                                                                             {24, "float8_e4m3fn"},
                                                                             {25, "float8_e5m2fnuz"},
                                                                             {26, "float8_e4m3fnuz"},
                                                                             {27, "uint16"},
                                                                             {28, "uint32"},
                                                                             {29, "uint64"},
                                                                             {30, "uint1"},
                                                                             {36, "uint7"},
                                                                             {37, "int1"},
                                                                             {40, "int4"},
                                                                             {43, "int7"},
                                                                             {44, "float8_e8m0fnu"},
                                                                             {45, "float4_e2m1fn_x2"},
                                                                             {46, "unknown (number 46)"},
                                                                             {-1, "unknown (number -1)"}}) {
    EXPECT_EQ(ScalarTypeName(number), name);
  }
  for (const auto& [number, name] : std::vector<std::pair<int, const char*>>{{1, "float32"},
                                                                             {2, "uint8"},
                                                                             {3, "int8"},
                                                                             {4, "uint16"},
                                                                             {5, "int16"},
                                                                             {8, "string"},
                                                                             {9, "bool"},
                                                                             {11, "float64"},
                                                                             {13, "uint64"},
                                                                             {16, "bfloat16"},
                                                                             {17, "float8e4m3fn"},
                                                                             {21, "uint4"},
                                                                             {22, "int4"},
                                                                             {23, "float4e2m1"},
                                                                             {28, "float6e3m2"},
                                                                             {29, "unknown (number 29)"}}) {
    EXPECT_EQ(OnnxTypeName(number), name);
  }
}

}  // namespace
}  // namespace octavo
