// Tells the thread sanitizer of locks that are taken in Swift's own library.
//
// `Mutex` of Synchronization takes a free lock in the code of its user, which the sanitizer sees, and
// waits for one that is held in the library, which it does not see, as that is not built with it: what
// the lock protects would be reported as a race whenever somebody had to wait. Loaded before the
// library (LD_PRELOAD), this does what the library does, and then says that the lock was acquired.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// The lock itself is `self`; its methods have the names that the compiler gives them.
typedef SWIFT void LockSlow(uint32_t, SELF void *);
typedef SWIFT bool TryLockSlow(SELF void *);
typedef SWIFT void UnlockSlow(SELF void *);
#define PLACE "$s15Synchronization12_MutexHandleV"

static LockSlow *lock_slow;
static TryLockSlow *try_lock_slow;
static UnlockSlow *unlock_slow;

__attribute__((constructor)) static void begin(void) {
  lock_slow = (LockSlow *)dlsym(RTLD_NEXT, PLACE "9_lockSlowyys6UInt32VF");
  try_lock_slow = (TryLockSlow *)dlsym(RTLD_NEXT, PLACE "12_tryLockSlowSbyF");
  unlock_slow = (UnlockSlow *)dlsym(RTLD_NEXT, PLACE "11_unlockSlowyyF");
}

SWIFT void locked(uint32_t thread, SELF void *lock) __asm__(PLACE "9_lockSlowyys6UInt32VF");
SWIFT void locked(uint32_t thread, SELF void *lock) {
  lock_slow(thread, lock);
  if (__tsan_acquire) __tsan_acquire(lock);
}

SWIFT bool tried(SELF void *lock) __asm__(PLACE "12_tryLockSlowSbyF");
SWIFT bool tried(SELF void *lock) {
  bool is_locked = try_lock_slow(lock);
  if (is_locked && __tsan_acquire) __tsan_acquire(lock);
  return is_locked;
}

// Whoever waits in the kernel has it from here on, so this comes first.
SWIFT void unlocked(SELF void *lock) __asm__(PLACE "11_unlockSlowyyF");
SWIFT void unlocked(SELF void *lock) {
  if (__tsan_release) __tsan_release(lock);
  unlock_slow(lock);
}
