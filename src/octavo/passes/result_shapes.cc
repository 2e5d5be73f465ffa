#include "octavo/passes/result_shapes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "octavo/passes/result_types.h"

namespace octavo::passes {

std::optional<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    // Counted from the last dimension.
    const Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    const Dim y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& size = shape[shape.size() - 1 - i];
    if (x == Dim(1) || x == y) {
      size = y;
    } else if (y == Dim(1)) {
      size = x;
    } else if (x.known() && y.known()) {
      return std::nullopt;
    } else if (x.known() || y.known()) {
      size = x.known() ? x : y;  // the other one is the same, or 1, or the model does not run
    } else {
      size = Dim::Unknown();
    }
  }
  return shape;
}

namespace shape_of {

namespace {

// Counted from the front; nullopt where there is no such axis.
std::optional<std::size_t> Axis(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) return std::nullopt;
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::optional<std::vector<bool>> Marked(const Ints& axes, std::size_t rank) {
  std::vector<bool> marked(rank, false);
  for (const std::int64_t axis : axes) {
    const std::optional<std::size_t> at = Axis(axis, rank);
    if (!at) return std::nullopt;
    marked[*at] = true;
  }
  return marked;
}

Shape Unknowns(std::size_t rank) {
  Shape shape;
  while (shape.size() < rank) shape.push_back(Dim::Unknown());
  return shape;
}

}  // namespace

// ---- Windows

namespace {

struct Window {
  Ints kernel, stride, dilation, pads;

  // Whether the attributes fit together.
  bool valid() const {
    const std::size_t dims = kernel.size();
    return stride.size() == dims && dilation.size() == dims && pads.size() == 2 * dims &&
           std::ranges::all_of(stride, [](std::int64_t s) { return s > 0; });
  }
  Dim reach(std::size_t i) const { return Dim(dilation[i]) * (Dim(kernel[i]) - Dim(1)) + Dim(1); }
  Dim padded(std::size_t i, const Dim& size) const {
    return size + Dim(pads[i]) + Dim(pads[i + kernel.size()]);
  }
};

std::optional<Window> WindowOf(const Call& c, Ints kernel) {
  if (const ir::Operand* automatic = c.node.Find("auto_pad")) {
    const auto* mode = std::get_if<std::string>(automatic);
    if (mode == nullptr || *mode != "NOTSET") return std::nullopt;
  }
  const std::size_t dims = kernel.size();
  Window w{.kernel = std::move(kernel),
           .stride = c.ints("strides", Ints(dims, 1)),
           .dilation = c.ints("dilations", Ints(dims, 1)),
           .pads = c.ints("pads", Ints(2 * dims, 0))};
  return w.valid() ? std::optional(std::move(w)) : std::nullopt;
}

Dim Windows(const Window& w, std::size_t i, const Dim& size, bool ceil_mode) {
  const Dim room = w.padded(i, size) - w.reach(i);
  // Whether a last window that begins in the padding counts has changed over ONNX's versions.
  if (ceil_mode && Dim::Modulo(room, Dim(w.stride[i])) != Dim(0)) return Dim::Unknown();
  return Dim::FloorDivide(room, Dim(w.stride[i])) + Dim(1);
}

}  // namespace

MaybeShape Conv(const Call& c) {
  const MaybeShape x = c.shape(), w = c.shape(1);
  const std::optional<Ints> sizes = w ? KnownSizes(*w) : std::nullopt;
  if (!x || !sizes || sizes->size() < 3 || x->size() != sizes->size()) return std::nullopt;
  const std::optional<Window> window = WindowOf(c, Ints(sizes->begin() + 2, sizes->end()));
  if (!window) return std::nullopt;
  Shape shape = {(*x)[0], (*w)[0]};
  for (std::size_t i = 2; i < x->size(); ++i) shape.push_back(Windows(*window, i - 2, (*x)[i], false));
  return shape;
}

MaybeShape ConvTranspose(const Call& c) {
  const MaybeShape x = c.shape(), w = c.shape(1);
  const std::optional<Ints> sizes = w ? KnownSizes(*w) : std::nullopt;
  if (!x || !sizes || sizes->size() < 3 || x->size() != sizes->size() || c.node.Find("output_shape")) {
    return std::nullopt;
  }
  const std::optional<Window> window = WindowOf(c, Ints(sizes->begin() + 2, sizes->end()));
  const Ints extra = c.ints("output_padding", Ints(sizes->size() - 2, 0));
  if (!window || extra.size() != sizes->size() - 2) return std::nullopt;
  Shape shape = {(*x)[0], (*w)[1] * Dim(c.integer("group", 1))};
  for (std::size_t i = 0; i < extra.size(); ++i) {
    shape.push_back(((*x)[i + 2] - Dim(1)) * Dim(window->stride[i]) + window->reach(i) + Dim(extra[i]) -
                    Dim(window->pads[i]) - Dim(window->pads[i + extra.size()]));
  }
  return shape;
}

MaybeShape Pool(const Call& c) {
  const MaybeShape x = c.shape();
  const std::optional<Window> window = WindowOf(c, c.ints("kernel_shape", Ints{}));
  if (!x || !window || window->kernel.empty() || x->size() != window->kernel.size() + 2) return std::nullopt;
  Shape shape = {(*x)[0], (*x)[1]};
  for (std::size_t i = 0; i < window->kernel.size(); ++i) {
    shape.push_back(Windows(*window, i, (*x)[i + 2], c.integer("ceil_mode", 0) != 0));
  }
  return shape;
}

MaybeShape GlobalPool(const Call& c) {
  MaybeShape shape = c.shape();
  if (!shape || shape->size() < 3) return std::nullopt;
  std::fill(shape->begin() + 2, shape->end(), Dim(1));
  return shape;
}

// ---- Products

MaybeShape Gemm(const Call& c) {
  const MaybeShape a = c.shape(), b = c.shape(1);
  if (!a || !b || a->size() != 2 || b->size() != 2) return std::nullopt;
  return Shape{(*a)[c.integer("transA", 0) != 0 ? 1 : 0], (*b)[c.integer("transB", 0) != 0 ? 0 : 1]};
}

MaybeShape MatMul(const Call& c) {
  const MaybeShape a = c.shape(), b = c.shape(1);
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  const std::size_t a_batch = std::max<std::size_t>(a->size(), 2) - 2;
  const std::size_t b_batch = std::max<std::size_t>(b->size(), 2) - 2;
  MaybeShape shape = BroadcastShapes(Shape(a->begin(), a->begin() + static_cast<std::ptrdiff_t>(a_batch)),
                                     Shape(b->begin(), b->begin() + static_cast<std::ptrdiff_t>(b_batch)));
  if (!shape) return std::nullopt;
  if (a->size() > 1) shape->push_back((*a)[a->size() - 2]);
  if (b->size() > 1) shape->push_back(b->back());
  return shape;
}

// ---- Movement

MaybeShape Transpose(const Call& c) {
  const MaybeShape x = c.shape();
  if (!x) return std::nullopt;
  Ints reversed;
  for (std::size_t i = x->size(); i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  Shape shape;
  for (const std::int64_t axis : c.ints("perm", reversed)) {
    const std::optional<std::size_t> at = Axis(axis, x->size());
    if (!at) return std::nullopt;
    shape.push_back((*x)[*at]);
  }
  return shape;
}

MaybeShape Reshape(const Call& c) {
  const std::optional<Ints> target = c.constant(1);
  const MaybeShape x = c.shape();
  if (!target) return std::nullopt;
  const bool allow_zero = c.integer("allowzero", 0) != 0;
  Shape shape;
  Dim rest(1);     // elements of the input that no size but -1 accounts for
  Dim product(1);  // of the sizes that are numbers
  std::optional<std::size_t> inferred;
  std::vector<bool> copied(x ? x->size() : 0, false);
  for (std::size_t i = 0; i < target->size(); ++i) {
    const std::int64_t size = (*target)[i];
    if (size == 0 && !allow_zero) {
      shape.push_back(x && i < x->size() ? (*x)[i] : Dim::Unknown());
      if (x && i < x->size()) copied[i] = true;
    } else if (size == -1) {
      inferred = i;
      shape.push_back(Dim::Unknown());
    } else {
      shape.emplace_back(size);
      product = product * Dim(size);
    }
  }
  if (!inferred || !x || product == Dim(0)) return shape;
  for (std::size_t i = 0; i < x->size(); ++i) {
    if (!copied[i]) rest = rest * (*x)[i];
  }
  shape[*inferred] = Dim::FloorDivide(rest, product);
  return shape;
}

MaybeShape Flatten(const Call& c) {
  const MaybeShape x = c.shape();
  if (!x) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(x->size());
  std::int64_t axis = c.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return std::nullopt;
  return Shape{NumElements(Shape(x->begin(), x->begin() + axis)),
               NumElements(Shape(x->begin() + axis, x->end()))};
}

MaybeShape Squeeze(const Call& c) {
  const MaybeShape x = c.shape();
  const std::optional<Ints> axes = c.ints("axes", 1);
  const std::optional<std::vector<bool>> gone = x && axes ? Marked(*axes, x->size()) : std::nullopt;
  if (!gone) return std::nullopt;
  Shape shape;
  for (std::size_t i = 0; i < x->size(); ++i) {
    if (!(*gone)[i]) shape.push_back((*x)[i]);
  }
  return shape;
}

MaybeShape Unsqueeze(const Call& c) {
  const MaybeShape x = c.shape();
  const std::optional<Ints> axes = c.ints("axes", 1);
  const std::optional<std::vector<bool>> made =
      x && axes ? Marked(*axes, x->size() + axes->size()) : std::nullopt;
  if (!made) return std::nullopt;
  Shape shape;
  std::size_t next = 0;
  for (const bool one : *made) {
    if (!one && next == x->size()) return std::nullopt;  // an axis is there twice
    shape.push_back(one ? Dim(1) : (*x)[next++]);
  }
  return shape;
}

namespace {

Dim Sliced(const Dim& size, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (size.known() && step != 0) {
    const std::int64_t n = size.value();
    const auto clamped = [n](std::int64_t at, std::int64_t low, std::int64_t high) {
      if (at < 0) at = at < -n ? low : at + n;
      return std::clamp(at, low, high);
    };
    const std::int64_t from = step > 0 ? clamped(start, 0, n) : clamped(start, -1, n - 1);
    const std::int64_t to = step > 0 ? clamped(end, 0, n) : clamped(end, -1, n - 1);
    const std::int64_t span = step > 0 ? to - from : from - to;
    if (span <= 0) return 0;
    const std::int64_t stride = step > 0 ? step : -std::max(step, -n - 1);
    return (span - 1) / stride + 1;
  }
  // Anything beyond the end means the end.
  constexpr std::int64_t kEnd = std::numeric_limits<std::int32_t>::max();
  return step == 1 && start == 0 && end >= kEnd ? size : Dim::Unknown();
}

}  // namespace

MaybeShape Slice(const Call& c) {
  MaybeShape shape = c.shape();
  const std::optional<Ints> starts = c.ints("starts", 1), ends = c.ints("ends", 2), axes = c.ints("axes", 3);
  const std::optional<Ints> steps = c.has(4) ? c.constant(4) : Ints(starts ? starts->size() : 0, 1);
  if (!shape) return std::nullopt;
  if ((c.has(3) || c.node.Find("axes")) && !axes) return Unknowns(shape->size());
  if (!starts || !ends || !steps) {
    if (!axes) return Unknowns(shape->size());
    for (const std::int64_t axis : *axes) {
      if (const auto at = Axis(axis, shape->size())) (*shape)[*at] = Dim::Unknown();
    }
    return shape;
  }
  if (ends->size() != starts->size() || steps->size() != starts->size() ||
      (axes && axes->size() != starts->size())) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const auto at = Axis(axes ? (*axes)[i] : static_cast<std::int64_t>(i), shape->size());
    if (!at) return std::nullopt;
    (*shape)[*at] = Sliced((*shape)[*at], (*starts)[i], (*ends)[i], (*steps)[i]);
  }
  return shape;
}

std::vector<MaybeShape> Split(const Call& c) {
  const MaybeShape x = c.shape();
  const std::size_t outputs = c.node.outputs.size();
  const std::optional<std::size_t> axis = x ? Axis(c.integer("axis", 0), x->size()) : std::nullopt;
  if (!axis) return {};
  std::optional<Ints> sizes = c.ints("split", 1);
  if (!sizes && !c.has(1) && (*x)[*axis].known()) {
    // Equal parts, of which the last one may be smaller.
    const std::int64_t all = (*x)[*axis].value(), parts = static_cast<std::int64_t>(outputs);
    const std::int64_t part = (all + parts - 1) / parts;
    sizes.emplace(outputs, part);
    sizes->back() = all - part * (parts - 1);
  }
  std::vector<MaybeShape> shapes(outputs, *x);
  for (std::size_t i = 0; i < outputs; ++i) {
    (*shapes[i])[*axis] = sizes && sizes->size() == outputs ? Dim((*sizes)[i]) : Dim::Unknown();
  }
  return shapes;
}

MaybeShape Concat(const Call& c) {
  MaybeShape shape = c.shape();
  const std::optional<std::size_t> axis = shape ? Axis(c.integer("axis", 0), shape->size()) : std::nullopt;
  if (!axis) return std::nullopt;
  for (std::size_t i = 1; i < c.inputs(); ++i) {
    const MaybeShape other = c.shape(i);
    if (!other || other->size() != shape->size()) return std::nullopt;
    for (std::size_t d = 0; d < shape->size(); ++d) {
      if (d == *axis) {
        (*shape)[d] = (*shape)[d] + (*other)[d];
      } else if (!(*shape)[d].known()) {
        (*shape)[d] = (*other)[d];
      }
    }
  }
  return shape;
}

MaybeShape Gather(const Call& c) {
  const MaybeShape x = c.shape(), indices = c.shape(1);
  const std::optional<std::size_t> axis = x ? Axis(c.integer("axis", 0), x->size()) : std::nullopt;
  if (!axis || !indices) return std::nullopt;
  Shape shape(x->begin(), x->begin() + static_cast<std::ptrdiff_t>(*axis));
  shape.insert(shape.end(), indices->begin(), indices->end());
  shape.insert(shape.end(), x->begin() + static_cast<std::ptrdiff_t>(*axis) + 1, x->end());
  return shape;
}

MaybeShape GatherElements(const Call& c) { return c.shape(1); }

MaybeShape Expand(const Call& c) {
  const MaybeShape x = c.shape();
  const std::optional<Ints> target = c.constant(1);
  if (!x || !target) return std::nullopt;
  return BroadcastShapes(*x, Shape(target->begin(), target->end()));
}

MaybeShape Tile(const Call& c) {
  MaybeShape shape = c.shape();
  const std::optional<Ints> repeats = c.constant(1);
  if (!shape) return std::nullopt;
  if (!repeats || repeats->size() != shape->size()) return Unknowns(shape->size());
  for (std::size_t i = 0; i < shape->size(); ++i) (*shape)[i] = (*shape)[i] * Dim((*repeats)[i]);
  return shape;
}

MaybeShape Pad(const Call& c) {
  MaybeShape shape = c.shape();
  if (!shape) return std::nullopt;
  const std::optional<Ints> pads = c.ints("pads", 1);
  if (!pads || c.has(3) || pads->size() != 2 * shape->size()) return Unknowns(shape->size());
  for (std::size_t i = 0; i < shape->size(); ++i) {
    (*shape)[i] = (*shape)[i] + Dim((*pads)[i]) + Dim((*pads)[i + shape->size()]);
  }
  return shape;
}

namespace {

// Each size times a factor in float32, rounded down.
MaybeShape Scaled(const Call& c, std::size_t input) {
  const MaybeShape x = c.shape();
  if (!x) return std::nullopt;
  const std::optional<ir::ValueId> id = c.at(input);
  const Tensor* tensor = id ? ConstantOf(c.graph, *id) : nullptr;
  Shape shape = Unknowns(x->size());
  if (!tensor || tensor->dtype != DType::kFloat32 ||
      tensor->num_elements() != static_cast<std::int64_t>(x->size())) {
    return shape;
  }
  const std::vector<float> factors = tensor->ToFloats();
  for (std::size_t i = 0; i < x->size(); ++i) {
    const Dim& size = (*x)[i];
    if (factors[i] == 1.0F) {
      shape[i] = size;
    } else if (size.known()) {
      const float product = std::floor(static_cast<float>(size.value()) * factors[i]);
      if (product >= 0 && product < 0x1p62F) shape[i] = static_cast<std::int64_t>(product);
    }
  }
  return shape;
}

}  // namespace

MaybeShape Upsample(const Call& c) { return Scaled(c, 1); }

MaybeShape Resize(const Call& c) {
  const MaybeShape x = c.shape();
  if (!x) return std::nullopt;
  if (!c.has(3)) return c.node.Find("axes") ? Unknowns(x->size()) : Scaled(c, 2);
  const std::optional<Ints> sizes = c.constant(3);
  if (!sizes || sizes->size() != x->size() || c.node.Find("keep_aspect_ratio_policy")) {
    return Unknowns(x->size());
  }
  return Shape(sizes->begin(), sizes->end());
}

MaybeShape DepthToSpace(const Call& c) {
  const MaybeShape x = c.shape();
  const std::int64_t block = c.integer("blocksize", 0);
  constexpr std::int64_t kLargestBlock = 1 << 15;
  if (!x || x->size() != 4 || block <= 0 || block > kLargestBlock) return std::nullopt;
  return Shape{(*x)[0], Dim::FloorDivide((*x)[1], Dim(block * block)), (*x)[2] * Dim(block),
               (*x)[3] * Dim(block)};
}

// ---- Reductions and indices

namespace {

MaybeShape Reduced(const Shape& x, const std::vector<bool>& axes, bool keep) {
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!axes[i]) {
      shape.push_back(x[i]);
    } else if (keep) {
      shape.emplace_back(1);
    }
  }
  return shape;
}

}  // namespace

MaybeShape Reduce(const Call& c) {
  const MaybeShape x = c.shape();
  if (!x || c.integer("noop_with_empty_axes", 0) != 0) return std::nullopt;
  std::vector<bool> axes(x->size(), true);
  if (c.has(1) || c.node.Find("axes")) {
    const std::optional<Ints> given = c.ints("axes", 1);
    const std::optional<std::vector<bool>> marked = given ? Marked(*given, x->size()) : std::nullopt;
    if (!marked) return std::nullopt;
    if (!given->empty()) axes = *marked;
  }
  return Reduced(*x, axes, c.integer("keepdims", 1) != 0);
}

MaybeShape ArgReduce(const Call& c) {
  const MaybeShape x = c.shape();
  const std::optional<std::vector<bool>> axes = x ? Marked({c.integer("axis", 0)}, x->size()) : std::nullopt;
  return axes ? Reduced(*x, *axes, c.integer("keepdims", 1) != 0) : std::nullopt;
}

MaybeShape OneHot(const Call& c) {
  MaybeShape shape = c.shape();
  const std::optional<Ints> depth = c.constant(1);
  const std::optional<std::size_t> axis =
      shape ? Axis(c.integer("axis", -1), shape->size() + 1) : std::nullopt;
  if (!axis) return std::nullopt;
  shape->insert(shape->begin() + static_cast<std::ptrdiff_t>(*axis),
                depth && depth->size() == 1 ? Dim((*depth)[0]) : Dim::Unknown());
  return shape;
}

MaybeShape ShapeOf(const Call& c) {
  const MaybeShape x = c.shape();
  if (!x || c.node.Find("start") || c.node.Find("end")) return std::nullopt;
  return Shape{static_cast<std::int64_t>(x->size())};
}

MaybeShape ConstantOfShape(const Call& c) {
  const std::optional<Ints> sizes = c.constant(0);
  return sizes ? MaybeShape(Shape(sizes->begin(), sizes->end())) : std::nullopt;
}

// ---- Elementwise

MaybeShape LikeFirst(const Call& c) { return c.shape(); }

MaybeShape Broadcast(const Call& c) {
  MaybeShape shape = Shape();
  for (std::size_t i = 0; i < c.inputs() && shape; ++i) {
    const MaybeShape other = c.shape(i);
    shape = other ? BroadcastShapes(*shape, *other) : std::nullopt;
  }
  return shape;
}

}  // namespace shape_of

}  // namespace octavo::passes
