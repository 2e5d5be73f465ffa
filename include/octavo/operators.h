#pragma once

// The registry of operators.  Each PyTorch operator has one row: its arguments, the type of its result, and
// one emitter per dialect, which writes the ONNX nodes.  The built-in rows (src/octavo/ops) and a user's own
// rows (--plugin, docs/custom_operators.md) use the same interface.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "octavo/graph.h"
#include "octavo/pytorch_engine.h"

namespace octavo {

enum class Dialect { kQdq, kCaffe2 };
std::string_view Name(Dialect dialect);  // "qdq", "caffe2"

enum class Target { kOnnxRuntime, kOpenVino, kTensorRt };
std::string_view Name(Target target);  // "onnxruntime", ...

// The scales and forms of operators that Octavo writes.  The target's arithmetic differs from PyTorch's in
// the last bit (docs/numbers.md).
enum class Numbers : std::uint8_t {
  kExact,  // scales adjusted by a few units in the last place, or another form of the operator, so that the
           // target's results are bit-identical to PyTorch's where possible
  kForms,  // PyTorch's own scales, and the exact forms that need no adjusted scales: exact for an engine that
           // computes its multipliers as PyTorch does
  kPlain,  // PyTorch's own scales and the plain form of each operator
};
std::string_view Name(Numbers numbers);  // "exact", "forms", "plain"

// The reason why a node's results in the target are bit-identical to PyTorch's; kNotExact if they may differ.
enum class Exactness : std::uint8_t {
  kUnknown,       // nothing was stated
  kByNode,        // of a row: depends on the node's scales; the emitter states it per node
  kConstruction,  // the node moves, compares or adds integers, or spells PyTorch's arithmetic out
  kMultiplier,    // the target multiplies sums by the same float32 as PyTorch, in every channel
  kExhaustion,    // every possible integer, or pair of integers, of the inputs was tried
  kNotExact,
  kAsMeant,  // PyTorch's engine has a known bug here; the node computes what the operator means
};
std::string_view Name(Exactness exactness);  // "construction", "by node", ...

struct ExactnessStatement {
  Exactness exactness = Exactness::kUnknown;
  std::string bound;  // not exact: by how much, and for which inputs; exact: under which condition
};

// The exactness of one node of the saved model.
struct NodeExactness {
  std::string place;  // the module path "layer1.0.conv1", or the source line that calls the operator
  std::string op;     // "quantized::conv2d_relu"
  ExactnessStatement statement;
};

class Builder;

// A value of the graph that is read (in a type rule) or built (in an emitter).  Cheap to copy.
class Value {
 public:
  Value() = default;
  Value(const ir::Graph* graph, ir::ValueId id) : graph_(graph), id_(id) {}
  bool defined() const { return id_.valid(); }  // false: the model passes None
  ir::ValueId id() const { return id_; }
  const TensorType& type() const { return graph_->type(id_); }
  DType dtype() const { return type().dtype; }
  bool quantized() const { return type().quantized(); }
  // Precondition: quantized().
  const Quantization& quantization() const { return *type().quantization; }
  const std::optional<Shape>& shape() const { return type().shape; }
  // The order in which PyTorch keeps the tensor in memory; known of an operator's arguments.
  ir::MemoryFormat memory_format() const { return graph_->value(id_).memory_format; }
  std::optional<int> rank() const { return type().rank(); }
  // The constant of the model, or null if the value is computed.
  const Tensor* constant() const {
    const auto& c = graph_->value(id_).constant;
    return c ? &*c : nullptr;
  }

 private:
  const ir::Graph* graph_ = nullptr;
  ir::ValueId id_;
};

// ---- Arguments ----

// The kind of an operator's argument.  The letter in brackets is the letter of PyTorch's parse_args
// (torch/onnx/symbolic_helper.py).
enum class ArgumentKind {
  kTensor,           // [v] a tensor
  kOptionalTensor,   // [v] a tensor or None
  kTensors,          // [v] a list of tensors
  kOptionalTensors,  // [v] a list of tensors or None
  kInt,              // [i]
  kOptionalInt,      // [i]
  kInts,             // [is] a list; a single number stands for `length` equal numbers
  kOptionalInts,     // [is]
  kFloat,            // [f] an int is accepted, too
  kOptionalFloat,    // [f]
  kFloats,           // [fs]
  kOptionalFloats,   // [fs]
  kBool,             // [b]
  kOptionalBool,     // [b]
  kString,           // [s]
  kOptionalString,   // [s]
  kConstant,         // [t] a tensor whose elements are known
  kScalar,           // int, float or bool
  kOptionalScalar,
  kTensorOrScalar,  // for operators whose overloads differ only in this argument
  kPacked,          // the packed weights of a quantized layer
  kIgnored,         // [none] anything; the value is ignored
};
std::string_view Name(ArgumentKind kind);  // "tensor", "optional tensor", ...

struct ArgumentSpec {
  std::string name;  // as in PyTorch's schema
  ArgumentKind kind = ArgumentKind::kTensor;
  std::optional<ir::Operand> default_value;  // unset: the argument is required
  // The name of an earlier argument, whose value replaces a missing value or an empty list.  A pool's stride,
  // for example, defaults to its kernel size.
  std::string same_as;
  int length = 0;  // of kInts: the required length; a single number is repeated; 0: any length
  bool keyword_only = false;
};

// The arguments of one call, bound to a row's descriptors.  Each accessor requires the kind that the
// descriptor states.  A wrong name or kind ends the program, because it is a mistake in the row, not in the
// model.
class Arguments {
 public:
  Arguments(const ir::Graph* graph, const std::vector<ArgumentSpec>* specs, std::vector<ir::Operand> values,
            std::vector<TensorType> result_types = {})
      : graph_(graph), specs_(specs), values_(std::move(values)), result_types_(std::move(result_types)) {}

  Value tensor(std::string_view name) const;                // kTensor, kOptionalTensor, kTensorOrScalar
  std::vector<Value> tensors(std::string_view name) const;  // kTensors
  const Tensor& constant(std::string_view name) const;      // kConstant
  Dim dim(std::string_view name) const;                     // kInt; may depend on open sizes
  std::vector<Dim> dims(std::string_view name) const;       // kInts
  // An argument may depend on an open size: check known() before you read its number.
  std::int64_t integer(std::string_view name) const;            // kInt; precondition: dim(name).known()
  std::vector<std::int64_t> ints(std::string_view name) const;  // kInts; precondition: all are known
  double number(std::string_view name) const;                // kFloat, or kScalar as a float (bool: 0 or 1)
  std::vector<double> numbers(std::string_view name) const;  // kFloats
  bool flag(std::string_view name) const;                    // kBool
  const std::string& text(std::string_view name) const;      // kString
  const ir::PackedWeights& packed(std::string_view name) const;  // kPacked
  // False if the argument is None.
  bool has(std::string_view name) const;
  bool is_tensor(std::string_view name) const;  // kTensorOrScalar: true if it is a tensor
  const ir::Operand& operand(std::string_view name) const;

  // The result types that the row's type rule gave; empty inside the rule itself.
  const TensorType& result(std::size_t index = 0) const { return result_types_[index]; }
  const std::vector<TensorType>& results() const { return result_types_; }
  const ir::Graph& graph() const { return *graph_; }

  // A copy with one argument replaced, for an emitter that calls another emitter.
  Arguments With(std::string_view name, ir::Operand value) const;
  Arguments WithResults(std::vector<TensorType> types) const;
  const std::vector<ArgumentSpec>& specs() const { return *specs_; }
  const std::vector<ir::Operand>& values() const { return values_; }

 private:
  std::size_t Index(std::string_view name) const;
  const ir::Graph* graph_;
  const std::vector<ArgumentSpec>* specs_;
  std::vector<ir::Operand> values_;
  std::vector<TensorType> result_types_;
};

// ---- Building ----

// Attributes of an ONNX node.  The C++ type chooses ONNX's type: integers and bool INT, floating point FLOAT,
// strings STRING, vectors INTS or FLOATS, Tensor TENSOR, and ir::Bytes a STRING of bytes.
class Attributes {
 public:
  struct Entry {
    template <typename T>
    Entry(std::string entry_name, T&& v) : name(std::move(entry_name)), value(Convert(std::forward<T>(v))) {}
    std::string name;
    ir::Operand value;
  };
  Attributes() = default;
  Attributes(std::initializer_list<Entry> entries) : entries_(entries) {}
  template <typename T>
  Attributes& Set(std::string entry_name, T&& v) {
    entries_.emplace_back(std::move(entry_name), std::forward<T>(v));
    return *this;
  }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  static ir::Operand Convert(ir::Operand v) { return v; }
  static ir::Operand Convert(Tensor v) { return v; }
  static ir::Operand Convert(ir::Bytes v) { return v; }
  static ir::Operand Convert(bool v) { return Dim(v ? 1 : 0); }
  static ir::Operand Convert(int v) { return Dim(v); }
  static ir::Operand Convert(std::int64_t v) { return Dim(v); }
  static ir::Operand Convert(double v) { return v; }
  static ir::Operand Convert(float v) { return static_cast<double>(v); }
  static ir::Operand Convert(const char* v) { return std::string(v); }
  static ir::Operand Convert(std::string v) { return v; }
  static ir::Operand Convert(const std::vector<std::int64_t>& v) {
    return std::vector<Dim>(v.begin(), v.end());
  }
  static ir::Operand Convert(const std::vector<int>& v) { return std::vector<Dim>(v.begin(), v.end()); }
  static ir::Operand Convert(std::vector<double> v) { return v; }
  static ir::Operand Convert(const std::vector<float>& v) { return std::vector<double>(v.begin(), v.end()); }
  std::vector<Entry> entries_;
};

struct LowerOptions {
  Dialect dialect = Dialect::kQdq;
  int opset = 17;  // of ONNX's own domain; always 9 for caffe2
  Target target = Target::kOnnxRuntime;
  // The Caffe2 dialect supports per-tensor weights only.  True: requantize per-channel weights; false: refuse
  // them.
  bool requantize_per_channel = false;
  Numbers numbers = Numbers::kExact;
  Engine engine = kDefaultEngine;  // the PyTorch engine whose results the model reproduces
};

// Builds the lowered graph.  The caller of the emitter sets node names and origins.
class Builder {
 public:
  Builder(ir::Graph* graph, const LowerOptions& options) : graph_(graph), options_(options) {}

  Dialect dialect() const { return options_.dialect; }
  int opset() const { return options_.opset; }
  Target target() const { return options_.target; }
  Engine engine() const { return options_.engine; }
  // True if operators use the exact forms for the target `wanted`.
  bool exact_for(Target wanted) const {
    return options_.target == wanted && options_.numbers != Numbers::kPlain;
  }
  // True if scales may be adjusted for the target `wanted`, too.
  bool moves_scales_for(Target wanted) const {
    return options_.target == wanted && options_.numbers == Numbers::kExact;
  }
  const LowerOptions& options() const { return options_; }
  ir::Graph& graph() { return *graph_; }

  // Appends a node.  `op` is ONNX's name, with "domain::" before it for any domain but ONNX's own.  An
  // undefined Value leaves that input out.  The output's type is unknown until As() or the driver sets it.
  Value Op(std::string_view op, const std::vector<Value>& inputs, const Attributes& attributes = {});
  std::vector<Value> Ops(std::string_view op, const std::vector<Value>& inputs, const Attributes& attributes,
                         std::size_t outputs);
  // Sets the type of a value of this builder, and returns the value.
  Value As(Value value, TensorType type);

  // The uint8 copy of a qint8 value: the same reals, with a zero point that is 128 higher.  Undefined if
  // there is none.  DequantizeLinear reads the copy.
  Value unsigned_of(Value value) const {
    const auto at = unsigned_.find(value.id().index);
    return at == unsigned_.end() ? Value() : Value(graph_, at->second);
  }
  void SetUnsigned(Value value, Value as_unsigned) { unsigned_[value.id().index] = as_unsigned.id(); }

  // Adds an initializer, or returns an existing one for an equal small constant.
  Value Constant(Tensor tensor, std::string_view name_hint = {});
  Value Scalar(float value) { return Constant(Tensor::Scalar(value)); }
  Value Ints(const std::vector<std::int64_t>& values) { return Constant(Tensor::Int64s(values)); }

  // Warns the user.  The same text is reported once per place.
  void Warn(std::string text);
  const std::vector<std::string>& warnings() const { return warnings_; }

  // States the exactness of the operator that is being written, if it differs from the row's statement.
  void State(Exactness exactness, std::string bound = {}) { statement_ = {exactness, std::move(bound)}; }
  // The statement since the last call, or nullopt.
  std::optional<ExactnessStatement> TakeStatement() { return std::exchange(statement_, std::nullopt); }

  // Marks float32 numbers as PyTorch's to the bit, in the form in which they are written.
  void SetProven(Value value) { proven_.insert(value.id().index); }
  bool proven(Value value) const { return proven_.contains(value.id().index); }
  // Says of one use of float32 numbers that whatever they are off does not change its result.
  void Settle(Value value) { ++settled_[value.id().index]; }
  int settled(Value value) const {
    const auto at = settled_.find(value.id().index);
    return at == settled_.end() ? 0 : at->second;
  }

  // Sets the origin of all nodes that are appended from now on.
  void SetOrigin(std::shared_ptr<const ir::Origin> origin) { origin_ = std::move(origin); }
  const ir::Origin* origin() const { return origin_.get(); }

 private:
  ir::Graph* graph_;
  LowerOptions options_;
  std::shared_ptr<const ir::Origin> origin_;
  std::map<std::string, ir::ValueId> shared_constants_;
  std::map<std::int32_t, ir::ValueId> unsigned_;
  std::set<std::int32_t> proven_;
  std::map<std::int32_t, int> settled_;
  std::set<std::string> seen_warnings_;
  std::vector<std::string> warnings_;
  std::optional<ExactnessStatement> statement_;
};

// ---- Rows ----

// Computes the types of an operator's results from its arguments.
using TypeRule = std::function<Result<std::vector<TensorType>>(const Arguments&)>;
// Writes an operator's nodes and returns one value per result.
using Emitter = std::function<Result<std::vector<Value>>(Builder&, const Arguments&)>;

enum class Returns { kTensor, kTensorList, kTuple };

struct OperatorRow {
  // "quantized::conv2d_relu".  Each overload is a row of its own, named with the overload ("aten::mean.dim").
  // The first overload whose arguments fit is used, in the order of registration.
  std::string name;
  std::vector<ArgumentSpec> arguments;
  TypeRule result;
  Emitter qdq;
  Emitter caffe2;
  Returns returns = Returns::kTensor;
  // The exactness of quantized results in ONNX Runtime, for Numbers::kExact.
  ExactnessStatement exactness = {};
  // Describes the known bug of a PyTorch engine that changes the result of this call; nullopt if there is
  // none.  The arguments include the result types.
  std::function<std::optional<std::string>(Engine, const Arguments&)> mistake = {};
};

class Registry {
 public:
  struct BoundCall {
    const OperatorRow* row = nullptr;
    std::vector<ir::Operand> arguments;  // one per entry of row->arguments
    std::vector<TensorType> results;
  };

  // Adds a built-in row.  A second row of the same name is a mistake in Octavo and ends the program.
  void Add(OperatorRow row);
  // Adds a newer emitter to a row, for ONNX opset `since` and later.
  void AddVersion(std::string_view name, Dialect dialect, int since, Emitter emitter);
  // Sets the exactness of all overloads of an operator ("quantized::add").  An unknown name is a mistake in
  // Octavo and ends the program.
  void SetExactness(std::string_view op, const ExactnessStatement& exactness);
  // Sets OperatorRow::mistake of all overloads of an operator.  An unknown name ends the program, too.
  void SetMistake(std::string_view op,
                  const std::function<std::optional<std::string>(Engine, const Arguments&)>& mistake);
  // Adds a user's own row, which overrides a built-in row of the same name.  A second custom row of the same
  // name is an error.
  Status AddCustom(OperatorRow row);

  // True if any overload of the operator ("aten::relu") has a row.
  bool Contains(std::string_view op) const;
  // Binds the arguments to the first overload that they fit; result types are not computed.  nullopt: no row
  // has that name.  The error says which argument of which overload does not fit.
  Result<std::optional<BoundCall>> Match(const ir::Graph& graph, std::string_view op,
                                         std::span<const ir::Argument> arguments) const;
  // Match(), then the row's type rule.
  Result<std::optional<BoundCall>> Bind(const ir::Graph& graph, std::string_view op,
                                        std::span<const ir::Argument> arguments) const;
  // The emitter for the dialect with the highest opset that is not above `opset`, or null.
  const Emitter* FindEmitter(const OperatorRow& row, Dialect dialect, int opset) const;
  // All rows, sorted by name.
  std::vector<const OperatorRow*> rows() const;

 private:
  struct Entry {
    OperatorRow row;
    bool custom = false;
    std::map<std::pair<Dialect, int>, Emitter> versions;
  };
  std::map<std::string, std::vector<std::unique_ptr<Entry>>, std::less<>>
      entries_;  // key: the name without the overload
};

// Adds all built-in rows.
void RegisterBuiltinOperators(Registry& registry);

}  // namespace octavo
