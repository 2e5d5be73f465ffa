#include "octavo/verify/verify.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/ir/origin.h"
#include "octavo/verify/quantization.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;
using Values = std::unordered_map<std::int32_t, Tensor>;

std::size_t LayerIndex(ValueId id) { return static_cast<std::size_t>(id.index); }

// A tensor whose elements lie in row-major order, so that it holds no more than them.
Tensor Contiguous(const Tensor& tensor) {
  Tensor copy = Tensor::FromBytes(tensor.dtype, tensor.sizes, tensor.Bytes());
  copy.quantization = tensor.quantization;
  return copy;
}

class Runner {
 public:
  Runner(const Side& side, const std::vector<ValueId>& wanted)
      : side_(side), wanted_(side.graph->num_values()) {
    for (const ValueId id : wanted) wanted_[LayerIndex(id)] = true;
    count_ = std::max<std::ptrdiff_t>(std::ranges::count(wanted_, true), 1);
  }

  // The wanted values for these inputs. `progress`: called with the share of them that is computed.
  Result<Values> Run(
      const std::vector<Tensor>& inputs, const std::function<void(double)>& progress = [](double) {}) {
    Values values;
    const Graph& graph = *side_.graph;
    for (std::size_t i = 0; i < std::min(inputs.size(), graph.inputs().size()); ++i) {
      if (wanted_[LayerIndex(graph.inputs()[i])]) values[graph.inputs()[i].index] = inputs[i];
    }
    const auto observe = [&](ValueId id, const Tensor& tensor) {
      if (!wanted_[LayerIndex(id)]) return;
      values.insert_or_assign(id.index, tensor);
      progress(static_cast<double>(values.size()) / static_cast<double>(count_));
    };
    const std::vector<Tensor> outputs = OCTAVO_TRY(RunSide(inputs, observe));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const ValueId id = graph.outputs()[i].value;
      if (wanted_[LayerIndex(id)]) values.try_emplace(id.index, outputs[i]);
    }
    return values;
  }

 private:
  Result<std::vector<Tensor>> RunSide(const std::vector<Tensor>& inputs, const engine::Observer& observe) {
    if (!side_.engine) return reference::Run(*side_.graph, inputs, side_.reference, observe);
    if (!compiled_) {
      engine::Options options = *side_.engine;
      for (std::size_t i = 0; i < wanted_.size(); ++i) {
        if (wanted_[i]) options.keep.push_back(ValueId{static_cast<std::int32_t>(i)});
      }
      std::vector<TensorType> types;
      for (const Tensor& input : inputs) types.push_back(input.type());
      compiled_ = OCTAVO_TRY(engine::CompiledModel::Compile(*side_.graph, types, options));
    }
    return compiled_->Run(inputs, observe);
  }

  const Side& side_;
  std::vector<bool> wanted_;
  std::ptrdiff_t count_ = 1;
  std::optional<engine::CompiledModel> compiled_;
};

// Side a's tensor as side b holds it: axes in its order, int8 for uint8 where b has that.
Tensor AsOnB(const Tensor& tensor, const Pair& pair, DType dtype_of_b) {
  Tensor held = pair.order.empty() ? tensor : tensor.Permuted(pair.order);
  const DType from = StorageType(held.dtype), to = StorageType(dtype_of_b);
  if ((from == DType::kUint8 && to == DType::kInt8) || (from == DType::kInt8 && to == DType::kUint8)) {
    const std::int64_t shift = to == DType::kInt8 ? -128 : 128;
    held.flip_sign_bit = !held.flip_sign_bit;
    held.dtype = IsQuantized(held.dtype) ? (to == DType::kInt8 ? DType::kQInt8 : DType::kQUint8) : to;
    if (held.quantization) {
      for (std::int64_t& zero_point : held.quantization->zero_points) zero_point += shift;
    }
  }
  return Contiguous(held);
}

// Side a's inputs as another graph holds them.
std::vector<Tensor> HeldBy(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> held;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool there = i < graph.inputs().size();
    held.push_back(there ? AsOnB(inputs[i], {}, graph.type(graph.inputs()[i]).dtype) : inputs[i]);
  }
  return held;
}

// Side b's tensor in the order of a's axes.  An order that only the shapes show (NHWC for NCHW) is found
// here.
Tensor AsOnA(const Tensor& tensor, Pair& pair, const Tensor& of_a) {
  if (pair.order.empty() && tensor.rank() == 4 && tensor.sizes != of_a.sizes) {
    const std::vector<int> nhwc = {0, 2, 3, 1};
    if (of_a.rank() == 4 && of_a.Permuted(nhwc).sizes == tensor.sizes) pair.order = nhwc;
  }
  if (pair.order.empty() || pair.order.size() != tensor.sizes.size()) return tensor;
  std::vector<int> inverse(pair.order.size());
  for (std::size_t i = 0; i < inverse.size(); ++i)
    inverse[static_cast<std::size_t>(pair.order[i])] = static_cast<int>(i);
  return tensor.Permuted(inverse);
}

void LookAtLife(const Tensor& tensor, Layer& layer) {
  if (tensor.num_elements() == 0 || !tensor.storage) return;
  const DType stored = StorageType(tensor.dtype);
  const std::vector<std::byte> bytes = tensor.Bytes();
  const std::size_t size = ElementSize(tensor.dtype);
  const std::span<const std::byte> all(bytes);
  for (std::size_t i = size; layer.constant && i < bytes.size(); i += size) {
    layer.constant = std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size),
                                all.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (stored != DType::kUint8 && stored != DType::kInt8) return;
  const std::byte low{stored == DType::kInt8 ? std::uint8_t{0x80} : std::uint8_t{0}};
  const std::byte high{stored == DType::kInt8 ? std::uint8_t{0x7f} : std::uint8_t{0xff}};
  const auto share = [&](std::byte end) {
    return static_cast<double>(std::count(bytes.begin(), bytes.end(), end)) /
           static_cast<double>(bytes.size());
  };
  layer.lowest_share = std::max(layer.lowest_share, share(low));
  layer.highest_share = std::max(layer.highest_share, share(high));
}

// The output that the pair is; of several that return the same value, each has a pair.
const ir::Output* OutputOf(const Graph& graph, const Graph& other, const Pair& pair) {
  const ir::Output* found = nullptr;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const ir::Output& output = graph.outputs()[i];
    if (output.value != pair.a) continue;
    if (i < other.outputs().size() && other.outputs()[i].value == pair.b) return &output;
    if (graph.value(pair.a).producer != ir::kNoNode) found = &output;
  }
  return found;
}

Layer Describe(const Graph& graph, const Graph& other, const Pair& pair) {
  Layer layer{.pair = pair};
  const ir::Value& value = graph.value(pair.a);
  layer.type = value.type;
  layer.input = value.producer == ir::kNoNode;
  if (const ir::Output* output = OutputOf(graph, other, pair)) {
    layer.output = true;
    layer.name = output->name;
  }
  if (layer.input) {
    if (!layer.output) layer.name = value.name;
    return layer;
  }
  const Node& node = graph.node(value.producer);
  layer.op = node.op;
  layer.place = node.name;
  if (node.origin && node.name.empty()) {
    layer.place = node.origin->module_path.empty() ? ir::Place(*node.origin) : node.origin->module_path;
  }
  return layer;
}

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
    for (const Pair& pair : pairs) {
      of_b_[LayerIndex(pair.b)] = static_cast<std::int32_t>(report_.layers.size());
      boundary_[LayerIndex(pair.b)] = true;
      report_.layers.push_back(Describe(*a.graph, *b.graph, pair));
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
    for (Layer& layer : report_.layers) CompareEndToEnd(of_a, of_b, layer);
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

  void CompareEndToEnd(const Values& of_a, const Values& of_b, Layer& layer) const {
    const auto x = of_a.find(layer.pair.a.index), y = of_b.find(layer.pair.b.index);
    if (x == of_a.end() || y == of_b.end()) {
      layer.end_to_end.mismatch = "the value is not computed";
      return;
    }
    const Tensor& left = x->second;
    layer.type = left.type();
    LookAtLife(left, layer);
    layer.end_to_end.Add(Compare(left, AsOnA(y->second, layer.pair, left), options_.tolerance));
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
    const Difference difference = Compare(left, AsOnA(*got, layer.pair, left), options_.tolerance);
    if (layer.alone->equal() && !difference.equal()) layer.failing_run = report_.runs;
    layer.alone->Add(difference);
    return {};
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
  return std::all_of(layers.begin(), layers.end(),
                     [](const Layer& layer) { return layer.end_to_end.equal() && !layer.differs_alone(); });
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
