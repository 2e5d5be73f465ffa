#include "octavo/reference/cost.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/checked.h"

namespace octavo::reference {
namespace {

// Kernels hold operands and results as float64 or int64, and lists of places.
constexpr std::uint64_t kBytesPerOperandElement = 8, kBytesPerResultElement = 24;
// How many multiply-adds of a fast kernel take as long as one step of these loops.
constexpr double kPerProduct = 4, kPerElement = 16;

class Estimate {
 public:
  Estimate(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> values)
      : graph_(graph), node_(node), values_(values) {}

  std::optional<Cost> Make() {
    double operands = 0;
    ir::Graph::ForEachUse(node_, [&](ir::ValueId id) {
      operands += static_cast<double>(values_[static_cast<std::size_t>(id.index)].num_elements());
    });
    Cost cost;
    double largest = 0;
    for (const ir::ValueId output : node_.outputs) {
      const TensorType& type = graph_.type(output);
      const auto sizes = type.shape ? KnownSizes(*type.shape) : std::nullopt;
      if (!sizes) continue;
      const auto count = CountElements(*sizes);
      if (!count) return std::nullopt;
      results_ += static_cast<double>(*count);
      largest = std::max(largest, static_cast<double>(*count));
      cost.result_bytes += static_cast<std::uint64_t>(*CountBytes(*sizes, type.dtype));
    }
    cost.kernel_bytes = kBytesPerOperandElement * static_cast<std::uint64_t>(operands) +
                        kBytesPerResultElement * static_cast<std::uint64_t>(results_);
    cost.multiply_adds = kPerElement * (operands + results_) + kPerProduct * largest * ProductsPerElement();
    return cost;
  }

 private:
  const Tensor* TensorOf(std::string_view name) const {
    const ir::Operand* operand = node_.Find(name);
    const auto* id = operand != nullptr ? std::get_if<ir::ValueId>(operand) : nullptr;
    return id != nullptr && id->valid() ? &values_[static_cast<std::size_t>(id->index)] : nullptr;
  }
  std::vector<std::int64_t> Ints(std::string_view name) const {
    const ir::Operand* operand = node_.Find(name);
    if (operand == nullptr) return {};
    if (const auto* dim = std::get_if<Dim>(operand)) return {dim->known() ? dim->value() : 1};
    const auto* dims = std::get_if<std::vector<Dim>>(operand);
    return dims != nullptr ? KnownSizes(*dims).value_or(std::vector<std::int64_t>())
                           : std::vector<std::int64_t>();
  }
  bool Is(std::string_view part) const { return node_.op.find(part) != std::string::npos; }

  // Of the weights of a layer; nullopt: there are none.
  std::optional<std::vector<std::int64_t>> WeightSizes() const {
    for (const ir::Argument& argument : node_.arguments) {
      const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&argument.value);
      if (packed == nullptr || !*packed) continue;
      const ir::PackedWeights& weights = **packed;
      return weights.weight_value.valid()
                 ? values_[static_cast<std::size_t>(weights.weight_value.index)].sizes
                 : weights.weight.sizes;
    }
    if (const Tensor* weight = TensorOf("weight")) return weight->sizes;
    return std::nullopt;
  }

  static double Product(const std::vector<std::int64_t>& sizes, std::size_t from = 0) {
    double product = 1;
    for (std::size_t d = from; d < sizes.size(); ++d) product *= static_cast<double>(sizes[d]);
    return product;
  }

  // Multiply-adds for each element of the result.
  double ProductsPerElement() const {
    if (Is("conv")) {
      const auto weight = WeightSizes();
      if (!weight || weight->empty()) return 1;
      if (!Is("transpose") && !Transposed()) return Product(*weight, 1);
      // Every element of the input meets the kernels of all output channels of its group.
      const Tensor* input = TensorOf(node_.op.starts_with("quantized") ? "qx" : "input");
      if (input == nullptr) input = FirstTensor();
      const double products = input != nullptr ? Product(input->sizes) * Product(*weight, 1) : 0;
      return products / std::max(results_, 1.0);
    }
    if (Is("linear") && !Is("linalg") && !Is("upsample")) {
      const auto weight = WeightSizes();
      return weight && !weight->empty() ? static_cast<double>(weight->back()) : 1;
    }
    if (Is("::mm") || Is("bmm") || Is("matmul") || Is("::mv") || Is("::dot")) return Inner(FirstTensor());
    if (Is("addmm") || Is("addmv")) return Inner(TensorOf(Is("addmm") ? "mat1" : "mat"));
    if (Is("einsum")) return Einsum() / std::max(results_, 1.0);
    if (Is("pool")) return Window();
    if (Is("cubic") || Is("grid_sampl") || Is("interpolate")) return 16;
    return 1;
  }

  bool Transposed() const {
    const ir::Operand* operand = node_.Find("transposed");
    const auto* flag = operand != nullptr ? std::get_if<bool>(operand) : nullptr;
    return flag != nullptr && *flag;
  }
  const Tensor* FirstTensor() const {
    for (const ir::Argument& argument : node_.arguments) {
      const auto* id = std::get_if<ir::ValueId>(&argument.value);
      if (id != nullptr && id->valid()) return &values_[static_cast<std::size_t>(id->index)];
    }
    return nullptr;
  }
  static double Inner(const Tensor* x) {
    return x == nullptr || x->sizes.empty() ? 1 : static_cast<double>(x->sizes.back());
  }

  // Of a pooling window those elements that lie inside the input.
  double Window() const {
    const Tensor* x = FirstTensor();
    if (x == nullptr) return 1;
    std::vector<std::int64_t> kernel = Ints("kernel_size");
    const bool adaptive = kernel.empty();
    if (adaptive) kernel = Ints("output_size");
    double cells = 1;
    for (std::size_t d = 0; d < std::min<std::size_t>(x->sizes.size(), 3); ++d) {
      const std::int64_t size = x->sizes[x->sizes.size() - 1 - d];
      if (kernel.empty()) break;
      const std::int64_t given = kernel[d < kernel.size() ? kernel.size() - 1 - d : 0];
      const std::int64_t most = adaptive ? size / std::max<std::int64_t>(given, 1) + 2 : given;
      if (d >= kernel.size() && kernel.size() > 1) break;
      cells *= static_cast<double>(std::clamp<std::int64_t>(most, 1, std::max<std::int64_t>(size, 1)));
    }
    return cells;
  }

  double Einsum() const {
    const ir::Operand* equation = node_.Find("equation");
    const ir::Operand* tensors = node_.Find("tensors");
    const auto* text = equation != nullptr ? std::get_if<std::string>(equation) : nullptr;
    const auto* list = tensors != nullptr ? std::get_if<ir::ValueList>(tensors) : nullptr;
    if (text == nullptr || list == nullptr) return 1;
    std::map<char, double> sizes;
    std::size_t tensor = 0, dim = 0;
    for (const char c : text->substr(0, text->find("->"))) {
      if (c == ',') {
        ++tensor;
        dim = 0;
      } else if (std::isalpha(static_cast<unsigned char>(c)) != 0 && tensor < list->size() &&
                 (*list)[tensor].valid()) {
        const Tensor& x = values_[static_cast<std::size_t>((*list)[tensor].index)];
        if (dim < x.sizes.size()) sizes[c] = std::max(sizes[c], static_cast<double>(x.sizes[dim]));
        ++dim;
      }
    }
    double products = static_cast<double>(list->size());
    for (const auto& [letter, size] : sizes) products *= size;
    return products;
  }

  const ir::Graph& graph_;
  const ir::Node& node_;
  std::span<const Tensor> values_;
  double results_ = 0;
};

}  // namespace

std::optional<Cost> CostOf(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> values) {
  return Estimate(graph, node, values).Make();
}

std::string ResultText(const ir::Graph& graph, const ir::Node& node) {
  return node.outputs.empty() ? "this operator"
                              : fmt::format("the result {}", graph.type(node.outputs[0]).ToString());
}

}  // namespace octavo::reference
