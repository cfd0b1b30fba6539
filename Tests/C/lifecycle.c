/* Loops and servers made, run, stopped and destroyed in every order; every way to run a loop and to listen. */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <uv.h>

#include "check.h"
#include "fixture.h"

static atomic_int freed;      /* calls of user_data_free */
static atomic_int closed;     /* SHTTP_EVENT_CLOSED */
static atomic_int ended;      /* SHTTP_EVENT_SESSION_CLOSED */
static shttp_loop *stop_loop; /* the loop that on_event stops at a "test/stop" notification */

static void on_free(void *user_data) {
  CHECK(user_data == &freed);
  atomic_fetch_add(&freed, 1);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  CHECK(user_data == &freed);
  CHECK(atomic_load(&closed) == 0);
  if (event->kind == SHTTP_EVENT_REQUEST)
    CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{\"echo\":1}")), SHTTP_OK);
  if (event->kind == SHTTP_EVENT_NOTIFICATION && check_is(event->method, "test/stop"))
    CHECK_STATUS(shttp_loop_stop(stop_loop), SHTTP_OK);
  if (event->kind == SHTTP_EVENT_SESSION_CLOSED) atomic_fetch_add(&ended, 1);
  if (event->kind == SHTTP_EVENT_CLOSED) atomic_fetch_add(&closed, 1);
}

static shttp_server_options options(void) {
  shttp_server_options options = fixture_options(on_event, &freed);
  options.user_data_free = on_free;
  return options;
}

static void reset(void) {
  atomic_store(&freed, 0);
  atomic_store(&closed, 0);
  atomic_store(&ended, 0);
}

static void make(shttp_loop **loop, shttp_server **server) {
  shttp_server_options server_options = options();
  reset();
  REQUIRE_OK(shttp_loop_create(NULL, loop));
  REQUIRE_OK(shttp_server_create(*loop, &server_options, server, NULL, 0));
}

/* A whole session over the wire: open, ask, delete. */
static void converse(const char *address, uint16_t port) {
  struct client client;
  if (!CHECK(client_open(&client, address, port))) return;
  char *answer = client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"test/echo\"}");
  CHECK(answer && strstr(answer, "\"echo\"") && strstr(answer, "\"id\":7"));
  free(answer);
  CHECK(client_delete(&client) / 100 == 2);
}

/* ---- Orders ------------------------------------------------------------------ */

static void never_run(void) {
  shttp_loop *loop;
  shttp_server *server;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  shttp_loop_destroy(loop);

  make(&loop, &server);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);

  make(&loop, &server);
  shttp_loop_destroy(loop); /* takes the server with it */
  CHECK(freed == 1);

  make(&loop, &server);
  CHECK(shttp_server_port(server) == 0);
  REQUIRE_OK(shttp_server_listen(server, "127.0.0.1", 0, NULL, 0));
  uint16_t port = shttp_server_port(server);
  CHECK(port != 0);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);

  make(&loop, &server); /* the port is free again at once */
  CHECK_STATUS(shttp_server_listen(server, "127.0.0.1", port, NULL, 0), SHTTP_OK);
  CHECK_STATUS(shttp_server_close(server), SHTTP_OK);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

static void own_thread(void) {
  shttp_loop *loop;
  shttp_server *server;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  REQUIRE_OK(shttp_loop_run_thread(loop));
  CHECK_STATUS(shttp_loop_run_thread(loop), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_loop_run(loop), SHTTP_ERR_BUSY);
  converse("127.0.0.1", shttp_server_port(server));
  CHECK(reaches(&ended, 1));
  CHECK_STATUS(shttp_server_close(server), SHTTP_OK);
  CHECK(reaches(&closed, 1));
  CHECK(freed == 0);
  REQUIRE_OK(shttp_loop_stop(loop));
  REQUIRE_OK(shttp_loop_join(loop));
  CHECK_STATUS(shttp_loop_join(loop), SHTTP_ERR_NOT_FOUND);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

static void runs_again_after_stop(void) {
  shttp_loop *loop;
  shttp_server *server;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  for (int round = 0; round < 3; round++) {
    REQUIRE_OK(shttp_loop_run_thread(loop));
    converse("127.0.0.1", shttp_server_port(server));
    REQUIRE_OK(shttp_loop_stop(loop));
    REQUIRE_OK(shttp_loop_join(loop));
  }
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

/* shttp_loop_destroy() alone, while the thread runs and clients are connected. */
static void destroyed_while_running(void) {
  shttp_loop *loop;
  shttp_server *server;
  struct client client;
  struct sse_event event;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  REQUIRE_OK(shttp_loop_run_thread(loop));
  REQUIRE(client_open(&client, "127.0.0.1", shttp_server_port(server)));
  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 200);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
  CHECK(closed == 0);
  CHECK(!exchange_event(primary, &event));
  exchange_end(primary);
}

static void two_servers_on_one_loop(void) {
  shttp_loop *loop;
  shttp_server *one, *two;
  shttp_server_options both = options();
  make(&loop, &one);
  REQUIRE_OK(shttp_server_create(loop, &both, &two, NULL, 0));
  REQUIRE_OK(shttp_server_listen(one, NULL, 0, NULL, 0));
  REQUIRE_OK(shttp_server_listen(two, NULL, 0, NULL, 0));
  REQUIRE_OK(shttp_loop_run_thread(loop));
  converse("127.0.0.1", shttp_server_port(one));
  converse("127.0.0.1", shttp_server_port(two));
  REQUIRE_OK(shttp_loop_stop(loop));
  REQUIRE_OK(shttp_loop_join(loop));
  shttp_server_destroy(one);
  CHECK(freed == 1);
  shttp_loop_destroy(loop);
  CHECK(freed == 2);
}

/* ---- Who runs the loop -------------------------------------------------------- */

struct talk {
  uint16_t port;
  atomic_int over;
  void (*then)(void *);
  void *with;
};

static void *talk_thread(void *data) {
  struct talk *talk = data;
  converse("127.0.0.1", talk->port);
  atomic_store(&talk->over, 1);
  if (talk->then) talk->then(talk->with);
  return NULL;
}

static void stop_it(void *loop) { CHECK_STATUS(shttp_loop_stop(loop), SHTTP_OK); }

static void callers_thread(void) {
  shttp_loop *loop;
  shttp_server *server;
  pthread_t thread;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  for (int round = 0; round < 2; round++) {
    struct talk talk = {.port = shttp_server_port(server), .then = stop_it, .with = loop};
    pthread_create(&thread, NULL, talk_thread, &talk);
    CHECK_STATUS(shttp_loop_run(loop), SHTTP_OK);
    pthread_join(thread, NULL);
  }
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

static void *run_thread(void *loop) {
  CHECK_STATUS(shttp_loop_run(loop), SHTTP_OK);
  return NULL;
}

/* shttp_loop_destroy() does nothing while another thread of the host runs the loop. */
static void destroyed_on_another_thread(void) {
  shttp_loop *loop;
  shttp_server *server;
  pthread_t thread;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  uint16_t port = shttp_server_port(server);
  pthread_create(&thread, NULL, run_thread, loop);
  converse("127.0.0.1", port); /* The loop is running. */
  shttp_loop_destroy(loop);
  REQUIRE(freed == 0);
  converse("127.0.0.1", port);
  CHECK_STATUS(shttp_loop_stop(loop), SHTTP_OK);
  pthread_join(thread, NULL);
  CHECK(freed == 0);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

static void *notify_thread(void *data) {
  struct client client;
  uint16_t *port = data;
  CHECK(client_open(&client, "127.0.0.1", *port));
  client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/stop\"}");
  return NULL;
}

static void stopped_before_it_runs(void) {
  shttp_loop *loop;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  CHECK_STATUS(shttp_loop_stop(loop), SHTTP_OK);
  CHECK_STATUS(shttp_loop_run(loop), SHTTP_OK);
  CHECK_STATUS(shttp_loop_stop(loop), SHTTP_OK);
  CHECK_STATUS(shttp_loop_run_thread(loop), SHTTP_OK);
  CHECK_STATUS(shttp_loop_join(loop), SHTTP_OK);
  shttp_loop_destroy(loop);
}

static void stopped_from_a_callback(void) {
  shttp_server *server;
  pthread_t thread;
  make(&stop_loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  uint16_t port = shttp_server_port(server);
  pthread_create(&thread, NULL, notify_thread, &port);
  CHECK_STATUS(shttp_loop_run(stop_loop), SHTTP_OK);
  shttp_loop_destroy(stop_loop); /* ends the client's connection, if it still waits */
  pthread_join(thread, NULL);
  CHECK(freed == 1);
}

/* For uv_async_t, the one libuv handle another thread may touch. */
static void wake(void *async) { uv_async_send(async); }

struct embedded {
  shttp_loop *loop;
  shttp_server *server;
};

static void on_wake(uv_async_t *async) {
  struct embedded *embedded = async->data;
  shttp_server_destroy(embedded->server);
  shttp_loop_destroy(embedded->loop);
  uv_close((uv_handle_t *)async, NULL);
}

static void hosts_uv_loop(void) {
  uv_loop_t uv;
  uv_async_t async;
  pthread_t thread;
  struct embedded embedded;
  shttp_loop_options loop_options;
  shttp_server_options server_options = options();
  reset();
  uv_loop_init(&uv);
  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = &uv;
  REQUIRE_OK(shttp_loop_create(&loop_options, &embedded.loop));
  REQUIRE_OK(shttp_server_create(embedded.loop, &server_options, &embedded.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(embedded.server, NULL, 0, NULL, 0));
  CHECK_STATUS(shttp_loop_run(embedded.loop), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_loop_run_thread(embedded.loop), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_loop_step(embedded.loop), SHTTP_ERR_BUSY);
  uv_async_init(&uv, &async, on_wake);
  async.data = &embedded;
  struct talk talk = {.port = shttp_server_port(embedded.server), .then = wake, .with = &async};
  pthread_create(&thread, NULL, talk_thread, &talk);
  uv_run(&uv, UV_RUN_DEFAULT); /* ends by itself: nothing of the library keeps it */
  pthread_join(thread, NULL);
  CHECK(uv_loop_close(&uv) == 0);
  CHECK(freed == 1);
}

static void hosts_uv_loop_never_run(void) {
  uv_loop_t uv;
  shttp_loop *loop;
  shttp_server *server;
  shttp_loop_options loop_options;
  shttp_server_options server_options = options();
  reset();
  uv_loop_init(&uv);
  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = &uv;
  REQUIRE_OK(shttp_loop_create(&loop_options, &loop));
  REQUIRE_OK(shttp_server_create(loop, &server_options, &server, NULL, 0));
  shttp_loop_destroy(loop);
  uv_run(&uv, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&uv) == 0);
  CHECK(freed == 1);
}

static void poll_and_step(void) {
  shttp_loop *loop;
  shttp_server *server;
  pthread_t thread;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));
  struct pollfd ready = {.fd = shttp_loop_descriptor(loop), .events = POLLIN};
  CHECK(ready.fd >= 0);
  struct talk talk = {.port = shttp_server_port(server)};
  pthread_create(&thread, NULL, talk_thread, &talk);
  int idle_steps = 0;
  while (atomic_load(&talk.over) == 0) {
    int timeout_ms = shttp_loop_timeout_ms(loop);
    CHECK(timeout_ms >= -1);
    /* The end of the thread is no event of the loop's: look for it ten times a second. */
    if (timeout_ms < 0 || timeout_ms > 100) timeout_ms = 100;
    if (poll(&ready, 1, timeout_ms) == 0) idle_steps++;
    REQUIRE_OK(shttp_loop_step(loop));
  }
  pthread_join(thread, NULL);
  CHECK(idle_steps < 1000); /* it waited, it did not spin */
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

/* ---- Where to listen ------------------------------------------------------------ */

static int has_ipv6(void) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) return 0;
  struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int bound = bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
  close(fd);
  return bound;
}

static void serve_once(const char *address) {
  shttp_loop *loop;
  shttp_server *server;
  make(&loop, &server);
  REQUIRE_OK(shttp_server_listen(server, address, 0, NULL, 0));
  CHECK_STATUS(shttp_server_listen(server, address, 0, NULL, 0), SHTTP_ERR_BUSY);
  REQUIRE_OK(shttp_loop_run_thread(loop));
  converse(address, shttp_server_port(server));
  shttp_loop_destroy(loop);
  CHECK(freed == 1);
}

static void ipv6(void) {
  if (has_ipv6()) serve_once("::1");
  else printf("  skipped: this machine has no IPv6\n");
}

static void unix_socket(void) {
  char directory[] = "/tmp/shttp-test-XXXXXX", address[64];
  struct stat info;
  REQUIRE(mkdtemp(directory) != NULL);
  snprintf(address, sizeof address, "unix:%s/socket", directory);
  serve_once(address);
  CHECK(stat(address + 5, &info) != 0);

  /* A socket file that nobody listens on any more is replaced. */
  struct sockaddr_un stale = {.sun_family = AF_UNIX};
  snprintf(stale.sun_path, sizeof stale.sun_path, "%s", address + 5);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&stale, sizeof stale) == 0);
  close(fd);
  serve_once(address);

  /* A file that is no socket is nobody's to remove. */
  FILE *precious = fopen(address + 5, "w");
  fclose(precious);
  shttp_loop *loop;
  shttp_server *server;
  make(&loop, &server);
  CHECK(shttp_server_listen(server, address, 0, NULL, 0) != SHTTP_OK);
  shttp_loop_destroy(loop);
  CHECK(stat(address + 5, &info) == 0);
  unlink(address + 5);
  rmdir(directory);
}

static void addresses_that_fail(void) {
  shttp_loop *loop;
  shttp_server *server, *second;
  shttp_server_options server_options = options();
  make(&loop, &server);
  REQUIRE_OK(shttp_server_create(loop, &server_options, &second, NULL, 0));
  CHECK_STATUS(shttp_server_listen(server, "203.0.113.7", 0, NULL, 0), SHTTP_ERR_ADDRESS_UNAVAILABLE);
  CHECK_STATUS(shttp_server_listen(server, "not an address", 0, NULL, 0), SHTTP_ERR_ADDRESS_UNAVAILABLE);
  CHECK_STATUS(shttp_server_listen(server, "", 0, NULL, 0), SHTTP_ERR_ADDRESS_UNAVAILABLE);
  CHECK(shttp_server_listen(server, "unix:", 0, NULL, 0) != SHTTP_OK);
  CHECK(shttp_server_listen(server, "unix:/there/is/no/such/directory", 0, NULL, 0) != SHTTP_OK);
  char endless[400] = "unix:/tmp/";
  memset(endless + 10, 'x', sizeof endless - 11);
  CHECK(shttp_server_listen(server, endless, 0, NULL, 0) != SHTTP_OK);
  if (geteuid() != 0) CHECK_STATUS(shttp_server_listen(server, "127.0.0.1", 1, NULL, 0), SHTTP_ERR_PERMISSION);

  /* A server that could not listen may try again. */
  REQUIRE_OK(shttp_server_listen(server, "127.0.0.1", 0, NULL, 0));
  CHECK_STATUS(shttp_server_listen(second, "127.0.0.1", shttp_server_port(server), NULL, 0), SHTTP_ERR_ADDRESS_IN_USE);
  CHECK_STATUS(shttp_server_listen(second, "127.0.0.1", 0, NULL, 0), SHTTP_OK);
  CHECK_STATUS(shttp_server_close(second), SHTTP_OK);
  CHECK_STATUS(shttp_server_close(second), SHTTP_ERR_CLOSED);
  CHECK_STATUS(shttp_server_listen(second, "127.0.0.1", 0, NULL, 0), SHTTP_ERR_CLOSED);
  shttp_loop_destroy(loop);
  CHECK(freed == 2);
}

static void a_failed_create_frees_nothing(void) {
  shttp_loop *loop;
  shttp_server *server = (shttp_server *)&freed;
  shttp_server_options server_options = options();
  reset();
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  server_options.server_info = shttp_text("not an object");
  CHECK_STATUS(shttp_server_create(loop, &server_options, &server, NULL, 0), SHTTP_ERR_INVALID_OPTION);
  CHECK(server == (shttp_server *)&freed);
  shttp_loop_destroy(loop);
  CHECK(freed == 0);
}

int main(void) {
  RUN(never_run);
  RUN(a_failed_create_frees_nothing);
  RUN(own_thread);
  RUN(runs_again_after_stop);
  RUN(destroyed_while_running);
  RUN(two_servers_on_one_loop);
  RUN(callers_thread);
  RUN(destroyed_on_another_thread);
  RUN(stopped_before_it_runs);
  RUN(stopped_from_a_callback);
  RUN(hosts_uv_loop);
  RUN(hosts_uv_loop_never_run);
  RUN(poll_and_step);
  RUN(ipv6);
  RUN(unix_socket);
  RUN(addresses_that_fail);
  return check_result();
}
