#include "octavo/kernels/thread_pool.h"

#include <system_error>
#include <utility>

namespace octavo::kernels {
namespace {

// Some 50 microseconds: more than lies between two layers, less than a thread that waits for this core minds.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int worker = 1; worker < threads; ++worker) {
    // Where the system has no more threads, fewer do the work.
    try {
      workers_.emplace_back([this, worker] { Work(worker); });
    } catch (const std::system_error&) {
      return;
    }
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  loops_.fetch_add(1);
  loops_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::TakeIndices(int worker) {
  while (true) {
    const std::int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) return;
    try {
      callback_.call(callback_.context, index, worker);
    } catch (...) {
      // The caller's, once no worker is in the loop: what the callback refers to ends with the caller's call.
      if (!failed_.exchange(true)) failure_ = std::current_exception();
      next_.store(count_, std::memory_order_relaxed);
    }
  }
}

void ThreadPool::Run(std::int64_t count, Callback callback) {
  if (count <= 1 || workers_.empty() || taken_.exchange(true, std::memory_order_acquire)) {
    for (std::int64_t index = 0; index < count; ++index) callback.call(callback.context, index, 0);
    return;
  }
  callback_ = callback;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  joined_.store(kOpen, std::memory_order_release);
  loops_.fetch_add(1);
  loops_.notify_all();
  TakeIndices(0);
  joined_.fetch_and(~kOpen);
  for (int spins = 0; joined_.load(std::memory_order_acquire) != 0; ++spins) {
    // A worker that lost its core in the middle of its part needs this one.
    if (spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
  std::exception_ptr failure;
  if (failed_.exchange(false)) failure = std::exchange(failure_, nullptr);
  taken_.store(false, std::memory_order_release);
  if (failure) std::rethrow_exception(failure);
}

void ThreadPool::Work(int worker) {
  std::uint32_t seen = 0;
  while (true) {
    std::uint32_t loops = loops_.load();
    for (int spins = 0; loops == seen && spins < kSpins; ++spins) {
      Pause();
      loops = loops_.load();
    }
    if (loops == seen) {
      loops_.wait(seen);
      continue;
    }
    seen = loops;
    if (stop_.load()) return;
    std::uint32_t joined = joined_.load();
    while ((joined & kOpen) != 0) {
      if (!joined_.compare_exchange_weak(joined, joined + 1, std::memory_order_acq_rel)) continue;
      TakeIndices(worker);
      joined_.fetch_sub(1, std::memory_order_release);
      break;
    }
  }
}

}  // namespace octavo::kernels
