#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "octavo/onnx/model_edit.h"
#include "octavo/onnx/target_forms.h"
#include "octavo/result.h"

namespace octavo::onnx {

// The float32 values of a DequantizeLinear of constant int32, as ONNX Runtime computes them: float32(n)
// times the scale.  Errors: kUnsupported where integers, scale or zero point are computed.
Result<Tensor> DequantizedBias(const NodeEdit& dequantize);

// ONNX Runtime rounds the float bias of a Conv, ConvTranspose or Gemm between DequantizeLinear and
// QuantizeLinear to int32 (WeightBiasQuantization, from 1.21 on).  The scales, one or one per channel, with
// which it does so; nullopt: it does not.
Result<std::optional<std::vector<float>>> BiasScales(const GraphEdit& graph, const ::onnx::NodeProto& layer,
                                                     std::size_t channels);

// Adds a line to TargetForms::other_numbers
// for each reader of the bias whose integers are then others than in the given model, or that adds floats.
Status CheckRoundedBias(const NodeEdit& dequantize, TargetForms& forms);

}  // namespace octavo::onnx
