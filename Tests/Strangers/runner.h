/*
 * What the hosts of these tests share: options from the command line, a way to run the loop, and
 * lines on standard output that say what happened.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <streamablehttp.h>
#include <sys/resource.h>
#include <uv.h>

/* Who runs the loop. */
enum way {
  WAY_OWN,    /* the host's main thread, in shttp_loop_run() */
  WAY_THREAD, /* the library's thread; the host takes events from the queue */
  WAY_UV      /* the host's own uv_loop_t */
};

struct runner {
  enum way way;
  const char *address; /* as for shttp_server_listen() */
  uint16_t port;
  rlim_t stack_bytes; /* of each thread; 0: the system's default */
  bool calls_back;    /* WAY_THREAD: on_event is called on the library's thread, and there is no queue */
  shttp_server_options options;
  shttp_on_event on_event;
  shttp_on_log on_log; /* NULL: the lines are told */
  shttp_loop *loop;
  shttp_server *server;
  uv_loop_t uv;
};

/* Sets the defaults: loopback, a port that the system chooses, and everything of the library's. */
void runner_init(struct runner *runner, shttp_on_event on_event);

/* Takes an option, `--NAME VALUE`; NAME is one of the runner's or a field of shttp_server_options.
 * Says on standard error what is wrong with it, and ends the process with status 2. */
void runner_take(struct runner *runner, const char *name, const char *value);

/* All options of the command line; what `own` does not know is the runner's. */
void runner_take_all(struct runner *runner, int argc, char **argv, bool (*own)(const char *name, const char *value));

/* Creates the loop and the server, and listens. A failure is told on standard error and ends the
 * process with status 1. */
void runner_listen(struct runner *runner);

/* Says `listening on URL` and serves until SIGTERM or SIGINT. */
void runner_serve(struct runner *runner);

/* Makes runner_serve() return. [any thread, signal handlers] */
void runner_stop(struct runner *runner);

/* Closes what runner_listen() has made. */
void runner_close(struct runner *runner);

/* A line on standard output, as a whole and at once. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Bytes ----------------------------------------------------------------------- */

bool is(shttp_bytes bytes, const char *text);

/* A JSON string of `count` letters x; to be freed. */
char *letters(size_t count);

/* What stands in an event's params: a number, or `missing`; or the value as it is written. */
long number_at(const shttp_event *event, const char *pointer, long missing);
shttp_bytes json_at(const shttp_event *event, const char *pointer);

/* Every argument of a tools/call stands below this. */
#define ARGUMENT(name) "/arguments/" name

/* Whether an event is a call of this tool. */
bool calls(const shttp_event *event, const char *tool);

/* Answers {"content":[],"value":`value`}: `value` is JSON as it is to be sent. */
shttp_status answer(shttp_server *server, shttp_request request, shttp_bytes value);
shttp_status answer_text(shttp_server *server, shttp_request request, const char *value);

/* A request may have ended meanwhile, and a mode may not carry a message; any other status is told. */
void expect(shttp_status status, const char *what);

#endif
