#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// A graph's constants of 8 bits in the other sign, each made once: int8 → uint8 with 128 added to each
// element, uint8 → int8 with 128 subtracted.  With such a zero point the integers mean the same reals.
class OtherSigns {
 public:
  explicit OtherSigns(GraphEdit& graph) : graph_(graph) {}

  // The name of the constant in the other sign.  nullopt: `name` is not a constant of dtype `from`, which is
  // kInt8 or kUint8.
  Result<std::optional<std::string>> Of(const std::string& name, DType from);

 private:
  GraphEdit& graph_;
  std::unordered_map<std::string, std::string> made_;
};

}  // namespace octavo::onnx
