#include "octavo/import/evaluator.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "octavo/ir/origin.h"

namespace octavo::import {
namespace {

// Modules that call each other twice make a number of operators that is exponential in the length of their
// code.  A file may make so many, and as many more as it has bytes.
constexpr std::size_t kOperatorsOfSmallFiles = std::size_t{1} << 17;
// The evaluator's own nesting: expressions in expressions, in blocks, in calls.
constexpr int kMaxDepth = 20'000;
constexpr std::uintptr_t kMaxStackBytes = std::uintptr_t{3} << 20;

std::uintptr_t StackPointer() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

}  // namespace

const Value* CallArguments::Find(std::size_t position, std::string_view name) const {
  if (position < positional.size()) return &positional[position];
  for (const auto& [key, value] : keywords) {
    if (key == name) return &value;
  }
  return nullptr;
}

Evaluator::Evaluator(const module::Module& module, const OperatorRules& rules, const Options& options,
                     Imported* imported)
    : module_(module),
      rules_(rules),
      options_(options),
      imported_(imported),
      arena_(options.limits.max_values),
      max_nodes_(limits().max_graph_nodes != 0 ? limits().max_graph_nodes
                                               : kOperatorsOfSmallFiles + module.file_bytes),
      stack_base_(StackPointer()) {
  const std::string& version = module.archive_version;
  const auto parsed = std::from_chars(version.data(), version.data() + version.size(), format_version_);
  if (parsed.ec != std::errc()) format_version_ = std::numeric_limits<int>::max();
}

Status DepthGuard::Check() const {
  const std::uintptr_t here = StackPointer();
  const std::uintptr_t base = evaluator_.stack_base_;
  const std::uintptr_t used = base > here ? base - here : here - base;
  if (evaluator_.depth_ <= kMaxDepth && used <= kMaxStackBytes) return {};
  evaluator_.stopped_ = true;
  return evaluator_.At(Unsupported("the model's code is nested too deeply"));
}

Status Evaluator::Step() { return Charge(1); }

Status Evaluator::Charge(std::size_t work) {
  const auto left = static_cast<std::uint64_t>(std::max<std::int64_t>(limits().max_steps - steps_, 0));
  if (work > left) {
    stopped_ = true;
    return At(Unsupported(fmt::format("the model's code takes more than {} steps", limits().max_steps),
                          "Check the model for an endless loop. " + LimitHint("steps")));
  }
  steps_ += static_cast<std::int64_t>(work);
  if (arena_.exhausted()) {
    stopped_ = true;
    return At(Unsupported(fmt::format("the model's code creates more than {} values", arena_.max_values()),
                          LimitHint("values")));
  }
  if (graph().nodes().size() > max_nodes_) {
    stopped_ = true;
    return At(Unsupported(fmt::format("the model's code has more than {} operators", max_nodes_),
                          LimitHint("operators")));
  }
  return {};
}

Error Evaluator::At(Error error) const {
  if (current_) error.SetWhere(FullPlace(current_->range, frame_), current_->range.Excerpt());
  return error;
}

std::string Evaluator::CurrentPlace() const {
  return current_ ? FullPlace(current_->range, frame_) : std::string();
}

std::string Evaluator::AuthorLine(const SourceRange& range, const Frame* frame) const {
  const module::AuthorLine* best = nullptr;
  const auto look = [&](const SourceRange& at) {
    const module::AuthorLine* line = module_.program ? module_.program->FindAuthorLine(at) : nullptr;
    if (line && (!best || line->owner < best->owner)) best = line;
  };
  look(range);
  for (; frame && (!best || best->owner != module::AuthorLine::Owner::kAuthor); frame = frame->caller) {
    look(frame->call_site);
  }
  return best ? fmt::format("{}:{}", best->file, best->line) : std::string();
}

std::string Evaluator::FullPlace(const SourceRange& range, const Frame* frame) const {
  return ir::Place({.place = PlaceOf(range), .author_line = AuthorLine(range, frame)});
}

std::string Evaluator::PlaceOf(const SourceRange& range) const {
  if (!range.source) return {};
  // As SourceRange::Place, with the lines' beginnings found once for each file.
  auto [entry, added] = line_begins_.try_emplace(range.source.get());
  std::vector<std::uint32_t>& begins = entry->second;
  const std::string& text = range.source->text;
  if (added) {
    begins.push_back(0);
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
      begins.push_back(static_cast<std::uint32_t>(at + 1));
    }
  }
  const auto at = static_cast<std::uint32_t>(std::min<std::size_t>(range.begin, text.size()));
  const auto line = std::upper_bound(begins.begin(), begins.end(), at) - begins.begin();
  const std::uint32_t column = at - begins[static_cast<std::size_t>(line - 1)] + 1;
  return fmt::format("{}:{}:{}", range.source->name, line, column);
}

void AddCallContext(Error& error, const Frame& frame, const std::string& call_place) {
  std::string step = frame.module_path.empty() ? std::string(frame.function)
                                               : fmt::format("{}.{}", frame.module_path, frame.function);
  if (!call_place.empty()) step += ", called at " + call_place;
  error.AddContext(std::move(step));
}

std::shared_ptr<const ir::Origin> Evaluator::MakeOrigin(const std::string& op) {
  auto origin = std::make_shared<ir::Origin>();
  origin->op = op;
  if (frame_) origin->module_path = frame_->module_path;
  if (current_) {
    origin->place = PlaceOf(current_->range);
    origin->author_line = AuthorLine(current_->range, frame_);
    origin->excerpt = current_->range.Excerpt();
  }
  for (const Frame* frame = frame_; frame; frame = frame->caller) {
    origin->calls.push_back(frame->module_path.empty()
                                ? std::string(frame->function)
                                : fmt::format("{}.{}", frame->module_path, frame->function));
  }
  // Few calls with short paths come with the operator; many, or long ones, count as values.
  constexpr std::size_t kFree = 2048, kBytesOfValue = 64;
  std::size_t bytes = origin->module_path.size();
  for (const std::string& call : origin->calls) bytes += sizeof(std::string) + call.size();
  if (bytes > kFree) arena_.Count((bytes - kFree) / kBytesOfValue);
  return origin;
}

void Evaluator::Warn(std::string text) {
  const std::string place = CurrentPlace();
  if (!place.empty()) text += " (" + place + ")";
  if (warned_.emplace(text, true).second && imported_->warnings.size() < 1000) {
    imported_->warnings.push_back(std::move(text));
  }
}

}  // namespace octavo::import
