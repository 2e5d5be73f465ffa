#include "octavo/onnx/wire.h"

#include <fmt/format.h>

namespace octavo::onnx {

void WireMessage::Varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_.push_back(static_cast<char>((value & 0x7f) | 0x80));
  text_.push_back(static_cast<char>(value));
}

void WireMessage::Prefix(int number, std::uint64_t length) {
  constexpr std::uint64_t kLengthDelimited = 2;
  Varint(static_cast<std::uint64_t>(number) << 3 | kLengthDelimited);
  Varint(length);
}

void WireMessage::Merge(const google::protobuf::MessageLite& part) { part.AppendPartialToString(&text_); }

void WireMessage::Field(int number, const google::protobuf::MessageLite& message) {
  Prefix(number, message.ByteSizeLong());
  message.AppendPartialToString(&text_);
}

void WireMessage::Field(int number, WireMessage message) {
  Prefix(number, message.size());
  for (Gap& gap : message.gaps_) gaps_.push_back({text_.size() + gap.position, std::move(gap.elements)});
  text_ += message.text_;
  gap_bytes_ += message.gap_bytes_;
}

void WireMessage::Field(int number, std::string_view text) {
  Prefix(number, text.size());
  text_ += text;
}

void WireMessage::Field(int number, const Tensor& elements) {
  Prefix(number, elements.num_bytes());
  gaps_.push_back({text_.size(), elements});
  gap_bytes_ += elements.num_bytes();
}

Status WireMessage::Write(const std::function<Status(std::span<const std::byte>)>& sink) const {
  const std::span<const std::byte> text = std::as_bytes(std::span<const char>(text_));
  std::size_t done = 0;
  for (const Gap& gap : gaps_) {
    OCTAVO_TRY(sink(text.subspan(done, gap.position - done)));
    done = gap.position;
    OCTAVO_TRY(WriteElements(gap.elements, sink));
  }
  return sink(text.subspan(done));
}

Status WriteElements(const Tensor& elements, const std::function<Status(std::span<const std::byte>)>& sink) {
  std::size_t written = 0;
  OCTAVO_TRY(elements.Read([&](std::span<const std::byte> piece) -> Status {
    written += piece.size();
    return sink(piece);
  }));
  if (written == elements.num_bytes()) return {};
  return InvalidFile(fmt::format("a constant {} has {} bytes, but {} are expected",
                                 elements.type().ToString(), written, elements.num_bytes()));
}

}  // namespace octavo::onnx
