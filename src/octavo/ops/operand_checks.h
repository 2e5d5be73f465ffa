#pragma once

// What PyTorch asks of the operands of one call, for several families of operators.  Nothing is asked of a
// dtype, rank or size that is not known.

#include <initializer_list>
#include <optional>
#include <string_view>

#include "octavo/operators.h"

namespace octavo {

// Error: the argument is there and has another rank.
Status CheckRank(const Arguments& a, std::string_view argument, int rank);
Status CheckRank(const Arguments& a, std::string_view argument, int lowest, int highest);
// Error: the argument is there and is no vector of `length` elements, which are `of`: "output channels".
Status CheckVector(const Arguments& a, std::string_view argument, const Dim& length, std::string_view of);
// The same of any shape with that many elements.
Status CheckElements(const Arguments& a, std::string_view argument, const Dim& count, std::string_view of);
// Error: the argument is there and broadcasting does not make it a tensor of shape `to`, but a larger one or
// none.
Status CheckBroadcastTo(const Arguments& a, std::string_view argument, const std::optional<Shape>& to);
// Error: the tensor that PyTorch writes the result into, and may not make larger, has another shape.
Status CheckOut(const Arguments& a, std::string_view argument, const std::optional<Shape>& result);
// Error: two of those that are there have different dtypes.
Status CheckSameDType(const Arguments& a, std::initializer_list<std::string_view> arguments);

// Error: the tensor of images, [batch,] channels and `dims` sizes, has another rank, or a size other than the
// batch's is 0.
Status CheckImages(const Shape& shape, std::size_t dims, bool may_lack_batch = true);

}  // namespace octavo
