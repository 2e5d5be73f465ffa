#include <bit>
#include <utility>

#include <fmt/format.h>

#include "octavo/base/byte_reader.h"
#include "octavo/pickle/opcodes.h"
#include "octavo/pickle/pickle.h"

namespace octavo::pickle {

// The stack machine of the pickle format.  It makes nodes and nothing else.
class Reader {
 public:
  Reader(Storage bytes, const Options& options) : options_(options), input_(bytes.bytes) {
    pickle_.bytes_ = std::move(bytes);
  }

  Result<Pickle> Run(std::size_t* end) {
    if (pickle_.bytes_.bytes.size() > 0xfffffff0u) {
      at_ = 0;
      return Fail("the pickle is larger than 4 GB");
    }
    if (options_.torchscript) OCTAVO_TRY(BeginTorchScript());
    while (!stopped_) {
      at_ = input_.position();
      std::uint8_t opcode = 0;
      if (!input_.Read(opcode)) return Fail("the pickle is truncated: it has no STOP opcode");
      if (options_.torchscript) OCTAVO_TRY(CheckTorchScript(static_cast<Opcode>(opcode)));
      OCTAVO_TRY(Step(static_cast<Opcode>(opcode)));
    }
    if (end != nullptr) *end = input_.position();
    return std::move(pickle_);
  }

 private:
  Error Fail(std::string what, std::string hint =
                                   "Save the model again with torch.jit.save: the file is damaged "
                                   "or was written by another program.") const {
    return InvalidFile(std::move(what), std::move(hint))
        .SetWhere(fmt::format("record {}, byte {}", options_.record, at_));
  }
  Error Ends() const { return Fail("the pickle is truncated inside a value, or a length in it is wrong"); }

  // ---- Nodes ----

  Result<NodeId> Add(Kind kind, std::int64_t integer = 0, NodeId a = kNoNode, NodeId b = kNoNode) {
    if (pickle_.nodes_.size() >= options_.limits.max_pickle_nodes) {
      return Fail(fmt::format("the pickle has more than {} values", options_.limits.max_pickle_nodes),
                  LimitHint("pickle-values"));
    }
    pickle_.nodes_.push_back(
        {.kind = kind, .position = static_cast<std::uint32_t>(at_), .a = a, .b = b, .integer = integer});
    return static_cast<NodeId>(pickle_.nodes_.size() - 1);
  }

  Status Push(Kind kind, std::int64_t integer = 0, NodeId a = kNoNode, NodeId b = kNoNode) {
    stack_.push_back(OCTAVO_TRY(Add(kind, integer, a, b)));
    return {};
  }

  Status PushText(Kind kind, std::uint64_t length) {
    std::string_view text;
    if (!input_.ReadBytes(length, text)) return Ends();
    return Push(kind, 0, Offset(text), static_cast<std::uint32_t>(text.size()));
  }

  template <typename Length>
  Status PushText(Kind kind) {
    Length length = 0;
    if (!input_.Read(length)) return Ends();
    return PushText(kind, length);
  }

  template <typename T>
  Status PushInt() {
    T value = 0;
    if (!input_.Read(value)) return Ends();
    return Push(Kind::kInt, value);
  }

  Status PushLong(std::uint64_t length) {
    std::string_view bytes;
    if (!input_.ReadBytes(length, bytes)) return Ends();
    if (bytes.size() > 8) {
      return Push(Kind::kBigInt, 0, Offset(bytes), static_cast<std::uint32_t>(bytes.size()));
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
    }
    if (!bytes.empty() && bytes.size() < 8 && (static_cast<std::uint8_t>(bytes.back()) & 0x80u) != 0) {
      value |= ~std::uint64_t{0} << (8 * bytes.size());
    }
    return Push(Kind::kInt, static_cast<std::int64_t>(value));
  }

  std::uint32_t Offset(std::string_view text) const {
    return static_cast<std::uint32_t>(text.data() -
                                      reinterpret_cast<const char*>(pickle_.bytes_.bytes.data()));
  }

  Pickle::Node& NodeAt(NodeId id) { return pickle_.nodes_[id]; }

  Pickle::Extra& ExtraOf(NodeId id) {
    Pickle::Node& node = NodeAt(id);
    if (node.integer < 0) {
      node.integer = static_cast<std::int64_t>(pickle_.extras_.size());
      pickle_.extras_.emplace_back();
    }
    return pickle_.extras_[static_cast<std::size_t>(node.integer)];
  }

  bool HasState(NodeId id) const { return pickle_.state(id) != kNoNode; }

  // ---- What PyTorch's reader of TorchScript takes ----

  Status BeginTorchScript() {
    std::uint8_t proto = 0, version = 0;
    if (!input_.Read(proto) || proto != static_cast<std::uint8_t>(Opcode::kProto)) {
      at_ = 0;
      return Fail("the pickle does not begin with its protocol");
    }
    if (!input_.Read(version)) return Ends();
    if (version != 2)
      return Fail(fmt::format("the pickle has protocol {}, and PyTorch reads 2 only", version));
    return {};
  }

  Status CheckTorchScript(Opcode opcode) const {
    switch (opcode) {
      case Opcode::kProto:
      case Opcode::kFrame:
      case Opcode::kPop:
      case Opcode::kPopMark:
      case Opcode::kDup:
      case Opcode::kLong4:
      case Opcode::kBinString:
      case Opcode::kShortBinString:
      case Opcode::kShortBinUnicode:
      case Opcode::kBinUnicode8:
      case Opcode::kBinBytes:
      case Opcode::kShortBinBytes:
      case Opcode::kBinBytes8:
      case Opcode::kByteArray8:
      case Opcode::kEmptySet:
      case Opcode::kFrozenSet:
      case Opcode::kAddItems:
      case Opcode::kMemoize:
      case Opcode::kStackGlobal:
      case Opcode::kNewObjEx:
        return Fail(fmt::format("PyTorch does not read the opcode 0x{:02x} in the pickles of TorchScript",
                                static_cast<unsigned>(opcode)));
      default:
        return {};
    }
  }

  // ---- Stack ----

  std::size_t Available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  Result<NodeId> Pop() {
    if (Available() == 0) return Fail("the pickle reads from an empty stack");
    const NodeId id = stack_.back();
    stack_.pop_back();
    return id;
  }

  // The values above the last mark; the mark and they are taken from the stack by Drop.
  Result<std::size_t> PopMark() {
    if (marks_.empty()) return Fail("the pickle ends a group that it did not begin");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    return begin;
  }

  Status PushTuple(std::size_t count) {
    if (Available() < count) return Fail("the pickle reads from an empty stack");
    const std::size_t begin = stack_.size() - count;
    const auto first = static_cast<std::uint32_t>(pickle_.tuple_items_.size());
    pickle_.tuple_items_.insert(pickle_.tuple_items_.end(), Place(begin), stack_.cend());
    stack_.resize(begin);
    return Push(Kind::kTuple, 0, first, static_cast<std::uint32_t>(count));
  }

  std::vector<NodeId>::const_iterator Place(std::size_t index) const {
    return stack_.begin() + static_cast<std::ptrdiff_t>(index);
  }

  // Moves the values from `begin` up into the container below them.
  Status Extend(std::size_t begin, Kind kind) {
    if (begin == 0 || (!marks_.empty() && begin <= marks_.back())) {
      return Fail("the pickle adds items without a container");
    }
    const NodeId container = stack_[begin - 1];
    const Kind actual = NodeAt(container).kind;
    if (options_.torchscript && actual != kind) {
      return Fail("the pickle adds items to a value that is not a container, which PyTorch refuses");
    }
    // What was made of it before has not changed with it in PyTorch, if it was a copy.
    if (options_.torchscript && NodeAt(container).shared) {
      return Fail("the pickle adds items to a container after it was used");
    }
    if (actual != kind && actual != Kind::kCall && actual != Kind::kObject) {
      return Fail("the pickle adds items to a value that is not a container");
    }
    if (kind == Kind::kDict && (stack_.size() - begin) % 2 != 0) {
      return Fail("the pickle has a dictionary key without a value");
    }
    if (stack_.size() > begin) {
      std::vector<NodeId>& items = ExtraOf(container).items;
      items.insert(items.end(), Place(begin), stack_.cend());
      stack_.resize(begin);
    }
    return {};
  }

  // A new container with the values above the mark.
  Status Collect(Kind kind) {
    const std::size_t begin = OCTAVO_TRY(PopMark());
    stack_.insert(Place(begin), OCTAVO_TRY(Add(kind, -1)));
    return Extend(begin + 1, kind);
  }

  // ---- Memo ----

  Status Put(std::uint64_t index) {
    if (Available() == 0) return Fail("the pickle stores a value of an empty stack");
    // Each index is written by an opcode of its own, so a true one is smaller than the byte position.
    if (index >= at_ + 1) return Fail(fmt::format("memo index {} is out of range", index));
    if (index >= memo_.size()) {
      memo_.resize(static_cast<std::size_t>(index) + 1, kNoNode);
      unbuilt_.resize(memo_.size());
    }
    memo_[static_cast<std::size_t>(index)] = stack_.back();
    unbuilt_[static_cast<std::size_t>(index)] =
        NodeAt(stack_.back()).kind == Kind::kObject && !HasState(stack_.back());
    return {};
  }

  template <typename Index>
  Status Put() {
    Index index = 0;
    if (!input_.Read(index)) return Ends();
    return Put(index);
  }

  template <typename Index>
  Status Get() {
    Index index = 0;
    if (!input_.Read(index)) return Ends();
    if (index >= memo_.size() || memo_[index] == kNoNode) {
      return Fail(fmt::format("memo index {} is out of range", index));
    }
    // PyTorch has stored the number of its class.
    if (options_.torchscript && unbuilt_[index]) {
      return Fail("the pickle uses an object that was stored before it is built");
    }
    NodeAt(memo_[index]).shared = true;
    stack_.push_back(memo_[index]);
    return {};
  }

  // ---- Globals and what is made of them ----

  Status PushGlobal(std::string_view module, std::string_view name) {
    if (options_.allowed && !options_.allowed(module, name)) {
      return InvalidFile(fmt::format("the pickle refers to {}.{}, which TorchScript models do not need",
                                     module, name),
                         "Save the model with torch.jit.save if it is your own; otherwise do not trust the "
                         "file. Octavo executes nothing from a file.")
          .SetWhere(fmt::format("record {}, byte {}", options_.record, at_));
    }
    const auto lengths = static_cast<std::int64_t>((std::uint64_t{module.size()} << 32) | name.size());
    return Push(Kind::kGlobal, lengths, Offset(module), Offset(name));
  }

  Status Global() {
    std::string_view module, name;
    if (!input_.ReadLine(module) || !input_.ReadLine(name)) return Ends();
    return PushGlobal(module, name);
  }

  Status StackGlobal() {
    const NodeId name = OCTAVO_TRY(Pop());
    const NodeId module = OCTAVO_TRY(Pop());
    if (NodeAt(name).kind != Kind::kString || NodeAt(module).kind != Kind::kString) {
      return Fail("the name of a global is not a string");
    }
    return PushGlobal(pickle_.text(module), pickle_.text(name));
  }

  // What is called is a name, so that a message can say what it is.  torch.save's former format also has
  // classes behind persistent ids.
  Status PushCall(Kind kind, NodeId callable, NodeId arguments) {
    const Kind called = NodeAt(callable).kind;
    if (called != Kind::kGlobal && (options_.allowed || called != Kind::kPersistent)) {
      return Fail("the pickle calls a value that is not a global");
    }
    return Push(kind, -1, callable, arguments);
  }

  Status Call(Kind kind) {
    const NodeId arguments = OCTAVO_TRY(Pop());
    return PushCall(kind, OCTAVO_TRY(Pop()), arguments);
  }

  // Keyword arguments are kept behind the positional ones as a tuple (arguments, keywords).
  Status NewObjectWithKeywords() {
    OCTAVO_TRY(PushTuple(2));
    return Call(Kind::kObject);
  }

  Status Build() {
    const NodeId state = OCTAVO_TRY(Pop());
    if (Available() == 0) return Fail("the pickle reads from an empty stack");
    const NodeId object = stack_.back();
    const Kind kind = NodeAt(object).kind;
    if (kind != Kind::kObject && kind != Kind::kCall)
      return Fail("the pickle sets the state of a value that is not an object");
    Pickle::Extra& extra = ExtraOf(object);
    if (extra.state != kNoNode) return Fail("the pickle sets the state of an object twice");
    extra.state = state;
    return {};
  }

  Status Protocol() {
    std::uint8_t protocol = 0;
    if (!input_.Read(protocol)) return Ends();
    if (protocol < 2 || protocol > 5) {
      return Fail(fmt::format("pickle protocol {} is not supported, only 2 to 5", protocol));
    }
    return {};
  }

  Status Step(Opcode opcode);

  const Options& options_;
  ByteReader input_;
  Pickle pickle_;
  std::vector<NodeId> stack_;
  std::vector<std::size_t> marks_;
  std::vector<NodeId> memo_;
  std::vector<bool> unbuilt_;  // by the index of the memo: it was stored so
  std::size_t at_ = 0;         // of the current opcode
  bool stopped_ = false;
};

Status Reader::Step(Opcode opcode) {
  switch (opcode) {
    case Opcode::kProto:
      return Protocol();
    case Opcode::kFrame: {
      std::uint64_t length = 0;
      if (!input_.Read(length) || length > input_.remaining()) return Ends();
      return {};
    }
    case Opcode::kStop: {
      pickle_.root_ = OCTAVO_TRY(Pop());
      if (!stack_.empty() || !marks_.empty()) return Fail("the pickle ends with more than one value");
      stopped_ = true;
      return {};
    }

    case Opcode::kMark:
      marks_.push_back(stack_.size());
      return {};
    case Opcode::kPop:
      // As Python does: a mark on top is dropped.
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
        return {};
      }
      OCTAVO_TRY(Pop());
      return {};
    case Opcode::kPopMark:
      stack_.resize(OCTAVO_TRY(PopMark()));
      return {};
    case Opcode::kDup:
      if (Available() == 0) return Fail("the pickle copies a value of an empty stack");
      NodeAt(stack_.back()).shared = true;
      stack_.push_back(stack_.back());
      return {};

    case Opcode::kNone:
      return Push(Kind::kNone);
    case Opcode::kNewTrue:
      return Push(Kind::kBool, 1);
    case Opcode::kNewFalse:
      return Push(Kind::kBool, 0);
    case Opcode::kBinInt:
      return PushInt<std::int32_t>();
    case Opcode::kBinInt1:
      return PushInt<std::uint8_t>();
    case Opcode::kBinInt2:
      return PushInt<std::uint16_t>();
    case Opcode::kLong1: {
      std::uint8_t length = 0;
      if (!input_.Read(length)) return Ends();
      if (options_.torchscript && length != 8) {
        return Fail(fmt::format("the pickle has an integer of {} bytes, and PyTorch reads 8 only", length));
      }
      return PushLong(length);
    }
    case Opcode::kLong4: {
      std::int32_t length = 0;
      if (!input_.Read(length)) return Ends();
      if (length < 0) return Fail("the pickle has an integer of negative length");
      return PushLong(static_cast<std::uint64_t>(length));
    }
    case Opcode::kBinFloat: {
      std::uint64_t big_endian = 0;
      if (!input_.Read(big_endian)) return Ends();
      return Push(Kind::kFloat, static_cast<std::int64_t>(__builtin_bswap64(big_endian)));
    }

    case Opcode::kBinUnicode:
    case Opcode::kBinString:
      return PushText<std::uint32_t>(Kind::kString);
    case Opcode::kShortBinUnicode:
    case Opcode::kShortBinString:
      return PushText<std::uint8_t>(Kind::kString);
    case Opcode::kBinUnicode8:
      return PushText<std::uint64_t>(Kind::kString);
    case Opcode::kBinBytes:
      return PushText<std::uint32_t>(Kind::kBytes);
    case Opcode::kShortBinBytes:
      return PushText<std::uint8_t>(Kind::kBytes);
    case Opcode::kBinBytes8:
    case Opcode::kByteArray8:
      return PushText<std::uint64_t>(Kind::kBytes);

    case Opcode::kEmptyTuple:
      return PushTuple(0);
    case Opcode::kTuple1:
      return PushTuple(1);
    case Opcode::kTuple2:
      return PushTuple(2);
    case Opcode::kTuple3:
      return PushTuple(3);
    case Opcode::kTuple: {
      const std::size_t begin = OCTAVO_TRY(PopMark());
      return PushTuple(stack_.size() - begin);
    }
    case Opcode::kEmptyList:
      return Push(Kind::kList, -1);
    case Opcode::kEmptyDict:
      return Push(Kind::kDict, -1);
    case Opcode::kEmptySet:
      return Push(Kind::kSet, -1);
    case Opcode::kList:
      return Collect(Kind::kList);
    case Opcode::kDict:
      return Collect(Kind::kDict);
    case Opcode::kFrozenSet:
      return Collect(Kind::kSet);
    case Opcode::kAppend:
      if (Available() < 2) return Fail("the pickle reads from an empty stack");
      return Extend(stack_.size() - 1, Kind::kList);
    case Opcode::kAppends:
      return Extend(OCTAVO_TRY(PopMark()), Kind::kList);
    case Opcode::kSetItem:
      if (Available() < 3) return Fail("the pickle reads from an empty stack");
      return Extend(stack_.size() - 2, Kind::kDict);
    case Opcode::kSetItems:
      return Extend(OCTAVO_TRY(PopMark()), Kind::kDict);
    case Opcode::kAddItems:
      return Extend(OCTAVO_TRY(PopMark()), Kind::kSet);

    case Opcode::kBinPut:
      return Put<std::uint8_t>();
    case Opcode::kLongBinPut:
      return Put<std::uint32_t>();
    case Opcode::kMemoize:
      return Put(memo_.size());
    case Opcode::kBinGet:
      return Get<std::uint8_t>();
    case Opcode::kLongBinGet:
      return Get<std::uint32_t>();

    case Opcode::kGlobal:
      return Global();
    case Opcode::kStackGlobal:
      return StackGlobal();
    case Opcode::kReduce:
      return Call(Kind::kCall);
    case Opcode::kNewObj:
      return Call(Kind::kObject);
    case Opcode::kNewObjEx:
      return NewObjectWithKeywords();
    case Opcode::kBuild:
      return Build();
    case Opcode::kBinPersId:
      return Push(Kind::kPersistent, -1, kNoNode, OCTAVO_TRY(Pop()));
  }
  return Fail(fmt::format("0x{:02x} is not a supported pickle opcode", static_cast<unsigned>(opcode)));
}

Result<Pickle> Read(Storage bytes, const Options& options, std::size_t* end) {
  return Reader(std::move(bytes), options).Run(end);
}

}  // namespace octavo::pickle
