#include "octavo/engine/step.h"

namespace octavo::engine {

Frame::Frame(const Program& program)
    : program_(program),
      values_(program.values.size()),
      held_(program.values.size()),
      int8_(program.values.size()),
      memory_(*program.options.budget),
      work_(*program.options.budget) {}

Result<std::unique_ptr<Frame>> Frame::Make(const Program& program, std::size_t buffer_bytes) {
  std::unique_ptr<Frame> frame(new Frame(program));
  if (buffer_bytes == 0) return frame;
  constexpr std::size_t kAlignment = 64;
  OCTAVO_TRY(
      frame->memory_.Take(buffer_bytes + kAlignment, [] { return std::string("the model's buffer"); }));
  frame->buffer_memory_ = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes + kAlignment);
  const auto address = reinterpret_cast<std::uintptr_t>(frame->buffer_memory_.get());
  frame->buffer_ = frame->buffer_memory_.get() + (kAlignment - address % kAlignment) % kAlignment;
  return frame;
}

void Frame::StartRun() { work_ = Work(*program_.options.budget); }

Status Frame::Hold(ir::ValueId id, Tensor tensor) {
  const std::size_t bytes = tensor.num_bytes();
  OCTAVO_TRY(memory_.Take(bytes, [&] { return "the value " + tensor.type().ToString(); }));
  Release(id);
  held_[Index(id)] = bytes;
  values_[Index(id)] = std::move(tensor);
  return {};
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
