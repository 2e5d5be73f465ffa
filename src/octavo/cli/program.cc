#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "octavo/base/on_signal.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/cli/command_line.h"
#include "octavo/cli/commands.h"
#include "octavo/cli/help.h"
#include "octavo/cli/misuse.h"
#include "octavo/cli/terminal.h"

namespace octavo::cli {
namespace {

constexpr const char* kFooter =
    R"(Examples:
  octavo inspect model.pt
  octavo export model.pt -o model.onnx --input 'x:float32[N,3,224,224]'
  octavo verify model.pt model.onnx

`octavo help COMMAND` lists the options of a command.)";

// CLI11 takes the value of an option as several if it looks like a list, and reads on where an option may be
// repeated.
void TakeOneValueEach(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    for (CLI::Option* option : command->get_options()) option->allow_extra_args(false);
  }
}

// The command's function, once its options are read.
Result<Run> Read(CLI::App& app, const CommandLine& line, const Run& run) {
  // CLI11 takes them from the end.
  std::vector<std::string> arguments(line.arguments.rbegin(), line.arguments.rend());
  const std::string hint = "See `" + app.get_name() + " " + line.command->get_name() + " --help`.";
  try {
    app.parse(arguments);
  } catch (const Misuse& misuse) {
    Error error = misuse.error();
    return error.SetHint(hint);
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what(), hint);
  }
  return run;
}

// Does what is asked for; the exit code.
int Answer(CLI::App& app, const std::vector<std::string>& words, const Run& run) {
  const Result<CommandLine> line = ReadCommandLine(app, words);
  if (!line) return FailUsage(line.error(), AsksForJson(words));
  if (line->version) {
    std::printf("%s\n", app.version().c_str());
    return kDone;
  }
  if (line->help) {
    const CLI::App& of = line->command == nullptr ? app : *line->command;
    std::printf("%s", HelpText(of, TerminalWidth(Stream::kOut)).c_str());
    return kDone;
  }
  const Result<Run> chosen = Read(app, *line, run);
  if (!chosen) return FailUsage(chosen.error(), AsksForJson(words));
  if (line->command->count("--json") > 0 && line->command->count("--quiet") > 0) {
    return FailUsage(
        UsageError("--json and --quiet do not go together: --json prints one object and nothing else"), true);
  }
  try {
    return (*chosen)();
  } catch (const std::bad_alloc&) {
    return FailUsage(OutOfMemory("this"), AsksForJson(words));
  } catch (const std::length_error&) {
    return FailUsage(OutOfMemory("this"), AsksForJson(words));
  } catch (const std::system_error& error) {
    // No more threads, mostly.
    return FailUsage(IoError(fmt::format("the system refused what this needs: {}", error.what())),
                     AsksForJson(words));
  } catch (const std::exception& exception) {
    return FailUsage(Unsupported(fmt::format("this is a bug of Octavo: {}", exception.what()),
                                 "Please report it with the model, or with what it was made from."),
                     AsksForJson(words));
  }
}

// A closed stream's number would be given to the next file that is opened, an output perhaps, and what is
// printed would go there.  Opened the wrong way round, it fails as a closed one does.
void OccupyStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    // The lowest free number: the streams before it are open.
    if (open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) return;
  }
}

// A page of a mapped file that cannot be had: the file was shortened in spite of all, or its disk fails.
void EndOnMissingPage(int /*signal*/) {
  constexpr std::string_view kMessage =
      "octavo: a file that is read was shortened by another program, or its disk failed\n";
  static_cast<void>(!write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  OnSignal::EndAfterFault(kInputOutput);
  std::_Exit(kInputOutput);
}

void SetSignals() {
  OnSignal::Allow();
  // Then writing beyond `ulimit -f` fails, and is a message.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGBUS, EndOnMissingPage);
}

// Does another program no longer read what is printed?  Then it is not told.
bool IsBrokenPipe(int stream) {
  pollfd state = {.fd = stream, .events = POLLOUT, .revents = 0};
  return poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0;
}

// The exit code once all that was printed has left the program.
int AfterPrinting(int code) {
  // A full disk, or another program that reads no more.
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return code;
  int error = errno;
  if (flushed) {
    // An earlier write failed, and its reason is lost: the next one tells it again.
    std::clearerr(stdout);
    error = std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0 ? errno : 0;
  }
  if (error == EPIPE || IsBrokenPipe(STDOUT_FILENO)) return kInputOutput;
  std::string what = "cannot write to standard output";
  if (error != 0) what += ": " + std::generic_category().message(error);
  return FailUsage(IoError(std::move(what)), false);
}

}  // namespace

namespace {

int Dispatch(const std::vector<std::string>& words) {
  // Neither is destroyed: `run` holds the models, which the end of the process gives back at once.
  CLI::App& app = *std::make_unique<CLI::App>(
                       "Octavo converts quantized PyTorch models (TorchScript .pt) to int8 ONNX, "
                       "runs both and compares them layer by layer.",
                       "octavo")
                       .release();
  Run& run = *std::make_unique<Run>().release();
  AddExport(app, run);
  AddConvert(app, run);
  AddInspect(app, run);
  AddRun(app, run);
  AddVerify(app, run);
  AddBench(app, run);
  AddOps(app, run);
  TakeOneValueEach(app);
  Common common;
  common.AddTo(app);
  app.set_version_flag("--version", "octavo " OCTAVO_VERSION, "Print the version")->group("General options");
  app.footer(kFooter);
  return Answer(app, words, run);
}

constexpr std::string_view kNoMemory = "octavo: there is not enough memory\n";

std::atomic<bool> lacked_memory = false;

void NoteLackOfMemory() {
  lacked_memory = true;
  throw std::bad_alloc();
}

// Libraries declare functions noexcept that need memory: CLI11 to compare names, nlohmann-json to destroy an
// object, libstdc++ to read a folder.  So do initializers of global objects, before main.
[[noreturn]] void EndWithoutMemory() {
  // Anything else is a bug: its trace is worth more than a message.
  if (!lacked_memory) std::abort();
  static_cast<void>(!write(STDERR_FILENO, kNoMemory.data(), kNoMemory.size()));
  OnSignal::EndAfterFault(kInvalid);
  std::_Exit(kInvalid);
}

[[gnu::constructor(101)]] void HandleLackOfMemory() {
  std::set_new_handler(NoteLackOfMemory);
  std::set_terminate(EndWithoutMemory);
}

// What says that there is no memory may need some itself.
int FailWithoutMemory(const std::vector<std::string>& words) {
  if (AsksForJson(words)) {
    std::fputs("{\"error\": {\"code\": \"unsupported\", \"message\": \"there is not enough memory\"}}\n",
               stdout);
  }
  static_cast<void>(!write(STDERR_FILENO, kNoMemory.data(), kNoMemory.size()));
  return kInvalid;
}

}  // namespace

void RunProgram(const std::vector<std::string>& words) {
  OccupyStandardStreams();
  SetSignals();
  int code = kInvalid;
  try {
    code = Dispatch(words);
  } catch (const std::bad_alloc&) {
    code = FailWithoutMemory(words);
  }
  code = AfterPrinting(code);
  // The process gives all memory back at once, which is faster than one destructor after another.
  std::_Exit(code);
}

}  // namespace octavo::cli
