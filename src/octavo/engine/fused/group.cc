#include "octavo/engine/fused/group.h"

#include <numeric>

namespace octavo::engine::fused {

std::int64_t Edge::count() const {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

std::vector<std::size_t> MemoryOrder(std::size_t rank, Layout layout) {
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (layout == Layout::kChannelsLast && rank > 2) {
    order.erase(order.begin() + 1);
    order.push_back(1);
  }
  return order;
}

Sizes MemoryStrides(const Sizes& sizes, Layout layout) {
  const auto order = MemoryOrder(sizes.size(), layout);
  Sizes strides(sizes.size());
  std::int64_t stride = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= sizes[order[i]];
  }
  return strides;
}

bool LayoutsAgree(const Sizes& sizes) {
  if (sizes.size() < 3 || sizes[1] == 1) return true;
  std::int64_t pixels = 1;
  for (std::size_t d = 2; d < sizes.size(); ++d) pixels *= sizes[d];
  return pixels <= 1;
}

std::function<Choice(const std::vector<LayoutSet>&)> Always(Layout layout) {
  return [layout](const std::vector<LayoutSet>& available) {
    return Choice{.inputs = std::vector<Layout>(available.size(), layout), .output = layout};
  };
}

std::function<Choice(const std::vector<LayoutSet>&)> AsInputs(const std::vector<Edge>& inputs,
                                                              const Edge& output) {
  std::vector<bool> same_rank;
  for (const Edge& input : inputs) same_rank.push_back(input.sizes.size() == output.sizes.size());
  const bool image = output.sizes.size() >= 3;
  return [same_rank, image](const std::vector<LayoutSet>& available) {
    Choice choice;
    for (std::size_t i = 0; i < available.size(); ++i) {
      const bool channels_last = available[i][static_cast<std::size_t>(Layout::kChannelsLast)];
      if (image && same_rank[i] && channels_last) choice.output = Layout::kChannelsLast;
    }
    for (const bool same : same_rank) choice.inputs.push_back(same ? choice.output : Layout::kPlain);
    return choice;
  };
}

}  // namespace octavo::engine::fused
