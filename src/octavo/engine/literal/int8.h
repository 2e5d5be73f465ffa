#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "octavo/engine/call.h"
#include "octavo/engine/literal/registry.h"

// What the Int8 operators of the Caffe2 dialect share; docs/int8_operators.md has their formulas.

namespace octavo::engine::literal {

void AddInt8Layers(Registry& registry);
void AddInt8Pooling(Registry& registry);
void AddInt8Arithmetic(Registry& registry);
void AddInt8Movement(Registry& registry);

std::string Int8Name(std::string_view op);  // with its domain

// From the attributes Y_scale and Y_zero_point, 1 and 0 where they are missing.
Result<Int8Parameters> ResultParameters(const Call& call);
// The same, where the operator must leave its input's as they are.
Result<Int8Parameters> KeptParameters(Call& call);

// A uint8 edge.
Result<ValueType> Int8Type(Call& call, std::size_t i);
Prepared OneInt8(Sizes sizes, Int8Parameters parameters,
                 std::function<Result<Tensor>(const Operands&)> compute);

// From a layer's int32 sum to its result, within [low, 255].
class Requantizer {
 public:
  // `multiplier` is input scale times weight scale over output scale, in the arithmetic's own order.
  Requantizer(Arithmetic arithmetic, float multiplier, std::int32_t zero_point, std::int32_t low);
  // Errors where the arithmetic refuses the scales.
  static Result<Requantizer> Of(const Call& call, float x_scale, float w_scale, Int8Parameters y, bool relu);

  std::uint8_t operator()(std::int32_t sum) const;

 private:
  Arithmetic arithmetic_;
  float multiplier_;
  std::int64_t significand_ = 0;  // Q31 of Caffe2's
  int shift_ = 0;
  std::int64_t zero_point_, low_;
};

// real rounded to nearest, ties to even, plus zero point, within [low, 255].
std::uint8_t ToUint8(float real, std::int64_t zero_point, std::int64_t low = 0);

// A window over the height and width of [N, H, W, C].
struct Int8Window {
  std::int64_t kernel[2], stride[2], dilation[2], begin[2], end[2], output[2];
};
// `kernel` of the weights; null: from the attributes.
Result<Int8Window> Int8WindowOf(Call& call, const Sizes& input, const Sizes* kernel);

}  // namespace octavo::engine::literal
