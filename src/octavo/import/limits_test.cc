#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/base/bug.h"
#include "octavo/import/program_testing.h"

// Programs that would run for ever, fill the memory or the stack.

namespace octavo::import {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::string Message(const std::string& body, const std::string& globals = {}, Limits limits = {}) {
  std::string text = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    ";
  for (const char c : body) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  const auto imported =
      Import(MakeModule(text + "\n", {}, globals), TestRules(), {.inputs = {Input({2})}, .limits = limits});
  return imported ? std::string("no error") : imported.error().ToString();
}

TEST(Limits, EndlessLoopsEnd) {
  Limits limits;
  limits.max_steps = 100'000;
  EXPECT_THAT(Message("while True:\n  pass\nreturn x", {}, limits),
              HasSubstr("takes more than 100000 steps"));
  EXPECT_THAT(Message("n = 0\nwhile True:\n  n = torch.add(n, 1)\nreturn x", {}, limits), HasSubstr("steps"));
  EXPECT_THAT(Message("a = [1]\nfor i in range(1000000):\n  b = torch.sorted(a)\nreturn x", {}, limits),
              HasSubstr("steps"));
}

// Each would take minutes if a call counted as one step, or as the length of its result.
TEST(Limits, WorkInsideOfACallCounts) {
  Limits limits;
  limits.max_steps = 1'000'000;
  const std::string endless[] = {
      "while True:\n  a = torch.mul([], 1000000)\nreturn x",
      "while True:\n  a = torch.mul(\"\", 1000000)\nreturn x",
      "s = torch.mul(\"a\", 500000)\np = torch.add(torch.mul(\"a\", 250000), \"b\")\n"
      "while True:\n  a = torch.find(s, p)\nreturn x",
      "s = torch.mul(\"a\", 500000)\np = torch.add(torch.mul(\"a\", 250000), \"b\")\n"
      "while True:\n  a = torch.__contains__(s, p)\nreturn x",
      "s = torch.mul(\"a\", 500000)\np = torch.add(torch.mul(\"a\", 250000), \"b\")\n"
      "while True:\n  a = torch.replace(s, p, \"c\")\nreturn x",
      "s = torch.mul(\"a\", 500000)\nc = torch.add(torch.mul(\"c\", 500000), \"a\")\n"
      "while True:\n  a = torch.strip(s, c)\nreturn x",
      "s = torch.mul(\"1\", 1000000)\nwhile True:\n  a = torch.isdigit(s)\nreturn x",
      "s = torch.mul(\"1\", 1000000)\nwhile True:\n  a = torch.startswith(s, s)\nreturn x",
      "s = torch.mul(\"1\", 1000000)\nl = torch.mul([torch.add(torch.mul(\"1\", 999999), \"2\")], 1000)\n"
      "while True:\n  a = torch.__contains__(l, s)\nreturn x",
      "l = torch.mul([torch.mul(\"1\", 1000000)], 1000)\nwhile True:\n  a = torch.sorted(l)\nreturn x",
      "s = torch.mul(\"1\", 1000000)\nt = torch.add(s, \"\")\nwhile True:\n  a = torch.eq(s, t)\nreturn x",
      "s = torch.mul(\"1\", 1000000)\nt = torch.add(s, \"\")\nwhile True:\n  a = torch.lt(s, t)\nreturn x",
  };
  constexpr double kSeconds = kSanitized ? 25 : 5;
  for (const std::string& body : endless) {
    const std::clock_t begin = std::clock();
    EXPECT_THAT(Message(body, {}, limits), AnyOf(HasSubstr("steps"), HasSubstr("values"))) << body;
    EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, kSeconds) << body;
  }
}

TEST(Limits, DictsAndListsOfProgramsAreNoTrouble) {
  const Limits limits;
  const std::string bodies[] = {
      "d = annotate(Dict[int, int], {})\nfor i in range(100000):\n  d[i] = i\nreturn x",
      "d = annotate(Dict[str, int], {})\nfor i in range(50000):\n  d[str(i)] = i\n"
      "for i in range(50000):\n  a = d[str(i)]\nreturn x",
      "d = annotate(List[int], [])\nfor i in range(10000):\n  torch.insert(d, 0, i)\n"
      "for i in range(10000):\n  a = torch.pop(d, 0)\nreturn x",
      "d = annotate(Dict[int, int], {})\nfor i in range(3000):\n  d[i] = i\n"
      "for i in range(3000):\n  a = torch.popitem(d)\nreturn x",
  };
  for (const std::string& body : bodies) EXPECT_EQ(Message(body, {}, limits), "no error") << body;
}

TEST(Limits, DictsFindTheirKeys) {
  // After a removal in the middle, in a dict that is large enough for an index.
  EXPECT_EQ(
      Message(
          "d = annotate(Dict[int, int], {})\nfor i in range(100):\n  d[i] = torch.mul(i, 2)\n"
          "a = torch.pop(d, 50)\nassert torch.eq(a, 100), \"popped\"\n"
          "assert torch.eq(d[51], 102), \"behind\"\nassert torch.eq(d[99], 198), \"last\"\n"
          "assert torch.__not__(torch.__contains__(d, 50)), \"gone\"\n"
          "d[50] = 7\nassert torch.eq(d[50], 7), \"again\"\nassert torch.eq(torch.len(d), 100), \"size\"\n"
          "b = torch.copy(d)\nassert torch.eq(b, d), \"copy\"\nb[3] = 1\n"
          "assert torch.ne(b, d), \"other\"\nreturn x"),
      "no error");
  EXPECT_EQ(
      Message("d = annotate(Dict[str, int], {})\nfor i in range(40):\n  d[str(i)] = i\n"
              "del d[\"7\"]\nassert torch.eq(d[\"8\"], 8), \"behind\"\n"
              "assert torch.__not__(torch.__contains__(d, \"7\")), \"gone\"\n"
              "torch.clear(d)\nassert torch.__not__(torch.__contains__(d, \"8\")), \"clear\"\nreturn x"),
      "no error");
  EXPECT_THAT(
      Message("d = annotate(Dict[int, int], {})\nfor i in range(40):\n  d[i] = i\na = d[40]\nreturn x"),
      HasSubstr("no key 40"));
}

TEST(Limits, ValuesDoNotFillTheMemory) {
  EXPECT_THAT(Message("a = [1]\nwhile True:\n  a = torch.add(a, a)\nreturn x"), HasSubstr("more than"));
  EXPECT_THAT(Message("a = [1]\nwhile True:\n  a = [a]\nreturn x"), HasSubstr("values"));
  EXPECT_THAT(Message("s = \"abcdefgh\"\nwhile True:\n  s = torch.add(s, s)\nreturn x"),
              HasSubstr("too long"));
  EXPECT_THAT(Message("a = range(1000000)\nb = []\nwhile True:\n  torch.extend(b, a)\nreturn x"),
              HasSubstr("items"));
  EXPECT_THAT(Message("n = torch.mul([0], 1000000000000)\nreturn x"),
              HasSubstr("repeat count of a list is too large"));
  Limits limits;
  limits.max_graph_nodes = 1000;
  EXPECT_THAT(Message("while True:\n  y = torch.relu(x)\nreturn x", {}, limits), HasSubstr("operators"));
}

TEST(Limits, AListThatHoldsItselfIsNoTrouble) {
  EXPECT_EQ(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nreturn x"), "no error");
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\ns = str(a)\nreturn x"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nb = annotate(List[Any], [])\n"
                      "_1 = torch.append(b, b)\ns = torch.eq(a, b)\nreturn x"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(Message("a = annotate(List[Any], [])\n_0 = torch.append(a, a)\nreturn a"),
              HasSubstr("nested too deeply"));
}

TEST(Limits, CallCyclesAreRefused) {
  EXPECT_THAT(Message("return __torch__.f(x, )", "def f(x: Tensor) -> Tensor:\n  return __torch__.f(x, )\n"),
              HasSubstr("f calls itself"));
  EXPECT_THAT(Message("return __torch__.f(x, )",
                      "def f(x: Tensor) -> Tensor:\n  return __torch__.g(x, )\n"
                      "def g(x: Tensor) -> Tensor:\n  return __torch__.f(x, )\n"),
              HasSubstr("f calls itself"));
  EXPECT_THAT(Message("return (self).forward(x, )"), HasSubstr("forward calls itself"));
  // Objects that each make the next one call on and on.
  EXPECT_THAT(
      Message("return __torch__.C(x).run(x, )",
              "class C:\n  n : Tensor\n  def __init__(self: __torch__.C,\n    x: Tensor) -> NoneType:\n"
              "    self.n = x\n    return None\n"
              "  def run(self: __torch__.C,\n    x: Tensor) -> Tensor:\n"
              "    return __torch__.C(x).run(x, )\n"),
      AnyOf(HasSubstr("calls are nested more than 256 deep"), HasSubstr("nested too deeply")));
}

TEST(Limits, MessagesShowTheChainOfCalls) {
  const std::string message =
      Message("return __torch__.f(x, )",
              "def f(x: Tensor) -> Tensor:\n  return __torch__.g(x, )\n"
              "def g(x: Tensor) -> Tensor:\n  return torch.view(x, [torch.floordiv(1, 0)])\n");
  EXPECT_THAT(message,
              HasSubstr("in g, called at code/__torch__.py:2:10\n  in f, called at code/__torch__.py:"));
}

}  // namespace
}  // namespace octavo::import
