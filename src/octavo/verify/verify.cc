#include "octavo/verify/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/verify/in_runtime.h"
#include "octavo/verify/quantization.h"
#include "octavo/verify/sides.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// What of side b is compiled for a layer of its own.
struct Alone {
  Piece piece;
  engine::CompiledModel model;
};

class Verifier {
 public:
  Verifier(const Side& a, const Side& b, const std::vector<Pair>& pairs, const Options& options,
           std::size_t runs)
      : a_(a),
        b_(b),
        options_(options),
        runs_(runs),
        boundary_(b.graph->num_values()),
        quantizations_(Quantizations(*b.graph)),
        of_b_(b.graph->num_values(), -1) {
    std::vector<ValueId> wanted_a, wanted_b;
    const OutputPlaces outputs(*a.graph, *b.graph);
    for (const Pair& pair : pairs) {
      of_b_[LayerIndex(pair.b)] = static_cast<std::int32_t>(report_.layers.size());
      boundary_[LayerIndex(pair.b)] = true;
      report_.layers.push_back(Describe(*a.graph, outputs, pair));
      wanted_a.push_back(pair.a);
      wanted_b.push_back(pair.b);
    }
    run_a_.emplace(a, wanted_a);
    run_b_.emplace(b, wanted_b);
    alone_.resize(report_.layers.size());
  }

  Status Run(const std::vector<Tensor>& inputs) {
    // Each of a run's parts counts the same.
    const double parts = options_.alone && b_.engine ? 3 : 2;
    const Values of_a = OCTAVO_TRY(run_a_->Run(
        inputs, [&](double share) { Progress(a_.engine ? "first model" : "reference", share / parts); }));
    const Values of_b = OCTAVO_TRY(run_b_->Run(HeldBy(*b_.graph, inputs), [&](double share) {
      Progress(a_.engine ? "second model" : "converted model", (1 + share) / parts);
    }));
    for (std::size_t i = 0; i < report_.layers.size(); ++i) OCTAVO_TRY(CompareEndToEnd(of_a, of_b, i));
    if (options_.alone && b_.engine) {
      const std::size_t layers = report_.layers.size();
      for (std::size_t i = 0; i < layers; ++i) {
        Progress(fmt::format("layer {} of {} by itself", i + 1, layers),
                 (2 + static_cast<double>(i) / static_cast<double>(layers)) / parts);
        OCTAVO_TRY(CompareAlone(of_a, i));
      }
    }
    ++report_.runs;
    return {};
  }

  // Side a's values at the inputs of a layer's piece, and at its end.
  Result<Counterexample> Take(std::size_t layer, const std::vector<Tensor>& inputs) {
    const Values of_a = OCTAVO_TRY(run_a_->Run(inputs));
    Counterexample example{.layer = layer};
    std::optional<Piece> piece = Cut(*b_.graph, report_.layers[layer].pair.b, boundary_, quantizations_);
    if (!piece) return Unsupported("the layer has no nodes");
    example.piece = std::move(*piece);
    example.inputs = OCTAVO_TRY(InputsOf(example.piece, of_a));
    const Pair& pair = report_.layers[layer].pair;
    example.expected = AsOnB(of_a.at(pair.a.index), pair, b_.graph->type(pair.b).dtype);
    return example;
  }

  Report& report() { return report_; }

 private:
  // `share`: of this run.
  void Progress(std::string_view stage, double share) const {
    if (!options_.progress) return;
    const std::string run =
        runs_ == 1 ? std::string() : fmt::format("run {} of {}, ", report_.runs + 1, runs_);
    options_.progress(run + std::string(stage),
                      (static_cast<double>(report_.runs) + share) / static_cast<double>(runs_));
  }

  Status CompareEndToEnd(const Values& of_a, const Values& of_b, std::size_t index) {
    Layer& layer = report_.layers[index];
    const auto x = of_a.find(layer.pair.a.index), y = of_b.find(layer.pair.b.index);
    if (x == of_a.end() || y == of_b.end()) {
      layer.end_to_end.mismatch = "the value is not computed";
      return {};
    }
    const Tensor& left = x->second;
    layer.type = left.type();
    LookAtLife(left, layer);
    const Tensor right = AsOnA(y->second, layer.pair, left);
    layer.end_to_end.Add(Compare(left, right, options_.tolerance));
    OCTAVO_TRY(Save(index, ComparedValue::Of::kFirst, left));
    return Save(index, ComparedValue::Of::kSecond, right);
  }

  Status Save(std::size_t layer, ComparedValue::Of of, const Tensor& tensor) const {
    if (!options_.save) return {};
    return options_.save({.run = report_.runs, .layer = layer, .of = of, .tensor = &tensor});
  }

  Result<std::vector<Tensor>> InputsOf(const Piece& piece, const Values& of_a) const {
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < piece.inputs.size(); ++i) {
      const ValueId id = piece.inputs[i];
      const std::int32_t at = of_b_[LayerIndex(id)];
      const auto value =
          at < 0 ? of_a.end() : of_a.find(report_.layers[static_cast<std::size_t>(at)].pair.a.index);
      if (value == of_a.end())
        return Unsupported("the layer reads a value that the first model does not have");
      const Pair& pair = report_.layers[static_cast<std::size_t>(at)].pair;
      const ir::Graph& graph = piece.graph;
      inputs.push_back(AsOnB(value->second, pair, graph.type(graph.inputs()[i]).dtype));
    }
    return inputs;
  }

  Status Prepare(std::size_t index, const std::vector<Tensor>& inputs, Piece piece) {
    std::vector<TensorType> types;
    for (const Tensor& input : inputs) types.push_back(input.type());
    Result<engine::CompiledModel> model = engine::CompiledModel::Compile(piece.graph, types, *b_.engine);
    if (!model) return model.error();
    report_.layers[index].piece_nodes = piece.graph.nodes().size();
    alone_[index] = std::make_unique<Alone>(Alone{std::move(piece), std::move(*model)});
    return {};
  }

  Status CompareAlone(const Values& of_a, std::size_t index) {
    Layer& layer = report_.layers[index];
    const auto expected = of_a.find(layer.pair.a.index);
    if (layer.input || !layer.not_alone.empty() || expected == of_a.end()) return {};
    const auto run = [&]() -> Result<Tensor> {
      if (!alone_[index]) {
        std::optional<Piece> piece = Cut(*b_.graph, layer.pair.b, boundary_, quantizations_);
        if (!piece) return Unsupported("the second model has no matching operator");
        const std::vector<Tensor> inputs = OCTAVO_TRY(InputsOf(*piece, of_a));
        OCTAVO_TRY(Prepare(index, inputs, std::move(*piece)));
      }
      const std::vector<Tensor> inputs = OCTAVO_TRY(InputsOf(alone_[index]->piece, of_a));
      std::vector<Tensor> outputs = OCTAVO_TRY(alone_[index]->model.Run(inputs));
      return std::move(outputs.at(0));
    };
    const Result<Tensor> got = run();
    if (!got) {
      layer.not_alone = got.error().what();
      return {};
    }
    const Tensor& left = expected->second;
    if (!layer.alone) layer.alone.emplace();
    const Tensor right = AsOnA(*got, layer.pair, left);
    const Difference difference = Compare(left, right, options_.tolerance);
    if (layer.alone->equal() && !difference.equal()) layer.failing_run = report_.runs;
    layer.alone->Add(difference);
    return Save(index, ComparedValue::Of::kSecondAlone, right);
  }

  const Side& a_;
  const Side& b_;
  const Options& options_;
  const std::size_t runs_;
  std::vector<bool> boundary_;  // by b's values
  std::vector<std::optional<Quantization>> quantizations_;
  std::vector<std::int32_t> of_b_;  // the layer of each of b's values, or -1
  Report report_;
  std::optional<Runner> run_a_, run_b_;
  std::vector<std::unique_ptr<Alone>> alone_;
};

}  // namespace

bool Report::equal() const {
  // A part that ONNX Runtime runs by itself may be fused otherwise than in the model.
  return std::all_of(layers.begin(), layers.end(), [this](const Layer& layer) {
    return layer.end_to_end.equal() && (outputs_first || !layer.differs_alone());
  });
}

Status LearnSizes(Graph& graph, const engine::Options& options, const std::vector<Tensor>& inputs) {
  const std::vector<std::optional<Quantization>> quantizations = Quantizations(graph);
  std::vector<ValueId> wanted;
  for (const Node& node : graph.nodes()) {
    for (const ValueId output : node.outputs) {
      if (output.valid() && quantizations[LayerIndex(output)]) wanted.push_back(output);
    }
  }
  const Side side{.graph = &graph, .engine = options, .reference = {}};
  const Values values = OCTAVO_TRY(Runner(side, wanted).Run(HeldBy(graph, inputs)));
  for (const auto& [index, tensor] : values) {
    graph.value(ValueId{index}).type.shape = Shape(tensor.sizes.begin(), tensor.sizes.end());
  }
  return {};
}

Result<Report> Verify(const Side& a, const Side& b, const std::vector<Pair>& pairs,
                      const std::vector<std::vector<Tensor>>& inputs, const Options& options) {
  if (b.runtime) return VerifyInRuntime(a, b, pairs, inputs, options);
  Verifier verifier(a, b, pairs, options, inputs.size());
  for (const std::vector<Tensor>& run : inputs) OCTAVO_TRY(verifier.Run(run));
  return std::move(verifier.report());
}

Result<std::optional<Counterexample>> SmallestCounterexample(const Side& a, const Side& b,
                                                             const Report& report,
                                                             const std::vector<std::vector<Tensor>>& inputs) {
  std::optional<std::size_t> smallest;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const Layer& layer = report.layers[i];
    pairs.push_back(layer.pair);
    if (!layer.differs_alone()) continue;
    if (!smallest || layer.piece_nodes < report.layers[*smallest].piece_nodes) smallest = i;
  }
  if (!smallest) return std::optional<Counterexample>();
  const Options options;
  Verifier verifier(a, b, pairs, options, 1);
  Counterexample example = OCTAVO_TRY(verifier.Take(*smallest, inputs[report.layers[*smallest].failing_run]));
  return std::optional<Counterexample>(std::move(example));
}

}  // namespace octavo::verify
