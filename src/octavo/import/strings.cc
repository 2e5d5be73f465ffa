#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

namespace octavo::import {

std::size_t FindIn(const std::string& text, const std::string& part, std::size_t from) {
  if (from > text.size()) return std::string::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) : std::string::npos;
}

namespace {

const std::string* TextAt(const CallArguments& call, std::size_t position) {
  return position < call.positional.size() ? call.positional[position].Get<const std::string*>() : nullptr;
}

BuiltinResult StringResult(Evaluator& evaluator, std::string text) {
  if (text.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) {
    return Unsupported("a string in the model's code grows too long", LimitHint("list-length"));
  }
  OCTAVO_TRY(evaluator.ChargeText(text.size()));
  return Done(evaluator.arena().String(std::move(text)));
}

// "{}".format(a, b): TorchScript fills bare braces alone.
BuiltinResult Format(Evaluator& evaluator, const CallArguments& call) {
  const std::string* pattern = TextAt(call, 0);
  if (!pattern) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(pattern->size()));
  std::string out;
  std::size_t next = 1, at = 0;
  for (;;) {
    const std::size_t brace = pattern->find("{}", at);
    out.append(*pattern, at, brace == std::string::npos ? std::string::npos : brace - at);
    if (brace == std::string::npos) break;
    if (next >= call.positional.size()) return Unsupported("format() has too few arguments");
    out += OCTAVO_TRY(ToText(evaluator, call.positional[next++]));
    if (out.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) break;
    at = brace + 2;
  }
  return StringResult(evaluator, std::move(out));
}

// "%d of %s" % (a, b): TorchScript has %s, %d, %i, %f, %e and %c without widths, and rounds floats to
// float32.
BuiltinResult PercentFormat(Evaluator& evaluator, const CallArguments& call) {
  const std::string* pattern = TextAt(call, 0);
  if (!pattern) return NotMine();
  std::vector<Value> items(call.positional.begin() + 1, call.positional.end());
  if (items.size() == 1 && items[0].Is<Tuple*>()) items = items[0].As<Tuple*>()->items;
  OCTAVO_TRY(evaluator.ChargeText(pattern->size()));
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < pattern->size(); ++i) {
    if ((*pattern)[i] != '%') {
      out += (*pattern)[i];
      continue;
    }
    if (++i == pattern->size()) return Unsupported("the format string ends after %");
    const char kind = (*pattern)[i];
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (next >= items.size()) return Unsupported("the format string has too few arguments");
    const Value& item = items[next++];
    const bool known = item.Is<std::int64_t>() || item.Is<double>();
    if (kind == 's' ||
        (item.Is<const Dim*>() && std::string_view("dieEfF").find(kind) != std::string_view::npos)) {
      out += OCTAVO_TRY(ToText(evaluator, item));
    } else if (known && (kind == 'd' || kind == 'i')) {
      const double real = ToDouble(item);
      // PyTorch makes an int of 32 bits of a float.
      if (item.Is<double>() && !(std::abs(real) < 0x1p31))
        return Unsupported(fmt::format("the format %{} of the float {} has no meaning", kind, real));
      out += std::to_string(item.Is<double>() ? static_cast<std::int64_t>(real) : item.As<std::int64_t>());
    } else if (known && (kind == 'f' || kind == 'F')) {
      out += fmt::format("{:f}", static_cast<float>(ToDouble(item)));
    } else if (known && kind == 'e') {
      out += fmt::format("{:e}", static_cast<float>(ToDouble(item)));
    } else if (known && kind == 'E') {
      out += fmt::format("{:E}", static_cast<float>(ToDouble(item)));
    } else {
      return Unsupported(fmt::format("the format %{} is not supported of {}", kind, Describe(item)));
    }
    if (out.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) break;
  }
  return StringResult(evaluator, std::move(out));
}

// The remainder of numbers, or a string's % form.
BuiltinResult Remainder(Evaluator& evaluator, const CallArguments& call) {
  if (TextAt(call, 0)) return PercentFormat(evaluator, call);
  return NumberBinary(evaluator, call, BinaryOp::kRemainder);
}

BuiltinResult JoinStrings(Evaluator& evaluator, const CallArguments& call) {
  const std::string* separator = TextAt(call, 0);
  if (!separator || call.positional.size() != 2) return NotMine();
  std::string out;
  bool first = true;
  for (const Value& item : OCTAVO_TRY(evaluator.Iterate(call.positional[1]))) {
    const auto* text = item.Get<const std::string*>();
    if (!text) return Unsupported("join() needs a list of strings");
    if (!first) out += *separator;
    first = false;
    out += *text;
    if (out.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) break;
  }
  return StringResult(evaluator, std::move(out));
}

BuiltinResult Split(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  if (!text) return NotMine();
  const std::string* separator = TextAt(call, 1);
  std::int64_t left = -1;
  // Without a separator PyTorch does not look at the most that there may be.
  if (const Value* max = call.Find(2, "max"); separator && max && !max->is_none()) {
    left = OCTAVO_TRY(KnownInt(*max, "argument max of split()"));
  }
  OCTAVO_TRY(evaluator.Charge(text->size()));
  std::vector<Value> parts;
  std::size_t at = 0;
  if (separator && separator->empty()) return Unsupported("split() needs a separator that is not empty");
  for (;;) {
    if (!separator) {
      while (at < text->size() && std::isspace(static_cast<unsigned char>((*text)[at]))) ++at;
      if (at == text->size()) break;
    }
    std::size_t end = std::string::npos;
    if (left != 0) {
      end = separator ? FindIn(*text, *separator, at) : text->find_first_of(" \t\n\r\f\v", at);
    }
    parts.push_back(evaluator.arena().String(text->substr(at, end == std::string::npos ? end : end - at)));
    if (end == std::string::npos) break;
    at = end + (separator ? separator->size() : 1);
    if (left > 0) --left;
  }
  return Done(Value(evaluator.arena().NewList(std::move(parts))));
}

BuiltinResult StartsWith(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  const std::string* part = TextAt(call, 1);
  if (!text || !part) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(part->size()));
  return Done(Value(text->starts_with(*part)));
}
BuiltinResult EndsWith(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  const std::string* part = TextAt(call, 1);
  if (!text || !part) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(part->size()));
  return Done(Value(text->ends_with(*part)));
}
BuiltinResult Find(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  const std::string* part = TextAt(call, 1);
  if (!text || !part) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(text->size()));
  const std::size_t at = FindIn(*text, *part, 0);
  return Done(Value(at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(at)));
}

BuiltinResult Replace(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  const std::string* from = TextAt(call, 1);
  const std::string* to = TextAt(call, 2);
  if (!text || !from || !to || from->empty()) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(text->size()));
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t found = FindIn(*text, *from, at);
    out.append(*text, at, found == std::string::npos ? found : found - at);
    if (found == std::string::npos) break;
    out += *to;
    if (out.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) break;
    at = found + from->size();
  }
  return StringResult(evaluator, std::move(out));
}

template <int (*convert)(int)>
BuiltinResult EachCharacter(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  if (!text) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(text->size()));
  std::string out = *text;
  for (char& c : out) c = static_cast<char>(convert(static_cast<unsigned char>(c)));
  return StringResult(evaluator, std::move(out));
}

template <int (*is)(int)>
BuiltinResult AllCharacters(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  if (!text) return NotMine();
  OCTAVO_TRY(evaluator.ChargeText(text->size()));
  return Done(Value(!text->empty() && std::all_of(text->begin(), text->end(), [](char c) {
    return is(static_cast<unsigned char>(c)) != 0;
  })));
}

template <bool left, bool right>
BuiltinResult Strip(Evaluator& evaluator, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  if (!text) return NotMine();
  const std::string* given = TextAt(call, 1);
  const std::string characters = given ? *given : " \t\n\r\f\v";
  OCTAVO_TRY(evaluator.ChargeText(text->size() + characters.size()));
  std::array<bool, 256> strips{};
  for (const char c : characters) strips[static_cast<unsigned char>(c)] = true;
  std::size_t begin = 0, end = text->size();
  while (left && begin < end && strips[static_cast<unsigned char>((*text)[begin])]) ++begin;
  while (right && begin < end && strips[static_cast<unsigned char>((*text)[end - 1])]) --end;
  return StringResult(evaluator, text->substr(begin, end - begin));
}

BuiltinResult Ord(Evaluator&, const CallArguments& call) {
  const std::string* text = TextAt(call, 0);
  if (!text || text->size() != 1) return NotMine();
  return Done(Value(std::int64_t{static_cast<unsigned char>((*text)[0])}));
}
BuiltinResult Chr(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const std::int64_t code = OCTAVO_TRY(KnownInt(call.positional[0], "the argument of chr()"));
  if (code < 0 || code > 127) return Unsupported("chr() is supported for ASCII only");
  return StringResult(evaluator, std::string(1, static_cast<char>(code)));
}

}  // namespace

void AddStringBuiltins(BuiltinTable& table) {
  table["aten::format"] = Format;
  table["aten::percentFormat"] = PercentFormat;
  table["aten::remainder"] = table["aten::__mod__"] = Remainder;
  table["aten::join"] = JoinStrings;
  table["aten::startswith"] = StartsWith;
  table["aten::endswith"] = EndsWith;
  table["aten::find"] = Find;
  table["aten::replace"] = Replace;
  table["aten::upper"] = EachCharacter<std::toupper>;
  table["aten::lower"] = EachCharacter<std::tolower>;
  table["aten::isdigit"] = AllCharacters<std::isdigit>;
  table["aten::isalpha"] = AllCharacters<std::isalpha>;
  table["aten::isspace"] = AllCharacters<std::isspace>;
  table["aten::isupper"] = AllCharacters<std::isupper>;
  table["aten::islower"] = AllCharacters<std::islower>;
  table["aten::strip"] = Strip<true, true>;
  table["aten::lstrip"] = Strip<true, false>;
  table["aten::rstrip"] = Strip<false, true>;
  table["aten::split"] = Split;
  table["aten::ord"] = table["ord"] = Ord;
  table["aten::chr"] = table["chr"] = Chr;
}

}  // namespace octavo::import
