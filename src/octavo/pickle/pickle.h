#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::pickle {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffffu;

enum class Kind : std::uint8_t {
  kNone,
  kBool,        // integer: 0 or 1
  kInt,         // integer
  kBigInt,      // an integer beyond 64 bits; text: its bytes, little-endian two's complement
  kFloat,       // number
  kString,      // text
  kBytes,       // text
  kGlobal,      // module, name: a name only, nothing is looked up or called
  kTuple,       // items
  kList,        // items
  kSet,         // items
  kDict,        // items: key, value, key, value, ...
  kCall,        // callable(arguments); items that were added to the result; state
  kObject,      // callable.__new__(arguments), the callable being a class; items; state
  kPersistent,  // arguments: the persistent id, which is how PyTorch refers to a storage
};

// What a pickle says, as inert nodes.  A node that the pickle refers to twice is one node, and a node may
// contain itself: whoever walks the nodes must guard against that.
class Pickle {
 public:
  NodeId root() const { return root_; }
  std::size_t size() const { return nodes_.size(); }

  Kind kind(NodeId id) const { return nodes_[id].kind; }
  // The byte of the pickle whose opcode made the node.
  std::size_t position(NodeId id) const { return nodes_[id].position; }
  // May the node be reached on more than one way?
  bool shared(NodeId id) const { return nodes_[id].shared; }

  bool boolean(NodeId id) const { return nodes_[id].integer != 0; }
  std::int64_t integer(NodeId id) const { return nodes_[id].integer; }
  double number(NodeId id) const;
  std::string_view text(NodeId id) const;
  std::string_view module(NodeId id) const;
  std::string_view name(NodeId id) const;
  // module.name
  std::string QualifiedName(NodeId id) const;

  std::span<const NodeId> items(NodeId id) const;
  // kCall, kObject: a kGlobal; where any global is allowed it may be kPersistent, too.
  NodeId callable(NodeId id) const { return nodes_[id].a; }
  NodeId arguments(NodeId id) const { return nodes_[id].b; }  // kCall, kObject, kPersistent
  // What BUILD gave to a kCall or kObject; kNoNode: nothing.
  NodeId state(NodeId id) const;

 private:
  friend class Reader;

  struct Node {
    Kind kind = Kind::kNone;
    bool shared = false;
    std::uint32_t position = 0;
    // kCall, kObject, kPersistent: callable, arguments.  kString, kBytes, kBigInt: begin and length of the
    // text.  kGlobal: begin of the module's name and of the name.  kTuple: begin and count in tuple_items_.
    NodeId a = kNoNode, b = kNoNode;
    // kBool, kInt, kFloat (the bits).  kList, kSet, kDict, kCall, kObject: index into extras_, or -1.
    // kGlobal: both lengths, in the upper and lower half.
    std::int64_t integer = 0;
  };
  struct Extra {
    std::vector<NodeId> items;
    NodeId state = kNoNode;
  };

  std::string_view Bytes(std::size_t begin, std::size_t length) const {
    return {reinterpret_cast<const char*>(bytes_.bytes.data()) + begin, length};
  }

  Storage bytes_;  // texts are views of it
  std::vector<Node> nodes_;
  std::vector<NodeId> tuple_items_;
  std::vector<Extra> extras_;
  NodeId root_ = kNoNode;
};

struct Options {
  Limits limits;
  std::string record;  // for messages: "data.pkl"
  // Globals for which it is false are an error.  Empty: all are read (as names, like ever).
  std::function<bool(std::string_view module, std::string_view name)> allowed;
  // Only what PyTorch's own reader of TorchScript takes, and nothing that means something else to it: it
  // knows fewer opcodes than Python, and makes objects where they are built, so that what is changed later is
  // not part of them.  docs/security.md has the list.
  bool torchscript = false;
};

// Reads the first pickle in `bytes`, protocols 2 to 5.  Nothing is executed.  Errors (kInvalidFile) name the
// record and the byte.  `end`, if given, becomes the position behind the pickle.
Result<Pickle> Read(Storage bytes, const Options& options, std::size_t* end = nullptr);

}  // namespace octavo::pickle
