#include "octavo/engine/fused/pattern.h"

namespace octavo::engine::fused {

std::optional<Group> FuseInt8(const Pattern& /*pattern*/, ir::NodeId /*node*/) { return std::nullopt; }

}  // namespace octavo::engine::fused
