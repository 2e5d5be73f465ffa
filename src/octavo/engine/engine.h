#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/budget.h"
#include "octavo/graph.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// Runs lowered graphs of any dialect: quantize/dequantize groups, the Caffe2 Int8 operators and plain ONNX
// operators.  Compile once, run many times and from many threads at once.

namespace octavo::engine {

// How a quantized layer's multiplier is formed and its result rounded.
enum class Arithmetic {
  kPyTorch,      // (x_scale * w_scale) * (1 / y_scale); docs/numbers.md
  kOnnxRuntime,  // (x_scale * w_scale) / y_scale, and its kernels' own formulas for the other operators
  kCaffe2,       // Caffe2's on QNNPACK to the letter: Q31 requantization, its refusals included
};
std::string_view Name(Arithmetic arithmetic);  // "pytorch", "onnxruntime", "caffe2"
// What a graph means unless the user says otherwise: kPyTorch if it has Int8 operators, else kOnnxRuntime.
Arithmetic DefaultArithmetic(const ir::Graph& graph);

struct Options {
  std::optional<Arithmetic> arithmetic;  // unset: DefaultArithmetic
  // False: each node is evaluated literally as ONNX's specification says, in float64 inside and rounded to
  // the value's type after each node.  Int8 operators follow `arithmetic` in either case.
  bool fuse = true;
  int threads = 1;
  // Values that an observer wants: they are computed as themselves, never fused away.
  std::vector<ir::ValueId> keep;
  // What values and work are taken from; each run, and Compile, has all of its work.
  std::shared_ptr<Budget> budget = std::make_shared<Budget>();
};

// Called with each value of Options::keep and each graph output once it is computed.
using Observer = std::function<void(ir::ValueId, const Tensor&)>;

// Where the time of a run goes.
struct StepTime {
  std::string name;  // the first node's: "layer1.0.conv1/Conv"
  std::string kind;  // "conv2d u8s8", "Softmax"
  double seconds = 0;
};

// The runtime that kOnnxRuntime stands for.
inline constexpr std::string_view kAssumedRuntime = "ONNX Runtime 1.32 on x86-64 with AVX-512 VNNI";

// The nodes, as "Softmax attention/Softmax", whose float32 sums have an order that the engine does not know,
// because it depends on the CPU, and whose result is quantized later: where it lies at a tie, an integer may
// be one step off in ONNX Runtime.  Empty for another arithmetic.  Errors: those of CompiledModel::Compile.
Result<std::vector<std::string>> FloatSumsBeforeQuantization(const ir::Graph& graph,
                                                             const std::vector<TensorType>& inputs,
                                                             const Options& options);

class CompiledModel {
 public:
  // `graph` is as onnx::Read gives it or as lower::Lower makes it: a quantized type and its integer type mean
  // the same here.  `inputs` gives the dtype and the known sizes of each graph input, in order: what is
  // compiled is for these shapes.  Keeps what it needs of the graph.  Errors: kUsage for inputs that do not
  // fit; kInvalidFile for graphs whose types, shapes, attributes or data do not fit together; kUnsupported
  // for operators that the engine does not know, all of them named at once, and where the model wants more
  // memory or work than the budget has.
  static Result<CompiledModel> Compile(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                                       const Options& options);
  ~CompiledModel();
  CompiledModel(CompiledModel&&) noexcept;
  CompiledModel& operator=(CompiledModel&&) noexcept;

  // Quantized inputs and outputs are their integers.  Answers the graph's outputs in order.  May be called
  // from several threads at once.
  Result<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs, const Observer& observer = {},
                                  std::vector<StepTime>* times = nullptr) const;

 private:
  struct Plan;
  explicit CompiledModel(std::unique_ptr<Plan> plan);
  static Result<CompiledModel> Planned(const ir::Graph& graph, const std::vector<TensorType>& inputs,
                                       const Options& options);
  Result<std::vector<Tensor>> RunSteps(const std::vector<Tensor>& inputs, const Observer& observer,
                                       std::vector<StepTime>* times) const;
  std::unique_ptr<Plan> plan_;
};

}  // namespace octavo::engine
