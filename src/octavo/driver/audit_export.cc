#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "octavo/driver/audit.h"
#include <nlohmann/json.hpp>

namespace octavo::driver {
namespace {

bool IsDigitChar(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) {
  return c == '_' || IsDigitChar(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <std::size_t N>
bool Lists(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// What torch.export writes of sympy's and its own functions.
bool IsFunctionOfSympy(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::string_view>({
      "Symbol",
      "Dummy",
      "Integer",
      "Rational",
      "Float",
      "Add",
      "Mul",
      "Pow",
      "Max",
      "Min",
      "Mod",
      "Abs",
      "FloorDiv",
      "ModularIndexing",
      "CleanDiv",
      "CeilDiv",
      "IntTrueDiv",
      "FloatTrueDiv",
      "ToFloat",
      "TruncToInt",
      "TruncToFloat",
      "CeilToInt",
      "FloorToInt",
      "RoundToInt",
      "RoundDecimal",
      "PythonMod",
      "PowByNatural",
      "FloatPow",
      "Where",
      "LShift",
      "RShift",
      "Identity",
      "IsNonOverlappingAndDenseIndicator",
      "Equality",
      "Unequality",
      "StrictGreaterThan",
      "StrictLessThan",
      "GreaterThan",
      "LessThan",
      "Not",
      "And",
      "Or",
      "Xor",
      "Eq",
      "Ne",
      "Lt",
      "Le",
      "Gt",
      "Ge",
      "floor",
      "ceiling",
      "sqrt",
      "Piecewise",
      "ExprCondPair",
      "Tuple",
  });
  return name.starts_with("OpaqueUnaryFn_") || name.starts_with("BitwiseFn_") || Lists(kNames, name);
}

// What the conditions call that torch.export writes.
bool IsFunctionOfGuards(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::string_view>({
      // Operators, in front of a parenthesis.
      "and",
      "or",
      "not",
      "if",
      "else",
      "is",
      "in",  //
      "max",
      "min",
      "abs",
      "int",
      "float",
      "bool",
      "round",  //
      "math.trunc",
      "math.ceil",
      "math.floor",
      "math.sqrt",
      "math.pow",
      "math.isnan",
      "math.log",
      "math.log2",
      "math.exp",
      "math.sin",
      "math.cos",
      "math.tan",
      "math.sinh",
      "math.cosh",
      "math.tanh",
      "math.asin",
      "math.acos",
      "math.atan",
      "torch.sym_float",
      "torch.sym_int",
      "torch.sym_max",
      "torch.sym_min",
      "torch.sym_not",
      "torch.sym_ite",
      "torch.sym_sqrt",
      "IsNonOverlappingAndDenseIndicator",
      "cast_symbool_to_symint_guardless",  //
      ".size",
      ".stride",
      ".storage_offset",
  });
  constexpr std::string_view kUnary = "torch._sym_";
  const bool unary = name.starts_with(kUnary) && name.find('.', kUnary.size()) == name.npos;
  return unary || Lists(kNames, name);
}

// A text that Python evaluates, and in which nothing is called but what is known to compute numbers.
class Expression {
 public:
  Expression(std::string_view text, bool guard) : text_(text), guard_(guard) {}

  bool IsPlain() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (c == ' ') {
        ++at_;
      } else if (c == '\'' || c == '"') {
        if (!Text(c)) return false;
      } else if (IsDigitChar(c) || (c == '.' && IsDigitChar(next))) {
        if (!Number()) return false;
      } else if (IsNameChar(c) || (guard_ && c == '.')) {
        if (!Name()) return false;
      } else if (!Sign(c)) {
        return false;
      }
    }
    return true;
  }

 private:
  enum class Before : std::uint8_t { kOperator, kValue, kFunction };

  // Also what sympy evaluates once more: the texts that are given to its functions.  torch.export puts the
  // conditions between quotes, out of which others in them would lead.
  bool Text(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos || before_ != Before::kOperator) return false;
    const std::string_view text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    before_ = Before::kValue;
    if (guard_) return text.find_first_of("'\"\\\r\n{}") == text.npos;
    const bool number = !text.empty() && (IsDigitChar(text[0]) || text[0] == '-');
    return std::ranges::all_of(
        text, [number](char c) { return IsNameChar(c) || (number && (c == '.' || c == '+' || c == '-')); });
  }
  bool Number() {
    while (at_ < text_.size() && (IsDigitChar(text_[at_]) || text_[at_] == '.')) ++at_;
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      while (at_ < text_.size() && IsDigitChar(text_[at_])) ++at_;
    }
    before_ = Before::kValue;
    return at_ == text_.size() || !IsNameChar(text_[at_]);
  }
  bool Name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (IsNameChar(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    const bool function = guard_ ? IsFunctionOfGuards(name) : IsFunctionOfSympy(name);
    before_ = function ? Before::kFunction : Before::kValue;
    static constexpr auto kOperators =
        std::to_array<std::string_view>({"and", "or", "not", "if", "else", "is"});
    if (guard_ && Lists(kOperators, name)) before_ = Before::kOperator;
    // S.Infinity, math.inf
    if (name.find('.') == name.npos || function) return true;
    return guard_ ? name == "math.inf" || name == "math.nan" || name == "math.pi" || name == "math.e"
                  : name == "S.Infinity" || name == "S.NegativeInfinity" || name == "S.NaN";
  }
  bool Sign(char c) {
    constexpr std::string_view kBoth = "()+-*/%,=<>!&|~^", kOfGuards = "[]";
    if (kBoth.find(c) == kBoth.npos && (!guard_ || kOfGuards.find(c) == kOfGuards.npos)) return false;
    if (c == '(' && before_ == Before::kValue) return false;
    // Of sympy's own language: "3!" calls a function.
    if (c == '!' && !text_.substr(at_).starts_with("!=")) return false;
    before_ = c == ')' || c == ']' ? Before::kValue : Before::kOperator;
    ++at_;
    return true;
  }

  std::string_view text_;
  bool guard_;
  std::size_t at_ = 0;
  Before before_ = Before::kOperator;
};

// "aten::from_file" of "torch.ops.aten.from_file.default", the target of a node.
std::string OperatorOfTarget(std::string_view target) {
  constexpr std::string_view kOps = "torch.ops.";
  if (!target.starts_with(kOps)) return "";
  target.remove_prefix(kOps.size());
  const std::size_t point = target.find('.');
  if (point == target.npos) return "";
  const std::string_view name = target.substr(point + 1);
  return fmt::format("{}::{}", target.substr(0, point), name.substr(0, name.find('.')));
}

// Enough of a long text to recognize it, in one line.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string quoted;
  for (const char c : text.substr(0, kLongest)) {
    quoted += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
  }
  return fmt::format("\"{}{}\"", quoted, text.size() > kLongest ? "..." : "");
}

// Reads JSON one value after the other, so that its nesting costs no stack.
class JsonAudit : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonAudit(std::string_view where, Audit& audit) : where_(where), audit_(audit) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& text) override {
    if (key_.empty()) return true;
    if (key_.back() == "target") {
      if (std::string does = OperatorDoes(OperatorOfTarget(text)); !does.empty()) Add(std::move(does));
    }
    if (key_.back() == "expr_str" && !Expression(text, false).IsPlain()) {
      Add(fmt::format("evaluates the text {} with Python when torch.export.load reads it", Quoted(text)));
    } else if (key_.back() == "guards_code" && !Expression(text, true).IsPlain()) {
      Add(fmt::format("executes the text {} with Python when the program is made a module", Quoted(text)));
    }
    return true;
  }
  bool key(string_t& name) override {
    if (!key_.empty()) key_.back() = name;
    return true;
  }
  bool start_object(std::size_t) override { return Open(""); }
  bool end_object() override { return Close(); }
  // The elements of a list count as its key's values.
  bool start_array(std::size_t) override { return Open(key_.empty() ? "" : key_.back()); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    Add(fmt::format("is not JSON from byte {} on, so that what Python makes of it is unknown", position));
    return false;
  }

 private:
  bool Open(std::string key) {
    constexpr std::size_t kDeepest = 500;
    if (key_.size() >= kDeepest) {
      Add("is nested too deeply, so that what Python makes of it is unknown");
      return false;
    }
    key_.push_back(std::move(key));
    return true;
  }
  bool Close() {
    key_.pop_back();
    return true;
  }
  // A size may stand in many places.
  void Add(std::string what) {
    if (told_.insert(what).second) audit_.Add(std::string(where_), std::move(what));
  }

  std::string_view where_;
  Audit& audit_;
  std::set<std::string> told_;
  std::vector<std::string> key_;  // of each object and list that is open
};

}  // namespace

void AuditExportedJson(std::string_view json, std::string_view where, Audit& audit) {
  JsonAudit reader(where, audit);
  nlohmann::json::sax_parse(json, &reader);
}

}  // namespace octavo::driver
