#include "octavo/import/builtins.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "octavo/import/program_testing.h"

namespace octavo::import {
namespace {

struct Case {
  std::string type, body, expected;
};

// testdata/builtins.txt holds what PyTorch itself computes; make_builtins.py beside it wrote it.
std::vector<Case> Cases() {
  std::ifstream file(OCTAVO_SOURCE_DIR "/src/octavo/import/testdata/builtins.txt");
  std::vector<Case> cases;
  std::string line;
  while (std::getline(file, line)) {
    Case c;
    std::stringstream parts(line);
    std::getline(parts, c.type, '\t');
    std::getline(parts, c.body, '\t');
    std::getline(parts, c.expected);
    cases.push_back(std::move(c));
  }
  return cases;
}

std::string MethodOf(const Case& c) {
  std::string text = "  def f(self: __torch__.M) -> " + c.type + ":\n    ";
  for (std::size_t i = 0; i < c.body.size(); ++i) {
    if (c.body[i] == '\\' && i + 1 < c.body.size() && c.body[i + 1] == 'n') {
      text += "\n    ";
      ++i;
    } else {
      text += c.body[i];
    }
  }
  return text + "\n";
}

std::string Repr(Evaluator& evaluator, const Value& value);

std::string Items(Evaluator& evaluator, const std::vector<Value>& items) {
  std::string text;
  for (const Value& item : items) text += (text.empty() ? "" : ", ") + Repr(evaluator, item);
  return text;
}

std::string Repr(Evaluator& evaluator, const Value& value) {
  if (const List* list = value.Get<List*>()) return "[" + Items(evaluator, list->items) + "]";
  if (const Tuple* tuple = value.Get<Tuple*>())
    return "(" + Items(evaluator, tuple->items) + (tuple->items.size() == 1 ? ",)" : ")");
  if (const Dict* dict = value.Get<Dict*>()) {
    std::string text;
    for (const auto& [key, item] : dict->items)
      text += (text.empty() ? "" : ", ") + Repr(evaluator, key) + ": " + Repr(evaluator, item);
    return "{" + text + "}";
  }
  if (value.Is<double>() && std::isfinite(value.As<double>())) {
    const std::string text = fmt::format("{}", value.As<double>());
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  const auto text = ToText(evaluator, value, true);
  return text ? *text : "!";
}

// As Python's repr, or "!" for an error.
std::string Evaluated(const module::Module& module) {
  const TestRules rules;
  const Options options;
  Imported imported;
  Evaluator evaluator(module, rules, options, &imported);
  const Frame outside;
  const auto value = evaluator.CallMethod(evaluator.ConvertObject(module.root, ""), "f", {}, outside);
  if (!value) return "!";
  return Repr(evaluator, *value);
}

TEST(Builtins, GiveWhatPyTorchGives) {
  const std::vector<Case> cases = Cases();
  ASSERT_GT(cases.size(), 200u);
  for (const Case& c : cases) {
    const module::Module module = MakeModule(MethodOf(c));
    EXPECT_EQ(Evaluated(module), c.expected) << c.body;
  }
}

std::string BodyGives(const std::string& body) { return Evaluated(MakeModule(MethodOf({"int", body, ""}))); }

TEST(Builtins, EvaluateWhatTheArchivesOfOtherVersionsHold) {
  EXPECT_EQ(BodyGives("return math.floor(2.5)"), "2");
  EXPECT_EQ(BodyGives("return 2 + 3 * 4"), "14");
  EXPECT_EQ(BodyGives("return 7 // 2"), "3");
  EXPECT_EQ(BodyGives("return -7 % 3"), "2");
  EXPECT_EQ(BodyGives("return 1 < 2 and not False"), "True");
  EXPECT_EQ(BodyGives("return 2 in [1, 2]"), "True");
  EXPECT_EQ(BodyGives("return 2 not in [1, 2]"), "False");
  EXPECT_EQ(BodyGives("x = 3\\nx += 4\\nreturn x"), "7");
  EXPECT_EQ(BodyGives("return len([1, 2])"), "2");
  EXPECT_EQ(BodyGives("return min(3, 1, 2)"), "1");
  EXPECT_EQ(BodyGives("return torch.warn(\"w\")"), "None");
  EXPECT_EQ(BodyGives("return ops.prim.is_cuda(torch.zeros([1]))"), "False");
  EXPECT_EQ(BodyGives("return torch.is_grad_enabled()"), "True");
  EXPECT_EQ(BodyGives("return torch.jit.is_scripting()"), "True");
  EXPECT_EQ(BodyGives("return torch.channels_last"), "2");
  EXPECT_EQ(BodyGives("return torch.float32"), "6");
  EXPECT_EQ(BodyGives("return [x + 1 for x in [1, 2]]"), "[2, 3]");
}

TEST(Builtins, RefuseWhatHasNoMeaning) {
  for (const char* body :
       {"return torch.floordiv(1, 0)", "return torch.remainder(1, 0)",

        "return torch.mul([1, 2], 2000000)", "return torch.mul(\"ab\", 2000000)", "return torch.chr(1000)",
        "return int(\"4x\")", "return int(inf)", "return torch.slice([1], 0, 1, 0)", "return range(0, 5, 0)",
        "return range(99999999999)", "return undefined_name", "return nothing(1)",
        "return torch.sort([1, \"a\"])", "return {\"a\": 1}[2]", "return torch.tensor([[1], [1, 2]])",
        "return torch.tensor([1, [2]])", "return (3)()", "return \"a\".b",
        "x = uninitialized(int)\\nreturn torch.add(x, 1)"}) {
    EXPECT_EQ(BodyGives(body), "!") << body;
  }
}

TEST(Builtins, DivideIntegersAsTheFormatsVersionMeans) {
  module::Module module = MakeModule(
      MethodOf({"float", "return float(torch.div(ops.prim.NumToTensor(-7), ops.prim.NumToTensor(2)))", ""}));
  module.archive_version = "3";
  EXPECT_EQ(Evaluated(module), "-3.0");
  module.archive_version = "4";
  EXPECT_EQ(Evaluated(module), "-3.5");
  module = MakeModule(MethodOf({"float", "return float(torch.div(ops.prim.NumToTensor(-7), 2))", ""}));
  module.archive_version = "3";
  EXPECT_EQ(Evaluated(module), "-3.0");
  module = MakeModule(
      MethodOf({"float", "return float(torch.div(ops.prim.NumToTensor(-7), 2, rounding_mode=None))", ""}));
  module.archive_version = "3";
  EXPECT_EQ(Evaluated(module), "-3.5");
}

}  // namespace
}  // namespace octavo::import
