#include "octavo/archive/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/archive/zip_testing.h"

namespace octavo::archive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Result<std::unique_ptr<const Archive>> Open(const std::filesystem::path& path, const Limits& limits = {}) {
  return Archive::Open(OCTAVO_TRY(MappedFile::Open(path)), limits);
}

Result<std::unique_ptr<const Archive>> Open(const TestZip& zip, const Limits& limits = {}) {
  const TestFile file(zip.Bytes());
  return Open(file.path(), limits);
}

TestZip Small() {
  TestZip zip;
  zip.records = {{.name = "m/data.pkl", .data = "pickle"},
                 {.name = "m/code/a.py", .data = std::string(500, 'x'), .deflate = true}};
  return zip;
}

// The error says what is wrong and which record it is.
template <typename T>
void ExpectError(const Result<T>& result, std::string_view what, std::string_view where) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(result.error().what(), HasSubstr(std::string(what)));
  EXPECT_EQ(result.error().where(), where);
}

TEST(Archive, ReadsFilesOfPyTorch) {
  for (const char* version : {"1.13", "2.13"}) {
    auto archive = Open(Fixture(std::string(version) + "/scripted.pt"));
    ASSERT_TRUE(archive) << archive.error().ToString();
    const Archive& a = **archive;
    EXPECT_EQ(a.root(), "scripted/");
    EXPECT_EQ(*a.ReadText("version"), "3\n");
    EXPECT_EQ(*a.ReadText("extra/notes.txt"), "extra");
    EXPECT_EQ(a.Has("byteorder"), std::string_view(version) == "2.13");
    EXPECT_TRUE(a.HasUnder("code/__torch__/torch/"));
    EXPECT_FALSE(a.HasUnder("code/other"));
    bool found = false;
    for (const std::string_view name : a.names()) {
      if (!name.ends_with("Sequential.py") && !name.ends_with(".py")) continue;
      const auto text = a.ReadText(name.substr(a.root().size()));
      ASSERT_TRUE(text) << text.error().ToString();
      found |= text->starts_with("class Sequential(Module):");
    }
    EXPECT_TRUE(found);
  }
}

TEST(Archive, StoredRecordsAreViewsOfTheFile) {
  auto file = *MappedFile::Open(Fixture("1.13/tensors.pt"));
  auto archive = Archive::Open(file, {});
  ASSERT_TRUE(archive);
  const Storage storage = *(*archive)->Read("data/0");
  const std::ptrdiff_t offset = storage.bytes.data() - file->bytes().data();
  EXPECT_GT(offset, 0);
  EXPECT_LT(offset, static_cast<std::ptrdiff_t>(file->bytes().size()));
  EXPECT_EQ(offset % 64, 0) << "PyTorch aligns tensors to 64 bytes";
}

TEST(Archive, BytesOutliveTheArchive) {
  Storage storage;
  {
    auto archive = Open(Fixture("1.13/tensors.pt"));
    storage = *(*archive)->Read("data.pkl");
  }
  EXPECT_EQ(std::to_integer<int>(storage.bytes[0]), 0x80);
}

TEST(Archive, ReadsWhatOtherProgramsPack) {
  auto original = Open(Fixture("1.13/kinds.pt"));
  ASSERT_TRUE(original);
  const auto names = (*original)->names();
  for (const char* name : {"rezipped_deflated.pt", "rezipped_zip64.pt", "rezipped_descriptors.pt"}) {
    auto archive = Open(Fixture(std::string("1.13/") + name));
    ASSERT_TRUE(archive) << name << archive.error().ToString();
    for (std::string_view record : names) {
      record.remove_prefix((*original)->root().size());
      const auto text = (*archive)->ReadText(record);
      ASSERT_TRUE(text) << name << text.error().ToString();
      EXPECT_EQ(*text, *(*original)->ReadText(record)) << name;
    }
  }
  EXPECT_EQ((*Open(Fixture("1.13/rezipped_deflated.pt")))->root(), "another root/");
}

TEST(Archive, TestZipsAreSound) {
  auto archive = Open(Small());
  ASSERT_TRUE(archive) << archive.error().ToString();
  EXPECT_THAT((*archive)->names(), ElementsAre("m/data.pkl", "m/code/a.py"));
  EXPECT_EQ(*(*archive)->ReadText("data.pkl"), "pickle");
  EXPECT_EQ(*(*archive)->ReadText("code/a.py"), std::string(500, 'x'));
}

TEST(Archive, RefusesWhatIsNoZip) {
  const TestFile text("This is no zip file, whatever its name may be.");
  auto archive = Open(text.path());
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("zip directory"));
}

TEST(Archive, RefusesEveryTruncation) {
  const std::string bytes = ReadFile(Fixture("1.13/kinds.pt"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const TestFile file(std::string_view(bytes).substr(0, size));
    auto archive = Open(file.path());
    ASSERT_FALSE(archive) << size;
    EXPECT_EQ(archive.error().code(), ErrorCode::kInvalidFile);
  }
}

TEST(Archive, NamesTheMissingRecord) {
  auto archive = Open(Small());
  ExpectError((*archive)->Read("data/7"), "missing", "record m/data/7");
}

TEST(Archive, RefusesDuplicates) {
  TestZip zip = Small();
  zip.records.push_back(zip.records[0]);
  ExpectError(Open(zip), "twice", "record m/data.pkl");
}

TEST(Archive, RefusesEncryption) {
  TestZip zip = Small();
  zip.records[1].flags = 0x2000;
  ExpectError(Open(zip), "encrypted", "record m/code/a.py");
  for (const std::uint16_t flag : {0x1, 0x40}) {
    zip.records[1].flags = flag;
    auto archive = Open(zip);
    ASSERT_TRUE(archive);
    ExpectError((*archive)->Read("code/a.py"), "encrypted", "record m/code/a.py");
    EXPECT_TRUE((*archive)->Read("data.pkl"));
  }
}

TEST(Archive, RefusesPatches) {
  TestZip zip = Small();
  zip.records[1].flags = 0x20;
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "patch", "record m/code/a.py");
}

TEST(Archive, TellsNoCasesApart) {
  TestZip zip = Small();
  zip.records[1].name = "m/CODE/A.py";
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  EXPECT_TRUE((*archive)->Has("code/a.py"));
  EXPECT_TRUE((*archive)->HasUnder("code/"));
  EXPECT_TRUE((*archive)->Read("code/a.py"));
  zip.records.push_back({.name = "m/code/a.PY", .data = "other"});
  archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "other cases of letters", "record m/CODE/A.py");
  EXPECT_FALSE((*archive)->ReadOptional("code/a.py", 1000));
  EXPECT_TRUE((*archive)->Read("data.pkl"));
}

TEST(Archive, RefusesOtherCompression) {
  TestZip zip = Small();
  zip.records[1].method = 12;  // bzip2
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "method 12", "record m/code/a.py");
}

TEST(Archive, RefusesFalseChecksums) {
  for (const std::size_t i : {0, 1}) {
    TestZip zip = Small();
    zip.records[i].crc = 1;
    auto archive = Open(zip);
    ASSERT_TRUE(archive);
    const std::string name = zip.records[i].name;
    ExpectError((*archive)->Read(name.substr(2)), "checksum", "record " + name);
  }
}

// PyTorch writes 0 where it computed no checksum: the bytes are read as they are.
TEST(Archive, AChecksumOf0IsNone) {
  for (const std::size_t i : {0, 1}) {
    TestZip zip = Small();
    zip.records[i].crc = 0;
    auto archive = Open(zip);
    ASSERT_TRUE(archive);
    const std::string name = zip.records[i].name;
    const auto text = (*archive)->ReadText(name.substr(2));
    ASSERT_TRUE(text) << text.error().ToString();
    EXPECT_EQ(*text, zip.records[i].data);
    EXPECT_THAT((*archive)->WithoutChecksum(), ElementsAre(name));
    EXPECT_TRUE((*archive)->LacksChecksum(name.substr(2)));
    EXPECT_FALSE((*archive)->LacksChecksum(zip.records[1 - i].name.substr(2)));
  }
  // An empty record's checksum is 0.
  TestZip zip = Small();
  zip.records.push_back({.name = "m/data/0", .data = ""});
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  EXPECT_THAT((*archive)->WithoutChecksum(), ElementsAre());
  // The record's own header must agree.
  zip = Small();
  zip.records[0].crc = 0;
  zip.records[0].local_crc = 5;
  archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("data.pkl"), "differs from the zip directory", "record m/data.pkl");
}

TEST(Archive, ReadsOptionalRecords) {
  TestZip zip = Small();
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  for (const TestRecord& record : zip.records) {
    const std::string name = record.name.substr(2);
    const auto storage = (*archive)->ReadOptional(name, record.data.size());
    ASSERT_TRUE(storage) << name;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(storage->bytes.data()), storage->bytes.size()),
              record.data);
    EXPECT_FALSE((*archive)->ReadOptional(name, record.data.size() - 1));
  }
  EXPECT_FALSE((*archive)->ReadOptional("data/7", 100));
  for (const std::size_t i : {0, 1}) {
    zip = Small();
    zip.records[i].crc = 1;
    archive = Open(zip);
    EXPECT_FALSE((*archive)->ReadOptional(zip.records[i].name.substr(2), 1000));
  }
}

TEST(Archive, RefusesChangedBytes) {
  std::string bytes = Small().Bytes();
  bytes[bytes.find("pickle")] ^= 1;
  const TestFile file(bytes);
  auto archive = Open(file.path());
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("data.pkl"), "checksum", "record m/data.pkl");
}

TEST(Archive, RefusesFalseSizes) {
  TestZip stored = Small();
  stored.records[0].size = 7;
  ExpectError(Open(stored), "two sizes", "record m/data.pkl");

  stored.records[0].compressed_size = 7;  // both false alike
  auto archive = Open(stored);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("data.pkl"), "checksum", "record m/data.pkl");

  for (const std::uint32_t size : {0u, 499u, 501u, 5000u}) {
    TestZip deflated = Small();
    deflated.records[1].size = size;
    auto opened = Open(deflated);
    ASSERT_TRUE(opened);
    ExpectError((*opened)->Read("code/a.py"), "does not unpack", "record m/code/a.py");
  }
  const auto true_size = static_cast<int>(TestZip::Deflate(std::string(500, 'x')).size());
  for (const int change : {-1, 1}) {
    TestZip deflated = Small();
    deflated.records[1].compressed_size = static_cast<std::uint32_t>(true_size + change);
    auto opened = Open(deflated);
    ASSERT_TRUE(opened);
    ASSERT_FALSE((*opened)->Read("code/a.py"));
  }
}

TEST(Archive, RefusesHeadersThatDisagree) {
  TestZip zip = Small();
  zip.records[1].local_size = 501;
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "differs", "record m/code/a.py");
  zip = Small();
  zip.records[0].local_crc = 5;
  archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("data.pkl"), "differs", "record m/data.pkl");
}

TEST(Archive, RefusesRecordsOutsideTheFile) {
  TestZip zip = Small();
  zip.records[1].header_offset = 0x7fffffff;
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "header", "record m/code/a.py");

  zip = Small();
  zip.records[0].size = zip.records[0].compressed_size = 100000;
  ExpectError(Open(zip), "more bytes than the file", "record m/data.pkl");
}

TEST(Archive, RefusesOverlappingRecords) {
  // Every entry of the directory shows the same large record: a bomb without any compression.
  TestZip zip;
  zip.records = {{.name = "m/data.pkl", .data = std::string(10000, 'x')}};
  for (int i = 0; i < 50; ++i) {
    TestRecord copy = zip.records[0];
    copy.name = "m/data/" + std::to_string(i);
    copy.data = "";
    copy.size = copy.compressed_size = 10000;
    copy.header_offset = 0;
    zip.records.push_back(copy);
  }
  auto archive = Open(zip);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("more bytes than the file"));
}

TEST(Archive, RefusesBombs) {
  // More than deflate can make of so few bytes: refused before memory is taken.
  TestZip zip = Small();
  zip.records[1].size = 0x7fffffff;
  auto archive = Open(zip);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "more than", "record m/code/a.py");

  // Real zeros, many records: the limit is on all of them together.
  TestZip bomb;
  bomb.records = {{.name = "m/data.pkl", .data = "pickle"}};
  for (int i = 0; i < 5; ++i) {
    bomb.records.push_back(
        {.name = "m/code/" + std::to_string(i), .data = std::string(20 << 20, '\0'), .deflate = true});
  }
  archive = Open(bomb);
  ASSERT_TRUE(archive);
  int read = 0;
  Result<Storage> last = Storage{};
  for (; read < 5 && last; ++read) last = (*archive)->Read("code/" + std::to_string(read));
  ASSERT_FALSE(last);
  EXPECT_EQ(read, 4) << "64 MiB and a little";
  EXPECT_THAT(last.error().what(), HasSubstr("when unpacked"));

  Limits limits;
  limits.max_inflated_bytes = 499;
  archive = Open(Small(), limits);
  ASSERT_TRUE(archive);
  ExpectError((*archive)->Read("code/a.py"), "499 bytes", "record m/code/a.py");
}

TEST(Archive, RefusesFalseCounts) {
  TestZip zip = Small();
  zip.count = 3;
  ASSERT_FALSE(Open(zip));
  zip.count = 0xfff0;
  auto archive = Open(zip);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("65520 records"));
  Limits limits;
  limits.max_records = 1;
  archive = Open(Small(), limits);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("2 records"));
}

TEST(Archive, RefusesEmptyArchivesAndNames) {
  auto archive = Open(TestZip());
  ASSERT_FALSE(archive);
  TestZip zip;
  zip.records = {{.name = "", .data = "x"}};
  archive = Open(zip);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("name"));
  zip.records[0].name = std::string("m/a\0b", 5);
  archive = Open(zip);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().what(), HasSubstr("name"));
}

TEST(Archive, SurvivesAnyChangedByte) {
  const std::string bytes = Small().Bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const TestFile file(changed);
      auto archive = Open(file.path());
      if (!archive) continue;
      for (const std::string_view name : (*archive)->names()) {
        if (!name.starts_with((*archive)->root())) continue;
        const auto storage = (*archive)->Read(name.substr((*archive)->root().size()));
        if (storage) {
          EXPECT_THAT(storage->bytes.size(), testing::AnyOf(0, 6, 500)) << i;
        }
      }
    }
  }
}

TEST(MappedFile, SaysWhyAFileCannotBeRead) {
  auto missing = MappedFile::Open("/nonexistent/model.pt");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kIo);
  EXPECT_THAT(missing.error().what(), StartsWith("cannot read /nonexistent/model.pt: No such file"));
  auto directory = MappedFile::Open(Fixture("1.13"));
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().what(), HasSubstr("is a directory"));
  auto device = MappedFile::Open("/dev/null");
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().what(), HasSubstr("/dev/null is a device, and Octavo reads regular files only"));
  const TestFile empty("");
  auto file = MappedFile::Open(empty.path());
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->bytes().empty());
}

}  // namespace
}  // namespace octavo::archive
