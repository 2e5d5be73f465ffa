#include "octavo/result.h"

#include <algorithm>

namespace octavo {

Error& Error::SetWhere(std::string where, std::string excerpt) {
  if (where_.empty() && !where.empty()) {
    where_ = std::move(where);
    excerpt_ = std::move(excerpt);
  }
  return *this;
}

Error& Error::SetHint(std::string hint) {
  if (hint_.empty()) hint_ = std::move(hint);
  return *this;
}

Error& Error::SetSubject(std::string_view subject) {
  if (subject_.empty()) subject_ = subject;
  if (!what_.starts_with(subject)) what_.insert(0, std::string(subject) + ": ");
  return *this;
}

Error& Error::AddDetail(std::string message) { return AddDetail(ErrorDetail{.message = std::move(message)}); }

Error& Error::AddDetail(ErrorDetail detail) {
  details_.push_back(std::move(detail));
  return *this;
}

Error& Error::AddContext(std::string step) {
  context_.push_back(std::move(step));
  return *this;
}

Error& Error::SetNeedsInput() {
  needs_input_ = true;
  return *this;
}

namespace {

void AppendIndented(std::string& out, const std::string& text, const char* indent) {
  std::size_t begin = 0;
  while (begin <= text.size()) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    out += '\n';
    out += indent;
    out.append(text, begin, end - begin);
    begin = end + 1;
  }
}

// Names of a model's modules and values may have any length.  A line's beginning and end say the most.
std::string WithShortLines(const std::string& text) {
  constexpr std::size_t kLongest = 2000, kKept = 900;
  const auto within_character = [&](std::size_t at) { return (text[at] & 0xC0) == 0x80; };
  std::string out;
  for (std::size_t begin = 0, end = 0; begin <= text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    if (begin != 0) out += '\n';
    if (end - begin <= kLongest) {
      out.append(text, begin, end - begin);
      continue;
    }
    std::size_t head = begin + kKept, tail = end - kKept;
    while (head > begin && within_character(head)) --head;
    while (tail < end && within_character(tail)) ++tail;
    out.append(text, begin, head - begin);
    out += " [... " + std::to_string(tail - head) + " bytes ...] ";
    out.append(text, tail, end - tail);
  }
  return out;
}

}  // namespace

std::string ErrorDetail::ToString() const {
  std::string out = message;
  if (!place.empty()) out += (count > 1 ? ", first at " : ", at ") + place;
  if (!module_path.empty()) out += ", in " + module_path;
  if (!excerpt.empty()) AppendIndented(out, excerpt, "  ");
  return out;
}

std::string Error::ToString() const {
  std::string out;
  // A text from the file may have lines, which begin as no message does.
  const auto append = [&out](const std::string& text) {
    for (const char c : text) {
      out += c;
      if (c == '\n') out += "    ";
    }
  };
  append(what_);
  for (const ErrorDetail& detail : details_) AppendIndented(out, detail.ToString(), "  ");
  if (!where_.empty()) {
    out += "\n  at ";
    append(where_);
  }
  if (!excerpt_.empty()) AppendIndented(out, excerpt_, "    ");
  // A model that calls itself makes a chain that nobody reads to its end.
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < context_.size(); ++i) {
    if (context_.size() > kShown && i == kShown / 2) {
      const std::size_t skipped = context_.size() - kShown;
      out += "\n  ... " + std::to_string(skipped) + " more calls";
      i += skipped;
    }
    out += "\n  in ";
    append(context_[i]);
  }
  if (!hint_.empty()) out += "\n" + hint_;
  return WithShortLines(out);
}

}  // namespace octavo
