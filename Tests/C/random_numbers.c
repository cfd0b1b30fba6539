/* Random numbers, from a system that is interrupted and gives few at a time; and from one that has none. */
#include <errno.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"
#include "fixture.h"

static int has_none;
static atomic_int calls, wrong;
static _Thread_local char *next; /* where the bytes that are still wanted go */
static _Thread_local size_t wanted;

/* Stands for the C library's. Interrupts every second call, gives at most seven bytes in the others. */
ssize_t getrandom(void *data, size_t len, unsigned flags) {
  int call = atomic_fetch_add(&calls, 1);
  if (has_none || call % 2 == 0) {
    errno = has_none ? ENOSYS : EINTR;
    return -1;
  }
  if (wanted > 0 && (data != next || len != wanted)) atomic_fetch_add(&wrong, 1);
  long given = syscall(SYS_getrandom, data, len < 7 ? len : 7, flags);
  next = (char *)data + given;
  wanted = len - (size_t)given;
  return given;
}

static atomic_int own_calls;

/* The host's own, which is not for the library. */
void arc4random_buf(void *data, size_t len);
void arc4random_buf(void *data, size_t len) {
  memset(data, 0, len);
  atomic_fetch_add(&own_calls, 1);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server, (void)event, (void)user_data;
}

static void open_two_sessions(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  fixture_start(&fixture, &options);
  struct client one = fixture_client(&fixture), other = fixture_client(&fixture);
  CHECK(strlen(one.session) >= 32);
  CHECK(strcmp(one.session, other.session) != 0);
  fixture_stop(&fixture);
}

static void a_system_without_random_numbers_ends_the_process(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    has_none = 1;
    open_two_sessions();
    _exit(0);
  }
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}

static void few_at_a_time_are_enough(void) {
  int own;
  open_two_sessions();
  CHECK(atomic_load(&calls) > 10);
  CHECK(atomic_load(&wrong) == 0);
  CHECK(atomic_load(&own_calls) == 0);
  arc4random_buf(&own, sizeof own);
  CHECK(atomic_load(&own_calls) == 1);
}

int main(void) {
  RUN(a_system_without_random_numbers_ends_the_process);
  RUN(few_at_a_time_are_enough);
  return check_result();
}
