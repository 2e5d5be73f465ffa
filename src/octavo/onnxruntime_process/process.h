#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "octavo/base/on_signal.h"
#include "octavo/result.h"

namespace octavo::onnxruntime_process {

// The program of that name: a name with a slash is a path; others are looked for in the absolute folders of
// PATH.  Answers an absolute path, without following links (a link is how a virtual environment names its
// Python).  Errors: kIo where there is none, or it is not a file that may be executed.
Result<std::filesystem::path> FindProgram(const std::string& name);

// A child process that answers lines with lines, on a socket that it has as descriptor 3.  Its standard input
// is empty; what it prints is read and thrown away, but for the last bytes, which an error shows.  It has its
// own process group, and is killed with the object, when the program is asked to end, and by the system when
// the program is gone.
class Process {
 public:
  static constexpr int kChannel = 3;  // the child's descriptor

  // `arguments` without the program itself.  No shell takes part, and no variable PYTHON* is passed on.
  static Result<std::unique_ptr<Process>> Start(const std::filesystem::path& program,
                                                const std::vector<std::string>& arguments,
                                                const std::filesystem::path& working_folder);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool alive() const { return child_ >= 0; }
  Status Send(const std::string& line);
  // The next line, without its end.  Waits for it as long as the process lives.  Errors: kUnsupported where
  // the process has ended, or writes more than it should.
  Result<std::string> Receive();
  void Kill();

 private:
  Process() = default;
  Error Ended();
  Status Drain();

  std::filesystem::path program_;
  pid_t child_ = -1;
  int channel_ = -1, printed_ = -1;
  std::string received_;      // after the last line
  std::string last_printed_;  // the end of what the child printed
  std::size_t printed_bytes_ = 0;
  std::unique_ptr<OnSignal> on_signal_;
};

}  // namespace octavo::onnxruntime_process
