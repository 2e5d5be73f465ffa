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
void AddActivations(Kernels& kernels);
void AddArithmetic(Kernels& kernels);
void AddCasts(Kernels& kernels);
void AddComparison(Kernels& kernels);
void AddConcatenation(Kernels& kernels);
void AddConvolution(Kernels& kernels);
void AddCreation(Kernels& kernels);
void AddDivision(Kernels& kernels);
void AddEinsum(Kernels& kernels);
void AddExpanding(Kernels& kernels);
void AddExtremes(Kernels& kernels);
void AddFunctions(Kernels& kernels);
void AddGridSampling(Kernels& kernels);
void AddIndexing(Kernels& kernels);
void AddNormalization(Kernels& kernels);
void AddPadding(Kernels& kernels);
void AddPermuting(Kernels& kernels);
void AddPooling(Kernels& kernels);
void AddProducts(Kernels& kernels);
void AddQuantization(Kernels& kernels);
void AddQuantizedActivations(Kernels& kernels);
void AddQuantizedArithmetic(Kernels& kernels);
void AddQuantizedConvolution(Kernels& kernels);
void AddQuantizedProducts(Kernels& kernels);
void AddReduction(Kernels& kernels);
void AddResampling(Kernels& kernels);
void AddReshaping(Kernels& kernels);
void AddShuffling(Kernels& kernels);
void AddSlicing(Kernels& kernels);
void AddSoftmax(Kernels& kernels);

}  // namespace octavo::reference
