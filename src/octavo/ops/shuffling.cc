#include "octavo/ops/shuffling.h"

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/row.h"

namespace octavo {
namespace {

constexpr const char* kGiveShuffledShape =
    "Give the input's shape in numbers with --input, as in --input 'float32[1,3,224,224]'.";
// Far above any real factor; keeps products in range.
constexpr std::int64_t kLargestFactor = 1 << 15;

Result<std::int64_t> ShuffleFactor(const Arguments& a, std::string_view name) {
  const std::int64_t factor = OCTAVO_TRY(KnownInt(a, name));
  if (factor < 1 || factor > kLargestFactor)
    return Unsupported(fmt::format("argument {} cannot be {}", name, factor));
  return factor;
}

Status CheckDivides(const Dim& size, std::int64_t factor, std::string_view what) {
  if (size.known() && size.value() % factor != 0) {
    return Unsupported(fmt::format("{} is {}, which is not divisible by {}", what, size.value(), factor));
  }
  return {};
}

// The shape between: the input split into more dimensions; their order in the result; the result's shape.
struct Shuffle {
  Shape split;
  std::vector<int> order;
  Shape result;
};

Result<Shape> KnownShape(const Value& x, std::size_t least_rank) {
  if (!x.shape()) return NeedsInput("the input's shape is unknown", kGiveShuffledShape);
  if (x.shape()->size() < least_rank) {
    return Unsupported(fmt::format("the input has rank {}, but this operator needs rank {} or more",
                                   x.shape()->size(), least_rank));
  }
  return *x.shape();
}

// [..., C, H, W] with `moved` as the order of the six dimensions that C, H, W become.
Shuffle LastThree(const Shape& x, const Shape& six, const std::vector<int>& moved, const Shape& three) {
  Shuffle s;
  const std::size_t front = x.size() - 3;
  s.split.assign(x.begin(), x.end() - 3);
  s.result = s.split;
  s.split.insert(s.split.end(), six.begin(), six.end());
  s.result.insert(s.result.end(), three.begin(), three.end());
  for (std::size_t i = 0; i < front; ++i) s.order.push_back(static_cast<int>(i));
  for (const int m : moved) s.order.push_back(m + static_cast<int>(front));
  return s;
}

Result<Shuffle> PixelShuffle(const Arguments& a) {
  const std::int64_t r = OCTAVO_TRY(ShuffleFactor(a, "upscale_factor"));
  const Shape x = OCTAVO_TRY(KnownShape(a.tensor("self"), 3));
  const Dim channels = x[x.size() - 3], height = x[x.size() - 2], width = x[x.size() - 1];
  OCTAVO_TRY(CheckDivides(channels, r * r, "the number of channels"));
  const Dim c = Dim::FloorDivide(channels, r * r);
  return LastThree(x, {c, r, r, height, width}, {0, 3, 1, 4, 2}, {c, height * Dim(r), width * Dim(r)});
}

Result<Shuffle> PixelUnshuffle(const Arguments& a) {
  const std::int64_t r = OCTAVO_TRY(ShuffleFactor(a, "downscale_factor"));
  const Shape x = OCTAVO_TRY(KnownShape(a.tensor("self"), 3));
  const Dim channels = x[x.size() - 3], height = x[x.size() - 2], width = x[x.size() - 1];
  OCTAVO_TRY(CheckDivides(height, r, "the height"));
  OCTAVO_TRY(CheckDivides(width, r, "the width"));
  const Dim h = Dim::FloorDivide(height, r), w = Dim::FloorDivide(width, r);
  return LastThree(x, {channels, h, r, w, r}, {0, 2, 4, 1, 3}, {channels * Dim(r * r), h, w});
}

Result<Shuffle> ChannelShuffle(const Arguments& a) {
  const std::int64_t groups = OCTAVO_TRY(ShuffleFactor(a, "groups"));
  const TensorType& type = a.tensor("self").type();
  if (type.quantized() && (type.dtype != DType::kQUint8 || type.rank().value_or(4) != 4)) {
    return Unsupported(
        fmt::format("channel_shuffle of a quantized tensor takes quint8 of rank 4, not {}", type.ToString()));
  }
  Shuffle s;
  s.result = OCTAVO_TRY(KnownShape(a.tensor("self"), 3));
  OCTAVO_TRY(CheckDivides(s.result[1], groups, "the number of channels"));
  s.split = s.result;
  s.split[1] = Dim::FloorDivide(s.result[1], groups);
  s.split.insert(s.split.begin() + 1, Dim(groups));
  for (std::size_t i = 0; i < s.split.size(); ++i) s.order.push_back(static_cast<int>(i));
  std::swap(s.order[1], s.order[2]);
  return s;
}

using Rule = Result<Shuffle> (*)(const Arguments&);

TypeRule ShuffledType(Rule rule) {
  return [rule](const Arguments& a) -> Result<std::vector<TensorType>> {
    TensorType type = a.tensor("self").type();
    if (type.shape) type.shape = OCTAVO_TRY(rule(a)).result;
    return std::vector<TensorType>{std::move(type)};
  };
}

// Each node of a quantized tensor has a pair of its own, as runtimes expect it around operators that only
// move elements.
Emitter Shuffled(Rule rule) {
  return [rule](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Shuffle s = OCTAVO_TRY(rule(a));
    const bool pairs = a.tensor("self").quantized();
    const auto finish = [&](Value y, Shape shape) {
      TensorType type = a.tensor("self").type();
      type.shape = std::move(shape);
      return pairs ? Quantize(g, y, type) : g.As(y, type);
    };
    const auto start = [&](Value x) { return pairs ? Dequantize(g, x) : x; };
    Shape moved;
    for (const int from : s.order) moved.push_back(s.split[static_cast<std::size_t>(from)]);
    const Value split = finish(OCTAVO_TRY(ReshapeTo(g, start(a.tensor("self")), s.split)), s.split);
    const Value transposed = finish(Transpose(g, start(split), s.order), moved);
    return One(finish(OCTAVO_TRY(ReshapeTo(g, start(transposed), s.result)), s.result));
  };
}

// DepthToSpace where ONNX's operator is meant: of a batch of images, whose sizes need not be known.
Result<std::vector<Value>> PixelShuffleQdq(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const std::int64_t r = OCTAVO_TRY(ShuffleFactor(a, "upscale_factor"));
  if (x.quantized() || x.rank().value_or(4) != 4) return Shuffled(PixelShuffle)(g, a);
  return One(g.Op("DepthToSpace", {x}, {{"blocksize", r}, {"mode", "CRD"}}));
}

void AddShuffle(Registry& registry, std::string name, const char* argument, Rule rule, Emitter qdq) {
  registry.Add({.name = std::move(name),
                .arguments = {arg::Tensor("self"), arg::Int(argument)},
                .result = RealOrEightBits("self", ShuffledType(rule)),
                .qdq = std::move(qdq),
                .caffe2 = ThroughFloat(Shuffled(rule))});
}

}  // namespace

void RegisterShuffling(Registry& registry) {
  AddShuffle(registry, "aten::pixel_shuffle", "upscale_factor", PixelShuffle, PixelShuffleQdq);
  AddShuffle(registry, "aten::pixel_unshuffle", "downscale_factor", PixelUnshuffle, Shuffled(PixelUnshuffle));
  AddShuffle(registry, "aten::channel_shuffle", "groups", ChannelShuffle, Shuffled(ChannelShuffle));
}

}  // namespace octavo
