#include "octavo/targets/onnxruntime/softmax.h"

#include <limits>

namespace octavo::targets::onnxruntime {

SoftmaxTable MakeSoftmaxTable(float x_scale, std::size_t row_length) {
  constexpr double kReserve = 5;
  const double room = std::log(std::numeric_limits<float>::max() / static_cast<float>(row_length)) - kReserve;
  const double shift = std::max(0.0, room) / x_scale;
  SoftmaxTable table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<float>(std::exp((static_cast<double>(i) - 255 + shift) * x_scale));
  }
  return table;
}

}  // namespace octavo::targets::onnxruntime
