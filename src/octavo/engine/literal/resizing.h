#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octavo/engine/call.h"

namespace octavo::engine::literal {

// What a Resize or Upsample is asked for.
struct ResizeMode {
  std::string mode = "nearest", coordinates = "half_pixel", nearest = "round_prefer_floor";
  double cubic_a = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false;
};
struct ResizedAxis {
  std::int64_t from = 1, to = 1;
  double scale = 1;            // of sizes: to / from in float64
  bool scale_is_given = true;  // false: sizes are
  double begin = 0, end = 1;   // the region, for tf_crop_and_resize
};
struct ResizePlan {
  ResizeMode mode;
  std::vector<ResizedAxis> axes;  // of all dimensions
  Sizes result;
};

// Checks the node.
Result<ResizePlan> ResizePlanOf(Call& call);

}  // namespace octavo::engine::literal
