#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "octavo/result.h"

namespace octavo {

// Memory that a limit allows, and that the system does not give.  `what`: "the result float32[4,1000]".
Error OutOfMemory(const std::string& what);

// f(), whose Result is an error where the system gives no memory, or where a container would have to be
// larger than one can be.  what(): what it was for.
template <typename F, typename What>
std::invoke_result_t<F> CatchOutOfMemory(F&& f, const What& what) {
  try {
    return std::forward<F>(f)();
  } catch (const std::bad_alloc&) {
    return OutOfMemory(what());
  } catch (const std::length_error&) {
    return OutOfMemory(what());
  }
}

}  // namespace octavo
