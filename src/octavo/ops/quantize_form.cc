#include "octavo/ops/quantize_form.h"

#include <cmath>
#include <limits>

#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/float_layer.h"

namespace octavo {
namespace {

constexpr int kFloat32Type = 1, kFloat64Type = 11;  // TensorProto's

Value Wide(Builder& g, double value) {
  return g.Constant(Tensor::From(DType::kFloat64, {}, std::vector<double>{value}));
}

}  // namespace

bool OfFbgemmBuild(const Builder& g) { return g.engine() != Engine::kQnnpack; }

bool RoundsLikeFused(float scale, std::int64_t zero_point, DType dtype) {
  const float inverse = 1.0F / scale, zero = static_cast<float>(zero_point);
  const auto [low, high] = RangeOf(dtype);
  // Rounding twice gives another float32 number only near the middle between two neighbours, and that gives
  // another level only where one of both is a tie.
  for (int level = low; level < high; ++level) {
    const float tie = static_cast<float>(level) + 0.5F;
    for (const float end :
         {-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()}) {
      const double neighbour = static_cast<double>(std::nextafter(tie, end));
      const double middle = (static_cast<double>(tie) + neighbour) / 2 - static_cast<double>(zero);
      const auto nearest = static_cast<float>(middle / static_cast<double>(inverse));
      constexpr int kAround = 2;
      float x = nearest;
      for (int i = 0; i < kAround; ++i) x = std::nextafter(x, -std::numeric_limits<float>::infinity());
      for (int i = 0; i <= 2 * kAround; ++i) {
        const double twice =
            static_cast<double>(x) * static_cast<double>(inverse) + static_cast<double>(zero);
        if (std::nearbyintf(static_cast<float>(twice)) != arithmetic::pytorch::LevelFused(x, inverse, zero)) {
          return false;
        }
        x = std::nextafter(x, std::numeric_limits<float>::infinity());
      }
    }
  }
  return true;
}

Value QuantizeFused(Builder& g, Value x, const TensorType& type) {
  const auto scale = static_cast<float>(type.quantization->scale());
  const std::int64_t zero = type.quantization->zero_point();
  const double inverse = static_cast<double>(1.0F / scale);
  if (zero == 0) {  // nothing is added
    if (IsOfFloatLayer(g.graph(), x.id(), false)) x = KeptApart(g, x);
    g.State(Exactness::kConstruction);
    return QuantizeFromSteps(g, g.Op("Mul", {x, g.Scalar(1.0F / scale)}), type);
  }
  if (RoundsLikeFused(scale, zero, type.dtype)) {
    g.State(Exactness::kConstruction);
  } else {
    g.State(Exactness::kNotExact,
            "may be off by one step for a few single numbers: PyTorch rounds x / scale + zero point once");
  }
  const Value wide = g.Op("Cast", {x}, {{"to", kFloat64Type}});
  const Value sum = g.Op("Add", {g.Op("Mul", {wide, Wide(g, inverse)}), Wide(g, static_cast<double>(zero))});
  return QuantizeFromSteps(g, g.Op("Cast", {sum}, {{"to", kFloat32Type}}), type, 0);
}

Value QuantizeBefore(Builder& g, Value x, const TensorType& type, const std::vector<std::int64_t>& sizes) {
  const Quantization& q = *type.quantization;
  std::vector<float> reciprocals, zeros;
  for (const double scale : q.scales) reciprocals.push_back(1.0F / static_cast<float>(scale));
  for (const std::int64_t zero : q.zero_points) zeros.push_back(static_cast<float>(zero));
  g.State(Exactness::kConstruction);
  const Value scaled = g.Op("Mul", {x, g.Constant(Tensor::Floats(sizes, reciprocals))});
  const Value moved = g.Op("Add", {scaled, g.Constant(Tensor::Floats(sizes, zeros))});
  return QuantizeFromSteps(g, moved, type, 0);
}

}  // namespace octavo
