#include "octavo/reference/movement.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace octavo::reference {
namespace {

Status CheckMovable(const Tensor& tensor) {
  if (tensor.dtype == DType::kQUint4x2 || tensor.dtype == DType::kQUint2x4) {
    return Unsupported(
        fmt::format("moving the elements of a {} tensor is not supported", Name(tensor.dtype)));
  }
  return {};
}

Error LostAxis() {
  return Unsupported("the channel dimension of a per-channel quantized tensor cannot be split or merged",
                     "Call .dequantize() on it first.");
}

// Takes over the quantization with a new axis.
Status SetQuantization(Tensor& result, const Tensor& from, std::optional<int> axis) {
  result.quantization = from.quantization;
  if (!from.quantization || from.quantization->per_tensor()) return {};
  if (!axis) return LostAxis();
  result.quantization->axis = axis;
  return {};
}

std::vector<std::int64_t> Places(const View& view) {
  std::vector<std::int64_t> places;
  ForEachIndex(view.sizes(), [&](const Sizes& index) {
    std::int64_t place = view.start;
    for (std::size_t d = 0; d < index.size(); ++d) place += index[d] * view.walks[d].step;
    places.push_back(place);
  });
  return places;
}

// Places and sizes come from a model: a kernel that has computed them wrongly must not read outside.
Status CheckPlaces(const Tensor& tensor, const Sizes& sizes, const std::vector<std::int64_t>& places,
                   const std::vector<std::byte>& fill) {
  if (std::cmp_not_equal(places.size(), Count(sizes))) {
    return Unsupported(fmt::format("{} elements do not make a tensor of shape {}", places.size(), sizes));
  }
  const std::int64_t count = tensor.num_elements();
  const bool fills = fill.size() == ElementSize(tensor.dtype);
  for (const std::int64_t place : places) {
    if (place == kFill ? fills : place >= 0 && place < count) continue;
    return Unsupported(fmt::format("element {} lies outside of a tensor of shape {}", place, tensor.sizes));
  }
  return {};
}

Result<Tensor> Pick(const Tensor& tensor, Sizes sizes, const std::vector<std::int64_t>& places,
                    const std::vector<std::byte>& fill) {
  OCTAVO_TRY(CheckPlaces(tensor, sizes, places, fill));
  const std::vector<std::byte> from = tensor.Bytes();
  const std::size_t size = ElementSize(tensor.dtype);
  std::vector<std::byte> to(places.size() * size);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::byte* element =
        places[i] == kFill ? fill.data() : from.data() + static_cast<std::size_t>(places[i]) * size;
    std::memcpy(to.data() + i * size, element, size);
  }
  return Tensor::FromBytes(tensor.dtype, std::move(sizes), std::move(to));
}

// The dimension of `to` that is dimension `axis` of `from`: as long, with as many elements before it.
std::optional<int> SameAxis(const Sizes& from, const Sizes& to, int axis) {
  const Around wanted(from, static_cast<std::size_t>(axis));
  for (std::size_t d = 0; d < to.size(); ++d) {
    const Around here(to, d);
    if (here.outer == wanted.outer && here.size == wanted.size) return static_cast<int>(d);
  }
  return std::nullopt;
}

}  // namespace

View::View(const Tensor& tensor) {
  const Sizes steps = Steps(tensor.sizes);
  for (std::size_t d = 0; d < steps.size(); ++d) {
    walks.push_back({tensor.sizes[d], steps[d], static_cast<int>(d)});
  }
}

Sizes View::sizes() const {
  Sizes sizes;
  for (const Walk& walk : walks) sizes.push_back(walk.size);
  return sizes;
}

Result<Tensor> Moved(const Tensor& tensor, const View& view) {
  OCTAVO_TRY(CheckMovable(tensor));
  Sizes sizes = OCTAVO_TRY(Checked(view.sizes()));
  Tensor result = OCTAVO_TRY(Pick(tensor, std::move(sizes), Places(view), {}));
  std::optional<int> axis;
  for (std::size_t d = 0; d < view.walks.size(); ++d) {
    const int source = view.walks[d].source;
    if (source >= 0 && tensor.quantization && tensor.quantization->axis == source) axis = static_cast<int>(d);
  }
  OCTAVO_TRY(SetQuantization(result, tensor, axis));
  return result;
}

Result<Tensor> Picked(const Tensor& tensor, Sizes sizes, const std::vector<std::int64_t>& places,
                      const std::vector<std::byte>& fill) {
  OCTAVO_TRY(CheckMovable(tensor));
  Tensor result = OCTAVO_TRY(Pick(tensor, std::move(sizes), places, fill));
  OCTAVO_TRY(SetQuantization(result, tensor, std::nullopt));
  return result;
}

Result<Tensor> Reshaped(const Tensor& tensor, Sizes sizes) {
  OCTAVO_TRY(CheckMovable(tensor));
  Sizes checked = OCTAVO_TRY(Checked(std::move(sizes)));
  if (Count(checked) != tensor.num_elements()) {
    return Unsupported(fmt::format("a tensor of shape {} cannot be reshaped to {}", tensor.sizes, checked));
  }
  std::optional<int> axis;
  if (tensor.quantization && tensor.quantization->axis) {
    axis = SameAxis(tensor.sizes, checked, *tensor.quantization->axis);
  }
  Tensor result = Tensor::FromBytes(tensor.dtype, std::move(checked), tensor.Bytes());
  OCTAVO_TRY(SetQuantization(result, tensor, axis));
  return result;
}

Result<Tensor> Joined(const std::vector<Tensor>& tensors, std::size_t axis) {
  const Tensor& first = tensors[0];
  OCTAVO_TRY(CheckMovable(first));
  if (first.quantization && !first.quantization->per_tensor()) return LostAxis();
  Sizes sizes = first.sizes;
  sizes[axis] = 0;
  for (const Tensor& tensor : tensors) {
    bool fits = tensor.sizes.size() == sizes.size();
    for (std::size_t d = 0; fits && d < sizes.size(); ++d) {
      fits = d == axis || tensor.sizes[d] == sizes[d];
    }
    if (!fits) {
      return Unsupported(
          fmt::format("tensors of shapes {} and {} cannot be concatenated", first.sizes, tensor.sizes));
    }
    sizes[axis] += tensor.sizes[axis];
  }
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  const Around whole(sizes, axis);
  const std::size_t element = ElementSize(first.dtype);
  const std::size_t row = static_cast<std::size_t>(whole.size * whole.inner) * element;
  std::vector<std::byte> to(static_cast<std::size_t>(Count(sizes)) * element);
  std::size_t begin = 0;
  for (const Tensor& tensor : tensors) {
    const std::vector<std::byte> from = tensor.Bytes();
    if (from.empty()) continue;
    const std::size_t part = static_cast<std::size_t>(tensor.sizes[axis] * whole.inner) * element;
    for (std::size_t o = 0; o < static_cast<std::size_t>(whole.outer); ++o) {
      std::memcpy(to.data() + o * row + begin, from.data() + o * part, part);
    }
    begin += part;
  }
  Tensor result = Tensor::FromBytes(first.dtype, std::move(sizes), std::move(to));
  result.quantization = first.quantization;
  return result;
}

}  // namespace octavo::reference
