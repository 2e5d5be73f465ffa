#include "octavo/base/closest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace octavo {
namespace {

// Names and options are short; longer texts are not worth the time of the table below.
constexpr std::size_t kLongest = 64;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// Damerau and Levenshtein's distance: letters changed, missing, added, or two neighbours exchanged.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string Closest(std::string_view text, std::span<const std::string> candidates) {
  if (text.empty() || text.size() > kLongest) return {};
  const std::string wanted = Lower(text);
  std::string best;
  // A third of the letters may be wrong, at least one: "maks" is mask, "k" is not x.
  std::size_t fewest = std::max<std::size_t>(text.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::size_t distance = Distance(wanted, Lower(candidate));
    if (distance < fewest && distance < candidate.size() && distance < text.size()) {
      best = candidate;
      fewest = distance;
    }
  }
  return best;
}

}  // namespace octavo
