#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterAdaptivePooling(Registry& registry);  // called by RegisterPooling

}  // namespace octavo
