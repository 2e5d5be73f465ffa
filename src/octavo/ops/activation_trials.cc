#include "octavo/ops/activation_trials.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "octavo/lower/steps.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/trials.h"
#include "octavo/ops/ulps.h"
#include "octavo/targets/onnxruntime/functions.h"

namespace octavo {
namespace {

namespace ort = targets::onnxruntime;

float Relu6Of3(float x) { return std::min(std::max(x + 3.0F, 0.0F), 6.0F); }
float OnePlusExp(float x) { return 1.0F + static_cast<float>(std::exp(-static_cast<double>(x))); }

// The formulas are those of src/octavo/reference/quantized_activations.cc; Sleef's functions are within a
// unit in the last place.
TrialResult TrySigmoid(const TensorType& in, const TensorType& out, const TensorType& written) {
  Trial trial(in, out);
  const Quantization& q = *out.quantization;
  if (in.dtype == DType::kQUint8 && q.scale() == 1.0 / 256 && q.zero_point() == 0) {
    trial.ByTable([](float x) { return 256.0F / OnePlusExp(x); });
  } else {
    trial.ThroughReals([](float x) { return 1.0F / OnePlusExp(x); }, 2);
  }
  return trial.Against(ort::Sigmoid, in, written);
}

TrialResult TryTanh(const TensorType& in, const TensorType& out, const TensorType& written) {
  Trial trial(in, out);
  if (in.dtype == DType::kQUint8) {
    trial.ByTable(
        [](float x) { return static_cast<float>(128.0 * std::tanh(static_cast<double>(x)) + 128.0); });
  } else {
    trial.ThroughReals([](float x) { return static_cast<float>(std::tanh(static_cast<double>(x))); }, 1);
  }
  return trial.Against(ort::Tanh, in, written);
}

TrialResult TryHardSigmoid(const TensorType& in, const TensorType& out, const TensorType& written) {
  Trial trial(in, out);
  if (in.dtype == DType::kQUint8) {
    trial.ByTable([](float x) { return 256.0F * (Relu6Of3(x) / 6.0F); });
  } else {
    trial.ThroughReals([](float x) { return Relu6Of3(x) / 6.0F; });
  }
  return trial.Against([](float x) { return ort::HardSigmoid(x, 1.0F / 6.0F, 0.5F); }, in, written);
}

TrialResult TryHardSwish(int opset, const TensorType& in, const TensorType& out, const TensorType& written) {
  Trial trial(in, out);
  const auto swish = [](float x) { return x * Relu6Of3(x) / 6.0F; };
  if (in.dtype == DType::kQUint8) {
    const float inverse = 1.0F / ScaleOf(out), zero_point = Bounds(out).zero;
    trial.ByTable([=](float x) { return inverse * swish(x) + zero_point; });
  } else {
    trial.ThroughReals(swish);
  }
  constexpr int kSince = 14;
  return opset >= kSince ? trial.Against(ort::HardSwish, in, written) : trial.Against(swish, in, written);
}

// `written`: the result's type as it is written.
TrialResult Try(TriedActivation function, int opset, const TensorType& in, const TensorType& out,
                const TensorType& written) {
  switch (function) {
    case TriedActivation::kSigmoid:
      return TrySigmoid(in, out, written);
    case TriedActivation::kTanh:
      return TryTanh(in, out, written);
    case TriedActivation::kHardSigmoid:
      return TryHardSigmoid(in, out, written);
    case TriedActivation::kHardSwish:
      return TryHardSwish(opset, in, out, written);
  }
  return {};
}

}  // namespace

Emitter Tried(TriedActivation function, std::string argument, Emitter emitter) {
  return [=, argument = std::move(argument), emitter = std::move(emitter)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (!a.tensor(argument).quantized() || !StatesExactness(g)) return emitter(g, a);
    const TensorType in = a.tensor(argument).type(), out = a.result();
    TensorType written = out;
    TrialResult best = Try(function, g.opset(), in, out, written);
    constexpr int kTries = 97;
    for (int i = 1; i < kTries && best.differing > 0; ++i) {
      TensorType moved = out;
      moved.quantization->scales[0] = Ulps(ScaleOf(out), Alternating(i));
      const TrialResult result = Try(function, g.opset(), in, out, moved);
      if (result.differing >= best.differing) continue;
      best = result;
      written = moved;
    }
    StateTried(g, best, "integers");
    std::vector<Value> results = OCTAVO_TRY(emitter(g, a.WithResults({written})));
    g.As(results[0], out);
    return results;
  };
}

}  // namespace octavo
