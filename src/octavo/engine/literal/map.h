#pragma once

#include <vector>

#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {

// f of each element of the only input, which has a float type.
template <typename F>
Result<Prepared> Map(Call& call, F f) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  return One(type.dtype, *type.sizes, [f](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    for (double& v : x) v = f(v);
    return FromReals(in[0]->dtype, in[0]->sizes, x);
  });
}

}  // namespace octavo::engine::literal
