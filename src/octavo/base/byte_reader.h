#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace octavo {

// Reads little-endian values one after another and never past the end: a read that would is refused, returns
// false and leaves the position where it was.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  // The host is little-endian (base/tensor.cc asserts it).
  template <typename T>
  requires std::integral<T> || std::floating_point<T>
  bool Read(T& value) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }

  // `length` may be anything that a file can state.
  bool ReadBytes(std::uint64_t length, std::string_view& bytes) {
    if (length > remaining()) return false;
    bytes = {Text(position_), static_cast<std::size_t>(length)};
    position_ += static_cast<std::size_t>(length);
    return true;
  }

  // The bytes up to the next newline, which is read, too, but not returned.
  bool ReadLine(std::string_view& line) {
    const std::string_view rest(Text(position_), remaining());
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return false;
    line = rest.substr(0, end);
    position_ += end + 1;
    return true;
  }

 private:
  const char* Text(std::size_t position) const {
    return reinterpret_cast<const char*>(bytes_.data()) + position;
  }

  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace octavo
