/*
 * The library's host for what examples/echo_server does not do. It answers
 *
 *   host            in on_event
 *   host --thread   on another thread, which takes the calls that on_event has listed, as a whole
 *   host --queue    on the main thread, which takes events in batches; the loop has the library's thread
 *   host --catalog  echo and 99 more tools that only look like it, in the library's catalog; tools/list is the same
 *                   without it, ready-made
 *
 * Its tools are echo {text}, regional {region, text}, text {bytes}, progress {count}, ask {}, which asks the client for
 * a name, and publish {seq}, which says that the list of tools has changed.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <streamablehttp.h>
#include <uv.h>

#include "wire.h"

#define BATCH 64
#define DRAIN_MS 1000
#define MANY 20000 /* more than there will be */
#define TOOLS 100

struct job {
  struct job *next;
  shttp_request request;
  size_t result_len;
  char result[];
};

static bool uses_thread, uses_queue, uses_catalog;
static shttp_loop *loop;
static shttp_server *server;
static struct job *first, **last = &first;
static struct job *collected, **collected_last = &collected;
static uv_loop_t uv;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_work = PTHREAD_COND_INITIALIZER;

static bool is(shttp_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* ---- The tools --------------------------------------------------------------------- */

/* A text of so many bytes, made on the first call and the same ever after: the host's own memory is one copy. */
static const struct text *long_result(size_t bytes) {
  static struct text result;
  if (result.len == 0) {
    text_reserve(&result, bytes + 100);
    text_add_literal(&result, "{\"content\":[{\"type\":\"text\",\"text\":\"");
    text_add_pattern(&result, bytes);
    text_add_literal(&result, "\"}]}");
  }
  return &result;
}

static const char *tool_name(int number) {
  static char name[16];
  snprintf(name, sizeof name, number == 0 ? "echo" : "echo_%d", number);
  return name;
}

static void check(shttp_status status) {
  if (status != SHTTP_OK) fprintf(stderr, "%s\n", shttp_status_text(status));
}

/* So that the library checks the header of `region`. */
static const char tools[] =
    "[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}},"
    "{\"name\":\"regional\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"},"
    "\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"}}}}]";

static void ask(shttp_request request) {
  void *asked_by = (void *)(uintptr_t)request.key; /* NOLINT(performance-no-int-to-ptr) */
  check(shttp_request_call(server, request, shttp_text("elicitation/create"), shttp_text(ELICITATION), asked_by, NULL));
}

static void add_result(struct text *result, const char *text, size_t len) {
  text_add_literal(result, "{\"content\":[{\"type\":\"text\",\"text\":");
  text_add(result, text, len);
  text_add_literal(result, "}]}");
}

/* The result of tools/list as the catalog has it. */
static const struct text *tools_list(void) {
  static struct text list;
  static int i = 0;
  char line[160];
  for (; i < TOOLS; i++) {
    const char *start = i == 0 ? "{\"tools\":[" : ",";
    int len = snprintf(line, sizeof line,
                       "%s{\"name\":\"%s\",\"description\":\"Answers the text\",\"inputSchema\":{\"type\":\"object\","
                       "\"properties\":{\"text\":" LISTED "},\"required\":[\"text\"]}}%s",
                       start, tool_name(i), i + 1 == TOOLS ? "]}" : "");
    text_add(&list, line, (size_t)len);
  }
  return &list;
}

static void echo(const shttp_context *context, const shttp_value *values, void *user) {
  (void)user;
  check(shttp_reply_text(context->server, context->request, values[0].text));
}

static shttp_status fill_catalog(void) {
  static const shttp_param params[] = {{.name = "text", .required = 1}, {.name = NULL}};
  shttp_status status = SHTTP_OK;
  for (int i = 0; i < TOOLS && status == SHTTP_OK; i++) {
    shttp_tool tool = {.struct_size = sizeof tool, .description = "Answers the text", .params = params, .call = echo};
    tool.name = tool_name(i);
    status = shttp_tool_add(server, &tool);
  }
  return status;
}

/* Serves a tools/call, and returns its result, which lives until the next one: empty if this is none, NULL if it comes
   later. */
static const struct text *serve(const shttp_event *event) {
  static struct text result;
  result.len = 0;
  if (is(event->method, "tools/list")) return tools_list();
  if (!is(event->method, "tools/call")) return &result;
  shttp_bytes bytes, count, name = {NULL, 0}, text;
  if (shttp_json_find(event->params, "/arguments/text", &text) == SHTTP_OK) {
    add_result(&result, (const char *)text.data, text.len);
  } else if (shttp_json_find(event->params, "/arguments/bytes", &bytes) == SHTTP_OK) {
    return long_result((size_t)strtoul((const char *)bytes.data, NULL, 10));
  } else if (shttp_json_find(event->params, "/arguments/count", &count) == SHTTP_OK) {
    unsigned long steps = strtoul((const char *)count.data, NULL, 10);
    for (unsigned long step = 1; step <= steps; step++)
      check(shttp_request_progress(server, event->request, (double)step, (double)steps, shttp_text("")));
    add_result(&result, "\"done\"", 6);
  } else if (shttp_json_find(event->params, "/name", &name) == SHTTP_OK && is(name, "\"ask\"")) {
    ask(event->request);
    return NULL;
  } else if (is(name, "\"publish\"")) {
    check(shttp_server_publish(server, SHTTP_CHANGE_TOOLS, shttp_text("")));
    add_result(&result, "\"sent\"", 6);
  }
  return &result;
}

static void respond(shttp_request request, const char *result, size_t len) {
  shttp_bytes bytes = {(const uint8_t *)result, len};
  check(len == 0 ? shttp_request_fail(server, request, -32601, shttp_text("Method not found"), shttp_text(""))
                 : shttp_request_respond(server, request, bytes));
}

/* The client's answer to a question becomes the result. */
static void take_answer(const shttp_event *event) {
  static struct text result;
  shttp_bytes name;
  result.len = 0;
  if (event->status == SHTTP_ERR_DISCONNECTED || event->status == SHTTP_ERR_CLOSED) return;
  check(event->status);
  if (shttp_json_find(event->message, "/result/content/name", &name) == SHTTP_OK)
    add_result(&result, (const char *)name.data, name.len);
  respond((shttp_request){(uintptr_t)event->call_data}, result.data, result.len);
}

/* ---- In the callback, or a list that changes hands ------------------------------------ */

static void list(shttp_request request, const struct text *result) {
  struct job *job = malloc(sizeof *job + result->len);
  *job = (struct job){.request = request, .result_len = result->len};
  if (result->len != 0) memcpy(job->result, result->data, result->len);
  *collected_last = job;
  collected_last = &job->next;
}

/* Hands over what this turn of the loop has brought, as the ceiling does. */
static void on_turn_end(uv_prepare_t *handle) {
  (void)handle;
  if (collected == NULL) return;
  pthread_mutex_lock(&lock);
  bool sleeps = first == NULL;
  *last = collected;
  last = collected_last;
  pthread_mutex_unlock(&lock);
  collected = NULL;
  collected_last = &collected;
  if (sleeps) pthread_cond_signal(&has_work);
}

static void on_event(shttp_server *from, const shttp_event *event, void *user_data) {
  (void)from;
  (void)user_data;
  if (event->kind == SHTTP_EVENT_CLOSED) uses_thread ? uv_stop(&uv) : (void)shttp_loop_stop(loop);
  if (event->kind == SHTTP_EVENT_RESPONSE) take_answer(event);
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  const struct text *result = serve(event);
  if (result == NULL) return;
  if (uses_thread) list(event->request, result);
  else respond(event->request, result->data, result->len);
}

static void *work(void *unused) {
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (first == NULL) pthread_cond_wait(&has_work, &lock);
    struct job *job = first;
    first = NULL;
    last = &first;
    pthread_mutex_unlock(&lock);
    for (struct job *next; job != NULL; job = next) {
      next = job->next;
      respond(job->request, job->result, job->result_len);
      free(job);
    }
  }
  return NULL;
}

/* ---- The library's queue ------------------------------------------------------------- */

static void take_events(void) {
  struct pollfd waiting = {.fd = shttp_server_descriptor(server), .events = POLLIN};
  shttp_event events[BATCH];
  size_t count;
  for (;;) {
    if (poll(&waiting, 1, -1) < 0) continue;
    if (shttp_server_take_events(server, events, BATCH, &count) != SHTTP_OK) return;
    for (size_t i = 0; i < count; i++) {
      if (events[i].kind == SHTTP_EVENT_CLOSED) return;
      if (events[i].kind == SHTTP_EVENT_RESPONSE) take_answer(&events[i]);
      if (events[i].kind != SHTTP_EVENT_REQUEST) continue;
      const struct text *result = serve(&events[i]);
      if (result == NULL) continue;
      respond(events[i].request, result->data, result->len);
    }
  }
}

/* ---- The program ----------------------------------------------------------------------- */

static void *wait_for_termination(void *set) {
  int number;
  sigwait(set, &number);
  if (shttp_server_drain(server, DRAIN_MS) != SHTTP_OK) exit(1);
  return NULL;
}

int main(int argc, char **argv) {
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.server_info = shttp_text("{\"name\":\"host\",\"version\":\"1\"}");
  options.server_capabilities = shttp_text("{\"tools\":{\"listChanged\":true}}");
  options.address_share_percent = 100; /* All the load comes from one. */
  options.listens_max = options.parked_max = MANY;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--queue") == 0) uses_queue = true;
    else if (strcmp(argv[i], "--thread") == 0) uses_thread = true;
    else if (strcmp(argv[i], "--catalog") == 0) uses_catalog = true;
    else if (strcmp(argv[i], "--json-response") == 0) options.response_mode = SHTTP_RESPONSE_JSON;
    else if (strcmp(argv[i], "--progress-route") == 0 && strcmp(argv[++i], "request") == 0)
      options.progress_route = SHTTP_PROGRESS_REQUEST;
  }
  if (!uses_queue) options.on_event = on_event;

  sigset_t termination;
  pthread_t waiter, worker;
  sigemptyset(&termination);
  sigaddset(&termination, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &termination, NULL);
  shttp_loop_options loop_options;
  shttp_loop_options_init(&loop_options);
  if (uses_thread) {
    uv_prepare_t *turn_end = malloc(sizeof *turn_end);
    uv_loop_init(&uv);
    uv_prepare_init(&uv, turn_end);
    uv_prepare_start(turn_end, on_turn_end);
    loop_options.uv_loop = &uv;
  }
  if (shttp_loop_create(&loop_options, &loop) != SHTTP_OK) return 1;
  if (shttp_server_create(loop, &options, &server, NULL, 0) != SHTTP_OK) return 1;
  if ((uses_catalog ? fill_catalog() : shttp_server_set_tools(server, shttp_text(tools))) != SHTTP_OK) return 1;
  if (shttp_server_listen(server, "127.0.0.1", 0, NULL, 0) != SHTTP_OK) return 1;
  pthread_create(&waiter, NULL, wait_for_termination, &termination);
  printf("listening on http://127.0.0.1:%u/mcp\n", (unsigned)shttp_server_port(server));
  fflush(stdout);

  if (uses_queue) {
    if (shttp_loop_run_thread(loop) != SHTTP_OK) return 1;
    take_events();
    shttp_loop_stop(loop);
    return shttp_loop_join(loop) != SHTTP_OK;
  }
  if (uses_thread) {
    pthread_create(&worker, NULL, work, NULL);
    return uv_run(&uv, UV_RUN_DEFAULT) < 0;
  }
  return shttp_loop_run(loop) != SHTTP_OK;
}
