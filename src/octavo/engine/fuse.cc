#include "octavo/engine/fuse.h"

#include <string>

#include "octavo/engine/fused/plan.h"

namespace octavo::engine {

Result<Fusion> Fuse(Program& program) {
  const fused::Pattern pattern(program);
  std::vector<fused::Group> groups = fused::FindGroups(pattern);
  for (const fused::Group& group : groups) {
    if (!group.map) continue;
    const std::uint64_t bytes = group.map->size() * sizeof(std::int32_t);
    OCTAVO_TRY(program.memory->Take(bytes, [&] { return "the order of the elements of " + group.name; }));
  }
  return fused::MakeSteps(pattern, std::move(groups));
}

}  // namespace octavo::engine
