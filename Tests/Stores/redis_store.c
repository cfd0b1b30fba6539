/* The module for Redis: several servers ("nodes") that share it, and a Redis that is killed, emptied, stopped and
   full. usage: redis_store [brief | TEST] */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "nodes.h"

static bool is_brief;

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
  CHECK(now_ms() - start < 900);
  CHECK(finds_elsewhere(B, S1, A));

  release(A, S1);
  COMES(all_is_kept(A));
  start = now_ms();
  CHECK(finds(B, S1, RECORD));
  CHECK(now_ms() - start < 900);
  CHECK(count_after(B, S1, T1, 0) == 3);
  CHECK(finds_elsewhere(A, S1, B));
  CHECK(A->lost_count == 0 && B->lost_count == 0);
  forget_session(B, S1);
  COMES(all_is_kept(B));
  CHECK(finds(A, S1, "") && finds(B, S1, "") && count_after(B, S1, T1, 0) == -1);
  close_node(A);
  close_node(B);
}

/* How many scripts Redis has run. */
static long long scripts(void) {
  return asked("EVAL %s 0", "return tonumber(redis.call('INFO', 'commandstats'):match('cmdstat_evalsha:calls=(%d+)'))");
}

/* Redis gets together what is of one session, whatever was given in between, and in its order. */
static void a_session_takes_one_command(void) {
  enum { MESSAGES = 20 };
  open_node(A);
  keep_session(A, S1, RECORD, 60000);
  keep_session(A, S2, RECORD, 60000);
  COMES(all_is_kept(A));
  long long before = scripts();
  begin(A, S1, T1);
  for (uint64_t number = 1; number <= MESSAGES; number++) {
    keep(A, S1, T1, number, number);
    keep(A, S2, T2, number, number);
  }
  end(A, S2, T2);
  COMES(all_is_kept(A));
  CHECK(scripts() == before + 2);
  CHECK(count_after(A, S1, T1, 0) == MESSAGES);
  const struct answer *ended = wait_for(load(A, S2, T2, 0));
  CHECK(ended->kind == ENDED && ended->count == MESSAGES && ended->is_as_told);
  /* The end is said with the last message, and nothing is left of the stream but that. */
  CHECK(asked("XLEN shttp:{%s}:events", S2) == MESSAGES);
  CHECK(asked("HEXISTS shttp:{%s}:streams n%s", S2, T2) == 0);
  /* Not too much: Redis does nothing else meanwhile. */
  before = scripts();
  keep(A, S1, T1, MESSAGES + 1, MESSAGES + 130);
  COMES(all_is_kept(A));
  CHECK(scripts() == before + 3);
  forget_session(A, S1);
  forget_session(A, S2);
  close_node(A);
}

/* A node that does not know yet that it was thought dead. */
static void what_another_node_says_of_a_session_does_not_count(void) {
  open_node(A);
  open_node(B);
  keep_session(A, S1, RECORD, 60000);
  begin(A, S1, T1);
  keep(A, S1, T1, 1, 2);
  release(A, S1);
  COMES(all_is_kept(A));
  CHECK(finds(B, S1, RECORD));
  keep_session(A, S1, OTHER_RECORD, 60000);
  touch(A, S1);
  forget_session(A, S1);
  release(A, S1);
  COMES(all_is_kept(A));
  CHECK(A->lost_count > 0 && strcmp(A->lost[0], S1) == 0);
  CHECK(finds(B, S1, RECORD) && count_after(B, S1, T1, 0) == 2);
  CHECK(finds_elsewhere(A, S1, B));

  /* Its streams are its own until they end: of two messages with one number the first counts, and none behind the end.
   */
  keep(A, S1, T1, 3, 4);
  begin(A, S1, T2);
  COMES(all_is_kept(A));
  keep(B, S1, T1, 2, 5);
  CHECK(count_after(B, S1, T1, 0) == 5 && count_after(B, S1, T2, 0) == 0);
  CHECK(asked("XLEN shttp:{%s}:events", S1) == 5);
  end(A, S1, T1);
  COMES(all_is_kept(A));
  keep(B, S1, T1, 6, 7);
  const struct answer *ended = wait_for(load(B, S1, T1, 0));
  CHECK(ended->kind == ENDED && ended->count == 5 && ended->is_as_told);
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
  CHECK(time >= 800 && time < 4000);
  CHECK(count_after(B, S1, T1, 0) == 5);
  COMES(B->gone_count > 0 && is_named(B->gone[0], &other));
  /* Its other sessions cost nothing any more. */
  asked("HSET shttp:{%s} version 1 owner %b record {}", S2, "0123456789abcdef0123456789abcdef", 32);
  start = now_ms();
  CHECK(finds(B, S2, "{}"));
  CHECK(now_ms() - start < 900); /* its key is not there */
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
  struct pollfd told = {.fd = pipe_end, .events = POLLIN};
  CHECK(poll(&told, 1, PATIENCE_MS) == 1 && read(pipe_end, session, sizeof session - 1) == (ssize_t)strlen(S1));
  CHECK(strcmp(session, S1) == 0);
  kill(child, SIGKILL);
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
  keep(A, S1, T1, 1, 500);
  close_node(A); /* without a turn of the loop */
  CHECK(asked("EXISTS shttp:node:%s", A->hex) == 0);
  int64_t start = now_ms();
  CHECK(finds(B, S1, RECORD));
  CHECK(now_ms() - start < 900);
  CHECK(count_after(B, S1, T1, 0) == 500);
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
  /* Of an open stream no message is there twice; one that had ended is, and a load stops at its first end. */
  CHECK(asked("XLEN shttp:{%s}:events", S1) == (long long)next - 1 + 2 * 4 * ROUNDS);
  CHECK(asked("HLEN shttp:{%s}:streams", S1) == 2); /* of the open stream the number and the record */
  CHECK(has_heard(B, A, "all", 3 * ROUNDS) && has_heard(B, A, "one", 3 * ROUNDS));
  CHECK(B->gone_count == 0 && B->times_all_gone == 0 && A->lost_count == 0);

  /* What Redis never had: messages to all come later, and others never. */
  CHECK(A->gone_count == 0);
  atomic_store(&proxy.loses, true);
  send_numbered(A, NULL, "all", 3 * ROUNDS + 1, 3 * ROUNDS + 2);
  send_to(A, B, "does not come");
  run_for(50);
  kill(redis, SIGSTOP);
  cut_proxy();
  atomic_store(&proxy.loses, false);
  COMES(!A->is_reached);
  send_numbered(A, NULL, "all", 3 * ROUNDS + 3, 3 * ROUNDS + 4);
  send_to(A, B, "does not wait");
  COMES(A->gone_count == 1 && is_named(A->gone[0], B));
  kill(redis, SIGCONT);
  COMES(A->is_reached);
  COMES(has_heard(B, A, "all", 3 * ROUNDS + 4));
  send_numbered(A, B, "one", 3 * ROUNDS + 1, 3 * ROUNDS + 1);
  COMES(has_heard(B, A, "one", 3 * ROUNDS + 1));
  CHECK(B->gone_count == 1 && is_named(B->gone[0], A));
  for (size_t i = 0; i < B->heard_count; i++) CHECK(strncmp(B->heard[i].text, "does not", 8) != 0);
  forget_session(A, S1);
  close_node(A);
  close_node(B);
  end_proxy();
}

/* The orders for one session may be answered before an earlier one for another: what is said to be kept is all that was
   given until then. */
static void what_is_kept_is_kept_in_the_order_given(void) {
  const char *const sessions[] = {S1, S2, "session-3-0123456789abcdef012345"};
  open_at(A, start_proxy());
  COMES(A->is_reached);
  for (int i = 0; i < 3; i++) keep_session(A, sessions[i], RECORD, 60000);
  COMES(all_is_kept(A));
  uint64_t before = A->kept;
  atomic_store(&proxy.lets, (int)strlen(":1\r\n"));
  atomic_store(&proxy.swallows, true);
  for (int i = 2; i >= 0; i--) keep(A, sessions[i], T1, 1, 1);
  COMES(atomic_load(&proxy.lets) == 0);
  run_for(50);
  CHECK(A->kept == before);
  cut_proxy();
  atomic_store(&proxy.swallows, false);
  COMES(all_is_kept(A));
  for (int i = 0; i < 3; i++) {
    CHECK(count_after(A, sessions[i], T1, 0) == 1);
    forget_session(A, sessions[i]);
  }
  close_node(A);
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
  CHECK(now_ms() - start < 4000);
  kill(redis, SIGCONT);
  open_node(A);
  stop_redis();
  start = now_ms();
  close_node(A);
  CHECK(now_ms() - start < 4000);
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
  CHECK(A->has_said && !A->is_reached && A->times_all_gone == 0 && lines_with(A, "cannot reach Redis") == 1);
  start_redis("--appendonly", "no");
  COMES_WITHIN(5000, A->is_reached);
  CHECK(finds(A, S1, RECORD));
  forget_session(A, S1);
  close_node(A);

  if (is_brief) return; /* the C library's search for a name leaves something behind */
  open_at(A, "redis://no-such-host.invalid:1");
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
    run_for(20);
    A->module.close(A->module.store);
    if (A->answers[0].times == 0) execl("/bin/true", "true", NULL);
    _exit(1);
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
  is_brief = argc > 1 && strcmp(argv[1], "brief") == 0;
  const char *only = argc > 1 && !is_brief ? argv[1] : NULL;
  begin_tests();
  start_redis("--appendonly", "no");
  RUN(locations);
  RUN(a_session_belongs_to_one_node);
  RUN(a_session_takes_one_command);
  RUN(what_another_node_says_of_a_session_does_not_count);
  RUN(a_dead_node_loses_its_sessions);
  if (!is_brief) RUN(a_node_that_wakes_up_is_told);
  RUN(a_node_that_only_connects_again_loses_nothing);
  RUN(a_node_that_closes_leaves_its_sessions);
  RUN(messages_come_once_and_in_order);
  RUN(missing_messages_are_noticed);
  RUN(anything_may_be_published);
  RUN(nothing_is_lost_or_doubled_when_redis_is_killed);
  RUN(what_was_not_answered_is_done_once);
  RUN(what_is_kept_is_kept_in_the_order_given);
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
  end_tests();
  printf("%d failures\n", failures);
  return failures > 0;
}
