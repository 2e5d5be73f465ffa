#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "octavo/base/limits.h"
#include "octavo/result.h"

// What the program of a model may take of memory and time: little for a small file, whatever it asks for.

namespace octavo {

// May be used by several threads at once.
class Budget {
 public:
  // `given`: bytes of the file and its inputs.
  explicit Budget(const Limits& limits = {}, std::uint64_t given = 0) : limits_(limits), given_(given) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // More bytes of files or inputs.
  void AddGiven(std::uint64_t bytes) { given_ += bytes; }

  // Call it before the memory is taken.  what(): the value that needs it, "the result float32[4,1000]".
  template <typename What>
  Status TakeMemory(std::uint64_t bytes, const What& what) {
    if (Take(bytes)) return {};
    return TooMuchMemory(bytes, what());
  }
  void GiveBack(std::uint64_t bytes) { taken_ -= bytes; }

  // Of one run; see Work.
  double max_work() const;

 private:
  bool Take(std::uint64_t bytes);
  std::uint64_t MaxMemory();
  Error TooMuchMemory(std::uint64_t bytes, const std::string& what);

  const Limits limits_;
  std::atomic<std::uint64_t> given_;
  std::atomic<std::uint64_t> taken_ = 0;
  std::mutex mutex_;
  std::uint64_t half_of_free_ = 0;  // 0: not asked for yet
};

// Memory that was taken from a budget, and that is given back when this is destroyed.
class Memory {
 public:
  explicit Memory(Budget& budget) : budget_(&budget) {}
  ~Memory() { budget_->GiveBack(bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Memory(Memory&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  template <typename What>
  Status Take(std::uint64_t bytes, const What& what) {
    Status status = budget_->TakeMemory(bytes, what);
    if (status) bytes_ += bytes;
    return status;
  }
  void GiveBack(std::uint64_t bytes) {
    budget_->GiveBack(bytes);
    bytes_ -= bytes;
  }

 private:
  Budget* budget_;
  std::uint64_t bytes_ = 0;
};

// The work of one run: each run of a model has its own.
class Work {
 public:
  explicit Work(const Budget& budget) : most_(budget.max_work()) {}

  // Call it before the work is done.
  Status Take(double multiply_adds) {
    done_ += multiply_adds;
    if (done_ <= most_) return {};
    return TooMuch();
  }

 private:
  Error TooMuch() const;

  double most_;
  double done_ = 0;
};

// Half of the memory that this process could still get: of the machine, of its control group, of its address
// space.
std::uint64_t HalfOfFreeMemory();

}  // namespace octavo
