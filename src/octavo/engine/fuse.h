#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "octavo/engine/program.h"
#include "octavo/engine/step.h"
#include "octavo/result.h"

namespace octavo::engine {

// A step that does the work of a group of nodes.  It runs at the place of the group's last node; no value
// that is made inside the group and not in its `writes` is observed or read outside of fused steps.
struct FusedStep {
  std::unique_ptr<Step> step;
  std::vector<ir::NodeId> nodes;
};

struct Fusion {
  std::vector<FusedStep> steps;
  std::size_t buffer_bytes = 0;  // of Frame::buffer()
};

// Finds the groups of nodes that have a kernel of their own.  All other nodes are evaluated literally.
// Error: the budget has too little memory.
Result<Fusion> Fuse(Program& program);

}  // namespace octavo::engine
