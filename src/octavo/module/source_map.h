#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/module/value.h"
#include "octavo/tensor.h"

namespace octavo::module {

// Which line of the author's Python source each part of a file of generated code came from: the content of a
// record code/**.py.debug_pkl.  It serves messages only, so a record that cannot be read is the same as none.
// docs/torchscript_archive.md describes the format.
class SourceMap {
 public:
  // `bytes` is the record, as untrusted as the rest of the file.  nullopt: it has not the format's form.
  static std::optional<SourceMap> Read(Storage bytes, const Limits& limits);

  // The line that the code at this byte of the generated file came from; null: none is known.
  const AuthorLine* Find(std::size_t byte) const;

 private:
  friend class SourceMapReader;

  static constexpr std::uint32_t kNoLine = 0xffffffffu;
  struct Entry {
    std::uint32_t byte;  // where the part begins; it ends where the next one begins
    std::uint32_t line;  // index into lines_, or kNoLine
  };
  std::vector<Entry> entries_;  // sorted by byte
  std::vector<AuthorLine> lines_;
};

// The file's name without its folders (of Linux or Windows), at most 100 bytes, in printable characters.
std::string BaseName(std::string_view path);

// Whose source a path names; nullopt: nobody's that helps (Python's own library, generated code).
std::optional<AuthorLine::Owner> OwnerOf(std::string_view path);

}  // namespace octavo::module
