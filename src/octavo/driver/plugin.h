#pragma once

#include <filesystem>
#include <memory>

#include "octavo/operators.h"

namespace octavo::driver {

// Loads a shared library and lets it register its operators.  The library stays loaded as long as the
// returned handle lives, which must be longer than the registry.  This runs code: only the user's own
// --plugin comes here, nothing that a model names.  Errors: kUsage.
Result<std::shared_ptr<void>> LoadPlugin(const std::filesystem::path& path, Registry& registry);

}  // namespace octavo::driver
