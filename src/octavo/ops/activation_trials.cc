#include "octavo/ops/activation_trials.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "octavo/emit.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/integer_table.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/targets/onnxruntime/functions.h"

namespace octavo {
namespace {

namespace ort = targets::onnxruntime;

// Whether qnnpack's table gives an activation of this dtype.
bool ByQnnpack(const Builder& g, const TensorType& in) {
  return in.dtype == DType::kQUint8 && (g.engine() == Engine::kQnnpack || g.engine() == Engine::kQnnpackX86);
}

constexpr std::string_view kLastElements =
    "input values, in the last elements of a tensor or of a thread's share, which PyTorch rounds differently";

float Relu6Of3(float x) { return std::min(std::max(x + 3.0F, 0.0F), 6.0F); }
float OnePlusExp(float x) { return 1.0F + static_cast<float>(std::exp(-static_cast<double>(x))); }

// Float32 holds a number to half a unit in its last place: to this part of it.
constexpr float kRounding = 0x1p-24F;

// exp(x) - 1 of x < 0 is 1 at most; the exponential, its argument, the difference and the factor are rounded.
ErrorBound EluBound(float factor, float roundings) {
  return [=](float x, float) { return x < 0 ? std::abs(factor) * roundings * kRounding : 0.0F; };
}

// factor (exp(input_scale x) - 1) where x < 0, else scale x.
ActivationTrial EluOf(const ActivationCall& call, const TensorType& in, const TensorType& out, float factor,
                      float scale, float input_scale) {
  const RealFunction f = [=](float x) {
    const double curve = std::expm1(static_cast<double>(x) * static_cast<double>(input_scale));
    return x < 0 ? static_cast<float>(static_cast<double>(factor) * curve) : scale * x;
  };
  // The result is contiguous.
  VectorLoop loop = call.loop;
  loop.runs = call.a.tensor("self").memory_format() == ir::MemoryFormat::kContiguous;
  ActivationTrial trial{Trial(in, out, loop), f, EluBound(factor, 8)};
  trial.pytorch.ThroughReals(f, EluBound(factor, 4));
  return trial;
}

}  // namespace

// The formulas are those of src/octavo/reference/quantized_activations.cc; Sleef's functions are within a
// unit in the last place.
ActivationTrial TrialOfSigmoid(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  ActivationTrial trial{Trial(in, out, call.loop), ort::Sigmoid};
  const Quantization& q = *out.quantization;
  if (ByQnnpack(call.g, in) && q.scale() == 1.0 / 256 && q.zero_point() == 0) {
    trial.pytorch.ByTable([](float x) { return 256.0F / OnePlusExp(x); });
  } else {
    trial.pytorch.ThroughReals([](float x) { return 1.0F / OnePlusExp(x); },
                               [](float, float y) { return 4 * kRounding * y; }, ReciprocalOf::kFloat64);
  }
  return trial;
}

ActivationTrial TrialOfTanh(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  ActivationTrial trial{Trial(in, out, call.loop), ort::Tanh};
  if (ByQnnpack(call.g, in)) {
    trial.pytorch.ByTable(
        [](float x) { return static_cast<float>(128.0 * std::tanh(static_cast<double>(x)) + 128.0); });
  } else {
    trial.pytorch.ThroughReals([](float x) { return static_cast<float>(std::tanh(static_cast<double>(x))); },
                               [](float, float y) { return 2 * kRounding * std::abs(y); });
  }
  return trial;
}

ActivationTrial TrialOfHardSigmoid(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  ActivationTrial trial{Trial(in, out, call.loop),
                        [](float x) { return ort::HardSigmoid(x, 1.0F / 6.0F, 0.5F); }};
  if (ByQnnpack(call.g, in)) {
    trial.pytorch.ByTable([](float x) { return 256.0F * (Relu6Of3(x) / 6.0F); });
  } else {
    trial.pytorch.ThroughReals([](float x) { return Relu6Of3(x) / 6.0F; });
  }
  return trial;
}

ActivationTrial TrialOfHardSwish(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  constexpr int kSince = 14;
  const RealFunction swish = [](float x) { return x * Relu6Of3(x) / 6.0F; };
  ActivationTrial trial{Trial(in, out, call.loop),
                        call.g.opset() >= kSince ? RealFunction(ort::HardSwish) : swish};
  if (ByQnnpack(call.g, in)) {
    const float inverse = 1.0F / ScaleOf(out), zero_point = Bounds(out).zero;
    trial.pytorch.ByTable([=](float x) { return inverse * swish(x) + zero_point; });
  } else {
    trial.pytorch.ThroughReals(swish, {}, ReciprocalOf::kFloat64);
  }
  return trial;
}

ActivationTrial TrialOfElu(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  const auto alpha = static_cast<float>(call.a.number("alpha")),
             scale = static_cast<float>(call.a.number("scale"));
  return EluOf(call, in, out, alpha * scale, scale, static_cast<float>(call.a.number("input_scale")));
}

ActivationTrial TrialOfCelu(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  const double alpha = call.a.number("alpha");
  return EluOf(call, in, out, static_cast<float>(alpha), 1, static_cast<float>(1 / alpha));
}

ActivationTrial TrialOfGelu(const ActivationCall& call, const TensorType& in, const TensorType& out) {
  const bool tanh = call.a.text("approximate") == "tanh";
  const RealFunction f = [=](float x) {
    const double d = static_cast<double>(x);
    const double inner = std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (d + 0.044715 * d * d * d);
    const double curve = tanh ? std::tanh(inner) : std::erf(d / std::numbers::sqrt2);
    return static_cast<float>(d / 2 * (1 + curve));
  };
  // Of x: the curve, which is 1 at most, its argument, the sum and the products are rounded.
  ActivationTrial trial{Trial(in, out, call.loop), f,
                        [](float x, float) { return 16 * kRounding * std::abs(x); }};
  trial.pytorch.ThroughReals(f, [](float x, float) { return 4 * kRounding * std::abs(x); });
  return trial;
}

Emitter Tried(TrialOfCall trial_of, std::string argument, Emitter emitter) {
  return [=, argument = std::move(argument), emitter = std::move(emitter)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor(argument);
    if (!x.quantized() || !StatesExactness(g)) return emitter(g, a);
    const TensorType in = x.type(), out = a.result();
    const ActivationTrial trial = trial_of({g, a, VectorLoopOf(g, x)}, in, out);
    // What the loop leaves over is not always rounded as in the loop; the loop has nearly all elements.
    const bool rest = !OfFbgemmBuild(g);
    const auto [written, best] = WithMovedScale(out, [&](const TensorType& moved) {
      return trial.pytorch.Against(trial.target, in, moved, trial.error, rest);
    });
    const TrialResult others = rest ? TrialResult{} : trial.pytorch.RestAgainstLoop();
    if (best.differing > 0) {
      if (const auto integers = trial.pytorch.Integers(rest)) {
        if (others.differing > 0) {
          StateTried(g, others, kLastElements);
        } else {
          g.State(Exactness::kConstruction);
        }
        return One(OCTAVO_TRY(LookUpInteger(g, x, *integers, out)));
      }
    }
    const TrialResult all = rest ? best : trial.pytorch.Against(trial.target, in, written, trial.error, true);
    StateTried(g, all, best.differing > 0 || all.differing == 0 ? "input values" : kLastElements);
    std::vector<Value> results = OCTAVO_TRY(emitter(g, a.WithResults({written})));
    g.As(results[0], out);
    return results;
  };
}

}  // namespace octavo
