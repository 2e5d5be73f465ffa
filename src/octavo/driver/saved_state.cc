#include "octavo/driver/saved_state.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace octavo::driver {
namespace {

// Counts the modules that collect the ranges of activations and weights.
class Observers {
 public:
  void Look(const module::Object& root) {
    std::vector<const module::Object*> left = {&root};
    while (!left.empty()) {
      const module::Object& object = *left.back();
      left.pop_back();
      if (!seen_.insert(&object).second) continue;
      if (object.Find("min_val") && object.Find("max_val")) ++count;
      for (const auto& [name, value] : object.attributes) {
        if (const auto* child = std::get_if<std::shared_ptr<module::Object>>(&value.v)) {
          left.push_back(child->get());
        }
      }
    }
  }
  std::size_t count = 0;

 private:
  std::unordered_set<const void*> seen_;
};

bool HasFakeQuantizeName(const ir::Node& node) { return node.op.find("fake_quant") != std::string::npos; }

bool Quantizes(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [&graph](const ir::Node& node) {
    return node.op.starts_with("quantized::") ||
           std::ranges::any_of(node.outputs, [&](ir::ValueId id) { return graph.type(id).quantized(); });
  });
}

// That a model, in which nothing is quantized, was prepared for it, without a full stop; empty if nothing
// shows it.
std::string Preparation(const module::Module& module, const ir::Graph& graph) {
  const auto fakes = static_cast<std::size_t>(std::ranges::count_if(graph.nodes(), HasFakeQuantizeName));
  Observers observers;
  if (fakes == 0 && module.root) observers.Look(*module.root);
  const std::size_t count = fakes > 0 ? fakes : observers.count;
  if (count == 0) return {};
  return fmt::format(
      "the model has {} {}{}: it was prepared for quantization, but not converted; call "
      "torch.ao.quantization.convert (or convert_fx) before saving the model",
      count, fakes > 0 ? "fake_quantize operator" : "observer", count == 1 ? "" : "s");
}

// The first index of dimension 0: a channel, for weights of a layer.
Tensor FirstChannel(Tensor tensor) {
  tensor.sizes[0] = 1;
  return tensor;
}

// Few elements may fit on a grid of 256 steps by chance, and more than this prove enough.
constexpr std::int64_t kFewest = 64, kMost = std::int64_t{1} << 16;

// True if all of these are multiples of one step, of which 256 are between the lowest and the highest.
bool OnGrid(const std::vector<float>& values) {
  constexpr std::size_t kLevels = 256;
  std::set<float> levels;
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
    levels.insert(value);
    if (levels.size() > kLevels) return false;
  }
  if (levels.size() < 16) return false;  // a mask, or constants
  double step = INFINITY;
  for (auto level = std::next(levels.begin()); level != levels.end(); ++level) {
    step = std::min(step, static_cast<double>(*level) - static_cast<double>(*std::prev(level)));
  }
  const double span = static_cast<double>(*levels.rbegin()) - static_cast<double>(*levels.begin());
  if (span > step * (kLevels + 0.5)) return false;
  return std::ranges::all_of(levels, [step](float level) {
    const double steps = static_cast<double>(level) / step;
    return std::abs(steps - std::nearbyint(steps)) < 0.01;
  });
}

bool WasQuantized(const Tensor& weight) {
  if (weight.dtype != DType::kFloat32 || weight.rank() < 2 || weight.sizes[0] < 1) return false;
  for (const Tensor& part : {FirstChannel(weight), weight}) {
    const std::int64_t elements = part.num_elements();
    if (elements >= kFewest && elements <= kMost && OnGrid(part.ToFloats())) return true;
  }
  return false;
}

}  // namespace

std::string AdviceToConvert(const module::Module& module, const ir::Graph& graph) {
  std::string advice = Quantizes(graph) ? std::string() : Preparation(module, graph);
  if (advice.empty()) return {};
  advice[0] = 'T';
  return advice + ".";
}

std::vector<std::string> SavedStateWarnings(const module::Module& module, const ir::Graph& graph) {
  if (Quantizes(graph)) return {};
  std::vector<std::string> warnings;
  if (std::string preparation = Preparation(module, graph); !preparation.empty()) {
    warnings.push_back(std::move(preparation));
  }
  std::size_t weights = 0;
  std::set<ir::ValueId> seen;
  std::uint64_t left =
      16 * module.file_bytes;  // of the bytes to look at: many constants may be views of the same
  for (const ir::Node& node : graph.nodes()) {
    ir::Graph::ForEachUse(node, [&](ir::ValueId id) {
      if (!id.valid() || !seen.insert(id).second) return;
      const auto& constant = graph.value(id).constant;
      if (!constant || constant->num_bytes() > left) return;
      left -= constant->num_bytes();
      weights += WasQuantized(*constant);
    });
  }
  if (weights > 0) {
    warnings.push_back(
        fmt::format("{} float32 weight{} only values of an 8-bit grid: they were quantized and turned back "
                    "into floats, so "
                    "the model runs in float; save the quantized model itself",
                    weights, weights == 1 ? " has" : "s have"));
  }
  return warnings;
}

}  // namespace octavo::driver
