#pragma once

#include <map>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "octavo/onnx/model_edit.h"
#include "octavo/onnx/read_tensor.h"
#include "octavo/result.h"

// Edits of a model that was quantized for ONNX Runtime, for a runtime that wants other forms of it.

namespace octavo::onnx {

enum class Runtime { kOnnxRuntime, kOpenVino, kTensorRt };

struct TargetForms {
  // What was done, by phrase ("bias written as float32"): how many times.
  std::map<std::string, int> changes;
  // Nodes whose results differ in ONNX Runtime for it, one line each: "Conv at node conv1: ...".
  std::vector<std::string> other_numbers;
  std::vector<Error> failures;  // nodes that the runtime does not take
};

// Writes all graphs of the model, which has no QOperator nodes, in the forms that the runtime wants.
TargetForms WriteForRuntime(Runtime runtime, ::onnx::ModelProto& model, ModelNames& names,
                            TensorReader& tensors);

// ---- One graph

// OpenVINO: a LeakyRelu of slope 1 between a convolution and its QuantizeLinear, without which the CPU plugin
// may leave the rounding out (docs/dialects.md).  16-bit quantization is refused: the plugin removes it.
void WriteForOpenVino(GraphEdit& graph, TargetForms& forms);

// TensorRT (onnx-tensorrt 10, QuantDequantLinearHelper in onnxOpImporters.cpp): int8 with zero point 0, so
// uint8 with zero point 128 becomes int8; float32 biases; QuantizeLinear and DequantizeLinear around
// operators that move 8-bit integers.
void WriteForTensorRt(GraphEdit& graph, TargetForms& forms);

}  // namespace octavo::onnx
