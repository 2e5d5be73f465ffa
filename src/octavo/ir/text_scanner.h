#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/result.h"

namespace octavo::ir {

// The words of the text form.  Every function but position() skips white space and comments first.
class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : text_(text) {}

  bool AtEnd();
  // Of the next character that is neither space nor comment.
  std::size_t position();
  void Rewind(std::size_t position) { at_ = position; }
  // 0 at the end.
  char Peek();
  bool Eat(char c);
  // Eats these characters, or nothing.
  bool EatText(std::string_view text);
  // Eats this word, if it is the whole word that comes.
  bool EatWord(std::string_view word);

  Status Expect(char c);
  // `what` is what the message misses.
  Result<std::string> Word(std::string_view what);
  // "aten::relu"
  Result<std::string> Operator();
  Result<std::string> String();
  Result<std::string> WordOrString(std::string_view what);
  // Pairs of hexadecimal digits.
  Result<std::vector<std::byte>> HexBytes();
  // A number or a sum of sizes: all up to the comma or closing bracket that ends it, without spaces around.
  std::string_view Expression();

  // An error with line, column, and the line with a caret.
  Error Failure(std::size_t position, std::string what, std::string hint = {}) const;

 private:
  void Skip();
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace octavo::ir
