#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "octavo/archive/archive.h"
#include "octavo/base/limits.h"
#include "octavo/module/source_map.h"
#include "octavo/module/value.h"

namespace octavo::module {

// The program in the records code/**.py of an archive.  A file is unpacked and parsed when a name in it is
// first asked for.  One thread at a time.
class ArchiveProgram : public Program {
 public:
  ArchiveProgram(std::shared_ptr<const archive::Archive> archive, const Limits& limits)
      : archive_(std::move(archive)), limits_(limits) {}

  Result<const ClassDefinition*> FindClass(std::string_view name) const override;
  Result<const FunctionDefinition*> FindFunction(std::string_view name) const override;
  const AuthorLine* FindAuthorLine(const SourceRange& range) const override;

 private:
  // One record with everything that it defines, by qualified name; or why it could not be read.
  struct CodeFile {
    std::unique_ptr<const source::File> file;
    std::unordered_map<std::string, ClassDefinition> classes;
    std::unordered_map<std::string, FunctionDefinition> functions;
    std::unique_ptr<const Error> error;
  };
  // The file that would define `name`; null: there is none.
  Result<const CodeFile*> FileOf(std::string_view name) const;
  Result<std::unique_ptr<const source::File>> Parse(const std::string& record) const;

  std::shared_ptr<const archive::Archive> archive_;
  Limits limits_;
  std::shared_ptr<source::Arena> arena_ = std::make_shared<source::Arena>();
  mutable std::unordered_map<std::string, CodeFile> files_;  // by the part of names before the last dot
  // Of each file whose places were asked for; nullopt: none that can be read.
  mutable std::unordered_map<std::string, std::optional<SourceMap>> source_maps_;
  mutable std::size_t source_map_bytes_ = 0;  // read so far
};

}  // namespace octavo::module
