/* Checks for the C tests. A failed CHECK says where and goes on; a failed REQUIRE ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <streamablehttp.h>
#include <string.h>
#include <unistd.h>

static int check_failures;

static inline int check_that(int held, const char *what, const char *file, int line) {
  if (held) return 1;
  __atomic_add_fetch(&check_failures, 1, __ATOMIC_RELAXED);
  fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
  return 0;
}

static inline void check_status(shttp_status got, shttp_status wanted, const char *what, const char *file, int line) {
  if (got == wanted) return;
  __atomic_add_fetch(&check_failures, 1, __ATOMIC_RELAXED);
  fprintf(stderr, "%s:%d: %s\n  gave   %s\n  wanted %s\n", file, line, what, shttp_status_name(got),
          shttp_status_name(wanted));
}

static inline int check_is(shttp_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

#define CHECK(condition) check_that(!!(condition), #condition, __FILE__, __LINE__)
#define CHECK_STATUS(call, wanted) check_status((call), (wanted), #call, __FILE__, __LINE__)

/* _exit: other threads may be running, and the leak checker has nothing to add to a failure. */
#define REQUIRE(condition) \
  ((void)(check_that(!!(condition), #condition, __FILE__, __LINE__) || (fflush(NULL), _exit(1), 0)))
#define REQUIRE_OK(call) \
  do { \
    shttp_status require_status = (call); \
    check_status(require_status, SHTTP_OK, #call, __FILE__, __LINE__); \
    if (require_status != SHTTP_OK) _exit(1); \
  } while (0)

/* Runs one test function and names it, so that a crash can be placed. */
#define RUN(test) (printf("%s\n", #test), fflush(stdout), test())

static inline int check_result(void) {
  if (check_failures != 0) fprintf(stderr, "%d checks failed\n", check_failures);
  return check_failures != 0;
}

#endif
