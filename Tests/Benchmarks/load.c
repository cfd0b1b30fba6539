/*
 * Loads a server with MCP traffic, checks every answer, and prints what it took as one JSON object.
 *
 *   load WORKLOAD --port N [--pid N] [option value]...
 *
 * Several servers may share the sessions: they are opened at --open-port, and their primary streams are at
 * --stream-port.
 *
 *   calls      tools/call on every connection, one after the other; --era modern: without a session
 *   rounds     initialize, notifications/initialized, one call, DELETE, on every connection
 *   fanout     a broadcast to every primary stream, once the one before has arrived everywhere
 *   idle       sessions with open primary streams, which do nothing and are then deleted
 *
 * and of revision 2026-07-28:
 *
 *   trips      a call that is answered with a question, and its retry with the answer, on every connection
 *   publish    a change to every listen stream, once the one before has arrived everywhere
 *   listeners  listen streams, which do nothing and are then closed
 *   parked     calls that are answered with a question each, and then all retried
 *
 * It ends with a message and status 1 on the first thing that is not as it must be.
 */
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "fail.h"
#include "process.h"

#define SAMPLES_MAX (1u << 21)
#define SETTLE_US 700000

static struct {
  const char *workload;
  pid_t pid;
  size_t connections; /* that post */
  size_t streams;     /* sessions with an open primary stream, listen streams, or parked calls */
  size_t bytes;       /* of the text */
  uint64_t operations, warmup;
  double seconds; /* if operations is 0 */
} options = {.connections = 1, .bytes = 32, .operations = 0, .seconds = 1};

static struct lane *lanes;
static struct session *sessions;
static struct trip *trips;
static size_t session_count, busy;

static uint64_t operations_left, operations_done, deadline_ns;
static uint32_t *samples;
static size_t sample_count;

/* ---- Phases: all lanes at work until time or number is reached, then none ---------- */

static void step_calls(struct lane *lane);
static void step_rounds(struct lane *lane);
static void step_trips(struct lane *lane);

static bool is(const char *workload) { return strcmp(options.workload, workload) == 0; }

static bool may_begin(uint64_t now) {
  if (deadline_ns != 0) return now < deadline_ns;
  if (operations_left == 0) return false;
  operations_left--;
  return true;
}

static void operation_done(struct lane *lane, void (*again)(struct lane *)) {
  uint64_t now = now_ns();
  operations_done++;
  if (sample_count < SAMPLES_MAX) samples[sample_count++] = (uint32_t)(now - lane->started_ns);
  if (may_begin(now)) {
    lane->started_ns = now;
    again(lane);
  } else {
    busy--;
  }
}

static void call_done(struct lane *lane) { operation_done(lane, step_calls); }

static void step_calls(struct lane *lane) {
  if (is("fanout") || is("publish")) {
    call.number = ++broadcast_seq;
    broadcasts_pending = session_count;
  }
  lane_call(lane, call_done);
}

static void round_done(struct lane *lane) { operation_done(lane, step_rounds); }
static void round_called(struct lane *lane) { lane_delete(lane, round_done); }
static void round_ready(struct lane *lane) { lane_call(lane, round_called); }
static void step_rounds(struct lane *lane) { lane_initialize(lane, lane->session, round_ready); }

static void trip_done(struct lane *lane) { operation_done(lane, step_trips); }
static void trip_asked(struct lane *lane) { lane_retry(lane, lane->trip, trip_done); }
static void step_trips(struct lane *lane) { lane_ask(lane, &trips[lane - lanes], trip_asked); }

static void run_phase(uint64_t operations, double seconds) {
  void (*step)(struct lane *) = is("rounds") ? step_rounds : is("trips") ? step_trips : step_calls;
  operations_left = operations;
  operations_done = sample_count = 0;
  uint64_t now = now_ns();
  deadline_ns = operations == 0 ? now + (uint64_t)(seconds * 1e9) : 0;
  for (size_t i = 0; i < options.connections && may_begin(now); i++) {
    busy++;
    lanes[i].started_ns = now;
    step(&lanes[i]);
  }
  connections_run(&busy);
}

/* ---- Sessions: lane i has i, i + connections, and so on ----------------------------- */

static void open_next(struct lane *lane) {
  if (lane->next_session >= session_count) {
    busy--;
    return;
  }
  lane_initialize(lane, &sessions[lane->next_session], lane->then);
  lane->next_session += options.connections;
}

static void session_open(struct lane *lane) {
  lane->then = session_open;
  size_t index = (size_t)(lane->session - sessions);
  if (index < options.streams && lane->session->primary.fd < 0) lane_open_primary(lane, session_open);
  else open_next(lane);
}

static void delete_next(struct lane *lane) {
  if (lane->next_session >= session_count) {
    busy--;
    return;
  }
  lane->session = &sessions[lane->next_session];
  lane->next_session += options.connections;
  lane_delete(lane, delete_next);
}

static void for_all_sessions(void (*step)(struct lane *), void (*then)(struct lane *)) {
  busy = options.connections;
  for (size_t i = 0; i < options.connections; i++) {
    lanes[i].next_session = i;
    lanes[i].then = then;
    step(&lanes[i]);
  }
  connections_run(&busy);
}

static void open_sessions(void) {
  for_all_sessions(open_next, session_open);
  for (size_t i = 0; i < options.connections; i++) {
    if (ports.open != ports.call) {
      connection_close(&lanes[i].post);
      lanes[i].post = (struct connection){.fd = -1};
      lane_open(&lanes[i], ports.call);
    }
    lanes[i].session = &sessions[i];
    /* A broadcast comes on every primary, and one lane waits for all of them. */
    for (size_t s = i; s < session_count; s += options.connections) sessions[s].lane = &lanes[i];
  }
}

/* ---- Listen streams and parked calls, shared out like that --------------------------- */

static struct session *next_session(struct lane *lane) {
  if (lane->next_session >= session_count) {
    busy--;
    return NULL;
  }
  struct session *session = &sessions[lane->next_session];
  lane->next_session += options.connections;
  return session;
}

static void listen_next(struct lane *lane) {
  struct session *session = next_session(lane);
  if (session != NULL) lane_listen(lane, session, listen_next);
}

static void ask_next(struct lane *lane) {
  struct session *session = next_session(lane);
  if (session != NULL) lane_ask(lane, &trips[session - sessions], ask_next);
}

static void retry_next(struct lane *lane) {
  struct session *session = next_session(lane);
  if (session != NULL) lane_retry(lane, &trips[session - sessions], retry_next);
}

/* ---- Reports ------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

static void measure(void) {
  run_phase(options.warmup, 0);
  struct cpu_time before = options.pid ? process_cpu(options.pid) : (struct cpu_time){0};
  uint64_t start = now_ns();
  run_phase(options.operations, options.seconds);
  double seconds = (double)(now_ns() - start) / 1e9;
  struct cpu_time after = options.pid ? process_cpu(options.pid) : (struct cpu_time){0};

  qsort(samples, sample_count, sizeof *samples, by_size);
  uint64_t user = after.user_ticks - before.user_ticks, kernel = after.kernel_ticks - before.kernel_ticks;
  printf("{\"operations\":%" PRIu64 ",\"seconds\":%.6f,\"cpu_ns\":%" PRIu64 ",\"kernel_share\":%.3f,"
         "\"p50_ns\":%u,\"p99_ns\":%u}\n",
         operations_done, seconds, after.total_ns - before.total_ns,
         user + kernel == 0 ? 0 : (double)kernel / (double)(user + kernel), samples[sample_count / 2],
         samples[sample_count - 1 - sample_count / 100]);
}

static size_t resident_bytes(void) {
  usleep(SETTLE_US);
  return process_resident_bytes(options.pid);
}

static void open_listeners(void) {
  for_all_sessions(listen_next, NULL);
  /* A change comes on every stream, and one lane waits for all of them. */
  for (size_t i = 0; i < session_count; i++) sessions[i].lane = &lanes[0];
}

static void ask_all(void) { for_all_sessions(ask_next, NULL); }
static void retry_all(void) { for_all_sessions(retry_next, NULL); }

static void close_streams(void) {
  for (size_t i = 0; i < session_count; i++) {
    connection_close(&sessions[i].primary);
    sessions[i].primary = (struct connection){.fd = -1};
  }
}

static void delete_sessions(void) {
  for_all_sessions(delete_next, NULL);
  connections_run(&primaries_open);
  close_streams();
}

/* The server's memory before, with and after many of what `open` makes and `close` ends. */
static void measure_memory(void (*open)(void), void (*close)(void)) {
  /* The server's first one, and what it needs once, do not count. */
  size_t count = session_count;
  session_count = options.streams = 1;
  open();
  close();
  size_t before = resident_bytes();

  session_count = options.streams = count;
  open();
  size_t during = resident_bytes();
  close();
  printf("{\"sessions\":%zu,\"before\":%zu,\"during\":%zu,\"after\":%zu}\n", count, before, during, resident_bytes());
}

/* ---- Options --------------------------------------------------------------------------- */

static void set_option(const char *name, const char *value) {
  uint64_t number = strtoull(value, NULL, 10);
  if (strcmp(name, "--port") == 0) ports.call = (uint16_t)number;
  else if (strcmp(name, "--open-port") == 0) ports.open = (uint16_t)number;
  else if (strcmp(name, "--stream-port") == 0) ports.stream = (uint16_t)number;
  else if (strcmp(name, "--pid") == 0) options.pid = (pid_t)number;
  else if (strcmp(name, "--connections") == 0) options.connections = number;
  else if (strcmp(name, "--streams") == 0) options.streams = number;
  else if (strcmp(name, "--bytes") == 0) options.bytes = number;
  else if (strcmp(name, "--operations") == 0) options.operations = number;
  else if (strcmp(name, "--warmup") == 0) options.warmup = number;
  else if (strcmp(name, "--seconds") == 0) options.seconds = strtod(value, NULL);
  else if (strcmp(name, "--tool") == 0) call.tool = value;
  else if (strcmp(name, "--era") == 0) call.is_modern = strcmp(value, "modern") == 0;
  else if (strcmp(name, "--notifications") == 0) call.notifications = (unsigned)number;
  else if (strcmp(name, "--route") == 0) call.on_primary = strcmp(value, "primary") == 0;
  else if (strcmp(name, "--answer") == 0) call.is_stream = strcmp(value, "sse") == 0;
  else fail("there is no option %s", name);
}

/* What the chosen tool is told, and what it must answer. */
static void prepare_call(void) {
  text_add_literal(&call.wanted, "\"");
  call.has_number = true;
  call.has_region = strcmp(call.tool, "regional") == 0;
  if (strcmp(call.tool, "echo") == 0 || call.has_region) {
    call.key = "text";
    call.has_number = false;
    text_add_pattern(&call.wanted, options.bytes);
  } else if (strcmp(call.tool, "text") == 0) {
    call.key = "bytes";
    call.number = options.bytes;
    text_add_pattern(&call.wanted, options.bytes);
  } else if (strcmp(call.tool, "progress") == 0) {
    call.key = "count";
    call.number = call.notifications;
    text_add_literal(&call.wanted, "done");
  } else if (strcmp(call.tool, "broadcast") == 0 || strcmp(call.tool, "publish") == 0) {
    call.key = "seq";
    text_add_literal(&call.wanted, "sent");
  } else if (strcmp(call.tool, "ask") == 0) {
    text_add_literal(&call.wanted, "Ada");
  } else if (strcmp(call.tool, "list") == 0) {
    call.key = "seq";
    call.wanted.len = 0;
    text_add_literal(&call.wanted, LISTED);
    return;
  } else {
    fail("there is no tool %s", call.tool);
  }
  text_add_literal(&call.wanted, "\"");
}

int main(int argc, char **argv) {
  if (argc < 2 || argc % 2 != 0) fail("usage: load WORKLOAD --port N [--option value]...");
  options.workload = argv[1];
  call.tool = "echo";
  call.is_stream = true;
  for (int i = 2; i < argc; i += 2) set_option(argv[i], argv[i + 1]);
  if (is("fanout")) call.tool = "broadcast";
  if (is("publish")) call.tool = "publish";
  if (is("trips") || is("parked")) call.tool = "ask";
  if (is("publish") || is("listeners") || is("trips") || is("parked")) {
    call.is_modern = true;
    call.is_stream = false;
  }
  prepare_call();

  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  if (call.on_primary && options.streams < options.connections) options.streams = options.connections;
  session_count = options.streams > options.connections ? options.streams : options.connections;
  lanes = calloc(options.connections, sizeof *lanes);
  sessions = calloc(session_count, sizeof *sessions);
  trips = calloc(session_count, sizeof *trips);
  samples = calloc(SAMPLES_MAX, sizeof *samples);
  if (ports.open == 0) ports.open = ports.call;
  if (ports.stream == 0) ports.stream = ports.call;
  connections_start(ports.call);
  for (size_t i = 0; i < session_count; i++) sessions[i].primary.fd = -1;
  for (size_t i = 0; i < options.connections; i++) lane_open(&lanes[i], ports.open);

  if (is("idle")) {
    measure_memory(open_sessions, delete_sessions);
  } else if (is("listeners")) {
    measure_memory(open_listeners, close_streams);
  } else if (is("parked")) {
    measure_memory(ask_all, retry_all);
  } else {
    if (is("rounds"))
      for (size_t i = 0; i < options.connections; i++) lanes[i].session = &sessions[i];
    else if (is("publish")) open_listeners();
    else if (!call.is_modern) open_sessions();
    measure();
  }
  return 0;
}
