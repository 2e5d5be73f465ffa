#pragma once

// Zip files for tests, broken in every way that a test asks for.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libdeflate.h>
#include <unistd.h>

#include "octavo/archive/archive.h"

namespace octavo::archive {

struct TestRecord {
  std::string name;
  std::string data;
  bool deflate = false;
  // What the directory says in place of the truth.
  std::optional<std::uint16_t> method = {};
  std::uint16_t flags = 0;
  std::optional<std::uint32_t> crc = {}, size = {}, compressed_size = {}, header_offset = {};
  // What the record's own header says in place of the truth.
  std::optional<std::uint32_t> local_crc = {}, local_size = {};
};

class TestZip {
 public:
  std::vector<TestRecord> records;
  std::optional<std::uint16_t> count;  // of records, in place of the truth

  TestRecord& Find(std::string_view name) {
    for (TestRecord& record : records) {
      if (record.name.ends_with(name)) return record;
    }
    std::abort();
  }

  std::string Bytes() const {
    std::string out, directory;
    for (const TestRecord& r : records) {
      const std::string packed = r.deflate ? Deflate(r.data) : r.data;
      const auto method = r.method.value_or(r.deflate ? 8 : 0);
      const std::uint32_t crc = libdeflate_crc32(0, r.data.data(), r.data.size());
      const auto offset = static_cast<std::uint32_t>(out.size());
      const auto size = static_cast<std::uint32_t>(r.data.size());
      const auto compressed = static_cast<std::uint32_t>(packed.size());
      out += "PK\3\4";
      Header(out, r.flags, method, r.local_crc.value_or(r.crc.value_or(crc)),
             r.compressed_size.value_or(compressed), r.local_size.value_or(r.size.value_or(size)));
      Put16(out, r.name.size());
      Put16(out, 0);
      out += r.name + packed;
      directory += "PK\1\2";
      Put16(directory, 20);
      Header(directory, r.flags, method, r.crc.value_or(crc), r.compressed_size.value_or(compressed),
             r.size.value_or(size));
      Put16(directory, r.name.size());
      for (int i = 0; i < 4; ++i) Put16(directory, 0);
      Put32(directory, 0);
      Put32(directory, r.header_offset.value_or(offset));
      directory += r.name;
    }
    const std::size_t begin = out.size();
    out += directory + "PK\5\6";
    Put32(out, 0);
    const std::size_t n = count.value_or(static_cast<std::uint16_t>(records.size()));
    Put16(out, n);
    Put16(out, n);
    Put32(out, directory.size());
    Put32(out, begin);
    Put16(out, 0);
    return out;
  }

  static void Put16(std::string& out, std::size_t value) {
    out += static_cast<char>(value & 0xff);
    out += static_cast<char>(value >> 8 & 0xff);
  }
  static void Put32(std::string& out, std::size_t value) {
    Put16(out, value & 0xffff);
    Put16(out, value >> 16);
  }

  static std::string Deflate(const std::string& data) {
    libdeflate_compressor* compressor = libdeflate_alloc_compressor(9);
    std::string packed(libdeflate_deflate_compress_bound(compressor, data.size()), '\0');
    packed.resize(
        libdeflate_deflate_compress(compressor, data.data(), data.size(), packed.data(), packed.size()));
    libdeflate_free_compressor(compressor);
    return packed;
  }

 private:
  static void Header(std::string& out, std::uint16_t flags, int method, std::uint32_t crc,
                     std::uint32_t compressed, std::uint32_t size) {
    Put16(out, 20);
    Put16(out, flags);
    Put16(out, static_cast<std::size_t>(method));
    Put32(out, 0);
    Put32(out, crc);
    Put32(out, compressed);
    Put32(out, size);
  }
};

// A file that lives as long as the object.
class TestFile {
 public:
  explicit TestFile(std::string_view bytes) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("octavo_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

#ifdef OCTAVO_SOURCE_DIR
inline std::filesystem::path Fixture(std::string_view name) {
  return std::filesystem::path(OCTAVO_SOURCE_DIR) / "tests/data/reader" / name;
}
#endif

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The records of a fixture, so that a test can change one of them.
inline TestZip ZipOf(const std::filesystem::path& path) {
  auto archive = Archive::Open(*MappedFile::Open(path), {});
  TestZip zip;
  for (const std::string_view name : (*archive)->names()) {
    zip.records.push_back(
        {.name = std::string(name), .data = *(*archive)->ReadText(name.substr((*archive)->root().size()))});
  }
  return zip;
}

}  // namespace octavo::archive
