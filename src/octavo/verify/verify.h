#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/graph.h"
#include "octavo/onnxruntime_process/onnxruntime.h"
#include "octavo/reference/reference.h"
#include "octavo/result.h"
#include "octavo/verify/compare.h"
#include "octavo/verify/pair.h"
#include "octavo/verify/piece.h"

// Runs two graphs that should mean the same on the same input and compares them value by value.

namespace octavo::verify {

// A model file that the real ONNX Runtime runs.
struct InRuntime {
  onnxruntime_process::OnnxRuntime* process = nullptr;
  std::filesystem::path file;
  std::vector<std::string> names;  // in the file, of the graph's values by index
  std::string model;               // what errors call it: "model.onnx"
};

// A graph and what runs it: the reference interpreter unless one of the two is set.
struct Side {
  const ir::Graph* graph = nullptr;
  std::optional<engine::Options> engine;
  reference::Options reference;
  std::optional<InRuntime> runtime;
};

// A value that was compared.
struct ComparedValue {
  enum class Of { kFirst, kSecond, kSecondAlone };
  std::size_t run = 0, layer = 0;
  Of of = Of::kFirst;
  const Tensor* tensor = nullptr;  // of the second side with the first side's order of axes
};

struct Options {
  Tolerance tolerance;
  bool alone = true;
  // In ONNX Runtime: compare every layer, not only the outputs and those that lead to the first difference.
  bool every_layer = false;
  // Called with each value of both sides; may be empty.
  std::function<Status(const ComparedValue&)> save;
  // Called with what is being done, "run 3 of 20, layer 5 of 30 by itself", and the share of everything that
  // is done; may be empty.
  std::function<void(std::string_view, double)> progress;
};

// One value that both sides have.
struct Layer {
  Pair pair;
  std::string op;     // "quantized::conv2d_relu"
  std::string place;  // "layer1.0.conv1", or a place in the source, or a node's name
  std::string name;   // of a graph's input or output
  TensorType type;    // on side a
  Difference end_to_end;
  // Side b's operators between the values before and this one, given side a's values; unset where there are
  // none, or the piece does not run by itself.
  std::optional<Difference> alone;
  std::size_t piece_nodes = 0;  // of that piece
  std::size_t failing_run = 0;  // the first in which it differs
  std::string not_alone;        // why the piece does not run
  bool input = false, output = false;
  // In ONNX Runtime, where the graph's outputs come first.  The value of an output is the whole model's; that
  // of any other layer is the last value of a model that was cut off there.
  bool compared = true;      // false: equal outputs left nothing to look for, or it is not on the way
  std::string not_compared;  // why the model that ends here does not run
  bool first_to_differ = false;
  // Of an output: what the model gives that ends there, unless that is the whole model.
  std::optional<Difference> cut_off;
  bool constant = true;      // every element is the same, in every run
  double lowest_share = 0;   // of the elements of quantized values, those at the lowest integer
  double highest_share = 0;  // and at the highest
  // Most elements lie at an end of the range: what the layer computes hardly matters, and is hardly tested.
  bool saturated() const { return highest_share > 0.5 || lowest_share + highest_share > 0.95; }

  bool differs_alone() const { return alone && !alone->equal(); }
};

struct Report {
  std::vector<Layer> layers;  // in side a's order
  std::size_t runs = 0;
  bool outputs_first = false;  // in ONNX Runtime
  bool equal() const;
};

// Runs a graph once to learn the sizes of its quantized values, which a file need not state; they become part
// of their types.  `inputs` as for Verify, of which this may be either side.
Status LearnSizes(ir::Graph& graph, const engine::Options& options, const std::vector<Tensor>& inputs);

// `inputs`: for each run side a's inputs, with their quantization.  Errors: those of both sides' runs.
//
// Where side b runs in ONNX Runtime, which fuses a layer with others as soon as its value is not an output,
// the graph's outputs are compared first.  For each that differs, models are run that end at one layer each,
// until a layer is found that differs while all values that it reads are equal.
Result<Report> Verify(const Side& a, const Side& b, const std::vector<Pair>& pairs,
                      const std::vector<std::vector<Tensor>>& inputs, const Options& options);

// A part of side b's file that does not give side a's value in ONNX Runtime.
struct RuntimeCounterexample {
  std::string value;                     // the name of its output in the file
  std::map<std::string, Tensor> begins;  // values of the file where the part begins, by name
  std::vector<Tensor> graph_inputs;      // of the whole model
  Tensor expected;
  std::size_t layer = 0;  // of Report::layers
};
// The smallest that was found: the first layer that differs alone, else the model that ends at the first
// layer that differs; nullopt where only the whole model differs.
Result<std::optional<RuntimeCounterexample>> SmallestCounterexampleInRuntime(
    const Side& a, const Side& b, const Report& report, const std::vector<std::vector<Tensor>>& inputs);

// A piece of side b that does not give side a's value on side a's own inputs to it.
struct Counterexample {
  Piece piece;
  std::vector<Tensor> inputs;
  Tensor expected;
  std::size_t layer = 0;  // of Report::layers
};
// The one of the fewest nodes, for the same sides and inputs; nullopt where no layer differs by itself.
Result<std::optional<Counterexample>> SmallestCounterexample(const Side& a, const Side& b,
                                                             const Report& report,
                                                             const std::vector<std::vector<Tensor>>& inputs);

}  // namespace octavo::verify
