#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "octavo/reference/call.h"

namespace octavo::reference {

// Kernels by the operator's name without its overload ("aten::mean"): a kernel tells overloads apart by the
// arguments that are there.
class Kernels {
 public:
  // The same name twice ends the program.
  void Add(std::string_view op, Kernel kernel);
  Kernel Find(std::string_view op) const;

 private:
  std::unordered_map<std::string, Kernel> kernels_;
};

// Every kernel there is.
const Kernels& AllKernels();

// One for each file of kernels; kernels.cc calls them.
void AddQuantization(Kernels& kernels);

}  // namespace octavo::reference
