#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterSplitting(Registry& registry);  // splitting.cc: chunk, split, unbind, ...
void RegisterIndexing(Registry& registry);   // indexing.cc: index_select, gather, index, ...

}  // namespace octavo
