// Preloaded by the control of the power test: nothing that the program writes is made durable.
//
// The flags that pass the page cache and that wait for the disk are taken out of every open, and a
// sync does nothing. Linux, glibc.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>

#define DURABLE (O_DIRECT | O_SYNC | O_DSYNC)

#define OPENS(name)                                                       \
  int name(const char *path, int flags, ...) {                            \
    static int (*own)(const char *, int, ...);                            \
    if (!own) own = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list rest;                                                         \
    va_start(rest, flags);                                                \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                         \
    return own(path, flags & ~DURABLE, mode);                             \
  }

OPENS(open)
OPENS(open64)

int fsync(int file) { return (void)file, 0; }
int fdatasync(int file) { return (void)file, 0; }
