#include "octavo/reference/kernels.h"

#include <fmt/format.h>

#include "octavo/base/bug.h"

namespace octavo::reference {

void Kernels::Add(std::string_view op, Kernel kernel) {
  if (!kernels_.emplace(op, kernel).second) Bug(fmt::format("reference: two kernels for {}", op));
}

Kernel Kernels::Find(std::string_view op) const {
  const auto found = kernels_.find(std::string(op));
  return found == kernels_.end() ? nullptr : found->second;
}

const Kernels& AllKernels() {
  static const Kernels all = [] {
    Kernels kernels;
    AddQuantization(kernels);
    return kernels;
  }();
  return all;
}

}  // namespace octavo::reference
