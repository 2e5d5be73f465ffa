#pragma once

#include "octavo/operators.h"

namespace octavo {

// pixel_shuffle, pixel_unshuffle, channel_shuffle; called by RegisterResampling.
void RegisterShuffling(Registry& registry);

}  // namespace octavo
