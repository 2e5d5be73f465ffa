#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace octavo {

// What a file is, for messages about one that is not what a command reads.
struct FileKind {
  enum class Id { kOnnx, kZip, kOther };
  Id id = Id::kOther;
  std::string what;  // "a safetensors file: tensors by name, without the model that they belong to"
  std::string hint;  // what to do; empty: nothing in particular
};

// By the content; nullopt: an unknown format.  A file that was cut short is recognized by its beginning.
std::optional<FileKind> RecognizeFile(std::span<const std::byte> bytes);

// How to save a model that is at hand in Python.
extern const char kSaveTorchScript[];

}  // namespace octavo
