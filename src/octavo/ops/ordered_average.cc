#include "octavo/ops/ordered_average.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "octavo/emit.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/proven_reals.h"

namespace octavo {
namespace {

// PyTorch's sums, aten/src/ATen/native/cpu/SumKernel.cpp: chunks of 16 elements, whose sums are added up;
// with more elements there are more levels, and from 2^20 on larger chunks.
constexpr std::int64_t kChunk = 16;
constexpr std::int64_t kMostElements = kChunk * kChunk - 1;
// Channels-last images: four vectors of 8 channels at a time.  For channels that are left over, every fourth
// element is added up in a sum of its own.
constexpr std::int64_t kVectors = 32, kVector = 8, kLanes = 4;

Value Rows(Builder& g, Value x, std::int64_t start, std::int64_t end) { return Slice(g, x, 0, start, end); }

// The sum along `axis`, which keeps size 1, from its first element to its last.
Value SumAlong(Builder& g, Value x, std::int64_t axis, std::int64_t size) {
  if (size == 1) return x;
  const Value number = g.Constant(Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{axis}));
  return Slice(g, g.Op("CumSum", {x, number}), axis, size - 1, size);
}

// Of `count` rows [count, N, C], as one row: chunk by chunk, then the sums of the chunks.
Value SumOfChunks(Builder& g, Value x, std::int64_t count, std::int64_t channels) {
  const std::int64_t chunks = count / kChunk, whole = chunks * kChunk;
  if (chunks == 0) return SumAlong(g, x, 0, count);
  const Value first = whole == count ? x : Rows(g, x, 0, whole);
  const Value of_each = SumAlong(g, Reshape(g, first, {chunks, kChunk, -1, channels}), 1, kChunk);
  const Value of_all = SumAlong(g, Reshape(g, of_each, {chunks, -1, channels}), 0, chunks);
  if (whole == count) return of_all;
  return g.Op("Add", {SumAlong(g, Rows(g, x, whole, count), 0, count - whole), of_all});
}

// The same in four sums, of every fourth row; the rows that are left over belong to the first one.
Value SumInFourths(Builder& g, Value x, std::int64_t count, std::int64_t channels) {
  const std::int64_t fourth = count / kLanes, whole = fourth * kLanes;
  if (fourth == 0) return SumAlong(g, x, 0, count);  // the other sums are 0
  std::vector<Value> terms;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    const Value rows = fourth == 1 ? Rows(g, x, lane, lane + 1) : Slice(g, x, 0, lane, whole, kLanes);
    terms.push_back(SumOfChunks(g, rows, fourth, channels));
    if (lane == 0 && whole < count) terms.push_back(Rows(g, x, whole, count));
  }
  const Value all = g.Op("Concat", terms, {{"axis", 0}});
  return SumAlong(g, all, 0, kLanes + count - whole);
}

Value SumOfMean(Builder& g, Value x, std::int64_t count, std::int64_t channels) {
  const std::int64_t in_vectors = channels / kVectors * kVectors;
  std::vector<Value> parts;
  if (in_vectors > 0) {
    const Value part = in_vectors == channels ? x : Slice(g, x, 2, 0, in_vectors);
    parts.push_back(SumOfChunks(g, part, count, in_vectors));
  }
  if (in_vectors < channels) {
    const Value part = in_vectors == 0 ? x : Slice(g, x, 2, in_vectors, channels);
    parts.push_back(SumInFourths(g, part, count, channels - in_vectors));
  }
  return parts.size() == 1 ? parts[0] : g.Op("Concat", parts, {{"axis", 2}});
}

}  // namespace

std::optional<Value> AverageInOrder(Builder& g, Value x, AverageOf of) {
  constexpr int kCumSum = 11;
  if (!StatesExactness(g) || g.opset() < kCumSum || x.dtype() != DType::kFloat32) return std::nullopt;
  const std::size_t rank = x.shape() ? x.shape()->size() : 0;
  if (rank != 4 && (rank != 3 || of != AverageOf::kWindow)) return std::nullopt;
  std::int64_t count = 1;
  for (std::size_t i = 1; i < rank; ++i) {
    const Dim& size = (*x.shape())[i];
    if (!size.known() || size.value() < 1 || (i > 1 && size.value() > kMostElements)) return std::nullopt;
    if (i > 1) count *= size.value();
  }
  if (count > kMostElements) return std::nullopt;
  const std::int64_t channels = (*x.shape())[1].value();
  if (of == AverageOf::kMean &&
      (x.memory_format() != ir::MemoryFormat::kChannelsLast || channels < kVector)) {
    return std::nullopt;
  }
  if (WhereProven(g, x) != RealsFrom::kLevels) return std::nullopt;
  const Value rows = Transpose(g, Reshape(g, x, {0, 0, -1}), {2, 0, 1});
  const Value sum =
      of == AverageOf::kWindow ? SumAlong(g, rows, 0, count) : SumOfMean(g, rows, count, channels);
  const Value average = g.Op("Div", {sum, g.Scalar(static_cast<float>(count))});
  std::vector<std::int64_t> sizes(rank, 1);
  sizes[0] = -1;
  sizes[1] = channels;
  const Value y = Reshape(g, average, sizes);
  g.SetProven(y);
  return y;
}

}  // namespace octavo
