#pragma once

#include <string>
#include <vector>

#include "octavo/driver/input_values.h"

namespace octavo::driver {

// What --input says where arrays are not needed: FILE[@SPEC], or SPEC alone for an input that is drawn.
struct GivenInputs {
  std::vector<InputSpec> specs;    // of all of them
  std::vector<InputValue> values;  // of the files
  bool drawn() const { return values.empty(); }
};

// All are files, or all are SPECs: kUsage otherwise.
Result<GivenInputs> ReadGivenInputs(const std::vector<std::string>& texts);

// What is drawn must have sizes: the first size of an input is 1 where it is open, and another one that is
// open is an error (kUsage).
Status CloseSizes(std::vector<InputSpec>& specs);
// The same for the inputs of a graph, which take their types from the specs, by name or position, first.
Status CloseSizes(ir::Graph& graph, const std::vector<InputSpec>& specs);

}  // namespace octavo::driver
