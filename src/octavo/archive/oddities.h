#pragma once

#include <string>
#include <vector>

#include "octavo/archive/archive.h"

namespace octavo::archive {

// Something that no program writes which saves models, and that lets two readers of the archive see two
// things.
struct Oddity {
  std::string where;  // "record m/data.pkl"; empty: the archive
  std::string what;
};

std::vector<Oddity> FindOddities(const Archive& archive);

}  // namespace octavo::archive
