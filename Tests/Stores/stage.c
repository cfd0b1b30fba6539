#include "stage.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { ANSWER_MS = 10000, REACHED_MS = 10000, LINES_MAX = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct answer **answers;
static size_t answer_count;
static int too_many;
static uint64_t serial, kept_serial;
static char *lines[LINES_MAX];
static size_t line_count;
static shttp_store_module module;
static char place_of_the_server;
/* Of a store that has one: it is the thread's that gives the orders, and runs while that waits. */
static uv_loop_t loop;
static uv_async_t listener; /* a server's loop goes on as long as it listens */
static bool has_loop, is_reached;

int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* One turn of the loop, as a host makes it that polls: waits for up to `ms`. */
static void turn(int ms) {
  int timeout = uv_backend_timeout(&loop);
  struct pollfd loop_event = {.fd = uv_backend_fd(&loop), .events = POLLIN};
  poll(&loop_event, 1, timeout < 0 || timeout > ms ? ms : timeout);
  uv_run(&loop, UV_RUN_NOWAIT);
}

void sleep_ms(int ms) {
  int64_t end_of_wait = now_ms() + ms;
  if (has_loop) {
    for (int64_t rest = ms; rest > 0; rest = end_of_wait - now_ms()) turn((int)rest);
    return;
  }
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

static shttp_server *the_server(void) { return (shttp_server *)&place_of_the_server; }

static _Noreturn void give_up(const char *what) {
  fprintf(stderr, "stage: %s\n", what);
  fflush(NULL);
  _Exit(1);
}

static void *copy(const void *bytes, size_t size) {
  char *copied = malloc(size + 1);
  if (copied == NULL) give_up("there is no memory");
  if (size > 0) memcpy(copied, bytes, size);
  copied[size] = 0;
  return copied;
}

/* ---- What a store calls --------------------------------------------------- */

/* The answer to fill in; NULL if it is not the first one. Returns with the lock held. */
static struct answer *locked_answer(shttp_server *server, shttp_load question) {
  pthread_mutex_lock(&lock);
  if (server != the_server()) give_up("the store answers a server that is none");
  if (question.key == 0 || question.key > answer_count) give_up("the store answers a question that nobody has asked");
  struct answer *answer = answers[question.key - 1];
  if (answer->times++ == 0) return answer;
  too_many++;
  return NULL;
}

static shttp_status unlocked(const struct answer *answer) {
  pthread_mutex_unlock(&lock);
  return answer != NULL ? SHTTP_OK : SHTTP_ERR_NOT_FOUND;
}

static shttp_status take(shttp_server *server, shttp_load question, int kind, const shttp_bytes *messages, size_t count,
                         shttp_bytes record) {
  struct answer *answer = locked_answer(server, question);
  if (answer == NULL) return unlocked(answer);
  answer->kind = kind;
  answer->count = count;
  answer->messages = calloc(count + 1, sizeof *answer->messages);
  answer->sizes = calloc(count + 1, sizeof *answer->sizes);
  if (answer->messages == NULL || answer->sizes == NULL) give_up("there is no memory");
  for (size_t i = 0; i < count; i++) {
    answer->messages[i] = copy(messages[i].data, messages[i].len);
    answer->sizes[i] = messages[i].len;
  }
  answer->record = copy(record.data, record.len);
  answer->record_size = record.len;
  answer->kept = kept_serial;
  return unlocked(answer);
}

shttp_status shttp_load_finish(shttp_server *server, shttp_load question, const shttp_bytes *messages, size_t count,
                               int ended) {
  return take(server, question, ended ? ANSWER_ENDED : ANSWER_OPEN, messages, count, (shttp_bytes){NULL, 0});
}

shttp_status shttp_load_finish_open(shttp_server *server, shttp_load question, const shttp_bytes *messages,
                                    size_t count, shttp_bytes record) {
  return take(server, question, ANSWER_OPEN, messages, count, record);
}

shttp_status shttp_load_fail(shttp_server *server, shttp_load question) {
  return take(server, question, ANSWER_FAILED, NULL, 0, (shttp_bytes){NULL, 0});
}

shttp_status shttp_find_finish(shttp_server *server, shttp_load question, shttp_bytes record) {
  return take(server, question, ANSWER_SESSION, NULL, 0, record);
}

static shttp_status find_finish_elsewhere(shttp_server *server, shttp_load question, const uint8_t *node) {
  return take(server, question, ANSWER_ELSEWHERE, NULL, 0, (shttp_bytes){node, SHTTP_NODE_BYTES});
}

static void kept(shttp_server *server, uint64_t upto) {
  pthread_mutex_lock(&lock);
  if (server != the_server() || upto > serial) give_up("the store has kept an order that nobody gave");
  if (upto > kept_serial) kept_serial = upto;
  pthread_mutex_unlock(&lock);
}

static void note_line(shttp_server *server, shttp_log_level level, const char *text) {
  pthread_mutex_lock(&lock);
  if (server != the_server() || level < SHTTP_LOG_ERROR || level > SHTTP_LOG_DEBUG) give_up("a wrong line of the log");
  if (line_count < LINES_MAX) lines[line_count++] = copy(text, strlen(text));
  pthread_mutex_unlock(&lock);
}

/* Nobody shares the store. */
static void received(shttp_server *server, const uint8_t *node, shttp_bytes message) {
  (void)server, (void)node, (void)message;
  give_up("a message from nobody");
}

static void gone(shttp_server *server, const uint8_t *node) { (void)server, (void)node; }

static void lost(shttp_server *server, shttp_bytes session) {
  (void)server, (void)session;
  give_up("a session was taken by nobody");
}

static void reached(shttp_server *server, int has_reached) {
  if (server != the_server()) give_up("the store has reached something for nobody");
  is_reached = has_reached != 0;
}

/* ---- Opening -------------------------------------------------------------- */

shttp_store_terms stage_terms(const char *location) {
  /* The same at each opening: the store is to have what it had. */
  static uint8_t node[SHTTP_NODE_BYTES];
  memcpy(node, &(pid_t){getpid()}, sizeof(pid_t));
  return (shttp_store_terms){.location = location, .waiting_bytes_max = 64 << 20, .node = node};
}

static void start_loop(void) {
  if (module.start == NULL) return;
  if (uv_loop_init(&loop) != 0 || uv_async_init(&loop, &listener, NULL) != 0) give_up("there is no loop");
  has_loop = true;
  is_reached = false;
  module.start(module.store, the_server(), &loop);
  for (int64_t end_of_wait = now_ms() + REACHED_MS; !is_reached;) {
    if (now_ms() > end_of_wait) give_up("the store does not reach anything");
    turn(10);
  }
}

static void end_loop(void) {
  if (!has_loop) return;
  has_loop = false;
  uv_close((uv_handle_t *)&listener, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0) give_up("the store has left something on the loop");
}

shttp_status stage_try_open(const shttp_store_terms *terms, char *error, size_t error_size) {
  static const shttp_store_answers functions = {.load_finish = shttp_load_finish,
                                                .load_finish_open = shttp_load_finish_open,
                                                .load_fail = shttp_load_fail,
                                                .find_finish = shttp_find_finish,
                                                .find_finish_elsewhere = find_finish_elsewhere,
                                                .kept = kept,
                                                .received = received,
                                                .gone = gone,
                                                .lost = lost,
                                                .reached = reached,
                                                .log = note_line};
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < line_count; i++) free(lines[i]);
  line_count = 0;
  serial = kept_serial = 0;
  pthread_mutex_unlock(&lock);
  memset(&module, 0, sizeof module);
  shttp_status status =
      shttp_store_module_open(SHTTP_STORE_MODULE_VERSION, &functions, terms, &module, error, error_size);
  if (status == SHTTP_OK) start_loop();
  return status;
}

void stage_open(const shttp_store_terms *terms) {
  char error[500] = "";
  if (stage_try_open(terms, error, sizeof error) == SHTTP_OK) return;
  fprintf(stderr, "stage: the store does not open: %s\n", error);
  fflush(NULL);
  _Exit(1);
}

void stage_close(void) {
  module.close(module.store);
  end_loop();
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < answer_count; i++) {
    for (size_t each = 0; each < answers[i]->count; each++) free(answers[i]->messages[each]);
    free(answers[i]->messages);
    free(answers[i]->sizes);
    free(answers[i]->record);
    free(answers[i]);
  }
  free(answers);
  answers = NULL;
  answer_count = 0;
  too_many = 0;
  pthread_mutex_unlock(&lock);
}

/* ---- Orders --------------------------------------------------------------- */

static shttp_bytes text(const char *string) {
  return (shttp_bytes){(const uint8_t *)string, string != NULL ? strlen(string) : 0};
}

/* What an order borrows is gone when the function returns. */
static void give(shttp_on_order function, void *user_data, shttp_store_order order) {
  shttp_bytes *parts[] = {&order.session, &order.stream, &order.message, &order.record};
  char *copies[4];
  for (int i = 0; i < 4; i++) {
    copies[i] = copy(parts[i]->data, parts[i]->len);
    parts[i]->data = parts[i]->len > 0 ? (const uint8_t *)copies[i] : NULL;
  }
  pthread_mutex_lock(&lock);
  order.serial = ++serial;
  pthread_mutex_unlock(&lock);
  function(the_server(), &order, user_data);
  for (int i = 0; i < 4; i++) {
    memset(copies[i], 0xAA, parts[i]->len);
    free(copies[i]);
  }
  memset(&order, 0xAA, sizeof order);
}

static void give_event(shttp_on_order function, shttp_store_order order) {
  give(function, module.events.user_data, order);
}

static void give_session(shttp_on_order function, shttp_store_order order) {
  give(function, module.sessions.user_data, order);
}

void keep_bytes(const char *session, const char *stream, uint64_t number, const void *message, size_t size) {
  give_event(module.events.keep,
             (shttp_store_order){
                 .session = text(session), .stream = text(stream), .number = number, .message = {message, size}});
}

void keep(const char *session, const char *stream, uint64_t number, const char *message) {
  keep_bytes(session, stream, number, message, strlen(message));
}

void begin(const char *session, const char *stream, const char *record) {
  if (module.events.begin == NULL) return;
  give_event(module.events.begin,
             (shttp_store_order){.session = text(session), .stream = text(stream), .record = text(record)});
}

void end(const char *session, const char *stream) {
  give_event(module.events.end, (shttp_store_order){.session = text(session), .stream = text(stream)});
}

void forget_events(const char *session) {
  give_event(module.events.forget, (shttp_store_order){.session = text(session)});
}

void keep_session(const char *session, const char *record, uint64_t idle_ms) {
  give_session(module.sessions.keep,
               (shttp_store_order){.session = text(session), .record = text(record), .idle_ms = idle_ms});
}

void touch(const char *session, uint64_t idle_ms) {
  give_session(module.sessions.touch, (shttp_store_order){.session = text(session), .idle_ms = idle_ms});
}

void forget_session(const char *session) {
  give_session(module.sessions.forget, (shttp_store_order){.session = text(session)});
}

/* ---- Questions ------------------------------------------------------------ */

static shttp_load new_question(void) {
  pthread_mutex_lock(&lock);
  answers = realloc(answers, (answer_count + 1) * sizeof *answers);
  if (answers == NULL || (answers[answer_count] = calloc(1, sizeof **answers)) == NULL) give_up("there is no memory");
  shttp_load question = {++answer_count};
  pthread_mutex_unlock(&lock);
  return question;
}

uint64_t load(const char *session, const char *stream, uint64_t number) {
  shttp_load question = new_question();
  give_event(module.events.load,
             (shttp_store_order){.session = text(session), .stream = text(stream), .number = number, .load = question});
  return question.key;
}

uint64_t find(const char *session) {
  shttp_load question = new_question();
  give_session(module.sessions.find, (shttp_store_order){.session = text(session), .load = question});
  return question.key;
}

const struct answer *answer_to(uint64_t question) {
  int64_t end_of_wait = now_ms() + ANSWER_MS;
  for (;;) {
    pthread_mutex_lock(&lock);
    const struct answer *answer = answers[question - 1];
    bool has_come = answer->times > 0;
    pthread_mutex_unlock(&lock);
    if (has_come) return answer;
    if (now_ms() > end_of_wait) return NULL;
    sleep_ms(1);
  }
}

int answers_too_many(void) {
  pthread_mutex_lock(&lock);
  int count = too_many;
  pthread_mutex_unlock(&lock);
  return count;
}

uint64_t last_serial(void) { return serial; }

uint64_t last_kept(void) {
  pthread_mutex_lock(&lock);
  uint64_t last = kept_serial;
  pthread_mutex_unlock(&lock);
  return last;
}

bool waits_for_kept(int ms) {
  int64_t end_of_wait = now_ms() + ms;
  while (last_kept() < serial) {
    if (now_ms() > end_of_wait) return false;
    sleep_ms(1);
  }
  return true;
}

int lines_with(const char *wanted) {
  int count = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < line_count; i++) count += strstr(lines[i], wanted) != NULL;
  pthread_mutex_unlock(&lock);
  return count;
}

bool waits_for_line(const char *wanted, int ms) {
  int64_t end_of_wait = now_ms() + ms;
  while (lines_with(wanted) == 0) {
    if (now_ms() > end_of_wait) return false;
    sleep_ms(5);
  }
  return true;
}
