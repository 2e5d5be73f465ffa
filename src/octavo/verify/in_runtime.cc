#include "octavo/verify/in_runtime.h"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/verify/quantization.h"
#include "octavo/verify/runtime_runner.h"
#include "octavo/verify/sides.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::NodeId;
using ir::ValueId;

// One side's values for one run's inputs: the reference gives all at once, ONNX Runtime one model each.
class SideValues {
 public:
  SideValues(const Side& side, const std::vector<ValueId>& paired) : side_(side), paired_(paired) {
    if (side.runtime) runtime_.emplace(side);
    const std::vector<ValueId>& ids = side.graph->inputs();
    for (std::size_t i = 0; i < ids.size(); ++i) input_places_.try_emplace(ids[i].index, i);
  }

  void Begin(const std::vector<Tensor>& inputs) {
    inputs_ = side_.runtime ? HeldBy(*side_.graph, inputs) : inputs;
    values_.clear();
    all_ = false;
  }

  Result<std::vector<Tensor>> Outputs(const std::function<void(double)>& progress) {
    if (runtime_) return runtime_->Outputs(inputs_);
    std::vector<ValueId> wanted;
    for (const ir::Output& output : side_.graph->outputs()) wanted.push_back(output.value);
    values_ = OCTAVO_TRY(Runner(side_, wanted).Run(inputs_, progress));
    std::vector<Tensor> outputs;
    for (const ValueId id : wanted) outputs.push_back(values_.at(id.index));
    return outputs;
  }

  // Of the model that ends at the value.
  Result<Tensor> Value(ValueId id) {
    if (const auto at = values_.find(id.index); at != values_.end()) return at->second;
    if (const auto input = input_places_.find(id.index); input != input_places_.end()) {
      if (input->second < inputs_.size()) return inputs_[input->second];
    }
    if (runtime_) return values_[id.index] = OCTAVO_TRY(runtime_->EndingAt(id, inputs_));
    if (!all_) {
      values_ = OCTAVO_TRY(Runner(side_, paired_).Run(inputs_));
      all_ = true;
      if (const auto at = values_.find(id.index); at != values_.end()) return at->second;
    }
    return Unsupported("the first model does not compute the value");
  }

  Result<Tensor> Part(ValueId id, const std::map<std::string, Tensor>& begins) {
    return runtime_->Part(id, begins, inputs_);
  }

  // An error after which nothing else can be run.
  bool ends(const Error& error) const {
    return error.code() == ErrorCode::kIo || (runtime_ && !runtime_->process().alive());
  }

 private:
  const Side& side_;
  const std::vector<ValueId>& paired_;
  std::optional<RuntimeRunner> runtime_;
  std::vector<Tensor> inputs_;
  std::unordered_map<std::int32_t, std::size_t> input_places_;  // in inputs_, by value
  Values values_;
  bool all_ = false;
};

class RuntimeVerifier {
 public:
  RuntimeVerifier(const Side& a, const Side& b, const std::vector<Pair>& pairs, const Options& options,
                  std::size_t runs)
      : a_(a),
        b_(b),
        options_(options),
        runs_(runs),
        quantizations_(Quantizations(*b.graph)),
        of_b_(b.graph->num_values(), -1) {
    report_.outputs_first = true;
    const OutputPlaces outputs(*a.graph, *b.graph);
    for (const Pair& pair : pairs) {
      of_b_[LayerIndex(pair.b)] = static_cast<std::int32_t>(report_.layers.size());
      report_.layers.push_back(Describe(*a.graph, outputs, pair));
      report_.layers.back().compared = false;
      paired_a_.push_back(pair.a);
      paired_b_.push_back(pair.b);
    }
    values_a_ = std::make_unique<SideValues>(a, paired_a_);
    values_b_ = std::make_unique<SideValues>(b, paired_b_);
    explained_.resize(report_.layers.size());
  }

  Status Run(const std::vector<Tensor>& inputs) {
    values_a_->Begin(inputs);
    values_b_->Begin(inputs);
    measured_.assign(report_.layers.size(), {});
    OCTAVO_TRY(CompareInputs());
    const std::vector<std::size_t> differ = OCTAVO_TRY(CompareOutputs());
    for (const std::size_t layer : differ) {
      if (explained_[layer]) continue;
      explained_[layer] = true;
      OCTAVO_TRY(Explain(layer));
    }
    if (options_.every_layer) {
      for (std::size_t i = 0; i < report_.layers.size(); ++i) {
        if (report_.layers[i].input) continue;
        OCTAVO_TRY(Differs(i));
        OCTAVO_TRY(CompareAlone(i));
      }
    }
    ++report_.runs;
    return {};
  }

  Report& report() { return report_; }

  // Side a's values where the layer's part begins: quantized ones, since ONNX Runtime fuses an operator with
  // the DequantizeLinear before it, and float ones only where nothing else would tell the part from the model
  // that ends at the layer.
  Result<std::map<std::string, Tensor>> Begins(std::size_t index) {
    std::vector<std::size_t> layers = Reach(index, Until::kQuantized);
    if (std::ranges::all_of(layers, [this](std::size_t i) { return report_.layers[i].input; }))
      layers = Reach(index, Until::kLayer);
    std::map<std::string, Tensor> begins;
    for (const std::size_t before : layers) {
      const Layer& layer = report_.layers[before];
      if (layer.input) continue;
      Result<Tensor> value = values_a_->Value(layer.pair.a);
      if (!value) return value.error();
      // Which integers side b has there, its file need not say.
      DType dtype = b_.graph->type(layer.pair.b).dtype;
      if (dtype == DType::kUnknown) {
        if (const Result<Tensor> of_b = values_b_->Value(layer.pair.b); of_b) dtype = of_b->dtype;
      }
      begins[b_.runtime->names[LayerIndex(layer.pair.b)]] = AsOnB(*value, layer.pair, dtype);
    }
    return begins;
  }

  SideValues& values_a() { return *values_a_; }
  SideValues& values_b() { return *values_b_; }

 private:
  // `share`: of this run; below 0 if unknown.
  void Progress(std::string_view stage, double share) const {
    if (!options_.progress) return;
    const std::string run =
        runs_ == 1 ? std::string() : fmt::format("run {} of {}, ", report_.runs + 1, runs_);
    options_.progress(
        run + std::string(stage),
        share < 0 ? share : (static_cast<double>(report_.runs) + share) / static_cast<double>(runs_));
  }

  Status Save(std::size_t layer, ComparedValue::Of of, const Tensor& tensor) const {
    if (!options_.save) return {};
    return options_.save({.run = report_.runs, .layer = layer, .of = of, .tensor = &tensor});
  }

  // Adds what side a and side b have of a layer, in the order of side a's axes.
  Result<Difference> Compare2(std::size_t index, const Tensor& left, const Tensor& right) {
    Layer& layer = report_.layers[index];
    layer.type = left.type();
    layer.compared = true;
    LookAtLife(left, layer);
    const Tensor held = AsOnA(right, layer.pair, left);
    OCTAVO_TRY(Save(index, ComparedValue::Of::kFirst, left));
    OCTAVO_TRY(Save(index, ComparedValue::Of::kSecond, held));
    return Compare(left, held, options_.tolerance);
  }

  Status CompareInputs() {
    for (std::size_t i = 0; i < report_.layers.size(); ++i) {
      Layer& layer = report_.layers[i];
      if (!layer.input) continue;
      const Tensor left = OCTAVO_TRY(values_a_->Value(layer.pair.a));
      const Tensor right = OCTAVO_TRY(values_b_->Value(layer.pair.b));
      layer.end_to_end.Add(OCTAVO_TRY(Compare2(i, left, right)));
    }
    return {};
  }

  // Answers the layers of the outputs that differ.
  Result<std::vector<std::size_t>> CompareOutputs() {
    const bool both = a_.runtime.has_value();
    const std::vector<Tensor> of_a =
        OCTAVO_TRY(values_a_->Outputs([this](double share) { Progress("reference", share / 2); }));
    if (both) Progress("first model in ONNX Runtime", 0);
    if (!both) Progress("ONNX Runtime", 0.5);
    const std::vector<Tensor> of_b = OCTAVO_TRY(values_b_->Outputs({}));
    std::vector<std::size_t> differ;
    std::set<std::int32_t> seen;
    for (std::size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
      const std::int32_t at = of_b_[LayerIndex(b_.graph->outputs()[i].value)];
      if (at < 0 || !seen.insert(at).second) continue;
      const auto index = static_cast<std::size_t>(at);
      Layer& layer = report_.layers[index];
      if (layer.input) continue;
      const Difference difference = OCTAVO_TRY(Compare2(index, of_a[i], of_b[i]));
      layer.end_to_end.Add(difference);
      // The model that ends at a single output is the whole model.
      if (b_.graph->outputs().size() == 1)
        measured_[index] = {.done = true, .alone = false, .differs = !difference.equal()};
      if (difference.equal()) continue;
      if (layer.failing_run == 0) layer.failing_run = report_.runs;
      differ.push_back(index);
    }
    return differ;
  }

  // Whether a layer differs at the end of its own model; unset: that cannot be told.
  Result<std::optional<bool>> Differs(std::size_t index) {
    if (measured_[index].done) return measured_[index].differs;
    Measured& measured = measured_[index];
    measured.done = true;
    Layer& layer = report_.layers[index];
    Progress(fmt::format("layer {} of {} ({} compared)", index + 1, report_.layers.size(), ++models_), -1);
    const Result<Tensor> left = values_a_->Value(layer.pair.a);
    if (!left && values_a_->ends(left.error())) return left.error();
    Result<Tensor> right = left ? values_b_->Value(layer.pair.b) : left;
    if (!right && values_b_->ends(right.error())) return right.error();
    if (!left || !right) {
      layer.not_compared = (left ? right : left).error().what();
      return std::optional<bool>();
    }
    Difference difference;
    if (layer.output) {
      // What the whole model gives is compared already.
      const Tensor held = AsOnA(*right, layer.pair, *left);
      difference = Compare(*left, held, options_.tolerance);
      if (!layer.cut_off) layer.cut_off.emplace();
      layer.cut_off->Add(difference);
    } else {
      difference = OCTAVO_TRY(Compare2(index, *left, *right));
      layer.end_to_end.Add(difference);
    }
    if (!difference.equal() && layer.failing_run == 0) layer.failing_run = report_.runs;
    measured.differs = !difference.equal();
    return measured.differs;
  }

  enum class Until { kLayer, kQuantized, kInput };

  // Side b's layers before one, in order, on each way back to the nearest layer, to the nearest quantized
  // one, or to the inputs: those where the way ends, or with `through` (and to the inputs always) all on the
  // way.
  std::vector<std::size_t> Reach(std::size_t index, Until until, bool through = false) const {
    const Graph& graph = *b_.graph;
    std::set<std::size_t> found;
    std::set<std::int32_t> seen;
    std::vector<ValueId> pending = {report_.layers[index].pair.b};
    while (!pending.empty()) {
      const NodeId producer = graph.value(pending.back()).producer;
      pending.pop_back();
      if (producer == ir::kNoNode) continue;
      Graph::ForEachUse(graph.node(producer), [&](ValueId id) {
        if (!seen.insert(id.index).second) return;
        const std::int32_t layer = of_b_[LayerIndex(id)];
        const auto at = static_cast<std::size_t>(layer);
        const bool ends =
            layer >= 0 && (until == Until::kLayer || (until == Until::kQuantized && Quantized(at)));
        if (layer >= 0 && (ends || through || until == Until::kInput || report_.layers[at].input))
          found.insert(at);
        if (!ends) pending.push_back(id);
      });
    }
    found.erase(index);
    return {found.begin(), found.end()};
  }

  // Finds the first layer that differs on the way to an output that does.  Quantized values come first: a
  // model that ends at one is fused up to there as the whole is, while one that ends at a float between a
  // DequantizeLinear and a QuantizeLinear need not be.
  Status Explain(std::size_t output) {
    const std::optional<bool> at_end = OCTAVO_TRY(Differs(output));
    std::size_t first = output;
    if (at_end != false) {
      first = OCTAVO_TRY(FirstToDiffer(output, [this](std::size_t i, bool nearest) {
        std::vector<std::size_t> layers = Reach(i, nearest ? Until::kQuantized : Until::kInput);
        std::erase_if(layers, [this](std::size_t k) { return !Quantized(k); });
        return layers;
      }));
      first = OCTAVO_TRY(FirstToDiffer(first, [this](std::size_t i, bool nearest) {
        std::vector<std::size_t> layers =
            nearest ? Reach(i, Until::kLayer) : Reach(i, Until::kQuantized, true);
        std::erase_if(layers, [this](std::size_t k) { return Quantized(k); });
        return layers;
      }));
    }
    report_.layers[first].first_to_differ = true;
    return CompareAlone(first);
  }

  bool Quantized(std::size_t index) const {
    return quantizations_[LayerIndex(report_.layers[index].pair.b)].has_value();
  }

  // A layer that differs, while none of those nearest before it does.  `before`: the layers before one, all
  // of them or the nearest.
  Result<std::size_t> FirstToDiffer(
      std::size_t last, const std::function<std::vector<std::size_t>(std::size_t, bool nearest)>& before) {
    for (;;) {
      last = OCTAVO_TRY(Bisect(last, before(last, false)));
      std::size_t next = last;
      for (const std::size_t layer : before(last, true)) {
        if (next != last || report_.layers[layer].input) continue;
        if (OCTAVO_TRY(Differs(layer)) == true) next = layer;
      }
      if (next == last) return last;
      last = next;
    }
  }

  // Of the layers before one that differs: one that does while its predecessor in the list does not.  Where
  // none does, the last.
  Result<std::size_t> Bisect(std::size_t last, std::vector<std::size_t> candidates) {
    std::erase_if(candidates, [this](std::size_t i) { return report_.layers[i].input; });
    std::size_t low = 0, high = candidates.size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      const std::optional<bool> differs = OCTAVO_TRY(Differs(candidates[middle]));
      if (!differs) {
        candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(middle));
        --high;
      } else if (*differs) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low < candidates.size() ? candidates[low] : last;
  }

  // The layer's own nodes, from side a's values.
  Status CompareAlone(std::size_t index) {
    Layer& layer = report_.layers[index];
    if (measured_[index].alone || !layer.not_alone.empty()) return {};
    measured_[index].alone = true;
    const Result<Tensor> left = values_a_->Value(layer.pair.a);
    const Result<Tensor> right = [&]() -> Result<Tensor> {
      if (!left) return left.error();
      const std::map<std::string, Tensor> begins = OCTAVO_TRY(Begins(index));
      return values_b_->Part(layer.pair.b, begins);
    }();
    if (!right) {
      if (values_a_->ends(right.error()) || values_b_->ends(right.error())) return right.error();
      layer.not_alone = right.error().what();
      return {};
    }
    const Tensor held = AsOnA(*right, layer.pair, *left);
    if (!layer.alone) layer.alone.emplace();
    const Difference difference = Compare(*left, held, options_.tolerance);
    if (layer.alone->equal() && !difference.equal()) layer.failing_run = report_.runs;
    layer.alone->Add(difference);
    return Save(index, ComparedValue::Of::kSecondAlone, held);
  }

  struct Measured {
    bool done = false, alone = false;
    std::optional<bool> differs;
  };

  const Side& a_;
  const Side& b_;
  const Options& options_;
  const std::size_t runs_;
  std::vector<std::optional<Quantization>> quantizations_;  // of b's values
  std::vector<std::int32_t> of_b_;                          // the layer of each of b's values, or -1
  std::vector<ValueId> paired_a_, paired_b_;
  Report report_;
  std::unique_ptr<SideValues> values_a_, values_b_;
  std::vector<Measured> measured_;  // in this run, by layer
  std::vector<bool> explained_;     // by the outputs' layers
  std::size_t models_ = 0;
};

}  // namespace

Result<Report> VerifyInRuntime(const Side& a, const Side& b, const std::vector<Pair>& pairs,
                               const std::vector<std::vector<Tensor>>& inputs, const Options& options) {
  RuntimeVerifier verifier(a, b, pairs, options, inputs.size());
  for (const std::vector<Tensor>& run : inputs) OCTAVO_TRY(verifier.Run(run));
  return std::move(verifier.report());
}

Result<std::optional<RuntimeCounterexample>> SmallestCounterexampleInRuntime(
    const Side& a, const Side& b, const Report& report, const std::vector<std::vector<Tensor>>& inputs) {
  const Layer* found = nullptr;
  for (const Layer& layer : report.layers) {
    if (!layer.first_to_differ || (layer.cut_off && layer.cut_off->equal() && !layer.differs_alone()))
      continue;
    if (found == nullptr || (layer.differs_alone() && !found->differs_alone())) found = &layer;
  }
  if (found == nullptr) return std::optional<RuntimeCounterexample>();
  std::vector<Pair> pairs;
  for (const Layer& layer : report.layers) pairs.push_back(layer.pair);
  const Options options;
  RuntimeVerifier verifier(a, b, pairs, options, 1);
  const std::vector<Tensor>& run = inputs[found->failing_run];
  verifier.values_a().Begin(run);
  verifier.values_b().Begin(run);
  RuntimeCounterexample example{.layer = static_cast<std::size_t>(found - report.layers.data())};
  example.value = b.runtime->names[LayerIndex(found->pair.b)];
  const Tensor expected = OCTAVO_TRY(verifier.values_a().Value(found->pair.a));
  example.expected = AsOnB(expected, found->pair, b.graph->type(found->pair.b).dtype);
  example.graph_inputs = HeldBy(*b.graph, run);
  if (found->differs_alone()) example.begins = OCTAVO_TRY(verifier.Begins(example.layer));
  return std::optional<RuntimeCounterexample>(std::move(example));
}

}  // namespace octavo::verify
