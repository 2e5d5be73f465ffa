#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "octavo/reference/conversion.h"
#include "octavo/reference/movement.h"

// Operators of which each element of the result comes from one element of each argument, after broadcasting.

namespace octavo::reference {

template <std::size_t kCount>
using Names = std::array<std::string_view, kCount>;

template <std::size_t kCount>
Result<Sizes> CommonSizesOf(const Call& call, const Names<kCount>& names) {
  Sizes sizes;
  for (const std::string_view name : names) {
    if (call.is_tensor(name)) sizes = OCTAVO_TRY(Broadcast(sizes, call.tensor(name).sizes));
  }
  return sizes;
}

// f of the arguments `names`, each converted to `dtype`; T is what `f` takes and gives.
template <typename T, typename F, std::size_t... kAt>
Result<Array<T>> Mapped(const Call& call, const Names<sizeof...(kAt)>& names, DType dtype, F f,
                        std::index_sequence<kAt...>) {
  const Sizes sizes = OCTAVO_TRY(CommonSizesOf(call, names));
  std::vector<Array<T>> operands;
  for (const std::string_view name : names) {
    operands.push_back(OCTAVO_TRY(Operand<T>(call, name, dtype, sizes)));
  }
  Array<T> result(sizes);
  for (std::int64_t i = 0; i < Count(sizes); ++i) result[i] = f(operands[kAt][i]...);
  return result;
}

// In the dtype of the result: `reals` of float64 where that is a floating-point one, else `integers` of
// int64.
template <std::size_t kCount, typename Reals, typename Integers>
Results Elementwise(const Call& call, const Names<kCount>& names, Reals reals, Integers integers) {
  const DType dtype = ResultDType(call);
  constexpr auto kAll = std::make_index_sequence<kCount>();
  if (IsFloat(dtype)) {
    return One(OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<double>(call, names, dtype, reals, kAll)), dtype)));
  }
  return One(OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<std::int64_t>(call, names, dtype, integers, kAll)), dtype)));
}

}  // namespace octavo::reference
