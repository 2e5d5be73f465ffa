#include "octavo/onnxruntime_process/process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace octavo::onnxruntime_process {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kMostPrinted = std::size_t{64} << 20;
constexpr std::size_t kShownPrinted = 2000;

std::string SystemText(int error_number) { return std::generic_category().message(error_number); }

bool Executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

// Strings as exec takes them.
struct Vector {
  std::vector<std::string> texts;
  std::vector<char*> pointers;
  void Seal() {
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
  }
};

// Temporary files of the process go to its working folder, and disappear with it.
Vector Environment(const fs::path& folder) {
  Vector variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (!text.starts_with("PYTHON") && !text.starts_with("TMPDIR=")) variables.texts.emplace_back(text);
  }
  variables.texts.push_back("TMPDIR=" + folder.string());
  variables.Seal();
  return variables;
}

struct Ends {
  int channel, printed, failed, null;
};

// In the child, between fork and exec: calls nothing but the system.
[[noreturn]] void Become(const char* program, char* const* arguments, char* const* variables,
                         const char* folder, const Ends& ends) {
  int error = 0;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGBUS}) std::signal(signal, SIG_DFL);
  // Out of the way of those that the child gets.
  const auto high = [](int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 16); };
  const int failed = high(ends.failed), channel = high(ends.channel), printed = high(ends.printed),
            null = high(ends.null);
  const bool moved = failed >= 0 && channel >= 0 && printed >= 0 && null >= 0 && dup2(null, 0) >= 0 &&
                     dup2(printed, 1) >= 0 && dup2(printed, 2) >= 0 && dup2(channel, Process::kChannel) >= 0;
  if (moved && chdir(folder) == 0) execve(program, arguments, variables);
  error = errno;
  static_cast<void>(!write(failed, &error, sizeof error));
  _exit(127);
}

}  // namespace

Result<fs::path> FindProgram(const std::string& name) {
  std::error_code failed;
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::absolute(name.starts_with("./") ? name.substr(2) : name, failed);
    if (!fs::exists(path, failed)) return IoError(fmt::format("the program {} does not exist", name));
    if (!Executable(path)) return IoError(fmt::format("{} is not a program that can be run", name));
    return path;
  }
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable;
  while (!name.empty()) {
    const std::size_t colon = folders.find(':');
    const fs::path folder(folders.substr(0, colon));
    // A relative folder would be the working folder, whose files are not ours to run.
    if (folder.is_absolute() && Executable(folder / name)) return folder / name;
    if (colon == std::string_view::npos) break;
    folders.remove_prefix(colon + 1);
  }
  return IoError(
      fmt::format("cannot find the program {} in the folders of PATH", name.empty() ? "\"\"" : name));
}

Result<std::unique_ptr<Process>> Process::Start(const fs::path& program,
                                                const std::vector<std::string>& arguments,
                                                const fs::path& working_folder) {
  std::unique_ptr<Process> process(new Process());
  process->program_ = program;
  const auto cannot = [&](int error_number) {
    return IoError(fmt::format("cannot start {}: {}", program.string(), SystemText(error_number)));
  };
  std::array<int, 2> channel{}, printed{}, failed{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel.data()) != 0) return cannot(errno);
  process->channel_ = channel[0];
  if (pipe2(printed.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    close(channel[1]);
    return cannot(error);
  }
  process->printed_ = printed[0];
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool open = null >= 0 && pipe2(failed.data(), O_CLOEXEC) == 0;
  int error = open ? 0 : errno;
  if (open) {
    Vector words, variables = Environment(working_folder);
    words.texts = arguments;
    words.texts.insert(words.texts.begin(), program.string());
    words.Seal();
    process->on_signal_ = std::make_unique<OnSignal>([&]() -> std::function<void()> {
      const pid_t child = fork();
      if (child == 0) {
        Become(program.c_str(), words.pointers.data(), variables.pointers.data(), working_folder.c_str(),
               {.channel = channel[1], .printed = printed[1], .failed = failed[1], .null = null});
      }
      if (child < 0) error = errno;
      process->child_ = child;
      return [child] {
        if (child <= 0) return;
        kill(-child, SIGKILL);
        // Nothing is left once the program has ended; on a busy machine the kill takes its time.
        constexpr int kTries = 50;
        using namespace std::chrono_literals;
        for (int i = 0; i < kTries && waitpid(child, nullptr, WNOHANG) == 0; ++i)
          std::this_thread::sleep_for(1ms);
      };
    });
    close(failed[1]);
    int said = 0;
    ssize_t got = 0;
    while ((got = read(failed[0], &said, sizeof said)) < 0 && errno == EINTR) {
    }
    if (got == sizeof said) error = said;
    close(failed[0]);
  }
  if (null >= 0) close(null);
  close(channel[1]);
  close(printed[1]);
  if (error != 0) return cannot(error);
  return process;
}

Process::~Process() {
  Kill();
  if (channel_ >= 0) close(channel_);
  if (printed_ >= 0) close(printed_);
}

void Process::Kill() {
  if (child_ < 0) return;
  // From here on the number may be another process's.
  on_signal_.reset();
  kill(-child_, SIGKILL);
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

Status Process::Send(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = send(channel_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Ended();
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

Status Process::Drain() {
  std::array<char, 65536> buffer;
  const ssize_t count = read(printed_, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return {};
  if (count <= 0) {
    close(printed_);
    printed_ = -1;
    return {};
  }
  last_printed_.append(buffer.data(), static_cast<std::size_t>(count));
  if (last_printed_.size() > kShownPrinted) last_printed_.erase(0, last_printed_.size() - kShownPrinted);
  printed_bytes_ += static_cast<std::size_t>(count);
  if (printed_bytes_ > kMostPrinted) {
    Kill();
    return Unsupported(fmt::format("{} printed more than {} MiB instead of an answer", program_.string(),
                                   kMostPrinted >> 20));
  }
  return {};
}

Result<std::string> Process::Receive() {
  for (;;) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    if (received_.size() > kLongestLine) {
      Kill();
      return Unsupported(
          fmt::format("{} answered with more than {} MiB", program_.string(), kLongestLine >> 20));
    }
    // A negative descriptor is left out.
    std::array<pollfd, 2> ready = {
        {{.fd = channel_, .events = POLLIN, .revents = 0}, {.fd = printed_, .events = POLLIN, .revents = 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return IoError(fmt::format("cannot read from {}: {}", program_.string(), SystemText(errno)));
    }
    if (ready[1].revents != 0) OCTAVO_TRY(Drain());
    if (ready[0].revents == 0) continue;
    std::array<char, 65536> buffer;
    const ssize_t count = read(channel_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Ended();
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// What it exited with, and the last lines that it printed.
Error Process::Ended() {
  int status = 0;
  bool known = false;
  using namespace std::chrono_literals;
  for (int i = 0; i < 100 && child_ >= 0 && !known; ++i) {
    known = waitpid(child_, &status, WNOHANG) == child_;
    if (!known) std::this_thread::sleep_for(10ms);
  }
  if (known) {
    on_signal_.reset();
    kill(-child_, SIGKILL);  // what it started itself
    child_ = -1;
  }
  Kill();
  if (printed_ >= 0) {
    fcntl(printed_, F_SETFL, O_NONBLOCK);
    while (printed_ >= 0) {
      const std::size_t before = printed_bytes_;
      if (!Drain() || printed_bytes_ == before) break;
    }
  }
  std::string how = "closed its connection";
  if (known && WIFEXITED(status)) how = fmt::format("ended with exit code {}", WEXITSTATUS(status));
  if (known && WIFSIGNALED(status)) {
    how = fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  Error error = Unsupported(fmt::format("{} {} without an answer", program_.string(), how));
  const std::size_t first = last_printed_.find_first_not_of(" \n\r\t");
  if (first == std::string::npos) return error;
  const std::size_t last = last_printed_.find_last_not_of(" \n\r\t");
  error.AddDetail(fmt::format("it printed: {}", last_printed_.substr(first, last - first + 1)));
  return error;
}

}  // namespace octavo::onnxruntime_process
