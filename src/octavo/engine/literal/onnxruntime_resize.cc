#include <string_view>
#include <utility>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/onnxruntime_sums.h"
#include "octavo/engine/literal/resizing.h"
#include "octavo/targets/onnxruntime/resize.h"

namespace octavo::engine::literal {
namespace {

namespace ort = targets::onnxruntime;

std::optional<ort::Coordinates> CoordinatesOf(std::string_view name) {
  if (name == "half_pixel") return ort::Coordinates::kHalfPixel;
  if (name == "asymmetric") return ort::Coordinates::kAsymmetric;
  if (name == "pytorch_half_pixel") return ort::Coordinates::kPytorchHalfPixel;
  if (name == "align_corners") return ort::Coordinates::kAlignCorners;
  return std::nullopt;
}

std::vector<ort::LinearWeights> WeightsAlong(const ResizedAxis& axis, ort::Coordinates coordinates) {
  const ort::ResizeAxis along = {.in = axis.from,
                                 .out = axis.to,
                                 .scale = axis.scale_is_given
                                              ? static_cast<float>(axis.scale)
                                              : static_cast<float>(axis.to) / static_cast<float>(axis.from),
                                 .coordinates = coordinates};
  std::vector<ort::LinearWeights> weights;
  weights.reserve(static_cast<std::size_t>(axis.to));
  for (std::int64_t i = 0; i < axis.to; ++i) weights.emplace_back(along, i);
  return weights;
}

template <typename T>
Tensor Bilinear(const Tensor& x, const Sizes& result, const std::vector<ort::LinearWeights>& rows,
                const std::vector<ort::LinearWeights>& columns, ort::LinearForm form) {
  const T* from = Data<T>(x);
  const std::int64_t height = x.sizes[x.sizes.size() - 2], width = x.sizes.back();
  const std::int64_t images = Product(x.sizes, 0, x.sizes.size() - 2);
  std::vector<std::byte> bytes(static_cast<std::size_t>(Product(result)) * sizeof(T));
  T* to = reinterpret_cast<T*>(bytes.data());
  for (std::int64_t n = 0; n < images; ++n, from += height * width) {
    for (const ort::LinearWeights& y : rows) {
      const T *first = from + y.first * width, *second = from + y.second * width;
      for (const ort::LinearWeights& c : columns) {
        *to++ = ort::ResizeBilinear<T>({.first_first = first[c.first],
                                        .first_second = first[c.second],
                                        .second_first = second[c.first],
                                        .second_second = second[c.second]},
                                       y, c, form);
      }
    }
  }
  return Tensor::FromBytes(x.dtype, result, std::move(bytes));
}

}  // namespace

Result<Prepared> LinearResize(Call& call, Prepared literal, bool channels_last) {
  const ResizePlan plan = OCTAVO_TRY(ResizePlanOf(call));
  const DType dtype = literal.outputs[0].dtype;
  const auto coordinates = CoordinatesOf(plan.mode.coordinates);
  const std::size_t rank = plan.axes.size();
  if (plan.mode.mode != "linear" || plan.mode.antialias || !coordinates || (rank != 2 && rank != 4) ||
      (dtype != DType::kFloat32 && dtype != DType::kUint8 && dtype != DType::kInt8) ||
      Product(plan.result) == 0) {
    return literal;
  }
  bool moves = false;
  for (std::size_t d = 0; d < rank; ++d) {
    const ResizedAxis& axis = plan.axes[d];
    const bool changes = axis.from != axis.to || axis.scale != 1;
    if (changes && d + 2 < rank) return literal;
    moves = moves || changes;
  }
  if (!moves) return literal;
  literal.compute = [result = plan.result, rows = WeightsAlong(plan.axes[rank - 2], *coordinates),
                     columns = WeightsAlong(plan.axes[rank - 1], *coordinates),
                     form = channels_last ? ort::LinearForm::kInteger : ort::LinearForm::kFloat](
                        const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> results;
    results.push_back(in[0]->dtype == DType::kFloat32 ? Bilinear<float>(*in[0], result, rows, columns, form)
                      : in[0]->dtype == DType::kUint8
                          ? Bilinear<std::uint8_t>(*in[0], result, rows, columns, form)
                          : Bilinear<std::int8_t>(*in[0], result, rows, columns, form));
    return results;
  };
  return literal;
}

}  // namespace octavo::engine::literal
