// A library for LD_PRELOAD: one call of the system fails.
//
//   OCTAVO_FAULT=KIND:N:WHAT   the N-th call of that kind, from 1: WHAT is the name of an error, or "short" (half of
//                              the bytes), or "kill" (SIGKILL before the call)
//   OCTAVO_FAULT_HIT=FILE      is made when that happens
//   OCTAVO_FAULT_ALWAYS=KIND:ERROR,...   every call of these kinds fails: a system without hard links, say
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kKill = -1, kShort = -2 };

static int ErrorOf(const char* name) {
  static const struct {
    const char* name;
    int number;
  } kErrors[] = {{"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EINTR", EINTR},           {"EDQUOT", EDQUOT}, {"EPERM", EPERM},
                 {"ENOSYS", ENOSYS}, {"EINVAL", EINVAL}, {"EOPNOTSUPP", EOPNOTSUPP}, {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE},
                 {"EACCES", EACCES}, {"EROFS", EROFS},   {"short", kShort},          {"kill", kKill}};
  for (size_t i = 0; i < sizeof kErrors / sizeof *kErrors; ++i) {
    if (strncmp(name, kErrors[i].name, strlen(kErrors[i].name)) == 0) return kErrors[i].number;
  }
  _exit(99);
}

// What happens to this call: 0, an error's number, kShort.
static int Fault(const char* kind) {
  static atomic_int calls;
  const size_t length = strlen(kind);
  const char* all = getenv("OCTAVO_FAULT_ALWAYS");
  while (all != NULL && *all != '\0') {
    if (strncmp(all, kind, length) == 0 && all[length] == ':') return ErrorOf(all + length + 1);
    all = strchr(all, ',');
    if (all != NULL) ++all;
  }
  const char* one = getenv("OCTAVO_FAULT");
  if (one == NULL || strncmp(one, kind, length) != 0 || one[length] != ':') return 0;
  char* end = NULL;
  const long number = strtol(one + length + 1, &end, 10);
  if (atomic_fetch_add(&calls, 1) + 1 != number) return 0;
  const char* hit = getenv("OCTAVO_FAULT_HIT");
  if (hit != NULL) syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, hit, O_CREAT | O_WRONLY, 0600));
  const int error = ErrorOf(end + 1);
  if (error == kKill) kill(getpid(), SIGKILL);
  return error;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
// Fails the call, or goes on.
#define FAIL(kind, result)                 \
  const int fault = Fault(kind);           \
  if (fault > 0) return errno = fault, (result)

static mode_t ModeOf(int flags, va_list list) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                  \
  int name(const char* path, int flags, ...) {      \
    va_list list;                                   \
    va_start(list, flags);                          \
    const mode_t mode = ModeOf(flags, list);        \
    va_end(list);                                   \
    if ((flags & O_TMPFILE) == O_TMPFILE) {         \
      FAIL("tmpfile", -1);                          \
    }                                               \
    FAIL("open", -1);                               \
    return REAL(name)(path, flags, mode);           \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                         \
  int name(int folder, const char* path, int flags, ...) {   \
    va_list list;                                            \
    va_start(list, flags);                                   \
    const mode_t mode = ModeOf(flags, list);                 \
    va_end(list);                                            \
    FAIL("open", -1);                                        \
    return REAL(name)(folder, path, flags, mode);            \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int file, void* to, size_t size) {
  FAIL("read", -1);
  return REAL(read)(file, to, fault == kShort ? (size + 1) / 2 : size);
}
#define PREAD(name)                                                                 \
  ssize_t name(int file, void* to, size_t size, off_t at) {                         \
    FAIL("read", -1);                                                               \
    return REAL(name)(file, to, fault == kShort ? (size + 1) / 2 : size, at);       \
  }
PREAD(pread)
PREAD(pread64)

ssize_t write(int file, const void* from, size_t size) {
  FAIL("write", -1);
  return REAL(write)(file, from, fault == kShort ? (size + 1) / 2 : size);
}
ssize_t writev(int file, const struct iovec* parts, int count) {
  FAIL("write", -1);
  if (fault != kShort) return REAL(writev)(file, parts, count);
  return REAL(write)(file, parts[0].iov_base, (parts[0].iov_len + 1) / 2);
}

#define MMAP(name)                                                                            \
  void* name(void* at, size_t size, int protection, int flags, int file, off_t offset) {     \
    FAIL("mmap", MAP_FAILED);                                                                 \
    return REAL(name)(at, size, protection, flags, file, offset);                             \
  }
MMAP(mmap)
MMAP(mmap64)

int rename(const char* from, const char* to) {
  FAIL("rename", -1);
  return REAL(rename)(from, to);
}
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  FAIL("exchange", -1);
  return REAL(renameat2)(a, from, b, to, flags);
}
int link(const char* from, const char* to) {
  FAIL("link", -1);
  return REAL(link)(from, to);
}
int linkat(int a, const char* from, int b, const char* to, int flags) {
  FAIL("link", -1);
  return REAL(linkat)(a, from, b, to, flags);
}
int unlink(const char* path) {
  FAIL("unlink", -1);
  return REAL(unlink)(path);
}
int unlinkat(int folder, const char* path, int flags) {
  FAIL("unlink", -1);
  return REAL(unlinkat)(folder, path, flags);
}
int mkdir(const char* path, mode_t mode) {
  FAIL("mkdir", -1);
  return REAL(mkdir)(path, mode);
}
char* mkdtemp(char* pattern) {
  FAIL("mkdir", NULL);
  return REAL(mkdtemp)(pattern);
}
int fsync(int file) {
  FAIL("fsync", -1);
  return REAL(fsync)(file);
}
int fdatasync(int file) {
  FAIL("fsync", -1);
  return REAL(fdatasync)(file);
}
int ftruncate(int file, off_t size) {
  FAIL("ftruncate", -1);
  return REAL(ftruncate)(file, size);
}
int fstat(int file, struct stat* status) {
  FAIL("fstat", -1);
  return REAL(fstat)(file, status);
}
int fchmod(int file, mode_t mode) {
  FAIL("fchmod", -1);
  return REAL(fchmod)(file, mode);
}
int flock(int file, int operation) {
  FAIL("flock", -1);
  return REAL(flock)(file, operation);
}
ssize_t readlink(const char* path, char* to, size_t size) {
  FAIL("readlink", -1);
  return REAL(readlink)(path, to, size);
}
#define FCNTL(name)                                  \
  int name(int file, int command, ...) {             \
    va_list list;                                    \
    va_start(list, command);                         \
    const long argument = va_arg(list, long);        \
    va_end(list);                                    \
    if (command == F_SETLEASE) {                     \
      FAIL("lease", -1);                             \
    }                                                \
    return REAL(name)(file, command, argument);      \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

// The file is closed all the same, as the system does.
int close(int file) {
  const int fault = Fault("close");
  const int closed = REAL(close)(file);
  return fault > 0 ? (errno = fault, -1) : closed;
}

// What operator new calls, too.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* malloc(size_t size) {
  FAIL("malloc", NULL);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  FAIL("malloc", NULL);
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  FAIL("malloc", NULL);
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  FAIL("malloc", NULL);
  return __libc_memalign(alignment, size);
}
