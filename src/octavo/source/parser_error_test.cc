// What the parser refuses: for each, the message, its place and the part of the line that it points at.

#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/source/parser.h"

namespace octavo::source {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<std::unique_ptr<const File>> ParseBroken(std::string text, const Limits& limits = {}) {
  return Parse(std::make_shared<SourceText>(SourceText{"net.py", std::move(text)}), limits);
}

struct Refused {
  std::string text;
  std::string what;
  std::string place;   // line:column
  std::string carets;  // what the carets stand under; "" at the end of a line
};

void PrintTo(const Refused& refused, std::ostream* stream) { *stream << refused.text; }

class Refusal : public ::testing::TestWithParam<Refused> {};

TEST_P(Refusal, SaysWhatAndWhere) {
  const Refused& expected = GetParam();
  auto file = ParseBroken(expected.text);
  ASSERT_FALSE(file);
  const Error& error = file.error();
  EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
  EXPECT_EQ(error.what(), expected.what);
  EXPECT_EQ(error.where(), "net.py:" + expected.place);
  const std::string& excerpt = error.excerpt();
  const std::size_t line_end = excerpt.find('\n');
  ASSERT_NE(line_end, std::string::npos);
  const std::size_t first = excerpt.find('^', line_end);
  ASSERT_NE(first, std::string::npos);
  const std::string line = excerpt.substr(0, line_end);
  const std::size_t column = std::min(first - line_end - 1, line.size());
  EXPECT_EQ(line.substr(column, excerpt.size() - first), expected.carets);
}

INSTANTIATE_TEST_SUITE_P(
    Tokens, Refusal,
    ::testing::Values(
        Refused{"x = $\n", "unexpected character", "1:5", "$"},
        Refused{"x = a ? b\n", "unexpected character", "1:7", "?"},
        Refused{"x = !a\n", "unexpected character", "1:5", "!"},
        Refused{"x = `a`\n", "unexpected character", "1:5", "`"},
        Refused{"caf\xc3\xa9 = 1\n", "unexpected character", "1:4", "\xc3\xa9"},
        Refused{std::string("x = \0\n", 6), "unexpected zero byte", "1:5", std::string("\0", 1)},
        Refused{"x = a \\ b\n", "unexpected character '\\'", "1:7", "\\"},
        Refused{"x = \"abc\n", "the string is not closed", "1:5", "\""},
        Refused{"x = \"abc\\", "the string is not closed", "1:5", "\""},
        Refused{"x = \"\"\"abc\n\n", "the string is not closed", "1:5", "\"\"\""},
        Refused{"x = 1_000\n", "not a number", "1:5", "1_000"},
        Refused{"x = 1abc\n", "not a number", "1:5", "1abc"},
        Refused{"x = 1.5e\n", "not a number", "1:5", "1.5e"},
        Refused{"x = 0b11\n", "not a number", "1:5", "0b11"},
        Refused{"x = 0x\n", "a hexadecimal number needs digits", "1:5", "0x"},
        Refused{"x = 0x1g\n", "not a number", "1:5", "0x1g"},
        Refused{"x = 007\n", "an integer must not begin with 0", "1:5", "007"},
        Refused{"x = 9223372036854775808\n", "the number is out of range", "1:5", "9223372036854775808"},
        Refused{"x = -9223372036854775809\n", "the number is out of range", "1:6", "9223372036854775809"},
        Refused{"x = 99999999999999999999999\n", "the number is out of range", "1:5",
                "99999999999999999999999"},
        Refused{"x = 0x10000000000000000\n", "the number is out of range", "1:5", "0x10000000000000000"},
        Refused{"x = 1e999\n", "the number is out of range", "1:5", "1e999"},
        Refused{"x = \"a\\q\"\n", "unknown escape sequence in a string", "1:7", "\\q"},
        Refused{"x = \"\\x4\"\n", "unknown escape sequence in a string", "1:6", "\\x"},
        Refused{"x = \"\\u0041\"\n", "unknown escape sequence in a string", "1:6", "\\u"},
        Refused{"x = \"\\N{DASH}\"\n", "unknown escape sequence in a string", "1:6", "\\N"},
        Refused{"x = \"\\400\"\n", "an octal escape sequence must be at most \\377", "1:6", "\\4"}));

INSTANTIATE_TEST_SUITE_P(
    Indentation, Refusal,
    ::testing::Values(Refused{"def f():\npass\n", "expected an indented block, found the end of the line",
                              "1:9", ""},
                      Refused{"def f():", "expected an indented block, found the end of the line", "1:9", ""},
                      Refused{"class A:\nclass B:\n  pass\n",
                              "expected an indented block, found the end of the line", "1:9", ""},
                      Refused{"class A: pass\n", "expected an indented block, found 'pass'", "1:10", "pass"},
                      Refused{"def f():\n    pass\n  pass\n",
                              "the indentation of this line does not match any enclosing block", "3:3", "p"},
                      Refused{"  def f():\n    pass\ndef g(): pass\n",
                              "the indentation of this line does not match any enclosing block", "3:1", "d"},
                      Refused{"x = 1\n  y = 2\n", "unexpected indentation", "2:3", "y"},
                      Refused{"def f():\n  pass\n    pass\n", "unexpected indentation", "3:5", "p"}));

INSTANTIATE_TEST_SUITE_P(
    Brackets, Refusal,
    ::testing::Values(Refused{"x = f(a\n", "expected ')' to close the call, found the end of the file", "2:1",
                              ""},
                      Refused{"x = (a]\n", "expected ')' to close the '(', found ']'", "1:7", "]"},
                      Refused{"x = [a)\n", "expected ']' to close the '[', found ')'", "1:7", ")"},
                      Refused{"x = {a: b)\n", "expected '}' to close the '{', found ')'", "1:10", ")"},
                      Refused{"x = {a, b}\n", "expected ':' after a dictionary's key, found ','", "1:7", ","},
                      Refused{"x = a)\n", "expected the end of the line, found ')'", "1:6", ")"},
                      Refused{"x = a[]\n", "expected an index, found ']'", "1:7", "]"},
                      Refused{"x = (,)\n", "expected an expression, found ','", "1:6", ","},
                      Refused{"x = [,]\n", "expected an expression, found ','", "1:6", ","},
                      Refused{"x = f(,)\n", "expected an expression, found ','", "1:7", ","},
                      Refused{"x = f(a b)\n", "expected ')' to close the call, found a name", "1:9", "b"},
                      Refused{"x = f(a.b=c)\n", "expected ')' to close the call, found '='", "1:10", "="},
                      Refused{"x = f((a)=c)\n", "expected ')' to close the call, found '='", "1:10", "="},
                      Refused{"x = f(**a)\n", "expected an expression, found '**'", "1:7", "**"}));

INSTANTIATE_TEST_SUITE_P(
    Expressions, Refusal,
    ::testing::Values(
        Refused{"x = \n", "expected an expression, found the end of the line", "1:5", ""},
        Refused{"x = a +\n", "expected an expression, found the end of the line", "1:8", ""},
        Refused{"x = a.\n", "expected a name after '.', found the end of the line", "1:7", ""},
        Refused{"x = a.1\n", "expected the end of the line, found a number", "1:6", ".1"},
        Refused{"x = a.if\n", "expected a name after '.', found 'if'", "1:7", "if"},
        Refused{"x = a b\n", "expected the end of the line, found a name", "1:7", "b"},
        Refused{"x = a not b\n", "expected 'in' after 'not', found a name", "1:11", "b"},
        Refused{"x = a if b\n", "expected 'else' after the condition, found the end of the line", "1:11", ""},
        Refused{"x = a < b < c\n", "'<' needs parentheses here", "1:11", "<"},
        Refused{"x = a in b not in c\n", "'not' needs parentheses here", "1:12", "not"},
        Refused{"x = a or b and c\n", "'and' needs parentheses here", "1:12", "and"},
        Refused{"x = a and b or c\n", "'or' needs parentheses here", "1:13", "or"},
        Refused{"x = ~a + b\n", "the operand of '~' needs parentheses", "1:5", "~"},
        Refused{"x = -2 ** 2\n", "a negative number needs parentheses here", "1:5", "-2"},
        Refused{"x = -1 .real\n", "a negative number needs parentheses here", "1:5", "-1"},
        Refused{"x = *a\n", "'*' before a value is allowed only in a call", "1:5", "*"},
        Refused{"x = lambda a: a\n", "lambda is not part of TorchScript", "1:5", "lambda"},
        Refused{"x = ^Function(1)(a)\n",
                "the model calls a Python function (marked '^'), which is not part of the saved file", "1:5",
                "^"},
        Refused{"x = [a for b in c if d]\n", "expected 'else' after the condition, found ']'", "1:23", "]"},
        Refused{"x = [a for b in c for d in e]\n",
                "TorchScript supports one 'for' and no 'if' in a comprehension", "1:19", "for"},
        Refused{"x = [a for f() in c]\n", "assignment to this expression is not supported", "1:12", "f()"},
        Refused{"x = [a, b for b in c]\n", "expected ']' to close the '[', found 'for'", "1:11", "for"},
        Refused{"x = {a: b for b in c}\n", "dictionary comprehensions are not supported", "1:11", "for"},
        Refused{"x = (a for b in c)\n", "expected ')' to close the '(', found 'for'", "1:8", "for"},
        Refused{"x = a := b\n", "expected the end of the line, found ':'", "1:7", ":"},
        Refused{"x = f\"{a}\"\n", "expected the end of the line, found a string", "1:6", "\"{a}\""},
        Refused{"x = a <> b\n", "expected an expression, found '>'", "1:8", ">"}));

INSTANTIATE_TEST_SUITE_P(
    Statements, Refusal,
    ::testing::Values(
        Refused{"1 = a\n", "expected a class or a function, found a number", "1:1", "1"},
        Refused{"def f():\n  1 = a\n", "assignment to this expression is not supported", "2:3", "1"},
        Refused{"def f():\n  f() = a\n", "assignment to this expression is not supported", "2:3", "f()"},
        Refused{"def f():\n  a = b() = c\n", "assignment to this expression is not supported", "2:7", "b()"},
        Refused{"def f():\n  () = a\n", "assignment to this expression is not supported", "2:3", "()"},
        Refused{"def f():\n  [a] = b\n", "assignment to this expression is not supported", "2:3", "[a]"},
        Refused{"def f():\n  a, 1 = b\n", "assignment to this expression is not supported", "2:6", "1"},
        Refused{"def f():\n  a, b += c\n", "an augmented assignment must have a single target", "2:8", "+="},
        Refused{"def f():\n  a, b : int = c\n", "a type annotation must have a single target", "2:8", ":"},
        Refused{"def f():\n  a : int = b = c\n", "a type annotation must have a single target", "2:13", "b"},
        Refused{"def f():\n  a : = b\n", "expected an expression, found '='", "2:7", "="},
        Refused{"def f():\n  a = 1; b = 2\n", "unexpected character", "2:8", ";"},
        Refused{"def f():\n  if a\n    pass\n", "expected ':' after the condition, found the end of the line",
                "2:7", ""},
        Refused{"def f():\n  else:\n    pass\n", "expected an expression, found 'else'", "2:3", "else"},
        Refused{"def f():\n  if a:\n    pass\n  else\n",
                "expected ':' after 'else', found the end of the line", "4:7", ""},
        Refused{"def f():\n  while a: if b: pass\n", "expected an expression, found 'if'", "2:12", "if"},
        Refused{"def f():\n  for 1 in a: pass\n", "assignment to this expression is not supported", "2:7",
                "1"},
        Refused{"def f():\n  for a: pass\n", "expected 'in' after the loop variable, found ':'", "2:8", ":"},
        Refused{"def f():\n  for a in b, c: pass\n", "expected ':' after the loop's iterable, found ','",
                "2:13", ","},
        Refused{"def f():\n  with a as 1: pass\n", "assignment to this expression is not supported", "2:13",
                "1"},
        Refused{"def f():\n  del 1\n", "assignment to this expression is not supported", "2:7", "1"},
        Refused{"def f():\n  pass pass\n", "expected the end of the line, found 'pass'", "2:8", "pass"},
        Refused{"def f():\n  global a\n", "'global' is not allowed here", "2:3", "global"},
        Refused{"def f():\n  import os\n", "'import' is not allowed here", "2:3", "import"},
        Refused{"def f():\n  class A:\n    pass\n", "'class' is not allowed here", "2:3", "class"},
        Refused{"def f():\n  try:\n    pass\n", "expected an expression, found the end of the line", "2:7",
                ""},
        Refused{"def f():\n  yield a\n", "expected the end of the line, found a name", "2:9", "a"}));

INSTANTIATE_TEST_SUITE_P(
    Definitions, Refusal,
    ::testing::Values(
        Refused{"os.system(\"rm\")\n", "expected a class or a function", "1:1", "os.system(\"rm\")"},
        Refused{"x += 1\n", "expected a class or a function", "1:1", "x += 1"},
        Refused{"pass\n", "expected a class or a function, found 'pass'", "1:1", "pass"},
        Refused{"if a:\n  pass\n", "expected a class or a function, found 'if'", "1:1", "if"},
        Refused{"@torch.jit.script\ndef f(): pass\n", "expected a class or a function, found '@'", "1:1",
                "@"},
        Refused{"import os as o\n", "expected the end of the line, found 'as'", "1:11", "as"},
        Refused{"from os import path\n", "expected the end of the line, found a name", "1:6", "os"},
        Refused{"import .a\n", "expected a name after 'import', found '.'", "1:8", "."},
        Refused{"def 1(): pass\n", "expected a name after 'def', found a number", "1:5", "1"},
        Refused{"def f: pass\n", "expected '(' after the function's name, found ':'", "1:6", ":"},
        Refused{"def f(a b): pass\n", "expected ')' after the parameters, found a name", "1:9", "b"},
        Refused{"def f(1): pass\n", "expected a parameter's name, found a number", "1:7", "1"},
        Refused{"def f(*a): pass\n",
                "expected ',' after '*'; TorchScript does not support variadic arguments", "1:8", "a"},
        Refused{"def f(*, *): pass\n", "expected a parameter's name, found '*'", "1:10", "*"},
        Refused{"def f(**a): pass\n", "expected a parameter's name, found '**'", "1:7", "**"},
        Refused{"def f(a=): pass\n", "expected an expression, found ')'", "1:9", ")"},
        Refused{"def f() -> : pass\n", "expected an expression, found ':'", "1:12", ":"},
        Refused{"def f()\n  pass\n",
                "expected ':' after the function's parameters, found the end of the line", "1:8", ""},
        Refused{"class 1:\n  pass\n", "expected a name after 'class', found a number", "1:7", "1"},
        Refused{"class A(Module:\n  pass\n", "expected ')' after the base class, found ':'", "1:15", ":"},
        Refused{"class A:\n  if x: pass\n", "only attributes and methods are allowed in a class", "2:3",
                "if x:"},
        Refused{"class A:\n  f(x)\n", "only attributes and methods are allowed in a class", "2:3", "f(x)"},
        Refused{"class A:\n  class B:\n    pass\n", "'class' is not allowed here", "2:3", "class"},
        Refused{"def f(a):\n  # type: (int -> int\n  pass\n", "expected ')' after the types, found '->'",
                "2:16", "->"}));

// Every way to nest, 10,000 deep: one clear error, and neither the parser nor what destroys the tree
// overflows.
class Deep : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST_P(Deep, IsRefused) {
  const auto& [before, after] = GetParam();
  for (const int times : {401, 10'000, 100'000}) {
    auto file = ParseBroken("x = " + Repeat(before, times) + "a" + Repeat(after, times) + "\n");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().what(), "the code is nested more than 400 levels deep");
    EXPECT_THAT(file.error().where(), StartsWith("net.py:1:"));
    EXPECT_LT(file.error().excerpt().size(), 1000);
  }
}

TEST_P(Deep, IsReadUpToTheLimit) {
  const auto& [before, after] = GetParam();
  // Some forms take two levels a time.
  auto file = ParseBroken("x = " + Repeat(before, 190) + "a" + Repeat(after, 190) + "\n");
  EXPECT_TRUE(file) << file.error().ToString();
}

INSTANTIATE_TEST_SUITE_P(Expressions, Deep,
                         ::testing::Values(std::pair{"(", ")"}, std::pair{"[", "]"}, std::pair{"{1:", "}"},
                                           std::pair{"f(", ")"}, std::pair{"f(k=", ")"},
                                           std::pair{"f(*", ")"}, std::pair{"a[", "]"}, std::pair{"a[:", "]"},
                                           std::pair{"(", ",)"}, std::pair{"-", ""}, std::pair{"not ", ""},
                                           std::pair{"~", ""}, std::pair{"", ".b"}, std::pair{"", "()"},
                                           std::pair{"", "[0]"}, std::pair{"", " + a"},
                                           std::pair{"", " and a"}, std::pair{"", " ** a"},
                                           std::pair{"", " if a else a"}, std::pair{"a if ", " else a"},
                                           std::pair{"[a for b in ", "]"}, std::pair{"[", " for b in a]"},
                                           std::pair{"", ".b + a"}));

// Brackets and chains together stay within one bound, too: the tree's height is what counts.
TEST(DeepTree, ChainsInsideBrackets) {
  std::string expression = "a";
  for (int i = 0; i < 399; ++i) expression = "(" + expression + Repeat(".b", 300) + ")";
  auto file = ParseBroken("x = " + expression + "\n");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the code is nested more than 400 levels deep");
}

TEST(DeepTree, Blocks) {
  const auto nested = [](int depth) {
    std::string text = "def f():\n";
    for (int i = 1; i <= depth; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + "if a:\n";
    return text + std::string(static_cast<std::size_t>(depth) + 1, ' ') + "pass\n";
  };
  EXPECT_TRUE(ParseBroken(nested(390)));
  auto file = ParseBroken(nested(10'000));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the code is nested more than 400 levels deep");
}

TEST(DeepTree, ElifsAndWithItems) {
  const std::string elifs = "def f():\n  if a: pass\n" + Repeat("  elif a: pass\n", 10'000);
  auto file = ParseBroken(elifs);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the code is nested more than 400 levels deep");
  file = ParseBroken("def f():\n  with a" + Repeat(", a", 10'000) + ": pass\n");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the code is nested more than 400 levels deep");
  file = ParseBroken("def f():\n  " + Repeat("(", 10'000) + "a" + Repeat(",)", 10'000) + " = b\n");
  ASSERT_FALSE(file);
}

TEST(WideTree, IsRead) {
  auto file = ParseBroken("x = [" + Repeat("1, ", 100'000) + "]\n" + Repeat("def f(): pass\n", 10'000));
  ASSERT_TRUE(file) << file.error().ToString();
  EXPECT_EQ((*file)->statements.at(0)->value->children.size(), 100'000);
  EXPECT_EQ((*file)->functions.size(), 10'000);
}

TEST(WideTree, HasALimit) {
  Limits limits;
  limits.max_syntax_nodes = 1000;
  for (const std::string part : {"1, ", "a(), ", "f(b=1), "}) {
    auto file = ParseBroken("x = [" + Repeat(part, 1000) + "]\n", limits);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().what(), "the source file has more than 1000 syntax nodes");
  }
  for (const std::string part : {"def f(): pass\n", "y = 1\n", "class A:\n  pass\n", "def f(a, b): pass\n"}) {
    auto file = ParseBroken(Repeat(part, 1001), limits);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().what(), HasSubstr("more than 1000 syntax nodes"));
  }
}

TEST(DeepTree, TheLimitIsTheCallers) {
  Limits limits;
  limits.max_source_depth = 10;
  EXPECT_TRUE(ParseBroken("x = ((((((((1))))))))\n", limits));
  auto file = ParseBroken("x = ((((((((((1))))))))))\n", limits);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "the code is nested more than 10 levels deep");
}

}  // namespace
}  // namespace octavo::source
