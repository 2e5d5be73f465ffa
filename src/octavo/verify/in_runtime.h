#pragma once

#include <vector>

#include "octavo/verify/verify.h"

namespace octavo::verify {

// Verify where side b runs in ONNX Runtime, and side a there or in the reference.
Result<Report> VerifyInRuntime(const Side& a, const Side& b, const std::vector<Pair>& pairs,
                               const std::vector<std::vector<Tensor>>& inputs, const Options& options);

}  // namespace octavo::verify
