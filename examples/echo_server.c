/*
 * A server with six tools inside an ordinary libuv program: the library uses the program's own
 * uv_loop_t, and everything runs on one thread.
 *
 *   echo {text}               answers the text
 *   progress {count,delay_ms} reports progress 1..count, then answers
 *   log {count,delay_ms}      logs 1..count, then answers
 *   ask {prompt}              sends the prompt to the client's model, and answers with its reply
 *   broadcast {seq}           sends a log message to every session, then answers
 *   stats                     answers with the server's statistics
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamablehttp.h>
#include <string.h>
#include <uv.h>

#define STEPS_MAX 1000000
#define DELAY_MS_MAX 60000
#define DRAIN_MS 2000 /* time for open requests after SIGTERM */

static const char tools[] =
    "{\"tools\":["
    "{\"name\":\"echo\",\"description\":\"Answers the text\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}},"
    "{\"name\":\"progress\",\"description\":\"Reports progress 1..count\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"count\":{\"type\":\"integer\"},\"delay_ms\":{\"type\":\"integer\"}},\"required\":[\"count\"]}},"
    "{\"name\":\"log\",\"description\":\"Logs 1..count\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"count\":{\"type\":\"integer\"},\"delay_ms\":{\"type\":\"integer\"}},\"required\":[\"count\"]}},"
    "{\"name\":\"ask\",\"description\":\"Asks the client's model\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"prompt\":{\"type\":\"string\"}},\"required\":[\"prompt\"]}},"
    "{\"name\":\"broadcast\",\"description\":\"Tells every session\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"seq\":{\"type\":\"integer\"}},\"required\":[\"seq\"]}},"
    "{\"name\":\"stats\",\"description\":\"Answers the server's figures\",\"inputSchema\":{\"type\":\"object\"}}]}";

/* A progress or log call in progress. */
struct job {
  uv_timer_t timer;
  shttp_request request;
  int is_log;
  int step, count;
  struct job *next;
};

static uv_loop_t uv;
static uv_signal_t signals[2];
static shttp_loop *loop;
static shttp_server *server;
static struct job *jobs;

static int is(shttp_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* A request may end at any moment (cancelled, its session deleted, the server closing): that is not an error. */
static void expect(shttp_status status) {
  switch (status) {
    case SHTTP_OK:
    case SHTTP_ERR_NOT_FOUND:
    case SHTTP_ERR_DISCONNECTED:
    case SHTTP_ERR_CLOSED: break;
    default: fprintf(stderr, "%s: %s\n", shttp_status_name(status), shttp_status_text(status));
  }
}

/* ---- Answers ------------------------------------------------------------- */

static void respond(shttp_request request, const char *text, size_t len, int is_error) {
  json_t *result = json_pack("{s:[{s:s,s:s%}]}", "content", "type", "text", "text", text, len);
  if (is_error) json_object_set_new(result, "isError", json_true());
  char *dump = json_dumps(result, JSON_COMPACT);
  expect(shttp_request_respond(server, request, shttp_text(dump)));
  free(dump);
  json_decref(result);
}

static void done(shttp_request request, const char *text) { respond(request, text, strlen(text), 0); }

static void bad_argument(shttp_request request, const char *text) {
  expect(shttp_request_fail(server, request, -32602, shttp_text(text), shttp_text("")));
}

/* ---- progress, log: one step now or after each delay ---------------------- */

static void job_step(shttp_request request, int is_log, int step, int count) {
  char number[16];
  shttp_status status;
  if (is_log) {
    snprintf(number, sizeof number, "%d", step);
    status = shttp_request_log(server, request, shttp_text("info"), shttp_text("echo_server"), shttp_text(number));
  } else {
    status = shttp_request_progress(server, request, step, count, shttp_text(""));
  }
  /* If the answer is one JSON document, no message can be sent before the result. */
  if (status != SHTTP_ERR_JSON_RESPONSE) expect(status);
}

static void job_free(uv_handle_t *timer) { free(timer->data); }

static void job_end(struct job *job) {
  struct job **link = &jobs;
  while (*link != job) link = &(*link)->next;
  *link = job->next;
  uv_close((uv_handle_t *)&job->timer, job_free);
}

static void on_timer(uv_timer_t *timer) {
  struct job *job = timer->data;
  job_step(job->request, job->is_log, ++job->step, job->count);
  if (job->step < job->count) return;
  done(job->request, "done");
  job_end(job);
}

static void job_start(shttp_request request, int is_log, int count, int delay_ms) {
  if (delay_ms == 0 || count == 0) {
    for (int step = 1; step <= count; step++) job_step(request, is_log, step, count);
    done(request, "done");
    return;
  }
  struct job *job = calloc(1, sizeof *job);
  job->request = request;
  job->is_log = is_log;
  job->count = count;
  job->next = jobs;
  jobs = job;
  job->timer.data = job;
  uv_timer_init(&uv, &job->timer);
  uv_timer_start(&job->timer, on_timer, (uint64_t)delay_ms, (uint64_t)delay_ms);
}

/* ---- ask: a request to the client while serving the client's --------------- */

static void ask(shttp_request request, const char *prompt) {
  json_t *params = json_pack("{s:[{s:s,s:{s:s,s:s}}],s:i}", "messages", "role", "user", "content", "type", "text",
                             "text", prompt, "maxTokens", 100);
  char *dump = json_dumps(params, JSON_COMPACT);
  shttp_request *asked_by = malloc(sizeof *asked_by);
  *asked_by = request;
  shttp_status status =
      shttp_request_call(server, request, shttp_text("sampling/createMessage"), shttp_text(dump), asked_by, NULL);
  if (status != SHTTP_OK) {
    const char *name = shttp_status_name(status);
    respond(request, name, strlen(name), 1);
    free(asked_by);
  }
  free(dump);
  json_decref(params);
}

static void on_response(const shttp_event *event) {
  shttp_request *asked_by = event->call_data;
  if (event->status == SHTTP_OK) {
    const json_t *response = shttp_event_document(event);
    const json_t *content = json_object_get(json_object_get(response, "result"), "content");
    const json_t *failure = json_object_get(json_object_get(response, "error"), "message");
    if (json_is_array(content)) content = json_array_get(content, 0);
    const json_t *text = failure ? failure : json_object_get(content, "text");
    if (json_is_string(text)) respond(*asked_by, json_string_value(text), json_string_length(text), failure != NULL);
    else respond(*asked_by, "The client's answer has no text", 31, 1);
  } else {
    const char *name = shttp_status_name(event->status);
    respond(*asked_by, name, strlen(name), 1);
  }
  free(asked_by);
}

/* ---- stats: what an operator wants to know ---------------------------------- */

static void stats(shttp_request request) {
  shttp_stats now;
  expect(shttp_server_stats(server, &now));
  json_t *figures = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "connections", (json_int_t)now.connections,
                              "sessions", (json_int_t)now.sessions, "streams", (json_int_t)now.streams, "requests",
                              (json_int_t)now.requests, "unsent_bytes", (json_int_t)now.unsent_bytes, "log_drops",
                              (json_int_t)now.log_drops, "slow_connections", (json_int_t)now.slow_connections,
                              "accept_pauses", (json_int_t)now.accept_pauses);
  char *text = json_dumps(figures, JSON_COMPACT);
  done(request, text);
  free(text);
  json_decref(figures);
}

/* ---- tools/call ------------------------------------------------------------ */

/* An integer argument from 0 to `max`; `missing` if it is absent, -1 if it is invalid. */
static int integer(const json_t *arguments, const char *name, int missing, int max) {
  const json_t *value = json_object_get(arguments, name);
  if (value == NULL) return missing;
  json_int_t number = json_integer_value(value);
  return json_is_integer(value) && number >= 0 && number <= max ? (int)number : -1;
}

/* A fast path for the most frequent call: the JSON text of the argument is sent back verbatim, without parsing. */
static int echo_as_written(const shttp_event *event) {
  static const char before[] = "{\"content\":[{\"type\":\"text\",\"text\":", after[] = "}]}";
  const size_t before_len = sizeof before - 1, after_len = sizeof after - 1;
  shttp_bytes name, text;
  if (shttp_json_find(event->params, "/name", &name) != SHTTP_OK || !is(name, "\"echo\"") ||
      shttp_json_find(event->params, "/arguments/text", &text) != SHTTP_OK || text.data[0] != '"')
    return 0;
  uint8_t *result = malloc(before_len + text.len + after_len);
  memcpy(result, before, before_len);
  memcpy(result + before_len, text.data, text.len);
  memcpy(result + before_len + text.len, after, after_len);
  shttp_bytes bytes = {result, before_len + text.len + after_len};
  expect(shttp_request_respond(server, event->request, bytes));
  free(result);
  return 1;
}

static void call_tool(const shttp_event *event) {
  if (echo_as_written(event)) return;
  const json_t *params = json_object_get(shttp_event_document(event), "params");
  const json_t *arguments = json_object_get(params, "arguments");
  const char *name = json_string_value(json_object_get(params, "name"));
  if (name == NULL) {
    bad_argument(event->request, "params.name must be a string");
  } else if (strcmp(name, "echo") == 0) {
    const json_t *text = json_object_get(arguments, "text");
    if (json_is_string(text)) respond(event->request, json_string_value(text), json_string_length(text), 0);
    else bad_argument(event->request, "text must be a string");
  } else if (strcmp(name, "progress") == 0 || strcmp(name, "log") == 0) {
    int count = integer(arguments, "count", -1, STEPS_MAX);
    int delay_ms = integer(arguments, "delay_ms", 0, DELAY_MS_MAX);
    if (count >= 0 && delay_ms >= 0) job_start(event->request, strcmp(name, "log") == 0, count, delay_ms);
    else bad_argument(event->request, "count must be an integer from 0 to 1000000, delay_ms one from 0 to 60000");
  } else if (strcmp(name, "ask") == 0) {
    const char *prompt = json_string_value(json_object_get(arguments, "prompt"));
    if (prompt != NULL) ask(event->request, prompt);
    else bad_argument(event->request, "prompt must be a string");
  } else if (strcmp(name, "broadcast") == 0) {
    const json_t *seq = json_object_get(arguments, "seq");
    char message[80];
    if (!json_is_integer(seq)) {
      bad_argument(event->request, "seq must be an integer");
      return;
    }
    snprintf(message, sizeof message, "{\"level\":\"info\",\"data\":{\"seq\":%" JSON_INTEGER_FORMAT "}}",
             json_integer_value(seq));
    shttp_status status = shttp_server_broadcast(server, shttp_text("notifications/message"), shttp_text(message));
    done(event->request, status == SHTTP_OK ? "sent" : shttp_status_name(status));
  } else if (strcmp(name, "stats") == 0) {
    stats(event->request);
  } else {
    bad_argument(event->request, "There is no such tool");
  }
}

/* ---- Events ---------------------------------------------------------------- */

static void on_request(const shttp_event *event) {
  if (is(event->method, "tools/call")) call_tool(event);
  else if (is(event->method, "tools/list")) expect(shttp_request_respond(server, event->request, shttp_text(tools)));
  else if (is(event->method, "logging/setLevel"))
    expect(shttp_request_respond(server, event->request, shttp_text("{}")));
  else expect(shttp_request_fail(server, event->request, -32601, shttp_text("Method not found"), shttp_text("")));
}

static void on_cancelled(shttp_request request) {
  for (struct job *job = jobs; job != NULL; job = job->next) {
    if (job->request.key != request.key) continue;
    job_end(job);
    return;
  }
}

/* The server has closed: release everything; then uv_run() in main() returns. */
static void on_closed(void) {
  while (jobs != NULL) job_end(jobs);
  uv_close((uv_handle_t *)&signals[0], NULL);
  uv_close((uv_handle_t *)&signals[1], NULL);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
}

static void on_event(shttp_server *from, const shttp_event *event, void *user_data) {
  (void)from;
  (void)user_data;
  switch (event->kind) {
    case SHTTP_EVENT_REQUEST: on_request(event); break;
    case SHTTP_EVENT_RESPONSE: on_response(event); break;
    case SHTTP_EVENT_CANCELLED: on_cancelled(event->request); break;
    case SHTTP_EVENT_CLOSED: on_closed(); break;
    default: break;
  }
}

static void on_log(const shttp_log_line *line, void *user_data) {
  (void)user_data;
  fprintf(stderr, "%.*s\n", (int)line->text.len, (const char *)line->text.data);
}

static void on_signal(uv_signal_t *handle, int number) {
  (void)handle;
  (void)number;
  expect(shttp_server_drain(server, DRAIN_MS));
}

/* Sets the library's option that an argument names: --sessions-max is sessions_max. */
static int set_option(shttp_server_options *options, const char *argument, const char *value) {
  char name[64];
  if (strncmp(argument, "--", 2) != 0 || strlen(argument) >= sizeof name) return 0;
  strcpy(name, argument + 2);
  for (char *c = name; *c != '\0'; c++)
    if (*c == '-') *c = '_';
  return shttp_server_option_set(options, name, value) == SHTTP_OK;
}

int main(int argc, char **argv) {
  const char *host = "127.0.0.1";
  uint16_t port = 8080;
  shttp_loop_options loop_options;
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.on_log = on_log;
  options.server_info = shttp_text("{\"name\":\"echo_server\",\"version\":\"0.1.0\"}");
  options.server_capabilities = shttp_text("{\"tools\":{},\"logging\":{}}");

  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--stateless") == 0) {
      options.stateless = 1;
    } else if (strcmp(argv[i], "--json-response") == 0) {
      options.response_mode = SHTTP_RESPONSE_JSON;
    } else if (strcmp(argv[i], "--host") == 0 && value[0] != '\0') {
      host = argv[++i];
    } else if (strcmp(argv[i], "--port") == 0 && value[0] != '\0') {
      port = (uint16_t)atoi(argv[++i]);
    } else if (!set_option(&options, argv[i], value)) {
      fprintf(stderr, "usage: echo_server [--host ADDRESS] [--port N] [--stateless] [--json-response]\n"
                      "                   [--OPTION VALUE]...: options of the library, as in --sessions-max 100,\n"
                      "                   --bearer-tokens secret or --store sqlite:echo.db\n");
      return 2;
    } else {
      i++;
    }
  }

  uv_loop_init(&uv);
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&uv, &signals[i]);
    uv_signal_start(&signals[i], on_signal, i == 0 ? SIGTERM : SIGINT);
  }

  char error[256] = "no loop";
  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = &uv;
  shttp_status status = shttp_loop_create(&loop_options, &loop);
  if (status == SHTTP_OK) status = shttp_server_create(loop, &options, &server, error, sizeof error);
  if (status == SHTTP_OK) status = shttp_server_listen(server, host, port, error, sizeof error);
  if (status != SHTTP_OK) {
    fprintf(stderr, "cannot serve: %s\n", error);
    return 1;
  }
  printf(strchr(host, ':') ? "listening on http://[%s]:%u/mcp\n" : "listening on http://%s:%u/mcp\n", host,
         (unsigned)shttp_server_port(server));
  fflush(stdout);

  uv_run(&uv, UV_RUN_DEFAULT);
  return uv_loop_close(&uv) == 0 ? 0 : 1;
}
