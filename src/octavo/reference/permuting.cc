#include <algorithm>
#include <numeric>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// permute and its like, flip, roll.

namespace octavo::reference {
namespace {

using Order = std::vector<std::size_t>;

// Dimension d of the result is dimension order[d] of the tensor.
Results Permuted(const Tensor& x, const Order& order) {
  const View whole(x);
  View view = whole;
  for (std::size_t d = 0; d < order.size(); ++d) view.walks[d] = whole.walks[order[d]];
  return One(OCTAVO_TRY(Moved(x, view)));
}

Order Natural(const Tensor& x) {
  Order order(x.sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

Results Permute(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Order order = OCTAVO_TRY(Axes(call.ints("dims"), x.sizes.size()));
  if (order.size() != x.sizes.size()) return Unsupported("argument dims must name every dimension");
  return Permuted(x, order);
}

Results Swap(const Call& call, const char* first, const char* second) {
  const Tensor& x = call.tensor("self");
  const std::size_t i = OCTAVO_TRY(Axis(call.integer(first), x.sizes.size()));
  const std::size_t j = OCTAVO_TRY(Axis(call.integer(second), x.sizes.size()));
  Order order = Natural(x);
  if (!order.empty()) std::swap(order[i], order[j]);
  return Permuted(x, order);
}

Results Transpose(const Call& call) { return Swap(call, "dim0", "dim1"); }
Results SwapAxes(const Call& call) { return Swap(call, "axis0", "axis1"); }

Results Reverse(const Call& call) {
  const Tensor& x = call.tensor("self");
  Order order = Natural(x);
  std::reverse(order.begin(), order.end());
  return Permuted(x, order);
}

Results TransposeMatrix(const Call& call) {
  if (call.tensor("self").rank() > 2) return Unsupported("t() takes a tensor of rank 2 at most");
  return Reverse(call);
}

Results TransposeMatrices(const Call& call) {
  const Tensor& x = call.tensor("self");
  Order order = Natural(x);
  if (order.size() < 2) return Unsupported("mT needs a tensor of rank 2 or more");
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return Permuted(x, order);
}

// Dimension source[i] goes to destination[i], the others keep their order.
Results MoveDim(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Order source = OCTAVO_TRY(Axes(call.ints("source"), x.sizes.size()));
  const Order destination = OCTAVO_TRY(Axes(call.ints("destination"), x.sizes.size()));
  if (source.size() != destination.size()) {
    return Unsupported("arguments source and destination have different lengths");
  }
  Order others;
  for (const std::size_t d : Natural(x)) {
    if (std::find(source.begin(), source.end(), d) == source.end()) others.push_back(d);
  }
  Order order;
  auto next = others.begin();
  for (std::size_t d = 0; d < x.sizes.size(); ++d) {
    const auto found = std::find(destination.begin(), destination.end(), d);
    order.push_back(
        found == destination.end() ? *next++ : source[static_cast<std::size_t>(found - destination.begin())]);
  }
  return Permuted(x, order);
}

Results Flipped(const Tensor& x, const std::vector<std::int64_t>& dims) {
  View view(x);
  for (const std::size_t axis : OCTAVO_TRY(Axes(dims, x.sizes.size()))) {
    if (x.sizes.empty()) break;
    Walk& walk = view.walks[axis];
    view.start += std::max<std::int64_t>(walk.size - 1, 0) * walk.step;
    walk = {walk.size, -walk.step};
  }
  return One(OCTAVO_TRY(Moved(x, view)));
}

Results Flip(const Call& call) { return Flipped(call.tensor("self"), call.ints("dims")); }

template <int kAxis>
Results FlipAxis(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() <= kAxis) return Unsupported("the rank of the tensor is too low for this flip");
  return Flipped(x, {kAxis});
}

// Element i along the axis goes to i + shift, around the end.
Result<Tensor> Rolled(const Tensor& x, std::int64_t shift, std::size_t axis) {
  const Around around(x.sizes, axis);
  if (x.num_elements() == 0) return x;
  std::int64_t by = shift % around.size;
  if (by < 0) by += around.size;
  std::vector<std::int64_t> places;
  for (std::int64_t o = 0; o < around.outer; ++o) {
    for (std::int64_t i = 0; i < around.size; ++i) {
      const std::int64_t from = (i + around.size - by) % around.size;
      for (std::int64_t k = 0; k < around.inner; ++k) {
        places.push_back((o * around.size + from) * around.inner + k);
      }
    }
  }
  return Picked(x, x.sizes, places);
}

Results Roll(const Call& call) {
  Tensor x = call.tensor("self");
  const std::vector<std::int64_t> shifts = call.ints("shifts"), dims = call.ints("dims");
  if (dims.empty() && shifts.size() == 1) {
    const Tensor flat = OCTAVO_TRY(Reshaped(x, {x.num_elements()}));
    return One(OCTAVO_TRY(Reshaped(OCTAVO_TRY(Rolled(flat, shifts[0], 0)), x.sizes)));
  }
  if (dims.size() != shifts.size()) return Unsupported("arguments shifts and dims must have the same length");
  if (x.num_elements() == 0) return One(std::move(x));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::size_t axis = OCTAVO_TRY(Axis(dims[i], x.sizes.size()));
    x = OCTAVO_TRY(Rolled(x, shifts[i], axis));
  }
  return One(std::move(x));
}

}  // namespace

void AddPermuting(Kernels& kernels) {
  kernels.Add("aten::permute", Permute);
  kernels.Add("aten::transpose", Transpose);
  kernels.Add("aten::swapdims", Transpose);
  kernels.Add("aten::swapaxes", SwapAxes);
  kernels.Add("aten::t", TransposeMatrix);
  kernels.Add("aten::numpy_T", Reverse);
  kernels.Add("aten::mT", TransposeMatrices);
  kernels.Add("aten::movedim", MoveDim);
  kernels.Add("aten::moveaxis", MoveDim);
  kernels.Add("aten::flip", Flip);
  kernels.Add("aten::flipud", FlipAxis<0>);
  kernels.Add("aten::fliplr", FlipAxis<1>);
  kernels.Add("aten::roll", Roll);
}

}  // namespace octavo::reference
