#include "octavo/ops/activation_trials.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/trials.h"
#include "octavo/targets/onnxruntime/functions.h"

namespace octavo {
namespace {

namespace ort = targets::onnxruntime;

constexpr const char* kIntegers = "integers";

float Relu6Of3(float x) { return std::min(std::max(x + 3.0F, 0.0F), 6.0F); }
float OnePlusExp(float x) { return 1.0F + static_cast<float>(std::exp(-static_cast<double>(x))); }

// The formulas are those of src/octavo/reference/quantized_activations.cc; Sleef's functions are within a
// unit in the last place.
TrialResult TrySigmoid(const TensorType& in, const TensorType& out) {
  Trial trial(in, out);
  const Quantization& q = *out.quantization;
  if (in.dtype == DType::kQUint8 && q.scale() == 1.0 / 256 && q.zero_point() == 0) {
    trial.ByTable([](float x) { return 256.0F / OnePlusExp(x); });
  } else {
    trial.ThroughReals([](float x) { return 1.0F / OnePlusExp(x); }, 2);
  }
  return trial.Against(ort::Sigmoid);
}

TrialResult TryTanh(const TensorType& in, const TensorType& out) {
  Trial trial(in, out);
  if (in.dtype == DType::kQUint8) {
    trial.ByTable(
        [](float x) { return static_cast<float>(128.0 * std::tanh(static_cast<double>(x)) + 128.0); });
  } else {
    trial.ThroughReals([](float x) { return static_cast<float>(std::tanh(static_cast<double>(x))); }, 1);
  }
  return trial.Against(ort::Tanh);
}

TrialResult TryHardSigmoid(const TensorType& in, const TensorType& out) {
  Trial trial(in, out);
  if (in.dtype == DType::kQUint8) {
    trial.ByTable([](float x) { return 256.0F * (Relu6Of3(x) / 6.0F); });
  } else {
    trial.ThroughReals([](float x) { return Relu6Of3(x) / 6.0F; });
  }
  return trial.Against([](float x) { return ort::HardSigmoid(x, 1.0F / 6.0F, 0.5F); });
}

TrialResult TryHardSwish(int opset, const TensorType& in, const TensorType& out) {
  Trial trial(in, out);
  const auto written = [](float x) { return x * Relu6Of3(x) / 6.0F; };
  if (in.dtype == DType::kQUint8) {
    const float inverse = 1.0F / ScaleOf(out), zero_point = Bounds(out).zero;
    trial.ByTable([=](float x) { return inverse * written(x) + zero_point; });
  } else {
    trial.ThroughReals(written);
  }
  constexpr int kSince = 14;
  return opset >= kSince ? trial.Against(ort::HardSwish) : trial.Against(written);
}

}  // namespace

Emitter Tried(TriedActivation function, std::string argument, Emitter emitter) {
  return [=, argument = std::move(argument), emitter = std::move(emitter)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (a.tensor(argument).quantized() && g.exact_for(Target::kOnnxRuntime)) {
      const TensorType in = a.tensor(argument).type();
      const TensorType& out = a.result();
      switch (function) {
        case TriedActivation::kSigmoid:
          StateTried(g, TrySigmoid(in, out), kIntegers);
          break;
        case TriedActivation::kTanh:
          StateTried(g, TryTanh(in, out), kIntegers);
          break;
        case TriedActivation::kHardSigmoid:
          StateTried(g, TryHardSigmoid(in, out), kIntegers);
          break;
        case TriedActivation::kHardSwish:
          StateTried(g, TryHardSwish(g.opset(), in, out), kIntegers);
          break;
      }
    }
    return emitter(g, a);
  };
}

}  // namespace octavo
