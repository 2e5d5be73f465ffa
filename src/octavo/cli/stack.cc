#include "octavo/cli/stack.h"

#include <system_error>
#include <thread>

#ifdef __GLIBC__
#include <pthread.h>
#include <sys/resource.h>
#endif

namespace octavo::cli {

void OnLargeStack(const std::function<void()>& work) {
#ifdef __GLIBC__
  constexpr rlim_t kStack = rlim_t{8} << 20;
  rlimit limit{};
  pthread_attr_t attributes;
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < kStack &&
      pthread_attr_init(&attributes) == 0) {
    pthread_attr_setstacksize(&attributes, kStack);
    const bool set = pthread_setattr_default_np(&attributes) == 0;
    pthread_attr_destroy(&attributes);
    if (set) {
      try {
        std::thread(work).join();
        return;
      } catch (const std::system_error&) {  // no more threads: most files need less
      }
    }
  }
#endif
  work();
}

}  // namespace octavo::cli
