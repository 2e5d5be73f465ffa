#include <array>
#include <cctype>
#include <vector>

#include "octavo/fuzz/mutators.h"

namespace octavo::fuzz {
namespace {

bool IsWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::size_t TokenEnd(std::string_view text, std::size_t at) {
  const char first = text[at];
  std::size_t end = at + 1;
  if (IsWordChar(first)) {
    const bool number = std::isdigit(static_cast<unsigned char>(first)) != 0;
    while (end < text.size() && (IsWordChar(text[end]) || (number && text[end] == '.'))) ++end;
  } else if (first == '"' || first == '\'') {
    while (end < text.size() && text[end] != first && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, text.size());
  } else if (first == ' ') {
    while (end < text.size() && text[end] == ' ') ++end;
  }
  return end;
}

std::vector<std::string> Tokens(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = TokenEnd(text, at);
    tokens.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

constexpr std::array<const char*, 40> kLiterals = {"0",
                                                   "1",
                                                   "-1",
                                                   "2",
                                                   "3",
                                                   "-2",
                                                   "4",
                                                   "5",
                                                   "7",
                                                   "8",
                                                   "16",
                                                   "64",
                                                   "127",
                                                   "128",
                                                   "-128",
                                                   "255",
                                                   "256",
                                                   "1000",
                                                   "65536",
                                                   "2147483647",
                                                   "-2147483648",
                                                   "4294967296",
                                                   "9223372036854775807",
                                                   "-9223372036854775808",
                                                   "0.",
                                                   "0.5",
                                                   "-1.5",
                                                   "1e-45",
                                                   "3.5e+38",
                                                   "1e309",
                                                   "nan",
                                                   "inf",
                                                   "None",
                                                   "True",
                                                   "False",
                                                   "[]",
                                                   "[0]",
                                                   "[2, 3]",
                                                   "()",
                                                   "\"\""};

std::size_t PickToken(const std::vector<std::string>& tokens, Dice& dice, bool (*wanted)(char)) {
  const std::size_t begin = dice.Below(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::size_t at = (begin + i) % tokens.size();
    if (wanted(tokens[at][0])) return at;
  }
  return begin;
}

bool IsNumber(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsName(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsNoSpace(char c) { return c != ' ' && c != '\n'; }

void MutateToken(std::vector<std::string>& tokens, Words words, Dice& dice) {
  switch (dice.Below(8)) {
    case 0:
    case 1:
      tokens[PickToken(tokens, dice, IsNumber)] = dice.Pick(kLiterals);
      break;
    case 2: {
      const std::size_t to = PickToken(tokens, dice, IsName);
      tokens[to] = tokens[PickToken(tokens, dice, IsName)];
      break;
    }
    case 3:
      if (!words.empty()) tokens[PickToken(tokens, dice, IsName)] = dice.Pick(words);
      break;
    case 4:
      tokens[PickToken(tokens, dice, IsName)] = dice.Pick(kLiterals);
      break;
    case 5: {
      const std::size_t from = PickToken(tokens, dice, IsNoSpace), to = dice.Below(tokens.size() + 1);
      tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(to), std::string(tokens[from]));
      break;
    }
    case 6:
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(PickToken(tokens, dice, IsNoSpace)));
      break;
    default: {
      const std::size_t a = PickToken(tokens, dice, IsNoSpace), b = PickToken(tokens, dice, IsNoSpace);
      std::swap(tokens[a], tokens[b]);
    }
  }
}

std::string MutateLines(std::string_view text, Dice& dice) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.emplace_back(text.substr(at, end - at));
    at = end;
  }
  const std::size_t a = dice.Below(lines.size()), b = dice.Below(lines.size());
  switch (dice.Below(3)) {
    case 0:
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(b), std::string(lines[a]));
      break;
    case 1:
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(a));
      break;
    default:
      std::swap(lines[a], lines[b]);
  }
  return Joined(lines);
}

}  // namespace

std::string MutateText(std::string_view text, Words words, Dice& dice) {
  if (text.empty() || dice.OneIn(16)) return dice.Bytes(std::string(text), text.size() + 64);
  if (dice.OneIn(8)) return MutateLines(text, dice);
  std::vector<std::string> tokens = Tokens(text);
  do {
    MutateToken(tokens, words, dice);
  } while (!tokens.empty() && dice.OneIn(3));
  return Joined(tokens);
}

}  // namespace octavo::fuzz
