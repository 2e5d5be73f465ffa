#include <algorithm>
#include <cmath>
#include <limits>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

namespace octavo::reference {
namespace {

// Each line along the axis: softmax exp(x - max) / Σ exp(x - max), log_softmax x - max - log Σ exp(x - max).
template <bool kLog>
void Normalize(Array<double>& numbers, const Around& around) {
  const auto at = [&](std::int64_t o, std::int64_t i, std::int64_t k) -> double& {
    return numbers[(o * around.size + i) * around.inner + k];
  };
  for (std::int64_t o = 0; o < around.outer; ++o) {
    for (std::int64_t k = 0; k < around.inner; ++k) {
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t i = 0; i < around.size; ++i) largest = std::max(largest, at(o, i, k));
      for (std::int64_t i = 0; i < around.size; ++i) sum += std::exp(at(o, i, k) - largest);
      for (std::int64_t i = 0; i < around.size; ++i) {
        double& x = at(o, i, k);
        x = kLog ? x - largest - std::log(sum) : std::exp(x - largest) / sum;
      }
    }
  }
}

template <bool kLog>
Results Softmax(const Call& call) {
  const DType dtype = ResultDType(call);
  if (!IsFloat(dtype)) return Unsupported("a softmax of integers is not supported");
  const Tensor x = OCTAVO_TRY(Converted(call.tensor("self"), dtype));
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  Normalize<kLog>(numbers, Around(x.sizes, axis));
  return One(OCTAVO_TRY(Stored(numbers, dtype)));
}

}  // namespace

void AddSoftmax(Kernels& kernels) {
  for (const char* name : {"aten::softmax", "aten::_softmax"}) kernels.Add(name, Softmax<false>);
  for (const char* name : {"aten::log_softmax", "aten::_log_softmax"}) kernels.Add(name, Softmax<true>);
}

}  // namespace octavo::reference
