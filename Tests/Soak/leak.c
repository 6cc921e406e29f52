// leak: has the program it is loaded into (LD_PRELOAD) forget one of SOAK_LEAK blocks that it gives
// back, and with every thousandth of them a descriptor.
//
// What is forgotten goes with the work that the program does, as a leak of its own would.

#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

// glibc's own, under the name that is not taken here.
extern void __libc_free(void *block);

static unsigned long every;
static atomic_ulong given, forgotten;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("SOAK_LEAK");
  if (text) every = strtoul(text, NULL, 10);
}

void free(void *block) {
  // Large ones would be noticed at once.
  if (every && block && atomic_fetch_add(&given, 1) % every == 0 &&
      malloc_usable_size(block) <= 4096) {
    if (atomic_fetch_add(&forgotten, 1) % 1000 == 0) fcntl(2, F_DUPFD_CLOEXEC, 0);
    return;
  }
  __libc_free(block);
}
