#include <fmt/format.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// pixel_shuffle, pixel_unshuffle, channel_shuffle.

namespace octavo::reference {
namespace {

// Far above any real factor; keeps products in range.
constexpr std::int64_t kLargestFactor = 1 << 15;

struct Image {
  std::int64_t batch = 1, channels, height, width;
};

// [..., C, H, W], the first dimensions as one.
Result<Image> ImageOf(const Tensor& x) {
  const std::size_t rank = x.sizes.size();
  if (rank < 3) return Unsupported("the input must have rank 3 or more");
  Image image{1, x.sizes[rank - 3], x.sizes[rank - 2], x.sizes[rank - 1]};
  for (std::size_t d = 0; d + 3 < rank; ++d) image.batch *= x.sizes[d];
  return image;
}

Result<std::int64_t> Factor(const Call& call, const char* name) {
  const std::int64_t factor = call.integer(name);
  if (factor < 1 || factor > kLargestFactor)
    return Unsupported(fmt::format("argument {} cannot be {}", name, factor));
  return factor;
}

Sizes WithImage(const Tensor& x, std::int64_t channels, std::int64_t height, std::int64_t width) {
  Sizes sizes(x.sizes.begin(), x.sizes.end() - 3);
  sizes.insert(sizes.end(), {channels, height, width});
  return sizes;
}

// y[c, h r + i, w r + j] = x[c r² + i r + j, h, w]
Results PixelShuffle(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Image in = OCTAVO_TRY(ImageOf(x));
  const std::int64_t r = OCTAVO_TRY(Factor(call, "upscale_factor"));
  if (in.channels % (r * r) != 0)
    return Unsupported("the number of channels must be divisible by upscale_factor²");
  Sizes sizes = OCTAVO_TRY(Checked(WithImage(x, in.channels / (r * r), in.height * r, in.width * r)));
  std::vector<std::int64_t> places;
  ForEachIndex({in.batch, in.channels / (r * r), in.height * r, in.width * r}, [&](const Sizes& at) {
    const std::int64_t channel = at[1] * r * r + at[2] % r * r + at[3] % r;
    places.push_back(((at[0] * in.channels + channel) * in.height + at[2] / r) * in.width + at[3] / r);
  });
  return One(OCTAVO_TRY(Picked(x, std::move(sizes), places)));
}

// y[c r² + i r + j, h, w] = x[c, h r + i, w r + j]
Results PixelUnshuffle(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Image in = OCTAVO_TRY(ImageOf(x));
  const std::int64_t r = OCTAVO_TRY(Factor(call, "downscale_factor"));
  if (in.height % r != 0 || in.width % r != 0)
    return Unsupported("height and width must be divisible by downscale_factor");
  Sizes sizes = OCTAVO_TRY(Checked(WithImage(x, in.channels * r * r, in.height / r, in.width / r)));
  std::vector<std::int64_t> places;
  ForEachIndex({in.batch, in.channels * r * r, in.height / r, in.width / r}, [&](const Sizes& at) {
    const std::int64_t c = at[1] / (r * r), i = at[1] / r % r, j = at[1] % r;
    places.push_back(((at[0] * in.channels + c) * in.height + at[2] * r + i) * in.width + at[3] * r + j);
  });
  return One(OCTAVO_TRY(Picked(x, std::move(sizes), places)));
}

// Channel i of group g comes to i groups + g.
Results ChannelShuffle(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() < 3) return Unsupported("the input must have rank 3 or more");
  const std::int64_t groups = OCTAVO_TRY(Factor(call, "groups"));
  const Around around(x.sizes, 1);
  if (around.size % groups != 0) return Unsupported("the number of channels must be divisible by groups");
  std::vector<std::int64_t> places;
  ForEachIndex({around.outer, around.size, around.inner}, [&](const Sizes& at) {
    const std::int64_t from = at[1] % groups * (around.size / groups) + at[1] / groups;
    places.push_back((at[0] * around.size + from) * around.inner + at[2]);
  });
  return One(OCTAVO_TRY(Picked(x, x.sizes, places)));
}

}  // namespace

void AddShuffling(Kernels& kernels) {
  kernels.Add("aten::pixel_shuffle", PixelShuffle);
  kernels.Add("aten::pixel_unshuffle", PixelUnshuffle);
  kernels.Add("aten::channel_shuffle", ChannelShuffle);
}

}  // namespace octavo::reference
