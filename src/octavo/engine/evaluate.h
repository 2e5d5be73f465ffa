#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "octavo/engine/call.h"
#include "octavo/engine/program.h"
#include "octavo/engine/step.h"

namespace octavo::engine {

// What the node computes for such inputs; nullopt where that depends on data that is not known.  The types of
// the outputs are known and within the limits.
// Whether ONNX Runtime has the value as floats when it prepares its kernels: a constant of the model, or what
// it computes from constants alone when it loads the model; a DequantizeLinear stays, and so do the integers
// of one.
bool IsStored(const Program& program, ir::ValueId value);

Result<std::optional<Prepared>> PrepareCall(const Program& program, const ir::Node& node,
                                            std::vector<Call::Input> inputs);

// Computes the node's outputs, which then are constants.  Needs constant inputs, or Prepared::from_types.
Status Fold(Program& program, ir::NodeId id);

// A step that evaluates one node literally.
std::unique_ptr<Step> LiteralStep(const Program& program, ir::NodeId id);

}  // namespace octavo::engine
