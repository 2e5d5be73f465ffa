#include "octavo/base/budget.h"

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "octavo/base/bug.h"
#include "octavo/base/out_of_memory.h"

namespace octavo {
namespace {

const auto kWhat = [] { return std::string("the result float32[7]"); };

Limits Of(std::uint64_t memory, std::uint64_t work = 0) {
  Limits limits;
  limits.max_memory_bytes = memory;
  limits.max_work = work;
  return limits;
}

TEST(Budget, GivesMemoryUpToTheLimit) {
  Budget budget(Of(1000));
  EXPECT_TRUE(budget.TakeMemory(600, kWhat));
  const Status more = budget.TakeMemory(401, kWhat);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(
      more.error().what(),
      "the result float32[7] needs 401 bytes of memory, 1001 with all that is held, more than the limit of "
      "1000");
  EXPECT_EQ(more.error().hint(), "If you trust the model, allow more with --limit memory=1001.");
  EXPECT_TRUE(budget.TakeMemory(400, kWhat));
  budget.GiveBack(1000);
  EXPECT_TRUE(budget.TakeMemory(1000, kWhat));
}

TEST(Budget, SumsDoNotOverflow) {
  Budget budget(Of(INT64_MAX));
  EXPECT_TRUE(budget.TakeMemory(INT64_MAX, kWhat));
  EXPECT_FALSE(budget.TakeMemory(UINT64_MAX, kWhat));
  Budget other({}, UINT64_MAX);
  EXPECT_FALSE(other.TakeMemory(UINT64_MAX - 1, kWhat));
}

TEST(Budget, ByDefaultIsHalfOfWhatIsFreeAtMost) {
  const std::uint64_t half = HalfOfFreeMemory();
  ASSERT_GT(half, 0);
  Budget budget({}, std::uint64_t{1} << 50);
  EXPECT_FALSE(budget.TakeMemory(2 * half + (std::uint64_t{1} << 32), kWhat));
  Budget small;
  EXPECT_FALSE(small.TakeMemory((std::uint64_t{1} << 32) + 1, kWhat));
}

TEST(Budget, MemoryComesBackByItself) {
  Budget budget(Of(100));
  {
    Memory memory(budget);
    EXPECT_TRUE(memory.Take(90, kWhat));
    EXPECT_FALSE(memory.Take(11, kWhat));
    const Memory moved = std::move(memory);
  }
  EXPECT_TRUE(budget.TakeMemory(100, kWhat));
}

TEST(Budget, WorkIsCountedPerRun) {
  const Budget budget(Of(0, 1000));
  for (int run = 0; run < 3; ++run) {
    Work work(budget);
    EXPECT_TRUE(work.Take(999));
    EXPECT_TRUE(work.Take(1));
    const Status more = work.Take(1e12);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().what(),
              "the model needs 1001G multiply-adds up to this operator, more than the limit of 1000");
    EXPECT_EQ(more.error().hint(), "If you trust the model, allow more with --limit work=2001G.");
  }
}

TEST(Budget, WorkGrowsWithTheFile) {
  EXPECT_EQ(Budget().max_work(), 5e9);
  EXPECT_EQ(Budget({}, 100).max_work(), 5e9);
  Budget budget({}, 10'000);
  EXPECT_EQ(budget.max_work(), 1e10);
  budget.AddGiven(10'000);
  EXPECT_EQ(budget.max_work(), 2e10);
}

TEST(Budget, ThreadsTakeNoMoreThanThereIs) {
  Budget budget(Of(1000));
  std::vector<std::thread> threads;
  std::atomic<int> taken = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += budget.TakeMemory(1, kWhat) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 1000);
}

TEST(OutOfMemory, IsAnError) {
  const auto get = [](std::size_t bytes) -> Result<std::size_t> { return std::vector<char>(bytes).size(); };
  const auto try_to = [&](std::size_t bytes) { return CatchOutOfMemory([&] { return get(bytes); }, kWhat); };
  EXPECT_EQ(*try_to(10), 10);
  std::vector<std::size_t> too_many = {SIZE_MAX};  // length_error
  if (!kSanitized)
    too_many.push_back(SIZE_MAX / 2 - 1);  // bad_alloc; the sanitizer's operator new ends the program
  for (const std::size_t bytes : too_many) {
    const Result<std::size_t> none = try_to(bytes);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().what(), "there is not enough memory for the result float32[7]");
  }
}

}  // namespace
}  // namespace octavo
