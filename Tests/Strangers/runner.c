#include "runner.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 64

/* ---- Options ----------------------------------------------------------------------- */

enum field_type { NUMBER, TEXT, BYTES };

struct field {
  const char *name;
  size_t offset;
  enum field_type type;
};

/* The type of a field is the header's. Enums are numbers. */
#define TYPE(name) \
  _Generic(((shttp_server_options *)0)->name, const char * : TEXT, shttp_bytes : BYTES, default : NUMBER)
#define FIELD(name) \
  { #name, offsetof(shttp_server_options, name), TYPE(name) }

static const struct field fields[] = {
#include "option_fields.h"
};

static void die(const char *why, const char *what, int status) {
  fprintf(stderr, "%s: %s\n", why, what);
  exit(status);
}

/* A number that has 32 bits; enough of it, or -1, is all of them. */
static uint32_t number(const char *name, const char *value) {
  char *end;
  long long parsed = strtoll(value, &end, 0);
  if (*value == '\0' || *end != '\0' || parsed < -1 || parsed > UINT32_MAX) die("not a number", name, 2);
  return (uint32_t)parsed;
}

static bool set_field(shttp_server_options *options, const char *name, const char *value) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (strcmp(fields[i].name, name) != 0) continue;
    char *place = (char *)options + fields[i].offset;
    uint32_t parsed;
    shttp_bytes bytes = shttp_text(value);
    switch (fields[i].type) {
      case NUMBER:
        parsed = number(name, value);
        memcpy(place, &parsed, sizeof parsed);
        break;
      case TEXT: memcpy(place, &value, sizeof value); break;
      case BYTES: memcpy(place, &bytes, sizeof bytes); break;
    }
    return true;
  }
  return false;
}

void runner_init(struct runner *runner, shttp_on_event on_event) {
  memset(runner, 0, sizeof *runner);
  runner->address = "127.0.0.1";
  runner->on_event = on_event;
  shttp_server_options_init(&runner->options);
  runner->options.server_info = shttp_text("{\"name\":\"stranger\",\"version\":\"1\"}");
  runner->options.server_capabilities = shttp_text("{\"tools\":{\"listChanged\":true},\"logging\":{}}");
}

void runner_take(struct runner *runner, const char *name, const char *value) {
  if (strncmp(name, "--", 2) != 0 || value == NULL) die("an option is --NAME VALUE", name, 2);
  name += 2;
  if (strcmp(name, "loop") == 0) {
    if (strcmp(value, "own") == 0) runner->way = WAY_OWN;
    else if (strcmp(value, "thread") == 0) runner->way = WAY_THREAD;
    else if (strcmp(value, "uv") == 0) runner->way = WAY_UV;
    else die("own, thread or uv", value, 2);
  } else if (strcmp(name, "listen") == 0) {
    runner->address = value;
  } else if (strcmp(name, "port") == 0) {
    runner->port = (uint16_t)number(name, value);
  } else if (strcmp(name, "stack-kb") == 0) {
    runner->stack_bytes = (rlim_t)number(name, value) << 10;
  } else if (!set_field(&runner->options, name, value)) {
    die("no such option", name, 2);
  }
}

/* Begins the program anew with such a limit: it holds for the main thread, and is the default of all others. */
static void limit_stack(rlim_t bytes, char **argv) {
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  if (bytes == 0 || limit.rlim_cur == bytes) return;
  limit.rlim_cur = bytes;
  if (setrlimit(RLIMIT_STACK, &limit) == 0) execv("/proc/self/exe", argv);
  die("cannot limit the stack", argv[0], 1);
}

void runner_take_all(struct runner *runner, int argc, char **argv, bool (*own)(const char *name, const char *value)) {
  for (int i = 1; i < argc; i += 2) {
    if (own == NULL || i + 1 >= argc || !own(argv[i], argv[i + 1])) runner_take(runner, argv[i], argv[i + 1]);
  }
  limit_stack(runner->stack_bytes, argv);
}

/* ---- The loop ------------------------------------------------------------------------ */

static void say_log(const shttp_log_line *line, void *user_data) {
  (void)user_data;
  say("log %d %.*s", line->level, (int)line->text.len, (const char *)line->text.data);
}

static void check(shttp_status status, const char *what) {
  if (status != SHTTP_OK) die(shttp_status_name(status), what, 1);
}

/* A failure is told with the milliseconds that it took. */
static void listen_at(struct runner *runner) {
  char what[40];
  uint64_t before = uv_hrtime();
  shttp_status status = shttp_server_listen(runner->server, runner->address, runner->port, NULL, 0);
  snprintf(what, sizeof what, "shttp_server_listen, %d ms", (int)((uv_hrtime() - before) / 1000000));
  check(status, what);
}

void runner_listen(struct runner *runner) {
  shttp_loop_options loop_options;
  shttp_loop_options_init(&loop_options);
  if (runner->way == WAY_UV) {
    uv_loop_init(&runner->uv);
    loop_options.uv_loop = &runner->uv;
  }
  if (runner->way != WAY_THREAD || runner->calls_back) runner->options.on_event = runner->on_event;
  runner->options.on_log = runner->on_log != NULL ? runner->on_log : say_log;
  check(shttp_loop_create(&loop_options, &runner->loop), "shttp_loop_create");
  check(shttp_server_create(runner->loop, &runner->options, &runner->server, NULL, 0), "shttp_server_create");
  listen_at(runner);
}

/* The one runner whose serving a signal ends. */
static struct runner *serving;
static int stop_descriptor = -1;
static uv_async_t stop_async;

void runner_stop(struct runner *runner) {
  uint64_t one = 1;
  switch (runner->way) {
    case WAY_OWN: (void)shttp_loop_stop(runner->loop); break;
    case WAY_UV: uv_async_send(&stop_async); break;
    case WAY_THREAD: (void)!write(stop_descriptor, &one, sizeof one); break;
  }
}

static void on_signal(int signal_number) {
  (void)signal_number;
  if (serving != NULL) runner_stop(serving);
}

static void on_stop(uv_async_t *async) {
  uv_close((uv_handle_t *)async, NULL);
  uv_stop(async->loop);
}

static void take_events(struct runner *runner) {
  struct pollfd waiting[2] = {{.fd = shttp_server_descriptor(runner->server), .events = POLLIN},
                              {.fd = stop_descriptor, .events = POLLIN}};
  shttp_event events[BATCH];
  size_t count;
  while (waiting[1].revents == 0) {
    if (poll(waiting, 2, -1) <= 0 || waiting[0].revents == 0) continue;
    check(shttp_server_take_events(runner->server, events, BATCH, &count), "shttp_server_take_events");
    for (size_t i = 0; i < count; i++) runner->on_event(runner->server, &events[i], runner->options.user_data);
  }
}

static void wait_for_stop(void) {
  struct pollfd waiting = {.fd = stop_descriptor, .events = POLLIN};
  while (waiting.revents == 0) poll(&waiting, 1, -1);
}

static void say_address(struct runner *runner) {
  const char *address = runner->address;
  unsigned port = shttp_server_port(runner->server);
  if (strncmp(address, "unix:", 5) == 0) say("listening on %s", address);
  else say(strchr(address, ':') ? "listening on http://[%s]:%u/mcp" : "listening on http://%s:%u/mcp", address, port);
}

void runner_serve(struct runner *runner) {
  stop_descriptor = eventfd(0, EFD_CLOEXEC);
  if (runner->way == WAY_UV) uv_async_init(&runner->uv, &stop_async, on_stop);
  serving = runner;
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  if (runner->way == WAY_THREAD) check(shttp_loop_run_thread(runner->loop), "shttp_loop_run_thread");
  say_address(runner);
  switch (runner->way) {
    case WAY_OWN: check(shttp_loop_run(runner->loop), "shttp_loop_run"); break;
    case WAY_UV: uv_run(&runner->uv, UV_RUN_DEFAULT); break;
    case WAY_THREAD: runner->calls_back ? wait_for_stop() : take_events(runner); break;
  }
  serving = NULL;
}

void runner_close(struct runner *runner) {
  shttp_server_destroy(runner->server);
  shttp_loop_destroy(runner->loop);
  if (runner->way == WAY_UV) {
    uv_run(&runner->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&runner->uv) != 0) die("uv_loop_close", "handles are left", 1);
  }
}

/* ---- What is said ---------------------------------------------------------------------- */

void say(const char *format, ...) {
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  int count = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  size_t length = count < (int)sizeof line - 1 ? (size_t)count : sizeof line - 2;
  line[length] = '\n';
  for (size_t done = 0; done <= length;) {
    ssize_t written = write(STDOUT_FILENO, line + done, length + 1 - done);
    if (written < 0) return;
    done += (size_t)written;
  }
}

void expect(shttp_status status, const char *what) {
  switch (status) {
    case SHTTP_OK:
    case SHTTP_ERR_NOT_FOUND:
    case SHTTP_ERR_DISCONNECTED:
    case SHTTP_ERR_CLOSED: break;
    default: say("status %s %s", what, shttp_status_name(status));
  }
}

/* ---- Bytes --------------------------------------------------------------------------- */

bool is(shttp_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

char *letters(size_t count) {
  char *text = malloc(count + 3);
  memset(text, 'x', count + 2);
  text[0] = text[count + 1] = '"';
  text[count + 2] = '\0';
  return text;
}

shttp_bytes json_at(const shttp_event *event, const char *pointer) {
  shttp_bytes found = {NULL, 0};
  if (shttp_json_find(event->params, pointer, &found) != SHTTP_OK) found.len = 0;
  return found;
}

long number_at(const shttp_event *event, const char *pointer, long missing) {
  shttp_bytes found = json_at(event, pointer);
  char digits[24] = "";
  if (found.len == 0 || found.len >= sizeof digits) return missing;
  memcpy(digits, found.data, found.len);
  return strtol(digits, NULL, 10);
}

bool calls(const shttp_event *event, const char *tool) {
  shttp_bytes name = json_at(event, "/name");
  return is(event->method, "tools/call") && name.len == strlen(tool) + 2 &&
         memcmp(name.data + 1, tool, name.len - 2) == 0;
}

shttp_status answer(shttp_server *server, shttp_request request, shttp_bytes value) {
  static const char before[] = "{\"content\":[],\"value\":";
  const size_t start = sizeof before - 1, len = start + value.len + 1;
  uint8_t *text = malloc(len);
  memcpy(text, before, start);
  if (value.len != 0) memcpy(text + start, value.data, value.len);
  text[len - 1] = '}';
  shttp_bytes result = {text, len};
  shttp_status status = shttp_request_respond(server, request, result);
  free(text);
  return status;
}

shttp_status answer_text(shttp_server *server, shttp_request request, const char *value) {
  return answer(server, request, shttp_text(value));
}
