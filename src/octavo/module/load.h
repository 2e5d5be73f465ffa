#pragma once

#include <filesystem>

#include "octavo/base/limits.h"
#include "octavo/base/mapped_file.h"
#include "octavo/module/value.h"
#include "octavo/result.h"

namespace octavo::module {

// Reads a TorchScript archive as torch.jit.save writes it.  Tensors view the mapped file.  Errors: kIo if the
// file cannot be opened, else kInvalidFile with the record's name; a file of another kind (state_dict,
// pickled nn.Module, ONNX, torch.export) is recognised and the message says how to save the right thing.
// `needed`: how long the tensors are.
Result<Module> Load(const std::filesystem::path& path, const Limits& limits = {},
                    MappedFile::Needed needed = MappedFile::Needed::kLong);

}  // namespace octavo::module
