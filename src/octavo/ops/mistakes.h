#pragma once

#include <string_view>

#include "octavo/operators.h"

namespace octavo {

// Sets OperatorRow::mistake of the rows whose answer PyTorch 1.13 gets wrong with its qnnpack engine for some
// arguments (docs/numbers.md, "Where PyTorch is wrong"), after all rows are
// registered.  Mistakes that depend on the elements alone (infinity, NaN) are not among them.
void SetMistakes(Registry& registry);

// True if the reference repeats that mistake, as OperatorRow::mistake words it, in Faults::kKeep.  The
// others depend on what happens to be in memory, or on the vector loop that runs.
bool IsRepeated(std::string_view mistake);
// True if the reference repeats it with Faults::kMeant, too, since no CPU gives another result.
bool IsAlwaysRepeated(std::string_view mistake);

}  // namespace octavo
