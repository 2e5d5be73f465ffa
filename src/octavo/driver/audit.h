#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::driver {

// Something that a file would do to a program that opens it, or that makes two programs see two models in it.
struct Finding {
  std::string where;  // "record m/data.pkl, byte 35"; empty: the file
  std::string what;   // "imports and calls os.system when it is unpickled"
};

struct Audit {
  std::string format;  // "TorchScript", "torch.save", "pickle", "torch.export", "ONNX", "zip"
  std::vector<Finding> findings;

  void Add(std::string where, std::string what) { findings.push_back({std::move(where), std::move(what)}); }
};

// Models, and files of torch.save in both formats.  Nothing in the file is executed.  An error: the file is
// none of these, or cannot be read at all.
Result<Audit> AuditFile(const std::filesystem::path& path, const Limits& limits = {});

// ---- Parts of it

// What a program does that unpickles `bytes` with Python.  Returns how many bytes the pickle has, 0 if it
// does not end. `torchscript`: the names that PyTorch's reader of TorchScript knows are harmless, others are
// those of torch.save.
std::size_t AuditPickle(std::span<const std::byte> bytes, std::string_view where, bool torchscript,
                        Audit& audit);
// Calls of operators that open files or other machines, in the code of a TorchScript archive.
void AuditCode(std::string_view code, std::string_view where, Audit& audit);
// The same of the lite interpreter's bytecode.pkl, which it executes whatever the code beside it says.
void AuditBytecode(const Storage& bytes, const std::string& where, const Limits& limits, Audit& audit);
// What an operator with the name "aten::save" does; empty: it does nothing but compute.
std::string OperatorDoes(std::string_view name);
// Texts that Python evaluates, in a JSON record of an archive of torch.export.
void AuditExportedJson(std::string_view json, std::string_view where, Audit& audit);
void AuditOnnx(std::span<const std::byte> bytes, const std::filesystem::path& path, Audit& audit);

}  // namespace octavo::driver
