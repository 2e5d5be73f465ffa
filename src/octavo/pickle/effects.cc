#include "octavo/pickle/effects.h"

#include <charconv>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "octavo/base/byte_reader.h"

namespace octavo::pickle {
namespace {

// A value as far as it matters for what is imported and called.
struct Item {
  enum class Kind : std::uint8_t { kOther, kMark, kString, kGlobal, kMadeBy, kTuple };
  Kind kind = Kind::kOther;
  std::string_view text;   // kString
  std::size_t global = 0;  // kGlobal, kMadeBy, kTuple: index in Effects::globals
};

class Follower {
 public:
  explicit Follower(std::span<const std::byte> bytes) : input_(bytes) {}

  Effects Run() {
    std::uint8_t opcode = 0;
    while (!effects_.stopped && input_.Read(opcode)) {
      at_ = input_.position() - 1;
      if (!Step(opcode)) break;
    }
    effects_.end = effects_.stopped ? input_.position() : at_;
    return std::move(effects_);
  }

 private:
  using Kind = Item::Kind;

  // ---- Reading ----

  template <typename T>
  bool Skip() {
    T length = 0;
    std::string_view text;
    return input_.Read(length) && input_.ReadBytes(static_cast<std::uint64_t>(length), text);
  }
  template <typename T>
  bool Text() {
    T length = 0;
    std::string_view text;
    if (!input_.Read(length) || !input_.ReadBytes(static_cast<std::uint64_t>(length), text)) return false;
    return Push({.kind = Kind::kString, .text = text});
  }
  bool Fixed(std::uint64_t length) {
    std::string_view text;
    return input_.ReadBytes(length, text) && Push({});
  }
  bool Line(std::string_view& line) {
    if (!input_.ReadLine(line)) return false;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
  // 'text' or "text"; with escapes it is not read.
  bool QuotedLine(bool quotes) {
    std::string_view line;
    if (!Line(line)) return false;
    if (quotes && line.size() >= 2) line = line.substr(1, line.size() - 2);
    if (line.find('\\') != std::string_view::npos) return Push({});
    return Push({.kind = Kind::kString, .text = line});
  }

  // ---- The stack ----

  bool Push(Item item) {
    stack_.push_back(item);
    return true;
  }
  bool Pop(Item& item) {
    if (stack_.empty() || stack_.back().kind == Kind::kMark) return false;
    item = stack_.back();
    stack_.pop_back();
    return true;
  }
  bool Drop(std::size_t count) {
    Item item;
    for (std::size_t i = 0; i < count; ++i) {
      if (!Pop(item)) return false;
    }
    return true;
  }
  // Takes what is above the last mark, and the mark.  `first`: the lowest of it.  `class_in_it`: a class of
  // it.
  bool PopMark(Item* first = nullptr, Item* class_in_it = nullptr) {
    while (!stack_.empty()) {
      const Item item = stack_.back();
      stack_.pop_back();
      if (item.kind == Kind::kMark) return true;
      if (first != nullptr) *first = item;
      if (class_in_it != nullptr && item.kind == Kind::kGlobal) *class_in_it = item;
    }
    return false;
  }
  bool Replace(std::size_t count) { return Drop(count) && Push({}); }
  // torch.save's former format has classes behind persistent ids: ("module", class, file, source).
  bool TupleAboveMark() {
    Item tuple;
    if (!PopMark(nullptr, &tuple)) return false;
    if (tuple.kind == Kind::kGlobal) tuple.kind = Kind::kTuple;
    return Push(tuple);
  }
  bool Persistent() {
    Item id;
    if (!Pop(id)) return false;
    return Push(id.kind == Kind::kTuple ? Item{.kind = Kind::kGlobal, .global = id.global} : Item{});
  }

  // ---- The memo ----

  bool Put(std::uint64_t index) {
    if (stack_.empty()) return false;
    memo_[index] = stack_.back();
    return true;
  }
  bool Get(std::uint64_t index) {
    const auto found = memo_.find(index);
    return found != memo_.end() && Push(found->second);
  }
  template <typename T>
  bool PutAt() {
    T index = 0;
    return input_.Read(index) && Put(index);
  }
  template <typename T>
  bool GetAt() {
    T index = 0;
    return input_.Read(index) && Get(index);
  }
  bool LineIndex(std::uint64_t& index) {
    std::string_view line;
    if (!Line(line)) return false;
    // Python also takes "1_0" and " 10": whoever writes an index so hides something.
    const char* const end = line.data() + line.size();
    const auto read = std::from_chars(line.data(), end, index);
    return read.ec == std::errc() && read.ptr == end;
  }

  // ---- What happens ----

  std::size_t Global(std::string_view module, std::string_view name) {
    const auto [found, added] =
        by_name_.try_emplace({std::string(module), std::string(name)}, effects_.globals.size());
    if (added) {
      effects_.globals.push_back({.module = std::string(module), .name = std::string(name), .position = at_});
    }
    return found->second;
  }
  bool PushGlobal(std::string_view module, std::string_view name) {
    return Push({.kind = Kind::kGlobal, .global = Global(module, name)});
  }
  bool StackGlobal() {
    Item module, name;
    if (!Pop(name) || !Pop(module)) return false;
    if (module.kind != Kind::kString || name.kind != Kind::kString) return PushGlobal("", "");
    return PushGlobal(module.text, name.text);
  }
  bool Call(const Item& callable) {
    if (callable.kind == Kind::kGlobal) {
      effects_.globals[callable.global].called = true;
      return Push({.kind = Kind::kMadeBy, .global = callable.global});
    }
    effects_.calls_values = true;
    return Push({});
  }
  bool CallAbove(std::size_t arguments) {
    Item callable;
    return Drop(arguments) && Pop(callable) && Call(callable);
  }
  bool Build() {
    Item state;
    if (!Pop(state) || stack_.empty()) return false;
    const Item& object = stack_.back();
    if (object.kind == Kind::kMadeBy || object.kind == Kind::kGlobal)
      effects_.globals[object.global].built = true;
    if (object.kind == Kind::kGlobal) effects_.globals[object.global].changed = true;
    return true;
  }
  bool Instance() {
    std::string_view module, name;
    return Line(module) && Line(name) && PopMark() && PushGlobal(module, name) && CallAbove(0);
  }
  bool ObjectAboveMark() {
    Item callable;
    return PopMark(&callable) && Call(callable);
  }
  bool Extension(std::uint64_t length) {
    effects_.extensions.push_back(at_);
    return Fixed(length);
  }

  bool Step(std::uint8_t opcode);
  bool StepText(std::uint8_t opcode);

  ByteReader input_;
  Effects effects_;
  std::vector<Item> stack_;
  std::unordered_map<std::uint64_t, Item> memo_;
  std::map<std::pair<std::string, std::string>, std::size_t> by_name_;
  std::size_t at_ = 0;
};

// The opcodes of protocol 0, which are letters with lines of text.
bool Follower::StepText(std::uint8_t opcode) {
  std::string_view line, name;
  std::uint64_t index = 0;
  switch (opcode) {
    case 'F':
    case 'I':
    case 'L':
    case 'P':
      return Line(line) && Push({});
    case 'S':
      return QuotedLine(true);
    case 'V':
      return QuotedLine(false);
    case 'c':
      return Line(line) && Line(name) && PushGlobal(line, name);
    case 'i':
      return Instance();
    case 'g':
      return LineIndex(index) && Get(index);
    case 'p':
      return LineIndex(index) && Put(index);
    default:
      return false;
  }
}

bool Follower::Step(std::uint8_t opcode) {
  std::string_view text;
  switch (opcode) {
    case '.':
      effects_.stopped = true;
      return true;
    case '(':
      return Push({.kind = Kind::kMark});
    case '0':
      if (stack_.empty()) return false;
      stack_.pop_back();
      return true;
    case '1':
      return PopMark();
    case '2':
      if (stack_.empty()) return false;
      return Push(Item(stack_.back()));
    case 'N':
    case ')':
    case ']':
    case '}':
    case 0x88:
    case 0x89:
    case 0x8f:
    case 0x97:
      return Push({});
    case 'K':
      return Fixed(1);
    case 'M':
      return Fixed(2);
    case 'J':
      return Fixed(4);
    case 'G':
      return Fixed(8);
    case 0x8a:
      return Skip<std::uint8_t>() && Push({});
    case 0x8b:
      return Skip<std::int32_t>() && Push({});
    case 'X':
    case 'T':
      return Text<std::uint32_t>();
    case 'U':
    case 0x8c:
      return Text<std::uint8_t>();
    case 0x8d:
      return Text<std::uint64_t>();
    case 'B':
      return Skip<std::uint32_t>() && Push({});
    case 'C':
      return Skip<std::uint8_t>() && Push({});
    case 0x8e:
    case 0x96:
      return Skip<std::uint64_t>() && Push({});
    case 0x80:
      return input_.ReadBytes(1, text);
    case 0x95:
      return input_.ReadBytes(8, text);
    case 0x98:
      return true;
    case 'Q':
      return Persistent();
    case 0x85:
      return Replace(1);
    case 0x86:
      return Replace(2);
    case 0x87:
      return Replace(3);
    case 't':
      return TupleAboveMark();
    case 'l':
    case 'd':
    case 0x91:
      return PopMark() && Push({});
    case 'a':
      return Drop(1);
    case 's':
      return Drop(2);
    case 'e':
    case 'u':
    case 0x90:
      return PopMark();
    case 'q':
      return PutAt<std::uint8_t>();
    case 'r':
      return PutAt<std::uint32_t>();
    case 0x94:
      return Put(memo_.size());
    case 'h':
      return GetAt<std::uint8_t>();
    case 'j':
      return GetAt<std::uint32_t>();
    case 0x93:
      return StackGlobal();
    case 'R':
    case 0x81:
      return CallAbove(1);
    case 0x92:
      return CallAbove(2);
    case 'o':
      return ObjectAboveMark();
    case 'b':
      return Build();
    case 0x82:
      return Extension(1);
    case 0x83:
      return Extension(2);
    case 0x84:
      return Extension(4);
    default:
      return StepText(opcode);
  }
}

}  // namespace

Effects FindEffects(std::span<const std::byte> bytes) { return Follower(bytes).Run(); }

}  // namespace octavo::pickle
