#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "octavo/import/import.h"
#include "octavo/result.h"

namespace octavo::driver {

// The one error that lists all operators that are not supported, with what to do about them: `advice`, or one
// for each kind of operator if that is empty.
Error MissingOperators(const std::vector<import::MissingOperator>& missing, std::string advice);

// What such an operator is, and what to do without it: one or two sentences.
std::string AdviceFor(std::string_view op);

}  // namespace octavo::driver
