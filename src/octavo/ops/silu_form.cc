#include "octavo/ops/silu_form.h"

#include <cmath>
#include <vector>

#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/arithmetic/pytorch/silu.h"
#include "octavo/ir/inputs.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/dequantized_levels.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

// Half a unit in the last place, as part of a number.
constexpr double kHalfUnit = 0x1p-24;
// ONNX Runtime's x Sigmoid(x), in several kernels: the sigmoid's error, and the product is rounded.
constexpr double kSigmoidBound = 0x1p-22;

double ExactSilu(double x) { return x / (1 + std::exp(-x)); }

// PyTorch's level for each of the input, from the lowest on.
std::vector<float> SiluLevels(const DequantizedLevels& levels, const TensorType& type, bool rounds_once) {
  const Bounds to(type);
  const float inverse = 1.0F / ScaleOf(type);
  std::vector<float> expected;
  for (float q = levels.low; q <= levels.high; ++q) {
    const float y = arithmetic::pytorch::Silu(levels.Real(q));
    expected.push_back(to.Clamped(rounds_once ? arithmetic::pytorch::LevelFused(y, inverse, to.zero)
                                              : arithmetic::pytorch::LevelAfter(y, inverse, to.zero)));
  }
  return expected;
}

bool GivesLevels(const DequantizedLevels& levels, const std::vector<float>& expected, float multiplier,
                 const TensorType& type) {
  const Bounds to(type);
  std::size_t i = 0;
  for (float q = levels.low; q <= levels.high; ++q, ++i) {
    const double x = static_cast<double>(levels.Real(q)), y = ExactSilu(x);
    const double off = std::abs(x) * kSigmoidBound + std::abs(y) * kHalfUnit;
    for (const double real : {y - off, y + off}) {
      const float steps = static_cast<float>(real) * multiplier;
      if (to.Clamped(std::nearbyintf(steps) + to.zero) != expected[i]) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<Value> QuantizedSilu(Builder& g, Value x, const TensorType& type) {
  if (!StatesExactness(g) || type.quantization->axis) return std::nullopt;
  const ir::Graph& graph = g.graph();
  const ir::Node* product = ProducerOf(graph, BeforeMovements(graph, x.id()), "Mul");
  if (!product) return std::nullopt;
  const ir::ValueId real = *ir::InputOf(*product);
  const ir::Node* sigmoid = ProducerOf(graph, ir::InputOf(*product, 1).value_or(ir::ValueId{}), "Sigmoid");
  if (!sigmoid || *ir::InputOf(*sigmoid) != real) return std::nullopt;
  const std::optional<DequantizedLevels> levels = LevelsBehind(graph, real);
  if (!levels) return std::nullopt;
  const std::vector<float> expected = SiluLevels(*levels, type, OfFbgemmBuild(g));
  constexpr int kTries = 129;
  const float inverse = 1.0F / ScaleOf(type);
  for (int i = 0; i < kTries; ++i) {
    const float multiplier = Ulps(inverse, Alternating(i));
    if (!std::isnormal(multiplier) || !GivesLevels(*levels, expected, multiplier, type)) continue;
    g.State(Exactness::kExhaustion);
    g.Settle(x);
    return QuantizeFromSteps(g, g.Op("Mul", {x, g.Scalar(multiplier)}), type);
  }
  return std::nullopt;
}

}  // namespace octavo
