#include "octavo/base/protobuf_scan.h"

namespace octavo {

std::optional<std::uint64_t> ProtobufScan::Varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && position_ < bytes_.size(); shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(bytes_[position_++]);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  broken_ = true;
  return std::nullopt;
}

std::optional<ProtobufScan::Field> ProtobufScan::Next() {
  if (broken_ || position_ >= bytes_.size()) return std::nullopt;
  const std::optional<std::uint64_t> tag = Varint();
  if (!tag) return std::nullopt;
  Field field{.number = static_cast<std::uint32_t>(*tag >> 3)};
  const std::size_t left = bytes_.size() - position_;
  switch (*tag & 7) {
    case kVarint: {
      const std::optional<std::uint64_t> value = Varint();
      if (!value) return std::nullopt;
      field.value = *value;
      break;
    }
    case kFixed64:
    case kFixed32: {
      const std::size_t size = (*tag & 7) == kFixed64 ? 8 : 4;
      if (size > left) broken_ = true;
      position_ += size;
      field.wire = size == 8 ? kFixed64 : kFixed32;
      break;
    }
    case kLength: {
      const std::optional<std::uint64_t> length = Varint();
      if (!length) return std::nullopt;
      field.wire = kLength;
      field.content = bytes_.subspan(position_);
      field.cut = *length > field.content.size();
      if (!field.cut) field.content = field.content.first(static_cast<std::size_t>(*length));
      position_ += field.content.size();
      truncated_ |= field.cut;
      break;
    }
    default:  // groups, which none of these formats has
      broken_ = true;
  }
  // Field numbers have 29 bits.
  if (*tag >> 32 != 0 || field.number == 0) broken_ = true;
  return broken_ ? std::nullopt : std::optional(field);
}

}  // namespace octavo
