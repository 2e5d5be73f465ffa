#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/base/limits.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/slicing.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using SplitSizes = std::vector<std::int64_t>;
// The sizes of the parts along the dimension; `size` is the dimension's own.
using PartsRule = Result<SplitSizes> (*)(const Arguments& a, const Dim& size);

Result<std::int64_t> KnownSize(const Dim& size) {
  if (!size.known()) {
    return NeedsInput(fmt::format("the number of parts depends on the open size {}", size.ToString()),
                      "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.");
  }
  return size.value();
}

Status CheckCount(std::int64_t count) {
  constexpr std::int64_t kMost = 1 << 16;
  if (count < 1) return Unsupported(fmt::format("a tensor cannot be split into {} parts", count));
  if (count > kMost)
    return Unsupported(fmt::format("a split into {} parts exceeds the limit of {}", count, kMost));
  return {};
}

Result<SplitSizes> EqualParts(std::int64_t size, std::int64_t part) {
  if (part == 0 && size == 0) return SplitSizes{0};
  if (part < 1) return Unsupported(fmt::format("the size of the parts must be positive, not {}", part));
  const std::int64_t count = size == 0 ? 1 : (size - 1) / part + 1;
  OCTAVO_TRY(CheckCount(count));
  SplitSizes parts(static_cast<std::size_t>(count), part);
  parts.back() = size - part * (count - 1);
  return parts;
}

Result<SplitSizes> ChunkParts(const Arguments& a, const Dim& dim) {
  const std::int64_t size = OCTAVO_TRY(KnownSize(dim));
  const std::int64_t chunks = OCTAVO_TRY(KnownInt(a, "chunks"));
  OCTAVO_TRY(CheckCount(chunks));
  if (size == 0) return SplitSizes(static_cast<std::size_t>(chunks), 0);
  return EqualParts(size, (size - 1) / chunks + 1);
}

Result<SplitSizes> SplitParts(const Arguments& a, const Dim& dim) {
  const std::int64_t size = OCTAVO_TRY(KnownSize(dim));
  return EqualParts(size, OCTAVO_TRY(KnownInt(a, "split_size")));
}

Result<SplitSizes> StatedParts(const Arguments& a, const Dim& dim, const char* argument) {
  SplitSizes parts = OCTAVO_TRY(KnownInts(a, argument));
  OCTAVO_TRY(CheckCount(static_cast<std::int64_t>(parts.size())));
  std::int64_t rest = dim.known() ? dim.value() : std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t part : parts) {
    if (part < 0 || part > rest)
      return Unsupported(fmt::format("argument {} does not add up to the size of the dimension", argument));
    rest -= part;
  }
  if (dim.known() && rest != 0)
    return Unsupported(fmt::format("argument {} does not add up to the size of the dimension", argument));
  return parts;
}

Result<SplitSizes> SplitSizesParts(const Arguments& a, const Dim& dim) {
  return StatedParts(a, dim, "split_sizes");
}
Result<SplitSizes> SplitSizeListParts(const Arguments& a, const Dim& dim) {
  return StatedParts(a, dim, "split_size");
}

// The first parts are longer by one where the size does not divide.
Result<SplitSizes> SectionParts(const Arguments& a, const Dim& dim) {
  const std::int64_t size = OCTAVO_TRY(KnownSize(dim));
  const std::int64_t sections = OCTAVO_TRY(KnownInt(a, "sections"));
  OCTAVO_TRY(CheckCount(sections));
  SplitSizes parts(static_cast<std::size_t>(sections), size / sections);
  for (std::int64_t i = 0; i < size % sections; ++i) ++parts[static_cast<std::size_t>(i)];
  return parts;
}

Result<SplitSizes> IndexParts(const Arguments& a, const Dim& dim) {
  const std::int64_t size = OCTAVO_TRY(KnownSize(dim));
  const SplitSizes indices = OCTAVO_TRY(KnownInts(a, "indices"));
  OCTAVO_TRY(CheckCount(static_cast<std::int64_t>(indices.size()) + 1));
  SplitSizes parts;
  std::int64_t begin = 0;
  for (const std::int64_t index : indices) {
    const std::int64_t end = std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
    if (end < begin) return Unsupported("argument indices must be in ascending order");
    parts.push_back(end - begin);
    begin = end;
  }
  parts.push_back(size - begin);
  return parts;
}

Result<SplitSizes> UnbindParts(const Arguments&, const Dim& dim) {
  const std::int64_t size = OCTAVO_TRY(KnownSize(dim));
  OCTAVO_TRY(CheckCount(size));
  return SplitSizes(static_cast<std::size_t>(size), 1);
}

struct Cut {
  int axis = 0;
  SplitSizes parts;
};

Result<Cut> CutOf(const Arguments& a, PartsRule rule) {
  const Shape shape = OCTAVO_TRY(ShapeFor(a, "self"));
  if (shape.empty()) return Unsupported("a scalar cannot be split");
  Cut cut;
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  cut.axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape.size())));
  cut.parts = OCTAVO_TRY(rule(a, shape[static_cast<std::size_t>(cut.axis)]));
  return cut;
}

ShapesRule PartShapes(PartsRule rule, bool drop) {
  return [rule, drop](const Arguments& a) -> Result<std::vector<std::optional<Shape>>> {
    const Cut cut = OCTAVO_TRY(CutOf(a, rule));
    std::vector<std::optional<Shape>> shapes;
    for (const std::int64_t part : cut.parts) {
      Shape shape = *a.tensor("self").shape();
      if (drop) {
        shape.erase(shape.begin() + cut.axis);
      } else {
        shape[static_cast<std::size_t>(cut.axis)] = part;
      }
      shapes.emplace_back(std::move(shape));
    }
    return shapes;
  };
}

Emitter EmitSplit(PartsRule rule, bool drop) {
  return [rule, drop](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    const Cut cut = OCTAVO_TRY(CutOf(a, rule));
    std::vector<Value> parts = {x};
    if (cut.parts.size() > 1) parts = Split(g, x, cut.axis, cut.parts);
    if (drop) {
      for (Value& part : parts) part = Squeeze(g, part, {cut.axis});
    }
    return parts;
  };
}

Emitter EmitSplitInt8(PartsRule rule, bool drop) {
  return [rule, drop](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    const Cut cut = OCTAVO_TRY(CutOf(a, rule));
    const bool empty = std::find(cut.parts.begin(), cut.parts.end(), 0) != cut.parts.end();
    TensorType type = x.type();
    type.shape->at(static_cast<std::size_t>(cut.axis)) = 1;
    const auto target = drop ? ReshapeTarget(type.shape, *a.result().shape) : std::nullopt;
    if (empty || (drop && !target)) return MovesIntegers("self", EmitSplit(rule, drop))(g, a);
    std::vector<Value> parts;
    std::int64_t begin = 0;
    for (const std::int64_t size : cut.parts) {
      const TensorType& result = a.result(parts.size());
      const Value part = Int8Slice(g, x, cut.axis, begin, begin + size, drop ? type : result);
      parts.push_back(drop ? Int8Reshape(g, part, *target, result) : part);
      begin += size;
    }
    return parts;
  };
}

void AddSplit(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, PartsRule rule,
              bool drop = false) {
  arguments.insert(arguments.begin(), arg::Tensor("self"));
  arguments.push_back(arg::Int("dim", 0));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = MovedList("self", PartShapes(rule, drop)),
                .qdq = MovesIntegers("self", EmitSplit(rule, drop)),
                .caffe2 = Int8Or(EmitSplitInt8(rule, drop), EmitSplit(rule, drop)),
                .returns = Returns::kTensorList});
}

}  // namespace

void RegisterSplitting(Registry& registry) {
  AddSplit(registry, "aten::chunk", {arg::Int("chunks")}, ChunkParts);
  AddSplit(registry, "aten::unsafe_chunk", {arg::Int("chunks")}, ChunkParts);
  AddSplit(registry, "aten::split.Tensor", {arg::Int("split_size")}, SplitParts);
  AddSplit(registry, "aten::split.sizes", {arg::Ints("split_size")}, SplitSizeListParts);
  AddSplit(registry, "aten::split", {arg::Ints("split_sizes")}, SplitSizesParts);
  AddSplit(registry, "aten::unsafe_split.Tensor", {arg::Int("split_size")}, SplitParts);
  AddSplit(registry, "aten::split_with_sizes", {arg::Ints("split_sizes")}, SplitSizesParts);
  AddSplit(registry, "aten::unsafe_split_with_sizes", {arg::Ints("split_sizes")}, SplitSizesParts);
  AddSplit(registry, "aten::tensor_split.sections", {arg::Int("sections")}, SectionParts);
  AddSplit(registry, "aten::tensor_split.indices", {arg::Ints("indices")}, IndexParts);
  AddSplit(registry, "aten::unbind.int", {}, UnbindParts, true);
}

}  // namespace octavo
