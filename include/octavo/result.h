#pragma once

// How Octavo reports failure.  No function of the library prints, aborts or throws on bad input.  It returns
// a Result<T>, whose Error says what is wrong, where, and what to do.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace octavo {

enum class ErrorCode {
  kUsage,        // an option or argument is wrong (exit code 2)
  kInvalidFile,  // the model file is damaged, forbidden, or of another kind (exit code 3)
  kUnsupported,  // the model is valid, but Octavo cannot convert it (exit code 3)
  kIo,           // reading or writing failed (exit code 4)
};

// One item of an error that has several, such as one unsupported operator.
struct ErrorDetail {
  std::string message;           // a complete sentence, without the place
  std::string op = {};           // "aten::stft"; empty if the item is not an operator
  std::size_t count = 0;         // the number of uses in the model; 0: not counted
  std::string place = {};        // the place of the first use, as in Error::where()
  std::string module_path = {};  // "layer1.0.conv1"
  std::string excerpt = {};      // as in Error::excerpt()

  // "message, first at place, in module", with the excerpt below it.
  std::string ToString() const;
};

class Error {
 public:
  Error(ErrorCode code, std::string what, std::string hint = {})
      : code_(code), what_(std::move(what)), hint_(std::move(hint)) {}

  ErrorCode code() const { return code_; }
  // What is wrong: one sentence without a full stop, with a lower-case first letter.
  const std::string& what() const { return what_; }
  // The place: "code/__torch__/net.py:31:10", "record data.pkl, byte 17", "operator quantized::add"; may be
  // empty.
  const std::string& where() const { return where_; }
  // The source lines of the place, with a caret line under them; may be empty.
  const std::string& excerpt() const { return excerpt_; }
  // The operator that SetSubject() named; may be empty.
  const std::string& subject() const { return subject_; }
  // What to do about it; may be empty.
  const std::string& hint() const { return hint_; }
  // The items of the message, such as one per unsupported operator.
  const std::vector<ErrorDetail>& details() const { return details_; }
  // The calls or steps that led to the error, innermost first.
  const std::vector<std::string>& context() const { return context_; }
  // True if a type, size or quantization is missing that --input may give.
  bool needs_input() const { return needs_input_; }

  // Sets the place.  The innermost function knows it best, so only the first call has an effect.
  Error& SetWhere(std::string where, std::string excerpt = {});
  Error& SetHint(std::string hint);
  // Puts "subject: " before what(), unless it begins with the subject: an operator.
  Error& SetSubject(std::string_view subject);
  Error& AddDetail(std::string message);
  Error& AddDetail(ErrorDetail detail);
  Error& AddContext(std::string step);
  Error& SetNeedsInput();

  // The whole message: several lines, without a newline at the end.
  std::string ToString() const;

 private:
  ErrorCode code_;
  std::string what_, where_, excerpt_, hint_, subject_;
  std::vector<ErrorDetail> details_;
  std::vector<std::string> context_;
  bool needs_input_ = false;
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error) : tl::expected<T, Error>(tl::unexpected<Error>(std::move(error))) {}
  T Take() && { return std::move(**this); }
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
 public:
  using tl::expected<void, Error>::expected;
  Result(Error error) : tl::expected<void, Error>(tl::unexpected<Error>(std::move(error))) {}
  void Take() && {}
};

using Status = Result<void>;

inline Error InvalidFile(std::string what, std::string hint = {}) {
  return Error(ErrorCode::kInvalidFile, std::move(what), std::move(hint));
}
inline Error Unsupported(std::string what, std::string hint = {}) {
  return Error(ErrorCode::kUnsupported, std::move(what), std::move(hint));
}
// Unsupported, unless --input gives more types or shapes of the model's inputs.
inline Error NeedsInput(std::string what, std::string hint = {}) {
  return std::move(Unsupported(std::move(what), std::move(hint)).SetNeedsInput());
}
inline Error UsageError(std::string what, std::string hint = {}) {
  return Error(ErrorCode::kUsage, std::move(what), std::move(hint));
}
inline Error IoError(std::string what, std::string hint = {}) {
  return Error(ErrorCode::kIo, std::move(what), std::move(hint));
}

}  // namespace octavo

// Evaluates to the value of a Result.  If the Result holds an error, returns that error from the enclosing
// function, which must return a Result, too.
// Do not use it inside an aggregate's braces after a member that owns memory: GCC 12 does not destroy the
// members made so far when a return leaves the braces.  Take the value in an earlier statement.
#define OCTAVO_TRY(expression) OCTAVO_TRY_NUMBERED(expression, __COUNTER__)
#define OCTAVO_TRY_NUMBERED(expression, number) OCTAVO_TRY_NAMED(expression, number)
#define OCTAVO_TRY_NAMED(expression, number)                                       \
  __extension__({                                                                  \
    auto octavo_result_##number = (expression);                                    \
    if (!octavo_result_##number) return std::move(octavo_result_##number).error(); \
    std::move(octavo_result_##number).Take();                                      \
  })
