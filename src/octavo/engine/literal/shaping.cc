#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

Result<Prepared> ShapeOf(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Sizes sizes = OCTAVO_TRY(call.sizes(0));
  const auto rank = static_cast<std::int64_t>(sizes.size());
  const auto bounded = [rank](std::int64_t v) {
    return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  const std::int64_t begin = bounded(OCTAVO_TRY(call.Int("start", 0)));
  const std::int64_t end = std::max(bounded(OCTAVO_TRY(call.Int("end", rank))), begin);
  const std::vector<std::int64_t> shape(sizes.begin() + begin, sizes.begin() + end);
  Prepared prepared = One(DType::kInt64, {end - begin},
                          [shape](const Operands&) -> Result<Tensor> { return Tensor::Int64s(shape); });
  prepared.from_types = true;
  return prepared;
}

Result<Prepared> Size(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const std::int64_t count = Product(OCTAVO_TRY(call.sizes(0)));
  Prepared prepared = One(DType::kInt64, {}, [count](const Operands&) -> Result<Tensor> {
    return FromIntegers(DType::kInt64, {}, {count});
  });
  prepared.from_types = true;
  return prepared;
}

Result<Prepared> Reshape(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  const ValueType type = OCTAVO_TRY(call.type(0));
  Sizes sizes = OCTAVO_TRY(call.IntsOf(1));
  const bool allow_zero = OCTAVO_TRY(call.Int("allowzero", 0)) != 0;
  std::optional<std::size_t> inferred;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 0 && !allow_zero) {
      if (d >= type.sizes->size())
        return call.Invalid(fmt::format("size {} cannot be copied: the input has fewer dimensions", d));
      sizes[d] = (*type.sizes)[d];
    } else if (sizes[d] == -1) {
      if (inferred) return call.Invalid("the shape contains -1 more than once");
      inferred = d;
    }
  }
  const std::int64_t count = Product(*type.sizes);
  if (inferred) {
    sizes[*inferred] = 1;
    const auto rest = CountElements(sizes);
    if (rest && *rest > 0) sizes[*inferred] = count / *rest;
    if (rest && *rest == 0) sizes[*inferred] = 0;
  }
  if (CountElements(sizes) != count) {
    return call.Invalid(fmt::format("{} elements cannot be reshaped to {}", count,
                                    ToString(Shape(sizes.begin(), sizes.end()))));
  }
  return SameElements(type.dtype, sizes);
}

Result<Prepared> Flatten(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const auto rank = static_cast<std::int64_t>(type.sizes->size());
  std::int64_t axis = OCTAVO_TRY(call.Int("axis", 1));
  if (axis < -rank || axis > rank)
    return call.Invalid(fmt::format("axis {} is out of range for a tensor of rank {}", axis, rank));
  if (axis < 0) axis += rank;
  const auto a = static_cast<std::size_t>(axis);
  return SameElements(type.dtype, {Product(*type.sizes, 0, a), Product(*type.sizes, a, type.sizes->size())});
}

// Axes as an attribute up to opset 12, as an input after it.
Result<std::vector<std::int64_t>> AxesOf(Call& call, std::optional<std::vector<std::int64_t>> otherwise) {
  if (call.opset() < 13) {
    OCTAVO_TRY(call.Inputs(1, 1));
    return call.Ints("axes", otherwise);
  }
  OCTAVO_TRY(call.Inputs(1, 2));
  if (call.has(1)) return call.IntsOf(1);
  if (!otherwise) return call.Invalid("axes are missing");
  return *otherwise;
}

Result<Prepared> Squeeze(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  const int rank = static_cast<int>(type.sizes->size());
  std::vector<std::int64_t> all;
  for (int d = 0; d < rank; ++d) {
    if ((*type.sizes)[static_cast<std::size_t>(d)] == 1) all.push_back(d);
  }
  std::vector<std::int64_t> given = OCTAVO_TRY(AxesOf(call, all));
  if (given.empty()) given = all;
  const std::vector<int> axes = OCTAVO_TRY(call.AxesOnce(given, rank));
  Sizes sizes;
  for (int d = 0; d < rank; ++d) {
    const std::int64_t size = (*type.sizes)[static_cast<std::size_t>(d)];
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) {
      sizes.push_back(size);
    } else if (size != 1) {
      return call.Invalid(fmt::format("axis {} must have size 1, not {}", d, size));
    }
  }
  return SameElements(type.dtype, sizes);
}

Result<Prepared> Unsqueeze(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::vector<std::int64_t> given = OCTAVO_TRY(AxesOf(call, std::nullopt));
  const std::size_t rank = type.sizes->size() + given.size();
  const std::vector<int> axes = OCTAVO_TRY(call.Axes(given, static_cast<int>(rank)));
  Sizes sizes;
  auto next = type.sizes->begin();
  for (std::size_t d = 0; d < rank; ++d) {
    const bool added = std::find(axes.begin(), axes.end(), static_cast<int>(d)) != axes.end();
    sizes.push_back(added ? 1 : *next++);
  }
  return SameElements(type.dtype, sizes);
}

Result<Prepared> Identity(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  Prepared prepared = SameElements(type.dtype, *type.sizes);
  prepared.outputs[0].int8 = type.int8;
  return prepared;
}

// As in inference: the input itself, and a mask of ones.
Result<Prepared> Dropout(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 3));
  OCTAVO_TRY(call.Real("ratio", 0.5));
  OCTAVO_TRY(call.Int("seed", 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (call.has(1)) {
    OCTAVO_TRY(CheckFloat(call, 1));
    if (!OCTAVO_TRY(call.sizes(1)).empty()) return call.Invalid("the ratio must be a scalar");
    const double ratio = OCTAVO_TRY(call.RealOf(1));
    if (!(ratio >= 0 && ratio < 1)) return call.Invalid(fmt::format("the ratio cannot be {}", ratio));
  }
  if (call.has(2)) {
    const Tensor* training = OCTAVO_TRY(call.value(2));
    if (training->num_elements() != 1 || training->dtype != DType::kBool)
      return call.Invalid("training_mode must be a bool");
    if (Integers(*training)[0] != 0 && (!call.has(1) || OCTAVO_TRY(call.RealOf(1)) != 0))
      return call.NotSupported("training mode is not supported");
  }
  if (!call.has_output(1)) return SameElements(type.dtype, *type.sizes);
  Prepared prepared;
  const DType mask = call.opset() < 10 ? type.dtype : DType::kBool;
  if (mask != DType::kBool) return call.NotSupported("the mask output is not supported before opset 10");
  prepared.outputs = {type, {.dtype = mask, .sizes = type.sizes}};
  prepared.compute = [](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> results{*in[0]};
    results.push_back(
        FromBools(in[0]->sizes, std::vector<bool>(static_cast<std::size_t>(in[0]->num_elements()), true)));
    return results;
  };
  return prepared;
}

Result<Prepared> Constant(Call& call) {
  OCTAVO_TRY(call.Inputs(0, 0));
  Tensor tensor;
  if (const Tensor* value = OCTAVO_TRY(call.TensorOf("value"))) {
    tensor = Normalized(*value);
  } else if (call.HasAttribute("value_int")) {
    tensor = FromIntegers(DType::kInt64, {}, {OCTAVO_TRY(call.Int("value_int"))});
  } else if (call.HasAttribute("value_ints")) {
    tensor = Tensor::Int64s(OCTAVO_TRY(call.Ints("value_ints")));
  } else if (call.HasAttribute("value_float")) {
    tensor = FromReals(DType::kFloat32, {}, {OCTAVO_TRY(call.Real("value_float"))});
  } else if (call.HasAttribute("value_floats")) {
    const auto* reals = std::get_if<std::vector<double>>(call.Attribute("value_floats"));
    if (reals == nullptr) return call.Invalid("attribute value_floats must be a list of floats");
    tensor = FromReals(DType::kFloat32, {static_cast<std::int64_t>(reals->size())}, *reals);
  } else {
    return call.NotSupported("the node must have a numeric value");
  }
  return One(tensor.dtype, tensor.sizes, [tensor](const Operands&) -> Result<Tensor> { return tensor; });
}

Result<Prepared> ConstantOfShape(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Sizes sizes = OCTAVO_TRY(call.IntsOf(0));
  Tensor fill = Tensor::Floats({1}, {0});
  if (const Tensor* value = OCTAVO_TRY(call.TensorOf("value"))) fill = Normalized(*value);
  if (fill.num_elements() != 1) return call.Invalid("attribute value must have one element");
  return One(fill.dtype, sizes, [fill, sizes](const Operands&) -> Result<Tensor> {
    return Strided(fill, sizes, Sizes(sizes.size()), 0);
  });
}

Result<Prepared> RangeOfNumbers(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  for (const std::size_t i : {0, 1, 2}) {
    if (!OCTAVO_TRY(call.sizes(i)).empty()) return call.Invalid(fmt::format("input {} must be a scalar", i));
  }
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  const double start = OCTAVO_TRY(call.RealOf(0)), limit = OCTAVO_TRY(call.RealOf(1)),
               delta = OCTAVO_TRY(call.RealOf(2));
  const double steps = std::ceil((limit - start) / delta);
  if (delta == 0 || !(std::fabs(steps) < 0x1p40))
    return call.Invalid("the bounds or the step are out of range");
  const std::int64_t count = std::max<std::int64_t>(static_cast<std::int64_t>(steps), 0);
  return One(dtype, {count}, [=](const Operands&) -> Result<Tensor> {
    std::vector<double> reals(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < reals.size(); ++i) reals[i] = start + static_cast<double>(i) * delta;
    if (IsFloat(dtype)) return FromReals(dtype, {count}, reals);
    std::vector<std::int64_t> integers(reals.size());
    for (std::size_t i = 0; i < reals.size(); ++i) integers[i] = SaturatedInteger(reals[i], DType::kInt64);
    return FromIntegers(dtype, {count}, integers);
  });
}

Result<Prepared> Expand(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const Sizes shape = OCTAVO_TRY(call.IntsOf(1));
  const auto sizes = Broadcast(*type.sizes, shape);
  if (!sizes || !CountElements(shape)) {
    return call.Invalid(fmt::format("shape {} cannot be expanded to {}",
                                    ToString(Shape(type.sizes->begin(), type.sizes->end())),
                                    ToString(Shape(shape.begin(), shape.end()))));
  }
  return One(type.dtype, *sizes, [sizes = *sizes](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], sizes, BroadcastStrides(in[0]->sizes, sizes), 0);
  });
}

}  // namespace

void AddShaping(Registry& registry) {
  registry.Add("Shape", ShapeOf);
  registry.Add("Size", Size);
  registry.Add("Reshape", Reshape);
  registry.Add("Flatten", Flatten);
  registry.Add("Squeeze", Squeeze);
  registry.Add("Unsqueeze", Unsqueeze);
  registry.Add("Identity", Identity);
  registry.Add("Dropout", Dropout);
  registry.Add("Constant", Constant);
  registry.Add("ConstantOfShape", ConstantOfShape);
  registry.Add("Range", RangeOfNumbers);
  registry.Add("Expand", Expand);
}

}  // namespace octavo::engine::literal
