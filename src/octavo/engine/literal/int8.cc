#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {

void AddInt8(Registry&) {}

}  // namespace octavo::engine::literal
