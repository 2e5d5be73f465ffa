#pragma once

// Calls that are evaluated while the model is imported, by subject.

#include "octavo/import/evaluator.h"

namespace octavo::import {

using BuiltinResult = Result<std::optional<Value>>;

void AddNumberBuiltins(BuiltinTable& table);      // arithmetic, comparisons, math
void AddConversionBuiltins(BuiltinTable& table);  // int(), float(), str(), tensors <-> numbers
void AddListBuiltins(BuiltinTable& table);        // lists and tuples
void AddSequenceBuiltins(BuiltinTable& table);    // range, sorted, sum, zip, ...
void AddDictBuiltins(BuiltinTable& table);
void AddStringBuiltins(BuiltinTable& table);
void AddTensorBuiltins(BuiltinTable& table);  // size, dtype, q_scale, ...
void AddControlBuiltins(
    BuiltinTable& table);  // raise, warn, casts, what the program asks of its surroundings
void AddConstantBuiltins(BuiltinTable& table);  // views and quantization of constants
void AddPrepackBuiltins(BuiltinTable& table);   // packed weights

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDivide,
  kTruncateDivide,
  kRemainder,
  kFmod,
  kPow,
  kMin,
  kMax,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRight
};
enum class CompareOp { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

// Python's result for two numbers (an int, a symbolic int, a float or a bool each).
Result<Value> Arithmetic(Evaluator& evaluator, BinaryOp op, const Value& a, const Value& b);
// The same for a call's arguments, where 0-dimensional tensors of known numbers count as numbers and give
// such tensors; not mine for anything else.
Result<std::optional<Value>> NumberBinary(Evaluator& evaluator, const CallArguments& call, BinaryOp op);
// True, False, or an Undecided.
Value CompareNumbers(Evaluator& evaluator, CompareOp op, const Value& a, const Value& b);
bool CompareStrings(CompareOp op, const std::string& a, const std::string& b);
// Deep equality as Python's ==; nullopt where it cannot be told (tensors).  The result may be an Undecided.
Result<std::optional<Value>> Equal(Evaluator& evaluator, const Value& a, const Value& b);
// The position of the first `part` in `text` from a position on, or npos.  std::string::find may take as many
// steps as the product of both lengths; this takes as many as their sum.
std::size_t FindIn(const std::string& text, const std::string& part, std::size_t from);
// An error for a key that no dict of this program can be searched for: a tensor.
Status CheckKey(const Value& key);
// The position of a key in a dict, or the number of its items.
Result<std::size_t> Locate(Evaluator& evaluator, Dict& dict, const Value& key);
// A known int; an error that names `what` where it is symbolic or another kind.
Result<std::int64_t> KnownInt(const Value& value, std::string_view what);
// As Python's str().
Result<std::string> ToText(Evaluator& evaluator, const Value& value, bool quoted = false);
// The number that a tensor of that dtype holds, as PyTorch converts it; open sizes stay themselves.
Value RoundToDType(const Value& number, DType dtype);
// The result of an operator on 0-dimensional tensors, computed in their common dtype `dtype`.
Result<Value> TypedArithmetic(Evaluator& evaluator, BinaryOp op, const Value& a, const Value& b, DType dtype);
// A float32 or float64 tensor's number to the power of a Python number.
Value PowerOfTensor(const Value& base, double exponent, DType dtype);
// The float16 nearest to x, ties to even, as a float; infinity beyond float16's range.
float RoundToHalf(float x);

// aten::to of a number that the importer computes: to(x, dtype, ...), to(x, device, dtype, ...).
BuiltinResult ConvertNumberTensor(Evaluator& evaluator, const CallArguments& call);

inline BuiltinResult Done(Value value) { return std::optional<Value>(value); }
inline BuiltinResult NotMine() { return std::optional<Value>(); }

inline constexpr const char* kGiveSize =
    "Give the input's sizes as numbers, as in --input 'x:float32[1,3,224,224]'.";

}  // namespace octavo::import
