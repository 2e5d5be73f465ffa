#include "octavo/pickle/effects.h"

#include <algorithm>
#include <array>
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
  std::string_view text;      // kString
  std::size_t global = 0;     // kGlobal, kMadeBy, kTuple: index in Effects::globals
  std::uint32_t content = 0;  // index of a Content; 0: it holds no globals
  bool is_content = false;  // it may be one of the globals in its content: a function may return what it got
};

// Which globals there are in a value, at any depth.  One of a container is that of all its mentions.
struct Content {
  std::vector<std::uint32_t> parts;  // indexes of others
  std::size_t global = kNoGlobal;    // index in Effects::globals
  bool changed = false;              // what is in it may have been changed

  static constexpr std::size_t kNoGlobal = static_cast<std::size_t>(-1);
};

// Classes whose call makes a new object, whatever is given to it: defaultdict(list).
bool MakesNew(const Effects::Global& global) {
  static constexpr std::array<std::string_view, 11> kContainers = {
      "OrderedDict", "Counter", "defaultdict", "deque",     "set",   "frozenset",
      "list",        "dict",    "tuple",       "bytearray", "object"};
  return (global.module == "collections" || global.module == "builtins" || global.module == "__builtin__") &&
         std::ranges::find(kContainers, global.name) != kContainers.end();
}

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
  // Takes what is above the last mark, and the mark.  `first`: the lowest of it.
  bool PopMark(std::vector<Item>& items, Item* first = nullptr) {
    while (!stack_.empty()) {
      const Item item = stack_.back();
      stack_.pop_back();
      if (item.kind == Kind::kMark) {
        if (first != nullptr && !items.empty()) {
          *first = items.back();
          items.pop_back();
        }
        return true;
      }
      // What holds no globals is of no interest, but for the lowest.
      if (first != nullptr || item.content != 0) items.push_back(item);
    }
    return false;
  }
  bool PopMark() {
    std::vector<Item> items;
    return PopMark(items);
  }
  bool PopItems(std::size_t count, std::vector<Item>& items) {
    Item item;
    for (std::size_t i = 0; i < count; ++i) {
      if (!Pop(item)) return false;
      items.push_back(item);
    }
    return true;
  }
  // torch.save's former format has classes behind persistent ids: ("module", class, file, source).
  bool PushTuple(const std::vector<Item>& items) {
    Item tuple = {.content = Contain(items)};
    for (const Item& item : items) {
      if (item.kind != Kind::kGlobal) continue;
      tuple.kind = Kind::kTuple;
      tuple.global = item.global;
    }
    return Push(tuple);
  }
  bool Tuple(std::size_t count) {
    std::vector<Item> items;
    return PopItems(count, items) && PushTuple(items);
  }
  bool TupleAboveMark() {
    std::vector<Item> items;
    return PopMark(items) && PushTuple(items);
  }
  bool PushContainer(const std::vector<Item>& items = {}) { return Push({.content = Contain(items, true)}); }
  bool ContainerAboveMark() {
    std::vector<Item> items;
    return PopMark(items) && PushContainer(items);
  }
  bool Persistent() {
    Item id;
    if (!Pop(id)) return false;
    return Push({.kind = id.kind == Kind::kTuple ? Kind::kGlobal : Kind::kOther,
                 .global = id.global,
                 .content = id.content,
                 .is_content = id.content != 0});
  }

  // ---- What is in values ----

  // `more`: others may be added later.
  std::uint32_t Contain(const std::vector<Item>& items, bool more = false) {
    Content content;
    for (const Item& item : items) {
      if (item.content != 0) content.parts.push_back(item.content);
    }
    if (content.parts.empty() && !more) return 0;
    contents_.push_back(std::move(content));
    return static_cast<std::uint32_t>(contents_.size() - 1);
  }
  // Each content once, so that it takes no longer for pickles that change much.
  void MarkChanged(std::uint32_t first) {
    std::vector<std::uint32_t> left = {first};
    while (!left.empty()) {
      Content& content = contents_[left.back()];
      left.pop_back();
      if (content.changed) continue;
      content.changed = true;
      if (content.global != Content::kNoGlobal) effects_.globals[content.global].passed = true;
      left.insert(left.end(), content.parts.begin(), content.parts.end());
    }
  }
  void Change(const Item& object) {
    if (object.kind == Kind::kGlobal) effects_.globals[object.global].changed = true;
    if (object.is_content) MarkChanged(object.content);
  }
  // SETITEM, APPEND and the like.
  bool AddItems(const std::vector<Item>& items) {
    if (stack_.empty()) return false;
    const Item& container = stack_.back();
    Change(container);
    if (container.content == 0 || container.kind == Kind::kGlobal) return true;
    for (const Item& item : items) {
      if (item.content == 0) continue;
      contents_[container.content].parts.push_back(item.content);
      if (contents_[container.content].changed) MarkChanged(item.content);
    }
    return true;
  }
  bool AddItemsAboveMark() {
    std::vector<Item> items;
    return PopMark(items) && AddItems(items);
  }
  bool AddItems(std::size_t count) {
    std::vector<Item> items;
    return PopItems(count, items) && AddItems(items);
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
      contents_.push_back({.parts = {}, .global = found->second});
      of_global_.push_back(static_cast<std::uint32_t>(contents_.size() - 1));
    }
    return found->second;
  }
  bool PushGlobal(std::string_view module, std::string_view name) {
    const std::size_t global = Global(module, name);
    return Push({.kind = Kind::kGlobal, .global = global, .content = of_global_[global]});
  }
  bool StackGlobal() {
    Item module, name;
    if (!Pop(name) || !Pop(module)) return false;
    if (module.kind != Kind::kString || name.kind != Kind::kString) return PushGlobal("", "");
    return PushGlobal(module.text, name.text);
  }
  bool Call(const Item& callable, const std::vector<Item>& arguments) {
    if (callable.kind != Kind::kGlobal) {
      effects_.calls_values = true;
      return Push({});
    }
    effects_.globals[callable.global].called = true;
    const bool makes_new = MakesNew(effects_.globals[callable.global]);
    const std::uint32_t content = Contain(arguments, makes_new);
    return Push({.kind = Kind::kMadeBy,
                 .global = callable.global,
                 .content = content,
                 .is_content = !makes_new && content != 0});
  }
  bool CallAbove(std::size_t count) {
    Item callable;
    std::vector<Item> arguments;
    return PopItems(count, arguments) && Pop(callable) && Call(callable, arguments);
  }
  bool Build() {
    Item state;
    if (!Pop(state) || stack_.empty()) return false;
    const Item& object = stack_.back();
    if (object.kind == Kind::kMadeBy || object.kind == Kind::kGlobal)
      effects_.globals[object.global].built = true;
    Change(object);
    return true;
  }
  bool Instance() {
    std::string_view module, name;
    std::vector<Item> arguments;
    if (!Line(module) || !Line(name) || !PopMark(arguments)) return false;
    Item callable;
    return PushGlobal(module, name) && Pop(callable) && Call(callable, arguments);
  }
  bool ObjectAboveMark() {
    Item callable;
    std::vector<Item> arguments;
    return PopMark(arguments, &callable) && Call(callable, arguments);
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
  std::vector<Content> contents_ = {{}};  // the first is none
  std::vector<std::uint32_t> of_global_;
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
    case 0x88:
    case 0x89:
    case 0x97:
      return Push({});
    case ']':
    case '}':
    case 0x8f:
      return PushContainer();
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
      return Tuple(1);
    case 0x86:
      return Tuple(2);
    case 0x87:
      return Tuple(3);
    case 't':
      return TupleAboveMark();
    case 'l':
    case 'd':
    case 0x91:
      return ContainerAboveMark();
    case 'a':
      return AddItems(std::size_t{1});
    case 's':
      return AddItems(std::size_t{2});
    case 'e':
    case 'u':
    case 0x90:
      return AddItemsAboveMark();
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
