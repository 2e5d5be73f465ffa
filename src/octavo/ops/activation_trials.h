#pragma once

// What is known of quantized activations by trying all 256 integers.

#include <string>

#include "octavo/operators.h"
#include "octavo/ops/trials.h"

namespace octavo {

// PyTorch's integers, and what ONNX Runtime computes of a real.
struct ActivationTrial {
  Trial pytorch;
  RealFunction target;
  ErrorBound error = {};
};

struct ActivationCall {
  const Builder& g;
  const Arguments& a;
  VectorLoop loop;
};

// Of a call whose quantized argument and result have the types `in` and `out`.
using TrialOfCall = ActivationTrial (*)(const ActivationCall& call, const TensorType& in,
                                        const TensorType& out);
ActivationTrial TrialOfSigmoid(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfTanh(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfHardSigmoid(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfHardSwish(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfElu(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfCelu(const ActivationCall& call, const TensorType& in, const TensorType& out);
ActivationTrial TrialOfGelu(const ActivationCall& call, const TensorType& in, const TensorType& out);

// The emitter, which writes the function of its `argument` between a pair, and what it states.  Where an
// integer comes out otherwise than PyTorch's, the result's scale is moved by a few units in the last place;
// where that does not help, a table is written.
Emitter Tried(TrialOfCall trial_of, std::string argument, Emitter emitter);

}  // namespace octavo
