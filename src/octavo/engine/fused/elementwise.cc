#include <algorithm>
#include <cstring>
#include <utility>

#include "octavo/engine/fused/operation.h"
#include "octavo/engine/fused/parallel.h"

namespace octavo::engine::fused {
namespace {

class Convolution final : public Operation {
 public:
  explicit Convolution(kernels::Convolution convolution) : convolution_(std::move(convolution)) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* scratch) const override {
    convolution_.Run(Bytes(x[0]), Bytes(y), *machine.pool, scratch);
  }
  std::size_t scratch_size(const Machine& machine) const override {
    return convolution_.scratch_size() * static_cast<std::size_t>(machine.pool->threads());
  }

 private:
  kernels::Convolution convolution_;
};

class Lookup final : public Operation {
 public:
  Lookup(const ByteTable& table, std::int64_t count) : table_(table), count_(count) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(*machine.pool, count_, [&](std::int64_t begin, std::int64_t count) {
      machine.table->lookup(Bytes(x[0]) + begin, count, table_.data(), Bytes(y) + begin);
    });
  }

 private:
  ByteTable table_;
  std::int64_t count_;
};

// Rows along which b either advances with a or stays.
class Pair final : public Operation {
 public:
  Pair(PairFunction function, std::int64_t row, std::int64_t b_step, std::vector<std::int64_t> b_rows)
      : function_(std::move(function)), row_(row), b_step_(b_step), b_rows_(std::move(b_rows)) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    const auto rows = static_cast<std::int64_t>(b_rows_.size());
    if (rows == 1) {
      ForPieces(*machine.pool, row_, [&](std::int64_t begin, std::int64_t count) {
        Apply(machine, Bytes(x[0]) + begin, Bytes(x[1]) + b_rows_[0] + begin * b_step_, count,
              Bytes(y) + begin);
      });
      return;
    }
    ForPieces(
        *machine.pool, rows,
        [&](std::int64_t begin, std::int64_t count) {
          for (std::int64_t r = begin; r < begin + count; ++r) {
            Apply(machine, Bytes(x[0]) + r * row_, Bytes(x[1]) + b_rows_[static_cast<std::size_t>(r)], row_,
                  Bytes(y) + r * row_);
          }
        },
        std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, row_)));
  }

 private:
  void Apply(const Machine& machine, const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
             std::uint8_t* y) const {
    if (function_.form) return machine.table->binary(*function_.form, a, b, b_step_, count, y);
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = function_.table[static_cast<std::size_t>(a[i]) << 8 | b[i * b_step_]];
    }
  }

  PairFunction function_;
  std::int64_t row_, b_step_;
  std::vector<std::int64_t> b_rows_;  // where b's elements for a row begin
};

class Concat final : public Operation {
 public:
  Concat(std::int64_t outer, std::vector<std::int64_t> inner, std::vector<std::optional<ByteTable>> tables)
      : outer_(outer), inner_(std::move(inner)), tables_(std::move(tables)) {
    for (const std::int64_t size : inner_) row_ += size;
  }
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(
        *machine.pool, outer_,
        [&](std::int64_t begin, std::int64_t count) {
          std::int64_t offset = 0;
          for (std::size_t i = 0; i < inner_.size(); ++i) {
            for (std::int64_t r = begin; r < begin + count; ++r) {
              const std::uint8_t* from = Bytes(x[i]) + r * inner_[i];
              std::uint8_t* to = Bytes(y) + r * row_ + offset;
              if (tables_[i]) {
                machine.table->lookup(from, inner_[i], tables_[i]->data(), to);
              } else {
                std::memcpy(to, from, static_cast<std::size_t>(inner_[i]));
              }
            }
            offset += inner_[i];
          }
        },
        std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, row_)));
  }

 private:
  std::int64_t outer_, row_ = 0;
  std::vector<std::int64_t> inner_;
  std::vector<std::optional<ByteTable>> tables_;
};

class Quantize final : public Operation {
 public:
  Quantize(const Policy& policy, const Quant& y, Range range, std::int64_t count)
      : factor_(policy.QuantizeFactor(y)),
        divides_(policy.QuantizeDivides()),
        y_(y),
        range_(range),
        count_(count) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(*machine.pool, count_, [&](std::int64_t begin, std::int64_t count) {
      machine.table->quantize(reinterpret_cast<const float*>(x[0]) + begin, count, factor_, divides_,
                              y_.zero_point, range_.low, range_.high, Bytes(y) + begin);
    });
  }

 private:
  float factor_;
  bool divides_;
  Quant y_;
  Range range_;
  std::int64_t count_;
};

class Dequantize final : public Operation {
 public:
  Dequantize(const Quant& x, std::int64_t count) : x_(x), count_(count) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(*machine.pool, count_, [&](std::int64_t begin, std::int64_t count) {
      machine.table->dequantize(Bytes(x[0]) + begin, count, x_.is_signed, x_.zero_point, x_.scale,
                                reinterpret_cast<float*>(y) + begin);
    });
  }

 private:
  Quant x_;
  std::int64_t count_;
};

class Whole final : public Operation {
 public:
  explicit Whole(WholeFunction function) : function_(std::move(function)) {}
  void Run(const Machine& /*machine*/, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    function_(x, y);
  }

 private:
  WholeFunction function_;
};

}  // namespace

std::unique_ptr<Operation> MakeWhole(WholeFunction function) {
  return std::make_unique<Whole>(std::move(function));
}

std::unique_ptr<Operation> MakeConvolution(kernels::Convolution convolution) {
  return std::make_unique<Convolution>(std::move(convolution));
}

std::unique_ptr<Operation> MakeLookup(const ByteTable& table, std::int64_t count) {
  return std::make_unique<Lookup>(table, count);
}

std::unique_ptr<Operation> MakePair(PairFunction function, const std::vector<std::int64_t>& sizes,
                                    const std::vector<std::int64_t>& b_strides) {
  // The longest run of inner dimensions along which b advances with a, or stays.
  std::int64_t row = 1, step = 0;
  std::size_t outer = sizes.size();
  for (; outer > 0; --outer) {
    const std::int64_t size = sizes[outer - 1], stride = b_strides[outer - 1];
    if (size == 1) continue;
    if (row == 1 && (stride == 0 || stride == 1)) {
      step = stride;
    } else if (row == 1 || stride != step * row) {
      break;
    }
    row *= size;
  }
  std::vector<std::int64_t> b_rows = {0};
  for (std::size_t d = 0; d < outer; ++d) {
    std::vector<std::int64_t> next;
    next.reserve(b_rows.size() * static_cast<std::size_t>(sizes[d]));
    for (const std::int64_t begin : b_rows) {
      for (std::int64_t i = 0; i < sizes[d]; ++i) next.push_back(begin + i * b_strides[d]);
    }
    b_rows = std::move(next);
  }
  return std::make_unique<Pair>(std::move(function), row, step, std::move(b_rows));
}

std::unique_ptr<Operation> MakeConcat(std::int64_t outer, std::vector<std::int64_t> inner,
                                      std::vector<std::optional<ByteTable>> tables) {
  return std::make_unique<Concat>(outer, std::move(inner), std::move(tables));
}

std::unique_ptr<Operation> MakeQuantize(const Policy& policy, const Quant& y, Range range,
                                        std::int64_t count) {
  return std::make_unique<Quantize>(policy, y, range, count);
}

std::unique_ptr<Operation> MakeDequantize(const Quant& x, std::int64_t count) {
  return std::make_unique<Dequantize>(x, count);
}

}  // namespace octavo::engine::fused
