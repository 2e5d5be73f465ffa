#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "octavo/driver/audit.h"
#include "octavo/module/globals.h"
#include "octavo/pickle/effects.h"

namespace octavo::driver {
namespace {

using Names = std::span<const std::string_view>;

bool IsAmong(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

// What torch.save writes for tensors, state_dicts and the states of optimizers.  Making these values calls no
// code but PyTorch's and Python's own, and only to hold what is given.
bool IsPlainData(std::string_view module, std::string_view name) {
  // From protocol 4 on a name may lead through attributes: "_rebuild_tensor.__builtins__.get".
  if (name.find('.') != std::string_view::npos) return false;
  static constexpr std::array<std::string_view, 4> kCollections = {"OrderedDict", "Counter", "defaultdict",
                                                                   "deque"};
  static constexpr std::array<std::string_view, 18> kBuiltins = {
      "set",   "frozenset", "complex", "bytearray", "bytes", "list",  "dict", "tuple",   "int",
      "float", "bool",      "str",     "object",    "slice", "range", "long", "unicode", "xrange"};
  static constexpr std::array<std::string_view, 6> kParameters = {
      "Parameter",    "Buffer", "UninitializedParameter", "UninitializedBuffer", "UninitializedTensorMixin",
      "ParameterMeta"};
  static constexpr std::array<std::string_view, 24> kTorch = {"uint16",
                                                              "uint32",
                                                              "uint64",
                                                              "float8_e4m3fn",
                                                              "float8_e5m2",
                                                              "float8_e4m3fnuz",
                                                              "float8_e5m2fnuz",
                                                              "float8_e8m0fnu",
                                                              "float4_e2m1fn_x2",
                                                              "uint1",
                                                              "uint2",
                                                              "uint3",
                                                              "uint4",
                                                              "uint5",
                                                              "uint6",
                                                              "uint7",
                                                              "int1",
                                                              "int2",
                                                              "int3",
                                                              "int4",
                                                              "bits8",
                                                              "bits16",
                                                              "sparse_bsr",
                                                              "jagged"};
  if (module == "collections") return IsAmong(kCollections, name);
  if (module == "builtins" || module == "__builtin__") return IsAmong(kBuiltins, name);
  if (module == "torch.nn.parameter") return IsAmong(kParameters, name);
  if (module == "_codecs") return name == "encode";
  if (module == "torch.serialization") return name == "_get_layout";
  if (module == "torch.storage")
    return name == "TypedStorage" || name == "UntypedStorage" || name == "_TypedStorage" ||
           name == "_UntypedStorage";
  if (module == "torch.cuda") return name.ends_with("Storage") || name.ends_with("Tensor");
  if (module == "torch") {
    return IsAmong(kTorch, name) || name.ends_with("Tensor") || module::IsAllowedGlobal(module, name);
  }
  return module::IsAllowedGlobal(module, name) && !module::IsTorchScriptClass(module);
}

// Classes of the archive's own code, also of a part that was compiled for a backend.
bool IsScriptClass(std::string_view module, std::string_view name) {
  if (name.find('.') != std::string_view::npos && !module::IsTorchScriptClass(module)) return false;
  return module::IsAllowedGlobal(module, name) || module.starts_with("torch.jit.LoweredWrapper.") ||
         module.starts_with("torch.jit.LoweredModule.");
}

std::string Does(const pickle::Effects::Global& global) {
  std::string does = "imports";
  if (global.called) does += " and calls";
  if (global.changed) return fmt::format("changes {} itself when it is unpickled", global.QualifiedName());
  if (global.built) does += global.called ? ", and sets the state of," : " and sets the state of";
  return fmt::format("{} {} when it is unpickled", does, global.QualifiedName());
}

}  // namespace

std::size_t AuditPickle(std::span<const std::byte> bytes, std::string_view where, bool torchscript,
                        Audit& audit) {
  const pickle::Effects effects = pickle::FindEffects(bytes);
  const auto at = [where](std::size_t position) { return fmt::format("{}, byte {}", where, position); };
  for (const pickle::Effects::Global& global : effects.globals) {
    const bool plain =
        torchscript ? IsScriptClass(global.module, global.name) : IsPlainData(global.module, global.name);
    if (!plain || global.changed) {
      audit.Add(at(global.position), Does(global));
    } else if (global.passed) {
      audit.Add(at(global.position),
                fmt::format("changes what a call returns to which it gives {}: that may be {} itself",
                            global.QualifiedName(), global.name));
    }
  }
  for (const std::size_t position : effects.extensions) {
    audit.Add(at(position),
              "imports by number what the program has registered with copyreg, when it is unpickled");
  }
  if (effects.calls_values) audit.Add(std::string(where), "calls the result of a call when it is unpickled");
  if (effects.stopped) return effects.end;
  audit.Add(at(effects.end), "is damaged here; Python has executed what comes before");
  return 0;
}

}  // namespace octavo::driver
