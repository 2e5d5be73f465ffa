#pragma once

// Programs for tests, written as the source text that PyTorch's printer emits and read by the real parser.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octavo/import/import.h"
#include "octavo/module/value.h"

namespace octavo::import {

// The files of a model's code/ folder: "__torch__" is code/__torch__.py.
class TextProgram : public module::Program {
 public:
  // An error of the parser ends the test program.
  explicit TextProgram(const std::map<std::string, std::string>& files);

  Result<const module::ClassDefinition*> FindClass(std::string_view name) const override;
  Result<const module::FunctionDefinition*> FindFunction(std::string_view name) const override;

 private:
  std::vector<std::unique_ptr<const source::File>> files_;
  std::map<std::string, module::ClassDefinition, std::less<>> classes_;
  std::map<std::string, module::FunctionDefinition, std::less<>> functions_;
};

using Attributes = std::vector<std::pair<std::string, module::Value>>;

// A module of class __torch__.M.
module::Module MakeModule(const std::map<std::string, std::string>& files, Attributes attributes = {});
// The same, where code/__torch__.py holds class M with these methods (indented by two) after `globals`.
module::Module MakeModule(const std::string& methods, Attributes attributes = {},
                          const std::string& globals = {});

module::Value MakeObject(std::string class_name, Attributes attributes);

// Rows for a dozen operators, with the types that PyTorch gives their results.
class TestRules : public OperatorRules {
 public:
  Result<std::optional<Call>> Bind(const ir::Graph& graph, std::string_view op,
                                   std::span<const ir::Argument> arguments) const override;
};

// float32 of these sizes.
InputSpec Input(Shape shape, std::string name = {});

// "x = aten::relu(x) ..." without values' numbers: the operators' names, in order, with spaces between.
std::string Operators(const ir::Graph& graph);

}  // namespace octavo::import
