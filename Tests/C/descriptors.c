/*
 * With no descriptor left clients wait, the loop rests, and whatever comes free serves the next of them.
 * One thread is client and server, so that nothing else takes or gives descriptors meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "check.h"

#define DESCRIPTORS 64
#define WAITING 5
#define REST_MS 300
#define STEPS_AT_REST_MAX 30 /* a loop that spins takes many thousands */
#define PATIENCE_MS 10000

static const char request[] = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                              "Content-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test\"}";

static shttp_loop *loop;
static shttp_server *server;
static struct sockaddr_storage address;
static socklen_t address_len;
static int warnings;
static int hoard[DESCRIPTORS], hoarded;

static void on_event(shttp_server *from, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind == SHTTP_EVENT_REQUEST)
    CHECK_STATUS(shttp_request_respond(from, event->request, shttp_text("{}")), SHTTP_OK);
}

static void on_log(const shttp_log_line *logged, void *user_data) {
  char line[200];
  (void)user_data;
  snprintf(line, sizeof line, "%.*s", (int)logged->text.len, (const char *)logged->text.data);
  CHECK(logged->level == SHTTP_LOG_WARNING && strstr(line, "RLIMIT_NOFILE") && strstr(line, "too many open files"));
  warnings++;
}

/* ---- Descriptors ------------------------------------------------------------- */

static void take_all(void) {
  int taken;
  while ((taken = dup(STDIN_FILENO)) >= 0) hoard[hoarded++] = taken;
  REQUIRE(errno == EMFILE);
}

static void free_all(void) {
  while (hoarded > 0) close(hoard[--hoarded]);
}

/* ---- The server --------------------------------------------------------------- */

static void start(const char *where) {
  struct sockaddr_in *internet = (struct sockaddr_in *)&address;
  struct sockaddr_un *local = (struct sockaddr_un *)&address;
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.stateless = 1;
  options.on_event = on_event;
  options.on_log = on_log;
  options.server_info = shttp_text("{\"name\":\"test\",\"version\":\"1\"}");
  options.server_capabilities = shttp_text("{}");
  warnings = 0;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(server, where, 0, NULL, 0));
  memset(&address, 0, sizeof address);
  if (strncmp(where, "unix:", 5) == 0) {
    local->sun_family = AF_UNIX;
    snprintf(local->sun_path, sizeof local->sun_path, "%s", where + 5);
    address_len = sizeof *local;
  } else {
    internet->sin_family = AF_INET;
    internet->sin_port = htons(shttp_server_port(server));
    internet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_len = sizeof *internet;
  }
}

static void stop(void) {
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
}

static uint64_t accept_pauses(void) {
  shttp_stats stats;
  CHECK_STATUS(shttp_server_stats(server, &stats), SHTTP_OK);
  return stats.accept_pauses;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for work as long as the loop says, and no longer than `most_ms`; then does it. */
static void step(int most_ms) {
  struct pollfd work = {.fd = shttp_loop_descriptor(loop), .events = POLLIN};
  int timeout = shttp_loop_timeout_ms(loop);
  poll(&work, 1, timeout < 0 || timeout > most_ms ? most_ms : timeout);
  REQUIRE_OK(shttp_loop_step(loop));
}

/* ---- Clients ------------------------------------------------------------------- */

static int new_client(void) {
  int client = socket(address.ss_family, SOCK_STREAM, 0);
  REQUIRE(client >= 0);
  return client;
}

static void ask(int client) {
  REQUIRE(connect(client, (struct sockaddr *)&address, address_len) == 0);
  REQUIRE(send(client, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1);
}

/* Counts the clients that have been answered; none may have been turned away. */
static int answered(const int *clients, int count) {
  char text[512];
  int answers = 0;
  for (int i = 0; i < count; i++) {
    ssize_t size = recv(clients[i], text, sizeof text - 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) continue;
    REQUIRE(size > 0);
    text[size] = '\0';
    answers += strstr(text, "\"result\":{}") != NULL;
  }
  return answers;
}

/* ---- Tests --------------------------------------------------------------------- */

/* `round`: how often descriptors have run out on this server, this time included. */
static void exhaust_and_free(uint64_t round) {
  int first = new_client(), waiting[WAITING];
  long until = now_ms() + PATIENCE_MS;
  ask(first);
  while (answered(&first, 1) < 1 && now_ms() < until) step(PATIENCE_MS);
  for (int i = 0; i < WAITING; i++) waiting[i] = new_client();
  take_all();
  for (int i = 0; i < WAITING; i++) ask(waiting[i]);
  while (accept_pauses() < round && now_ms() < until) step(100);

  int steps = 0;
  for (long rested = now_ms() + REST_MS; now_ms() < rested; steps++) step(REST_MS);
  CHECK(steps <= STEPS_AT_REST_MAX);
  CHECK(answered(waiting, WAITING) == 0);

  /* A connection ends: its descriptor serves the next client, without a wait. */
  close(first);
  take_all();
  for (int i = 0; i < 10; i++) step(0);
  CHECK(answered(waiting, WAITING) == 1);

  /* The host frees what it held, of which the server is not told. */
  free_all();
  while (answered(waiting, WAITING) < WAITING && now_ms() < until) step(PATIENCE_MS);
  CHECK(answered(waiting, WAITING) == WAITING);
  CHECK(accept_pauses() == round && (uint64_t)warnings == round);
  for (int i = 0; i < WAITING; i++) close(waiting[i]);
}

static void over_tcp(void) {
  start("127.0.0.1");
  exhaust_and_free(1);
  exhaust_and_free(2);
  stop();
}

static void over_a_unix_socket(void) {
  char directory[] = "/tmp/shttp-descriptors-XXXXXX", where[64];
  REQUIRE(mkdtemp(directory) != NULL);
  snprintf(where, sizeof where, "unix:%s/socket", directory);
  start(where);
  exhaust_and_free(1);
  stop();
  CHECK(rmdir(directory) == 0);
}

/* A server that cannot accept can still be ended. */
static void destroyed_meanwhile(void) {
  start("127.0.0.1");
  int client = new_client();
  long until = now_ms() + PATIENCE_MS;
  take_all();
  ask(client);
  while (accept_pauses() < 1 && now_ms() < until) step(100);
  CHECK(accept_pauses() == 1);
  stop();
  char byte;
  CHECK(recv(client, &byte, 1, 0) <= 0);
  close(client);
  free_all();
}

/* What cannot be made says why, and leaves nothing behind. */
static void nothing_to_start_with(void) {
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.server_info = shttp_text("{\"name\":\"test\",\"version\":\"1\"}");
  options.server_capabilities = shttp_text("{}");
  take_all();
  CHECK_STATUS(shttp_loop_create(NULL, &loop), SHTTP_ERR_DESCRIPTORS);
  free_all();
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  take_all();
  CHECK_STATUS(shttp_server_create(loop, &options, &server, NULL, 0), SHTTP_ERR_DESCRIPTORS);
  free_all();
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  take_all();
  CHECK_STATUS(shttp_server_listen(server, NULL, 0, NULL, 0), SHTTP_ERR_DESCRIPTORS);
  free_all();
  CHECK_STATUS(shttp_server_listen(server, NULL, 0, NULL, 0), SHTTP_OK);
  stop();
}

int main(int argc, char **argv) {
  struct rlimit limit;
  (void)argv;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = DESCRIPTORS;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  RUN(nothing_to_start_with);
  RUN(destroyed_meanwhile);
  /* valgrind keeps the limit by closing what has been accepted: there no client could wait. */
  if (argc > 1) return check_result();
  RUN(over_tcp);
  RUN(over_a_unix_socket);
  return check_result();
}
