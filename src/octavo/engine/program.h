#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/graph.h"
#include "octavo/ir/inputs.h"
#include "octavo/tensor.h"

namespace octavo::engine {

using Sizes = std::vector<std::int64_t>;

// Scale and zero point of an edge of the Caffe2 dialect, where they belong to the value and not to an
// operand.
struct Int8Parameters {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool operator==(const Int8Parameters&) const = default;
};

// What is known of a value.  Quantized values are their integers here.
struct ValueType {
  DType dtype = DType::kUnknown;
  std::optional<Sizes> sizes;
  std::optional<Int8Parameters> int8;
};

// The operands of a node as they are when it runs: contiguous, aligned; null where one is left out.
using Operands = std::vector<const Tensor*>;

// What evaluating a node takes, estimated before it runs.
struct Cost {
  double multiply_adds = 0;  // what a kernel does in that time, where it computes something else
  std::uint64_t result_bytes = 0;
  std::uint64_t kernel_bytes = 0;  // of the arrays that it computes with
};

// A node whose types and attributes have been checked.
struct Prepared {
  std::vector<ValueType> outputs;  // all known
  std::function<Result<std::vector<Tensor>>(const Operands&)> compute;
  bool from_types = false;  // the result depends on the inputs' types alone (Shape, Size)
  Cost cost;
};

// A graph with all that can be said of it before it runs, in the caller's ids.
struct Program {
  struct Value {
    ValueType type;                  // unknown where it depends on data
    std::optional<Tensor> constant;  // contiguous, aligned, without quantization
    int uses = 0;                    // by nodes that are needed, and by graph outputs
    bool observed = false;           // a graph output, or in Options::keep: must come to be as itself
  };
  struct Node {
    std::optional<Prepared> prepared;  // unset: its shapes depend on data; it is prepared when it runs
    bool needed = true;                // an output depends on it
    bool folded = false;               // its outputs are constants
  };

  // A constant that is integers with another name: reals that ONNX Runtime quantizes when it loads the model.
  struct Quantized {
    Tensor integers;
    std::vector<float> scales;  // one, or one per index of dimension 0
    std::int32_t zero_point = 0;
  };

  ir::Graph graph;
  std::vector<Value> values;  // by ValueId
  std::vector<Node> nodes;    // by NodeId
  Options options;
  Arithmetic arithmetic = Arithmetic::kPyTorch;
  std::map<std::int32_t, Quantized> quantized;  // by ValueId::index
  // Linear Resize of 8-bit integers that ONNX Runtime computes with the channels last, by their result's
  // index.
  std::set<std::int32_t> channels_last;
  // Of constants that are computed here, and what computing them took.
  std::optional<Memory> memory;
  std::optional<Work> work;

  Value& value(ir::ValueId id) { return values[static_cast<std::size_t>(id.index)]; }
  const Value& value(ir::ValueId id) const { return values[static_cast<std::size_t>(id.index)]; }
  Node& node(ir::NodeId id) { return nodes[static_cast<std::size_t>(id)]; }
  const Node& node(ir::NodeId id) const { return nodes[static_cast<std::size_t>(id)]; }
};

// The same elements row-major, without gaps, at an address that is a multiple of the element's size, as
// integers without quantization.  Copies only where it must.
Tensor Normalized(const Tensor& tensor);
// The first byte of a normalized tensor's elements.
inline const std::byte* Begin(const Tensor& tensor) {
  return tensor.storage->bytes.data() + static_cast<std::size_t>(tensor.offset) * ElementSize(tensor.dtype);
}
template <typename T>
const T* Data(const Tensor& tensor) {
  assert(sizeof(T) == ElementSize(tensor.dtype));
  assert((static_cast<std::size_t>(tensor.offset) + static_cast<std::size_t>(tensor.num_elements())) *
             sizeof(T) <=
         tensor.storage->bytes.size());
  return reinterpret_cast<const T*>(Begin(tensor));
}

// Checks the graph against the inputs, finds every type that does not depend on data, and computes small
// values that depend on constants alone (shapes, mostly).
Result<Program> MakeProgram(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                            const Options& options);

}  // namespace octavo::engine
