#include "octavo/module/source_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "octavo/module/globals.h"
#include "octavo/pickle/pickle.h"

namespace octavo::module {
namespace {

using pickle::Kind;
using pickle::NodeId;
using pickle::Pickle;

constexpr std::string_view kStringTable = "FORMAT_WITH_STRING_TABLE";
constexpr std::size_t kLongestName = 100;
constexpr std::size_t kLongestPath = 4096;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The calls outside of this one are of the program that traced the model.
bool IsTracer(std::string_view path) {
  return path.ends_with("torch/jit/_trace.py") || path.ends_with("torch/jit/__init__.py") ||
         path.ends_with("torch\\jit\\_trace.py") || path.ends_with("torch\\jit\\__init__.py");
}

// Calls between any module and its forward, which say nothing.
bool IsDispatch(std::string_view path) {
  const std::string name = BaseName(path);
  return name == "module.py" || name == "_ops.py" || name == "graph_module.py" || name == "_contextlib.py";
}

std::vector<std::string_view> Folders(std::string_view path) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t at = path.find_first_of("/\\"); at != std::string_view::npos;
       at = path.find_first_of("/\\", begin)) {
    parts.push_back(path.substr(begin, at - begin));
    begin = at + 1;
  }
  parts.push_back(path.substr(begin));
  return parts;
}

}  // namespace

std::string BaseName(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  if (path.size() > kLongestName) path = path.substr(path.size() - kLongestName);
  std::string name(path);
  for (char& c : name) {
    const auto u = static_cast<unsigned char>(c);
    // A comma would end the place in the text of a node's origin.
    if (u < 0x20 || u >= 0x7f || c == ',') c = '_';
  }
  return name;
}

std::optional<AuthorLine::Owner> OwnerOf(std::string_view path) {
  using Owner = AuthorLine::Owner;
  if (path.empty() || path.size() > kLongestPath) return std::nullopt;
  // Cells of a notebook and lines typed at the prompt are the author's; <string> and <eval_with_key> are
  // generated.
  if (path.front() == '<') {
    if (path.starts_with("<ipython-input") || path == "<stdin>") return Owner::kAuthor;
    return std::nullopt;
  }
  const std::vector<std::string_view> parts = Folders(path);
  const auto next = [&parts](std::size_t i) { return i + 1 < parts.size() ? parts[i + 1] : ""; };
  bool packages = false;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] == "site-packages" || parts[i] == "dist-packages") {
      packages = true;
      if (next(i) == "torch" || next(i) == "functorch") return Owner::kPyTorch;
    }
    if (parts[i] == "torchvision") return Owner::kTorchvision;
    // PyTorch that runs from the folder where it was built.
    static constexpr std::array<std::string_view, 10> kSubpackages = {
        "nn",         "ao",           "jit",     "fx", "quantization", "_ops.py", "functional.py",
        "_tensor.py", "overrides.py", "autograd"};
    if (parts[i] == "torch" &&
        std::find(kSubpackages.begin(), kSubpackages.end(), next(i)) != kSubpackages.end()) {
      return Owner::kPyTorch;
    }
  }
  for (std::size_t i = 0; i + 1 < parts.size() && !packages; ++i) {
    // "/usr/lib/python3.11/contextlib.py", "C:\Python311\Lib\contextlib.py"
    const bool unix_library = parts[i].starts_with("python3") && i > 0 && parts[i - 1] == "lib";
    const bool windows_library = parts[i] == "Lib" && i > 0 && parts[i - 1].starts_with("Python3");
    if (unix_library || windows_library) return std::nullopt;
  }
  return Owner::kAuthor;
}

// Everything in the pickle is checked where it is used: a node of another kind ends the reading.
class SourceMapReader {
 public:
  // Many sources may share one list of lines; `bytes`, the size of the pickle, bounds the work of walking
  // them.
  SourceMapReader(const Pickle& pickle, std::size_t bytes) : pickle_(pickle), work_left_(bytes) {}

  std::optional<SourceMap> Run() {
    NodeId entries = pickle_.root();
    if (pickle_.kind(entries) != Kind::kTuple) return std::nullopt;
    const auto root = pickle_.items(entries);
    if (root.size() == 3 && pickle_.kind(root[0]) == Kind::kString && pickle_.text(root[0]) == kStringTable) {
      if (pickle_.kind(root[1]) != Kind::kTuple) return std::nullopt;
      has_texts_ = true;
      texts_ = pickle_.items(root[1]);
      entries = root[2];
      if (pickle_.kind(entries) != Kind::kTuple) return std::nullopt;
    }
    for (const NodeId entry : pickle_.items(entries)) {
      if (!AddEntry(entry)) return std::nullopt;
    }
    return std::move(map_);
  }

 private:
  // "net.py(47): forward": a call of a traced stack.
  struct Call {
    std::string_view path;
    std::int64_t line = 0;
  };

  static std::optional<Call> ParseCall(std::string_view text) {
    for (std::size_t close = text.rfind("): "); close != std::string_view::npos && close > 0;
         close = text.rfind("): ", close - 1)) {
      std::size_t open = close;
      while (open > 0 && IsDigit(text[open - 1])) --open;
      if (open == close || open < 2 || text[open - 1] != '(') continue;
      std::int64_t line = 0;
      if (std::from_chars(text.data() + open, text.data() + close, line).ec != std::errc()) continue;
      return Call{text.substr(0, open - 1), line};
    }
    return std::nullopt;
  }

  // The lines of one source, whose text is either a function's or the stack of a traced call.
  struct Source {
    std::uint32_t traced = SourceMap::kNoLine;  // of a stack
    std::string_view path;                      // of a function
    std::optional<AuthorLine::Owner> owner;
    std::int64_t first_line = 0;
    std::vector<std::uint32_t> line_ends;
  };

  // (byte, source, tag), until PyTorch 1.7 (byte, source), for a while (byte, tag, source)
  bool AddEntry(NodeId node) {
    if (pickle_.kind(node) != Kind::kTuple) return false;
    const auto items = pickle_.items(node);
    if (items.size() < 2 || pickle_.kind(items[0]) != Kind::kInt) return false;
    const std::int64_t byte = pickle_.integer(items[0]);
    if (byte < 0 || byte > std::numeric_limits<std::uint32_t>::max()) return false;
    if (!map_.entries_.empty() && byte < map_.entries_.back().byte) return false;
    const bool tag_first = items.size() > 2 && pickle_.kind(items[1]) == Kind::kInt;
    const NodeId range = items[tag_first ? 2 : 1];
    if (pickle_.kind(range) != Kind::kTuple) return false;
    const auto parts = pickle_.items(range);  // source, begin, end
    if (parts.size() < 3 || pickle_.kind(parts[1]) != Kind::kInt) return false;
    const Source* source = Find(parts[0]);
    if (source == nullptr) return false;
    map_.entries_.push_back({static_cast<std::uint32_t>(byte), LineIn(*source, pickle_.integer(parts[1]))});
    return true;
  }

  // Null: it has another form.
  const Source* Find(NodeId node) {
    const auto [at, added] = sources_.try_emplace(node);
    if (!added) return at->second ? &*at->second : nullptr;
    at->second = ReadSource(node);
    return at->second ? &*at->second : nullptr;
  }

  // (text, path, first line); the text is a string, or a list of the indices of its lines in the table.
  std::optional<Source> ReadSource(NodeId node) {
    if (pickle_.kind(node) != Kind::kTuple) return std::nullopt;
    const auto items = pickle_.items(node);
    if (items.size() < 3 || pickle_.kind(items[2]) != Kind::kInt) return std::nullopt;
    Source source;
    source.first_line = pickle_.integer(items[2]);
    if (source.first_line < 0 || source.first_line > std::numeric_limits<std::int32_t>::max()) {
      return std::nullopt;
    }
    std::vector<std::string_view> lines;
    if (has_texts_) {
      const std::optional<std::string_view> path = TableText(items[1]);
      if (!path || !TableLines(items[0], lines)) return std::nullopt;
      source.path = *path;
    } else {
      if (pickle_.kind(items[0]) != Kind::kString) return std::nullopt;
      if (pickle_.kind(items[1]) == Kind::kString) source.path = pickle_.text(items[1]);
      if (!SplitLines(pickle_.text(items[0]), lines)) return std::nullopt;
    }
    const std::size_t looked_at = source.path.size() + (lines.empty() ? 0 : lines[0].size());
    if (!Charge(1 + looked_at / 16)) return std::nullopt;
    const std::optional<Call> first = lines.empty() ? std::nullopt : ParseCall(lines[0]);
    if (first && first->path == source.path && first->line == source.first_line) {
      source.traced = LineOfStack(lines);
      source.path = {};
      return source;
    }
    source.owner = OwnerOf(source.path);
    if (!source.owner) return source;
    source.line_ends.reserve(lines.size());
    std::uint64_t end = 0;
    for (const std::string_view line : lines) {
      end += line.size();
      if (end > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
      source.line_ends.push_back(static_cast<std::uint32_t>(end));
    }
    return source;
  }

  std::optional<std::string_view> TableText(NodeId index) const {
    if (pickle_.kind(index) != Kind::kInt) return std::nullopt;
    const std::int64_t i = pickle_.integer(index);
    if (i < 0 || static_cast<std::uint64_t>(i) >= texts_.size()) return std::nullopt;
    const NodeId text = texts_[static_cast<std::size_t>(i)];
    if (pickle_.kind(text) != Kind::kString) return std::nullopt;
    return pickle_.text(text);
  }

  // build_intlist(([1, 2, 0],)), or the list itself
  bool TableLines(NodeId node, std::vector<std::string_view>& lines) {
    if (pickle_.kind(node) == Kind::kCall) {
      const NodeId arguments = pickle_.arguments(node);
      if (pickle_.kind(arguments) != Kind::kTuple || pickle_.items(arguments).size() != 1) return false;
      node = pickle_.items(arguments)[0];
    }
    if (pickle_.kind(node) != Kind::kList) return false;
    if (!Charge(pickle_.items(node).size())) return false;
    for (const NodeId index : pickle_.items(node)) {
      const std::optional<std::string_view> line = TableText(index);
      if (!line) return false;
      lines.push_back(*line);
    }
    return true;
  }

  bool SplitLines(std::string_view text, std::vector<std::string_view>& lines) {
    while (!text.empty()) {
      const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
      lines.push_back(text.substr(0, size));
      text.remove_prefix(size);
      if (!Charge(1 + size / 16)) return false;
    }
    return true;
  }

  bool Charge(std::size_t work) {
    if (work > work_left_) return false;
    work_left_ -= work;
    return true;
  }

  // The innermost call of the best owner.
  std::uint32_t LineOfStack(const std::vector<std::string_view>& lines) {
    std::optional<AuthorLine::Owner> best;
    Call found;
    for (const std::string_view line : lines) {
      const auto [at, added] = calls_.try_emplace({line.data(), line.size()});
      if (added) {
        if (const std::optional<Call> call = ParseCall(line)) {
          at->second = {*call, OwnerOf(call->path), IsTracer(call->path), IsDispatch(call->path)};
        }
      }
      const KnownCall& known = at->second;
      if (known.tracer) break;
      if (!known.owner || (best && *known.owner >= *best)) continue;
      if (known.dispatch && *known.owner == AuthorLine::Owner::kPyTorch) continue;
      best = known.owner;
      found = known.call;
    }
    return best ? AddLine(found.path, found.line, *best, true) : SourceMap::kNoLine;
  }

  std::uint32_t LineIn(const Source& source, std::int64_t begin) {
    if (source.path.empty()) return source.traced;
    if (!source.owner || begin < 0) return SourceMap::kNoLine;
    const auto line = std::upper_bound(source.line_ends.begin(), source.line_ends.end(), begin);
    if (line == source.line_ends.end()) return SourceMap::kNoLine;
    return AddLine(source.path, source.first_line + (line - source.line_ends.begin()), *source.owner, false);
  }

  std::uint32_t AddLine(std::string_view path, std::int64_t line, AuthorLine::Owner owner, bool traced) {
    const auto [at, added] = known_lines_.try_emplace({path.data(), line}, map_.lines_.size());
    if (added) map_.lines_.push_back({BaseName(path), line, owner, traced});
    return static_cast<std::uint32_t>(at->second);
  }

  struct KnownCall {
    Call call;
    std::optional<AuthorLine::Owner> owner;
    bool tracer = false, dispatch = false;
  };

  const Pickle& pickle_;
  SourceMap map_;
  bool has_texts_ = false;
  std::span<const NodeId> texts_;
  std::unordered_map<NodeId, std::optional<Source>> sources_;
  std::map<std::pair<const char*, std::size_t>, KnownCall> calls_;           // by where the line lies
  std::map<std::pair<const char*, std::int64_t>, std::size_t> known_lines_;  // by where the path lies
  std::size_t work_left_;
};

std::optional<SourceMap> SourceMap::Read(Storage bytes, const Limits& limits) {
  const pickle::Options options{.limits = limits, .record = "debug_pkl", .allowed = IsAllowedGlobal};
  const std::size_t size = bytes.bytes.size();
  const auto pickle = pickle::Read(std::move(bytes), options);
  if (!pickle) return std::nullopt;
  return SourceMapReader(*pickle, size).Run();
}

const AuthorLine* SourceMap::Find(std::size_t byte) const {
  const auto next = std::upper_bound(entries_.begin(), entries_.end(), byte,
                                     [](std::size_t at, const Entry& entry) { return at < entry.byte; });
  if (next == entries_.begin()) return nullptr;
  const std::uint32_t line = std::prev(next)->line;
  return line == kNoLine ? nullptr : &lines_[line];
}

}  // namespace octavo::module
