#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "octavo/module/value.h"
#include "octavo/result.h"

namespace octavo::module {

// Is it one of torch.classes.quantized whose state is packed weights ("Conv2dPackedParamsBase")?
bool IsPackedWeightsClass(std::string_view class_name);

// The weights in the state of such a class, in every version that PyTorch has written
// (docs/torchscript_archive.md); `name` is the attribute's path.
Result<std::shared_ptr<const ir::PackedWeights>> ReadPackedWeights(std::string_view class_name,
                                                                   const Value& state, std::string name);

}  // namespace octavo::module
