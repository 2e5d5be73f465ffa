// Every built-in row against PyTorch's own schemas (tests/data/schemas.txt, tests/models/make_schemas.py).

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "octavo/operators.h"

namespace octavo {
namespace {

struct SchemaArgument {
  std::string type, name;
  std::optional<std::string> default_value;
  bool keyword_only = false;
};

struct Schema {
  std::string text;
  std::vector<SchemaArgument> arguments;
};

std::string WithoutOverload(const std::string& name) { return name.substr(0, name.find('.')); }

// "Tensor(a) self", "int[2] stride=[]".
SchemaArgument ParseArgument(std::string text, bool keyword_only) {
  SchemaArgument argument;
  argument.keyword_only = keyword_only;
  if (const std::size_t equals = text.find('='); equals != std::string::npos) {
    argument.default_value = text.substr(equals + 1);
    text.resize(equals);
  }
  const std::size_t space = text.rfind(' ');
  argument.type = text.substr(0, space);
  argument.name = text.substr(space + 1);
  return argument;
}

// The parts between commas that are in no bracket.
std::vector<std::string> Parts(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += (c == '(' || c == '[') ? 1 : (c == ')' || c == ']') ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else if (c != ' ' || !parts.back().empty()) {
      parts.back() += c;
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

Schema ParseSchema(const std::string& line) {
  const std::size_t open = line.find('('), arrow = line.rfind(" -> ");
  Schema schema{.text = line, .arguments = {}};
  bool keyword_only = false;
  for (const std::string& part : Parts(line.substr(open + 1, arrow - open - 2))) {
    if (part == "*") {
      keyword_only = true;
    } else {
      schema.arguments.push_back(ParseArgument(part, keyword_only));
    }
  }
  return schema;
}

// By name without overload.
std::map<std::string, std::vector<Schema>> Schemas() {
  std::map<std::string, std::vector<Schema>> schemas;
  std::ifstream file(std::string(OCTAVO_SOURCE_DIR) + "/tests/data/schemas.txt");
  for (std::string line; std::getline(file, line);) {
    schemas[WithoutOverload(line.substr(0, line.find('(')))].push_back(ParseSchema(line));
  }
  return schemas;
}

std::vector<double> Numbers(std::string text) {
  std::vector<double> numbers;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '[' || c == ']' || c == ','; }, ' ');
  std::istringstream stream(text);
  for (double number = 0; stream >> number;) numbers.push_back(number);
  return numbers;
}

bool SameDefault(const ir::Operand& ours, const std::string& text) {
  if (std::holds_alternative<ir::None>(ours)) return text == "None";
  if (const auto* flag = std::get_if<bool>(&ours)) return text == (*flag ? "True" : "False");
  if (const auto* string = std::get_if<std::string>(&ours)) return text == "\"" + *string + "\"";
  if (text == "None" || text == "True" || text == "False" || text[0] == '"') return false;
  std::vector<double> mine;
  if (const auto* dim = std::get_if<Dim>(&ours)) mine = {static_cast<double>(dim->value())};
  if (const auto* real = std::get_if<double>(&ours)) mine = {*real};
  if (const auto* dims = std::get_if<std::vector<Dim>>(&ours)) {
    for (const Dim& dim : *dims) mine.push_back(static_cast<double>(dim.value()));
  }
  const std::vector<double> theirs = Numbers(text);
  // One number stands for a list of equal ones.
  if (mine.size() == 1 && !theirs.empty()) mine.resize(theirs.size(), mine[0]);
  return mine == theirs;
}

// What is wrong with the row's argument, or nothing.
std::string Difference(const ArgumentSpec& ours, const SchemaArgument& theirs) {
  if (ours.name != theirs.name) return fmt::format("{} in place of {}", ours.name, theirs.name);
  if (ours.keyword_only != theirs.keyword_only)
    return fmt::format("{} is keyword-only in one of them", ours.name);
  if (ours.kind == ArgumentKind::kIgnored) return {};
  const bool optional = theirs.type.ends_with("?");
  if (!ours.default_value) return theirs.default_value ? ours.name + " has no default" : "";
  if (!theirs.default_value) {
    // A value that may be None counts as None where it is left out.
    const bool none = optional && std::holds_alternative<ir::None>(*ours.default_value);
    return none ? "" : ours.name + " has a default";
  }
  return SameDefault(*ours.default_value, *theirs.default_value)
             ? ""
             : fmt::format("{} has another default than {}", ours.name, *theirs.default_value);
}

std::string Difference(const OperatorRow& row, const Schema& schema) {
  if (row.arguments.size() != schema.arguments.size()) {
    return fmt::format("{} arguments in place of {}", row.arguments.size(), schema.arguments.size());
  }
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    if (std::string what = Difference(row.arguments[i], schema.arguments[i]); !what.empty()) return what;
  }
  return {};
}

// Rows that PyTorch 1.13 has no schema for, and why.  This list may only get shorter.
const std::set<std::string>& WithoutASchema() {
  static const std::set<std::string> rows = {
      "aten::requires_grad",    // how the importer calls aten::requires_grad_
      "quantized::max_pool3d",  // of later versions
  };
  return rows;
}

// Rows that give an argument a default which PyTorch's schema does not: they take every call that PyTorch
// writes, and more.  This list may only get shorter.
const std::set<std::string>& WithMoreDefaults() {
  static const std::set<std::string> rows = {
      "aten::batch_norm",           "aten::instance_norm",
      "aten::norm.ScalarOpt_dtype", "aten::norm.ScalarOpt_dim_dtype",
      "quantized::group_norm",      "quantized::instance_norm",
      "quantized::layer_norm",      "quantized::leaky_relu",
      "quantized::max_pool1d",      "quantized::max_pool2d",
  };
  return rows;
}

Registry Builtin() {
  Registry registry;
  RegisterBuiltinOperators(registry);
  return registry;
}

TEST(Rows, HaveBothDialectsAndATypeRule) {
  const Registry registry = Builtin();
  ASSERT_GT(registry.rows().size(), 200U);
  for (const OperatorRow* row : registry.rows()) {
    EXPECT_TRUE(row->result) << row->name;
    EXPECT_NE(registry.FindEmitter(*row, Dialect::kQdq, 13), nullptr) << row->name;
    EXPECT_NE(registry.FindEmitter(*row, Dialect::kCaffe2, 9), nullptr) << row->name;
  }
}

TEST(Rows, HaveTheArgumentsOfPyTorchsSchemas) {
  const Registry registry = Builtin();
  const auto schemas = Schemas();
  ASSERT_FALSE(schemas.empty());
  for (const OperatorRow* row : registry.rows()) {
    const auto at = schemas.find(WithoutOverload(row->name));
    EXPECT_EQ(at == schemas.end(), WithoutASchema().contains(row->name)) << row->name << ": no schema";
    if (at == schemas.end()) continue;
    std::string differences;
    bool fits = false;
    for (const Schema& schema : at->second) {
      const std::string what = Difference(*row, schema);
      fits |= what.empty();
      differences += "\n  " + schema.text + "\n    " + what;
    }
    EXPECT_EQ(!fits, WithMoreDefaults().contains(row->name)) << row->name << differences;
  }
}

}  // namespace
}  // namespace octavo
