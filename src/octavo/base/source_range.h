#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace octavo {

// A text that messages point into.
struct SourceText {
  std::string name;  // "code/__torch__/net.py"
  std::string text;
};

// Bytes [begin, end) of a source text.
struct SourceRange {
  std::shared_ptr<const SourceText> source;  // null: nowhere
  std::uint32_t begin = 0, end = 0;

  // "code/__torch__/net.py:31:10", line and column counted from 1; empty without a source.
  std::string Place() const;
  // The first line of the range with carets under it, both indented alike; empty without a source.
  std::string Excerpt() const;
};

}  // namespace octavo
