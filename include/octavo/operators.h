#pragma once

// The registry of symbolic functions: what Octavo knows of each PyTorch operator, one row each, and the means
// to write a row.  The built-in rows (src/octavo/ops) and a user's own (--plugin, docs/custom_operators.md)
// use the same interface.

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

namespace octavo {

enum class Dialect { kQdq, kCaffe2 };
std::string_view Name(Dialect dialect);  // "qdq", "caffe2"

enum class Target { kOnnxRuntime, kOpenVino, kTensorRt };
std::string_view Name(Target target);  // "onnxruntime", ...

// What the scales in a model are, where a target's arithmetic differs from PyTorch's in the last bit.
enum class Numbers : std::uint8_t {
  kExact,  // moved by a few units in the last place, or another form of the operator, so that the target's
           // results are PyTorch's
  kForms,  // PyTorch's own, in those forms of the operators that do not rest on moved scales: what an
           // arithmetic that forms multipliers as PyTorch does is exact with
  kPlain,  // PyTorch's own, in the plain form
};
std::string_view Name(Numbers numbers);  // "exact", "forms", "plain"

// How it is known that a node's results in the target are PyTorch's in every bit.
enum class Exactness : std::uint8_t {
  kUnknown,       // nobody has said
  kByNode,        // of a row: depends on a node's numbers, and its emitter states it
  kConstruction,  // integers are moved, compared or added up, or PyTorch's own arithmetic is written out
  kMultiplier,    // the float32 by which the target multiplies sums is PyTorch's, in every channel
  kExhaustion,    // every integer, or pair of integers, that the inputs can be has been tried
  kNotExact,
};
std::string_view Name(Exactness exactness);  // "construction", "by node", ...

struct ExactnessStatement {
  Exactness exactness = Exactness::kUnknown;
  std::string bound;  // by how much and for which inputs not; of a node that is exact, on which condition
};

// Of one node of the saved model.
struct NodeExactness {
  std::string place;  // "layer1.0.conv1", or where the source calls the operator
  std::string op;     // "quantized::conv2d_relu"
  ExactnessStatement statement;
};

class Builder;

// A value of the graph that is being read (in a type rule) or built (in an emitter).  Cheap to copy.
class Value {
 public:
  Value() = default;
  Value(const ir::Graph* graph, ir::ValueId id) : graph_(graph), id_(id) {}
  bool defined() const { return id_.valid(); }  // false: None was given
  ir::ValueId id() const { return id_; }
  const TensorType& type() const { return graph_->type(id_); }
  DType dtype() const { return type().dtype; }
  bool quantized() const { return type().quantized(); }
  // Needs quantized().
  const Quantization& quantization() const { return *type().quantization; }
  const std::optional<Shape>& shape() const { return type().shape; }
  // In PyTorch; of an operator's arguments.
  ir::MemoryFormat memory_format() const { return graph_->value(id_).memory_format; }
  std::optional<int> rank() const { return type().rank(); }
  // Null unless it is a constant of the model.
  const Tensor* constant() const {
    const auto& c = graph_->value(id_).constant;
    return c ? &*c : nullptr;
  }

 private:
  const ir::Graph* graph_ = nullptr;
  ir::ValueId id_;
};

// ---- Arguments
// -----------------------------------------------------------------------------------------------

// What an argument of an operator may be; in brackets the letter that PyTorch's parse_args has for it.
enum class ArgumentKind {
  kTensor,           // [v] a tensor
  kOptionalTensor,   // [v] a tensor or None
  kTensors,          // [v] a list of tensors
  kOptionalTensors,  // [v] a list of tensors or None
  kInt,              // [i]
  kOptionalInt,      // [i]
  kInts,             // [is] a list; a single number stands for `length` equal ones
  kOptionalInts,     // [is]
  kFloat,            // [f] an int is taken, too
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
  kTensorOrScalar,  // for the operators whose overloads differ in this alone
  kPacked,          // packed weights of a quantized layer
  kIgnored,         // [none] anything, not looked at
};
std::string_view Name(ArgumentKind kind);  // "tensor", "optional tensor", ...

struct ArgumentSpec {
  std::string name;  // as in PyTorch's schema
  ArgumentKind kind = ArgumentKind::kTensor;
  std::optional<ir::Operand> default_value;  // unset: must be given
  std::string
      same_as;     // an empty list or a missing value takes that (earlier) argument's value, as stride does
  int length = 0;  // of kInts: a single number is repeated this often, another length is an error; 0: any
  bool keyword_only = false;
};

// The arguments of one call, bound to a row's descriptors.  Accessors need the kind that the descriptor
// states; with another name or kind they end the program, since that is an error of the row and not of the
// model.
class Arguments {
 public:
  Arguments(const ir::Graph* graph, const std::vector<ArgumentSpec>* specs, std::vector<ir::Operand> values,
            std::vector<TensorType> result_types = {})
      : graph_(graph), specs_(specs), values_(std::move(values)), result_types_(std::move(result_types)) {}

  Value tensor(std::string_view name) const;                // kTensor, kOptionalTensor, kTensorOrScalar
  std::vector<Value> tensors(std::string_view name) const;  // kTensors
  const Tensor& constant(std::string_view name) const;      // kConstant
  Dim dim(std::string_view name) const;                     // kInt, which may depend on sizes
  std::vector<Dim> dims(std::string_view name) const;       // kInts
  // Known numbers; the binder has refused symbolic ones only where row.h's KnownInts said so: see known().
  std::int64_t integer(std::string_view name) const;            // kInt; needs dim(name).known()
  std::vector<std::int64_t> ints(std::string_view name) const;  // kInts; each needs to be known
  double number(std::string_view name) const;                // kFloat, kScalar (as a float), bool as 0 or 1
  std::vector<double> numbers(std::string_view name) const;  // kFloats
  bool flag(std::string_view name) const;                    // kBool
  const std::string& text(std::string_view name) const;      // kString
  const ir::PackedWeights& packed(std::string_view name) const;  // kPacked
  // False for None, whatever the kind.
  bool has(std::string_view name) const;
  bool is_tensor(std::string_view name) const;  // kTensorOrScalar: a tensor was given
  const ir::Operand& operand(std::string_view name) const;

  // The types that the row's rule gave; empty inside the rule itself.
  const TensorType& result(std::size_t index = 0) const { return result_types_[index]; }
  const std::vector<TensorType>& results() const { return result_types_; }
  const ir::Graph& graph() const { return *graph_; }

  // The same arguments with one replaced, for an emitter that calls another.
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

// ---- Building
// ------------------------------------------------------------------------------------------------

// Attributes of an ONNX node.  The C++ type chooses ONNX's: integers INT, floating point FLOAT, strings
// STRING, vectors INTS, FLOATS, STRINGS, Tensor TENSOR, ir::Bytes a STRING of bytes.
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
  int opset = 17;  // of ONNX's own domain; caffe2: always 9
  Target target = Target::kOnnxRuntime;
  // Caffe2 knows no weights quantized per channel: requantize them per tensor in place of an error.
  bool requantize_per_channel = false;
  Numbers numbers = Numbers::kExact;
};

// Builds the lowered graph.  Node names and origins are filled in by the driver.
class Builder {
 public:
  Builder(ir::Graph* graph, const LowerOptions& options) : graph_(graph), options_(options) {}

  Dialect dialect() const { return options_.dialect; }
  int opset() const { return options_.opset; }
  Target target() const { return options_.target; }
  // Whether the forms of operators are to be chosen for that target's arithmetic, and whether scales, too.
  bool exact_for(Target wanted) const {
    return options_.target == wanted && options_.numbers != Numbers::kPlain;
  }
  bool moves_scales_for(Target wanted) const {
    return options_.target == wanted && options_.numbers == Numbers::kExact;
  }
  const LowerOptions& options() const { return options_; }
  ir::Graph& graph() { return *graph_; }

  // One node.  `op` is ONNX's name, with "domain::" before it where it is not ONNX's own domain.  An
  // undefined Value leaves that input out.  The output's type is unknown until As() or the driver sets it.
  Value Op(std::string_view op, const std::vector<Value>& inputs, const Attributes& attributes = {});
  std::vector<Value> Ops(std::string_view op, const std::vector<Value>& inputs, const Attributes& attributes,
                         std::size_t outputs);
  // Sets the type of a value that this builder made.
  Value As(Value value, TensorType type);

  // The same reals as those of `value`, a qint8 one, as uint8 with a zero point 128 higher; undefined where
  // there is no such value.  DequantizeLinear then reads that one.
  Value unsigned_of(Value value) const {
    const auto at = unsigned_.find(value.id().index);
    return at == unsigned_.end() ? Value() : Value(graph_, at->second);
  }
  void SetUnsigned(Value value, Value as_unsigned) { unsigned_[value.id().index] = as_unsigned.id(); }

  // An initializer; equal small constants are shared.
  Value Constant(Tensor tensor, std::string_view name_hint = {});
  Value Scalar(float value) { return Constant(Tensor::Scalar(value)); }
  Value Ints(const std::vector<std::int64_t>& values) { return Constant(Tensor::Int64s(values)); }

  // Something the user should know though the model converts; reported once for each text and place.
  void Warn(std::string text);
  const std::vector<std::string>& warnings() const { return warnings_; }

  // What is known of the results of the operator that is being written, where it is not what its row says.
  void State(Exactness exactness, std::string bound = {}) { statement_ = {exactness, std::move(bound)}; }
  // What was stated since this was last asked.
  std::optional<ExactnessStatement> TakeStatement() { return std::exchange(statement_, std::nullopt); }

  // The driver sets what the nodes made from now on come from.
  void SetOrigin(std::shared_ptr<const ir::Origin> origin) { origin_ = std::move(origin); }
  const ir::Origin* origin() const { return origin_.get(); }

 private:
  ir::Graph* graph_;
  LowerOptions options_;
  std::shared_ptr<const ir::Origin> origin_;
  std::map<std::string, ir::ValueId> shared_constants_;
  std::map<std::int32_t, ir::ValueId> unsigned_;
  std::set<std::string> seen_warnings_;
  std::vector<std::string> warnings_;
  std::optional<ExactnessStatement> statement_;
};

// ---- Rows
// ----------------------------------------------------------------------------------------------------

// The types of an operator's results from those of its arguments.
using TypeRule = std::function<Result<std::vector<TensorType>>(const Arguments&)>;
// Writes the nodes and returns one value for each result.
using Emitter = std::function<Result<std::vector<Value>>(Builder&, const Arguments&)>;

enum class Returns { kTensor, kTensorList, kTuple };

struct OperatorRow {
  // "quantized::conv2d_relu"; overloads that PyTorch tells apart by their arguments are rows of their own,
  // named with the overload ("aten::mean.dim"), tried in the order of registration until the arguments fit
  // one.
  std::string name;
  std::vector<ArgumentSpec> arguments;
  TypeRule result;
  Emitter qdq;
  Emitter caffe2;
  Returns returns = Returns::kTensor;
  // Of quantized results in ONNX Runtime, with Numbers::kExact.
  ExactnessStatement exactness = {};
};

class Registry {
 public:
  struct BoundCall {
    const OperatorRow* row = nullptr;
    std::vector<ir::Operand> arguments;  // one for each of row->arguments
    std::vector<TensorType> results;
  };

  // Adding a name twice is an error of the program and ends it.
  void Add(OperatorRow row);
  // A newer form of a row's emitter, used from ONNX opset `since` on.
  void AddVersion(std::string_view name, Dialect dialect, int since, Emitter emitter);
  // Sets what all overloads of "quantized::add" say; of an unknown name it is an error of the program and
  // ends it.
  void SetExactness(std::string_view op, const ExactnessStatement& exactness);
  // A user's own row: overrides one of the same name; the second custom row of a name is an error.
  Status AddCustom(OperatorRow row);

  // Is there a row (any overload) for "aten::relu"?
  bool Contains(std::string_view op) const;
  // The first overload that the arguments fit, bound but without result types; nullopt: no row of that name.
  // An error says which argument of which overload does not fit.
  Result<std::optional<BoundCall>> Match(const ir::Graph& graph, std::string_view op,
                                         std::span<const ir::Argument> arguments) const;
  // Match and then the row's type rule.
  Result<std::optional<BoundCall>> Bind(const ir::Graph& graph, std::string_view op,
                                        std::span<const ir::Argument> arguments) const;
  // The newest emitter that is not above the opset; null: the row has none for this dialect.
  const Emitter* FindEmitter(const OperatorRow& row, Dialect dialect, int opset) const;
  // All rows, by name.
  std::vector<const OperatorRow*> rows() const;

 private:
  struct Entry {
    OperatorRow row;
    bool custom = false;
    std::map<std::pair<Dialect, int>, Emitter> versions;
  };
  std::map<std::string, std::vector<std::unique_ptr<Entry>>, std::less<>>
      entries_;  // by name without overload
};

// All built-in rows.
void RegisterBuiltinOperators(Registry& registry);

}  // namespace octavo
