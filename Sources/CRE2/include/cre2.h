#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A compiled regular expression of RE2, which matches in time linear in the text.
typedef struct roost_re2 roost_re2;

// Compiles `pattern` (UTF-8). On failure returns NULL and copies the reason, cut to `reason_size`
// bytes with its terminator, into `reason`.
roost_re2 *roost_re2_compile(const char *pattern, size_t length, char *reason, size_t reason_size);
// Whether some part of `text` (UTF-8) matches: 1 or 0. Safe from several threads at once.
int roost_re2_matches(const roost_re2 *expression, const char *text, size_t length);
void roost_re2_free(roost_re2 *expression);

#ifdef __cplusplus
}
#endif
