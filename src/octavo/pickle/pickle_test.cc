#include "octavo/pickle/pickle.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octavo::pickle {
namespace {

using testing::HasSubstr;

// What Python 3.11's pickle.dumps made of
// {"a": [1, 300, 70000, -1, 2**40, 2**70], "b": (None, True, False, 1.5, "x\u00e9"), 3: {"k": ()},
//  "o": OrderedDict([("p", b"raw")]), "s": {1}}
constexpr std::string_view kProtocol2 =
    "80027d71002858010000006171015d7102284b014d2c014a701101004affffffff8a060000000000018a09000000"
    "000000000040655801000000627103284e8889473ff8000000000000580300000078c3a971047471054b037d7106"
    "58010000006b7107297358010000006f710863636f6c6c656374696f6e730a4f726465726564446963740a710929"
    "52710a580100000070710b635f636f646563730a656e636f64650a710c5803000000726177710d58060000006c61"
    "74696e31710e86710f527110735801000000737111635f5f6275696c74696e5f5f0a7365740a71125d71134b0161"
    "857114527115752e";
constexpr std::string_view kProtocol3 =
    "80037d71002858010000006171015d7102284b014d2c014a701101004affffffff8a060000000000018a09000000"
    "000000000040655801000000627103284e8889473ff8000000000000580300000078c3a971047471054b037d7106"
    "58010000006b7107297358010000006f710863636f6c6c656374696f6e730a4f726465726564446963740a710929"
    "52710a580100000070710b4303726177710c73580100000073710d636275696c74696e730a7365740a710e5d710f"
    "4b0161857110527111752e";
constexpr std::string_view kProtocol4 =
    "8004958c000000000000007d94288c0161945d94284b014d2c014a701101004affffffff8a060000000000018a09"
    "000000000000000040658c016294284e8889473ff80000000000008c0378c3a99474944b037d948c016b9429738c"
    "016f948c0b636f6c6c656374696f6e73948c0b4f726465726564446963749493942952948c017094430372617794"
    "738c0173948f94284b0190752e";
constexpr std::string_view kProtocol5 =
    "8005958c000000000000007d94288c0161945d94284b014d2c014a701101004affffffff8a060000000000018a09"
    "000000000000000040658c016294284e8889473ff80000000000008c0378c3a99474944b037d948c016b9429738c"
    "016f948c0b636f6c6c656374696f6e73948c0b4f726465726564446963749493942952948c017094430372617794"
    "738c0173948f94284b0190752e";

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

Result<Pickle> ReadText(const std::string& text, Options options = {}, std::size_t* end = nullptr) {
  // Exactly as long as the text, so that a sanitizer sees a read behind it.
  auto owner = std::make_shared<std::vector<std::byte>>(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) (*owner)[i] = static_cast<std::byte>(text[i]);
  if (options.record.empty()) options.record = "data.pkl";
  return Read(Storage{.bytes = *owner, .owner = owner}, options, end);
}

// With a protocol 2 header in front and STOP behind.
Result<Pickle> ReadOpcodes(const std::string& opcodes, const Options& options = {}) {
  return ReadText("\x80\x02" + opcodes + ".", options);
}

std::string Print(const Pickle& p, NodeId id) {
  std::string items;
  for (const NodeId item : p.items(id)) {
    if (!items.empty()) items += ' ';
    items += Print(p, item);
  }
  switch (p.kind(id)) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return p.boolean(id) ? "True" : "False";
    case Kind::kInt:
      return std::to_string(p.integer(id));
    case Kind::kBigInt:
      return "big" + std::to_string(p.text(id).size());
    case Kind::kFloat:
      return std::to_string(p.number(id));
    case Kind::kString:
      return "'" + std::string(p.text(id)) + "'";
    case Kind::kBytes:
      return "b'" + std::string(p.text(id)) + "'";
    case Kind::kGlobal:
      return p.QualifiedName(id);
    case Kind::kTuple:
      return "(" + items + ")";
    case Kind::kList:
      return "[" + items + "]";
    case Kind::kSet:
    case Kind::kDict:
      return "{" + items + "}";
    case Kind::kPersistent:
      return "<" + Print(p, p.arguments(id)) + ">";
    case Kind::kCall:
    case Kind::kObject:
      break;
  }
  std::string text = Print(p, p.callable(id)) + (p.kind(id) == Kind::kObject ? "!" : "");
  text += Print(p, p.arguments(id));
  if (!items.empty()) text += "{" + items + "}";
  if (p.state(id) != kNoNode) text += "=" + Print(p, p.state(id));
  return text;
}

std::string Print(const Result<Pickle>& pickle) {
  return pickle ? Print(*pickle, pickle->root()) : pickle.error().ToString();
}

void ExpectError(const Result<Pickle>& result, std::string_view what, std::string_view where = "") {
  ASSERT_FALSE(result) << Print(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(result.error().what(), HasSubstr(std::string(what)));
  EXPECT_THAT(result.error().where(), HasSubstr("record data.pkl, byte "));
  EXPECT_THAT(result.error().where(), HasSubstr(std::string(where)));
}

TEST(Pickle, ReadsPython) {
  const std::string head =
      "{'a' [1 300 70000 -1 1099511627776 big9] 'b' (None True False 1.500000 'x\xc3\xa9') 3 {'k' ()} 'o' ";
  EXPECT_EQ(Print(ReadText(FromHex(kProtocol2))),
            head + "collections.OrderedDict(){'p' _codecs.encode('raw' 'latin1')} 's' __builtin__.set([1])}");
  EXPECT_EQ(Print(ReadText(FromHex(kProtocol3))),
            head + "collections.OrderedDict(){'p' b'raw'} 's' builtins.set([1])}");
  EXPECT_EQ(Print(ReadText(FromHex(kProtocol4))), head + "collections.OrderedDict(){'p' b'raw'} 's' {1}}");
  EXPECT_EQ(Print(ReadText(FromHex(kProtocol5))), head + "collections.OrderedDict(){'p' b'raw'} 's' {1}}");
}

TEST(Pickle, ReadsEveryOpcode) {
  const auto read = [](const std::string& opcodes) { return Print(ReadOpcodes(opcodes)); };
  using namespace std::string_literals;
  EXPECT_EQ(read("N"), "None");
  EXPECT_EQ(read("K\xff"), "255");
  EXPECT_EQ(read("M\xff\xff"), "65535");
  EXPECT_EQ(read("J\xff\xff\xff\xff"), "-1");
  EXPECT_EQ(read("\x8a\x00"s), "0");
  EXPECT_EQ(read("\x8a\x01\x80"), "-128");
  EXPECT_EQ(read("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s), "-9223372036854775808");
  EXPECT_EQ(read("\x8b\x02\x00\x00\x00\xff\x00"s), "255");
  EXPECT_EQ(read("G\xbf\xf0\x00\x00\x00\x00\x00\x00"s), "-1.000000");
  EXPECT_EQ(read("T\x02\x00\x00\x00hi"s), "'hi'");
  EXPECT_EQ(read("U\x02hi"), "'hi'");
  EXPECT_EQ(read("X\x02\x00\x00\x00hi"s), "'hi'");
  EXPECT_EQ(read("\x8c\x02hi"), "'hi'");
  EXPECT_EQ(read("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi"s), "'hi'");
  EXPECT_EQ(read("B\x02\x00\x00\x00hi"s), "b'hi'");
  EXPECT_EQ(read("C\x02hi"), "b'hi'");
  EXPECT_EQ(read("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi"s), "b'hi'");
  EXPECT_EQ(read("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi"s), "b'hi'");
  EXPECT_EQ(read(")"), "()");
  EXPECT_EQ(read("N\x85"), "(None)");
  EXPECT_EQ(read("NN\x86"), "(None None)");
  EXPECT_EQ(read("NNN\x87"), "(None None None)");
  EXPECT_EQ(read("(NK\x01t"), "(None 1)");
  EXPECT_EQ(read("(NK\x01l"), "[None 1]");
  EXPECT_EQ(read("]Na(K\x01K\x02"
                 "e"),
            "[None 1 2]");
  EXPECT_EQ(read("(K\x01NK\x02Nd"), "{1 None 2 None}");
  EXPECT_EQ(read("}K\x01Ns(K\x02NK\x03Nu"), "{1 None 2 None 3 None}");
  EXPECT_EQ(read("\x8f(K\x01K\x02\x90"), "{1 2}");
  EXPECT_EQ(read("(K\x01K\x02\x91"), "{1 2}");
  EXPECT_EQ(read("K\x01K\x02"
                 "0"),
            "1");
  EXPECT_EQ(read("N((0"
                 "1"),
            "None");
  EXPECT_EQ(read("N(NN1"), "None");
  EXPECT_EQ(read("K\x01"
                 "2\x86"),
            "(1 1)");
  EXPECT_EQ(read("]q\x01h\x01\x86"), "([] [])");
  EXPECT_EQ(read("]r\x01\x00\x00\x00j\x01\x00\x00\x00\x86"s), "([] [])");
  EXPECT_EQ(read("]\x94h\x00\x86"s), "([] [])");
  EXPECT_EQ(read("c__torch__.a\nB\n"), "__torch__.a.B");
  EXPECT_EQ(read("\x8c\x01"
                 "a\x8c\x01"
                 "b\x93"),
            "a.b");
  EXPECT_EQ(read("cm\nf\n)R"), "m.f()");
  EXPECT_EQ(read("cm\nC\n)\x81}b"), "m.C!()={}");
  EXPECT_EQ(read("cm\nC\n)}\x92"), "m.C!(() {})");
  EXPECT_EQ(read("K\x07Q"), "<7>");
}

TEST(Pickle, KeepsSharingAndPositions) {
  const auto pickle = ReadOpcodes("]q\x01h\x01]\x87");
  ASSERT_TRUE(pickle);
  const auto items = pickle->items(pickle->root());
  EXPECT_EQ(items[0], items[1]);
  EXPECT_NE(items[0], items[2]);
  EXPECT_TRUE(pickle->shared(items[0]));
  EXPECT_FALSE(pickle->shared(items[2]));
  EXPECT_EQ(pickle->position(items[2]), 7u);
}

TEST(Pickle, ASelfReferenceIsJustANode) {
  const auto pickle = ReadOpcodes(
      "]q\x01h\x01"
      "a");
  ASSERT_TRUE(pickle);
  EXPECT_EQ(pickle->items(pickle->root())[0], pickle->root());
}

TEST(Pickle, ReadsOnePickleAfterAnother) {
  std::size_t end = 0;
  const std::string two = "\x80\x02N.\x80\x02K\x01.";
  ASSERT_TRUE(ReadText(two, {}, &end));
  EXPECT_EQ(end, 4u);
  EXPECT_EQ(Print(ReadText(two.substr(end))), "1");
}

TEST(Pickle, RefusesForbiddenGlobals) {
  Options options;
  options.allowed = [](std::string_view module, std::string_view) { return module == "__torch__"; };
  EXPECT_TRUE(ReadOpcodes("c__torch__\nM\n", options));
  // What a malicious pickle looks like: os.system("...").
  ExpectError(ReadOpcodes(std::string("cos\nsystem\nX\x04\0\0\0true\x85R", 22), options), "os.system",
              "byte 2");
  ExpectError(ReadOpcodes("\x8c\x05posix\x8c\x06system\x93", options), "posix.system", "byte 17");
  // Even where it is dropped at once.
  ExpectError(ReadOpcodes("cos\nsystem\n0N", options), "os.system");
  // Names may hold anything but a newline; PyTorch's own function under another module is another function.
  ExpectError(ReadOpcodes("c__torch__ \nM\n", options), "__torch__ .M");
}

TEST(Pickle, RefusesCallsOfOtherThanGlobals) {
  ExpectError(ReadOpcodes("N)R"), "not a global");
  ExpectError(ReadOpcodes("cm\nf\n)R)R"), "not a global");
  ExpectError(ReadOpcodes("N)\x81"), "not a global");
  ExpectError(ReadOpcodes("K\x01K\x02\x93"), "not a string");
}

TEST(Pickle, RefusesMemoOutOfRange) {
  ExpectError(ReadOpcodes(std::string("h\0", 2)), "memo index 0", "byte 2");
  ExpectError(ReadOpcodes("Nq\x01h\x02\x86"), "memo index 2", "byte 5");
  ExpectError(ReadOpcodes("Nr\xff\xff\xff\xff"), "memo index 4294967295", "byte 3");
  ExpectError(ReadOpcodes("j\xff\xff\xff\xff"), "memo index 4294967295");
  // Index 0 was never written.
  ExpectError(ReadOpcodes(std::string("Nq\x01h\0\x86", 6)), "memo index 0");
}

TEST(Pickle, RefusesHugeLengths) {
  using namespace std::string_literals;
  const std::string huge = "\x00\x00\x00\x00\x00\x00\x00\x80"s;  // 2^63
  for (const char* opcode : {"\x8d", "\x8e", "\x96", "\x95"}) {
    ExpectError(ReadOpcodes(opcode + huge + "abc"), "length");
    ExpectError(ReadOpcodes(opcode + "\xff\xff\xff\xff\xff\xff\xff\xff"s + "abc"), "length");
  }
  ExpectError(ReadOpcodes("X\xff\xff\xff\xff"
                          "abc"),
              "length");
  ExpectError(ReadOpcodes("X\x04\x00\x00\x00hi"s), "length");
  ExpectError(ReadOpcodes("\x8b\x00\x00\x00\x80"s), "negative length");
  ExpectError(ReadOpcodes("\x8b\xff\xff\xff\x7f"), "length");
  ExpectError(ReadOpcodes("\x8a\xff"), "length");
}

TEST(Pickle, RefusesABrokenStack) {
  for (const char* opcodes : {"",
                              "a",
                              "s",
                              "0",
                              "2",
                              "t",
                              "l",
                              "d",
                              "u",
                              "e",
                              "1",
                              "R",
                              "b",
                              "\x81",
                              "\x85",
                              "\x86",
                              "\x87",
                              "Q",
                              "q\x01",
                              "\x94",
                              "N\x86",
                              "(e",
                              "(u",
                              "(Ne",
                              "NNa",
                              "NNNs",
                              "]NNu",
                              "}(Nu",
                              "(Nd",
                              "NN",
                              "N(",
                              "((t",
                              "](e0",
                              "N}b",
                              "cm\nC\n)\x81}b}b",
                              "(\x85",
                              "N(\x85t",
                              "N(b",
                              "\x8f(N\x90\x90",
                              "}(Ne",
                              "](NNu",
                              "\x93",
                              "N\x93"}) {
    const auto result = ReadOpcodes(opcodes);
    EXPECT_FALSE(result) << opcodes << " gave " << Print(result);
  }
}

TEST(Pickle, RefusesUnknownOpcodes) {
  // Text opcodes of protocol 0, the extension registry, buffers outside the pickle, not a supported pickle
  // opcodes at all.
  for (const char* opcode : {"I1\n", "L1L\n", "F1\n", "S'a'\n", "Va\n", "p0\n", "P1\n", "\x82\x01", "\x97",
                             "\x98", "?", "i", "o", "\xff"}) {
    ExpectError(ReadOpcodes(opcode), "not a supported pickle opcode", "byte 2");
  }
  ExpectError(ReadText("\x80\x01N."), "protocol 1", "byte 0");
  ExpectError(ReadText("\x80\x06N."), "protocol 6", "byte 0");
}

TEST(Pickle, RefusesEveryTruncation) {
  for (const std::string_view hex : {kProtocol2, kProtocol3, kProtocol4, kProtocol5}) {
    const std::string bytes = FromHex(hex);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(ReadText(bytes.substr(0, size))) << size;
  }
}

TEST(Pickle, SurvivesAnyChangedByte) {
  const std::string bytes = FromHex(kProtocol4);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      const auto result = ReadText(changed);
      if (!result) {
        EXPECT_EQ(result.error().code(), ErrorCode::kInvalidFile);
      }
    }
  }
}

TEST(Pickle, BoundsTheNumberOfValues) {
  Options options;
  options.limits.max_pickle_nodes = 100;
  EXPECT_TRUE(ReadOpcodes("(" + std::string(99, 'N') + "t", options));
  ExpectError(ReadOpcodes("(" + std::string(100, 'N') + "t", options), "more than 100 values");
}

TEST(Pickle, DeepNestingNeedsNoStack) {
  const std::size_t depth = 1 << 20;
  const auto pickle = ReadOpcodes(std::string(depth, ']') + std::string(depth - 1, 'a'));
  ASSERT_TRUE(pickle) << pickle.error().ToString();
  EXPECT_EQ(pickle->size(), depth);
}

}  // namespace
}  // namespace octavo::pickle
