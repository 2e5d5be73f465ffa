#pragma once

#include <span>
#include <string>
#include <string_view>

namespace octavo {

// The candidate that `text` was probably meant to be: the one with the fewest changed, missing, added or
// exchanged letters, upper and lower case alike.  Empty where none is near enough.
std::string Closest(std::string_view text, std::span<const std::string> candidates);

}  // namespace octavo
