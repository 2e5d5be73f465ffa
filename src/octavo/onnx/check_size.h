#pragma once

#include <cstddef>
#include <span>

#include "octavo/result.h"

namespace octavo::onnx {

// What a model's messages take once they are parsed: an empty one has two bytes in the file and hundreds in
// memory.  Errors (kInvalidFile): a node without an operator type, or an attribute or stored tensor without a
// name, which no model has; messages out of proportion to the file.  Bytes that are no model are no error:
// the parser has more to say about them.
Status CheckSize(std::span<const std::byte> bytes);

}  // namespace octavo::onnx
