#include "octavo/engine/fuse.h"

#include "octavo/engine/fused/plan.h"

namespace octavo::engine {

Result<Fusion> Fuse(const Program& program) {
  const fused::Pattern pattern(program);
  return fused::MakeSteps(pattern, fused::FindGroups(pattern));
}

}  // namespace octavo::engine
