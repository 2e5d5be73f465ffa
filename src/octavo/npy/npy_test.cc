#include "octavo/npy/npy.h"

#include <cstdint>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "octavo/archive/zip_testing.h"

namespace octavo::npy {
namespace {

using archive::ReadFile;
using archive::TestFile;
using archive::TestZip;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path Data(const std::string& name) {
  return std::filesystem::path(OCTAVO_SOURCE_DIR) / "tests/data/npy" / name;
}

// A file of version `major`, with the header padded as NumPy pads it.
std::string Npy(std::string header, const std::string& data, int major = 1) {
  const std::size_t prefix = major == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  TestZip::Put16(bytes, header.size());
  if (major > 1) TestZip::Put16(bytes, 0);
  return bytes + header + data;
}

std::string Header(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

Result<Tensor> ReadBytes(const std::string& bytes) {
  const TestFile file(bytes);
  Result<std::vector<Array>> arrays = Read(file.path());
  if (!arrays) return arrays.error();
  EXPECT_EQ(arrays->size(), 1U);
  return std::move(arrays->front().tensor);
}

void ExpectRefused(const std::string& bytes, const std::string& text,
                   ErrorCode code = ErrorCode::kInvalidFile) {
  const Result<Tensor> tensor = ReadBytes(bytes);
  ASSERT_FALSE(tensor) << text;
  EXPECT_EQ(tensor.error().code(), code);
  EXPECT_THAT(tensor.error().ToString(), HasSubstr(text));
}

Tensor Only(const std::string& name) {
  Result<std::vector<Array>> arrays = Read(Data(name));
  EXPECT_TRUE(arrays) << name << ": " << arrays.error().ToString();
  EXPECT_EQ(arrays->size(), 1U);
  return arrays->front().tensor;
}

// tests/data/npy/make.py wrote these with NumPy itself: each holds 0, 1, 2, 3, 4, 5 as [2,3], or the numbers
// that the test names.
TEST(Npy, EveryTypeThatNumPyWrites) {
  struct Case {
    const char* file;
    DType dtype;
  };
  for (const Case& c :
       {Case{"uint8", DType::kUint8}, Case{"int8", DType::kInt8}, Case{"int16", DType::kInt16},
        Case{"int32", DType::kInt32}, Case{"int64", DType::kInt64}, Case{"float16", DType::kFloat16},
        Case{"float32", DType::kFloat32}, Case{"float64", DType::kFloat64}, Case{"uint16", DType::kInt32},
        Case{"uint32", DType::kInt64}, Case{"uint64", DType::kInt64}, Case{"big_float32", DType::kFloat32},
        Case{"big_uint16", DType::kInt32}, Case{"big_int64", DType::kInt64}, Case{"fortran", DType::kFloat32},
        Case{"big_fortran", DType::kInt16}, Case{"version2", DType::kInt32},
        Case{"version3", DType::kInt32}}) {
    const Tensor tensor = Only(std::string(c.file) + ".npy");
    EXPECT_EQ(tensor.dtype, c.dtype) << c.file;
    EXPECT_THAT(tensor.sizes, ElementsAre(2, 3)) << c.file;
    EXPECT_THAT(tensor.ToDoubles(), ElementsAre(0, 1, 2, 3, 4, 5)) << c.file;
  }
}

TEST(Npy, OtherFilesOfNumPy) {
  EXPECT_THAT(Only("scalar.npy").sizes, ElementsAre());
  EXPECT_THAT(Only("scalar.npy").ToFloats(), ElementsAre(2.5F));
  EXPECT_THAT(Only("empty.npy").sizes, ElementsAre(0, 3));
  EXPECT_EQ(Only("empty.npy").num_elements(), 0);
  EXPECT_EQ(Only("bool.npy").dtype, DType::kBool);
  EXPECT_EQ(Only("bool.npy").Bytes(), (std::vector<std::byte>{std::byte{1}, std::byte{0}, std::byte{1}}));
  EXPECT_EQ(Only("complex64.npy").dtype, DType::kComplex64);
  EXPECT_EQ(Only("big_complex64.npy").Bytes(), Only("complex64.npy").Bytes());
  EXPECT_THAT(Only("half.npy").ToFloats(), ElementsAre(-0.0F, 0x1p-24F, 65504.0F, 1.5F));
}

TEST(Npy, Archives) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const Result<std::vector<Array>> arrays = Read(Data(name));
    ASSERT_TRUE(arrays) << arrays.error().ToString();
    ASSERT_EQ(arrays->size(), 2U);
    EXPECT_EQ((*arrays)[0].name, "x");
    EXPECT_EQ((*arrays)[1].name, "mask");
    EXPECT_THAT((*arrays)[0].tensor.ToFloats(), ElementsAre(1, 2, 3));
    EXPECT_THAT((*arrays)[1].tensor.ToInts(), ElementsAre(7, 8));
  }
}

TEST(Npy, ObjectsAreNeverLoaded) {
  const Result<std::vector<Array>> arrays = Read(Data("object.npy"));
  ASSERT_FALSE(arrays);
  EXPECT_EQ(arrays.error().code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(arrays.error().ToString(), HasSubstr("pickled"));
  ExpectRefused(Npy(Header("O", "(1,)"), "x"), "pickled");
}

TEST(Npy, WhatCannotBe) {
  const std::string data(24, '\0');
  ASSERT_TRUE(ReadBytes(Npy(Header("<f4", "(2, 3)"), data)));
  ASSERT_TRUE(ReadBytes(Npy(Header("<f4", "(2L, 3L)"), data)));
  ASSERT_TRUE(ReadBytes(Npy(Header("<f4", "(2, 3)"), data, 2)));
  ExpectRefused("", "not a .npy file");
  ExpectRefused("hello, this is text", "not a .npy file");
  ExpectRefused(Npy(Header("<f4", "(2, 3)"), data, 4), "version 4.0");
  ExpectRefused(Npy(Header("<f4", "(2, 3)"), data.substr(1)), "23 bytes follow");
  ExpectRefused(Npy(Header("<f4", "(2, 3)"), data + "x"), "25 bytes follow");
  ExpectRefused(Npy(Header("<f4", "(4611686018427387904, 4)"), ""), "elements of 4 bytes");
  ExpectRefused(Npy(Header("<f4", "(4611686018427387904, 0)"), ""), "elements of 4 bytes");
  ExpectRefused(Npy(Header("<f4", "(9223372036854775808,)"), ""), "must be a tuple of sizes");
  ExpectRefused(Npy(Header("<f4", "(-1, 3)"), data), "must be a tuple of sizes");
  ExpectRefused(Npy(Header("<f4", "(2, x)"), data), "must be a tuple of sizes");
  ExpectRefused(Npy(Header("<f4", "(2, 3"), data), "must be a tuple of sizes");
  ExpectRefused(Npy(Header("<U8", "(2, 3)"), data), "type <U8");
  ExpectRefused(Npy(Header("<f3", "(2, 3)"), data), "type <f3");
  ExpectRefused(Npy(Header("", "(2, 3)"), data), "type ");
  ExpectRefused(Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", data),
                "structured");
  ExpectRefused(Npy("{'descr': '<f4', 'shape': (2, 3)}", data), "must have descr");
  ExpectRefused(Npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", data), "must be True or False");
  ExpectRefused(Npy("{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3)}", data), "unexpected key descr");
  ExpectRefused(Npy(Header("<f4", "(2, 3)") + "x", data), "text after its end");
  ExpectRefused(Npy("[1, 2]", data), "not a Python dictionary");
  std::string ones;
  for (int i = 0; i < 65; ++i) ones += "1,";
  ExpectRefused(Npy(Header("<f4", "(" + ones + ")"), data.substr(0, 4)), "more than 64 dimensions");
  ExpectRefused(Npy(Header("<u8", "(1,)"), std::string(8, '\xff')), "int64");
}

TEST(Npy, TruncatedEverywhere) {
  const std::string whole = ReadFile(Data("fortran.npy"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ReadBytes(whole.substr(0, length))) << length;
  }
}

TEST(Npy, BrokenArchives) {
  TestZip zip = archive::ZipOf(Data("stored.npz"));
  zip.records[1].data = "not an array";
  ExpectRefused(zip.Bytes(), "mask.npy");
  zip = archive::ZipOf(Data("stored.npz"));
  zip.records[0].name = "x.txt";
  ExpectRefused(zip.Bytes(), "x.txt");
  // A root folder that only some records have, as of a model file.
  zip = archive::ZipOf(Data("stored.npz"));
  zip.records[0].name = "a.npy";
  zip.records[1].name = "very_long_folder/data.pkl";
  ExpectRefused(zip.Bytes(), "record");
  const std::string bytes = ReadFile(Data("deflated.npz"));
  ExpectRefused(bytes.substr(0, bytes.size() / 2), "zip");
}

TEST(Npy, MissingFile) {
  const Result<std::vector<Array>> arrays = Read("/nowhere/x.npy");
  ASSERT_FALSE(arrays);
  EXPECT_EQ(arrays.error().code(), ErrorCode::kIo);
}

// tests/data/npy has what NumPy writes of the same array: the bytes are the same.
TEST(Npy, WritesAsNumPyDoes) {
  for (const char* name : {"float32", "int64", "bool", "scalar", "empty", "half", "complex64"}) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("octavo_npy_" + std::to_string(getpid()));
    {
      const auto file = OutputFile::Create(path);
      ASSERT_TRUE(file);
      ASSERT_TRUE(Write(Only(std::string(name) + ".npy"), **file));
      ASSERT_TRUE((*file)->Commit());
    }
    EXPECT_TRUE(ReadFile(path) == ReadFile(Data(std::string(name) + ".npy"))) << name;
    std::filesystem::remove(path);
  }
}

TEST(Npy, WritesFortranOrderAsC) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("octavo_npy_" + std::to_string(getpid()));
  const auto file = OutputFile::Create(path);
  ASSERT_TRUE(Write(Only("fortran.npy"), **file));
  ASSERT_TRUE((*file)->Commit());
  EXPECT_TRUE(ReadFile(path) == ReadFile(Data("float32.npy")));
  std::filesystem::remove(path);
}

TEST(Npy, NoNumPyType) {
  Tensor tensor = Tensor::From(DType::kBFloat16, {1}, std::vector<std::uint16_t>{0});
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("octavo_npy_" + std::to_string(getpid()));
  const auto file = OutputFile::Create(path);
  const Status status = Write(tensor, **file);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace octavo::npy
