#pragma once

#include <memory>

#include "octavo/base/limits.h"
#include "octavo/result.h"
#include "octavo/source/syntax.h"

namespace octavo::source {

// Reads one file of a model's code/ folder.  An error has file, line, column and the line with a caret.
Result<std::unique_ptr<const File>> Parse(std::shared_ptr<const SourceText> source,
                                          const Limits& limits = {});

}  // namespace octavo::source
