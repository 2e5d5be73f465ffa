#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "octavo/engine/literal/map.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

double Softplus(double v) { return v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v)); }
double Sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

Result<Prepared> Relu(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckNumber(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (IsFloat(type.dtype)) return Map(call, [](double v) { return v < 0 ? 0 : v; });
  return One(type.dtype, *type.sizes, [](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> x = Integers(*in[0]);
    for (std::int64_t& v : x) v = std::max<std::int64_t>(v, 0);
    return FromIntegers(in[0]->dtype, in[0]->sizes, x);
  });
}

Result<Prepared> LeakyRelu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", double{0.01F}));
  return Map(call, [alpha](double v) { return v < 0 ? alpha * v : v; });
}

Result<Prepared> Elu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", 1.0));
  return Map(call, [alpha](double v) { return v < 0 ? alpha * std::expm1(v) : v; });
}

Result<Prepared> Celu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", 1.0));
  return Map(call, [alpha](double v) { return v < 0 ? alpha * std::expm1(v / alpha) : v; });
}

Result<Prepared> Selu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", double{1.67326319217681884765625F}));
  const double gamma = OCTAVO_TRY(call.Real("gamma", double{1.05070102214813232421875F}));
  return Map(call, [alpha, gamma](double v) { return gamma * (v > 0 ? v : alpha * std::expm1(v)); });
}

Result<Prepared> ThresholdedRelu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", 1.0));
  return Map(call, [alpha](double v) { return v > alpha ? v : 0; });
}

Result<Prepared> HardSigmoid(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", double{0.2F}));
  const double beta = OCTAVO_TRY(call.Real("beta", double{0.5F}));
  return Map(call, [alpha, beta](double v) {
    const double line = alpha * v + beta;
    return std::isnan(line) ? line : std::max(0.0, std::min(1.0, line));
  });
}

Result<Prepared> Shrink(Call& call) {
  const double bias = OCTAVO_TRY(call.Real("bias", 0.0));
  const double lambd = OCTAVO_TRY(call.Real("lambd", 0.5));
  return Map(call, [bias, lambd](double v) { return v < -lambd ? v + bias : v > lambd ? v - bias : 0; });
}

Result<Prepared> Gelu(Call& call) {
  const std::string approximate = OCTAVO_TRY(call.Text("approximate", "none"));
  if (approximate == "tanh") {
    return Map(call, [](double v) {
      const double inner = std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v);
      return 0.5 * v * (1 + std::tanh(inner));
    });
  }
  if (approximate != "none")
    return call.Invalid(fmt::format("attribute approximate must be none or tanh, not {}", approximate));
  return Map(call, [](double v) { return 0.5 * v * (1 + std::erf(v / std::numbers::sqrt2)); });
}

Result<Prepared> Swish(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", 1.0));
  return Map(call, [alpha](double v) { return v * Sigmoid(alpha * v); });
}

}  // namespace

void AddActivations(Registry& registry) {
  registry.Add("Relu", Relu);
  registry.Add("LeakyRelu", LeakyRelu);
  registry.Add("Elu", Elu);
  registry.Add("Celu", Celu);
  registry.Add("Selu", Selu);
  registry.Add("ThresholdedRelu", ThresholdedRelu);
  registry.Add("HardSigmoid", HardSigmoid);
  registry.Add("HardSwish", [](Call& call) {
    return Map(call, [](double v) { return v * std::max(0.0, std::min(1.0, v / 6 + 0.5)); });
  });
  registry.Add("Shrink", Shrink);
  registry.Add("Sigmoid", [](Call& call) { return Map(call, Sigmoid); });
  registry.Add("Softplus", [](Call& call) { return Map(call, Softplus); });
  registry.Add("Softsign",
               [](Call& call) { return Map(call, [](double v) { return v / (1 + std::fabs(v)); }); });
  registry.Add("Mish",
               [](Call& call) { return Map(call, [](double v) { return v * std::tanh(Softplus(v)); }); });
  registry.Add("Gelu", Gelu);
  registry.Add("com.microsoft::Gelu", Gelu);
  registry.Add("Swish", Swish);
  registry.Add("com.microsoft::QuickGelu", [](Call& call) -> Result<Prepared> {
    const double alpha = OCTAVO_TRY(call.Real("alpha", double{1.702F}));
    return Map(call, [alpha](double v) { return v * Sigmoid(alpha * v); });
  });
}

}  // namespace octavo::engine::literal
