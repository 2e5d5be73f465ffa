#include "octavo/ops/vector_loop.h"

#include <algorithm>

#include "octavo/ops/quantize_form.h"

namespace octavo {

bool DividesIntoLoops(std::int64_t elements) {
  constexpr std::int64_t kLoop = 64, kGrain = 32768, kMostThreads = 1024;
  if (elements % kLoop != 0) return false;
  // aten/src/ATen/Parallel.h: the elements are shared out among up to one thread per grain.
  const std::int64_t most = std::min((elements + kGrain - 1) / kGrain, kMostThreads);
  for (std::int64_t threads = 2; threads <= most; ++threads) {
    if ((elements + threads - 1) / threads % kLoop != 0) return false;
  }
  return true;
}

VectorLoop VectorLoopOf(const Builder& g, const Value& x, const Value& y) {
  if (!OfFbgemmBuild(g)) return {};
  VectorLoop loop{.leaves_rest = true, .rest_rounds_after_adding = true};
  if (!x.shape() || (y.defined() && y.memory_format() != x.memory_format())) return loop;
  const Dim elements = NumElements(*x.shape());
  loop.leaves_rest = !elements.known() || !DividesIntoLoops(elements.value());
  return loop;
}

}  // namespace octavo
