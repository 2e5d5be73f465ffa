#pragma once

#include "octavo/operators.h"

namespace octavo {

// What each row with quantized results says of their exactness, after all rows are registered.
void SetExactness(Registry& registry);

}  // namespace octavo
