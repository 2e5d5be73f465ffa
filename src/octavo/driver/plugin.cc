#include "octavo/driver/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "octavo/octavo.h"

namespace octavo::driver {
namespace {

constexpr const char* kPluginHint = "See docs/custom_operators.md for how to write and build a plugin.";

template <typename Function>
Function* Symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

Result<std::shared_ptr<void>> LoadPlugin(const std::filesystem::path& path, Registry& registry) {
  // dlopen looks a bare name up in the system's folders; the user means a file.
  const std::filesystem::path file = std::filesystem::absolute(path);
  if (!std::filesystem::exists(file))
    return UsageError(fmt::format("the plugin {} does not exist", path.string()), kPluginHint);
  // dlopen would wait for a pipe's writer.
  if (!std::filesystem::is_regular_file(file))
    return UsageError(fmt::format("the plugin {} is not a regular file", path.string()), kPluginHint);
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = dlerror();
    return UsageError(
        fmt::format("cannot load the plugin {}: {}", path.string(), reason ? reason : "unknown"),
        kPluginHint);
  }
  std::shared_ptr<void> library(handle, [](void* h) { dlclose(h); });
  auto* abi = Symbol<int()>(handle, "octavo_plugin_abi");
  auto* add = Symbol<void(Registry&, Status&)>(handle, "octavo_plugin_register");
  if (!abi || !add) {
    return UsageError(fmt::format("{} is not an Octavo plugin: it has no OCTAVO_PLUGIN(...)", path.string()),
                      kPluginHint);
  }
  if (abi() != OCTAVO_PLUGIN_ABI) {
    return UsageError(
        fmt::format("the plugin {} was built for interface version {}, but this Octavo has version {}",
                    path.string(), abi(), OCTAVO_PLUGIN_ABI),
        "Build the plugin again with the headers of this Octavo.");
  }
  Status status;
  add(registry, status);
  if (!status) {
    Error error = std::move(status).error();
    error.AddContext(fmt::format("plugin {}", path.string()));
    return error;
  }
  return library;
}

}  // namespace octavo::driver
