#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "octavo/driver/audit.h"

namespace octavo::driver {
namespace {

bool IsWord(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Dotted names before "(" in generated code, outside of texts and comments.
class CallFinder {
 public:
  CallFinder(std::string_view code, std::string_view where, Audit& audit)
      : code_(code), where_(where), audit_(audit) {}

  void Run() {
    while (at_ < code_.size()) {
      const char c = code_[at_];
      if (c == '#') {
        at_ = std::min(code_.find('\n', at_), code_.size());
      } else if (c == '"' || c == '\'') {
        SkipText(c);
        name_.clear();
      } else if (IsWord(c)) {
        TakeWord();
      } else {
        if (c == '(') Call();
        if (c == '\n') ++line_;
        // A method of what stands before the point.
        if (c == '.') {
          name_ += '.';
        } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
          name_.clear();
        }
        ++at_;
      }
    }
  }

 private:
  void TakeWord() {
    const std::size_t begin = at_;
    while (at_ < code_.size() && IsWord(code_[at_])) ++at_;
    if (!name_.ends_with('.')) name_.clear();
    name_ += code_.substr(begin, at_ - begin);
  }
  void SkipText(char quote) {
    const std::string triple(3, quote);
    const bool is_long = code_.substr(at_).starts_with(triple);
    at_ += is_long ? 3 : 1;
    while (at_ < code_.size()) {
      if (code_[at_] == '\n') ++line_;
      if (code_[at_] == '\\') {
        at_ += 2;
      } else if (is_long ? code_.substr(at_).starts_with(triple) : code_[at_] == quote) {
        at_ += is_long ? 3 : 1;
        return;
      } else {
        ++at_;
      }
    }
    at_ = code_.size();
  }

  void Add(std::string_view what) { audit_.Add(fmt::format("{}:{}", where_, line_), std::string(what)); }

  void Call() {
    static constexpr std::array<std::string_view, 3> kRemote = {"rpc_async", "rpc_sync", "rpc_remote"};
    const std::string_view name = name_;
    const std::size_t point = name.rfind('.');
    const std::string_view last = name.substr(point == name.npos ? 0 : point + 1);
    const bool method = point != name.npos;
    const bool foreign = name.starts_with("ops.");  // ops.image.read_file, ops.aten.save
    if (method && last == "save") Add("calls aten::save, which writes a file at run time");
    if (method && last == "from_file") Add("calls aten::from_file, which opens a file at run time");
    if (foreign && (last == "read_file" || last == "write_file" || last.find("load") != last.npos)) {
      Add(fmt::format("calls {}, which opens a file at run time", name));
    }
    if (std::ranges::find(kRemote, last) != kRemote.end()) {
      Add(fmt::format("calls {}, which runs code on other machines at run time", last));
    }
    if (name == "getattr" && code_.substr(at_).starts_with("(torch")) Add("looks up an operator by a text");
    if (name == "getattr" && code_.substr(at_).starts_with("(ops")) Add("looks up an operator by a text");
  }

  std::string_view code_, where_;
  Audit& audit_;
  std::string name_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

void AuditCode(std::string_view code, std::string_view where, Audit& audit) {
  CallFinder(code, where, audit).Run();
}

}  // namespace octavo::driver
