#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace octavo::cli {

// The name that was probably meant: the closest one, or the only one of which the text is
// an abbreviation ("trt": tensorrt). Empty where none is.
std::string Meant(std::string_view text, const std::vector<std::string>& names);

// "a", "a or b", "a, b or c".
std::string OneOf(const std::vector<std::string>& names);

}  // namespace octavo::cli
