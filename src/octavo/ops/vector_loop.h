#pragma once

#include "octavo/operators.h"

namespace octavo {

// PyTorch's element-wise operators dequantize, compute and quantize in vector loops of 64 elements, and round
// what such a loop leaves over differently.
struct VectorLoop {
  // False: PyTorch computes every element as it does the rest, because the result is in another order in
  // memory than the operand.
  bool runs = true;
  // False: the loop takes every element, with any number of threads.
  bool leaves_rest = true;
  // True: for the rest the zero point is added before rounding, as builds with FBGEMM do.
  bool rest_rounds_after_adding = false;
};

// For an operator on `x` alone, or on `x` and `y` of the same shape and order in memory.
VectorLoop VectorLoopOf(const Builder& g, const Value& x, const Value& y = {});

// True if the loop takes every one of so many elements in a row: each thread's share is a multiple of 64.
bool DividesIntoLoops(std::int64_t elements);

}  // namespace octavo
