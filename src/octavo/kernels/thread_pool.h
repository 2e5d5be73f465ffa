#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

namespace octavo::kernels {

// Threads that help a caller through a loop.  One caller at a time has them; another one that comes meanwhile
// goes through its loop alone.
class ThreadPool {
 public:
  // The caller is one of `threads`.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(index, worker) for each index in [0, count), in any order; `worker` in [0, threads()) is
  // different for calls that run at the same time within one ParallelFor.  If calls throw, the exception of
  // one of them comes out, and not every index has been visited.
  template <typename Task>
  void ParallelFor(std::int64_t count, Task&& task) {
    using Function = std::remove_reference_t<Task>;
    Run(count, {.call = [](const void* context, std::int64_t index,
                           int worker) { (*static_cast<const Function*>(context))(index, worker); },
                .context = &task});
  }

 private:
  struct Callback {
    void (*call)(const void* context, std::int64_t index, int worker);
    const void* context;
  };

  void Run(std::int64_t count, Callback callback);
  void Work(int worker);
  void TakeIndices(int worker);

  std::vector<std::thread> workers_;
  std::atomic<bool> taken_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint32_t> loops_ = 0;  // how many loops were begun: what workers wait for
  // How many workers are in the loop, and kOpen while more may join.  `callback_` and `count_` change only
  // while this is 0.
  static constexpr std::uint32_t kOpen = 1U << 31;
  std::atomic<std::uint32_t> joined_ = 0;
  std::atomic<std::int64_t> next_ = 0;
  std::int64_t count_ = 0;
  Callback callback_ = {};
  std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
};

}  // namespace octavo::kernels
