#pragma once

#include <string>
#include <vector>

#include "octavo/driver/input_values.h"

namespace octavo::driver {

// What --input says where arrays are not needed: FILE[@SPEC], or SPEC alone for an input that is drawn; and
// name=value.
struct GivenInputs {
  std::vector<InputSpec> specs;     // of all tensors
  std::vector<InputValue> values;   // of the files
  std::vector<InputSpec> literals;  // of arguments that are no tensors
  bool drawn() const { return values.empty(); }
};

// The tensors are all given as files, or all as SPECs: kUsage otherwise.
Result<GivenInputs> ReadGivenInputs(const std::vector<std::string>& texts);
// Those texts that are name=value; the others stay in `texts`.
Result<std::vector<InputSpec>> TakeLiterals(std::vector<std::string>& texts);
// An ONNX model takes tensors alone: kUsage if there are any.
Status RefuseLiterals(const std::vector<InputSpec>& literals);

// What is drawn must have sizes: the first size of an input is 1 where it is open, and another one that is
// open is an error (kUsage).
Status CloseSizes(std::vector<InputSpec>& specs);
// The same for the inputs of a graph, which take their sizes from the specs, by name or position, first.
// Specs that do not fit the inputs are an error (kUsage).
Status CloseSizes(ir::Graph& graph, const std::vector<InputSpec>& specs);

}  // namespace octavo::driver
