/*
 * A host that forks, and says how each child has ended: `child KIND status N` or `child KIND signal N`.
 *
 *   fork_host [--first KIND] [options as for host]
 *
 *   destroy   the child destroys its copies of the server and of the loop
 *   loop      the loop alone, which has the server on it
 *   commands  it calls what may be called on any thread
 *   nothing   it calls nothing, and exits as a program does
 *   serve     it has a loop and a server of its own, says `listening on URL`, and ends with the tool `bye`
 *
 * --first forks while the server listens and nobody runs the loop. Later a line on standard input forks on the main
 * thread (--loop thread), or the tool `fork {kind}` inside of a callback. The tool `notify` sends its session a
 * notification; all others are answered.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

#define CHILD_SECONDS 3 /* a child that hangs ends then */

static struct runner runner;
static const char *first_kind;

/* ---- The child ----------------------------------------------------------------------- */

static struct runner child;

static void on_child_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  expect(answer_text(server, event->request, "\"child\""), "respond");
  if (calls(event, "bye")) runner_stop(&child);
}

static void serve_in_child(void) {
  runner_init(&child, on_child_event);
  runner_listen(&child);
  runner_serve(&child);
  runner_close(&child);
}

static void be_child(const char *kind) {
  shttp_stats stats;
  alarm(CHILD_SECONDS);
  if (strcmp(kind, "destroy") == 0) shttp_server_destroy(runner.server);
  if (strcmp(kind, "destroy") == 0 || strcmp(kind, "loop") == 0) shttp_loop_destroy(runner.loop);
  if (strcmp(kind, "commands") == 0) {
    (void)shttp_server_broadcast(runner.server, shttp_text("notifications/child"), shttp_text("{}"));
    (void)!shttp_server_stats(runner.server, &stats);
    (void)shttp_loop_stop(runner.loop);
    (void)shttp_server_close(runner.server);
  }
  if (strcmp(kind, "serve") == 0) serve_in_child();
  exit(0);
}

/* ---- The parent ---------------------------------------------------------------------- */

struct birth {
  pid_t process;
  char kind[16];
};

static void *await_child(void *argument) {
  struct birth *birth = argument;
  int status;
  waitpid(birth->process, &status, 0);
  if (WIFSIGNALED(status)) say("child %s signal %d", birth->kind, WTERMSIG(status));
  else say("child %s status %d", birth->kind, WEXITSTATUS(status));
  free(birth);
  return NULL;
}

static void fork_child(const char *kind) {
  pthread_t waiter;
  struct birth *birth = calloc(1, sizeof *birth);
  snprintf(birth->kind, sizeof birth->kind, "%s", kind);
  birth->process = fork();
  if (birth->process == 0) be_child(birth->kind);
  if (birth->process < 0 || pthread_create(&waiter, NULL, await_child, birth) != 0) abort();
  pthread_detach(waiter);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  if (calls(event, "fork")) {
    shttp_bytes kind = json_at(event, ARGUMENT("kind"));
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)kind.len - 2, (const char *)kind.data + 1);
    fork_child(text);
  } else if (calls(event, "notify")) {
    shttp_bytes method = shttp_text("notifications/parent");
    expect(shttp_session_notify(server, event->session, method, shttp_text("{}")), "notify");
  }
  expect(answer_text(server, event->request, "\"parent\""), "respond");
}

static void *read_kinds(void *unused) {
  char kind[16];
  (void)unused;
  while (scanf("%15s", kind) == 1) fork_child(kind);
  return NULL;
}

static bool own_option(const char *name, const char *value) {
  if (strcmp(name, "--first") != 0) return false;
  first_kind = value;
  return true;
}

int main(int argc, char **argv) {
  pthread_t reader;
  runner_init(&runner, on_event);
  runner.calls_back = true;
  runner_take_all(&runner, argc, argv, own_option);
  runner_listen(&runner);
  if (first_kind != NULL) fork_child(first_kind);
  else pthread_create(&reader, NULL, read_kinds, NULL);
  runner_serve(&runner);
  runner_close(&runner);
  return 0;
}
