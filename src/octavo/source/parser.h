#pragma once

#include <memory>

#include "octavo/base/limits.h"
#include "octavo/result.h"
#include "octavo/source/syntax.h"

namespace octavo::source {

enum class Parts : std::uint8_t {
  kAll,
  kWithoutSaving,  // not the bodies of __getstate__, which PyTorch calls when it saves a module, and no one
                   // else
};

// Reads one file of a model's code/ folder.  An error has file, line, column and the line with a caret.  The
// files of a model may share an arena.
Result<std::unique_ptr<const File>> Parse(std::shared_ptr<const SourceText> source, const Limits& limits = {},
                                          Parts parts = Parts::kAll, std::shared_ptr<Arena> arena = nullptr);

}  // namespace octavo::source
