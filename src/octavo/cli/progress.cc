#include "octavo/cli/progress.h"

#include <chrono>
#include <cstdio>

#include <unistd.h>

#include "octavo/cli/text.h"

namespace octavo::cli {

Progress::Progress(bool wanted, std::string subject) : subject_(std::move(subject)) {
  if (wanted && isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { Show(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Progress::Stage(std::string_view stage) {
  const std::lock_guard lock(mutex_);
  stage_ = stage;
}

void Progress::Show() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::unique_lock lock(mutex_);
  bool shown = false;
  while (!changed_.wait_for(lock, std::chrono::milliseconds(shown ? 200 : 1000), [this] { return done_; })) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
    std::fprintf(stderr, "\r\033[K%s: %s, %lld s", Printable(subject_).c_str(), stage_.c_str(),
                 static_cast<long long>(seconds));
    std::fflush(stderr);
    shown = true;
  }
  if (shown) std::fprintf(stderr, "\r\033[K");
}

}  // namespace octavo::cli
