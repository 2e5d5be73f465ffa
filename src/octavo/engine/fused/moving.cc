#include <algorithm>
#include <cstring>
#include <utility>

#include "octavo/engine/fused/operation.h"
#include "octavo/engine/fused/parallel.h"

namespace octavo::engine::fused {
namespace {

class Copy final : public Operation {
 public:
  explicit Copy(std::int64_t bytes) : bytes_(bytes) {}
  void Run(const Machine& /*machine*/, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    if (bytes_ > 0) std::memcpy(y, x[0], static_cast<std::size_t>(bytes_));
  }

 private:
  std::int64_t bytes_;
};

// Runs of neighbours that stay neighbours.
class GatherRuns final : public Operation {
 public:
  struct Piece {
    std::int32_t from, to, count;
  };
  explicit GatherRuns(std::vector<Piece> runs) : runs_(std::move(runs)) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(
        *machine.pool, static_cast<std::int64_t>(runs_.size()),
        [&](std::int64_t begin, std::int64_t count) {
          for (std::int64_t i = begin; i < begin + count; ++i) {
            const auto& run = runs_[static_cast<std::size_t>(i)];
            std::memcpy(y + run.to, x[0] + run.from, static_cast<std::size_t>(run.count));
          }
        },
        2048);
  }

 private:
  std::vector<Piece> runs_;
};

class GatherElements final : public Operation {
 public:
  explicit GatherElements(std::vector<std::int32_t> map) : map_(std::move(map)) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    ForPieces(*machine.pool, static_cast<std::int64_t>(map_.size()),
              [&](std::int64_t begin, std::int64_t count) {
                for (std::int64_t i = begin; i < begin + count; ++i)
                  y[i] = x[0][map_[static_cast<std::size_t>(i)]];
              });
  }

 private:
  std::vector<std::int32_t> map_;
};

class Transpose final : public Operation {
 public:
  Transpose(std::int64_t batch, std::int64_t rows, std::int64_t columns)
      : batch_(batch), rows_(rows), columns_(columns) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* /*scratch*/) const override {
    // Blocks whose lines stay in the first-level cache.
    constexpr std::int64_t kBlock = 64;
    const std::int64_t blocks = (columns_ + kBlock - 1) / kBlock;
    ForPieces(
        *machine.pool, batch_ * blocks,
        [&](std::int64_t first, std::int64_t count) {
          for (std::int64_t i = first; i < first + count; ++i) {
            const std::int64_t begin = i % blocks * kBlock, end = std::min(begin + kBlock, columns_);
            const std::byte* from = x[0] + i / blocks * rows_ * columns_;
            std::byte* to = y + i / blocks * rows_ * columns_;
            for (std::int64_t r = 0; r < rows_; ++r) {
              for (std::int64_t c = begin; c < end; ++c) to[c * rows_ + r] = from[r * columns_ + c];
            }
          }
        },
        std::max<std::int64_t>(1, kPiece / (kBlock * std::max<std::int64_t>(1, rows_))));
  }

 private:
  std::int64_t batch_, rows_, columns_;
};

}  // namespace

std::unique_ptr<Operation> MakeCopy(std::int64_t bytes) { return std::make_unique<Copy>(bytes); }

std::unique_ptr<Operation> MakeTranspose(std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  return std::make_unique<Transpose>(batch, rows, columns);
}

std::unique_ptr<Operation> MakeGather(const std::vector<std::int32_t>& map) {
  std::vector<GatherRuns::Piece> runs;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (!runs.empty() && runs.back().from + runs.back().count == map[i]) {
      ++runs.back().count;
    } else {
      runs.push_back({.from = map[i], .to = static_cast<std::int32_t>(i), .count = 1});
    }
  }
  constexpr std::size_t kWorthCopying = 6;
  if (runs.size() * kWorthCopying > map.size()) return std::make_unique<GatherElements>(map);
  return std::make_unique<GatherRuns>(std::move(runs));
}

}  // namespace octavo::engine::fused
