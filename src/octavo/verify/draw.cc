#include "octavo/verify/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "octavo/base/checked.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/verify/quantization.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// splitmix64: the same numbers everywhere, which the distributions of the standard library are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U) {}

  std::uint64_t Bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }
  // Mean 0, deviation 1: a sum of uniform numbers, near enough to normal and free of library functions.
  double Normal() {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += Uniform();
    return sum - 6;
  }
  std::int64_t Below(std::int64_t end) {
    return static_cast<std::int64_t>(Bits() % static_cast<std::uint64_t>(end));
  }

 private:
  std::uint64_t state_;
};

constexpr std::int64_t kSmallestImage = 8;
// Of the numbers that an input is made from.
constexpr std::uint64_t kBytesPerElement = 24;

bool IsImage(const std::vector<std::int64_t>& sizes) {
  const std::size_t rank = sizes.size();
  if (rank >= 4) return true;
  return rank == 3 && sizes[1] >= kSmallestImage && sizes[2] >= kSmallestImage;
}

// Adds noise of `cells` by `cells` numbers, interpolated to the plane.
void AddField(Random& random, std::int64_t cells, double gain, std::int64_t height, std::int64_t width,
              double* plane) {
  const std::int64_t side = cells + 1;
  std::vector<double> coarse(static_cast<std::size_t>(side * side));
  for (double& x : coarse) x = gain * random.Normal();
  for (std::int64_t y = 0; y < height; ++y) {
    const double v = static_cast<double>(y * cells) / static_cast<double>(std::max<std::int64_t>(height, 1));
    const auto row = static_cast<std::int64_t>(v);
    const double down = v - static_cast<double>(row);
    for (std::int64_t x = 0; x < width; ++x) {
      const double u = static_cast<double>(x * cells) / static_cast<double>(std::max<std::int64_t>(width, 1));
      const auto column = static_cast<std::int64_t>(u);
      const double right = u - static_cast<double>(column);
      const double* at = &coarse[static_cast<std::size_t>(row * side + column)];
      plane[y * width + x] += (1 - down) * ((1 - right) * at[0] + right * at[1]) +
                              down * ((1 - right) * at[side] + right * at[side + 1]);
    }
  }
}

// Of mean about 0 and deviation about 1.
std::vector<double> Field(Random& random, const std::vector<std::int64_t>& sizes, std::int64_t elements) {
  std::vector<double> numbers(static_cast<std::size_t>(elements));
  if (!IsImage(sizes)) {
    for (double& x : numbers) x = random.Normal();
    return numbers;
  }
  const std::int64_t height = sizes[sizes.size() - 2], width = sizes.back(), plane = height * width;
  for (std::int64_t at = 0; at + plane <= elements && plane > 0; at += plane) {
    double* begin = numbers.data() + at;
    AddField(random, 3, 1.0, height, width, begin);
    AddField(random, 9, 0.7, height, width, begin);
    AddField(random, 23, 0.5, height, width, begin);
    const double contrast = 0.6 + 0.8 * random.Uniform(), shade = 0.4 * random.Normal();
    for (std::int64_t i = 0; i < plane; ++i) begin[i] = begin[i] * contrast + shade + 0.2 * random.Normal();
  }
  return numbers;
}

struct Range {
  double low = 0, high = 0;
};

// Of the reals that a quantized type holds.
Range RealsOf(const Quantization& quantization, bool is_signed) {
  const double low = is_signed ? -128 : 0, scale = quantization.scale();
  const auto zero_point = static_cast<double>(quantization.zero_point());
  return {(low - zero_point) * scale, (low + 255 - zero_point) * scale};
}

bool Quantizes(const Node& node) {
  return node.op.starts_with("aten::quantize_per_tensor") || node.op == "QuantizeLinear" ||
         node.op.ends_with("::Int8Quantize");
}

// What is asked of the graph for each input, found once.
struct Known {
  explicit Known(const Graph& graph) : quantizations(Quantizations(graph)), readers(graph.num_values()) {
    for (const Node& node : graph.nodes()) {
      Graph::ForEachUse(node, [&](ValueId used) {
        std::vector<const Node*>& known = readers[static_cast<std::size_t>(used.index)];
        if (known.empty() || known.back() != &node) known.push_back(&node);
      });
    }
  }
  const std::vector<const Node*>& ReadersOf(ValueId id) const {
    return readers[static_cast<std::size_t>(id.index)];
  }

  std::vector<std::optional<Quantization>> quantizations;
  std::vector<std::vector<const Node*>> readers;  // by value, in the graph's order
};

std::optional<Range> QuantizedRange(const Graph& graph, const Known& known, ValueId input) {
  const std::vector<std::optional<Quantization>>& quantizations = known.quantizations;
  ValueId id = input;
  // Through what moves elements or scales by a constant (as an exporter writes a multiplication by 1/scale).
  double factor = 1;
  for (int step = 0; step < 8; ++step) {
    if (known.ReadersOf(id).empty()) return std::nullopt;
    const Node* reader = known.ReadersOf(id)[0];
    if (reader->outputs.empty() || !reader->outputs[0].valid()) return std::nullopt;
    const ValueId made = reader->outputs[0];
    if (Quantizes(*reader)) {
      const auto& quantization = quantizations[static_cast<std::size_t>(made.index)];
      if (!quantization || !quantization->per_tensor()) return std::nullopt;
      const DType dtype = graph.type(made).dtype;
      const Range range = RealsOf(*quantization, StorageType(dtype) == DType::kInt8);
      return Range{range.low / factor, range.high / factor};
    }
    if (reader->op == "Mul") {
      double by = 0;
      Graph::ForEachUse(*reader, [&](ValueId used) {
        const auto& constant = graph.value(used).constant;
        if (constant && constant->num_elements() == 1 && IsFloat(constant->dtype))
          by = constant->ToDoubles()[0];
      });
      if (by == 0) return std::nullopt;
      factor *= by;
    } else if (!reader->op.ends_with("permute") && !reader->op.ends_with("contiguous") &&
               reader->op != "Transpose" && reader->op != "Identity" && reader->op != "Reshape") {
      return std::nullopt;
    }
    id = made;
  }
  return std::nullopt;
}

// Rows of the table that the input is an index of.
std::optional<std::int64_t> Rows(const Graph& graph, const Known& known, ValueId input) {
  for (const Node* reader : known.ReadersOf(input)) {
    const Node& node = *reader;
    if (!node.op.starts_with("aten::embedding") && node.op != "Gather") continue;
    std::optional<std::int64_t> rows;
    Graph::ForEachUse(node, [&](ValueId id) {
      const auto& constant = graph.value(id).constant;
      if (constant && constant->rank() > 0 && !rows) rows = constant->sizes[0];
    });
    if (rows && *rows > 0) return rows;
  }
  return std::nullopt;
}

template <typename T>
Tensor Rounded(const std::vector<double>& numbers, const std::vector<std::int64_t>& sizes, DType dtype,
               double center, double spread, double low, double high) {
  std::vector<T> values(numbers.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(std::clamp(std::nearbyint(center + spread * numbers[i]), low, high));
  }
  return Tensor::From(dtype, sizes, values);
}

// A normal number in 5 deviations from end to end: some elements lie beyond the ends, as in real data.
constexpr double kDeviations = 5;

Result<Tensor> Drawn(const Graph& graph, const Known& known, ValueId input,
                     const std::vector<std::int64_t>& sizes, std::int64_t elements, Random& random) {
  const TensorType& type = graph.type(input);
  const std::vector<double> field = Field(random, sizes, elements);
  const DType stored = StorageType(type.dtype);
  switch (stored) {
    case DType::kUint8:
    case DType::kInt8: {
      const double low = stored == DType::kInt8 ? -128 : 0;
      Tensor tensor =
          stored == DType::kInt8
              ? Rounded<std::int8_t>(field, sizes, type.dtype, low + 127.5, 255 / kDeviations, low, low + 255)
              : Rounded<std::uint8_t>(field, sizes, type.dtype, 127.5, 255 / kDeviations, 0, 255);
      tensor.quantization = type.quantization;
      return tensor;
    }
    case DType::kUnknown:
    case DType::kFloat32:
    case DType::kFloat64: {
      const std::optional<Range> range = QuantizedRange(graph, known, input);
      const double center = range ? (range->low + range->high) / 2 : 0;
      const double spread = range ? (range->high - range->low) / kDeviations : 1;
      std::vector<double> numbers(field.size());
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = center + spread * field[i];
      if (stored == DType::kFloat64) return Tensor::From(stored, sizes, numbers);
      return Tensor::Floats(sizes, std::vector<float>(numbers.begin(), numbers.end()));
    }
    case DType::kBool: {
      std::vector<std::uint8_t> values(field.size());
      for (std::uint8_t& x : values) x = static_cast<std::uint8_t>(random.Below(2));
      return Tensor::From(stored, sizes, values);
    }
    case DType::kInt32:
    case DType::kInt64: {
      const std::int64_t end = std::min<std::int64_t>(Rows(graph, known, input).value_or(10), INT32_MAX);
      std::vector<std::int64_t> values(field.size());
      for (std::int64_t& x : values) x = random.Below(end);
      if (stored == DType::kInt64) return Tensor::From(type.dtype, sizes, values);
      Tensor tensor =
          Tensor::From(type.dtype, sizes, std::vector<std::int32_t>(values.begin(), values.end()));
      tensor.quantization = type.quantization;
      return tensor;
    }
    default:
      return UsageError(fmt::format("random inputs of type {} are not supported", Name(type.dtype)),
                        "Give an array with --input X.npy.");
  }
}

Result<Tensor> Draw(const Graph& graph, const Known& known, ValueId input, Random& random, Memory& memory) {
  const ir::Value& value = graph.value(input);
  const TensorType& type = value.type;
  const auto sizes = type.shape ? KnownSizes(*type.shape) : std::nullopt;
  if (!sizes) {
    return UsageError(
        fmt::format("a size of input {} is open: {}", value.name, type.ToString()),
        fmt::format(
            "Give an array with --input X.npy, or dtype and sizes, as in --input '{}:float32[1,3,224,224]'.",
            value.name));
  }
  const auto elements = CountElements(*sizes);
  if (!elements) {
    return UsageError(fmt::format("input {} has more than {} elements, which is too large for a random input",
                                  value.name, kMaxTensorElements));
  }
  const auto what = [&] { return fmt::format("the random input {}, {},", value.name, type.ToString()); };
  const auto count = static_cast<std::uint64_t>(*elements);
  OCTAVO_TRY(memory.Take((kBytesPerElement + ElementSize(type.dtype)) * count, what));
  auto drawn = CatchOutOfMemory([&] { return Drawn(graph, known, input, *sizes, *elements, random); }, what);
  memory.GiveBack(kBytesPerElement * count);
  return drawn;
}

}  // namespace

Result<std::vector<Tensor>> DrawInputs(const Graph& graph, std::uint64_t seed, Memory& memory) {
  Random random(seed);
  std::vector<Tensor> inputs;
  const Known known(graph);
  for (const ValueId input : graph.inputs())
    inputs.push_back(OCTAVO_TRY(Draw(graph, known, input, random, memory)));
  return inputs;
}

}  // namespace octavo::verify
