#include "octavo/engine/fuse.h"

namespace octavo::engine {

Result<Fusion> Fuse(const Program&) { return Fusion{}; }

}  // namespace octavo::engine
