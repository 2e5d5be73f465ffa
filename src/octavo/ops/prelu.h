#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterPrelu(Registry& registry);  // called by RegisterActivations

}  // namespace octavo
