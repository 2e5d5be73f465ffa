#pragma once

#include <string_view>

namespace octavo::module {

// The globals that a TorchScript archive's pickles refer to: classes of the archive's own code, PyTorch's
// functions that rebuild tensors and lists, dtypes, storages.  Any other one is an error where it is read.
bool IsAllowedGlobal(std::string_view module, std::string_view name);

// Is it a class of the archive's own code, or of torch.classes?
bool IsTorchScriptClass(std::string_view module);

}  // namespace octavo::module
