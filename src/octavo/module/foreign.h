#pragma once

#include <cstddef>
#include <span>

#include "octavo/archive/archive.h"
#include "octavo/base/limits.h"
#include "octavo/result.h"

namespace octavo::module {

// Files that are taken for a TorchScript model by mistake.  Each function succeeds where it sees no reason
// why the file should not be one; its error says what the file is and how to save the right thing.

// By the first bytes: ONNX, pickles, flatbuffers, other formats, nothing at all.
Status CheckIsArchive(std::span<const std::byte> bytes, const Limits& limits);

// By the records of a zip: a state_dict, a pickled module, torch.export, lite interpreter, ...
Status CheckIsTorchScript(const archive::Archive& archive, const Limits& limits);

}  // namespace octavo::module
