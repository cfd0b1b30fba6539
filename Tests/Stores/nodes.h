/* Several servers ("nodes") with the module for Redis in one process and on one loop, a Redis of their own, and a proxy
   before it that swallows what it is told. */
#ifndef NODES_H
#define NODES_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
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

extern int failures;
bool check(bool held, const char *what, const char *file, int line);
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
_Noreturn void give_up(const char *what);

/* Makes the folder of the sockets, and removes it. */
void begin_tests(void);
void end_tests(void);

/* ---- The loop ------------------------------------------------------------- */

int64_t now_ms(void);
void begin_loop(void);
void end_loop(void);
/* One turn, as a host makes it that polls. */
void turn(int ms);
void run_for(int ms);

#define COMES_WITHIN(ms, condition) \
  do { \
    int64_t end_of_wait = now_ms() + (ms); \
    while (!(condition) && now_ms() < end_of_wait) turn(5); \
    CHECK(condition); \
  } while (0)
#define COMES(condition) COMES_WITHIN(PATIENCE_MS, condition)

/* ---- Redis ---------------------------------------------------------------- */

extern char socket_path[60];
extern pid_t redis;
/* With an option more. */
void start_redis(const char *option, const char *value);
void stop_redis(void);
/* The number that a command answers with; of a text or a status the first character; of nothing -1; of an error -2. */
long long asked(const char *format, ...);

extern struct proxy {
  char path[60];
  pthread_t thread;
  /* What Redis says, or what it is told, does not come; all connections end; so does the proxy. */
  atomic_bool swallows, loses, cuts, ends;
  /* So many bytes of what Redis says come nevertheless. */
  atomic_int lets;
} proxy;

/* Returns the location of its Redis. */
const char *start_proxy(void);
void cut_proxy(void);
void end_proxy(void);

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

extern struct node {
  shttp_store_module module;
  uint8_t name[SHTTP_NODE_BYTES];
  char hex[2 * SHTTP_NODE_BYTES + 1];
  bool is_open, has_said, is_reached; /* it has said whether it has reached Redis */
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

extern const shttp_store_answers functions;
/* It is closed as soon as something comes. */
extern struct node *closes_itself;

/* The text of a message of that number. */
const char *message(uint64_t number);
const char *location(void);
/* Gives the node a new name. */
shttp_store_terms new_terms(struct node *node, const char *where);
void open_with(struct node *node, const shttp_store_terms *terms);
void open_at(struct node *node, const char *where);
/* Waits until Redis is reached. */
void open_node(struct node *node);
void close_node(struct node *node);
bool is_named(const uint8_t *name, const struct node *node);
int lines_with(const struct node *node, const char *text);

/* ---- Orders and questions ------------------------------------------------- */

void keep_session(struct node *node, const char *session, const char *record, uint64_t idle_ms);
void touch(struct node *node, const char *session);
void forget_session(struct node *node, const char *session);
void release(struct node *node, const char *session);
void begin(struct node *node, const char *session, const char *stream);
void keep(struct node *node, const char *session, const char *stream, uint64_t first, uint64_t last);
void end(struct node *node, const char *session, const char *stream);
void send_to(struct node *node, const struct node *other, const char *string);
bool all_is_kept(const struct node *node);

struct answer *find(struct node *node, const char *session);
struct answer *load(struct node *node, const char *session, const char *stream, uint64_t after);
const struct answer *wait_for(struct answer *answer);
bool finds(struct node *node, const char *session, const char *record);
bool finds_elsewhere(struct node *node, const char *session, const struct node *other);
/* How many messages a load answers with; -1 if it fails, -2 if they are not those after `after`. */
int count_after(struct node *node, const char *session, const char *stream, uint64_t after);

#endif
