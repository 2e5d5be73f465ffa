#pragma once

#include <functional>

namespace octavo {

// Calls a function if the program is asked to end (SIGINT, SIGTERM, SIGHUP) while the object lives; then the
// program ends by that signal.  Of several, the last comes first.  A signal that the program ignores or
// handles itself stays as it is.  Only where the program allows it, since signals are the program's and not
// a library's: otherwise no function is called.
//
// The function runs in a thread of its own, beside all others: it must not touch what they change.  Objects
// are destroyed one after another; a destructor that meets a signal waits for the program's end.
class OnSignal {
 public:
  // `prepare` gives the function, and may make what it cleans up: no signal ends the program meanwhile.
  explicit OnSignal(const std::function<std::function<void()>()>& prepare);
  ~OnSignal();
  OnSignal(const OnSignal&) = delete;
  OnSignal& operator=(const OnSignal&) = delete;

  // The program's consent, once, before any work.
  static void Allow();
  // Does the work; a signal ends the program before or after, not in the middle.  Only for what takes
  // milliseconds.
  static void Undivided(const std::function<void()>& work);
  // For a handler of SIGBUS: calls the functions, and then ends the program with that exit code.  Returns if
  // there are none.
  static void EndAfterFault(int exit_code);

 private:
  std::size_t id_;
};

}  // namespace octavo
