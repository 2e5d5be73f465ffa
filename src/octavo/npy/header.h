#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/result.h"

namespace octavo::npy {

// What the header of a .npy file says: a Python dictionary of three literals,
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

// Reads literals and nothing else.
Result<Header> ParseHeader(std::string_view text);

}  // namespace octavo::npy
