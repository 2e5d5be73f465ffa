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
    AddActivations(kernels);
    AddArithmetic(kernels);
    AddCasts(kernels);
    AddComparison(kernels);
    AddConcatenation(kernels);
    AddConvolution(kernels);
    AddCreation(kernels);
    AddDivision(kernels);
    AddEinsum(kernels);
    AddExpanding(kernels);
    AddExtremes(kernels);
    AddFunctions(kernels);
    AddGridSampling(kernels);
    AddIndexing(kernels);
    AddNormalization(kernels);
    AddPadding(kernels);
    AddPermuting(kernels);
    AddPooling(kernels);
    AddProducts(kernels);
    AddQuantization(kernels);
    AddQuantizedActivations(kernels);
    AddQuantizedArithmetic(kernels);
    AddQuantizedConvolution(kernels);
    AddQuantizedProducts(kernels);
    AddReduction(kernels);
    AddResampling(kernels);
    AddReshaping(kernels);
    AddShuffling(kernels);
    AddSlicing(kernels);
    AddSoftmax(kernels);
    return kernels;
  }();
  return all;
}

}  // namespace octavo::reference
