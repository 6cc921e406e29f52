// Preloaded by the control of the test of failed syncs: a failure of the disk is not told to the
// program.
//
// A write or a sync that ends with EIO is said to have been done, of as many bytes as were given.
// Linux, glibc.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#define WRITES(name, place)                                                       \
  ssize_t name(int file, const void *bytes, size_t count, place at) {             \
    static ssize_t (*own)(int, const void *, size_t, place);                      \
    if (!own) own = (ssize_t(*)(int, const void *, size_t, place))dlsym(RTLD_NEXT, #name); \
    ssize_t done = own(file, bytes, count, at);                                   \
    return done < 0 && errno == EIO ? (ssize_t)count : done;                      \
  }

WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)

#define SYNCS(name)                                                       \
  int name(int file) {                                                    \
    static int (*own)(int);                                               \
    if (!own) own = (int (*)(int))dlsym(RTLD_NEXT, #name);                \
    int code = own(file);                                                 \
    return code < 0 && errno == EIO ? 0 : code;                           \
  }

SYNCS(fsync)
SYNCS(fdatasync)
