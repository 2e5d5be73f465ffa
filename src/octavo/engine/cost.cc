#include "octavo/engine/cost.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "octavo/engine/call.h"

namespace octavo::engine {
namespace {

// Operands and results are held as float64 or int64, and with lists of places.
constexpr std::uint64_t kBytesPerOperandElement = 8, kBytesPerResultElement = 24;
// How many multiply-adds of a fast kernel take as long as one step of these loops.
constexpr double kPerProduct = 4, kPerElement = 16;

double CountOf(const Sizes& sizes) {
  double count = 1;
  for (const std::int64_t size : sizes) count *= static_cast<double>(size);
  return count;
}

class Estimate {
 public:
  Estimate(Call& call, const std::vector<ValueType>& outputs) : call_(call) {
    for (const ValueType& type : outputs) {
      results_ += CountOf(*type.sizes);
      cost_.result_bytes += static_cast<std::uint64_t>(CountOf(*type.sizes)) *
                            static_cast<std::uint64_t>(ElementSize(type.dtype));
    }
    if (!outputs.empty()) first_ = *outputs[0].sizes;
  }

  Cost Make() {
    double operands = 0;
    for (std::size_t i = 0; i < call_.num_inputs(); ++i) {
      if (const auto sizes = SizesOf(i)) operands += CountOf(*sizes);
    }
    cost_.multiply_adds = kPerElement * (operands + results_) + kPerProduct * Products();
    cost_.kernel_bytes += kBytesPerOperandElement * static_cast<std::uint64_t>(operands) +
                          kBytesPerResultElement * static_cast<std::uint64_t>(results_);
    return cost_;
  }

 private:
  std::optional<Sizes> SizesOf(std::size_t i) const {
    if (!call_.has(i)) return std::nullopt;
    const auto sizes = call_.sizes(i);
    return sizes ? std::optional(*sizes) : std::nullopt;
  }
  // 1 where the operand has no such dimension.
  double SizeOf(std::size_t i, std::int64_t dim) const {
    const auto sizes = SizesOf(i);
    if (!sizes) return 1;
    const auto rank = static_cast<std::int64_t>(sizes->size());
    if (dim < 0) dim += rank;
    return dim >= 0 && dim < rank ? static_cast<double>((*sizes)[static_cast<std::size_t>(dim)]) : 1;
  }
  double Elements(std::size_t i) const {
    const auto sizes = SizesOf(i);
    return sizes ? CountOf(*sizes) : 1;
  }

  double Products() {
    const std::string_view op = call_.op();
    const auto is = [op](std::string_view part) { return op.find(part) != std::string_view::npos; };
    if (is("Conv")) {
      const std::size_t weight = op == "QLinearConv" ? 3 : 1;
      const double per_channel = Elements(weight) / std::max(SizeOf(weight, 0), 1.0);
      return is("Transpose") ? Elements(0) * per_channel : CountOf(first_) * per_channel;
    }
    if (is("Gemm")) {
      const auto transposed = call_.Int("transA", 0);
      return CountOf(first_) * SizeOf(0, transposed && *transposed != 0 ? 0 : 1);
    }
    if (is("MatMul")) return CountOf(first_) * SizeOf(0, -1);
    if (op == "Int8FC") return CountOf(first_) * Elements(1) / std::max(SizeOf(1, 0), 1.0);
    if (op == "Einsum") return Einsum();
    if (is("GlobalAveragePool") || is("GlobalMaxPool")) return Elements(0);
    if (is("Pool")) return CountOf(first_) * Window();
    if (op == "LRN") return CountOf(first_) * SizeOf(0, 1);
    if (is("Resize") || is("Upsample")) return results_ * Taps();
    if (op == "GridSample") return results_ * 16;
    return 0;
  }

  // Of a pooling window those elements that lie inside the input.
  double Window() const {
    double cells = 1;
    const auto kernel = call_.Ints("kernel_shape", Sizes());
    const auto input = SizesOf(0);
    if (!kernel || !input) return 1;
    // Caffe2's operators have one number.
    const auto caffe2 = call_.Int("kernel", 1);
    for (std::size_t d = 2; d < input->size(); ++d) {
      const std::int64_t size = d - 2 < kernel->size() ? (*kernel)[d - 2] : caffe2 ? *caffe2 : 1;
      cells *= static_cast<double>(std::clamp<std::int64_t>(size, 1, std::max<std::int64_t>((*input)[d], 1)));
    }
    return cells;
  }

  // Elements of the input for one of the result.
  double Taps() const {
    const auto mode = call_.Text("mode", "nearest");
    double taps = 1;
    const auto input = SizesOf(0);
    if (!mode || *mode == "nearest" || !input) return taps;
    const auto antialias = call_.Int("antialias", 0);
    for (std::size_t d = 0; d < std::min(input->size(), first_.size()); ++d) {
      if ((*input)[d] == first_[d]) continue;
      const double support = *mode == "cubic" ? 4 : 2;
      const double shrinks =
          static_cast<double>((*input)[d]) / std::max<double>(static_cast<double>(first_[d]), 1);
      taps *= antialias && *antialias != 0 ? support * std::max(shrinks, 1.0) : support;
    }
    return taps;
  }

  // Sets how much its tables take, too: the places of each operand's elements for the labels of the result,
  // and for the others.
  double Einsum() {
    const auto equation = call_.Text("equation");
    if (!equation) return 0;
    std::map<char, double> sizes;
    double others = 1;  // the dimensions of "...": as many as the operand with the most elements has
    std::size_t input = 0, dim = 0;
    std::string_view left = *equation;
    left = left.substr(0, left.find("->"));
    for (std::size_t i = 0; i <= left.size(); ++i) {
      const char c = i < left.size() ? left[i] : ',';
      if (c == ',') {
        ++input;
        dim = 0;
      } else if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
        double& size = sizes[c];
        size = std::max(size, SizeOf(input, static_cast<std::int64_t>(dim)));
        ++dim;
      } else if (c == '.' && left.substr(i).starts_with("...")) {
        others = std::max(others, Elements(input));
        i += 2;
        // The labels behind it count from the end.
        std::int64_t behind = 0;
        for (std::size_t k = i + 1; k < left.size() && left[k] != ','; ++k)
          behind += std::isalpha(static_cast<unsigned char>(left[k])) != 0 ? 1 : 0;
        const auto own = SizesOf(input);
        dim = own ? own->size() - static_cast<std::size_t>(
                                      std::min<std::int64_t>(behind, static_cast<std::int64_t>(own->size())))
                  : dim;
      }
    }
    double all = others;
    for (const auto& [label, size] : sizes) all *= size;
    const double summed = all / std::max(CountOf(first_), 1.0);
    constexpr double kBytesPerPlace = 16;  // a list of int64 that grows
    const double tables =
        static_cast<double>(call_.num_inputs()) * (CountOf(first_) + summed) * kBytesPerPlace;
    constexpr double kMost = 1e18;
    cost_.kernel_bytes += static_cast<std::uint64_t>(std::min(tables, kMost));
    return all * static_cast<double>(call_.num_inputs());
  }

  Call& call_;
  Sizes first_;
  double results_ = 0;
  Cost cost_;
};

}  // namespace

Cost CostOf(Call& call, const std::vector<ValueType>& outputs) { return Estimate(call, outputs).Make(); }

std::string ResultText(const ValueType& type) {
  const TensorType shown{.dtype = type.dtype, .shape = Shape(type.sizes->begin(), type.sizes->end())};
  return fmt::format("the result {}", shown.ToString());
}

}  // namespace octavo::engine
