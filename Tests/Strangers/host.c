/*
 * A host for strangers: its tools do what a test asks for, and each event is told on standard output.
 *
 *   host [--loop own|thread|uv] [--listen ADDRESS] [--port N] [--stack-kb N] [--sigpipe default|handler]
 *        [--answer-initialize JSON] [--FIELD_OF_THE_OPTIONS VALUE]...
 *
 *   size {n}                     answers n letters
 *   sleep {ms}                   answers after so long
 *   hang                         never answers
 *   logs {n,size}                logs n texts, then answers
 *   log {json}                   logs the value as it is written, then answers
 *   progress {n,message,logs,size,ms}
 *                                reports progress 1..n, logs so many numbers, and answers `size` letters,
 *                                after so long
 *   notify {n,size,method}       sends its session n notifications, then answers how it went
 *   broadcast {n,method}         sends every session n notifications, then answers
 *   ask {prompt}                 has the client's model answer, and answers what it said
 *   raw {json}                   answers the value as it is written
 *   params                       answers its params as they came
 *   document                     answers whether its message can be had as a tree
 *   headers                      answers the header lines of its HTTP request
 *   stats                        answers what the server holds, and what has happened
 *   sigpipe                      answers what this process does at a SIGPIPE
 *
 * With the option `authorize` every request is allowed, but those with the credentials `wait`, which wait.
 * With {busy_ms} each of them first says `busy`, and holds up the thread that calls it for so long.
 */
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runner.h"

static struct runner runner;
static const char *initialize_answer;
static volatile sig_atomic_t sigpipes;

/* ---- Answers that come later --------------------------------------------------------- */

struct later {
  struct later *next;
  struct timespec due;
  shttp_request request;
  char *value;
};

static struct later *laters; /* the earliest first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

static bool is_before(struct timespec a, struct timespec b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static void *answer_laters(void *unused) {
  (void)unused;
  pthread_mutex_lock(&lock);
  for (;;) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct later *first = laters;
    if (first == NULL) {
      pthread_cond_wait(&changed, &lock);
    } else if (is_before(now, first->due)) {
      pthread_cond_timedwait(&changed, &lock, &first->due);
    } else {
      laters = first->next;
      pthread_mutex_unlock(&lock);
      expect(answer_text(runner.server, first->request, first->value), "respond");
      free(first->value);
      free(first);
      pthread_mutex_lock(&lock);
    }
  }
  return NULL;
}

/* Takes the value, and answers it in so many milliseconds, from a thread of its own. */
static void answer_later(shttp_request request, char *value, long ms) {
  struct later *later = calloc(1, sizeof *later);
  clock_gettime(CLOCK_MONOTONIC, &later->due);
  later->due.tv_sec += ms / 1000;
  later->due.tv_nsec += ms % 1000 * 1000000;
  if (later->due.tv_nsec >= 1000000000) {
    later->due.tv_sec++;
    later->due.tv_nsec -= 1000000000;
  }
  later->request = request;
  later->value = value;
  pthread_mutex_lock(&lock);
  struct later **link = &laters;
  while (*link != NULL && !is_before(later->due, (*link)->due)) link = &(*link)->next;
  later->next = *link;
  *link = later;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
}

static void start_answering(void) {
  pthread_condattr_t attributes;
  pthread_t thread;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &attributes);
  pthread_create(&thread, NULL, answer_laters, NULL);
}

/* ---- Tools --------------------------------------------------------------------------- */

static void done(shttp_request request, const char *value) {
  expect(answer_text(runner.server, request, value), "respond");
}

/* Takes the value. */
static void done_free(shttp_request request, char *value) {
  done(request, value);
  free(value);
}

/* A string argument as it is written, without its quotes. */
static shttp_bytes string_at(const shttp_event *event, const char *pointer) {
  shttp_bytes text = json_at(event, pointer);
  if (text.len < 2 || text.data[0] != '"') return shttp_text(NULL);
  text.data++;
  text.len -= 2;
  return text;
}

static void size(const shttp_event *event) {
  done_free(event->request, letters((size_t)number_at(event, ARGUMENT("n"), 1)));
}

static void sleep_ms(const shttp_event *event) {
  answer_later(event->request, strdup("null"), number_at(event, ARGUMENT("ms"), 0));
}

static void hang(const shttp_event *event) { say("hangs %" PRIu64, event->request.key); }

static void log_one(shttp_request request, shttp_bytes data) {
  shttp_status status = shttp_request_log(runner.server, request, shttp_text("info"), shttp_text("stranger"), data);
  expect(status, "log");
}

static void logs(const shttp_event *event) {
  char *text = letters((size_t)number_at(event, ARGUMENT("size"), 1));
  for (long i = 0; i < number_at(event, ARGUMENT("n"), 1); i++) log_one(event->request, shttp_text(text));
  free(text);
  done(event->request, "null");
}

static void log_json(const shttp_event *event) {
  log_one(event->request, json_at(event, ARGUMENT("json")));
  done(event->request, "null");
}

static void progress(const shttp_event *event) {
  long n = number_at(event, ARGUMENT("n"), 1), ms = number_at(event, ARGUMENT("ms"), 0);
  shttp_bytes message = string_at(event, ARGUMENT("message"));
  for (long i = 1; i <= n; i++)
    expect(shttp_request_progress(runner.server, event->request, (double)i, (double)n, message), "progress");
  for (long i = 0; i < number_at(event, ARGUMENT("logs"), 0); i++) log_one(event->request, shttp_text("1"));
  char *value = letters((size_t)number_at(event, ARGUMENT("size"), 1));
  if (ms != 0) answer_later(event->request, value, ms);
  else done_free(event->request, value);
}

/* The method of a notification, or this one. */
static char *method_at(const shttp_event *event, const char *missing) {
  shttp_bytes method = string_at(event, ARGUMENT("method"));
  return method.len != 0 ? strndup((const char *)method.data, method.len) : strdup(missing);
}

static void notify(const shttp_event *event) {
  char *text = letters((size_t)number_at(event, ARGUMENT("size"), 1)), *params, value[80];
  char *method = method_at(event, "notifications/stranger");
  long n = number_at(event, ARGUMENT("n"), 1), sent = 0;
  shttp_status status = SHTTP_OK;
  if (asprintf(&params, "{\"text\":%s}", text) < 0) abort();
  while (sent < n && status == SHTTP_OK) {
    status = shttp_session_notify(runner.server, event->session, shttp_text(method), shttp_text(params));
    if (status == SHTTP_OK) sent++;
  }
  snprintf(value, sizeof value, "{\"sent\":%ld,\"status\":\"%s\"}", sent, shttp_status_name(status));
  free(text);
  free(params);
  free(method);
  done(event->request, value);
}

static void broadcast(const shttp_event *event) {
  char *method = method_at(event, "notifications/stranger");
  for (long i = 0; i < number_at(event, ARGUMENT("n"), 1); i++)
    expect(shttp_server_broadcast(runner.server, shttp_text(method), shttp_text("{}")), "broadcast");
  free(method);
  done(event->request, "null");
}

static void ask(const shttp_event *event) {
  shttp_bytes prompt = string_at(event, ARGUMENT("prompt"));
  shttp_request *asked_by = malloc(sizeof *asked_by);
  char *params;
  *asked_by = event->request;
  if (asprintf(&params,
               "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"%.*s\"}}],\"maxTokens\":9}",
               (int)prompt.len, prompt.data ? (const char *)prompt.data : "") < 0)
    abort();
  shttp_status status = shttp_request_call(runner.server, event->request, shttp_text("sampling/createMessage"),
                                           shttp_text(params), asked_by, NULL);
  free(params);
  if (status == SHTTP_OK) return;
  free(asked_by);
  say("status call %s", shttp_status_name(status));
  done(event->request, "null");
}

/* What the client's model said is the text of the answer, and the whole response its value. */
static void answer_asked(shttp_request asked_by, shttp_bytes response) {
  shttp_bytes text = shttp_text("\"\"");
  char *result;
  if (shttp_json_find(response, "/result/content/text", &text) != SHTTP_OK) text = shttp_text("\"\"");
  if (asprintf(&result, "{\"content\":[{\"type\":\"text\",\"text\":%.*s}],\"value\":%.*s}", (int)text.len,
               (const char *)text.data, (int)response.len, (const char *)response.data) < 0)
    abort();
  expect(shttp_request_respond(runner.server, asked_by, shttp_text(result)), "respond");
  free(result);
}

static void on_response(const shttp_event *event) {
  shttp_request *asked_by = event->call_data;
  say("response %s", shttp_status_name(event->status));
  if (event->status == SHTTP_OK) answer_asked(*asked_by, event->message);
  else done(*asked_by, "null");
  free(asked_by);
}

static void raw(const shttp_event *event) {
  shttp_status status = shttp_request_respond(runner.server, event->request, json_at(event, ARGUMENT("json")));
  if (status == SHTTP_OK) return;
  const char *name = shttp_status_name(status);
  expect(shttp_request_fail(runner.server, event->request, status, shttp_text(name), shttp_text("")), "fail");
}

static void params(const shttp_event *event) {
  expect(answer(runner.server, event->request, event->params), "respond");
}

static void document(const shttp_event *event) {
  done(event->request, shttp_event_document(event) != NULL ? "true" : "false");
}

static void headers(const shttp_event *event) {
  json_t *lines = json_stringn((const char *)event->headers.data, event->headers.len);
  done_free(event->request, lines != NULL ? json_dumps(lines, JSON_ENCODE_ANY) : strdup("null"));
  json_decref(lines);
}

static void stats(const shttp_event *event) {
#define FIGURE(name) \
  { #name, offsetof(shttp_stats, name) }
  static const struct {
    const char *name;
    size_t offset;
  } figures[] = {
      FIGURE(connections),
      FIGURE(sessions),
      FIGURE(streams),
      FIGURE(requests),
      FIGURE(calls),
      FIGURE(unsent_bytes),
      FIGURE(replay_bytes),
      FIGURE(connections_total),
      FIGURE(sessions_total),
      FIGURE(requests_total),
      FIGURE(resumed),
      FIGURE(resumes_refused),
      FIGURE(mailbox_drops),
      FIGURE(result_drops),
      FIGURE(response_drops),
      FIGURE(slow_connections),
      FIGURE(host_refusals),
      FIGURE(origin_refusals),
      FIGURE(session_refusals),
      FIGURE(limit_refusals),
      FIGURE(other_refusals),
      FIGURE(progress_drops),
      FIGURE(log_drops),
      FIGURE(accept_pauses),
      FIGURE(authorizations),
      FIGURE(credential_refusals),
      FIGURE(scope_refusals),
      FIGURE(held_bytes),
      FIGURE(arriving_bytes),
      FIGURE(request_bytes),
      FIGURE(session_bytes),
      FIGURE(sessions_evicted),
      FIGURE(primary_gaps),
  };
  shttp_stats now;
  expect(shttp_server_stats(runner.server, &now), "stats");
  json_t *all = json_object();
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    uint64_t figure;
    memcpy(&figure, (const char *)&now + figures[i].offset, sizeof figure);
    json_object_set_new(all, figures[i].name, json_integer((json_int_t)figure));
  }
  done_free(event->request, json_dumps(all, JSON_COMPACT));
  json_decref(all);
}

/* ---- SIGPIPE ------------------------------------------------------------------------- */

static void on_sigpipe(int number) {
  (void)number;
  sigpipes++;
}

static void sigpipe(const shttp_event *event) {
  struct sigaction now;
  sigset_t mask;
  char value[100];
  sigaction(SIGPIPE, NULL, &now);
  pthread_sigmask(SIG_BLOCK, NULL, &mask);
  const char *disposition = now.sa_handler == SIG_DFL ? "default" : now.sa_handler == on_sigpipe ? "handler" : "other";
  snprintf(value, sizeof value, "{\"disposition\":\"%s\",\"called\":%d,\"blocked\":%s}", disposition, (int)sigpipes,
           sigismember(&mask, SIGPIPE) ? "true" : "false");
  done(event->request, value);
}

/* ---- Events -------------------------------------------------------------------------- */

#define TOOL(name) "{\"name\":\"" name "\",\"inputSchema\":{\"type\":\"object\"}}"

/* Those that foreign clients call. */
static const char tool_list[] = "{\"tools\":[" TOOL("size") "," TOOL("sleep") "," TOOL("progress") "," TOOL(
    "ask") "," TOOL("notify") "," TOOL("stats") "]}";

static const struct {
  const char *name;
  void (*call)(const shttp_event *event);
} tools[] = {
    {"size", size},           {"sleep", sleep_ms}, {"hang", hang},       {"logs", logs},         {"log", log_json},
    {"progress", progress},   {"notify", notify},  {"ask", ask},         {"raw", raw},           {"params", params},
    {"broadcast", broadcast}, {"stats", stats},    {"headers", headers}, {"document", document}, {"sigpipe", sigpipe},
};

static void be_busy(const shttp_event *event) {
  long ms = number_at(event, ARGUMENT("busy_ms"), 0);
  if (ms == 0) return;
  say("busy");
  nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void on_request(const shttp_event *event) {
  be_busy(event);
  for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
    if (!calls(event, tools[i].name)) continue;
    tools[i].call(event);
    return;
  }
  shttp_bytes result = {NULL, 0};
  if (is(event->method, "tools/list")) result = shttp_text(tool_list);
  else if (is(event->method, "initialize")) result = shttp_text(initialize_answer);
  else if (is(event->method, "logging/setLevel")) result = shttp_text("{}");
  shttp_status status = result.len == 0 ? shttp_request_fail(runner.server, event->request, -32601,
                                                             shttp_text("Method not found"), shttp_text(""))
                                        : shttp_request_respond(runner.server, event->request, result);
  if (is(event->method, "initialize")) say("initialize %s", shttp_status_name(status));
  else expect(status, "respond");
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  const char *status = shttp_status_name(event->status);
  uint64_t session = event->session.key;
  switch (event->kind) {
    case SHTTP_EVENT_REQUEST: on_request(event); break;
    case SHTTP_EVENT_RESPONSE: on_response(event); break;
    case SHTTP_EVENT_NOTIFICATION:
      say("notification %.*s %.*s", (int)event->method.len, (const char *)event->method.data, (int)event->params.len,
          event->params.len != 0 ? (const char *)event->params.data : "");
      break;
    case SHTTP_EVENT_CANCELLED: say("cancelled %" PRIu64 " %s", event->request.key, status); break;
    case SHTTP_EVENT_SESSION_OPENED: say("session_opened %" PRIu64, session); break;
    case SHTTP_EVENT_SESSION_CLOSED: say("session_closed %" PRIu64 " %s", session, status); break;
    case SHTTP_EVENT_PRIMARY_OPENED: say("primary_opened %" PRIu64, session); break;
    case SHTTP_EVENT_PRIMARY_CLOSED: say("primary_closed %" PRIu64, session); break;
    case SHTTP_EVENT_PRIMARY_GAP: say("primary_gap %" PRIu64, session); break;
    case SHTTP_EVENT_COMMAND_FAILED: expect(event->status, "command"); break;
    case SHTTP_EVENT_AUTHORIZE:
      if (event->credentials.len == 4 && memcmp(event->credentials.data, "wait", 4) == 0) break;
      expect(shttp_authorization_allow(server, event->authorization, event->credentials, 0), "allow");
      break;
    default: break;
  }
}

static bool own_option(const char *name, const char *value) {
  if (strcmp(name, "--answer-initialize") == 0) {
    runner.options.server_info = runner.options.server_capabilities = shttp_text(NULL);
    initialize_answer = value;
  } else if (strcmp(name, "--sigpipe") == 0) {
    if (strcmp(value, "handler") == 0) signal(SIGPIPE, on_sigpipe);
  } else {
    return false;
  }
  return true;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_DFL);
  runner_init(&runner, on_event);
  runner_take_all(&runner, argc, argv, own_option);
  start_answering();
  runner_listen(&runner);
  runner_serve(&runner);
  runner_close(&runner);
  return 0;
}
