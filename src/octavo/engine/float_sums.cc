#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/engine/evaluate.h"
#include "octavo/engine/fuse.h"
#include "octavo/engine/program.h"

namespace octavo::engine {
namespace {

// Operators whose float32 kernels in ONNX Runtime add in an order that depends on the CPU, or that the engine
// does not repeat to the bit.  The others that it evaluates node by node are single rounded operations,
// functions and sums of a fixed order.
const std::set<std::string_view> kOrderDepends = {"Attention",
                                                  "Einsum",
                                                  "Elu",
                                                  "Gelu",
                                                  "GroupNormalization",
                                                  "InstanceNormalization",
                                                  "LayerNormalization",
                                                  "LogSoftmax",
                                                  "LpNormalization",
                                                  "Pow",
                                                  "RMSNormalization",
                                                  "ReduceL1",
                                                  "ReduceL2",
                                                  "ReduceLogSum",
                                                  "ReduceLogSumExp",
                                                  "ReduceProd",
                                                  "ReduceSum",
                                                  "ReduceSumSquare",
                                                  "Selu",
                                                  "Softmax",
                                                  "Softplus",
                                                  "com.microsoft::MatMulNBits"};

// ONNX Runtime chooses a layout for float weights that are stored, by the CPU.
bool IsConvolution(std::string_view op) { return op == "Conv" || op == "ConvTranspose"; }

}  // namespace

Result<std::vector<std::string>> FloatSumsBeforeQuantization(const ir::Graph& graph,
                                                             const std::vector<TensorType>& inputs,
                                                             const Options& options) {
  Program program = OCTAVO_TRY(MakeProgram(graph, inputs, options));
  std::vector<std::string> found;
  if (program.arithmetic != Arithmetic::kOnnxRuntime || !options.fuse) return found;
  const Fusion fusion = OCTAVO_TRY(Fuse(program));
  std::vector<bool> fused(program.nodes.size()), in_blocks(program.nodes.size());
  for (const FusedStep& step : fusion.steps) {
    for (const ir::NodeId node : step.nodes) {
      fused[static_cast<std::size_t>(node)] = true;
      in_blocks[static_cast<std::size_t>(node)] = step.step->kind == "matmul in blocks";
    }
  }
  // Values that a QuantizeLinear reads, through float operators only.
  std::vector<bool> quantized(program.values.size());
  const auto& nodes = program.graph.nodes();
  for (std::size_t n = nodes.size(); n-- > 0;) {
    const ir::Node& node = nodes[n];
    if (!program.nodes[n].needed || program.nodes[n].folded) continue;
    const bool quantizes = node.op.ends_with("QuantizeLinear") && !node.op.ends_with("DequantizeLinear");
    const bool leads =
        quantizes || std::any_of(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId id) {
          return quantized[static_cast<std::size_t>(id.index)] &&
                 program.value(id).type.dtype == DType::kFloat32;
        });
    if (!leads) continue;
    for (const ir::ValueId input : InputsOf(node)) {
      if (input.valid()) quantized[static_cast<std::size_t>(input.index)] = true;
    }
    const bool sums =
        kOrderDepends.contains(node.op) ||
        (IsConvolution(node.op) && InputsOf(node).size() > 1 && IsStored(program, InputsOf(node)[1]));
    if (quantizes || !(in_blocks[n] || (!fused[n] && sums))) continue;
    found.push_back(node.name.empty() ? node.op : node.op + " " + node.name);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace octavo::engine
