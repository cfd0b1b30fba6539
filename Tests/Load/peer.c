/*
 * Many clients in one process, for the load proofs, which talk with it by lines: a command, and its answer as
 * name=value pairs once it has been carried out. usage: peer PORT COUNT, where COUNT is of connections.
 *
 *   sessions N   N sessions come, make one call, and go; every third goes without a word
 *   work         sessions for ever: half have a primary stream, half a call that takes a second
 *   open         opens a session on each connection, for what follows
 *   calls MS     paced calls, in microseconds from when each was due
 *   streams      opens the primary streams
 *   flood N      calls that log N lines each; then the process stops as by SIGSTOP
 *   resume       comes back, with Last-Event-ID, for the streams that have lost their connection
 *   leave        ends the sessions, while the connections that carry their streams stay
 *   report       what has arrived on streams so far
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "response.h"

#define CALL_INTERVAL_US 10000
#define SAMPLES_MAX 1000000

enum step { INITIALIZE, INITIALIZED, READY, CALL, DELETE, STREAM, RESUME };

struct connection {
  int fd; /* -1 once it has ended */
  enum step step;
  char session[SESSION_ID_MAX];
  struct response response;
  bool has_result;
  long seq;
  bool leaves_quietly;
  uint64_t due_us;
};

static enum { IDLE, SESSIONS, WORK, OPEN, CALLS, STREAMS, RESUMING, LEAVING } task;
static struct connection *all, last; /* the last one ends the sessions of all */
static int count, epoll, port;
static long asked, begun, finished; /* of the task at hand */
static long events, disorder, refused, ended;
static uint64_t until_us;
static uint32_t samples[SAMPLES_MAX];
static int sample_count;

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "peer: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- Requests --------------------------------------------------------------- */

static void open_connection(struct connection *c) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct epoll_event watch = {.events = EPOLLIN, .data.ptr = c};
  int one = 1;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0) die("connect: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &watch);
}

static void ask(struct connection *c, const char *method, const char *headers, const char *body) {
  char text[1200];
  int len = snprintf(text, sizeof text,
                     "%s /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json, text/event-stream\r\n%s%s%s%s"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     method, c->session[0] ? "Mcp-Session-Id: " : "", c->session,
                     c->session[0] ? "\r\nMCP-Protocol-Version: 2025-11-25\r\n" : "", headers, strlen(body), body);
  c->has_result = false;
  if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len && task != WORK) die("send: %s", strerror(errno));
}

static void call(struct connection *c, const char *tool, const char *arguments) {
  char body[300];
  snprintf(body, sizeof body,
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{%s},"
           "\"_meta\":{\"progressToken\":1}}}",
           tool, arguments);
  c->step = CALL;
  ask(c, "POST", "", body);
}

static void begin_session(struct connection *c) {
  c->session[0] = '\0';
  c->step = INITIALIZE;
  ask(c, "POST", "",
      "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","
      "\"capabilities\":{},\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}");
}

static void open_stream(struct connection *c, enum step step) {
  char header[200] = "";
  if (step == RESUME) snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", c->response.last_id);
  c->step = step;
  ask(c, "GET", header, "");
}

static void call_when_due(struct connection *c) {
  if (c->step == READY && c->due_us <= now_us() && c->due_us < until_us) call(c, "echo", "\"text\":\"hello\"");
}

/* ---- Tasks ------------------------------------------------------------------ */

static int by_size(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static void answer(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  fflush(stdout);
}

static void answer_calls(void) {
  qsort(samples, (size_t)sample_count, sizeof *samples, by_size);
  if (sample_count == 0) die("no call was answered");
  answer("calls=%d p50=%u p99=%u", sample_count, samples[sample_count / 2], samples[sample_count * 99L / 100]);
  task = IDLE;
}

static void start(int new_task, long wanted) {
  task = new_task;
  asked = wanted;
  begun = finished = refused = 0;
}

/* One of the things that were asked for is done. */
static void finish(void) {
  if (++finished < asked) return;
  if (task == RESUMING) answer("asked=%ld refused=%ld", asked, refused);
  else if (task == CALLS) answer_calls();
  else answer("finished=%ld", finished);
  task = IDLE;
}

static void end_next_session(void) {
  memcpy(last.session, all[finished].session, sizeof last.session);
  last.step = DELETE;
  ask(&last, "DELETE", "", "");
}

static void next_session(struct connection *c) {
  if (begun == asked) return;
  c->leaves_quietly = ++begun % 3 == 0;
  begin_session(c);
}

/* A session is there, or a call of it is over. */
static void next(struct connection *c, bool is_new) {
  c->step = READY;
  switch (task) {
    case SESSIONS:
      if (is_new) {
        call(c, "echo", "\"text\":\"hello\"");
      } else if (c->leaves_quietly) {
        finish();
        next_session(c);
      } else {
        c->step = DELETE;
        ask(c, "DELETE", "", "");
      }
      break;
    case CALLS:
      if (sample_count < SAMPLES_MAX) samples[sample_count++] = (uint32_t)(now_us() - c->due_us);
      c->due_us += CALL_INTERVAL_US;
      if (c->due_us >= until_us) finish();
      else call_when_due(c);
      break;
    case WORK:
      if (is_new && (c - all) % 2 == 0) open_stream(c, STREAM);
      else call(c, "progress", "\"count\":100,\"delay_ms\":10");
      break;
    case OPEN: finish(); break;
    default: break;
  }
}

/* The response to c's request has arrived as a whole. */
static void exchange_over(struct connection *c) {
  static const int wanted[] = {[INITIALIZE] = 200, [INITIALIZED] = 202, [CALL] = 200, [DELETE] = 204};
  if (c->step == STREAM || c->step == RESUME) return;
  if (c->response.status != wanted[c->step]) die("step %d was answered with %d", c->step, c->response.status);
  switch (c->step) {
    case INITIALIZE:
      c->step = INITIALIZED;
      ask(c, "POST", "", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
      break;
    case INITIALIZED: next(c, true); break;
    case CALL:
      if (!c->has_result) die("a call has no result");
      next(c, false);
      break;
    case DELETE:
      finish();
      if (task == SESSIONS) next_session(c);
      if (task == LEAVING) end_next_session();
      break;
    default: break;
  }
}

/* ---- Responses -------------------------------------------------------------- */

static void on_message(void *what, const char *json, size_t len) {
  struct connection *c = what;
  char text[600];
  if (!c->response.is_stream) return;
  snprintf(text, sizeof text, "%.*s", (int)len, json);
  if (strstr(text, "\"result\":") != NULL) c->has_result = true;
  const char *seq = strstr(text, "\"seq\":");
  if (seq == NULL) seq = strstr(text, "\"data\":");
  if (seq == NULL) return;
  long number = strtol(strchr(seq, ':') + 1, NULL, 10);
  if (number <= c->seq) disorder++;
  c->seq = number;
  events++;
}

static void on_head(void *what, const struct response *response) {
  struct connection *c = what;
  if (response->session[0] != '\0') strcpy(c->session, response->session);
  if ((c->step == STREAM && task == STREAMS) || (c->step == RESUME && task == RESUMING)) {
    if (response->status != 200) refused++;
    finish();
  }
}

static void on_end(void *what, const struct response *response) {
  (void)response;
  exchange_over(what);
}

static void receive(struct connection *c) {
  static const struct response_events handlers = {on_head, NULL, on_message, on_end};
  static char room[1 << 16];
  ssize_t len = recv(c->fd, room, sizeof room, 0);
  if (len < 0 && errno == EAGAIN) return;
  if (len > 0) {
    response_read(&c->response, &handlers, c, room, (size_t)len);
    response_trim(&c->response); /* Most of thousands of connections are idle. */
    return;
  }
  if (c->step != STREAM && c->step != RESUME && task != IDLE && task != WORK) die("a connection ended early");
  close(c->fd);
  c->fd = -1;
  ended++;
  response_free(&c->response);
}

/* ---- Commands ----------------------------------------------------------------- */

static void report(void) {
  long least = count > 0 ? all[0].seq : 0, most = 0, results = 0;
  for (int i = 0; i < count; i++) {
    if (all[i].seq < least) least = all[i].seq;
    if (all[i].seq > most) most = all[i].seq;
    results += all[i].has_result;
  }
  answer("events=%ld least=%ld most=%ld disorder=%ld ended=%ld results=%ld", events, least, most, disorder, ended,
         results);
}

static void measure_calls(uint64_t ms) {
  uint64_t now = now_us();
  sample_count = 0;
  until_us = now + ms * 1000;
  for (int i = 0; i < count; i++) all[i].due_us = now + (uint64_t)i * CALL_INTERVAL_US / (uint64_t)count;
}

static void flood(long lines) {
  char arguments[40];
  snprintf(arguments, sizeof arguments, "\"count\":%ld", lines);
  for (int i = 0; i < count; i++) call(&all[i], "log", arguments);
  answer("sent=%d", count);
  raise(SIGSTOP);
}

static void resume(void) {
  long wanted = 0;
  for (int i = 0; i < count; i++) wanted += all[i].fd < 0;
  start(RESUMING, wanted);
  for (int i = 0; i < count; i++) {
    if (all[i].fd >= 0) continue;
    open_connection(&all[i]);
    open_stream(&all[i], RESUME);
  }
  if (wanted == 0) finish();
}

static void obey(const char *line) {
  long number = 0;
  char word[20] = "";
  sscanf(line, "%19s %ld", word, &number);
  if (strcmp(word, "sessions") == 0) {
    start(SESSIONS, number);
    for (int i = 0; i < count; i++) next_session(&all[i]);
  } else if (strcmp(word, "work") == 0 || strcmp(word, "open") == 0) {
    start(word[0] == 'w' ? WORK : OPEN, count);
    for (int i = 0; i < count; i++) begin_session(&all[i]);
  } else if (strcmp(word, "calls") == 0) {
    start(CALLS, count);
    measure_calls((uint64_t)number);
  } else if (strcmp(word, "streams") == 0) {
    start(STREAMS, count);
    for (int i = 0; i < count; i++) open_stream(&all[i], STREAM);
  } else if (strcmp(word, "flood") == 0) {
    flood(number);
  } else if (strcmp(word, "resume") == 0) {
    resume();
  } else if (strcmp(word, "leave") == 0) {
    start(LEAVING, count);
    open_connection(&last);
    end_next_session();
  } else if (strcmp(word, "report") == 0) {
    report();
  } else {
    die("there is no command %s", line);
  }
}

int main(int argc, char **argv) {
  struct epoll_event ready[256], commands = {.events = EPOLLIN, .data.ptr = NULL};
  char line[80];
  if (argc != 3) die("usage: peer PORT COUNT");
  port = atoi(argv[1]);
  count = atoi(argv[2]);
  all = calloc((size_t)count, sizeof *all);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  setvbuf(stdin, NULL, _IONBF, 0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands);
  for (int i = 0; i < count; i++) open_connection(&all[i]);
  for (;;) {
    int found = epoll_wait(epoll, ready, 256, task == CALLS ? 1 : -1);
    for (int i = 0; i < found; i++) {
      if (ready[i].data.ptr != NULL) receive(ready[i].data.ptr);
      else if (fgets(line, sizeof line, stdin) != NULL) obey(line);
      else return 0;
    }
    if (task != CALLS) continue;
    for (int i = 0; i < count; i++) call_when_due(&all[i]);
  }
}
