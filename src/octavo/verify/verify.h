#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/graph.h"
#include "octavo/reference/reference.h"
#include "octavo/result.h"
#include "octavo/verify/compare.h"
#include "octavo/verify/pair.h"
#include "octavo/verify/piece.h"

// Runs two graphs that should mean the same on the same input and compares them value by value.

namespace octavo::verify {

// A graph and what runs it.
struct Side {
  const ir::Graph* graph = nullptr;
  std::optional<engine::Options> engine;  // unset: the reference interpreter
  reference::Options reference;
};

struct Options {
  Tolerance tolerance;
  bool alone = true;
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
  bool equal() const;
};

// Runs a graph once to learn the sizes of its quantized values, which a file need not state; they become part
// of their types.  `inputs` as for Verify, of which this may be either side.
Status LearnSizes(ir::Graph& graph, const engine::Options& options, const std::vector<Tensor>& inputs);

// `inputs`: for each run side a's inputs, with their quantization.  Errors: those of both sides' runs.
Result<Report> Verify(const Side& a, const Side& b, const std::vector<Pair>& pairs,
                      const std::vector<std::vector<Tensor>>& inputs, const Options& options);

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
