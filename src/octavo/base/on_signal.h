#pragma once

#include <functional>

namespace octavo {

// Calls a function if the program is asked to end (SIGINT, SIGTERM, SIGHUP) while the object lives; then the
// program ends by that signal.  Of several, the last comes first.  A signal that the program ignores stays
// ignored.
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

 private:
  std::size_t id_;
};

}  // namespace octavo
