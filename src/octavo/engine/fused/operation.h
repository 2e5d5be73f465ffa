#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "octavo/engine/fused/policy.h"
#include "octavo/kernels/convolution.h"
#include "octavo/kernels/kernels.h"
#include "octavo/kernels/thread_pool.h"

namespace octavo::engine::fused {

struct Machine {
  const kernels::Table* table;
  kernels::ThreadPool* pool;
};

// Works on whole tensors, whose order of elements it was made for.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Inputs, 8 bits an element (Quantize: float32), to `y`, which overlaps none of them.  `scratch` has
  // scratch_size() bytes and is aligned to 64.
  virtual void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
                   std::byte* scratch) const = 0;
  virtual std::size_t scratch_size(const Machine&) const { return 0; }
};

using ByteTable = std::array<std::uint8_t, 256>;

std::unique_ptr<Operation> MakeConvolution(kernels::Convolution convolution);

// table[x], element by element.
std::unique_ptr<Operation> MakeLookup(const ByteTable& table, std::int64_t count);

// Element by element of `a`, as large as the result, and `b`, each of whose strides may be 0.  `sizes` and
// `b_strides` are in the order of memory.
struct PairFunction {
  std::optional<kernels::Binary> form;
  std::vector<std::uint8_t> table;  // [a][b], where there is no form
};
std::unique_ptr<Operation> MakePair(PairFunction function, const std::vector<std::int64_t>& sizes,
                                    const std::vector<std::int64_t>& b_strides);

// Each input is [outer, inner[i]], the result [outer, sum of inner].  A table where integers change.
std::unique_ptr<Operation> MakeConcat(std::int64_t outer, std::vector<std::int64_t> inner,
                                      std::vector<std::optional<ByteTable>> tables);

// A window that slides over [batch, height, width, channels]; out of the image is nothing.
struct Pooling {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1, out_height = 1, out_width = 1;
  std::int64_t kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1, pad_top = 0, pad_left = 0;
};
std::unique_ptr<Operation> MakeMaxPool(const Pooling& pooling, bool is_signed);
// result(sum of integers less zero points, number of elements in the image)
using AverageFormula = std::function<std::uint8_t(std::int32_t sum, std::int64_t count)>;
std::unique_ptr<Operation> MakeAveragePool(const Pooling& pooling, const Quant& x, AverageFormula formula);
// The same of the elements' values in float32, added one after another.
using FloatAverageFormula = std::function<std::uint8_t(float sum, std::int64_t count)>;
std::unique_ptr<Operation> MakeFloatAveragePool(const Pooling& pooling, const Quant& x,
                                                FloatAverageFormula formula);

// Element i of the result is x[map[i]].
std::unique_ptr<Operation> MakeGather(const std::vector<std::int32_t>& map);
// The same number of elements in the same order.
std::unique_ptr<Operation> MakeCopy(std::int64_t bytes);
// [batch, rows, columns] -> [batch, columns, rows]
std::unique_ptr<Operation> MakeTranspose(std::int64_t batch, std::int64_t rows, std::int64_t columns);

std::unique_ptr<Operation> MakeQuantize(const Policy& policy, const Quant& y, Range range,
                                        std::int64_t count);
// Any function of whole tensors, in one thread.
using WholeFunction = std::function<void(std::span<const std::byte* const> x, std::byte* y)>;
std::unique_ptr<Operation> MakeWhole(WholeFunction function);
std::unique_ptr<Operation> MakeDequantize(const Quant& x, std::int64_t count);

}  // namespace octavo::engine::fused
