#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterReshaping(Registry& registry);  // reshaping.cc: another shape, the same order of elements
void RegisterPermuting(Registry& registry);  // permuting.cc: another order of dimensions or of elements
void RegisterExpanding(Registry& registry);  // expanding.cc: elements more than once

}  // namespace octavo
