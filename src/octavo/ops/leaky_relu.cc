#include "octavo/ops/leaky_relu.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "octavo/lower/checks.h"

namespace octavo {
namespace {

// One input integer and PyTorch's answer.
struct SlopePair {
  float distance;  // from the input's zero point
  float result;
};

class SlopeSearch {
 public:
  SlopeSearch(const TensorType& in, const TensorType& out, float slope)
      : range_(RangeOf(out.dtype)), zero_out_(static_cast<float>(out.quantization->zero_point())) {
    const auto in_scale = static_cast<float>(in.quantization->scale());
    const auto out_scale = static_cast<float>(out.quantization->scale());
    const auto zero_in = static_cast<float>(in.quantization->zero_point());
    const float inverse = 1.0F / out_scale, offset = -(in_scale * zero_in);
    const auto [low, high] = RangeOf(in.dtype);
    for (int q = low; q <= high; ++q) {
      // PyTorch's vector code has one rounding in its multiplication and addition.
      const float x = std::fma(in_scale, static_cast<float>(q), offset);
      const float y = x > 0 ? x : x * slope;
      const SlopePair pair = {static_cast<float>(q) - zero_in,
                              Clamped(std::nearbyintf(y * inverse) + zero_out_)};
      all_.push_back(pair);
      const float steps = y * inverse;
      constexpr float kNear = 1e-3F;
      if (std::abs(std::abs(steps - std::floor(steps)) - 0.5F) < kNear) halfway_.push_back(pair);
    }
    best_ = {in_scale, out_scale, slope, Differing(all_, in_scale, out_scale, slope)};
  }

  LeakyReluForm Run() {
    const LeakyReluForm plain = best_;
    constexpr int kTries = 20000;
    constexpr float kStretch = 1e-4F;
    for (int i = 0; i < kTries && best_.differing > 0; ++i) {
      const float stretch = 1.0F + kStretch * static_cast<float>(i);
      for (const float slope : {plain.slope, std::nextafter(plain.slope, 0.0F),
                                std::nextafter(plain.slope, std::numeric_limits<float>::infinity())}) {
        Try({plain.input_scale * stretch, plain.output_scale * stretch, slope, 0});
      }
    }
    return best_;
  }

 private:
  float Clamped(float q) const {
    return std::clamp(q, static_cast<float>(range_.low), static_cast<float>(range_.high));
  }

  int Differing(const std::vector<SlopePair>& pairs, float in_scale, float out_scale, float slope) const {
    int count = 0;
    for (const SlopePair& pair : pairs) {
      const float x = pair.distance * in_scale;
      const float y = x >= 0 ? x : x * slope;
      count += Clamped(std::nearbyintf(y / out_scale) + zero_out_) != pair.result ? 1 : 0;
    }
    return count;
  }

  void Try(LeakyReluForm form) {
    if (Differing(halfway_, form.input_scale, form.output_scale, form.slope) >= best_.differing) return;
    form.differing = Differing(all_, form.input_scale, form.output_scale, form.slope);
    if (form.differing < best_.differing) best_ = form;
  }

  IntegerRange range_;
  float zero_out_;
  std::vector<SlopePair> all_, halfway_;
  LeakyReluForm best_ = {};
};

}  // namespace

LeakyReluForm FindLeakyReluForm(const TensorType& in, const TensorType& out, float slope) {
  return SlopeSearch(in, out, slope).Run();
}

}  // namespace octavo
