#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "octavo/graph.h"
#include "octavo/octavo.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::driver {

// An array for an input of a model.
struct InputValue {
  std::string name;  // empty: by position
  Tensor tensor;     // quantized where the SPEC says so
  std::string file;  // for messages
};

// Each text is FILE[@SPEC]:
//   x.npy                          the array, by position
//   x.npy@mask:                    for the input of that name
//   x.npy@quint8(0.26,128)         its integers are a quantized tensor's; [name:] may stand before it
//   all.npz                        each of its arrays for the input of its name; arr_0, arr_1, ...
//                                  (numpy.savez without names) by position
//   all.npz@x:quint8(0.26,128)     one of its arrays
// Errors: kUsage for what cannot be meant, and those of npy::Read.
Result<std::vector<InputValue>> ReadInputs(const std::vector<std::string>& texts);

// The values in the order of the graph's inputs.  Errors (kUsage): a name that is no input's, one that is
// missing or given twice.
Result<std::vector<Tensor>> InOrder(const ir::Graph& graph, std::vector<InputValue> values);

// The type of a model's input that such a value is for, with the value's own sizes.
InputSpec SpecOf(const InputValue& value);

// "input x has 3 elements that are not finite (NaN or infinite)", one text an input that has any.
std::vector<std::string> NotFinite(const ir::Graph& graph, const std::vector<Tensor>& inputs);

}  // namespace octavo::driver
