#pragma once

#include <filesystem>

#include "octavo/octavo.h"
#include "octavo/onnx/rewrite.h"
#include "octavo/result.h"

// Conversion of a model whose nodes stay as they are, but for what is asked.

namespace octavo::driver {

enum class Maker {
  kCaffe2,  // the Caffe2 dialect, whoever wrote it
  kOctavo,
  kOther,
};
Maker MakerOf(const onnx::ModelFacts& facts);

// Whether the file's nodes can stay: it is of the dialect, and for the target, that `options` asks for.
bool KeepsNodes(const onnx::ModelFacts& facts, const ConvertOptions& options);

// Errors: kUsage for options that cannot be obeyed by keeping the nodes; those of onnx::Rewrite.
Result<ExportReport> Keep(const onnx::ModelFacts& facts, const std::filesystem::path& model,
                          const std::filesystem::path& output, const ConvertOptions& options);

}  // namespace octavo::driver
