#include "octavo/fuzz/mutators.h"

#include <set>

#include <gtest/gtest.h>
#include <libdeflate.h>

#include "octavo/fuzz/bytes.h"

namespace octavo::fuzz {
namespace {

using MutatorUnderTest = std::string (*)(std::string_view, Dice&);

// How many different mutants of a thousand seeds keep `property`.
template <typename Mutator, typename Property>
std::pair<std::size_t, std::size_t> Thousand(const std::string& start, const Mutator& mutate,
                                             const Property& property) {
  std::set<std::string> mutants;
  std::size_t kept = 0;
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    Dice dice(seed), again(seed);
    const std::string mutant = mutate(start, dice);
    EXPECT_EQ(mutate(start, again), mutant) << seed;
    mutants.insert(mutant);
    if (property(mutant)) ++kept;
  }
  return {mutants.size(), kept};
}

std::string Zip(const std::string& name, const std::string& data) {
  std::string fields(4, '\0'), out = "PK\3\4";
  fields += std::string(4, '\0');
  PutLittleEndian(fields, libdeflate_crc32(0, data.data(), data.size()), 4);
  PutLittleEndian(fields, data.size(), 4);
  PutLittleEndian(fields, data.size(), 4);
  PutLittleEndian(fields, name.size(), 2);
  PutLittleEndian(fields, 0, 2);
  out += std::string("\x14\0", 2) + fields + name + data;
  const std::size_t begin = out.size();
  out += std::string("PK\1\2\x14\0\x14\0", 8) + fields + std::string(14, '\0') + name;
  const std::size_t size = out.size() - begin;
  out += std::string("PK\5\6\0\0\0\0\1\0\1\0", 12);
  PutLittleEndian(out, size, 4);
  PutLittleEndian(out, begin, 4);
  return out + std::string(2, '\0');
}

// Whether each record's checksum is that of its bytes (of those that are stored), and there is one.
bool ChecksumsFit(std::string_view zip) {
  bool any = false;
  while (zip.starts_with("PK\3\4") && zip.size() >= 30) {
    const std::size_t begin = 30 + LittleEndian(zip.substr(26, 2)), size = LittleEndian(zip.substr(18, 4));
    if (zip.size() < begin || zip.size() - begin < size) return false;
    if (LittleEndian(zip.substr(8, 2)) == 0 &&
        libdeflate_crc32(0, zip.data() + begin, size) != LittleEndian(zip.substr(14, 4)))
      return false;
    any = true;
    zip.remove_prefix(begin + size);
  }
  return any && zip.starts_with("PK\1\2");
}

TEST(MutateZip, KeepsChecksumsRight) {
  const std::string start = Zip("m/code/net.py", "def forward(self, x):\n  return torch.relu(x)\n");
  ASSERT_TRUE(ChecksumsFit(start));
  const std::vector<std::string> words = {"tanh"};
  const auto [different, kept] = Thousand(
      start, [&](std::string_view zip, Dice& dice) { return MutateZip(zip, words, dice); }, ChecksumsFit);
  EXPECT_GT(different, 500U);
  EXPECT_GT(kept, 850U);
  EXPECT_LT(kept, 1000U);
}

TEST(MutateText, ChangesTokens) {
  const std::vector<std::string> words = {"tanh"};
  std::size_t with_word = 0;
  const auto [different, kept] = Thousand(
      "x = torch.relu(y, 5)\n",
      [&](std::string_view text, Dice& dice) { return MutateText(text, words, dice); },
      [&](const std::string& mutant) {
        with_word += mutant.find("tanh") != std::string::npos ? 1 : 0;
        return true;
      });
  EXPECT_GT(different, 300U);
  EXPECT_GT(with_word, 50U);
}

TEST(MutatePickle, KeepsTheLengthsOfStrings) {
  // A tuple of a string and a number.
  const std::string start("\x80\x02X\x03\0\0\0abcK\x05\x86.", 14);
  const auto [different, kept] = Thousand(start, MutatePickle, [](const std::string& mutant) {
    const std::size_t at = mutant.find('X');
    return at != std::string::npos && mutant.size() >= at + 5 + LittleEndian(mutant.substr(at + 1, 4));
  });
  EXPECT_GT(different, 300U);
  EXPECT_GT(kept, 800U);
}

TEST(MutateNpy, KeepsTheLengthOfTheHeader) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  std::string start("\x93NUMPY\1\0", 8);
  PutLittleEndian(start, header.size(), 2);
  start += header + std::string(24, '\1');
  const auto [different, kept] = Thousand(start, MutateNpy, [](const std::string& mutant) {
    const std::size_t size = mutant.size() < 10 ? 0 : LittleEndian(mutant.substr(8, 2));
    return mutant.size() >= 10 + size && size > 0;
  });
  EXPECT_GT(different, 500U);
  EXPECT_GT(kept, 900U);
}

std::string Message(int number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

TEST(MutateOnnx, KeepsTheLengthsOfMessages) {
  const std::string node = Message(1, "x") + Message(2, "y") + Message(4, "Relu");
  const std::string start = std::string("\x08\x08", 2) + Message(7, Message(1, node));
  const std::vector<std::string> words = {"Tanh"};
  std::size_t with_word = 0;
  const auto [different, kept] = Thousand(
      start, [&](std::string_view model, Dice& dice) { return MutateOnnx(model, words, dice); },
      [&](const std::string& mutant) {
        with_word += mutant.find("Tanh") != std::string::npos ? 1 : 0;
        std::string_view rest = mutant;
        while (rest.size() > 1 && (rest[0] & 7) != 0) {
          if ((rest[0] & 7) != 2 || rest.size() - 2 < static_cast<unsigned char>(rest[1])) return false;
          rest.remove_prefix(2 + static_cast<unsigned char>(rest[1]));
        }
        return true;
      });
  EXPECT_GT(different, 100U);
  EXPECT_GT(with_word, 30U);
  EXPECT_GT(kept, 900U);
}

TEST(Mutators, TakeAnyBytes) {
  for (const char* start : {"", "P", "PK\5\6", "\x93NUMPY\1", "\x0a", "\x80", "X\xff\xff\xff\xff", "\n"}) {
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
      Dice dice(seed);
      MutateText(start, {}, dice);
      MutatePickle(start, dice);
      MutateNpy(start, dice);
      MutateZip(start, {}, dice);
      MutateOnnx(start, {}, dice);
      CrossZips(start, Zip("a", "b"), dice);
      CrossOnnx(start, Message(7, ""), dice);
    }
  }
}

}  // namespace
}  // namespace octavo::fuzz
