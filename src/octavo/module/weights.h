#pragma once

#include <string>
#include <vector>

#include "octavo/module/value.h"
#include "octavo/tensor.h"

namespace octavo::module {

// A tensor of a saved model, whether its program reads it or not.
struct Weight {
  std::string name;  // "layer1.0.conv1.weight", "CONSTANTS.c0"
  const Tensor* tensor;
};

// All tensors of the module tree and of the constants, packed weights among them, in the file's order; those
// that are the same elements once.
std::vector<Weight> WeightsOf(const Module& module);

// Where the elements begin: the same for two views of the same ones.  Null for an empty tensor.
const void* ElementsOf(const Tensor& tensor);

}  // namespace octavo::module
