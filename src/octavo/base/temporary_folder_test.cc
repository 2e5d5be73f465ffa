#include "octavo/base/temporary_folder.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace octavo {
namespace {

namespace fs = std::filesystem;

class TemporaryFolderTest : public ::testing::Test {
 protected:
  TemporaryFolderTest() : outer_(*TemporaryFolder::Create()) {}

  static void Write(const fs::path& path) { std::ofstream(path) << "text"; }
  // Names in the folder that the test has for itself.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(outer_->path())) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path In(const char* name) const { return outer_->path() / name; }

  std::unique_ptr<TemporaryFolder> outer_;
};

using Strings = std::vector<std::string>;

TEST_F(TemporaryFolderTest, IsPrivateAndDisappears) {
  fs::path path;
  {
    const auto folder = TemporaryFolder::Create();
    ASSERT_TRUE(folder);
    path = (*folder)->path();
    EXPECT_TRUE(path.is_absolute());
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    fs::create_directory(path / "inner");
    Write(path / "inner" / "file");
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(TemporaryFolderTest, AppearsWhenCommitted) {
  {
    const auto folder = TemporaryFolder::CreateFor(In("saved/"));
    ASSERT_TRUE(folder);
    Write((*folder)->path() / "file");
    EXPECT_FALSE(fs::exists(In("saved")));
    ASSERT_TRUE((*folder)->Commit());
  }
  EXPECT_EQ(Names(), Strings{"saved"});
  EXPECT_TRUE(fs::exists(In("saved") / "file"));
  EXPECT_NE(fs::status(In("saved")).permissions() & fs::perms::owner_write, fs::perms::none);
}

TEST_F(TemporaryFolderTest, LeavesNothingWithoutCommit) {
  ASSERT_TRUE(TemporaryFolder::CreateFor(In("saved")));
  EXPECT_EQ(Names(), Strings());
  fs::create_directory(In("empty"));
  ASSERT_TRUE(TemporaryFolder::CreateFor(In("empty")));
  EXPECT_TRUE(fs::is_empty(In("empty")));
}

TEST_F(TemporaryFolderTest, FillsAnEmptyFolder) {
  fs::create_directory(In("empty"));
  const auto folder = TemporaryFolder::CreateFor(In("empty"));
  ASSERT_TRUE(folder);
  Write((*folder)->path() / "file");
  ASSERT_TRUE((*folder)->Commit());
  EXPECT_TRUE(fs::exists(In("empty") / "file"));
  EXPECT_EQ(std::distance(fs::directory_iterator(In("empty")), fs::directory_iterator()), 1);
}

TEST_F(TemporaryFolderTest, RefusesWhatCannotBeReplaced) {
  Write(In("file"));
  fs::create_directory(In("full"));
  Write(In("full") / "mine");
  for (const char* name : {"file", "full", "missing/saved", "file/saved"}) {
    const auto folder = TemporaryFolder::CreateFor(In(name));
    ASSERT_FALSE(folder) << name;
    EXPECT_EQ(folder.error().code(), ErrorCode::kIo);
    EXPECT_NE(folder.error().what().find(In(name).string()), std::string::npos) << folder.error().what();
  }
  EXPECT_EQ(Names(), (Strings{"file", "full"}));
}

}  // namespace
}  // namespace octavo
