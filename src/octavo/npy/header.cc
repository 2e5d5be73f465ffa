#include "octavo/npy/header.h"

#include <charconv>

#include <fmt/format.h>

#include "octavo/base/limits.h"

namespace octavo::npy {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<Header> Parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    OCTAVO_TRY(Expect('{'));
    while (!Skip('}')) {
      const std::string key = OCTAVO_TRY(String());
      OCTAVO_TRY(Expect(':'));
      if (key == "descr" && !descr) {
        header.descr = OCTAVO_TRY(Descr());
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran_order = OCTAVO_TRY(Bool());
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = OCTAVO_TRY(Shape());
        shape = true;
      } else {
        return InvalidFile(fmt::format("the header has the unexpected key {}", key));
      }
      if (!Skip(',')) {
        OCTAVO_TRY(Expect('}'));
        break;
      }
    }
    SkipSpace();
    if (!rest_.empty()) return InvalidFile("the header has text after its end");
    if (!descr || !order || !shape) {
      return InvalidFile("the header must have descr, fortran_order and shape");
    }
    return header;
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool Skip(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Status Expect(char c) {
    if (Skip(c)) return {};
    return InvalidFile(fmt::format("the header is not a Python dictionary: \"{}\" is missing", c));
  }

  Result<std::string> String() {
    SkipSpace();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) return InvalidFile("the header lacks a string where one is expected");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  Result<std::string> Descr() {
    SkipSpace();
    if (!rest_.empty() && rest_.front() == '[') {
      return InvalidFile("arrays with a structured dtype are not supported",
                         "Save each field as a separate array.");
    }
    return String();
  }

  Result<bool> Bool() {
    SkipSpace();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    return InvalidFile("fortran_order in the header must be True or False");
  }

  Result<std::vector<std::int64_t>> Shape() {
    OCTAVO_TRY(Expect('('));
    std::vector<std::int64_t> shape;
    while (!Skip(')')) {
      SkipSpace();
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0) {
        return InvalidFile("the shape in the header must be a tuple of sizes");
      }
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (!rest_.empty() && rest_.front() == 'L') rest_.remove_prefix(1);  // as Python 2 wrote it
      shape.push_back(size);
      if (shape.size() > kMaxRank) {
        return InvalidFile(fmt::format("the shape in the header has more than {} dimensions", kMaxRank));
      }
      if (!Skip(',')) {
        OCTAVO_TRY(Expect(')'));
        break;
      }
    }
    return shape;
  }

  std::string_view rest_;
};

}  // namespace

Result<Header> ParseHeader(std::string_view text) { return Parser(text).Parse(); }

}  // namespace octavo::npy
