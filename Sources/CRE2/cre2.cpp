#include "cre2.h"
#include <re2/re2.h>
#include <cstring>
#include <new>

struct roost_re2 {
  RE2 expression;
  roost_re2(const re2::StringPiece &pattern, const RE2::Options &options)
      : expression(pattern, options) {}
};

extern "C" roost_re2 *roost_re2_compile(const char *pattern, size_t length, char *reason,
                                        size_t reason_size) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  roost_re2 *compiled = new (std::nothrow) roost_re2(re2::StringPiece(pattern, length), options);
  if (compiled == nullptr) return nullptr;
  if (compiled->expression.ok()) return compiled;
  if (reason_size > 0) {
    std::strncpy(reason, compiled->expression.error().c_str(), reason_size - 1);
    reason[reason_size - 1] = 0;
  }
  delete compiled;
  return nullptr;
}

extern "C" int roost_re2_matches(const roost_re2 *expression, const char *text, size_t length) {
  return RE2::PartialMatch(re2::StringPiece(text, length), expression->expression) ? 1 : 0;
}

extern "C" void roost_re2_free(roost_re2 *expression) { delete expression; }
