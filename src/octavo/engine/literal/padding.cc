#include <algorithm>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

struct Edge {
  std::int64_t from = 0, begin = 0, end = 0;
  std::int64_t to() const { return from + begin + end; }
  // The first element that is not cut off, and how many are not.
  std::int64_t first() const { return std::max<std::int64_t>(-begin, 0); }
  std::int64_t kept() const { return from - first() - std::max<std::int64_t>(-end, 0); }
};

// The element along an axis that result i shows; -1: the constant.  What negative pads cut off is not there
// to be repeated.
std::int64_t Source(const std::string& mode, const Edge& e, std::int64_t i) {
  const std::int64_t cut = e.first(), at = i - e.begin - cut, last = e.kept() - 1;
  if (at >= 0 && at <= last) return cut + at;
  if (mode == "constant") return -1;
  if (mode == "edge") return cut + std::clamp<std::int64_t>(at, 0, last);
  if (mode == "wrap") return cut + (at % e.kept() + e.kept()) % e.kept();
  // Reflected, the edge itself only once.
  if (last == 0) return cut;
  const std::int64_t period = 2 * last, within = (at % period + period) % period;
  return cut + (within <= last ? within : period - within);
}

// Pads of [begin of each axis, end of each axis]; negative ones cut.
Result<std::vector<Edge>> EdgesOf(Call& call, const Sizes& x) {
  const std::size_t rank = x.size();
  std::vector<std::int64_t> pads;
  std::vector<int> axes;
  for (std::size_t d = 0; d < rank; ++d) axes.push_back(static_cast<int>(d));
  if (call.opset() < 11) {
    OCTAVO_TRY(call.Inputs(1, 1));
    pads = OCTAVO_TRY(call.Ints("pads"));
  } else {
    OCTAVO_TRY(call.Inputs(2, 4));
    pads = OCTAVO_TRY(call.IntsOf(1));
    if (call.has(3))
      axes = OCTAVO_TRY(
          call.Axes(OCTAVO_TRY(call.IntsOf(3, Call::Width::kInt32OrInt64)), static_cast<int>(rank)));
  }
  if (pads.size() != 2 * axes.size())
    return call.Invalid(
        fmt::format("there are {} pads for {} axes, but each axis needs two", pads.size(), axes.size()));
  std::vector<Edge> edges(rank);
  for (std::size_t d = 0; d < rank; ++d) edges[d].from = x[d];
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Edge& e = edges[static_cast<std::size_t>(axes[i])];
    e.begin = pads[i];
    e.end = pads[i + axes.size()];
    const auto possible = [](std::int64_t pad) { return pad >= -kMost && pad <= kMost; };
    if (!possible(e.begin) || !possible(e.end) || e.to() < 0)
      return call.Invalid(fmt::format("{} elements cannot be padded by {} and {}", e.from, e.begin, e.end));
  }
  return edges;
}

Result<Prepared> Pad(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::string mode = OCTAVO_TRY(call.Text("mode", "constant"));
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    return call.Invalid(fmt::format("attribute mode cannot be {}", mode));
  const std::vector<Edge> edges = OCTAVO_TRY(EdgesOf(call, *type.sizes));
  Sizes result;
  for (const Edge& e : edges) {
    result.push_back(e.to());
    if (mode != "constant" && e.kept() <= 0 && e.to() > 0)
      return call.Invalid("an empty axis can be padded with mode constant only");
    if (mode == "reflect" && std::max(e.begin, e.end) >= std::max<std::int64_t>(e.kept(), 1))
      return call.Invalid(
          fmt::format("{} elements cannot be reflected by {} and {}", e.kept(), e.begin, e.end));
  }
  if (!CountElements(result)) return call.Invalid("the result is too large");
  const bool filled = call.opset() >= 11 && call.has(2);
  if (filled && (OCTAVO_TRY(call.dtype(2)) != type.dtype || Product(OCTAVO_TRY(call.sizes(2))) != 1))
    return call.Invalid("the constant must be one element with the dtype of the input");
  const double attribute = call.opset() < 11 ? OCTAVO_TRY(call.Real("value", 0.0)) : 0;
  if (attribute != 0) OCTAVO_TRY(CheckFloat(call, 0));
  return One(type.dtype, result, [=, dtype = type.dtype](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> source(static_cast<std::size_t>(Product(result)));
    const Sizes own = StridesOf(in[0]->sizes), strides = StridesOf(result);
    for (std::size_t d = 0; d < edges.size(); ++d) {
      std::vector<std::int64_t> line;
      for (std::int64_t i = 0; i < result[d]; ++i) line.push_back(Source(mode, edges[d], i));
      for (std::size_t i = 0; i < source.size(); ++i) {
        const auto at = static_cast<std::size_t>(static_cast<std::int64_t>(i) / strides[d] % result[d]);
        if (line[at] < 0 || source[i] < 0) {
          source[i] = -1;
        } else {
          source[i] += line[at] * own[d];
        }
      }
    }
    Tensor y = Picked(*in[0], result, source);
    const Tensor fill = filled ? *in[2] : attribute != 0 ? FromReals(dtype, {}, {attribute}) : Tensor();
    if (fill.dtype == DType::kUnknown) return y;
    // Picked again, from the result and the constant behind it.
    std::vector<std::byte> bytes = y.Bytes();
    const std::size_t size = ElementSize(dtype);
    for (std::size_t i = 0; i < source.size(); ++i) {
      if (source[i] < 0) std::copy(Begin(fill), Begin(fill) + size, bytes.data() + i * size);
    }
    return Tensor::FromBytes(dtype, result, std::move(bytes));
  });
}

// The upper or lower triangle of the last two dimensions; the rest is 0.
Result<Prepared> Trilu(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 2));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (type.sizes->size() < 2) return call.Invalid("the input must be a matrix");
  const bool upper = OCTAVO_TRY(call.Int("upper", 1)) != 0;
  const std::int64_t k = call.has(1) ? OCTAVO_TRY(call.IntOf(1)) : 0;
  return One(type.dtype, *type.sizes, [=, sizes = *type.sizes](const Operands& in) -> Result<Tensor> {
    const std::int64_t columns = sizes.back(), rows = sizes[sizes.size() - 2];
    // Beyond the matrix all diagonals are alike.
    const std::int64_t diagonal = std::clamp(k, -rows, columns);
    std::vector<std::int64_t> source(static_cast<std::size_t>(Product(sizes)));
    for (std::size_t i = 0; i < source.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t column = at % columns, row = at / columns % rows;
      const bool kept = upper ? column - row >= diagonal : column - row <= diagonal;
      source[i] = kept ? at : -1;
    }
    return Picked(*in[0], sizes, source);
  });
}

Result<Prepared> EyeLike(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (type.sizes->size() != 2) return call.Invalid("the input must be a matrix");
  if (call.HasAttribute("dtype")) return call.NotSupported("attribute dtype is not supported");
  if (!IsNumber(type.dtype)) return call.NotSupported("this dtype is not supported");
  const std::int64_t k = OCTAVO_TRY(call.Int("k", 0));
  return One(type.dtype, *type.sizes, [k, type](const Operands&) -> Result<Tensor> {
    const std::int64_t columns = (*type.sizes)[1];
    std::vector<std::int64_t> ones(static_cast<std::size_t>(Product(*type.sizes)));
    for (std::size_t i = 0; i < ones.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      ones[i] = at % columns - at / columns == k ? 1 : 0;
    }
    if (IsInteger(type.dtype)) return FromIntegers(type.dtype, *type.sizes, ones);
    return FromReals(type.dtype, *type.sizes, {ones.begin(), ones.end()});
  });
}

}  // namespace

void AddPadding(Registry& registry) {
  registry.Add("Pad", Pad);
  registry.Add("Trilu", Trilu);
  registry.Add("EyeLike", EyeLike);
}

}  // namespace octavo::engine::literal
