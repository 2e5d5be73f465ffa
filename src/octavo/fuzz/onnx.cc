#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "octavo/fuzz/bytes.h"
#include "octavo/fuzz/mutators.h"

// Protobuf's wire format by itself: the generated classes that Octavo is built with have no reflection, and
// would drop what they do not know.

namespace octavo::fuzz {
namespace {

enum class Message : std::uint8_t {
  kNone,  // no message: a text, bytes, packed numbers
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kValueInfo,
  kType,
  kTensorType,
  kShape,
  kDim,
  kOpset,
  kEntry,
  kAnnotation,
  kFunction,
};

// The fields of onnx.proto that hold messages.
struct MessageField {
  Message in;
  std::uint32_t number;
  Message type;
};
constexpr MessageField kMessageFields[] = {
    {Message::kModel, 7, Message::kGraph},      {Message::kModel, 8, Message::kOpset},
    {Message::kModel, 14, Message::kEntry},     {Message::kModel, 25, Message::kFunction},
    {Message::kGraph, 1, Message::kNode},       {Message::kGraph, 5, Message::kTensor},
    {Message::kGraph, 11, Message::kValueInfo}, {Message::kGraph, 12, Message::kValueInfo},
    {Message::kGraph, 13, Message::kValueInfo}, {Message::kGraph, 14, Message::kAnnotation},
    {Message::kNode, 5, Message::kAttribute},   {Message::kAttribute, 5, Message::kTensor},
    {Message::kAttribute, 6, Message::kGraph},  {Message::kAttribute, 10, Message::kTensor},
    {Message::kAttribute, 11, Message::kGraph}, {Message::kAttribute, 14, Message::kType},
    {Message::kTensor, 13, Message::kEntry},    {Message::kValueInfo, 2, Message::kType},
    {Message::kType, 1, Message::kTensorType},  {Message::kTensorType, 2, Message::kShape},
    {Message::kShape, 1, Message::kDim},        {Message::kAnnotation, 2, Message::kEntry},
    {Message::kFunction, 7, Message::kNode},    {Message::kFunction, 9, Message::kOpset},
};
constexpr std::uint32_t kOpType = 4, kRawData = 9;
constexpr int kMaxDepth = 60;

Message TypeOf(Message in, std::uint32_t number) {
  for (const MessageField& field : kMessageFields) {
    if (field.in == in && field.number == number) return field.type;
  }
  return Message::kNone;
}

enum Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  Message in;  // the message that it is a field of
  std::uint32_t number;
  Wire wire;
  std::uint64_t value = 0;  // unless kBytes
  std::string bytes;        // of kBytes that is no message
  Message type = Message::kNone;
  std::vector<Field> fields;  // of a message
};

std::optional<std::uint64_t> TakeVarint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

void PutVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::optional<std::vector<Field>> Parsed(std::string_view bytes, Message message, int depth) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    const auto key = TakeVarint(bytes);
    if (!key || depth > kMaxDepth) return std::nullopt;
    Field field{.in = message,
                .number = static_cast<std::uint32_t>(*key >> 3),
                .wire = static_cast<Wire>(*key & 7),
                .bytes = {},
                .fields = {}};
    if (field.wire == kVarint) {
      const auto value = TakeVarint(bytes);
      if (!value) return std::nullopt;
      field.value = *value;
    } else if (field.wire == kFixed32 || field.wire == kFixed64) {
      const std::size_t size = field.wire == kFixed32 ? 4 : 8;
      if (bytes.size() < size) return std::nullopt;
      field.value = LittleEndian(bytes.substr(0, size));
      bytes.remove_prefix(size);
    } else if (field.wire == kBytes) {
      const auto size = TakeVarint(bytes);
      if (!size || *size > bytes.size()) return std::nullopt;
      const std::string_view content = bytes.substr(0, *size);
      bytes.remove_prefix(*size);
      field.type = TypeOf(message, field.number);
      auto inner = field.type == Message::kNone ? std::nullopt : Parsed(content, field.type, depth + 1);
      if (inner) {
        field.fields = *std::move(inner);
      } else {
        field.type = Message::kNone;
        field.bytes = content;
      }
    } else {
      return std::nullopt;
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::string Written(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields) {
    PutVarint(out, std::uint64_t{field.number} << 3 | field.wire);
    if (field.wire == kVarint) {
      PutVarint(out, field.value);
    } else if (field.wire == kBytes) {
      const std::string content = field.type == Message::kNone ? field.bytes : Written(field.fields);
      PutVarint(out, content.size());
      out += content;
    } else {
      PutLittleEndian(out, field.value, field.wire == kFixed32 ? 4 : 8);
    }
  }
  return out;
}

// A field and the message that it lies in.
struct Place {
  std::vector<Field>* fields;
  std::size_t index;
  Field& field() const { return (*fields)[index]; }
};

void Collect(std::vector<Field>& fields, std::vector<Place>& places) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    places.push_back({&fields, i});
    Collect(fields[i].fields, places);
  }
}

bool SameKind(const Field& a, const Field& b) {
  return a.in == b.in && a.number == b.number && a.wire == b.wire && a.type == b.type;
}

// Another field of the same kind, of the model or of another one.
const Field* Like(const Field& field, const std::vector<Place>& places, Dice& dice) {
  const std::size_t begin = dice.Below(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Field& other = places[(begin + i) % places.size()].field();
    if (&other != &field && SameKind(field, other)) return &other;
  }
  return nullptr;
}

constexpr std::array<std::int64_t, 24> kFieldIntegers = {
    0,         1,        2,  3,   4,   5,   6,   7,     8,         16,        -1,
    -2,        -3,       -4, 127, 128, 255, 256, 65536, INT32_MAX, INT32_MIN, std::int64_t{1} << 32,
    INT64_MAX, INT64_MIN};
constexpr std::array<float, 10> kFloats = {
    0.0F, -1.0F, 1.0F, 1e-45F, 3e38F, 0.003F, 255.0F, -128.0F, 1e-30F, std::bit_cast<float>(0x7fc00000U)};

std::string MutatedElements(std::string bytes, Dice& dice) {
  switch (dice.Below(4)) {
    case 0:
      return bytes.substr(0, dice.Below(bytes.size() + 1));
    case 1:
      return bytes + std::string(dice.Below(65), '\0');
    default: {
      const std::size_t longest = bytes.size() + 16;
      return dice.Bytes(std::move(bytes), longest);
    }
  }
}

void MutateValue(Field& field, const std::vector<Place>& places, Words words, Dice& dice) {
  if (field.wire == kVarint) {
    const Field* like = dice.OneIn(4) ? Like(field, places, dice) : nullptr;
    if (like != nullptr) {
      field.value = like->value;
    } else if (dice.OneIn(3)) {
      field.value += dice.OneIn(2) ? 1 : ~std::uint64_t{0};
    } else {
      field.value = static_cast<std::uint64_t>(dice.Pick(kFieldIntegers));
    }
  } else if (field.wire != kBytes) {
    field.value = std::bit_cast<std::uint32_t>(dice.Pick(kFloats));
  } else if (field.in == Message::kNode && field.number == kOpType && !words.empty() && !dice.OneIn(4)) {
    field.bytes = dice.Pick(words);
  } else if (field.in == Message::kTensor && field.number == kRawData) {
    field.bytes = MutatedElements(std::move(field.bytes), dice);
  } else if (const Field* like = dice.OneIn(4) ? nullptr : Like(field, places, dice)) {
    field.bytes = like->bytes;
  } else {
    field.bytes = dice.Bytes(std::move(field.bytes), field.bytes.size() + 16);
  }
}

void MutateFields(std::vector<Field>& model, Words words, Dice& dice) {
  std::vector<Place> places;
  Collect(model, places);
  if (places.empty()) return;
  const Place place = places[dice.Below(places.size())];
  std::vector<Field>& siblings = *place.fields;
  const auto at = siblings.begin() + static_cast<std::ptrdiff_t>(place.index);
  switch (dice.Below(12)) {
    case 0:
      siblings.erase(at);
      break;
    case 1: {
      Field copy = place.field();
      siblings.insert(at, std::move(copy));
      break;
    }
    case 2: {
      const Field* like = Like(place.field(), places, dice);
      if (like == nullptr) break;
      Field copy = *like;
      if (dice.OneIn(2)) {
        siblings.insert(at, std::move(copy));
      } else {
        *at = std::move(copy);
      }
      break;
    }
    case 3:
      std::swap(siblings[place.index], siblings[dice.Below(siblings.size())]);
      break;
    case 4:
      if (dice.OneIn(8)) place.field().number = static_cast<std::uint32_t>(1 + dice.Below(25));
      break;
    default:
      if (place.field().type == Message::kNone) MutateValue(place.field(), places, words, dice);
  }
}

}  // namespace

std::string MutateOnnx(std::string_view model, Words words, Dice& dice) {
  auto fields = Parsed(model, Message::kModel, 0);
  if (!fields || fields->empty() || dice.OneIn(32)) return dice.Bytes(std::string(model), model.size() + 64);
  do {
    MutateFields(*fields, words, dice);
  } while (dice.OneIn(2));
  return Written(*fields);
}

std::string CrossOnnx(std::string_view model, std::string_view other, Dice& dice) {
  auto fields = Parsed(model, Message::kModel, 0);
  auto others = Parsed(other, Message::kModel, 0);
  if (!fields || !others || fields->empty() || others->empty()) return std::string(other);
  std::vector<Place> places, other_places;
  Collect(*fields, places);
  Collect(*others, other_places);
  for (int tries = 0; tries < 20; ++tries) {
    const Place place = places[dice.Below(places.size())];
    const Field* like = Like(place.field(), other_places, dice);
    if (like == nullptr || place.field().type == Message::kNone) continue;
    const auto at = place.fields->begin() + static_cast<std::ptrdiff_t>(place.index);
    if (dice.OneIn(2)) {
      place.fields->insert(at, *like);
    } else {
      *at = *like;
    }
    break;
  }
  return Written(*fields);
}

}  // namespace octavo::fuzz
