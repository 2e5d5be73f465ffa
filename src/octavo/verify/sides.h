#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/verify/verify.h"

// What every way of comparing two sides needs: running one, and holding a value as the other side has it.

namespace octavo::verify {

using Values = std::unordered_map<std::int32_t, Tensor>;  // by value index

inline std::size_t LayerIndex(ir::ValueId id) { return static_cast<std::size_t>(id.index); }

// Runs one side with the reference or the engine, and keeps the wanted values.
class Runner {
 public:
  Runner(const Side& side, const std::vector<ir::ValueId>& wanted);
  // The wanted values for these inputs. `progress`: called with the share of them that is computed.
  Result<Values> Run(
      const std::vector<Tensor>& inputs, const std::function<void(double)>& progress = [](double) {});

 private:
  Result<std::vector<Tensor>> RunSide(const std::vector<Tensor>& inputs, const engine::Observer& observe);

  const Side& side_;
  std::vector<bool> wanted_;
  std::ptrdiff_t count_ = 1;
  std::optional<engine::CompiledModel> compiled_;
  std::optional<Memory> kept_;  // of the values of the last run
};

// Side a's tensor as side b holds it: axes in its order, int8 for uint8 where b has that.
Tensor AsOnB(const Tensor& tensor, const Pair& pair, DType dtype_of_b);
// Side a's inputs as another graph holds them.
std::vector<Tensor> HeldBy(const ir::Graph& graph, const std::vector<Tensor>& inputs);
// Side b's tensor in the order of a's axes.  An order that only the shapes show (NHWC for NCHW) is found
// here.
Tensor AsOnA(const Tensor& tensor, Pair& pair, const Tensor& of_a);

// Which output of a graph a pair is; of several that return the same value, each has a pair.
class OutputPlaces {
 public:
  // `other`: side b's.
  OutputPlaces(const ir::Graph& graph, const ir::Graph& other);
  // Null: none.
  const ir::Output* Of(const Pair& pair) const;

 private:
  const ir::Graph& graph_;
  std::unordered_map<std::int32_t, std::size_t> last_;                   // by side a's value
  std::unordered_map<std::int32_t, std::vector<std::size_t>> of_other_;  // by side b's
};

// A layer without its comparison: what the pair is on side a.
Layer Describe(const ir::Graph& graph, const OutputPlaces& outputs, const Pair& pair);
// Sets what the layer's value says of the input: whether it is constant or saturated.
void LookAtLife(const Tensor& tensor, Layer& layer);

}  // namespace octavo::verify
