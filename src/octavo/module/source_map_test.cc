#include "octavo/module/source_map.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "octavo/archive/zip_testing.h"
#include "octavo/module/load.h"
#include <nlohmann/json.hpp>

namespace octavo::module {
namespace {

using Owner = AuthorLine::Owner;

// Pickles, written as PyTorch's pickler writes these records.
std::string PklInt(std::int64_t n) {
  std::string out = "\x8a\x08";  // LONG1
  for (int i = 0; i < 8; ++i) out += static_cast<char>(static_cast<std::uint64_t>(n) >> (8 * i));
  return out;
}
std::string PklStr(std::string_view text) {
  std::string out = "X";
  for (int i = 0; i < 4; ++i) out += static_cast<char>(text.size() >> (8 * i));
  return out + std::string(text);
}
std::string PklTuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
std::string PklInts(const std::vector<int>& items) {
  std::string out = "ctorch.jit._pickle\nbuild_intlist\n](";
  for (const int item : items) out += PklInt(item);
  return out + "e\x85R";
}
std::string Pkl(const std::string& value) { return "\x80\x02" + value + "."; }

std::string PklSource(const std::vector<int>& lines, int path, int first_line) {
  return PklTuple({PklInts(lines), PklInt(path), PklInt(first_line)});
}
std::string PklEntry(int byte, const std::string& source, int begin, int tag = 1) {
  return PklTuple({PklInt(byte), PklTuple({source, PklInt(begin), PklInt(begin + 1)}), PklInt(tag)});
}
std::string WithTable(const std::vector<std::string>& texts, const std::vector<std::string>& entries) {
  std::vector<std::string> strings;
  strings.reserve(texts.size());
  for (const std::string& text : texts) strings.push_back(PklStr(text));
  return Pkl(PklTuple({PklStr("FORMAT_WITH_STRING_TABLE"), PklTuple(strings), PklTuple(entries)}));
}

std::optional<SourceMap> ReadMap(const std::string& pickle) {
  return SourceMap::Read({.bytes = std::as_bytes(std::span(pickle)), .owner = nullptr}, Limits());
}

// "net.py:12"; "" where no line is known, "?" where the record cannot be read.
std::string LineAt(const std::string& pickle, std::size_t byte) {
  const std::optional<SourceMap> map = ReadMap(pickle);
  if (!map) return "?";
  const AuthorLine* line = map->Find(byte);
  return line == nullptr ? std::string() : line->file + ":" + std::to_string(line->line);
}

constexpr const char* kTorch = "/usr/lib/python3/dist-packages/torch/nn/modules/";

TEST(SourceMap, TracedStack) {
  const std::vector<std::string> texts = {
      "",
      std::string(kTorch) + "conv.py(459): _conv_forward\n",
      std::string(kTorch) + "module.py(1194): _call_impl\n",
      "/home/ann/net.py(9): forward\n",
      "/home/ann/main.py(30): run\n",
      "/usr/lib/python3/dist-packages/torch/jit/_trace.py(976): trace_module\n",
      "/home/ann/save.py(25): <module>\n",
      std::string(kTorch) + "conv.py",
      "/usr/lib/python3/dist-packages/torchvision/models/resnet.py(92): forward\n",
      std::string(kTorch) + "module.py"};
  // The innermost call of the author's, not the library's in front of it nor the program that traces.
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(10, PklSource({1, 2, 3, 2, 4, 5, 6, 0}, 7, 459), 0)}), 12),
            "net.py:9");
  // Without one, torchvision's before PyTorch's.
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(10, PklSource({1, 2, 8, 2, 5, 6, 0}, 7, 459), 0)}), 12),
            "resnet.py:92");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(10, PklSource({1, 2, 2, 5, 6, 0}, 7, 459), 0)}), 12),
            "conv.py:459");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(10, PklSource({2, 5, 6, 0}, 9, 1194), 0)}), 12), "");
}

TEST(SourceMap, TellsATraceFromScriptedCode) {
  const std::vector<std::string> texts = {"", "/home/ann/net.py(9): forward\n", "    return x * 2\n",
                                          "/home/ann/net.py"};
  const auto traced = ReadMap(WithTable(texts, {PklEntry(10, PklSource({1, 0}, 3, 9), 0)}));
  ASSERT_TRUE(traced && traced->Find(12));
  EXPECT_TRUE(traced->Find(12)->traced);
  const auto scripted = ReadMap(WithTable(texts, {PklEntry(10, PklSource({2, 0}, 3, 9), 4)}));
  ASSERT_TRUE(scripted && scripted->Find(12));
  EXPECT_FALSE(scripted->Find(12)->traced);
}

TEST(SourceMap, EntriesReachToTheNext) {
  const std::vector<std::string> texts = {"", "    def forward(self, x):\n", "        y = self.conv(x)\n",
                                          "        return y * 2\n", "/home/ann/net.py"};
  const std::string source = PklSource({1, 2, 3, 0}, 4, 18);
  const std::string map =
      WithTable(texts, {PklEntry(0, PklSource({}, 0, 0), 0), PklEntry(100, source, 38),
                        PklEntry(200, source, 55), PklEntry(300, PklSource({}, 0, 0), 0)});
  EXPECT_EQ(LineAt(map, 0), "");
  EXPECT_EQ(LineAt(map, 99), "");
  EXPECT_EQ(LineAt(map, 100), "net.py:19");
  EXPECT_EQ(LineAt(map, 199), "net.py:19");
  EXPECT_EQ(LineAt(map, 200), "net.py:20");
  EXPECT_EQ(LineAt(map, 300), "");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 0)}), 4), "");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 0)}), 5), "net.py:18");
  // The last byte of a line, the first of the next, the end of the text and beyond.
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 25)}), 5), "net.py:18");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 26)}), 5), "net.py:19");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 71)}), 5), "net.py:20");
  EXPECT_EQ(LineAt(WithTable(texts, {PklEntry(5, source, 72)}), 5), "");
}

TEST(SourceMap, OlderFormats) {
  const std::string source =
      PklTuple({PklStr("def forward(self, x):\n  return x\n"), PklStr("/home/ann/net.py"), PklInt(7)});
  const std::string range = PklTuple({source, PklInt(24), PklInt(30)});
  EXPECT_EQ(LineAt(Pkl(PklTuple({PklTuple({PklInt(3), range})})), 4), "net.py:8");
  EXPECT_EQ(LineAt(Pkl(PklTuple({PklTuple({PklInt(3), PklInt(1), range})})), 4), "net.py:8");
  const std::string stack =
      PklTuple({PklStr("/home/ann/net.py(9): forward\n/home/ann/save.py(3): <module>\n"),
                PklStr("/home/ann/net.py"), PklInt(9)});
  EXPECT_EQ(LineAt(Pkl(PklTuple({PklTuple({PklInt(3), PklTuple({stack, PklInt(0), PklInt(60)})})})), 4),
            "net.py:9");
  const std::string nameless = PklTuple({PklStr("text\n"), "N", PklInt(0)});
  EXPECT_EQ(LineAt(Pkl(PklTuple({PklTuple({PklInt(3), PklTuple({nameless, PklInt(0), PklInt(4)})})})), 4),
            "");
}

TEST(SourceMap, WhatHasNotTheFormIsIgnored) {
  const std::vector<std::string> texts = {"", "def f():\n", "net.py"};
  const std::string good = PklEntry(5, PklSource({1, 0}, 2, 1), 0);
  ASSERT_EQ(LineAt(WithTable(texts, {good}), 5), "net.py:1");
  const std::string bad[] = {
      "",
      "\x80\x02",
      Pkl("N"),
      Pkl(PklInt(3)),
      Pkl(PklTuple({PklInt(3)})),
      Pkl(PklTuple({PklTuple({})})),
      WithTable(texts, {PklEntry(-1, PklSource({1}, 2, 1), 0)}),       // a place before the file
      WithTable(texts, {good, PklEntry(4, PklSource({1}, 2, 1), 0)}),  // not in order
      WithTable(texts, {PklEntry(5, PklSource({3}, 2, 1), 0)}),        // a text that is not there
      WithTable(texts, {PklEntry(5, PklSource({-1}, 2, 1), 0)}),
      WithTable(texts, {PklEntry(5, PklSource({1}, 3, 1), 0)}),  // a path that is not there
      WithTable(texts, {PklEntry(5, PklSource({1}, 2, -1), 0)}),
      WithTable(texts, {PklTuple({PklInt(5), PklStr("range"), PklInt(0)})}),
      WithTable(texts, {PklTuple({PklInt(5), PklTuple({PklInt(1), PklInt(0), PklInt(1)}), PklInt(0)})}),
      WithTable(texts,
                {PklTuple({PklInt(5), PklTuple({PklTuple({PklInts({1}), PklInt(2)}), PklInt(0), PklInt(1)}),
                           PklInt(0)})}),
      Pkl(PklTuple({PklStr("FORMAT_WITH_STRING_TABLE"), PklInt(0), PklTuple({})})),
      Pkl(PklTuple({PklStr("FORMAT_WITH_STRING_TABLE"), PklTuple({PklInt(1)}),
                    PklTuple({PklEntry(5, PklSource({0}, 0, 1), 0)})})),
      Pkl("cos\nsystem\n(X\2\0\0\0lstR"),
  };
  for (const std::string& pickle : bad) EXPECT_EQ(LineAt(pickle, 5), "?") << testing::PrintToString(pickle);
}

// Ten thousand sources share a list of ten thousand lines: reading must not walk it for each.
TEST(SourceMap, WorkIsBoundedByTheSize) {
  std::string list = "ctorch.jit._pickle\nbuild_intlist\n](";
  for (int i = 0; i < 10000; ++i) list += "K\1";
  list += "e\x85Rq\1";  // remembered as 1
  std::string entries;
  for (int i = 0; i < 10000; ++i) {
    entries += PklTuple(
        {PklInt(i), PklTuple({PklTuple({i == 0 ? list : "h\1", PklInt(2), PklInt(i)}), PklInt(0), PklInt(1)}),
         PklInt(0)});
  }
  const std::string pickle =
      Pkl(PklTuple({PklStr("FORMAT_WITH_STRING_TABLE"),
                    PklTuple({PklStr(""), PklStr("x = 1\n"), PklStr("net.py")}), "(" + entries + "t"}));
  EXPECT_EQ(LineAt(pickle, 5), "?");
}

TEST(SourceMap, BaseNames) {
  EXPECT_EQ(BaseName("/home/ann/net.py"), "net.py");
  EXPECT_EQ(BaseName("C:\\Users\\ann\\net.py"), "net.py");
  EXPECT_EQ(BaseName("net.py"), "net.py");
  EXPECT_EQ(BaseName("/home/ann/a\nb\x1b[31m\xff,.py"), "a_b_[31m__.py");
  EXPECT_EQ(BaseName("/" + std::string(1000, 'a') + ".py").size(), 100U);
  EXPECT_EQ(BaseName("/home/ann/"), "");
}

TEST(SourceMap, Owners) {
  const std::pair<const char*, std::optional<Owner>> owners[] = {
      {"/home/ann/net.py", Owner::kAuthor},
      {"net.py", Owner::kAuthor},
      {"C:\\Users\\ann\\net.py", Owner::kAuthor},
      {"/opt/conda/lib/python3.10/site-packages/timm/models/vit.py", Owner::kAuthor},
      {"/home/ann/torch/net.py", Owner::kAuthor},
      {"<ipython-input-3-0a1b>", Owner::kAuthor},
      {"/tmp/ipykernel_71/123.py", Owner::kAuthor},
      {"/usr/lib/python3/dist-packages/torch/nn/modules/conv.py", Owner::kPyTorch},
      {"C:\\Python311\\Lib\\site-packages\\torch\\nn\\functional.py", Owner::kPyTorch},
      {"/home/ann/pytorch/torch/nn/modules/conv.py", Owner::kPyTorch},
      {"/usr/lib/python3/dist-packages/torchvision/models/resnet.py", Owner::kTorchvision},
      {"/usr/lib/python3.11/contextlib.py", std::nullopt},
      {"C:\\Python311\\Lib\\contextlib.py", std::nullopt},
      {"<eval_with_key>.5", std::nullopt},
      {"<string>", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [path, owner] : owners) EXPECT_EQ(OwnerOf(path), owner) << path;
  EXPECT_EQ(OwnerOf(std::string(5000, 'a')), std::nullopt);
}

// A record of an archive that is wrong in some way: the model loads, and no line is known.
TEST(SourceMap, ABrokenRecordIsTheSameAsNone) {
  const std::vector<std::string> texts = {"", "def f():\n", "/home/ann/net.py"};
  const std::string good = WithTable(texts, {PklEntry(0, PklSource({1, 0}, 2, 1), 0)});
  const auto line = [](archive::TestRecord record) {
    archive::TestZip zip;
    zip.records = {{.name = "m/data.pkl",
                    .data = "\x80\x02"
                            "c__torch__\nM\n)\x81}b."},
                   {.name = "m/constants.pkl", .data = "\x80\x02)."},
                   {.name = "m/code/__torch__.py",
                    .data = "class M(Module):\n  def forward(self) -> int:\n    return 1\n"},
                   {.name = "m/version", .data = "3\n"}};
    record.name = "m/code/__torch__.py.debug_pkl";
    zip.records.push_back(std::move(record));
    const archive::TestFile file(zip.Bytes());
    const auto module = Load(file.path());
    EXPECT_TRUE(module) << module.error().ToString();
    if (!module) return std::string("does not load");
    const auto found = module->program->FindClass("__torch__.M");
    EXPECT_TRUE(found && *found);
    const AuthorLine* at = module->program->FindAuthorLine((*found)->syntax->methods.at(0)->range);
    return at == nullptr ? std::string() : at->file + ":" + std::to_string(at->line);
  };
  EXPECT_EQ(line({.data = good}), "net.py:1");
  EXPECT_EQ(line({.data = good, .deflate = true}), "net.py:1");
  EXPECT_EQ(line({.data = good.substr(0, good.size() - 1)}), "");
  EXPECT_EQ(line({.data = ""}), "");
  EXPECT_EQ(line({.data = good, .crc = 1}), "");
  EXPECT_EQ(line({.data = good, .deflate = true, .size = 7}), "");
  EXPECT_EQ(line({.data = good, .local_size = 7}), "");
  // More than the limit when unpacked, though the zip directory is right.
  EXPECT_EQ(line({.data = good + std::string(std::size_t{8} << 20, 'x'), .deflate = true}), "");
}

}  // namespace
}  // namespace octavo::module
