#pragma once

// Proof by exhaustion: what depends on one integer of 8 bits, or on one sum of such integers, is computed for
// all of them in PyTorch's arithmetic (src/octavo/reference has the formulas and their sources) and in ONNX
// Runtime's (src/octavo/targets/onnxruntime).

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "octavo/operators.h"
#include "octavo/ops/vector_loop.h"

namespace octavo {

struct TrialResult {
  std::int64_t tried = 0, differing = 0;
  float largest = 0;  // difference, in steps
  void Add(float pytorch, float target);
  void Add(const TrialResult& other);
};

// kExhaustion where nothing differs, else kNotExact with "may be off by one step for 3 of 256 input values".
void StateTried(Builder& g, const TrialResult& result, std::string_view of_what);

using RealFunction = std::function<float(float)>;
// By how much what is computed for f(x) may be off y, which is f(x) as float32 holds it.
using ErrorBound = std::function<float(float x, float y)>;

// PyTorch's vector loop multiplies by the reciprocal of the result's scale, which is rounded to float32
// before (most operators) or not.  What is left of the loop always has the rounded scale's.
enum class ReciprocalOf { kFloat32, kFloat64 };

// A type as it is written, and what came of it.
struct TriedType {
  TensorType type;
  TrialResult result;
};
// `type` with its scale moved by the fewest units in the last place for which nothing differs, or the least.
TriedType WithMovedScale(const TensorType& type, const std::function<TrialResult(const TensorType&)>& trial);

// All integers of `in`, quantized per tensor to 8 bits, and PyTorch's for each of them in `out`.
class Trial {
 public:
  Trial(const TensorType& in, const TensorType& out, VectorLoop loop = {})
      : in_(in), out_(out), loop_(loop) {}
  // PyTorch dequantizes, computes f and quantizes: its vector loop has s q - s z with one rounding, what is
  // left of the loop (q - z) s.
  void ThroughReals(const RealFunction& f, const ErrorBound& error = {},
                    ReciprocalOf reciprocal = ReciprocalOf::kFloat32);
  // A table of qnnpack's: round(f((q - z) s)), whose steps count from the lowest integer.
  void ByTable(const RealFunction& f);
  // PyTorch's integer is round(f(q - z)) + z.
  void BySteps(const RealFunction& f);
  // quantized::cat in builds with FBGEMM: contiguous tensors are quantized with one rounding.
  void ByFusedQuantization(const RealFunction& f);
  // ONNX Runtime dequantizes, computes f and quantizes with the scales and zero points as written.
  // `rest`: also against what PyTorch's vector loop leaves over.
  TrialResult Against(const RealFunction& f, const TensorType& in, const TensorType& out,
                      const ErrorBound& error = {}, bool rest = true) const;
  TrialResult Against(const RealFunction& f) const { return Against(f, in_, out_); }
  // PyTorch's integer for each, from the lowest on; nothing where it may round one in several ways.
  std::optional<std::vector<std::int64_t>> Integers(bool rest = true) const;
  // For how many integers the rest comes out otherwise than in the loop.
  TrialResult RestAgainstLoop() const;

 private:
  static constexpr std::size_t kIntegers = 256;
  const TensorType &in_, &out_;
  VectorLoop loop_;
  // More than one per integer where PyTorch rounds in several ways: in its vector loop, and in the rest.
  std::array<std::vector<float>, kIntegers> answers_, rest_;
};

// Every sum of so many integers, each at least `low` and at most `high`.
struct Sums {
  std::int64_t low, high;
  std::int64_t fewest, most;
};
// An integer from a sum and how many were added up.
using FromSum = std::function<float(float sum, float count)>;
// Tries whether all forms, PyTorch's and those that ONNX Runtime may take, agree on every sum.  Too many
// sums, or an unknown number (`most` 0), are not tried, and are not exact.
void StateOfSums(Builder& g, const Sums& sums, const std::vector<FromSum>& forms);

}  // namespace octavo
