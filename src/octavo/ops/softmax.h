#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterSoftmax(Registry& registry);  // called by RegisterReduction

}  // namespace octavo
