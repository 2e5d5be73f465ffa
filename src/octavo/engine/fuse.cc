#include "octavo/engine/fuse.h"

#include <fmt/format.h>

#include "octavo/engine/fused/plan.h"

namespace octavo::engine {

Result<Fusion> Fuse(const Program& program) {
  const fused::Pattern pattern(program);
  Fusion fusion = fused::MakeSteps(pattern, fused::FindGroups(pattern));
  const std::size_t most = program.options.limits.max_run_bytes;
  if (fusion.buffer_bytes > most) {
    return InvalidFile(fmt::format("the model needs more than {} bytes of memory for its values", most));
  }
  return fusion;
}

}  // namespace octavo::engine
