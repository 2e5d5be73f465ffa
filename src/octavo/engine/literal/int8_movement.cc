#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/engine/literal/int8.h"
#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {
namespace {

// The tensor is in the attributes; it becomes a constant.
Result<Prepared> GivenTensor(Call& call) {
  OCTAVO_TRY(call.Inputs(0, 0));
  const Sizes shape = OCTAVO_TRY(call.Ints("shape"));
  const Int8Parameters parameters = OCTAVO_TRY(ResultParameters(call));
  const ir::Operand* values = call.Attribute("values");
  const auto* bytes = values == nullptr ? nullptr : std::get_if<ir::Bytes>(values);
  if (bytes == nullptr) return call.Invalid("attribute values must be a string of bytes");
  const Tensor data = Normalized(bytes->data);
  if (CountElements(shape) != data.num_elements() || data.dtype != DType::kUint8) {
    return call.Invalid(fmt::format("{} bytes do not fit the shape {}", data.num_elements(),
                                    ToString(Shape(shape.begin(), shape.end()))));
  }
  return OneInt8(shape, parameters,
                 [data, shape](const Operands&) -> Result<Tensor> { return data.Reshaped(shape); });
}

Result<Prepared> GivenInts(Call& call) {
  OCTAVO_TRY(call.Inputs(0, 0));
  const Sizes shape = OCTAVO_TRY(call.Ints("shape"));
  const std::vector<std::int64_t> values = OCTAVO_TRY(call.Ints("values"));
  if (CountElements(shape) != static_cast<std::int64_t>(values.size()))
    return call.Invalid(fmt::format("{} values do not fit the shape {}", values.size(),
                                    ToString(Shape(shape.begin(), shape.end()))));
  for (const std::int64_t v : values) {
    if (v != static_cast<std::int32_t>(v))
      return call.Invalid(fmt::format("the value {} is out of range for int32", v));
  }
  Prepared prepared = One(DType::kInt32, shape, [values, shape](const Operands&) -> Result<Tensor> {
    return FromIntegers(DType::kInt32, shape, values);
  });
  prepared.outputs[0].int8 = OCTAVO_TRY(ResultParameters(call));
  return prepared;
}

Result<Prepared> Int8Transpose(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes;
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  const std::vector<int> axes =
      OCTAVO_TRY(call.Axes(OCTAVO_TRY(call.Ints("axes")), static_cast<int>(x.size())));
  if (axes.size() != x.size())
    return call.Invalid(
        fmt::format("attribute axes has {} elements, but the input has rank {}", axes.size(), x.size()));
  const Sizes own = StridesOf(x);
  Sizes sizes, strides;
  for (const int axis : axes) {
    sizes.push_back(x[static_cast<std::size_t>(axis)]);
    strides.push_back(own[static_cast<std::size_t>(axis)]);
  }
  return OneInt8(sizes, parameters, [sizes, strides](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], sizes, strides, 0);
  });
}

Result<Prepared> Int8Reshape(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 2));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes;
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  if (call.has(1) && call.HasAttribute("shape"))
    return call.Invalid("the shape is given both as an input and as an attribute");
  Sizes sizes =
      call.has(1) ? OCTAVO_TRY(call.IntsOf(1, Call::Width::kInt32OrInt64)) : OCTAVO_TRY(call.Ints("shape"));
  std::int64_t known = 1;
  std::optional<std::size_t> inferred;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 0 && d < x.size()) sizes[d] = x[d];
    if (sizes[d] == -1 && inferred) return call.Invalid("the shape contains -1 more than once");
    if (sizes[d] == -1) inferred = d;
  }
  if (inferred) {
    sizes[*inferred] = 1;
    known = CountElements(sizes).value_or(0);
    sizes[*inferred] = known > 0 ? Product(x) / known : 0;
  }
  if (CountElements(sizes) != Product(x)) {
    return call.Invalid(fmt::format("{} elements cannot be reshaped to {}", Product(x),
                                    ToString(Shape(sizes.begin(), sizes.end()))));
  }
  return OneInt8(sizes, parameters,
                 [sizes](const Operands& in) -> Result<Tensor> { return in[0]->Reshaped(sizes); });
}

// A negative index i counts from the end's end: size + 1 + i.
Result<Prepared> Int8Slice(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes;
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  const std::int64_t dim = OCTAVO_TRY(call.Int("dim", 0));
  if (dim < 0 || dim >= static_cast<std::int64_t>(x.size()))
    return call.Invalid(fmt::format("dimension {} is out of range for a tensor of rank {}", dim, x.size()));
  const auto d = static_cast<std::size_t>(dim);
  const auto index = [size = x[d]](std::int64_t i) { return std::min(i < 0 ? size + 1 + i : i, size); };
  const std::int64_t begin = index(OCTAVO_TRY(call.Int("start_idx"))),
                     end = index(OCTAVO_TRY(call.Int("end_idx")));
  if (begin < 0 || begin > end)
    return call.Invalid(fmt::format("a slice from {} to {} is not possible", begin, end));
  Sizes sizes = x;
  sizes[d] = end - begin;
  const Sizes strides = StridesOf(x);
  return OneInt8(sizes, parameters, [=](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], sizes, strides, begin * strides[d]);
  });
}

std::int64_t DefaultAxis(const std::string& order) { return order == "NHWC" ? 3 : order == "NCHW" ? 1 : 0; }

// Caffe2 copies bytes.  In PyTorch an operand with another scale or zero point is quantized again.
Result<Prepared> Int8Concat(Call& call) {
  OCTAVO_TRY(call.Inputs(1, call.num_inputs()));
  Sizes sizes = *OCTAVO_TRY(Int8Type(call, 0)).sizes;
  const Int8Parameters y = OCTAVO_TRY(KeptParameters(call));
  const std::string order = OCTAVO_TRY(call.Text("order", ""));
  const std::int64_t axis = OCTAVO_TRY(call.Int("axis", DefaultAxis(order)));
  if (axis < 0 || axis >= static_cast<std::int64_t>(sizes.size()))
    return call.Invalid(fmt::format("axis {} is out of range for a tensor of rank {}", axis, sizes.size()));
  const auto a = static_cast<std::size_t>(axis);
  std::vector<Int8Parameters> operands;
  for (std::size_t i = 0; i < call.num_inputs(); ++i) {
    Sizes wanted = *OCTAVO_TRY(Int8Type(call, i)).sizes;
    operands.push_back(OCTAVO_TRY(call.int8(i)));
    if (i == 0) continue;
    if (wanted.size() != sizes.size())
      return call.Invalid(fmt::format("input {} has a rank that differs from input 0", i));
    const std::int64_t more = wanted[a];
    wanted[a] = sizes[a];
    if (wanted != sizes) return call.Invalid(fmt::format("the shape of input {} does not fit input 0", i));
    sizes[a] += more;
  }
  const bool copies = call.arithmetic() == Arithmetic::kCaffe2;
  return OneInt8(sizes, y, [=](const Operands& in) -> Result<Tensor> {
    std::vector<std::byte> bytes;
    bytes.reserve(static_cast<std::size_t>(Product(sizes)));
    const std::int64_t outer = Product(sizes, 0, a);
    const float inverse = 1.0F / y.scale;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::size_t i = 0; i < in.size(); ++i) {
        const std::int64_t piece = Product(in[i]->sizes, a, in[i]->sizes.size());
        const std::uint8_t* from = Data<std::uint8_t>(*in[i]) + o * piece;
        for (std::int64_t k = 0; k < piece; ++k) {
          const float real = static_cast<float>(from[k] - operands[i].zero_point) * operands[i].scale;
          const bool same = copies || operands[i] == y;
          bytes.push_back(std::byte{same ? from[k] : ToUint8(real * inverse, y.zero_point)});
        }
      }
    }
    return Tensor::FromBytes(DType::kUint8, sizes, std::move(bytes));
  });
}

// Source index for each of `to` results.
std::vector<std::int64_t> Nearest(std::int64_t from, std::int64_t to, float scale) {
  std::vector<std::int64_t> source;
  for (std::int64_t i = 0; i < to; ++i) {
    source.push_back(std::min(static_cast<std::int64_t>(static_cast<float>(i) * scale), from - 1));
  }
  return source;
}

// With output_size Caffe2 divides the sizes as integers; PyTorch gives the size that is asked for.
Result<Prepared> ResizeNearest(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes;
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  if (x.size() != 4) return call.Invalid(fmt::format("the input must have rank 4, not {}", x.size()));
  const std::vector<std::int64_t> size = OCTAVO_TRY(call.Ints("output_size", Sizes()));
  std::array<std::vector<std::int64_t>, 2> source;
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t from = x[d + 1];
    constexpr std::int64_t kMost = 1 << 20;
    if (from < 1) return call.Invalid("the input has no elements");
    float factor = 1;
    if (size.empty()) {
      factor = static_cast<float>(OCTAVO_TRY(call.Real(d == 0 ? "height_scale" : "width_scale", 1.0)));
    } else if (size.size() != 2 || size[d] < 0 || size[d] > kMost) {
      return call.Invalid("attribute output_size must be two sizes");
    } else {
      const std::int64_t whole = size[d] / from;  // rounded down
      factor = static_cast<float>(whole);
    }
    if (!size.empty() && call.arithmetic() != Arithmetic::kCaffe2) {
      source[d] = Nearest(from, size[d],
                          static_cast<float>(from) / static_cast<float>(std::max<std::int64_t>(size[d], 1)));
      continue;
    }
    const float scaled = static_cast<float>(from) * factor;
    if (!(scaled >= 0 && scaled <= static_cast<float>(kMost)))
      return call.Invalid("the scale is out of range");
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(scaled); ++i)
      source[d].push_back(std::min(static_cast<std::int64_t>(static_cast<float>(i) / factor), from - 1));
  }
  const Sizes sizes{x[0], static_cast<std::int64_t>(source[0].size()),
                    static_cast<std::int64_t>(source[1].size()), x[3]};
  return OneInt8(sizes, parameters, [=](const Operands& in) -> Result<Tensor> {
    std::vector<std::byte> bytes;
    for (std::int64_t n = 0; n < x[0]; ++n) {
      for (const std::int64_t h : source[0]) {
        for (const std::int64_t v : source[1]) {
          const std::byte* from = Begin(*in[0]) + ((n * x[1] + h) * x[2] + v) * x[3];
          bytes.insert(bytes.end(), from, from + x[3]);
        }
      }
    }
    return Tensor::FromBytes(DType::kUint8, sizes, std::move(bytes));
  });
}

}  // namespace

void AddInt8Movement(Registry& registry) {
  registry.Add(Int8Name("Int8GivenTensorFill"), GivenTensor);
  registry.Add(Int8Name("Int8GivenIntTensorFill"), GivenInts);
  registry.Add(Int8Name("Int8Transpose"), Int8Transpose);
  registry.Add(Int8Name("Int8Reshape"), Int8Reshape);
  registry.Add(Int8Name("Int8Slice"), Int8Slice);
  registry.Add(Int8Name("Int8Concat"), Int8Concat);
  registry.Add(Int8Name("Int8ResizeNearest"), ResizeNearest);
}

}  // namespace octavo::engine::literal
