#include "octavo/base/budget.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace octavo {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kMemory = 4 * kGiB, kMemoryPerGivenByte = 16;
// Below this, how much memory is free is not asked for.
constexpr std::uint64_t kLittle = std::uint64_t{128} << 20;
constexpr double kWork = 5e9, kWorkPerGivenByte = 1e6;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

// The number behind `key` in a file of the kernel's.
std::optional<std::uint64_t> NumberIn(const char* path, const char* key) {
  const File file(std::fopen(path, "re"), &std::fclose);
  if (!file) return std::nullopt;
  char line[256];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) != 0) continue;
    unsigned long long number = 0;
    if (std::sscanf(line + std::strlen(key), "%llu", &number) == 1) return number;
  }
  return std::nullopt;
}

std::uint64_t Difference(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

std::uint64_t FreeAddressSpace() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const auto pages = NumberIn("/proc/self/statm", "");
  if (!pages) return limit.rlim_cur;
  return Difference(limit.rlim_cur, *pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
}

// Of the control group that the process sees as the outermost: a container's.
std::uint64_t FreeInGroup() {
  const auto most = NumberIn("/sys/fs/cgroup/memory.max", "");
  const auto used = NumberIn("/sys/fs/cgroup/memory.current", "");
  if (!most || !used) return kUnlimited;
  // Pages of files can be dropped.
  const auto files = NumberIn("/sys/fs/cgroup/memory.stat", "inactive_file ");
  return Difference(*most, Difference(*used, files.value_or(0)));
}

std::uint64_t FreeOnMachine() {
  const auto kilobytes = NumberIn("/proc/meminfo", "MemAvailable:");
  return kilobytes ? *kilobytes * 1024 : kUnlimited;
}

// 5 -> "5", 5'000'000'000 -> "5G": at least the number, in the form that --limit takes.
std::string Suffixed(double number, double kilo) {
  constexpr std::string_view kSuffixes = "KMG";
  std::string suffix;
  for (const char next : kSuffixes) {
    if (number < 10 * kilo) break;
    number /= kilo;
    suffix = next;
  }
  return fmt::format("{:.0f}{}", std::ceil(number), suffix);
}

}  // namespace

std::uint64_t HalfOfFreeMemory() {
  return std::min({FreeAddressSpace(), FreeInGroup(), FreeOnMachine()}) / 2;
}

double Budget::max_work() const {
  if (limits_.max_work != 0) return static_cast<double>(limits_.max_work);
  return std::max(kWork, kWorkPerGivenByte * static_cast<double>(given_));
}

bool Budget::Take(std::uint64_t bytes) {
  std::uint64_t taken = taken_;
  for (;;) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(taken, bytes, &sum)) return false;
    if (limits_.max_memory_bytes != 0 ? sum > limits_.max_memory_bytes : sum > kLittle && sum > MaxMemory())
      return false;
    if (taken_.compare_exchange_weak(taken, sum)) return true;
  }
}

std::uint64_t Budget::MaxMemory() {
  if (limits_.max_memory_bytes != 0) return limits_.max_memory_bytes;
  const std::lock_guard lock(mutex_);
  // What is taken by then belongs to what was free.
  if (half_of_free_ == 0) {
    const std::uint64_t half = HalfOfFreeMemory();
    half_of_free_ = std::max(half > kUnlimited - taken_ ? kUnlimited : half + taken_ / 2, kLittle);
  }
  std::uint64_t most = 0;
  if (__builtin_mul_overflow(given_.load(), kMemoryPerGivenByte, &most) || most > kUnlimited - kMemory)
    return half_of_free_;
  return std::min(most + kMemory, half_of_free_);
}

Error Budget::TooMuchMemory(std::uint64_t bytes, const std::string& what) {
  const std::uint64_t most = MaxMemory();
  const bool half = limits_.max_memory_bytes == 0 && most == half_of_free_;
  std::uint64_t needed = 0;
  if (__builtin_add_overflow(bytes, taken_.load(), &needed)) needed = kUnlimited;
  std::string others;
  if (needed != bytes)
    others = fmt::format(", {} with all that is held", Suffixed(static_cast<double>(needed), 1024));
  return Unsupported(fmt::format("{} needs {} bytes of memory{}, more than the limit of {}{}", what,
                                 Suffixed(static_cast<double>(bytes), 1024), others,
                                 Suffixed(static_cast<double>(most), 1024),
                                 half ? " (half of the memory that is free)" : ""),
                     LimitHint("memory", Suffixed(static_cast<double>(needed), 1024)));
}

Error Work::TooMuch() const {
  return Unsupported(
      fmt::format("the model needs {} multiply-adds up to this operator, more than the limit of {}",
                  Suffixed(done_, 1000), Suffixed(most_, 1000)),
      LimitHint("work", Suffixed(2 * done_, 1000)));
}

}  // namespace octavo
