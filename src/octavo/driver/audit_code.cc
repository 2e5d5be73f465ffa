#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "octavo/driver/audit.h"
#include "octavo/pickle/pickle.h"

namespace octavo::driver {
namespace {

bool IsRemote(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kRemote = {"rpc_async", "rpc_sync", "rpc_remote"};
  return std::ranges::find(kRemote, name) != kRemote.end();
}

bool IsWord(char c) {
  return c == '_' || static_cast<unsigned char>(c) >= 0x80 ||
         std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// A word, the quote that begins a text, or a sign.
struct Token {
  std::string_view text;
  std::size_t line = 1;

  bool Is(char c) const { return text.size() == 1 && text[0] == c; }
  bool word() const { return !text.empty() && IsWord(text[0]); }
};

// PyTorch's lexer, as far as it matters here.  What it does not take is none of a model, so that all is taken
// here: text that octavo::source refuses may still be hostile.
class Splitter {
 public:
  explicit Splitter(std::string_view code) : code_(code) {}

  std::vector<Token> Run() {
    while (at_ < code_.size()) {
      const char c = code_[at_];
      if (c == '#') {
        at_ = std::min(code_.find('\n', at_), code_.size());
      } else if (c == '"' || c == '\'') {
        SkipText(c);
      } else if (IsWord(c)) {
        std::size_t end = at_;
        while (end < code_.size() && IsWord(code_[end])) ++end;
        Take(end - at_);
      } else {
        Sign(c);
      }
    }
    return std::move(tokens_);
  }

 private:
  void Take(std::size_t length) {
    tokens_.push_back({code_.substr(at_, length), line_});
    at_ += length;
  }

  void Sign(char c) {
    if (c == '\n') ++line_;
    // A backslash continues the line.
    if (c == '\\' || std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at_;
    } else {
      Take(1);
    }
  }

  void SkipText(char quote) {
    const std::string triple(3, quote);
    const bool is_long = code_.substr(at_).starts_with(triple);
    const std::size_t length = is_long ? 3 : 1;
    tokens_.push_back({code_.substr(at_, 1), line_});
    at_ += length;
    while (at_ < code_.size()) {
      if (code_[at_] == '\n') ++line_;
      if (code_[at_] == '\\') {
        if (code_.substr(at_).starts_with("\\\n")) ++line_;
        at_ += 2;
      } else if (is_long ? code_.substr(at_).starts_with(triple) : code_[at_] == quote) {
        at_ += length;
        return;
      } else {
        ++at_;
      }
    }
    at_ = code_.size();
  }

  std::string_view code_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0, line_ = 1;
};

// Mentions of what opens files or other machines, in generated code.  PyTorch's compiler lets a name stand
// for an operator ("f = torch.save"), so that a mention counts as a call does.
class MentionFinder {
 public:
  MentionFinder(std::string_view code, std::string_view where, Audit& audit)
      : tokens_(Splitter(code).Run()), where_(where), audit_(audit) {}

  void Run() {
    for (at_ = 0; at_ < tokens_.size();) {
      if (tokens_[at_].word() || tokens_[at_].Is('.')) {
        Chain();
      } else {
        ++at_;
      }
    }
  }

 private:
  bool Sees(std::size_t at, char c) const { return at < tokens_.size() && tokens_[at].Is(c); }

  void Add(std::size_t line, std::string what) {
    audit_.Add(fmt::format("{}:{}", where_, line), std::move(what));
  }

  // "torch.save", ".save" behind an expression, "x".
  void Chain() {
    const std::size_t begin = at_;
    std::vector<std::string_view> path;
    if (tokens_[at_].Is('.')) {
      path.emplace_back();
      ++at_;
    }
    if (at_ < tokens_.size() && tokens_[at_].word()) path.push_back(tokens_[at_++].text);
    while (Sees(at_, '.') && at_ + 1 < tokens_.size() && tokens_[at_ + 1].word()) {
      path.push_back(tokens_[at_ + 1].text);
      at_ += 2;
    }
    if (path.empty() || path.back().empty()) return;
    // "def save(" and "save : Tensor" are a method and an attribute of the model.
    const std::string_view before = begin == 0 ? "" : tokens_[begin - 1].text;
    if (path.size() == 1 && (before == "def" || before == "class" || Sees(at_, ':'))) return;
    const std::size_t line = tokens_[at_ - 1].line;
    if (path[0] == "torch" || path[0] == "ops") {
      Operator(path, begin, line);
    } else {
      Other(path, line);
    }
  }

  void Operator(const std::vector<std::string_view>& path, std::size_t begin, std::size_t line) {
    // "torch", "ops" and "ops.aten" alone are nothing but another name, or are for getattr.
    if (path.size() < (path[0] == "ops" ? 3 : 2)) {
      while (begin > 0 && tokens_[begin - 1].Is('(')) --begin;
      const bool looks_up = begin > 0 && tokens_[begin - 1].text == "getattr" && Sees(begin, '(');
      Add(line, looks_up ? "looks up an operator by a text"
                         : fmt::format("uses {} other than by its operators' names, which hides them",
                                       fmt::join(path, ".")));
      return;
    }
    const bool foreign = path[0] == "ops";
    for (std::size_t i = 1; i < path.size(); ++i) {
      const std::string_view name = path[i];
      if (OpensFile(name, line)) return;
      const bool loads = i > 1 && name.find("load") != name.npos;  // of ops.image, ops.torchaudio, ...
      if (foreign && (name == "read_file" || name == "write_file" || loads)) {
        return Add(line, fmt::format("calls {}, which opens a file at run time", fmt::join(path, ".")));
      }
    }
    Remote(path.back(), line);
  }

  void Other(const std::vector<std::string_view>& path, std::size_t line) {
    const std::string_view last = path.back();
    if (path.size() == 1) {
      Remote(last, line);
      return;
    }
    // A model may have attributes of these names, which it does not call.
    if (!Sees(at_, '(')) return;
    OpensFile(last, line);
    Remote(last, line);
  }

  // PyTorch's own operators for files.
  bool OpensFile(std::string_view name, std::size_t line) {
    if (name != "save" && name != "from_file") return false;
    Add(line, OperatorDoes(fmt::format("aten::{}", name)));
    return true;
  }

  void Remote(std::string_view name, std::size_t line) {
    if (IsRemote(name)) {
      Add(line, fmt::format("calls {}, which runs code on other machines at run time", name));
    }
  }

  std::vector<Token> tokens_;
  std::string_view where_;
  Audit& audit_;
  std::size_t at_ = 0;
};

}  // namespace

std::string OperatorDoes(std::string_view text) {
  const std::size_t colons = text.find("::");
  if (colons == text.npos || !std::ranges::all_of(text, [](char c) { return IsWord(c) || c == ':'; }))
    return "";
  const std::string_view name = text.substr(colons + 2);
  if (name == "save" || name == "write_file")
    return fmt::format("calls {}, which writes a file at run time", text);
  if (name == "from_file" || name == "read_file" || name.find("load") != name.npos)
    return fmt::format("calls {}, which opens a file at run time", text);
  if (IsRemote(name)) return fmt::format("calls {}, which runs code on other machines at run time", text);
  return "";
}

void AuditBytecode(const Storage& bytes, const std::string& where, const Limits& limits, Audit& audit) {
  const auto pickle =
      pickle::Read(bytes, {.limits = limits, .record = where, .allowed = {}, .torchscript = true});
  if (!pickle) {
    audit.Add(where,
              fmt::format("cannot be read, so that its operators are unknown: {}", pickle.error().what()));
    return;
  }
  for (pickle::NodeId id = 0; id < pickle->size(); ++id) {
    if (pickle->kind(id) != pickle::Kind::kString && pickle->kind(id) != pickle::Kind::kBytes) continue;
    std::string does = OperatorDoes(pickle->text(id));
    if (!does.empty()) audit.Add(fmt::format("{}, byte {}", where, pickle->position(id)), std::move(does));
  }
}

void AuditCode(std::string_view code, std::string_view where, Audit& audit) {
  MentionFinder(code, where, audit).Run();
}

}  // namespace octavo::driver
