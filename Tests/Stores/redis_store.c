/* The module for Redis: several servers ("nodes") that share it, and a Redis that is killed, emptied, stopped and
   locked. It starts a Redis of its own. usage: redis_store [brief | TEST] */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "store_module.h"

#define S1 "session-1-0123456789abcdef012345"
#define S2 "session-2-0123456789abcdef012345"
#define T1 "stream-1-0123456789abcdef0123456"
#define T2 "stream-2-0123456789abcdef0123456"
#define RECORD "{\"id\":7}"
#define OTHER_RECORD "{\"id\":8}"

enum { NODES_MAX = 4, LINES_MAX = 100, HEARD_MAX = 2000, QUESTIONS_MAX = 4000, PATIENCE_MS = 10000 };

static int failures;
static char directory[] = "/tmp/redis-store-XXXXXX";
static char socket_path[60];

static bool check(bool held, const char *what, int line) {
  if (!held) fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, line, what), fflush(NULL), failures++;
  return held;
}
#define CHECK(condition) check((condition), #condition, __LINE__)

static int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static _Noreturn void give_up(const char *what) {
  fprintf(stderr, "redis_store: %s\n", what);
  fflush(NULL);
  _Exit(1);
}

/* ---- The loop ------------------------------------------------------------- */

static uv_loop_t loop;
static uv_async_t listener;

static void begin_loop(void) {
  if (uv_loop_init(&loop) != 0 || uv_async_init(&loop, &listener, NULL) != 0) give_up("there is no loop");
}

/* Everything has closed its handles. */
static void end_loop(void) {
  uv_close((uv_handle_t *)&listener, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}

/* One turn, as a host makes it that polls. */
static void turn(int ms) {
  int timeout = uv_backend_timeout(&loop);
  struct pollfd event = {.fd = uv_backend_fd(&loop), .events = POLLIN};
  poll(&event, 1, timeout < 0 || timeout > ms ? ms : timeout);
  uv_run(&loop, UV_RUN_NOWAIT);
}

static void run_for(int ms) {
  int64_t end = now_ms() + ms;
  for (int64_t rest = ms; rest > 0; rest = end - now_ms()) turn((int)rest);
}

#define COMES_WITHIN(ms, condition) \
  ({ \
    int64_t end_of_wait = now_ms() + (ms); \
    while (!(condition) && now_ms() < end_of_wait) turn(5); \
    check((condition), #condition, __LINE__); \
  })
#define COMES(condition) COMES_WITHIN(PATIENCE_MS, condition)

/* ---- Redis ---------------------------------------------------------------- */

static pid_t redis;

static redisContext *connect_redis(void) {
  for (int tries = 0; tries < 500; tries++) {
    redisContext *context = redisConnectUnix(socket_path);
    if (context != NULL && context->err == 0) return context;
    redisFree(context);
    usleep(10000);
  }
  give_up("Redis does not start");
}

/* With up to two options more. */
static void start_redis(const char *option, const char *value) {
  fflush(NULL);
  redis = fork();
  if (redis == 0) {
    char log[80];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with this program, however that ends */
    unsetenv("LD_PRELOAD");
    snprintf(log, sizeof log, "%s/log", directory);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--dir", directory, "--save", "",
           "--logfile", log, option, value, NULL);
    _exit(2);
  }
  redisFree(connect_redis());
}

static void stop_redis(void) {
  kill(redis, SIGKILL);
  waitpid(redis, NULL, 0);
  redis = 0;
}

/* The number that a command answers with; of a text or a status the first character; of nothing -1; of an error -2. */
static long long asked(const char *format, ...) {
  va_list arguments;
  redisContext *context = connect_redis();
  va_start(arguments, format);
  redisReply *reply = redisvCommand(context, format, arguments);
  va_end(arguments);
  long long number = -2;
  if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) number = reply->integer;
  else if (reply != NULL && reply->type == REDIS_REPLY_NIL) number = -1;
  else if (reply != NULL && reply->type != REDIS_REPLY_ERROR) number = reply->len > 0 ? reply->str[0] : 0;
  freeReplyObject(reply);
  redisFree(context);
  return number;
}

/* ---- A proxy that swallows answers ---------------------------------------- */

static struct {
  char path[60];
  pthread_t thread;
  atomic_bool swallows, cuts, ends; /* what Redis says does not come; all connections end; so does the proxy */
} proxy;

static int unix_socket(const char *path, bool listens) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int end = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if ((listens ? bind : connect)(end, (struct sockaddr *)&address, sizeof address) != 0) give_up("there is no socket");
  if (listens && listen(end, 10) != 0) give_up("nobody can connect");
  return end;
}

/* Of each pair the first end is the store's, the second one Redis's. */
static void *run_proxy(void *unused) {
  enum { ENDS_MAX = 20 };
  static char bytes[65536];
  struct pollfd ends[1 + ENDS_MAX] = {{.fd = unix_socket(proxy.path, true), .events = POLLIN}};
  int count = 1;
  while (!atomic_load(&proxy.ends)) {
    poll(ends, (nfds_t)count, 5);
    for (int i = 1; i < count; i++) {
      if (ends[i].revents == 0) continue;
      int other = ends[i % 2 == 1 ? i + 1 : i - 1].fd;
      ssize_t size = recv(ends[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size == 0) shutdown(other, SHUT_RDWR), ends[i].events = 0;
      if (size > 0 && !(i % 2 == 0 && atomic_load(&proxy.swallows))) send(other, bytes, (size_t)size, MSG_NOSIGNAL);
    }
    if (atomic_exchange(&proxy.cuts, false))
      while (count > 1) close(ends[--count].fd);
    if (count < ENDS_MAX && (ends[0].revents & POLLIN) != 0) {
      ends[count++] = (struct pollfd){.fd = accept(ends[0].fd, NULL, NULL), .events = POLLIN};
      ends[count++] = (struct pollfd){.fd = unix_socket(socket_path, false), .events = POLLIN};
    }
  }
  while (count > 0) close(ends[--count].fd);
  return unused;
}

static const char *start_proxy(void) {
  static char where[100];
  snprintf(proxy.path, sizeof proxy.path, "%s/proxy.sock", directory);
  snprintf(where, sizeof where, "unix:%s", proxy.path);
  atomic_store(&proxy.ends, false);
  if (pthread_create(&proxy.thread, NULL, run_proxy, NULL) != 0) give_up("there is no thread");
  while (access(proxy.path, F_OK) != 0) usleep(1000);
  return where;
}

static void cut_proxy(void) {
  atomic_store(&proxy.cuts, true);
  while (atomic_load(&proxy.cuts)) usleep(1000);
}

static void end_proxy(void) {
  atomic_store(&proxy.ends, true);
  pthread_join(proxy.thread, NULL);
  unlink(proxy.path);
}

/* ---- Nodes ---------------------------------------------------------------- */

struct answer {
  int times;
  enum { FAILED, ENDED, OPEN, SESSION, ELSEWHERE } kind;
  size_t count;
  bool is_as_told; /* each message is the one of its number */
  uint64_t after;
  char record[100];
  uint8_t node[SHTTP_NODE_BYTES];
};

struct heard {
  uint8_t sender[SHTTP_NODE_BYTES];
  size_t size;
  char text[60];
};

static struct node {
  shttp_store_module module;
  uint8_t name[SHTTP_NODE_BYTES];
  char hex[2 * SHTTP_NODE_BYTES + 1];
  bool is_open, is_reached;
  int times_reached, times_all_gone;
  uint64_t serial, kept;
  struct answer answers[QUESTIONS_MAX];
  size_t questions;
  struct heard heard[HEARD_MAX];
  size_t heard_count;
  uint8_t gone[100][SHTTP_NODE_BYTES];
  size_t gone_count, gone_at[100]; /* when so many messages had been heard */
  char lost[100][40];
  size_t lost_count;
  char *lines[LINES_MAX];
  size_t line_count;
} nodes[NODES_MAX];

#define A (&nodes[0])
#define B (&nodes[1])
#define C (&nodes[2])

static const char *message(uint64_t number) {
  static char text[100];
  snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"n\":%llu}}",
           (unsigned long long)number);
  return text;
}

static struct node *node_of(shttp_server *server) {
  struct node *node = (struct node *)server;
  if (node < nodes || node >= nodes + NODES_MAX || !node->is_open) give_up("the store speaks to a server that is none");
  return node;
}

static struct answer *answer_of(shttp_server *server, shttp_load question, int kind) {
  struct node *node = node_of(server);
  if (question.key == 0 || question.key > node->questions) give_up("the store answers what nobody has asked");
  struct answer *answer = &node->answers[question.key - 1];
  if (answer->times++ > 0) give_up("the store answers twice");
  answer->kind = kind;
  return answer;
}

static void note_messages(struct answer *answer, const shttp_bytes *messages, size_t count) {
  answer->count = count;
  answer->is_as_told = true;
  for (size_t i = 0; i < count; i++) {
    const char *text = message(answer->after + i + 1);
    if (messages[i].len < strlen(text) || memcmp(messages[i].data, text, strlen(text)) != 0) answer->is_as_told = false;
  }
}

static void note_record(struct answer *answer, shttp_bytes record) {
  snprintf(answer->record, sizeof answer->record, "%.*s", (int)record.len, (const char *)record.data);
}

static shttp_status load_finish(shttp_server *server, shttp_load question, const shttp_bytes *messages, size_t count,
                                int ended) {
  note_messages(answer_of(server, question, ended ? ENDED : OPEN), messages, count);
  return SHTTP_OK;
}

static shttp_status load_finish_open(shttp_server *server, shttp_load question, const shttp_bytes *messages,
                                     size_t count, shttp_bytes record) {
  struct answer *answer = answer_of(server, question, OPEN);
  note_messages(answer, messages, count);
  note_record(answer, record);
  return SHTTP_OK;
}

static shttp_status load_fail(shttp_server *server, shttp_load question) {
  answer_of(server, question, FAILED);
  return SHTTP_OK;
}

static void close_node(struct node *node);
static struct node *closes_itself; /* as soon as something comes */

static shttp_status find_finish(shttp_server *server, shttp_load question, shttp_bytes record) {
  note_record(answer_of(server, question, SESSION), record);
  if (closes_itself == node_of(server)) close_node(closes_itself);
  return SHTTP_OK;
}

static shttp_status find_finish_elsewhere(shttp_server *server, shttp_load question, const uint8_t *node) {
  memcpy(answer_of(server, question, ELSEWHERE)->node, node, SHTTP_NODE_BYTES);
  return SHTTP_OK;
}

static void kept(shttp_server *server, uint64_t serial) {
  struct node *node = node_of(server);
  if (serial > node->serial || serial < node->kept) give_up("the store has kept an order that nobody gave, or fewer");
  node->kept = serial;
}

static void received(shttp_server *server, const uint8_t *sender, shttp_bytes text) {
  struct node *node = node_of(server);
  if (node->heard_count == HEARD_MAX) give_up("there are too many messages");
  struct heard *heard = &node->heard[node->heard_count++];
  memcpy(heard->sender, sender, SHTTP_NODE_BYTES);
  heard->size = text.len;
  snprintf(heard->text, sizeof heard->text, "%.*s", text.len < 59 ? (int)text.len : 59, (const char *)text.data);
  if (closes_itself == node) close_node(node);
}

static void gone(shttp_server *server, const uint8_t *other) {
  struct node *node = node_of(server);
  if (other == NULL) {
    node->times_all_gone++;
    return;
  }
  if (node->gone_count == 100) return;
  node->gone_at[node->gone_count] = node->heard_count;
  memcpy(node->gone[node->gone_count++], other, SHTTP_NODE_BYTES);
}

static void lost(shttp_server *server, shttp_bytes session) {
  struct node *node = node_of(server);
  if (node->lost_count < 100)
    snprintf(node->lost[node->lost_count++], 40, "%.*s", (int)session.len, (const char *)session.data);
}

static void reached(shttp_server *server, int is_reached) {
  struct node *node = node_of(server);
  if (node->is_reached == (is_reached != 0)) give_up("the store says the same again of whether it can be reached");
  node->is_reached = is_reached != 0;
  node->times_reached += is_reached != 0;
}

static void note_line(shttp_server *server, shttp_log_level level, const char *text) {
  struct node *node = node_of(server);
  if (level < SHTTP_LOG_ERROR || level > SHTTP_LOG_DEBUG) give_up("a wrong line of the log");
  if (getenv("REDIS_STORE_LINES") != NULL) fprintf(stderr, "%d: %s\n", (int)(node - nodes), text);
  if (node->line_count < LINES_MAX) node->lines[node->line_count++] = strdup(text);
}

static int lines_with(const struct node *node, const char *text) {
  int count = 0;
  for (size_t i = 0; i < node->line_count; i++) count += strstr(node->lines[i], text) != NULL;
  return count;
}

static const shttp_store_answers functions = {
    load_finish, load_finish_open, load_fail, find_finish, find_finish_elsewhere, kept, received, gone,
    lost,        reached,          note_line};

static const char *location(void) {
  static char text[100];
  snprintf(text, sizeof text, "unix:%s", socket_path);
  return text;
}

static shttp_store_terms new_terms(struct node *node, const char *where) {
  static uint64_t names;
  memset(node, 0, sizeof *node);
  uint64_t words[2] = {(uint64_t)getpid() << 32 | ++names, 0x8F00FF7F80017EAB};
  memcpy(node->name, words, sizeof words);
  for (int i = 0; i < SHTTP_NODE_BYTES; i++) snprintf(node->hex + 2 * i, 3, "%02x", node->name[i]);
  return (shttp_store_terms){.location = where, .waiting_bytes_max = 64 << 20, .node = node->name};
}

static void open_with(struct node *node, const shttp_store_terms *terms) {
  char error[500] = "";
  if (shttp_store_module_open(SHTTP_STORE_MODULE_VERSION, &functions, terms, &node->module, error, sizeof error) !=
      SHTTP_OK) {
    fprintf(stderr, "%s\n", error);
    give_up("the store does not open");
  }
  node->is_open = true;
  node->module.start(node->module.store, (shttp_server *)node, &loop);
}

static void open_at(struct node *node, const char *where) {
  shttp_store_terms terms = new_terms(node, where);
  open_with(node, &terms);
}

static void open_node(struct node *node) {
  open_at(node, location());
  COMES(node->is_reached);
}

static void close_node(struct node *node) {
  node->module.close(node->module.store);
  node->is_open = false;
  for (size_t i = 0; i < node->line_count; i++) free(node->lines[i]);
}

static bool is_named(const uint8_t *name, const struct node *node) {
  return memcmp(name, node->name, SHTTP_NODE_BYTES) == 0;
}

/* ---- Orders --------------------------------------------------------------- */

static shttp_bytes text(const char *string) {
  return (shttp_bytes){(const uint8_t *)string, string != NULL ? strlen(string) : 0};
}

static void give(struct node *node, shttp_on_order function, shttp_store_order order) {
  order.serial = ++node->serial;
  function((shttp_server *)node, &order, node->module.sessions.user_data);
}

static void keep_session(struct node *node, const char *session, const char *record, uint64_t idle_ms) {
  give(node, node->module.sessions.keep,
       (shttp_store_order){.session = text(session), .record = text(record), .idle_ms = idle_ms});
}

static void touch(struct node *node, const char *session) {
  give(node, node->module.sessions.touch, (shttp_store_order){.session = text(session), .idle_ms = 60000});
}

static void forget_session(struct node *node, const char *session) {
  give(node, node->module.sessions.forget, (shttp_store_order){.session = text(session)});
  give(node, node->module.events.forget, (shttp_store_order){.session = text(session)});
}

static void release(struct node *node, const char *session) {
  give(node, node->module.release, (shttp_store_order){.session = text(session)});
}

static void begin(struct node *node, const char *session, const char *stream) {
  give(node, node->module.events.begin,
       (shttp_store_order){.session = text(session), .stream = text(stream), .record = text(RECORD)});
}

static void keep(struct node *node, const char *session, const char *stream, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; number++)
    give(node, node->module.events.keep,
         (shttp_store_order){
             .session = text(session), .stream = text(stream), .number = number, .message = text(message(number))});
}

static void end(struct node *node, const char *session, const char *stream) {
  give(node, node->module.events.end, (shttp_store_order){.session = text(session), .stream = text(stream)});
}

static void send_to(struct node *node, const struct node *other, const char *string) {
  node->module.send(node->module.store, other != NULL ? other->name : NULL, text(string));
}

static bool all_is_kept(const struct node *node) { return node->kept == node->serial; }

static struct answer *ask(struct node *node, shttp_on_order function, shttp_store_order order) {
  if (node->questions == QUESTIONS_MAX) give_up("there are too many questions");
  struct answer *answer = &node->answers[node->questions++];
  answer->after = order.number;
  order.load = (shttp_load){node->questions};
  give(node, function, order);
  return answer;
}

static struct answer *find(struct node *node, const char *session) {
  return ask(node, node->module.sessions.find, (shttp_store_order){.session = text(session)});
}

static struct answer *load(struct node *node, const char *session, const char *stream, uint64_t after) {
  return ask(node, node->module.events.load,
             (shttp_store_order){.session = text(session), .stream = text(stream), .number = after});
}

static const struct answer *wait_for(struct answer *answer) {
  COMES(answer->times > 0);
  return answer;
}

static bool finds(struct node *node, const char *session, const char *record) {
  const struct answer *answer = wait_for(find(node, session));
  return answer->kind == SESSION && strcmp(answer->record, record) == 0;
}

static bool finds_elsewhere(struct node *node, const char *session, const struct node *other) {
  const struct answer *answer = wait_for(find(node, session));
  return answer->kind == ELSEWHERE && is_named(answer->node, other);
}

/* How many messages a load answers with; -1 if it fails, -2 if they are not those after `after`. */
static int count_after(struct node *node, const char *session, const char *stream, uint64_t after) {
  const struct answer *answer = wait_for(load(node, session, stream, after));
  if (answer->kind != OPEN && answer->kind != ENDED) return -1;
  return answer->is_as_told ? (int)answer->count : -2;
}

/* ---- Opening -------------------------------------------------------------- */

static bool is_refused(const char *where, const char *words) {
  char error[600] = "";
  struct node node;
  shttp_store_terms terms = new_terms(&node, where);
  shttp_status got =
      shttp_store_module_open(SHTTP_STORE_MODULE_VERSION, &functions, &terms, &node.module, error, sizeof error);
  if (got == SHTTP_OK) node.module.close(node.module.store);
  if (got == SHTTP_ERR_INVALID_OPTION && strstr(error, words) != NULL && strstr(error, "sesame") == NULL) return true;
  fprintf(stderr, "%s: status %d, '%s'\n", where, got, error);
  return false;
}

static bool is_accepted(const char *where) {
  char error[600] = "";
  struct node node;
  shttp_store_terms terms = new_terms(&node, where);
  shttp_status got =
      shttp_store_module_open(SHTTP_STORE_MODULE_VERSION, &functions, &terms, &node.module, error, sizeof error);
  if (got == SHTTP_OK) node.module.close(node.module.store);
  else fprintf(stderr, "%s: status %d, '%s'\n", where, got, error);
  return got == SHTTP_OK;
}

static void locations(void) {
  char path[300] = "unix:/";
  CHECK(is_refused("rediss://host", "rediss: (TLS) is not supported"));
  CHECK(is_refused("redis:host", "is not where Redis is"));
  CHECK(is_refused("redis://", "has no host"));
  CHECK(is_refused("redis://:sesame@", "has no host"));
  CHECK(is_refused("redis://sesame@host", "no password"));
  CHECK(is_refused("redis://user:@host", "no password"));
  CHECK(is_refused("redis://user:sesame%4@host", "no two hexadecimal digits"));
  CHECK(is_refused("redis://user:sesame%zz@host", "no two hexadecimal digits"));
  CHECK(is_refused("redis://host:0", "the port of Redis"));
  CHECK(is_refused("redis://host:65536", "the port of Redis"));
  CHECK(is_refused("redis://host:", "the port of Redis"));
  CHECK(is_refused("redis://host:12a", "the port of Redis"));
  CHECK(is_refused("redis://[::1", "is not where Redis is"));
  CHECK(is_refused("redis://[::1]6379", "is not where Redis is"));
  CHECK(is_refused("redis://host/x", "the database of Redis"));
  CHECK(is_refused("redis://host/1/2", "the database of Redis"));
  CHECK(is_refused("redis://host?prefix=", "the prefix is empty"));
  CHECK(is_refused("redis://host?prefix=a{b", "the prefix"));
  CHECK(is_refused("redis://host?prefix=%00", "the prefix"));
  CHECK(is_refused("redis://host?db=1", "is unknown"));
  CHECK(is_refused("redis://host?prefix", "is not where Redis is"));
  CHECK(is_refused("unix:", "is not where Redis is"));
  CHECK(is_refused("unix:/a%00b", "is not where Redis is"));
  CHECK(is_refused("unix:/a?db=-1", "the database of Redis"));
  CHECK(is_refused("unix:/a?database=1", "is unknown"));
  memset(path + 6, 'x', 200);
  CHECK(is_refused(path, "is too long"));
  CHECK(is_accepted("redis://host"));
  CHECK(is_refused("redis://host:1/?prefix=a%20b%3A", "the prefix"));
  CHECK(is_accepted("redis://host:1/?prefix=a%3A"));
  CHECK(is_accepted("redis://user:p%40%3a%2f@host:65535/15?prefix=x"));
  CHECK(is_accepted("redis://:a@b:c@[::1]:7000"));
  CHECK(is_accepted("redis://[fe80::1]/0"));
  CHECK(is_accepted("unix:///tmp/a?db=3&prefix=b"));

  shttp_store_terms terms = new_terms(A, location());
  char error[300] = "";
  CHECK(shttp_store_module_open(SHTTP_STORE_MODULE_VERSION + 1, &functions, &terms, &A->module, error, sizeof error) ==
            SHTTP_ERR_INVALID_OPTION &&
        strstr(error, "version") != NULL);
}

/* ---- Sessions of several nodes -------------------------------------------- */

static void a_session_belongs_to_one_node(void) {
  open_node(A);
  open_node(B);
  CHECK(finds(B, S1, ""));
  keep_session(A, S1, RECORD, 60000);
  begin(A, S1, T1);
  keep(A, S1, T1, 1, 3);
  CHECK(finds(A, S1, RECORD));
  int64_t start = now_ms();
  CHECK(finds_elsewhere(B, S1, A));
  CHECK(now_ms() - start < 500);
  CHECK(finds_elsewhere(B, S1, A));

  release(A, S1);
  COMES(all_is_kept(A));
  start = now_ms();
  CHECK(finds(B, S1, RECORD));
  CHECK(now_ms() - start < 500);
  CHECK(count_after(B, S1, T1, 0) == 3);
  CHECK(finds_elsewhere(A, S1, B));
  CHECK(A->lost_count == 0 && B->lost_count == 0);
  forget_session(B, S1);
  CHECK(finds(A, S1, "") && finds(B, S1, "") && count_after(B, S1, T1, 0) == -1);
  close_node(A);
  close_node(B);
}

/* A node that does not know yet that it was thought dead. */
static void what_another_node_says_does_not_count(void) {
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 60000);
  begin(A, S1, T1);
  keep(A, S1, T1, 1, 2);
  release(A, S1);
  COMES(all_is_kept(A));
  CHECK(finds(B, S1, RECORD));
  keep(A, S1, T1, 3, 4);
  keep_session(A, S1, OTHER_RECORD, 60000);
  end(A, S1, T1);
  begin(A, S1, T2);
  touch(A, S1);
  forget_session(A, S1);
  release(A, S1);
  COMES(all_is_kept(A));
  CHECK(A->lost_count > 0 && strcmp(A->lost[0], S1) == 0);
  CHECK(finds(B, S1, RECORD));
  CHECK(count_after(B, S1, T1, 0) == 2 && count_after(B, S1, T2, 0) == -1);
  CHECK(finds_elsewhere(A, S1, B));
  keep(B, S1, T1, 3, 5);
  CHECK(count_after(B, S1, T1, 0) == 5);
  CHECK(B->lost_count == 0);
  forget_session(B, S1);
  close_node(A);
  close_node(B);
}

/* Another process with a node. Returns when it has kept session S1 and five messages; its name goes to `other`. What it
   is told that it has lost comes through the pipe. */
static pid_t start_process(struct node *other, int *pipe_end) {
  int ends[2];
  if (pipe(ends) != 0) give_up("there is no pipe");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    begin_loop();
    open_node(C);
    keep_session(C, S1, RECORD, 60000);
    begin(C, S1, T1);
    keep(C, S1, T1, 1, 5);
    COMES(all_is_kept(C));
    if (write(ends[1], C->name, SHTTP_NODE_BYTES) != SHTTP_NODE_BYTES) _exit(2);
    for (;;) {
      turn(100);
      if (C->lost_count > 0 && write(ends[1], C->lost[0], strlen(S1)) > 0) _exit(0);
    }
  }
  close(ends[1]);
  if (read(ends[0], other->name, SHTTP_NODE_BYTES) != SHTTP_NODE_BYTES) give_up("the other process has failed");
  *pipe_end = ends[0];
  return child;
}

static void a_dead_node_loses_its_sessions(void) {
  struct node other;
  int pipe_end;
  open_node(B);
  pid_t child = start_process(&other, &pipe_end);
  CHECK(finds_elsewhere(B, S1, &other));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(pipe_end);
  run_for(400); /* B has believed until now that it is alive */
  int64_t start = now_ms();
  CHECK(finds(B, S1, RECORD));
  int64_t time = now_ms() - start;
  CHECK(time >= 800 && time < 2500);
  CHECK(count_after(B, S1, T1, 0) == 5);
  COMES(B->gone_count > 0 && is_named(B->gone[0], &other));
  /* Its other sessions cost nothing any more. */
  asked("HSET shttp:{%s} version 1 owner %b record {}", S2, "0123456789abcdef0123456789abcdef", 32);
  start = now_ms();
  CHECK(finds(B, S2, "{}"));
  CHECK(now_ms() - start < 500); /* its key is not there */
  forget_session(B, S1);
  forget_session(B, S2);
  close_node(B);
}

/* It is alive after all, but too late. */
static void a_node_that_wakes_up_is_told(void) {
  struct node other;
  int pipe_end;
  char session[40] = "";
  open_node(B);
  pid_t child = start_process(&other, &pipe_end);
  kill(child, SIGSTOP);
  run_for(3000);
  CHECK(finds_elsewhere(B, S1, &other));
  run_for(5000);
  CHECK(finds(B, S1, RECORD));
  kill(child, SIGCONT);
  CHECK(read(pipe_end, session, sizeof session - 1) == (ssize_t)strlen(S1) && strcmp(session, S1) == 0);
  waitpid(child, NULL, 0);
  close(pipe_end);
  forget_session(B, S1);
  close_node(B);
}

static void a_node_that_only_connects_again_loses_nothing(void) {
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 60000);
  COMES(all_is_kept(A));
  for (int i = 0; i < 5; i++) {
    asked("CLIENT KILL TYPE %s SKIPME yes", i % 2 == 0 ? "pubsub" : "normal");
    COMES(!B->is_reached);
    COMES(B->is_reached);
    CHECK(finds_elsewhere(B, S1, A));
  }
  COMES(A->is_reached);
  CHECK(A->times_all_gone == 5 && B->times_all_gone == 5 && A->lost_count == 0);
  CHECK(finds(A, S1, RECORD));
  forget_session(A, S1);
  close_node(A);
  close_node(B);
}

static void a_node_that_closes_leaves_its_sessions(void) {
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 60000);
  for (uint64_t i = 1; i <= 3000; i++) keep(A, S1, T1, i, i);
  close_node(A); /* without a turn of the loop */
  CHECK(asked("EXISTS shttp:node:%s", A->hex) == 0);
  int64_t start = now_ms();
  CHECK(finds(B, S1, RECORD));
  CHECK(now_ms() - start < 500);
  CHECK(count_after(B, S1, T1, 0) == 3000);
  release(B, S1);
  close_node(B);

  /* One that has not even connected. */
  open_at(A, location());
  keep_session(A, S2, RECORD, 60000);
  close_node(A);
  open_node(B);
  CHECK(finds(B, S1, RECORD) && finds(B, S2, RECORD));
  forget_session(B, S1);
  forget_session(B, S2);
  close_node(B);
}

/* ---- Messages ------------------------------------------------------------- */

/* Whether a node has heard `count` messages "NAME 1", "NAME 2" and so on from another one. */
static bool has_heard(const struct node *node, const struct node *sender, const char *name, int count) {
  int found = 0;
  char wanted[60];
  for (size_t i = 0; i < node->heard_count; i++) {
    if (!is_named(node->heard[i].sender, sender)) continue;
    if (strncmp(node->heard[i].text, name, strlen(name)) != 0) continue;
    snprintf(wanted, sizeof wanted, "%s %d", name, found + 1);
    if (strcmp(node->heard[i].text, wanted) != 0) return false;
    found++;
  }
  return found == count;
}

static void send_numbered(struct node *node, const struct node *other, const char *name, int first, int last) {
  char string[60];
  for (int i = first; i <= last; i++) {
    snprintf(string, sizeof string, "%s %d", name, i);
    send_to(node, other, string);
  }
}

static void messages_come_once_and_in_order(void) {
  open_node(A);
  open_node(B);
  open_node(C);
  for (int i = 0; i < 100; i++) {
    send_numbered(A, B, "one", i + 1, i + 1);
    send_numbered(A, NULL, "all", i + 1, i + 1);
    send_numbered(B, A, "back", i + 1, i + 1);
    if (i % 7 == 0) turn(0);
  }
  send_numbered(B, NULL, "all", 1, 20);
  COMES(has_heard(B, A, "one", 100) && has_heard(B, A, "all", 100));
  COMES(has_heard(C, A, "all", 100) && has_heard(C, B, "all", 20));
  COMES(has_heard(A, B, "back", 100) && has_heard(A, B, "all", 20));
  run_for(50);
  CHECK(A->heard_count == 120 && B->heard_count == 200 && C->heard_count == 120);
  CHECK(A->gone_count == 0 && B->gone_count == 0 && C->gone_count == 0);

  close_node(C);
  send_to(A, C, "is anybody there?");
  COMES(A->gone_count == 1 && is_named(A->gone[0], C));
  send_numbered(A, B, "one", 101, 101);
  COMES(has_heard(B, A, "one", 101));
  close_node(A);
  close_node(B);
}

/* What a program publishes that is none of ours. */
static size_t frame(uint8_t *bytes, int version, int kind, const uint8_t *sender, uint64_t number, uint64_t previous,
                    const char *content) {
  bytes[0] = (uint8_t)version;
  bytes[1] = (uint8_t)kind;
  memcpy(bytes + 2, sender, SHTTP_NODE_BYTES);
  for (int i = 0; i < 8; i++) {
    bytes[18 + i] = (uint8_t)(number >> (56 - 8 * i));
    bytes[26 + i] = (uint8_t)(previous >> (56 - 8 * i));
  }
  memcpy(bytes + 34, content, strlen(content));
  return 34 + strlen(content);
}

static void publish(const struct node *node, const void *bytes, size_t size) {
  if (node == NULL) CHECK(asked("PUBLISH shttp:all:0 %b", bytes, size) > 0);
  else CHECK(asked("PUBLISH shttp:node:%s %b", node->hex, bytes, size) == 1);
}

static void publish_frame(const struct node *node, const uint8_t *sender, uint64_t number, uint64_t previous,
                          const char *content) {
  uint8_t bytes[200];
  publish(node, bytes, frame(bytes, 1, 0, sender, number, previous, content));
}

static void missing_messages_are_noticed(void) {
  uint8_t stranger[SHTTP_NODE_BYTES] = "a stranger......", another[SHTTP_NODE_BYTES] = "another one.....";
  open_node(A);
  publish_frame(A, stranger, 3, 0, "first");
  publish_frame(A, stranger, 5, 3, "second");
  publish_frame(A, stranger, 5, 3, "second again");
  publish_frame(A, stranger, 3, 0, "first again");
  publish_frame(NULL, stranger, 9, 8, "the first of all that it hears");
  publish_frame(A, stranger, 12, 7, "behind a gap");
  publish_frame(A, stranger, 13, 12, "and the next");
  publish_frame(NULL, stranger, 15, 14, "behind a gap of all");
  publish_frame(A, another, 4, 2, "without the first");
  COMES(A->heard_count == 7);
  run_for(30);
  CHECK(A->heard_count == 7 && A->gone_count == 3);
  CHECK(A->gone_at[0] == 3 && memcmp(A->gone[0], stranger, SHTTP_NODE_BYTES) == 0);
  CHECK(A->gone_at[1] == 5 && memcmp(A->gone[1], stranger, SHTTP_NODE_BYTES) == 0);
  CHECK(A->gone_at[2] == 6 && memcmp(A->gone[2], another, SHTTP_NODE_BYTES) == 0);
  close_node(A);
}

static void anything_may_be_published(void) {
  enum { LARGE = 12 << 20, SENDERS = 1500 };
  uint8_t bytes[300], stranger[SHTTP_NODE_BYTES] = "a stranger......";
  uint8_t *large = malloc(LARGE);
  if (large == NULL) abort();
  open_node(A);
  keep_session(A, S1, RECORD, 60000);
  COMES(all_is_kept(A));
  size_t size = frame(bytes, 1, 0, stranger, 2, 1, "text");
  for (size_t length = 0; length < 34; length++) publish(A, bytes, length);
  publish(NULL, "", 0);
  publish(NULL, "\r\n$5\r\n*3\r\n", 11);
  for (int seed = 0; seed < 500; seed++) {
    size_t length = (size_t)rand() % sizeof bytes;
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)rand();
    publish(seed % 2 == 0 ? A : NULL, bytes, length);
  }
  publish(A, bytes, frame(bytes, 2, 0, stranger, 2, 1, "of another version"));
  publish(A, bytes, frame(bytes, 1, 7, stranger, 2, 1, "of another kind"));
  publish(A, bytes, frame(bytes, 1, 0, stranger, 2, 2, "behind itself"));
  publish(A, bytes, frame(bytes, 1, 0, stranger, 0, 0, "no number"));
  publish(A, bytes, frame(bytes, 1, 0, A->name, 9, 8, "from itself"));
  /* That a session is taken is for Redis to say. */
  publish(A, bytes, frame(bytes, 1, 1, stranger, 1, 0, S1));
  publish(A, bytes, frame(bytes, 1, 1, stranger, 2, 1, ""));
  memset(large, 0xFF, LARGE);
  publish(A, large, LARGE);
  memcpy(large, bytes, frame(bytes, 1, 0, stranger, 3, 2, ""));
  publish(A, large, LARGE);
  COMES(A->heard_count == 1);
  CHECK(A->heard[0].size == LARGE - 34);
  /* More senders than it remembers. */
  for (int i = 0; i < SENDERS; i++) {
    memcpy(stranger, &i, sizeof i);
    publish_frame(A, stranger, 1, 0, "hello");
  }
  COMES(A->heard_count == 1 + SENDERS);
  size = frame(bytes, 1, 0, stranger, UINT64_MAX, UINT64_MAX - 1, "the last number");
  publish(A, bytes, size);
  COMES(A->heard_count == 2 + SENDERS);
  CHECK(A->lost_count == 0 && A->times_reached == 1 && A->is_reached);
  CHECK(finds(A, S1, RECORD));
  forget_session(A, S1);
  close_node(A);
  free(large);
}

/* ---- A Redis that fails ---------------------------------------------------- */

static void nothing_is_lost_or_doubled_when_redis_is_killed(void) {
  enum { ROUNDS = 6 };
  uint64_t next = 1;
  int told = 0;
  stop_redis();
  start_redis("--appendonly", "yes");
  asked("CONFIG SET appendfsync always");
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 600000);
  begin(A, S1, T1);
  for (int round = 0; round < ROUNDS; round++) {
    int orders = 200 + 150 * round;
    for (int i = 0; i < orders; i++) {
      keep(A, S1, T1, next, next);
      if (i % 10 == 0) touch(A, S1);
      if (i % 50 == 0) {
        told++;
        send_numbered(A, NULL, "all", told, told);
      }
      next++;
      /* Some of it is on its way, and some was done and not answered. */
      if (i % (17 + round) == 0) turn(0);
      if (i == orders / 2) stop_redis();
    }
    CHECK(!all_is_kept(A));
    struct answer *answer = load(A, S1, T1, 0);
    if (round % 2 == 0) run_for(120);
    start_redis("--appendonly", "yes");
    asked("CONFIG SET appendfsync always");
    COMES(all_is_kept(A));
    CHECK(wait_for(answer)->kind == FAILED);
    COMES(B->is_reached);
    CHECK(count_after(A, S1, T1, 0) == (int)next - 1);
  }
  CHECK(asked("XLEN shttp:{%s}:events", S1) == (long long)next - 1);
  CHECK(A->times_all_gone == ROUNDS && B->times_all_gone == ROUNDS && A->lost_count == 0);
  CHECK(A->times_reached == ROUNDS + 1 && lines_with(A, "The store cannot reach Redis; it tries again: ") >= 1);
  end(A, S1, T1);
  CHECK(wait_for(load(A, S1, T1, next - 2))->kind == ENDED);
  /* None comes twice, or before another one. Who connects later than it is sent misses it. */
  run_for(100);
  int last = 0;
  for (size_t i = 0; i < B->heard_count; i++) {
    int number = atoi(B->heard[i].text + 4);
    CHECK(number > last);
    last = number;
  }
  send_numbered(A, NULL, "all", told + 1, told + 1);
  COMES(B->heard_count > 0 && atoi(B->heard[B->heard_count - 1].text + 4) == told + 1);
  forget_session(A, S1);
  close_node(A);
  close_node(B);
  stop_redis();
  start_redis("--appendonly", "no");
}

/* Redis has done it all, and the node does not know. */
static void what_was_not_answered_is_done_once(void) {
  enum { ROUNDS = 5 };
  uint64_t next = 1;
  open_node(B);
  open_at(A, start_proxy());
  COMES(A->is_reached);
  for (int round = 0; round < ROUNDS; round++) {
    int last = 3 * round + 3;
    keep_session(A, S1, RECORD, 60000);
    begin(A, S1, T1);
    keep(A, S1, T1, next, next + 9);
    COMES(all_is_kept(A));
    atomic_store(&proxy.swallows, true);
    keep(A, S1, T1, next + 10, next + 19);
    next += 20;
    char stream[] = T2;
    stream[0] = (char)('a' + round);
    keep(A, S1, stream, 1, 4);
    end(A, S1, stream);
    send_numbered(A, NULL, "all", last - 2, last);
    send_numbered(A, B, "one", last - 2, last);
    struct answer *answer = find(A, S1);
    COMES(has_heard(B, A, "one", last));
    CHECK(!all_is_kept(A) && answer->times == 0);
    cut_proxy();
    atomic_store(&proxy.swallows, false);
    COMES(A->times_all_gone == round + 1);
    CHECK(wait_for(answer)->kind == FAILED);
    /* Meanwhile those to all wait. */
    COMES(all_is_kept(A));
    CHECK(count_after(A, S1, T1, 0) == (int)next - 1);
    const struct answer *ended = wait_for(load(A, S1, stream, 0));
    CHECK(ended->kind == ENDED && ended->count == 4 && ended->is_as_told);
  }
  CHECK(asked("HLEN shttp:{%s}:streams", S1) == 2); /* of the open stream the number and the record */
  CHECK(has_heard(B, A, "all", 3 * ROUNDS) && has_heard(B, A, "one", 3 * ROUNDS));
  CHECK(B->gone_count == 0 && B->times_all_gone == 0 && A->lost_count == 0);

  /* What Redis never had: messages to all come later, and others never. */
  CHECK(A->gone_count == 0);
  kill(redis, SIGSTOP);
  cut_proxy();
  COMES(!A->is_reached);
  send_numbered(A, NULL, "all", 3 * ROUNDS + 1, 3 * ROUNDS + 2);
  send_to(A, B, "does not wait");
  COMES(A->gone_count == 1 && is_named(A->gone[0], B));
  kill(redis, SIGCONT);
  COMES(A->is_reached);
  COMES(has_heard(B, A, "all", 3 * ROUNDS + 2));
  send_numbered(A, B, "one", 3 * ROUNDS + 1, 3 * ROUNDS + 1);
  COMES(has_heard(B, A, "one", 3 * ROUNDS + 1));
  CHECK(B->gone_count == 1 && is_named(B->gone[0], A));
  forget_session(A, S1);
  close_node(A);
  close_node(B);
  end_proxy();
}

/* What was said before is not news when it comes again after a loss. */
static void old_messages_do_not_come_again(void) {
  uint8_t stranger[SHTTP_NODE_BYTES] = "a stranger......";
  open_node(A);
  publish_frame(A, stranger, 1, 0, "before");
  COMES(A->heard_count == 1);
  asked("CLIENT KILL TYPE pubsub");
  COMES(A->times_reached == 2);
  publish_frame(A, stranger, 3, 2, "after a loss that was told");
  publish_frame(A, stranger, 3, 2, "a second time");
  publish_frame(A, stranger, 1, 0, "an old one");
  publish_frame(A, stranger, 4, 3, "the next");
  COMES(A->heard_count == 3);
  run_for(30);
  CHECK(A->heard_count == 3 && A->gone_count == 0);
  close_node(A);
}

static void redis_comes_back_without_its_data(void) {
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 60000);
  keep(A, S1, T1, 1, 3);
  COMES(all_is_kept(A));
  stop_redis();
  start_redis("--appendonly", "no");
  COMES(A->times_reached == 2 && B->times_reached == 2);
  CHECK(finds(B, S1, ""));
  CHECK(count_after(A, S1, T1, 0) == -1);
  keep(A, S1, T1, 4, 5);
  keep_session(A, S1, OTHER_RECORD, 60000);
  CHECK(finds(A, S1, OTHER_RECORD));
  CHECK(count_after(A, S1, T1, 3) == 2 && count_after(A, S1, T1, 0) == -1);
  CHECK(finds_elsewhere(B, S1, A));
  CHECK(A->lost_count == 0);
  forget_session(A, S1);
  close_node(A);
  close_node(B);
}

/* What Redis cannot do now is done later. */
static void errors_pass(void) {
  static const char *const faults[][2] = {
      {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"},
      {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
      {"SCRIPT FLUSH", "PING"},
      {"CONFIG SET requirepass sesame", NULL}, /* of no account for who is in */
  };
  open_node(A);
  keep_session(A, S1, RECORD, 60000);
  begin(A, S1, T1);
  uint64_t next = 1;
  for (int i = 0; i < 4; i++) {
    asked(faults[i][0]);
    keep(A, S1, T1, next, next + 9);
    next += 10;
    run_for(300);
    if (i < 2) CHECK(!all_is_kept(A));
    if (faults[i][1] != NULL) asked(faults[i][1]);
    COMES(all_is_kept(A));
    CHECK(count_after(A, S1, T1, 0) == (int)next - 1);
  }
  CHECK(lines_with(A, "OOM") == 1);
  forget_session(A, S1);
  close_node(A);
  stop_redis();
  start_redis("--appendonly", "no");
}

static void a_silent_redis_is_no_redis(void) {
  open_node(A);
  kill(redis, SIGSTOP);
  struct answer *answer = find(A, S1);
  COMES_WITHIN(8000, !A->is_reached);
  CHECK(answer->times == 1 && answer->kind == FAILED);
  run_for(5000); /* a connection is made, and nobody answers */
  CHECK(!A->is_reached && lines_with(A, "does not answer") == 1);
  CHECK(wait_for(find(A, S1))->kind == FAILED);
  kill(redis, SIGCONT);
  COMES(A->is_reached);
  CHECK(finds(A, S1, ""));
  close_node(A);
}

static void closing_takes_no_longer_than_it_may(void) {
  open_node(A);
  kill(redis, SIGSTOP);
  keep_session(A, S1, RECORD, 60000);
  int64_t start = now_ms();
  close_node(A);
  CHECK(now_ms() - start < 3000);
  kill(redis, SIGCONT);
  open_node(A);
  stop_redis();
  start = now_ms();
  close_node(A);
  CHECK(now_ms() - start < 3000);
  start_redis("--appendonly", "no");
}

/* ---- The queue ------------------------------------------------------------ */

static void the_queue_has_a_limit(void) {
  shttp_store_terms terms = new_terms(A, location());
  terms.waiting_bytes_max = 32 << 10;
  open_with(A, &terms);
  COMES(A->is_reached);
  keep_session(A, S1, RECORD, 60000);
  begin(A, S1, T1);
  keep(A, S1, T1, 1, 10);
  COMES(all_is_kept(A));
  kill(redis, SIGSTOP);
  keep(A, S1, T1, 11, 1000);
  COMES(lines_with(A, "messages are dropped: ") == 1);
  kill(redis, SIGCONT);
  COMES(all_is_kept(A));
  CHECK(count_after(A, S1, T1, 0) == -1 && count_after(A, S1, T1, 10) == -1);
  CHECK(count_after(A, S1, T1, 999) == -1 && count_after(A, S1, T1, 1000) == 0);
  keep(A, S1, T1, 1001, 1003);
  CHECK(count_after(A, S1, T1, 1000) == 3 && count_after(A, S1, T1, 999) == -1);
  CHECK(strcmp(wait_for(load(A, S1, T1, 1001))->record, RECORD) == 0);
  CHECK(A->times_reached == 1);
  forget_session(A, S1);
  close_node(A);
}

/* When not even what must not be missing fits. */
static void what_is_given_up_is_removed(void) {
  char session[40];
  open_node(B);
  keep_session(B, S2, RECORD, 60000);
  COMES(all_is_kept(B));
  shttp_store_terms terms = new_terms(A, location());
  terms.waiting_bytes_max = 16 << 10;
  open_with(A, &terms);
  COMES(A->is_reached);
  for (int i = 0; i < 300; i++) {
    snprintf(session, sizeof session, "session-%d", i);
    keep_session(A, session, RECORD, 60000);
    keep(A, session, T1, 1, 1);
    if (i % 10 == 0) COMES(all_is_kept(A));
  }
  COMES(all_is_kept(A));
  CHECK(asked("DBSIZE") > 900);
  kill(redis, SIGSTOP);
  for (int i = 0; i < 1000; i++) forget_session(A, "session-7");
  COMES(lines_with(A, "gives up all that this server has there") == 1);
  CHECK(A->times_all_gone == 1 && !A->is_reached);
  keep_session(A, "session-8", OTHER_RECORD, 60000);
  kill(redis, SIGCONT);
  COMES(all_is_kept(A) && A->is_reached);
  CHECK(finds(A, "session-8", OTHER_RECORD));
  CHECK(finds(A, "session-7", "") && finds(A, "session-9", "") && count_after(A, "session-9", T1, 0) == -1);
  CHECK(finds(B, S2, RECORD) && finds_elsewhere(A, S2, B));
  CHECK(asked("DBSIZE") == 4); /* two sessions, and two nodes */
  forget_session(A, "session-8");
  forget_session(B, S2);
  close_node(A);
  close_node(B);
}

/* ---- What others have written --------------------------------------------- */

static void other_versions_are_left_alone(void) {
  open_node(A);
  asked("HSET shttp:{%s} version 2 owner x record y", S1);
  CHECK(finds(A, S1, ""));
  CHECK(lines_with(A, "sessions of another version") == 1);
  keep_session(A, S1, RECORD, 60000);
  touch(A, S1);
  forget_session(A, S1);
  release(A, S1);
  keep(A, S1, T1, 1, 2);
  COMES(all_is_kept(A));
  CHECK(asked("HGET shttp:{%s} record", S1) == 'y' && asked("HGET shttp:{%s} owner", S1) == 'x');
  CHECK(asked("EXISTS shttp:{%s}:events shttp:{%s}:streams", S1, S1) == 0);
  asked("DEL shttp:{%s}", S1);
  /* An owner that is no name is nobody. */
  asked("HSET shttp:{%s} version 1 owner x record {}", S1);
  CHECK(finds(A, S1, "{}"));
  forget_session(A, S1);
  close_node(A);
}

static void other_kinds_of_keys_are_refused(void) {
  open_node(A);
  asked("SET shttp:{%s} text", S1);
  CHECK(wait_for(find(A, S1))->kind == FAILED);
  keep_session(A, S1, RECORD, 60000);
  keep_session(A, S2, RECORD, 60000);
  asked("SET shttp:{%s}:events text", S2);
  keep(A, S2, T1, 1, 2);
  CHECK(count_after(A, S2, T1, 0) == -1);
  COMES(all_is_kept(A));
  CHECK(lines_with(A, "Redis refuses what the store has for it: WRONGTYPE") == 1);
  CHECK(A->times_reached == 1 && asked("GET shttp:{%s}", S1) == 't');
  for (size_t i = 0; i < A->line_count; i++)
    CHECK(strstr(A->lines[i], "session-1") == NULL && strstr(A->lines[i], "session-2") == NULL);
  asked("DEL shttp:{%s} shttp:{%s}:events", S1, S2);
  forget_session(A, S2);
  close_node(A);
}

/* ---- Connecting ------------------------------------------------------------ */

static void passwords(void) {
  char where[200];
  asked("CONFIG SET requirepass sesame");
  open_at(A, location());
  COMES(lines_with(A, "correct user and password") == 1);
  close_node(A);
  snprintf(where, sizeof where, "unix:%s", socket_path);
  stop_redis();
  start_redis("--port", "27384");
  asked("ACL SETUSER friend on >ses@me ~shttp:* &shttp:* +@all");
  asked("ACL SETUSER stranger on >sesame ~shttp:* &shttp:* +@all -evalsha");
  open_at(A, "redis://friend:sesame@127.0.0.1:27384/3");
  COMES(lines_with(A, "WRONGPASS") == 1 && !A->is_reached);
  run_for(300);
  for (size_t i = 0; i < A->line_count; i++) CHECK(strstr(A->lines[i], "sesame") == NULL);
  asked("ACL SETUSER friend resetpass >sesame");
  COMES(A->is_reached); /* it has tried again */
  close_node(A);
  open_at(A, "redis://stranger:sesame@127.0.0.1:27384");
  COMES(A->is_reached);
  keep_session(A, S1, RECORD, 60000);
  COMES(lines_with(A, "NOPERM") == 1);
  CHECK(lines_with(A, "allow the user the commands") == 1);
  close_node(A);
  CHECK(asked("CONFIG SET requirepass sesame") == 'O');
  static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
  for (int i = 0; i < 3; i++) {
    snprintf(where, sizeof where, "redis://:sesame@%s:27384/3?prefix=p%%3a", hosts[i]);
    open_at(A, where);
    COMES(A->is_reached);
    keep_session(A, S1, RECORD, 60000);
    COMES(all_is_kept(A));
    close_node(A);
  }
  stop_redis();
  start_redis("--appendonly", "no");
}

static void databases_and_prefixes_are_apart(void) {
  char wheres[3][100];
  snprintf(wheres[0], sizeof wheres[0], "unix:%s", socket_path);
  snprintf(wheres[1], sizeof wheres[1], "unix://%s?db=3", socket_path);
  snprintf(wheres[2], sizeof wheres[2], "unix:%s?prefix=a%%5B*%%5D:", socket_path);
  for (int i = 0; i < 3; i++) {
    open_at(&nodes[i], wheres[i]);
    COMES(nodes[i].is_reached);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(finds(&nodes[i], S1, ""));
    keep_session(&nodes[i], S1, i == 0 ? "{}" : i == 1 ? RECORD : OTHER_RECORD, 60000);
    send_to(&nodes[i], NULL, "hello");
  }
  run_for(50);
  CHECK(finds(A, S1, "{}") && finds(B, S1, RECORD) && finds(C, S1, OTHER_RECORD));
  CHECK(A->heard_count == 0 && B->heard_count == 0 && C->heard_count == 0);
  CHECK(asked("EXISTS a[*]:{%s}", S1) == 1);
  for (int i = 0; i < 3; i++) {
    forget_session(&nodes[i], S1);
    close_node(&nodes[i]);
  }
}

static void redis_may_come_later(void) {
  stop_redis();
  open_at(A, location());
  CHECK(wait_for(find(A, S1))->kind == FAILED);
  keep_session(A, S1, RECORD, 60000);
  run_for(500);
  CHECK(!A->is_reached && A->times_all_gone == 0 && lines_with(A, "cannot reach Redis") == 1);
  start_redis("--appendonly", "no");
  COMES_WITHIN(5000, A->is_reached);
  CHECK(finds(A, S1, RECORD));
  forget_session(A, S1);
  close_node(A);

  char where[100];
  snprintf(where, sizeof where, "redis://no-such-host.invalid:1");
  open_at(A, where);
  run_for(300);
  CHECK(!A->is_reached);
  close_node(A);
}

/* The library may end in any call of the store's. */
static void a_node_closes_in_a_callback(void) {
  open_node(A);
  open_node(B);
  keep_session(B, S1, RECORD, 60000);
  COMES(all_is_kept(B));
  closes_itself = B;
  send_numbered(A, B, "end", 1, 3);
  keep_session(B, S1, OTHER_RECORD, 60000);
  COMES(!B->is_open);
  CHECK(B->heard_count == 1);
  CHECK(finds(A, S1, OTHER_RECORD));
  closes_itself = A;
  find(A, S1);
  COMES(!A->is_open);
  closes_itself = NULL;
}

/* A child has the parent's stores, and must not touch them. */
static void a_forked_child_touches_nothing(void) {
  open_node(A);
  keep_session(A, S1, RECORD, 60000);
  COMES(all_is_kept(A));
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    keep_session(A, S1, OTHER_RECORD, 60000);
    find(A, S1);
    send_to(A, NULL, "from the child");
    A->module.close(A->module.store);
    _exit(A->questions > 0 && A->answers[0].times > 0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  run_for(50);
  CHECK(finds(A, S1, RECORD) && A->times_reached == 1);
  CHECK(asked("EXISTS shttp:node:%s", A->hex) == 1);
  forget_session(A, S1);
  close_node(A);
}

/* ---- All of it -------------------------------------------------------------- */

#define RUN(test) \
  if (only == NULL || strcmp(only, #test) == 0) \
  (printf("%s\n", #test), fflush(stdout), asked("FLUSHALL"), begin_loop(), test(), end_loop())

int main(int argc, char **argv) {
  bool is_brief = argc > 1 && strcmp(argv[1], "brief") == 0;
  const char *only = argc > 1 && !is_brief ? argv[1] : NULL;
  if (mkdtemp(directory) == NULL) return perror("mkdtemp"), 2;
  snprintf(socket_path, sizeof socket_path, "%s/redis.sock", directory);
  setenv("STORE_MODULE", "libstreamablehttp-redis.so.0", 0);
  signal(SIGPIPE, SIG_DFL);
  start_redis("--appendonly", "no");
  RUN(locations);
  RUN(a_session_belongs_to_one_node);
  RUN(what_another_node_says_does_not_count);
  RUN(a_dead_node_loses_its_sessions);
  if (!is_brief) RUN(a_node_that_wakes_up_is_told);
  RUN(a_node_that_only_connects_again_loses_nothing);
  RUN(a_node_that_closes_leaves_its_sessions);
  RUN(messages_come_once_and_in_order);
  RUN(missing_messages_are_noticed);
  RUN(anything_may_be_published);
  RUN(nothing_is_lost_or_doubled_when_redis_is_killed);
  RUN(what_was_not_answered_is_done_once);
  RUN(old_messages_do_not_come_again);
  RUN(redis_comes_back_without_its_data);
  RUN(errors_pass);
  if (!is_brief) RUN(a_silent_redis_is_no_redis);
  RUN(closing_takes_no_longer_than_it_may);
  RUN(the_queue_has_a_limit);
  RUN(what_is_given_up_is_removed);
  RUN(other_versions_are_left_alone);
  RUN(other_kinds_of_keys_are_refused);
  RUN(passwords);
  RUN(databases_and_prefixes_are_apart);
  RUN(redis_may_come_later);
  RUN(a_node_closes_in_a_callback);
  RUN(a_forked_child_touches_nothing);
  stop_redis();
  char command[60];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  if (system(command) != 0) return 2;
  printf("%d failures\n", failures);
  return failures > 0;
}
