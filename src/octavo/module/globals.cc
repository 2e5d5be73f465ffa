#include "octavo/module/globals.h"

#include <algorithm>
#include <array>

#include "octavo/tensor.h"

namespace octavo::module {
namespace {

constexpr std::array<std::string_view, 16> kTorchNames = {
    "device",
    "Size",
    "Tensor",
    "per_tensor_affine",
    "per_tensor_symmetric",
    "per_channel_affine",
    "per_channel_symmetric",
    "per_channel_affine_float_qparams",
    "strided",
    "sparse_coo",
    "sparse_csr",
    "contiguous_format",
    "channels_last",
    "channels_last_3d",
    "preserve_format",
    "legacy_contiguous_format",
};

}  // namespace

bool IsTorchScriptClass(std::string_view module) {
  return module == "__torch__" || module.starts_with("__torch__.");
}

bool IsAllowedGlobal(std::string_view module, std::string_view name) {
  if (IsTorchScriptClass(module)) return true;
  if (module == "torch") {
    return name.ends_with("Storage") || DTypeFromName(name) ||
           std::find(kTorchNames.begin(), kTorchNames.end(), name) != kTorchNames.end();
  }
  if (module == "torch._utils") return name.starts_with("_rebuild_");
  if (module == "torch._tensor") return name == "_rebuild_from_type_v2";
  if (module == "torch.nn.parameter") return name == "Parameter";
  if (module == "torch.jit._pickle") return name.starts_with("build_") || name == "restore_type_tag";
  if (module == "collections") return name == "OrderedDict";
  if (module == "builtins") return name == "complex";
  return false;
}

}  // namespace octavo::module
