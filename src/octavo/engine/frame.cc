#include "octavo/engine/step.h"

namespace octavo::engine {

Frame::Frame(const Program& program, std::size_t buffer_bytes)
    : program_(program), values_(program.values.size()), int8_(program.values.size()) {
  constexpr std::size_t kAlignment = 64;
  if (buffer_bytes == 0) return;
  memory_ = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes + kAlignment);
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  buffer_ = memory_.get() + (kAlignment - address % kAlignment) % kAlignment;
}

const Tensor& Frame::Get(ir::ValueId id) const {
  const auto& constant = program_.value(id).constant;
  return constant ? *constant : values_[Index(id)];
}

bool Frame::Has(ir::ValueId id) const { return Get(id).dtype != DType::kUnknown; }

ValueType Frame::Type(ir::ValueId id) const {
  const ValueType& known = program_.value(id).type;
  if (known.sizes) return known;
  const Tensor& tensor = Get(id);
  return {.dtype = tensor.dtype, .sizes = tensor.sizes, .int8 = int8_[Index(id)]};
}

}  // namespace octavo::engine
