#pragma once

// `octavo verify`: a saved PyTorch model against what is converted from it, or two ONNX models.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/octavo.h"
#include "octavo/verify/verify.h"

namespace octavo::driver {

// What runs ONNX models: Octavo's engine or the real ONNX Runtime.
enum class VerifyRuntime { kOctavo, kOnnxRuntime };

struct VerifyOptions {
  // Without an engine, what the second model says is compared with, or its dialect's default.
  ExportOptions conversion;         // where the second model is converted in memory
  std::vector<std::string> inputs;  // FILE[@SPEC] or SPEC; of a SPEC alone the numbers are drawn
  int runs = 1;                     // drawn inputs; 1 where arrays are given
  reference::Options reference;     // whose engine is conversion.engine, whatever it says
  engine::Options engine;
  verify::Tolerance tolerance;
  VerifyRuntime runtime = VerifyRuntime::kOctavo;
  std::string python;           // whose package onnxruntime is the real one; empty: python3
  bool every_layer = false;     // in the real ONNX Runtime: not the outputs only
  std::filesystem::path repro;  // folder for the smallest failing piece; empty: none is written
  std::filesystem::path save;   // new folder for every compared value; empty: none is written
  ProgressFunction progress;
};

struct VerifyReport {
  verify::Report report;
  std::string first, second;  // what was compared: "model.pt", "its conversion to qdq for onnxruntime"
  // Of a PyTorch model: the engine whose results the reference has, "qnnpack-x86", and whether its known
  // faults are kept.  Empty for an ONNX model.
  std::string pytorch_engine;
  bool faults_kept = false;
  std::string first_runner, second_runner;  // "reference", "engine, onnxruntime arithmetic"
  // The runtime whose arithmetic the engine has, where it runs a side: "ONNX Runtime 1.32 ...".
  std::string assumed_runtime;
  // engine::FloatSumsBeforeQuantization of the second model.
  std::vector<std::string> float_sums;
  std::optional<onnxruntime_process::Description> runtime;  // of the real ONNX Runtime
  std::vector<ValueReport> inputs;
  bool drawn = false;
  std::size_t repro_layer = 0;  // of the piece that was written
  bool repro_written = false;
  std::string repro_folder;
  std::size_t saved_arrays = 0;
  std::string save_folder;
  std::vector<std::string> warnings;
};

// `second` empty: the conversion of `first`, a PyTorch model, in memory.
Result<VerifyReport> Verify(const std::filesystem::path& first, const std::filesystem::path& second,
                            const VerifyOptions& options);

}  // namespace octavo::driver
