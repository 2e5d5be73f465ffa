#pragma once

#include <vector>

#include "octavo/engine/call.h"

namespace octavo::engine::literal {

struct Reduction {
  std::vector<int> axes;  // in order
  bool keep = true;
  bool nothing = false;  // noop_with_empty_axes: the reduction of each element alone
};

// What a Reduce operator's attributes and inputs say of an input of that rank. Axes are an attribute up to
// opset `last`, an input after it.  Errors: kInvalidFile.
Result<Reduction> ReductionOf(Call& call, int last, int rank);

}  // namespace octavo::engine::literal
