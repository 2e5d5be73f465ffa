#pragma once

// Evaluates the program of a module with its tensors left symbolic.  One object for one import.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "octavo/base/source_range.h"
#include "octavo/import/import.h"
#include "octavo/import/value.h"

namespace octavo::import {

class Evaluator;

// The arguments of one call, evaluated.
struct CallArguments {
  const source::Expr* expr = nullptr;  // for messages; may be null
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> keywords;

  std::size_t size() const { return positional.size() + keywords.size(); }
  // By position, or by name where it was given so; null: not given.
  const Value* Find(std::size_t position, std::string_view name) const;
};

// Evaluates a call that needs no operator in the graph.  nullopt: these arguments are not for it, the call is
// an operator's.
using Builtin = Result<std::optional<Value>> (*)(Evaluator&, const CallArguments&);
// Qualified names: "aten::add", "prim::min", "quantized::linear_prepack", "math::floor", and without a
// namespace Python's own ("int").
using BuiltinTable = std::unordered_map<std::string_view, Builtin>;
const BuiltinTable& Builtins();

// A call in progress.
struct Frame {
  std::unordered_map<std::string_view, Value> locals;
  std::string_view function;  // its name
  const void* syntax = nullptr;
  bool scripted = false;  // it has branches or loops, or a caller has
  Object* self = nullptr;
  const Frame* caller = nullptr;
  SourceRange call_site;
  std::string module_path;
};

// A class that PyTorch, or a library that it loads, has in C++: "__torch__.torch.classes._nnapi.Compilation".
inline constexpr std::string_view kClassesOfPyTorch = "__torch__.torch.classes.";
inline constexpr std::size_t kPrefixOfNames = std::string_view("__torch__.").size();

enum class Flow { kNext, kBreak, kContinue, kReturn };

class Evaluator {
 public:
  Evaluator(const module::Module& module, const OperatorRules& rules, const Options& options,
            Imported* imported);

  // ---- Running (statements.cc, expressions.cc, calls.cc)
  Result<Flow> Execute(const source::Block& block, Frame& frame, Value* returned);
  Result<Value> Evaluate(const source::Expr& expr, Frame& frame);
  Result<Value> Call(const Callable& callee, const CallArguments& arguments, const Frame& caller);
  Result<Value> CallMethod(Object* self, std::string_view method, const CallArguments& arguments,
                           const Frame& caller);
  // The builtin or operator "aten::add".
  Result<Value> CallNamed(const std::string& name, CallArguments arguments);
  Result<bool> Truth(const Value& value, std::string_view what);
  Result<std::vector<Value>> Iterate(const Value& value);
  Result<Value> Subscript(const Value& container, const Value& index, const CallArguments& call);

  // ---- Objects (objects.cc)
  Result<Value> Attribute(const Value& value, const std::string& name, const CallArguments& call);
  Result<std::optional<Value>> FindAttribute(Object* object, const std::string& name);
  Status SetAttribute(const Value& object, const std::string& name, Value value);
  Result<Value> Convert(const module::Value& value, const std::string& path);
  Object* ConvertObject(const std::shared_ptr<module::Object>& object, const std::string& path);
  Result<const module::ClassDefinition*> DefinitionOf(Object* object);
  Result<Value> Instantiate(const Callable& callee, const CallArguments& arguments, const Frame& caller);
  Result<Value> NewInstance(const module::ClassDefinition* definition);
  // A global name of the program, "__torch__.a.b.C".
  Result<std::optional<Value>> Global(const std::string& name);
  Result<Value> Constant(const std::string& name);  // "c0" of CONSTANTS

  // ---- Tensors (tensors.cc)
  Value NewTensorValue(ir::ValueId id);
  Value NewConstant(Tensor constant, std::string name);
  Value NewNumberTensor(Value number, DType dtype);
  // The tensor's type; an error if it is stale.
  Result<TensorType> TypeOf(TensorBox* box);
  Result<ir::ValueId> Materialise(TensorBox* box);
  Status CheckFresh(const TensorBox& box) const;
  // The single number that a tensor holds, where it is known before the model runs.
  std::optional<Value> NumberOf(const TensorBox& box, int max_rank) const;
  // Makes `target` and its aliases hold what `result` holds.
  void Overwrite(TensorBox* target, const TensorBox& result, std::string_view op);
  Result<ir::Operand> ToOperand(const Value& value, std::string_view what);

  // ---- Operators (operators.cc)
  Result<Value> Operator(const std::string& name, const CallArguments& arguments);
  void Warn(std::string text);

  // ---- Going on where something is not known (survey.cc)
  // True in a survey, and after an operator that is not supported, as long as no limit is reached.
  bool goes_on() const { return (options_.survey || !imported_->missing.empty()) && !stopped_; }
  // True if a type that this tensor lacks is no error.
  bool Unknowable(const TensorBox& box) const { return box.tainted || options_.survey; }
  // Is there such an operator, whatever its arguments?
  bool IsOperator(const std::string& name) const;
  // An operator, or a class of PyTorch's own, that is not supported.
  void Miss(const std::string& name, std::shared_ptr<const ir::Origin> origin);

  // A text that holds an open size or a tensor, which is for messages alone: nothing may be decided by it.
  // `text_is_open` is set while one is made.
  bool IsOpenText(const std::string* text) const { return open_texts_.contains(text); }
  bool text_is_open = false;

  // ---- Limits and places
  Status Step();
  Status Charge(std::size_t work);  // of a builtin whose cost grows with its data
  Status ChargeText(std::size_t bytes) { return Charge(bytes / 16); }  // of bytes that are copied or compared
  Error At(Error error) const;  // with the place of the expression that is being evaluated
  std::string CurrentPlace() const;
  const Frame* frame() const { return frame_; }
  Arena& arena() { return arena_; }
  ir::Graph& graph() { return imported_->graph; }
  const Limits& limits() const { return options_.limits; }
  const module::Module& module() const { return module_; }
  const Options& options() const { return options_; }
  Imported& imported() { return *imported_; }
  // What the return statement of the outermost call said.
  const source::Expr* returned_expr() const { return returned_expr_; }
  // Of the archive's format, which fixes what some operators mean; the newest where it does not say.
  int format_version() const { return format_version_; }
  bool grad_enabled = true;

 private:
  friend class DepthGuard;

  Result<Flow> ExecuteStatement(const source::Statement& statement, Frame& frame, Value* returned);
  Result<Flow> ExecuteIf(const source::Statement& statement, Frame& frame, Value* returned);
  Result<Flow> ExecuteWhile(const source::Statement& statement, Frame& frame, Value* returned);
  Result<Flow> ExecuteFor(const source::Statement& statement, Frame& frame, Value* returned);
  Result<Flow> ExecuteWith(const source::Statement& statement, Frame& frame, Value* returned);
  Status Raise(const source::Statement& statement, Frame& frame);
  Status Assert(const source::Statement& statement, Frame& frame);
  Status Assign(const source::Expr& target, Value value, Frame& frame);
  Status Unpack(const source::Expr& target, Value value, Frame& frame);
  Status AssignSubscript(const source::Expr& target, Value value, Frame& frame);

  Result<Value> EvaluateKind(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateName(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateAttribute(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateSubscript(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateSlice(const source::Expr& slice, const Value& container, Frame& frame);
  Result<Value> EvaluateBinary(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateCompare(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateLogical(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateDisplay(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateComprehension(const source::Expr& expr, Frame& frame);
  Result<Value> EvaluateCall(const source::Expr& expr, Frame& frame);
  Result<Value> CallBareName(const source::Expr& expr, Frame& frame);
  Result<std::optional<Value>> CallSpecialForm(const source::Expr& expr, Frame& frame);
  Result<CallArguments> EvaluateArguments(const source::Expr& expr, Frame& frame, std::size_t skip = 0);
  Result<Value> CallValue(const Value& callee, const CallArguments& arguments, const Frame& frame);
  Result<Value> CallMethodOf(const Value& object, const std::string& method, CallArguments arguments,
                             const Frame& frame);
  Status BindParameters(const source::Function& function, const CallArguments& arguments, Frame& frame,
                        bool has_self);
  Result<bool> IsInstance(const Value& value, const source::Expr& type, Frame& frame);
  std::optional<std::string> QualifiedName(const source::Expr& expr, const Frame& frame) const;
  Status EnsureState(Object* object);

  // An error is an Unknown where the evaluation goes on.
  Result<Value> EvaluateOrUnknown(const source::Expr& expr, Frame& frame);
  // nullopt: not known, and the evaluation goes on.
  Result<std::optional<bool>> Decide(const Value& condition, std::string_view what);
  // Executes both blocks, each from the same variables; afterwards a variable is what is known in both cases.
  // Without `otherwise`, the body may not be executed at all.
  Result<Flow> ExecutePerhaps(const source::Block& body, const source::Block* otherwise, Frame& frame,
                              Value* returned);
  Result<Flow> Skip(const source::Statement& statement, const Error& error, Frame& frame, Value* returned);
  void NoteSkipped(const Error& error);
  void Forget(const source::Expr& target, Frame& frame);
  Value Either(const Value& a, const Value& b);
  void Note(const ir::Origin* origin, bool bound);
  void NoteRead(const Tensor& tensor);
  // Weights that went to something unknown are read by no operator of the graph.
  void NoteUnread(const Value& value);
  // Adds the weights that `value` holds in lists and objects.
  void GatherWeights(const Value& value, std::vector<ir::Argument>& arguments);
  Value UnknownResult(const std::string& name, std::vector<ir::Argument> arguments,
                      std::shared_ptr<const ir::Origin> origin, bool bound);

  std::shared_ptr<const ir::Origin> MakeOrigin(const std::string& op);
  void MarkTrace(ir::NodeId node);
  bool HasControlFlow(const source::Function& function);
  // In the generated code.
  std::string PlaceOf(const SourceRange& range) const;
  // In the author's own source: the innermost call whose line is the author's, from `range`, which is in
  // `frame`, outwards; empty where the model does not say.
  std::string AuthorLine(const SourceRange& range, const Frame* frame) const;
  // Both, for messages.
  std::string FullPlace(const SourceRange& range, const Frame* frame) const;
  Result<Value> WriteInPlace(const std::string& name, const std::string& functional,
                             const CallArguments& arguments, TensorBox* target);
  Result<Value> AddOperator(const std::string& name, const CallArguments& arguments);
  void ShareMemory(const std::string& name, const CallArguments& arguments, const Value& result);

  const module::Module& module_;
  const OperatorRules& rules_;
  const Options& options_;
  Imported* imported_;
  Arena arena_;
  std::size_t max_nodes_;
  const Frame* frame_ = nullptr;
  const source::Expr* current_ = nullptr;
  const source::Expr* returned_expr_ = nullptr;
  std::unordered_set<const std::string*> open_texts_;
  std::int64_t steps_ = 0;
  bool stopped_ = false;  // at a limit
  int perhaps_ = 0;       // how many of the blocks around may not be executed
  int format_version_ = 0;
  int call_depth_ = 0;
  int depth_ = 0;
  std::uintptr_t stack_base_ = 0;
  std::unordered_map<const void*, Value> converted_;  // module::List, Dict, Tuple, Object -> Value
  // One box for each distinct constant: two attributes that are one tensor are one here, too.
  struct ConstantKey {
    const void* storage;
    std::int64_t offset;
    DType dtype;
    std::vector<std::int64_t> sizes, strides;
    bool operator<(const ConstantKey& other) const {
      return std::tie(storage, offset, dtype, sizes, strides) <
             std::tie(other.storage, other.offset, other.dtype, other.sizes, other.strides);
    }
  };
  std::map<ConstantKey, TensorBox*> constants_;
  std::unordered_map<const void*, AliasSet*> storages_;
  std::unordered_map<std::string, std::optional<Value>> globals_;
  std::unordered_map<std::string, std::size_t> missing_index_;
  mutable std::unordered_map<const SourceText*, std::vector<std::uint32_t>> line_begins_;
  std::unordered_map<std::string, bool> warned_;
  std::unordered_map<const void*, bool> has_control_flow_;
};

// Counts the evaluator's own nesting for as long as it lives.
class DepthGuard {
 public:
  explicit DepthGuard(Evaluator& evaluator) : evaluator_(evaluator) { ++evaluator_.depth_; }
  ~DepthGuard() { --evaluator_.depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  Status Check() const;

 private:
  Evaluator& evaluator_;
};

// "code/__torch__/net.py" text -> the callers, innermost first.
void AddCallContext(Error& error, const Frame& frame, const std::string& call_place);

}  // namespace octavo::import
