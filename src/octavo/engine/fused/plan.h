#pragma once

#include <vector>

#include "octavo/engine/fuse.h"
#include "octavo/engine/fused/group.h"
#include "octavo/engine/fused/pattern.h"

namespace octavo::engine::fused {

// The groups of a program, none of which share a node, in the order of their last nodes.
std::vector<Group> FindGroups(const Pattern& pattern);

// Chooses layouts, plans memory and makes the steps.
Fusion MakeSteps(const Pattern& pattern, std::vector<Group> groups);

}  // namespace octavo::engine::fused
