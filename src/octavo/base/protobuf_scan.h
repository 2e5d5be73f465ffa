#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace octavo {

// The fields of a protobuf message, without its schema: enough to tell which format a file has.  The bytes
// are untrusted.
class ProtobufScan {
 public:
  enum Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };
  struct Field {
    std::uint32_t number = 0;
    Wire wire = kVarint;
    std::uint64_t value = 0;             // kVarint
    std::span<const std::byte> content;  // kLength: what is there of it
    bool cut = false;                    // kLength: it claims more bytes than there are
  };

  explicit ProtobufScan(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // nullopt: the end, or bytes that are no field; `broken` tells which.
  std::optional<Field> Next();
  bool broken() const { return broken_; }
  // Do the bytes end inside a field?
  bool truncated() const { return truncated_ || (broken_ && position_ >= bytes_.size()); }

 private:
  std::optional<std::uint64_t> Varint();

  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  bool broken_ = false, truncated_ = false;
};

}  // namespace octavo
