#include "nodes.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

int failures;
char socket_path[60];
static char directory[] = "/tmp/redis-store-XXXXXX";

bool check(bool held, const char *what, const char *file, int line) {
  if (!held) fprintf(stderr, "%s:%d: failed: %s\n", file, line, what), fflush(NULL), failures++;
  return held;
}

_Noreturn void give_up(const char *what) {
  fprintf(stderr, "nodes: %s\n", what);
  fflush(NULL);
  _Exit(1);
}

void begin_tests(void) {
  if (mkdtemp(directory) == NULL) give_up("there is no folder");
  snprintf(socket_path, sizeof socket_path, "%s/redis.sock", directory);
  setenv("STORE_MODULE", "libstreamablehttp-redis.so.0", 0);
  signal(SIGPIPE, SIG_DFL); /* which would end it */
}

void end_tests(void) {
  char command[60];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  if (system(command) != 0) give_up("the folder stays");
}

/* ---- The loop ------------------------------------------------------------- */

int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static uv_loop_t loop;
static uv_async_t listener;

void begin_loop(void) {
  if (uv_loop_init(&loop) != 0 || uv_async_init(&loop, &listener, NULL) != 0) give_up("there is no loop");
}

/* Everything has closed its handles. */
void end_loop(void) {
  uv_close((uv_handle_t *)&listener, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}

/* One turn, as a host makes it that polls. */
void turn(int ms) {
  int timeout = uv_backend_timeout(&loop);
  struct pollfd event = {.fd = uv_backend_fd(&loop), .events = POLLIN};
  poll(&event, 1, timeout < 0 || timeout > ms ? ms : timeout);
  uv_run(&loop, UV_RUN_NOWAIT);
}

void run_for(int ms) {
  int64_t end = now_ms() + ms;
  for (int64_t rest = ms; rest > 0; rest = end - now_ms()) turn((int)rest);
}

/* ---- Redis ---------------------------------------------------------------- */

pid_t redis;

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
void start_redis(const char *option, const char *value) {
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

void stop_redis(void) {
  kill(redis, SIGKILL);
  waitpid(redis, NULL, 0);
  redis = 0;
}

/* The number that a command answers with; of a text or a status the first character; of nothing -1; of an error -2. */
long long asked(const char *format, ...) {
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

struct proxy proxy;

static int unix_socket(const char *path, bool listens) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int end = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  struct sockaddr *place = (struct sockaddr *)&address;
  if ((listens ? bind(end, place, sizeof address) : connect(end, place, sizeof address)) != 0)
    give_up("there is no socket");
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
      if (size > 0 && i % 2 == 0 && atomic_load(&proxy.swallows)) {
        int lets = atomic_load(&proxy.lets);
        size = size < lets ? size : lets;
        atomic_fetch_sub(&proxy.lets, (int)size);
      }
      if (size > 0 && (i % 2 == 0 || !atomic_load(&proxy.loses))) send(other, bytes, (size_t)size, MSG_NOSIGNAL);
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

const char *start_proxy(void) {
  static char where[100];
  snprintf(proxy.path, sizeof proxy.path, "%s/proxy.sock", directory);
  snprintf(where, sizeof where, "unix:%s", proxy.path);
  atomic_store(&proxy.ends, false);
  if (pthread_create(&proxy.thread, NULL, run_proxy, NULL) != 0) give_up("there is no thread");
  while (access(proxy.path, F_OK) != 0) usleep(1000);
  return where;
}

void cut_proxy(void) {
  atomic_store(&proxy.cuts, true);
  while (atomic_load(&proxy.cuts)) usleep(1000);
}

void end_proxy(void) {
  atomic_store(&proxy.ends, true);
  pthread_join(proxy.thread, NULL);
  unlink(proxy.path);
}

/* ---- Nodes ---------------------------------------------------------------- */

struct node nodes[NODES_MAX];

const char *message(uint64_t number) {
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

struct node *closes_itself;

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
  if (node->has_said && node->is_reached == (is_reached != 0))
    give_up("the store says the same again of whether it can be reached");
  node->has_said = true;
  node->is_reached = is_reached != 0;
  node->times_reached += is_reached != 0;
}

static void note_line(shttp_server *server, shttp_log_level level, const char *text) {
  struct node *node = node_of(server);
  if (level < SHTTP_LOG_ERROR || level > SHTTP_LOG_DEBUG) give_up("a wrong line of the log");
  if (getenv("REDIS_STORE_LINES") != NULL) fprintf(stderr, "%d: %s\n", (int)(node - nodes), text);
  if (node->line_count < LINES_MAX) node->lines[node->line_count++] = strdup(text);
}

int lines_with(const struct node *node, const char *text) {
  int count = 0;
  for (size_t i = 0; i < node->line_count; i++) count += strstr(node->lines[i], text) != NULL;
  return count;
}

const shttp_store_answers functions = {load_finish, load_finish_open, load_fail, find_finish, find_finish_elsewhere,
                                       kept,        received,         gone,      lost,        reached,
                                       note_line};

const char *location(void) {
  static char text[100];
  snprintf(text, sizeof text, "unix:%s", socket_path);
  return text;
}

shttp_store_terms new_terms(struct node *node, const char *where) {
  static uint64_t names;
  memset(node, 0, sizeof *node);
  uint64_t words[2] = {(uint64_t)getpid() << 32 | ++names, 0x8F00FF7F80017EAB};
  memcpy(node->name, words, sizeof words);
  for (int i = 0; i < SHTTP_NODE_BYTES; i++) snprintf(node->hex + 2 * i, 3, "%02x", node->name[i]);
  return (shttp_store_terms){.location = where, .waiting_bytes_max = 64 << 20, .node = node->name};
}

void open_with(struct node *node, const shttp_store_terms *terms) {
  char error[500] = "";
  if (shttp_store_module_open(SHTTP_STORE_MODULE_VERSION, &functions, terms, &node->module, error, sizeof error) !=
      SHTTP_OK) {
    fprintf(stderr, "%s\n", error);
    give_up("the store does not open");
  }
  node->is_open = true;
  node->module.start(node->module.store, (shttp_server *)node, &loop);
}

void open_at(struct node *node, const char *where) {
  shttp_store_terms terms = new_terms(node, where);
  open_with(node, &terms);
}

void open_node(struct node *node) {
  open_at(node, location());
  COMES(node->is_reached);
}

void close_node(struct node *node) {
  node->module.close(node->module.store);
  node->is_open = false;
  for (size_t i = 0; i < node->line_count; i++) free(node->lines[i]);
}

bool is_named(const uint8_t *name, const struct node *node) { return memcmp(name, node->name, SHTTP_NODE_BYTES) == 0; }

/* ---- Orders --------------------------------------------------------------- */

static shttp_bytes text(const char *string) {
  return (shttp_bytes){(const uint8_t *)string, string != NULL ? strlen(string) : 0};
}

static void give(struct node *node, shttp_on_order function, shttp_store_order order) {
  order.serial = ++node->serial;
  function((shttp_server *)node, &order, node->module.sessions.user_data);
}

void keep_session(struct node *node, const char *session, const char *record, uint64_t idle_ms) {
  give(node, node->module.sessions.keep,
       (shttp_store_order){.session = text(session), .record = text(record), .idle_ms = idle_ms});
}

void touch(struct node *node, const char *session) {
  give(node, node->module.sessions.touch, (shttp_store_order){.session = text(session), .idle_ms = 60000});
}

void forget_session(struct node *node, const char *session) {
  give(node, node->module.sessions.forget, (shttp_store_order){.session = text(session)});
  give(node, node->module.events.forget, (shttp_store_order){.session = text(session)});
}

void release(struct node *node, const char *session) {
  give(node, node->module.release, (shttp_store_order){.session = text(session)});
}

void begin(struct node *node, const char *session, const char *stream) {
  give(node, node->module.events.begin,
       (shttp_store_order){.session = text(session), .stream = text(stream), .record = text(RECORD)});
}

void keep(struct node *node, const char *session, const char *stream, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; number++)
    give(node, node->module.events.keep,
         (shttp_store_order){
             .session = text(session), .stream = text(stream), .number = number, .message = text(message(number))});
}

void end(struct node *node, const char *session, const char *stream) {
  give(node, node->module.events.end, (shttp_store_order){.session = text(session), .stream = text(stream)});
}

void send_to(struct node *node, const struct node *other, const char *string) {
  node->module.send(node->module.store, other != NULL ? other->name : NULL, text(string));
}

bool all_is_kept(const struct node *node) { return node->kept == node->serial; }

static struct answer *ask(struct node *node, shttp_on_order function, shttp_store_order order) {
  if (node->questions == QUESTIONS_MAX) give_up("there are too many questions");
  struct answer *answer = &node->answers[node->questions++];
  answer->after = order.number;
  order.load = (shttp_load){node->questions};
  give(node, function, order);
  return answer;
}

struct answer *find(struct node *node, const char *session) {
  return ask(node, node->module.sessions.find, (shttp_store_order){.session = text(session)});
}

struct answer *load(struct node *node, const char *session, const char *stream, uint64_t after) {
  return ask(node, node->module.events.load,
             (shttp_store_order){.session = text(session), .stream = text(stream), .number = after});
}

const struct answer *wait_for(struct answer *answer) {
  COMES(answer->times > 0);
  return answer;
}

bool finds(struct node *node, const char *session, const char *record) {
  const struct answer *answer = wait_for(find(node, session));
  return answer->kind == SESSION && strcmp(answer->record, record) == 0;
}

bool finds_elsewhere(struct node *node, const char *session, const struct node *other) {
  const struct answer *answer = wait_for(find(node, session));
  return answer->kind == ELSEWHERE && is_named(answer->node, other);
}

/* How many messages a load answers with; -1 if it fails, -2 if they are not those after `after`. */
int count_after(struct node *node, const char *session, const char *stream, uint64_t after) {
  const struct answer *answer = wait_for(load(node, session, stream, after));
  if (answer->kind != OPEN && answer->kind != ENDED) return -1;
  return answer->is_as_told ? (int)answer->count : -2;
}
