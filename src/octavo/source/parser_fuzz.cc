// libFuzzer: any bytes give a tree in which each range holds those of its parts, or an error with a place.
// Corpus to start from: tests/data/source.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/source/parser.h"

namespace {

using octavo::source::Block;
using octavo::source::Expr;

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(const Expr& expr, std::size_t size) {
  Require(expr.range.begin < expr.range.end && expr.range.end <= size);
  for (const auto& child : expr.children) {
    if (!child) continue;
    Require(child->range.begin >= expr.range.begin && child->range.end <= expr.range.end);
    Check(*child, size);
  }
  for (const auto& argument : expr.arguments) {
    Require(argument.value->range.begin >= expr.range.begin && argument.value->range.end <= expr.range.end);
    Check(*argument.value, size);
  }
}

void Check(const octavo::source::Function& function, std::size_t size);

void Check(const Block& block, std::size_t size) {
  for (const auto& statement : block) {
    Require(statement->range.begin < statement->range.end && statement->range.end <= size);
    for (const auto& target : statement->targets) Check(*target, size);
    if (statement->value) Check(*statement->value, size);
    if (statement->annotation) Check(*statement->annotation, size);
    if (statement->function) Check(*statement->function, size);
    Check(statement->body, size);
    Check(statement->otherwise, size);
  }
}

void Check(const octavo::source::Function& function, std::size_t size) {
  for (const auto& parameter : function.parameters) {
    if (parameter.annotation) Check(*parameter.annotation, size);
    if (parameter.default_value) Check(*parameter.default_value, size);
  }
  if (function.return_annotation) Check(*function.return_annotation, size);
  Check(function.body, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  octavo::SourceText text{"net.py", std::string(data, data + size)};
  auto file = octavo::source::Parse(std::make_shared<const octavo::SourceText>(std::move(text)));
  if (!file) {
    Require(!file.error().where().empty() && !file.error().what().empty());
    return 0;
  }
  for (const auto& parsed : (*file)->classes) {
    for (const auto& base : parsed->bases) Check(*base, size);
    Check(parsed->body, size);
    for (const auto& method : parsed->methods) Check(*method, size);
  }
  for (const auto& function : (*file)->functions) Check(*function, size);
  Check((*file)->statements, size);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed,
                              [](std::string_view text, octavo::fuzz::Dice& dice) {
                                return octavo::fuzz::MutateText(text, {}, dice);
                              });
}
