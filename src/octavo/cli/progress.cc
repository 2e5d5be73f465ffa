#include "octavo/cli/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "octavo/cli/terminal.h"
#include "octavo/cli/text.h"
#include "octavo/cli/wrap.h"

namespace octavo::cli {

Progress::Progress(bool wanted, std::string subject) : subject_(std::move(subject)) {
  if (!wanted || !IsTerminal(Stream::kError)) return;
  try {
    thread_ = std::thread([this] { Show(); });
  } catch (const std::system_error&) {
    // The system has no more threads: the work is done without.
  }
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

void Progress::Stage(std::string_view stage, double share) {
  if (!thread_.joinable()) return;
  const std::lock_guard lock(mutex_);
  stage_ = stage;
  share_ = share;
}

std::string Progress::Line(std::int64_t seconds) const {
  std::string end = share_ >= 0 ? fmt::format(", {:.0f} %", std::floor(100 * std::min(share_, 1.0))) : "";
  end += fmt::format(", {} s", seconds);
  // A line that the terminal wraps could not be cleared; of a long path, the end is what tells.
  std::size_t left = TerminalWidth(Stream::kError).value_or(80) - 1;
  left -= std::min(left, Columns(end));
  const std::string stage = Cut(": " + stage_, left);
  left -= Columns(stage);
  return Printable(CutFront(subject_, left) + stage + end);
}

void Progress::Show() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::unique_lock lock(mutex_);
  bool shown = false;
  while (!changed_.wait_for(lock, std::chrono::milliseconds(shown ? 200 : 1000), [this] { return done_; })) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
    std::fprintf(stderr, "\r\033[K%s", Line(seconds).c_str());
    std::fflush(stderr);
    shown = true;
  }
  if (shown) std::fprintf(stderr, "\r\033[K");
}

}  // namespace octavo::cli
