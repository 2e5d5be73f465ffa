#include "octavo/source/parser.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/source/tree_testing.h"

namespace octavo::source {
namespace {

using ::testing::HasSubstr;

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Result<std::unique_ptr<const File>> ParseText(std::string text) {
  return Parse(std::make_shared<SourceText>(SourceText{"code/__torch__/net.py", std::move(text)}));
}

std::string TreeOf(const std::string& text) {
  auto file = ParseText(text);
  return file ? DumpTree(**file) : file.error().ToString();
}

const std::filesystem::path kFixtures = std::filesystem::path(OCTAVO_SOURCE_DIR) / "tests/data/source";

std::vector<std::string> FixtureNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFixtures)) {
    if (entry.path().extension() == ".py") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Fixture : public ::testing::TestWithParam<std::string> {};

// The .tree files come from CPython's parser, byte ranges included.
TEST_P(Fixture, ReadsAsPythonDoes) {
  const std::filesystem::path path = kFixtures / (GetParam() + ".py");
  EXPECT_EQ(TreeOf(ReadText(path)), ReadText(std::filesystem::path(path).replace_extension(".tree")));
}

// A file with carriage returns, or without a last line break, says the same but for the ranges.
TEST_P(Fixture, LastLineBreakIsOptional) {
  std::string text = ReadText(kFixtures / (GetParam() + ".py"));
  const std::string expected = TreeOf(text);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  EXPECT_EQ(TreeOf(text), expected);
}

// Every file ends up with a tree or with an error that has a place, wherever it is cut off.
TEST_P(Fixture, CutOffAnywhere) {
  const std::string text = ReadText(kFixtures / (GetParam() + ".py"));
  for (std::size_t length = 0; length < text.size(); length += 1 + text.size() / 200) {
    auto file = ParseText(text.substr(0, length));
    if (file) continue;
    EXPECT_THAT(file.error().where(), HasSubstr("code/__torch__/net.py:"));
    EXPECT_FALSE(file.error().excerpt().empty() && length > 0 && text[length - 1] != '\n');
  }
}

TEST_P(Fixture, AnyByteReplaced) {
  const std::string text = ReadText(kFixtures / (GetParam() + ".py"));
  const std::string replacements = std::string("\0\n\"\\( ]:,=*0a-.", 15) + "\xff";
  for (std::size_t i = 0; i < text.size(); i += 1 + text.size() / 60) {
    std::string changed = text;
    for (const char c : replacements) {
      changed[i] = c;
      auto file = ParseText(changed);
      const std::string where = file ? "code/__torch__/net.py:" : file.error().where();
      EXPECT_THAT(where, HasSubstr("code/__torch__/net.py:"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Printed, Fixture, ::testing::ValuesIn(FixtureNames()),
                         [](const auto& test) { return test.param; });

// What torch/csrc/jit/serialization/python_print.cpp can write, in its order: each form is in a fixture that
// PyTorch printed, so that the comparison above covers it.
TEST(Printer, EveryFormIsInAFixture) {
  std::string all;
  for (const std::string& name : FixtureNames()) {
    if (name != "grammar") all += ReadText(kFixtures / (name + ".py"));
  }
  const std::vector<std::string> forms = {
      // Statements.
      "\n  if ",
      "\n  else:\n    pass",
      "last: Optional[int] = None",  // a loop's variable whose type the value does not tell
      "in range(",
      "\n  while ",
      ", = ",  // tuple and list unpacking
      "_3, x0, last, _2 = _7, _4, _5, _6",
      "self.count = torch.add(",  // SetAttr
      "def __forked_function():",
      "fork(__forked_function)",
      "with guard as ",
      "with guard:\n    pass",
      "chosen : __torch__.Stage = blocks0[",  // a module out of a list of them
      "return None",
      // Expressions.
      "uninitialized(",
      "annotate(List[List[int]], [])",
      "annotate(Dict[int, Tuple[()]], {})",
      "int(",
      "float(",
      "bool(",
      "str(",
      "print(",
      "sorted(",
      "table[key]",
      "__torch__.Point((p)[0], None, (p)[2])",
      "(torch.add((inputs)[0], 1),)",
      "__torch__.Doubler.__new__(__torch__.Doubler)",
      "self.rate",
      "getattr(self, \"0\")",
      "_0(input, 0.5, training, False, )",
      "(self).helper(",
      "_unwrap_optional(",
      "unchecked_cast(Tensor, ",
      "isinstance(y, int)",
      "isinstance(y1, (float, str))",
      ".tolist()",
      "(mode).value",
      "(mode).name",
      "torch.add(x, x, alpha=2)",
      "torch.autograd.grad(",
      "ops.quantized.conv2d_relu(",
      "ops.prim.RaiseException(",
      "torch.format(",
      "__torch__.Mode.LINEAR",
      // Constants.
      "CONSTANTS.c0",
      "9223372036854775807",
      "-9223372036854775807",
      "1.0000000000000001e-05",
      "4.9406564584124654e-324",
      "1.0000000000000001e+300",
      "1., -0.5",
      "nan",
      "=-inf",
      "0.+infj",
      "1.-2.5j",
      R"("it\'s \"quoted\"")",
      R"("\001\a\b\v\f\037\177")",
      R"("tab\tnew\nline\rback\\slash")",
      "torch.device(\"cuda:0\")",
      "(True, False, None, ",
      "(1,), ()",
      // Classes.
      "class Everything(Module):",
      "__parameters__ = [\"weight\", ]",
      "__buffers__ = [\"mean\", ]",
      "__forward_pre_hooks__ = [\"before\", ]",
      "__forward_hooks__ = [\"after\", ]",
      "__annotations__[\"0\"] = __torch__.Inner",
      "PADDING : Final[int] = 3",
      "class Doubler:",
      "(NamedTuple):",
      "(ModuleInterface):",
      "(Interface):",
      "(Enum):",
      "NEAREST = \"nearest\"",
      "HALF = 0.5",
      // Functions.
      "limit: float=inf,\n    bottom: float",
      "def __len__(self: __torch__.torch.nn.modules.container.ModuleList) -> int:",
      "def scale(self, x: Tensor, factor: float) -> Tensor:\n    pass",
      // Types.
      "Dict[str, List[Optional[int]]]",
      "Union[",
      "Tuple[()]",
      "Any",
      "NoneType",
      "Device",
      "complex",
      "__torch__.torch.classes.quantized.Conv2dPackedParamsBase",
  };
  for (const std::string& form : forms) EXPECT_TRUE(all.find(form) != std::string::npos) << form;
}

TEST(Parser, EmptyFiles) {
  EXPECT_EQ(TreeOf(""), "");
  EXPECT_EQ(TreeOf("\n\n"), "");
  EXPECT_EQ(TreeOf("# nothing"), "");
  EXPECT_EQ(TreeOf("  \n\t# nothing\n  "), "");
}

TEST(Parser, TheFirstLinesIndentationIsTheOutermost) {
  EXPECT_EQ(TreeOf("\n    def f():\n      pass\n    def g(): pass\n"),
            "def \"f\" -\n  pass\ndef \"g\" -\n  pass\n");
}

TEST(Parser, CarriageReturnsAndTabsAreBlanks) {
  EXPECT_EQ(TreeOf("def f():\r\n\tpass\r\n\r\n\tbreak\r\n"), "def \"f\" -\n  pass\n  break\n");
}

TEST(Parser, TypeComments) {
  EXPECT_EQ(TreeOf("def f(a, b):\n  # type: (int, List[int]) -> Tensor\n  pass\n"),
            "def \"f\" (name@43-49 \"Tensor\")\n"
            "    parameter \"a\" (name@24-27 \"int\") -\n"
            "    parameter \"b\" (subscript@29-38 (name@29-33 \"List\") (name@34-37 \"int\")) -\n"
            "  pass\n");
  EXPECT_EQ(TreeOf("def f(a):  # type: (int)\n  pass\n"),
            "def \"f\" -\n    parameter \"a\" (name@20-23 \"int\") -\n  pass\n");
  EXPECT_EQ(TreeOf("class A:\n  def f(self, a):\n    # type: (int) -> None\n    pass\n"),
            "class \"A\"\n  def \"f\" (none@48-52)\n      parameter \"self\" - -\n"
            "      parameter \"a\" (name@40-43 \"int\") -\n    pass\n");
  // Elsewhere, and in other words, it is a comment as any other.
  EXPECT_EQ(TreeOf("def f():\n  # type: ignore\n  pass  # type: (int\n"), "def \"f\" -\n  pass\n");
}

TEST(Parser, TypeCommentWithAnotherNumberOfParameters) {
  auto file = ParseText("def f(a):\n  # type: (int, int) -> int\n  pass\n");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the type comment has another number of parameters than the function");
  EXPECT_EQ(file.error().where(), "code/__torch__/net.py:2:3");
}

// A second method's own first comment is not taken from an earlier line.
TEST(Parser, TypeCommentBelongsToItsFunction) {
  EXPECT_EQ(TreeOf("def f(a):\n  # type: (int) -> int\n  pass\ndef g(a): pass\n"),
            "def \"f\" (name@29-32 \"int\")\n    parameter \"a\" (name@21-24 \"int\") -\n  pass\n"
            "def \"g\" -\n    parameter \"a\" - -\n  pass\n");
}

TEST(Parser, BytesBeyondAsciiInStrings) {
  auto file = ParseText("a = \"caf\xc3\xa9 \xff\\377\"\n");
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->statements.at(0)->value->text, "caf\xc3\xa9 \xff\xff");
}

TEST(Parser, RangesOfDefinitionsAndStatements) {
  const std::string text =
      "class A(Module):\n  x : int\n  def f(self, y: int=3) -> int:\n    if y:\n      return y\n";
  auto file = ParseText(text);
  ASSERT_TRUE(file) << file.error().ToString();
  const auto text_of = [&text](const SourceRange& range) {
    return text.substr(range.begin, range.end - range.begin);
  };
  const Class& parsed = *(*file)->classes.at(0);
  const Function& method = *parsed.methods.at(0);
  EXPECT_EQ(text_of(parsed.range), "class A(Module):");
  EXPECT_EQ(text_of(parsed.body.at(0)->range), "x : int");
  EXPECT_EQ(text_of(method.range), "def f(self, y: int=3) -> int:");
  EXPECT_EQ(text_of(method.parameters.at(1).range), "y: int=3");
  EXPECT_EQ(text_of(method.body.at(0)->range), "if y:");
  EXPECT_EQ(text_of(method.body.at(0)->body.at(0)->range), "return y");
  EXPECT_EQ(method.body.at(0)->range.Place(), "code/__torch__/net.py:4:5");
}

TEST(Parser, LeavesOutWhatIsForSavingOnly) {
  const std::string text =
      "class A(Module):\n  x : int\n"
      "  def __getstate__(self) -> Tuple[int]:\n    if True:\n      y = [1,\n2]\n    return (self.x,)\n"
      "  def f(self) -> int:\n    return 1\n";
  const auto parse = [](std::string given, Parts parts, std::shared_ptr<Arena> arena = nullptr) {
    return Parse(std::make_shared<SourceText>(SourceText{"a.py", std::move(given)}), {}, parts,
                 std::move(arena));
  };
  auto all = parse(text, Parts::kAll);
  const auto arena = std::make_shared<Arena>();
  auto part = parse(text, Parts::kWithoutSaving, arena);
  ASSERT_TRUE(all && part);
  EXPECT_GT(arena.use_count(), 1);
  const auto& methods = (*part)->classes.at(0)->methods;
  ASSERT_EQ(methods.size(), 2);
  EXPECT_TRUE(methods[0]->skipped);
  EXPECT_TRUE(methods[0]->body.empty());
  EXPECT_FALSE(methods[1]->skipped);
  EXPECT_EQ(methods[1]->body.size(), 1);
  EXPECT_FALSE((*all)->classes.at(0)->methods.at(0)->skipped);
  EXPECT_EQ((*all)->classes.at(0)->methods.at(0)->body.size(), 2);
  EXPECT_FALSE(parse(text.substr(0, text.find("2]")), Parts::kWithoutSaving));
  EXPECT_FALSE(parse("class A(Module):\n  def __getstate__(self):\n    x = 'a\n", Parts::kWithoutSaving));
}

TEST(Parser, KeepsTheSource) {
  auto source = std::make_shared<SourceText>(SourceText{"a.py", "x = 1\n"});
  auto file = Parse(source);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->source, source);
  EXPECT_EQ((*file)->nodes, 3);  // statement, name, number
}

}  // namespace
}  // namespace octavo::source
