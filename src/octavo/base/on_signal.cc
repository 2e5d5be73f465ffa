#include "octavo/base/on_signal.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace octavo {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

// The end of a pipe that the handler writes the signal's number to.
std::atomic<int> signal_pipe = -1;
std::atomic<bool> allowed = false;
// What is written to the pipe in place of a signal: its exit code is added.
constexpr unsigned char kFault = 128;
// Something is done that no signal may divide.
std::atomic<bool> busy = false;
class Busy {
 public:
  Busy() { busy = true; }
  ~Busy() { busy = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
};

void WriteSignal(int signal) {
  const int saved = errno;
  const auto number = static_cast<unsigned char>(signal);
  // A full pipe holds a signal already.
  if (write(signal_pipe.load(), &number, 1) < 0) errno = saved;
  errno = saved;
}

class SignalFunctions {
 public:
  // Lives as long as the program, since a thread reads the pipe.
  static SignalFunctions& Get() {
    static auto* const functions = new SignalFunctions();
    return *functions;
  }

  std::size_t Add(const std::function<std::function<void()>()>& prepare) {
    const std::lock_guard lock(mutex_);
    if (functions_.empty()) Install();
    const Busy no_fault;
    // What needs memory comes first, so that nothing is made without its function.
    const auto place = functions_.try_emplace(next_).first;
    try {
      place->second = prepare();
    } catch (...) {
      functions_.erase(place);
      if (functions_.empty()) Uninstall();
      throw;
    }
    return next_++;
  }

  void Do(const std::function<void()>& work) {
    const std::lock_guard lock(mutex_);
    if (functions_.empty()) Install();
    try {
      const Busy no_fault;
      work();
    } catch (...) {
      if (functions_.empty()) Uninstall();
      throw;
    }
    if (functions_.empty()) Uninstall();
  }

  void Remove(std::size_t id) {
    const std::lock_guard lock(mutex_);
    functions_.erase(id);
    if (functions_.empty()) Uninstall();
  }

 private:
  SignalFunctions() {
    if (!allowed) return;
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
    static_cast<void>(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    try {
      std::thread([this, end = ends[0]] { Wait(end); }).detach();
    } catch (const std::system_error&) {
      // The system has no more threads: signals end the program as ever.
      close(ends[0]);
      close(ends[1]);
      return;
    }
    signal_pipe = ends[1];
  }

  void Install() {
    if (signal_pipe < 0) return;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      struct sigaction action {};
      action.sa_handler = WriteSignal;
      action.sa_flags = SA_RESTART;
      sigemptyset(&action.sa_mask);
      if (sigaction(kSignals[i], nullptr, &before_[i]) != 0 || before_[i].sa_handler != SIG_DFL) continue;
      sigaction(kSignals[i], &action, nullptr);
    }
  }

  void Uninstall() {
    if (signal_pipe < 0) return;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      if (before_[i].sa_handler == SIG_DFL) sigaction(kSignals[i], &before_[i], nullptr);
    }
  }

  void Wait(int end) {
    unsigned char signal = 0;
    ssize_t got = 0;
    while ((got = read(end, &signal, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1) return;
    const std::lock_guard lock(mutex_);
    // In the order of destruction: what came last may use what came first.
    for (auto at = functions_.rbegin(); at != functions_.rend(); ++at) at->second();
    if (signal >= kFault) _exit(signal - kFault);
    std::signal(signal, SIG_DFL);
    // The handler may have run in a thread that blocks the signal by now; this one may not.
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    kill(getpid(), signal);
    for (;;) pause();
  }

  std::mutex mutex_;
  std::map<std::size_t, std::function<void()>> functions_;
  std::size_t next_ = 0;
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace

OnSignal::OnSignal(const std::function<std::function<void()>()>& prepare)
    : id_(SignalFunctions::Get().Add(prepare)) {}

OnSignal::~OnSignal() { SignalFunctions::Get().Remove(id_); }

void OnSignal::Allow() { allowed = true; }

void OnSignal::Undivided(const std::function<void()>& work) {
  if (!allowed) return work();
  SignalFunctions::Get().Do(work);
}

void OnSignal::EndAfterFault(int exit_code) {
  const auto code = static_cast<unsigned char>(kFault + exit_code);
  if (signal_pipe < 0 || busy || write(signal_pipe, &code, 1) != 1) return;
  for (;;) pause();
}

}  // namespace octavo
