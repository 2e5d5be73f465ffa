#pragma once

#include <filesystem>

#include "octavo/result.h"
#include "octavo/verify/verify.h"

namespace octavo::driver {

// Writes ONNX's standard test folder: model.onnx, test_data_set_0/input_0.pb, ..., output_0.pb, the last
// being what the model should give.  The folder must be empty or new; all files appear, or none.
Status WriteCounterexample(verify::Counterexample example, const std::filesystem::path& folder);

// The same with a part of side b's model file, which ran in ONNX Runtime.
Status WriteRuntimeCounterexample(const verify::Side& b, const verify::RuntimeCounterexample& example,
                                  const std::filesystem::path& folder);

}  // namespace octavo::driver
