// Evaluates the functions of octavo/targets/onnxruntime for the tests in test_onnxruntime.py.  Requests come
// on standard input: a line "NAME TYPE BYTES NUMBER...", TYPE u8 or s8, then BYTES bytes.  The answer is a
// line with the number of bytes that follow it.  Ends with its input.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "octavo/targets/onnxruntime/accumulate.h"
#include "octavo/targets/onnxruntime/binary.h"
#include "octavo/targets/onnxruntime/functions.h"
#include "octavo/targets/onnxruntime/pooling.h"
#include "octavo/targets/onnxruntime/quantize.h"
#include "octavo/targets/onnxruntime/requantize.h"
#include "octavo/targets/onnxruntime/resize.h"
#include "octavo/targets/onnxruntime/softmax.h"
#include "octavo/targets/onnxruntime/tables.h"

namespace octavo::targets::onnxruntime {
namespace {

struct Request {
  std::vector<double> numbers;  // parameters: float32 and int32 values, which a double holds
  std::string bytes;

  float Float(std::size_t i) const { return static_cast<float>(numbers.at(i)); }
  std::int32_t Int(std::size_t i) const { return static_cast<std::int32_t>(numbers.at(i)); }
  Quantization Parameters(std::size_t i) const { return {Float(i), Int(i + 1)}; }

  // The payload as COUNT arrays of the same number of elements.
  template <typename T>
  std::vector<T> Array() const {
    std::vector<T> array(bytes.size() / sizeof(T));
    std::memcpy(array.data(), bytes.data(), array.size() * sizeof(T));
    return array;
  }
};

template <typename T>
std::string Bytes(const std::vector<T>& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size() * sizeof(T)};
}

template <typename From, typename To>
std::string Each(const Request& request, const std::function<To(From)>& function) {
  std::vector<To> results;
  for (const From value : request.Array<From>()) results.push_back(function(value));
  return Bytes(results);
}

// Pairs: first half of the payload against its second half.
template <typename From, typename To>
std::string EachPair(const Request& request, const std::function<To(From, From)>& function) {
  const std::vector<From> array = request.Array<From>();
  const std::size_t half = array.size() / 2;
  std::vector<To> results;
  for (std::size_t i = 0; i < half; ++i) results.push_back(function(array[i], array[half + i]));
  return Bytes(results);
}

template <typename T>
std::string Lookup(const Request& request, const Table<T>& table) {
  return Each<T, T>(request, [&table](T value) { return table[static_cast<std::uint8_t>(value)]; });
}

ResizeAxis Axis(const Request& r, std::size_t i) {
  return {r.Int(i), r.Int(i + 1), r.Float(i + 2), static_cast<Coordinates>(r.Int(i + 3))};
}

// An image of `rows` and `columns` (numbers 0 to 3 and 4 to 7), resized; number 8 is the form.
template <typename From, typename To>
std::string Linear(const Request& r) {
  const std::vector<From> image = r.Array<From>();
  const ResizeAxis rows = Axis(r, 0), columns = Axis(r, 4);
  std::vector<To> results;
  const auto at = [&](std::int64_t y, std::int64_t x) {
    return image[static_cast<std::size_t>(y * columns.in + x)];
  };
  for (std::int64_t i = 0; i < rows.out; ++i) {
    for (std::int64_t j = 0; j < columns.out; ++j) {
      const LinearWeights y(rows, i), x(columns, j);
      results.push_back(ResizeBilinear<To>(LinearCorners<To>{at(y.first, x.first), at(y.first, x.second),
                                                             at(y.second, x.first), at(y.second, x.second)},
                                           y, x, static_cast<LinearForm>(r.Int(8))));
    }
  }
  return Bytes(results);
}

template <typename T>
std::string Evaluate(const std::string& name, const Request& r) {
  if (name == "quantize") {
    return Each<float, T>(r, [q = r.Parameters(0)](float value) { return QuantizeLinear<T>(value, q); });
  }
  if (name == "dequantize") {
    return Each<T, float>(r, [q = r.Parameters(0)](T value) { return DequantizeLinear(value, q); });
  }
  if (name == "dequantize_int32") {
    return Each<std::int32_t, float>(
        r, [q = r.Parameters(0)](std::int32_t value) { return DequantizeLinear(value, q); });
  }
  if (name == "dynamic_quantization") {  // min, max pairs; answers scale and zero point
    std::vector<float> results;
    const std::vector<float> ends = r.Array<float>();
    for (std::size_t i = 0; i + 1 < ends.size(); i += 2) {
      const Quantization q = DynamicQuantization(ends[i], ends[i + 1]);
      results.insert(results.end(), {q.scale, static_cast<float>(q.zero_point)});
    }
    return Bytes(results);
  }
  if (name == "multiplier") {
    return EachPair<float, float>(r, [&r](float x, float w) { return Multiplier(x, w, r.Float(0)); });
  }
  if (name == "requantize") {  // payload: accumulators, then multipliers as float32
    const std::size_t n = r.bytes.size() / 8;
    std::vector<std::int32_t> accumulators(n);
    std::vector<float> multipliers(n);
    std::memcpy(accumulators.data(), r.bytes.data(), n * 4);
    std::memcpy(multipliers.data(), r.bytes.data() + n * 4, n * 4);
    std::vector<T> results(n);
    for (std::size_t i = 0; i < n; ++i) results[i] = Requantize<T>(accumulators[i], multipliers[i], r.Int(0));
    return Bytes(results);
  }
  if (name == "conv_requantize" || name == "gemm_requantize") {
    // payload: accumulators, then w_scale of each; numbers: x_scale, y_scale, y_zero_point, alpha
    const std::size_t n = r.bytes.size() / 8;
    std::vector<std::int32_t> accumulators(n);
    std::vector<float> scales(n);
    std::memcpy(accumulators.data(), r.bytes.data(), n * 4);
    std::memcpy(scales.data(), r.bytes.data() + n * 4, n * 4);
    std::vector<T> results(n);
    for (std::size_t i = 0; i < n; ++i) {
      const float multiplier = name == "conv_requantize"
                                   ? Multiplier(r.Float(0), scales[i], r.Float(1))
                                   : GemmMultiplier(r.Float(3), r.Float(0), scales[i], r.Float(1));
      results[i] = Requantize<T>(accumulators[i], multiplier, r.Int(2));
    }
    return Bytes(results);
  }
  if (name == "scale_accumulator") {  // numbers: multiplier[, bias]
    return Each<std::int32_t, float>(r, [&r](std::int32_t accumulator) {
      return r.numbers.size() == 1 ? ScaleAccumulator(accumulator, r.Float(0))
                                   : ScaleAccumulator(accumulator, r.Float(0), r.Float(1));
    });
  }
  if (name == "add") {
    const Addition addition(r.Parameters(0), r.Parameters(2), r.Parameters(4));
    return EachPair<T, T>(r, [&](T a, T b) { return QLinearAdd(a, b, addition); });
  }
  if (name == "mul") {
    const float ratio = MultiplicationRatio(r.Float(0), r.Float(2), r.Float(4));
    return EachPair<T, T>(r, [&](T a, T b) { return QLinearMul(a, r.Int(1), b, r.Int(3), ratio, r.Int(5)); });
  }
  if (name == "global_average_pool") {  // sums as int32; numbers: x, y, count
    const float multiplier = GlobalAverageMultiplier(r.Float(0), r.Float(2), r.Int(4));
    return Each<std::int32_t, T>(
        r, [&](std::int32_t sum) { return QLinearGlobalAveragePool<T>(sum, multiplier, r.Int(3)); });
  }
  if (name == "average_pool") {  // windows of numbers[4] elements, of which count: numbers[5]
    const std::vector<T> elements = r.Array<T>();
    const auto window = static_cast<std::size_t>(r.Int(4));
    std::vector<T> results;
    for (std::size_t begin = 0; begin + window <= elements.size(); begin += window) {
      float sum = 0;
      for (std::size_t i = begin; i < begin + window; ++i)
        sum += DequantizeLinear(elements[i], r.Parameters(0));
      results.push_back(QLinearAveragePool<T>(sum, r.Int(5), r.Parameters(2)));
    }
    return Bytes(results);
  }
  if (name == "concat") return Lookup(r, QLinearConcat<T>(r.Parameters(0), r.Parameters(2)));
  if (name == "table_sigmoid") return Lookup(r, QLinearSigmoid<T>(r.Parameters(0), r.Parameters(2)));
  if (name == "table_leaky_relu") {
    return Lookup(r, QLinearLeakyRelu<T>(r.Parameters(0), r.Parameters(2), r.Float(4)));
  }
  if (name == "sigmoid") return Each<float, float>(r, Sigmoid);
  if (name == "tanh") return Each<float, float>(r, Tanh);
  if (name == "exp") return Each<float, float>(r, Exp);
  if (name == "erf") return Each<float, float>(r, Erf);
  if (name == "hard_swish") return Each<float, float>(r, HardSwish);
  if (name == "hard_sigmoid") {
    return Each<float, float>(r, [&r](float value) { return HardSigmoid(value, r.Float(0), r.Float(1)); });
  }
  if (name == "softmax") {  // rows of numbers[0] elements; whether the CPU has AVX-512
    std::vector<float> values = r.Array<float>();
    const auto row = static_cast<std::size_t>(r.Int(0));
    const Instructions instructions = r.Int(1) != 0 ? Instructions::kAvx512 : Instructions::kAvx2;
    for (std::size_t begin = 0; begin + row <= values.size(); begin += row) {
      const std::span<float> part(values.data() + begin, row);
      Softmax(part, part, instructions);
    }
    return Bytes(values);
  }
  if (name == "qlinear_softmax") {  // rows of numbers[0] elements; x_scale, y, release
    const std::vector<T> x = r.Array<T>();
    std::vector<T> y(x.size());
    const auto row = static_cast<std::size_t>(r.Int(0));
    const SoftmaxTable table = MakeSoftmaxTable(r.Float(1), row);
    for (std::size_t begin = 0; begin + row <= x.size(); begin += row) {
      QLinearSoftmax<T>(std::span(x).subspan(begin, row), std::span(y).subspan(begin, row), table,
                        r.Parameters(2), static_cast<SoftmaxRelease>(r.Int(4)));
    }
    return Bytes(y);
  }
  if (name == "resize_nearest") {  // in, out, scale, coordinates, nearest: the index of each output element
    const ResizeAxis axis = Axis(r, 0);
    std::vector<std::int64_t> taken;
    for (std::int64_t i = 0; i < axis.out; ++i) {
      taken.push_back(ResizeNearest(axis, static_cast<Nearest>(r.Int(4)), i));
    }
    return Bytes(taken);
  }
  if (name == "resize_linear") return Linear<T, T>(r);
  if (name == "resize_linear_float") return Linear<float, float>(r);
  if (name == "accumulate") {  // rows of numbers[0] activations, then as many rows of weights
    const auto row = static_cast<std::size_t>(r.Int(0));
    std::vector<std::uint8_t> activations(r.bytes.size() / 2);
    std::vector<std::int8_t> weights(activations.size());
    std::memcpy(activations.data(), r.bytes.data(), activations.size());
    std::memcpy(weights.data(), r.bytes.data() + activations.size(), weights.size());
    std::vector<std::int32_t> sums;
    for (std::size_t begin = 0; begin + row <= weights.size(); begin += row) {
      sums.push_back(AccumulateSaturatingPairs(std::span(activations).subspan(begin, row),
                                               std::span(weights).subspan(begin, row)));
    }
    return Bytes(sums);
  }
  if (name == "pair_can_saturate") {
    return EachPair<std::int8_t, std::uint8_t>(
        r, [](std::int8_t a, std::int8_t b) { return PairCanSaturate(a, b); });
  }
  std::cerr << "unknown function " << name << "\n";
  std::exit(2);
}

}  // namespace
}  // namespace octavo::targets::onnxruntime

int main() {
  using octavo::targets::onnxruntime::Request;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string name, type, word;
    std::size_t size = 0;
    words >> name >> type >> size;
    Request request;
    while (words >> word) request.numbers.push_back(std::strtod(word.c_str(), nullptr));
    request.bytes.resize(size);
    std::cin.read(request.bytes.data(), static_cast<std::streamsize>(size));
    const std::string answer = type == "u8"
                                   ? octavo::targets::onnxruntime::Evaluate<std::uint8_t>(name, request)
                                   : octavo::targets::onnxruntime::Evaluate<std::int8_t>(name, request);
    std::cout << answer.size() << "\n" << answer << std::flush;
  }
}
