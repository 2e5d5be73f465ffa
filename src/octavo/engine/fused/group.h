#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "octavo/engine/fused/operation.h"
#include "octavo/engine/program.h"

namespace octavo::engine::fused {

// The order of a tensor's elements in memory.
enum class Layout : std::uint8_t {
  kPlain,         // row-major
  kChannelsLast,  // [N, C, ...] as [N, ..., C]
};
inline constexpr std::size_t kNumLayouts = 2;
using LayoutSet = std::array<bool, kNumLayouts>;

// Dimensions in the order of memory.
std::vector<std::size_t> MemoryOrder(std::size_t rank, Layout layout);
// The distance in memory of neighbours along each dimension.
Sizes MemoryStrides(const Sizes& sizes, Layout layout);
// Whether both layouts put the elements in the same order.
bool LayoutsAgree(const Sizes& sizes);

// A tensor that goes into a group or comes out: 8-bit integers, or float32.
struct Edge {
  ir::ValueId value;
  Sizes sizes;
  bool is_float = false;

  std::int64_t count() const;
};

struct Choice {
  std::vector<Layout> inputs;
  Layout output = Layout::kPlain;
  bool alias = false;  // the result is input 0's memory as it is
};

// Nodes that are computed at once.
struct Group {
  std::vector<ir::NodeId> nodes;
  // DequantizeLinear of the inputs: also others may read what they give.
  std::vector<ir::NodeId> dequantized;
  std::vector<Edge> inputs;
  Edge output;
  std::string name, kind;
  // Of a group that only moves elements: where each of the result's is in input 0, both row-major.
  std::shared_ptr<const std::vector<std::int32_t>> map;
  // The layouts to work in; given are those that each input has already.
  std::function<Choice(const std::vector<LayoutSet>&)> choose;
  std::function<std::unique_ptr<Operation>(const Choice&)> make;
};

// All inputs and the output in one layout.
std::function<Choice(const std::vector<LayoutSet>&)> Always(Layout layout);
// The layout that an input of the largest rank has, channels last where there are both; plain for all inputs
// of another rank.
std::function<Choice(const std::vector<LayoutSet>&)> AsInputs(const std::vector<Edge>& inputs,
                                                              const Edge& output);

}  // namespace octavo::engine::fused
