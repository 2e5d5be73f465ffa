#include <cmath>
#include <optional>

#include "octavo/reference/conversion.h"
#include "octavo/reference/float_sums.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/windows.h"

// Largest elements and averages of windows.  Sources of the quantized ones: Pooling.cpp, AveragePool2d.cpp,
// AveragePool3d.cpp, qnnpack/src/average-pooling.c, max-pooling.c.

namespace octavo::reference {
namespace {

// Calls f(plane, o, result's index) with each window's place o = {z, y, x}.
template <typename F>
void ForEachWindow(const Windows& w, F f) {
  std::int64_t index = 0;
  for (std::int64_t plane = 0; plane < w.planes; ++plane) {
    ForEachIndex(w.out, [&](const Sizes& o) { f(plane, o, index++); });
  }
}

// ---- largest

bool BeatsInWindow(double x, double best) { return x > best || std::isnan(x); }
bool BeatsInWindow(std::int64_t x, std::int64_t best) { return x > best; }

// Where in its plane the largest element of each window is; of equal ones the first, and the last NaN.
// `indices` are the cells' indices along each dimension that lie inside.
template <typename T, typename Indices>
std::vector<std::int64_t> Largest(const Windows& w, const Array<T>& numbers, Indices indices) {
  std::vector<std::int64_t> places;
  const std::int64_t plane_size = Count(w.in);
  ForEachWindow(w, [&](std::int64_t plane, const Sizes& o, std::int64_t) {
    const std::array<std::vector<std::int64_t>, 3> at = {indices(0, o[0]), indices(1, o[1]),
                                                         indices(2, o[2])};
    std::int64_t best = -1;
    for (const std::int64_t z : at[0]) {
      for (const std::int64_t y : at[1]) {
        for (const std::int64_t x : at[2]) {
          const std::int64_t place = (z * w.in[1] + y) * w.in[2] + x;
          if (best < 0 ||
              BeatsInWindow(numbers[plane * plane_size + place], numbers[plane * plane_size + best])) {
            best = place;
          }
        }
      }
    }
    places.push_back(best);
  });
  return places;
}

template <typename Indices>
Results LargestOf(const Call& call, const Tensor& x, const Windows& w, Indices indices) {
  std::vector<std::int64_t> places;
  if (IsFloat(x.dtype)) {
    places = Largest(w, OCTAVO_TRY(Numbers<double>(x)), indices);
  } else {
    places = Largest(w, OCTAVO_TRY(Numbers<std::int64_t>(x.Integers())), indices);
  }
  const std::int64_t windows = Count(w.out), plane_size = Count(w.in);
  std::vector<std::int64_t> whole;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] < 0) return Unsupported("a pooling window contains no elements");
    whole.push_back(static_cast<std::int64_t>(i) / windows * plane_size + places[i]);
  }
  std::vector<Tensor> results;
  results.push_back(OCTAVO_TRY(Picked(x, w.result, whole)));
  if (call.num_results() == 2) results.push_back(Tensor::From(DType::kInt64, w.result, places));
  return results;
}

template <std::size_t dims>
Results MaxPool(const Call& call) {
  const Tensor& x = call.tensor(call.has("self") ? "self" : "qx");
  const Windows w = OCTAVO_TRY(WindowsOf(call, x, dims));
  // qnnpack moves what reads padding to the border, which with dilation is no element of the window.
  const bool to_border = call.with_qnnpack() && call.faults() == Faults::kKeep && x.dtype == DType::kQUint8 &&
                         dims < 3 && !call.flag("ceil_mode");
  return LargestOf(call, x, w, [&](std::size_t d, std::int64_t o) {
    std::vector<std::int64_t> indices;
    const std::int64_t first = w.First(d, o), last = first + (w.kernel[d] - 1) * w.dilation[d];
    const Inside inside = CellsInside(first, w.kernel[d], w.dilation[d], w.in[d]);
    if (to_border && first < 0) indices.push_back(0);
    for (std::int64_t k = inside.first; k < inside.last; ++k) indices.push_back(first + k * w.dilation[d]);
    if (to_border && last >= w.in[d]) indices.push_back(w.in[d] - 1);
    return indices;
  });
}

template <std::size_t dims>
Results AdaptiveMaxPool(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Windows w = OCTAVO_TRY(AdaptiveWindowsOf(call, x, dims));
  return LargestOf(call, x, w, [&](std::size_t d, std::int64_t o) {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = AdaptiveStart(o, w.in[d], w.out[d]); i < AdaptiveEnd(o, w.in[d], w.out[d]); ++i) {
      indices.push_back(i);
    }
    return indices;
  });
}

// ---- averages

// The part of a window that lies inside, and how many cells count.
struct Part {
  Sizes begin, end;
  std::int64_t inside = 1, with_padding = 1;

  Part(const Windows& w, const Sizes& o) {
    for (std::size_t d = 0; d < Windows::kDims; ++d) {
      const std::int64_t first = w.First(d, o[d]),
                         last = std::min(first + w.kernel[d], w.in[d] + w.padding[d]);
      Add(std::max<std::int64_t>(first, 0), std::min(last, w.in[d]), last - first);
    }
  }
  static Part Adaptive(const Windows& w, const Sizes& o) {
    Part part;
    for (std::size_t d = 0; d < Windows::kDims; ++d) {
      const std::int64_t begin = AdaptiveStart(o[d], w.in[d], w.out[d]);
      const std::int64_t end = AdaptiveEnd(o[d], w.in[d], w.out[d]);
      part.Add(begin, end, end - begin);
    }
    return part;
  }
  std::int64_t size(std::size_t d) const { return end[d] - begin[d]; }

 private:
  Part() = default;
  void Add(std::int64_t first, std::int64_t last, std::int64_t padded) {
    begin.push_back(first);
    end.push_back(std::max(first, last));
    inside *= end.back() - first;
    with_padding *= padded;
  }
};

template <typename T, typename Sum>
Sum SumOf(const Windows& w, const Array<T>& numbers, std::int64_t plane, const Part& part, Sum sum) {
  for (std::int64_t z = part.begin[0]; z < part.end[0]; ++z) {
    for (std::int64_t y = part.begin[1]; y < part.end[1]; ++y) {
      for (std::int64_t x = part.begin[2]; x < part.end[2]; ++x) {
        sum += numbers[((plane * w.in[0] + z) * w.in[1] + y) * w.in[2] + x];
      }
    }
  }
  return sum;
}

struct Counting {
  bool include_padding;
  std::optional<std::int64_t> divisor;

  explicit Counting(const Call& call)
      : include_padding(!call.has("count_include_pad") || call.flag("count_include_pad")) {
    if (call.has("divisor_override")) divisor = call.integer("divisor_override");
  }
  std::int64_t Of(const Part& part) const {
    return divisor.value_or(include_padding ? part.with_padding : part.inside);
  }
};

// f(sum of q - zero_point, part, channel) gives each level.
template <typename F>
Results QuantizedAverage(const Call& call, const Tensor& x, const Windows& w, bool adaptive, F f) {
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const std::int64_t zero_point = x.quantization->zero_point();
    const std::int64_t channels =
        w.planes == 0 ? 1
                      : w.planes / (x.sizes.size() == w.dims + 2 ? std::max<std::int64_t>(x.sizes[0], 1) : 1);
    const Array<T> levels = Elements<T>(x);
    Array<T> result(w.result);
    ForEachWindow(w, [&](std::int64_t plane, const Sizes& o, std::int64_t i) {
      const Part part = adaptive ? Part::Adaptive(w, o) : Part(w, o);
      const std::int64_t sum = SumOf(w, levels, plane, part, std::int64_t{0}) - part.inside * zero_point;
      result[i] = Saturated<T>(f(sum, part, plane % channels));
    });
    return One(ToTensor(result, OCTAVO_TRY(QuantizedResult(call, x))));
  });
}

// round_half_even(sum (scale / (scale cells))) + zero_point; the padding counts.
std::int64_t QnnpackAverage(std::int64_t sum, std::int64_t cells, const Affine& a) {
  const float multiplier = a.scale / (a.scale * static_cast<float>(cells));
  return RoundedFar(static_cast<float>(sum) * multiplier) + a.zero_point;
}

// PyTorch's kernels for channels-last tensors, which those of one channel are as well:
// round_half_even(sum (1 / cells)) + zero_point.  Built with FBGEMM, the channels that fill no vector have
// the zero point inside the rounding, and all have it in adaptive pooling, whose vectors fuse the two.
Results ChannelsLastAverage(const Call& call, const Tensor& x, const Windows& w, bool adaptive,
                            const Counting& counting) {
  const Affine steps(1.0, x.quantization->zero_point());
  const std::int64_t vector = adaptive ? 8 : 16;  // channels, with AVX2; with AVX-512
  const std::int64_t channels = x.sizes.size() == w.dims + 2 ? x.sizes[1] : x.sizes[0];
  const std::int64_t whole = call.with_fbgemm() ? channels / vector * vector : channels;
  return QuantizedAverage(
      call, x, w, adaptive, [&](std::int64_t sum, const Part& part, std::int64_t channel) {
        const float multiplier = 1.0F / static_cast<float>(counting.Of(part));
        const auto real = static_cast<float>(sum), zero_point = static_cast<float>(steps.zero_point);
        if (channel >= whole) return RoundedFar(real * multiplier + zero_point);
        if (adaptive && call.with_fbgemm()) return RoundedFar(std::fma(real, multiplier, zero_point));
        return RoundedFar(real * multiplier) + steps.zero_point;
      });
}

// A batch of images of one channel is taken for a channels-last tensor, too; one image without a batch is
// not.
bool ChannelsLast(const Call& call, const Tensor& x, std::size_t dims) {
  if (x.sizes.size() != dims + 2) return false;
  return x.sizes[1] == 1 || (dims >= 2 && call.memory_format("self") == ir::MemoryFormat::kChannelsLast);
}

template <std::size_t dims>
Results QuantizedAvgPool(const Call& call, const Tensor& x, const Windows& w) {
  if (!x.quantization->per_tensor())
    return Unsupported("pooling of a per-channel quantized tensor is not supported");
  const Affine a(*x.quantization);
  const Counting counting(call);
  const auto zero_point = static_cast<float>(a.zero_point);
  if (dims == 3) return ChannelsLastAverage(call, x, w, false, counting);
  if (call.with_qnnpack() && x.dtype == DType::kQUint8 && !call.flag("ceil_mode")) {
    return QuantizedAverage(call, x, w, false, [&](std::int64_t sum, const Part& part, std::int64_t) {
      // qnnpack counts all cells, whatever it is told.
      const std::int64_t count = counting.Of(part);
      if (call.faults() == Faults::kKeep || count == w.cells()) return QnnpackAverage(sum, w.cells(), a);
      return RoundedFar(static_cast<float>(sum) / static_cast<float>(count)) + a.zero_point;
    });
  }
  if (ChannelsLast(call, x, dims)) return ChannelsLastAverage(call, x, w, false, counting);
  return QuantizedAverage(call, x, w, false, [&](std::int64_t sum, const Part& part, std::int64_t) {
    const auto multiplier = static_cast<float>(1.0 / static_cast<double>(counting.Of(part)));
    return RoundedFar(static_cast<float>(sum) * multiplier + zero_point);
  });
}

template <std::size_t dims>
Results AvgPool(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Windows w = OCTAVO_TRY(WindowsOf(call, x, dims));
  const Counting counting(call);
  if (counting.divisor == 0) return Unsupported("argument divisor_override must not be 0");
  if (x.quantization) return QuantizedAvgPool<dims>(call, x, w);
  if (x.dtype == DType::kFloat32 && dims < 3) {  // one element after the other
    const Array<float> numbers = Elements<float>(x);
    Array<float> result(w.result);
    ForEachWindow(w, [&](std::int64_t plane, const Sizes& o, std::int64_t i) {
      const Part part(w, o);
      result[i] = SumOf(w, numbers, plane, part, 0.0F) / static_cast<float>(counting.Of(part));
    });
    return One(ToTensor(result, {.dtype = DType::kFloat32}));
  }
  const Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  Array<double> result(w.result);
  ForEachWindow(w, [&](std::int64_t plane, const Sizes& o, std::int64_t i) {
    const Part part(w, o);
    result[i] = SumOf(w, numbers, plane, part, 0.0) / static_cast<double>(counting.Of(part));
  });
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

bool Divides(const Windows& w) {
  for (std::size_t d = 0; d < Windows::kDims; ++d) {
    if (w.out[d] == 0 || w.in[d] % w.out[d] != 0) return false;
  }
  return true;
}

template <std::size_t dims>
Results QuantizedAdaptiveAvgPool(const Call& call, const Tensor& x, const Windows& w) {
  if (!x.quantization->per_tensor())
    return Unsupported("pooling of a per-channel quantized tensor is not supported");
  const Affine a(*x.quantization);
  if (call.with_qnnpack() && dims < 3 && x.dtype == DType::kQUint8 && Divides(w) && w.in != w.out) {
    return QuantizedAverage(call, x, w, true, [&](std::int64_t sum, const Part& part, std::int64_t) {
      return QnnpackAverage(sum, part.inside, a);
    });
  }
  // To one element of three dimensions it is their mean: round_half_even(sum of the levels / n).
  if (call.op() == "aten::adaptive_avg_pool3d" && Count(w.out) == 1) {
    return QuantizedAverage(call, x, w, true, [&](std::int64_t sum, const Part& part, std::int64_t) {
      const auto levels = static_cast<float>(sum + part.inside * a.zero_point);
      return RoundedFar(levels / static_cast<float>(part.inside));
    });
  }
  if (ChannelsLast(call, x, dims)) return ChannelsLastAverage(call, x, w, true, Counting(call));
  // round_half_even(sum of the levels themselves (1 / depth / height / width))
  return QuantizedAverage(call, x, w, true, [&](std::int64_t sum, const Part& part, std::int64_t) {
    const auto levels = static_cast<float>(sum + part.inside * a.zero_point);
    const auto by_depth = static_cast<float>(1.0 / static_cast<double>(part.size(0)));
    const float all = by_depth / static_cast<float>(part.size(1)) / static_cast<float>(part.size(2));
    return RoundedFar(levels * all);
  });
}

template <std::size_t dims>
Results AdaptiveAvgPool(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Windows w = OCTAVO_TRY(AdaptiveWindowsOf(call, x, dims));
  if (x.quantization) return QuantizedAdaptiveAvgPool<dims>(call, x, w);
  constexpr std::int64_t kVector = 8;
  if (dims == 2 && x.dtype == DType::kFloat32 && x.rank() == 4 && Count(w.out) == 1 && Count(w.in) > 0 &&
      x.sizes[1] >= kVector && call.memory_format("self") == ir::MemoryFormat::kChannelsLast) {
    const Array<float> numbers = Elements<float>(x);
    Array<float> result(w.result);
    for (std::int64_t plane = 0; plane < w.planes; ++plane) {
      result[plane] = MeanOfChannel(numbers.row(plane * Count(w.in), Count(w.in)), Count(w.in),
                                    plane % x.sizes[1], x.sizes[1]);
    }
    return One(ToTensor(result, {.dtype = DType::kFloat32}));
  }
  const Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  Array<double> result(w.result);
  ForEachWindow(w, [&](std::int64_t plane, const Sizes& o, std::int64_t i) {
    const Part part = Part::Adaptive(w, o);
    result[i] = SumOf(w, numbers, plane, part, 0.0) / static_cast<double>(part.inside);
  });
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

}  // namespace

void AddPooling(Kernels& kernels) {
  kernels.Add("aten::max_pool1d", MaxPool<1>);
  kernels.Add("aten::max_pool2d", MaxPool<2>);
  kernels.Add("aten::max_pool3d", MaxPool<3>);
  kernels.Add("aten::max_pool1d_with_indices", MaxPool<1>);
  kernels.Add("aten::max_pool2d_with_indices", MaxPool<2>);
  kernels.Add("aten::max_pool3d_with_indices", MaxPool<3>);
  kernels.Add("quantized::max_pool1d", MaxPool<1>);
  kernels.Add("quantized::max_pool2d", MaxPool<2>);
  kernels.Add("quantized::max_pool3d", MaxPool<3>);
  kernels.Add("aten::adaptive_max_pool1d", AdaptiveMaxPool<1>);
  kernels.Add("aten::adaptive_max_pool2d", AdaptiveMaxPool<2>);
  kernels.Add("aten::adaptive_max_pool3d", AdaptiveMaxPool<3>);
  kernels.Add("aten::avg_pool1d", AvgPool<1>);
  kernels.Add("aten::avg_pool2d", AvgPool<2>);
  kernels.Add("aten::avg_pool3d", AvgPool<3>);
  kernels.Add("aten::adaptive_avg_pool1d", AdaptiveAvgPool<1>);
  for (const char* prefix : {"aten::", "aten::_"}) {
    kernels.Add(std::string(prefix) + "adaptive_avg_pool2d", AdaptiveAvgPool<2>);
    kernels.Add(std::string(prefix) + "adaptive_avg_pool3d", AdaptiveAvgPool<3>);
  }
}

}  // namespace octavo::reference
