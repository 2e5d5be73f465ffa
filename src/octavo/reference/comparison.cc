#include <functional>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"

// Comparisons, logical and bit operations, and what is chosen by their results.

namespace octavo::reference {
namespace {

// ---- eq, ne, lt, le, gt, ge: in the common dtype; quantized tensors as the reals that they stand for

template <typename Relation>
Results Compare(const Call& call) {
  const Names<2> names = {"self", "other"};
  const DType dtype = CommonDType(call, {"self", "other"});
  constexpr auto kBoth = std::make_index_sequence<2>();
  if (IsFloat(dtype)) {
    const auto compare = [](double x, double y) { return Relation()(x, y) ? 1.0 : 0.0; };
    return One(
        OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<double>(call, names, dtype, compare, kBoth)), DType::kBool)));
  }
  const auto compare = [](std::int64_t x, std::int64_t y) { return std::int64_t{Relation()(x, y)}; };
  return One(
      OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<std::int64_t>(call, names, dtype, compare, kBoth)), DType::kBool)));
}

// ---- logical_*: any number that is not 0 is true

template <typename Operation>
Results Logical(const Call& call) {
  const auto operation = [](std::int64_t x, std::int64_t y) { return std::int64_t{Operation()(x, y)}; };
  return One(OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<std::int64_t>(call, {"self", "other"}, DType::kBool,
                                                               operation, std::make_index_sequence<2>())),
                               DType::kBool)));
}

Results LogicalNot(const Call& call) {
  const Tensor truth = OCTAVO_TRY(Converted(call.tensor("self"), DType::kBool));
  Array<std::int64_t> result = OCTAVO_TRY(Numbers<std::int64_t>(truth));
  for (std::int64_t& flag : result.data) flag = flag == 0 ? 1 : 0;
  return One(OCTAVO_TRY(Stored(result, DType::kBool)));
}

// ---- bitwise_*: of bools the logical operators

template <typename Operation>
Results Bitwise(const Call& call) {
  const DType dtype = ResultDType(call);
  if (IsFloat(dtype)) return Unsupported("bit operations on floating-point tensors are not supported");
  return One(OCTAVO_TRY(Stored(OCTAVO_TRY(Mapped<std::int64_t>(call, {"self", "other"}, dtype, Operation(),
                                                               std::make_index_sequence<2>())),
                               dtype)));
}

Results BitwiseNot(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.dtype == DType::kBool) return LogicalNot(call);
  if (!IsInteger(x.dtype)) return Unsupported("bit operations need integer or bool tensors");
  Array<std::int64_t> result = OCTAVO_TRY(Numbers<std::int64_t>(x));
  for (std::int64_t& number : result.data) number = ~number;
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

// ---- where, masked_fill

template <typename T>
Result<Tensor> Chosen(const Call& call, DType dtype) {
  const Sizes sizes = OCTAVO_TRY(CommonSizes(call, {"condition", "self", "other"}));
  const auto condition = OCTAVO_TRY(Operand<std::int64_t>(call, "condition", DType::kBool, sizes));
  Array<T> result = OCTAVO_TRY(Operand<T>(call, "self", dtype, sizes));
  const Array<T> other = OCTAVO_TRY(Operand<T>(call, "other", dtype, sizes));
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    if (condition.data[i] == 0) result.data[i] = other.data[i];
  }
  return Stored(result, dtype);
}

Results Where(const Call& call) {
  const DType dtype = ResultDType(call);
  return One(OCTAVO_TRY(IsFloat(dtype) ? Chosen<double>(call, dtype) : Chosen<std::int64_t>(call, dtype)));
}

// A quantized tensor is filled with the number quantized like its own elements.  Unlike fill_ and pad,
// PyTorch quantizes it as a single number (TensorAdvancedIndexing.cpp, masked_fill_kernel_quantized_cpu).
Results MaskedFill(const Call& call) {
  const Tensor& x = call.tensor("self");
  const Tensor number = NumberTensor(call, "value");
  Tensor fill = OCTAVO_TRY(FilledLike(x, number, call.options()));
  if (x.quantization) {
    const auto real = static_cast<float>(OCTAVO_TRY(Numbers<double>(number))[0]);
    fill = QuantizedNumber(real, fill.type(), call.options());
  }
  const Sizes sizes = OCTAVO_TRY(CommonSizes(call, {"self", "mask"}));
  const auto mask = OCTAVO_TRY(Operand<std::int64_t>(call, "mask", DType::kBool, sizes));
  std::vector<std::int64_t> places = OCTAVO_TRY(RepeatedPlaces(x.sizes, sizes));
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (mask.data[i] != 0) places[i] = kFill;
  }
  return One(OCTAVO_TRY(Picked(x, sizes, places, fill.Bytes())));
}

}  // namespace

void AddComparison(Kernels& kernels) {
  kernels.Add("aten::eq", Compare<std::equal_to<>>);
  for (const char* name : {"aten::ne", "aten::not_equal"}) kernels.Add(name, Compare<std::not_equal_to<>>);
  for (const char* name : {"aten::lt", "aten::less"}) kernels.Add(name, Compare<std::less<>>);
  for (const char* name : {"aten::le", "aten::less_equal"}) kernels.Add(name, Compare<std::less_equal<>>);
  for (const char* name : {"aten::gt", "aten::greater"}) kernels.Add(name, Compare<std::greater<>>);
  for (const char* name : {"aten::ge", "aten::greater_equal"}) {
    kernels.Add(name, Compare<std::greater_equal<>>);
  }
  kernels.Add("aten::logical_and", Logical<std::logical_and<>>);
  kernels.Add("aten::logical_or", Logical<std::logical_or<>>);
  kernels.Add("aten::logical_xor", Logical<std::not_equal_to<>>);
  kernels.Add("aten::logical_not", LogicalNot);
  for (const char* name : {"aten::bitwise_and", "aten::__and__"}) kernels.Add(name, Bitwise<std::bit_and<>>);
  for (const char* name : {"aten::bitwise_or", "aten::__or__"}) kernels.Add(name, Bitwise<std::bit_or<>>);
  for (const char* name : {"aten::bitwise_xor", "aten::__xor__"}) kernels.Add(name, Bitwise<std::bit_xor<>>);
  kernels.Add("aten::bitwise_not", BitwiseNot);
  kernels.Add("aten::where", Where);
  kernels.Add("aten::masked_fill", MaskedFill);
}

}  // namespace octavo::reference
