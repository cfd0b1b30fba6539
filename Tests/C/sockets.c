/* Sockets that the host brings along, and servers that share their connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

#define PATIENCE_S 10

static atomic_int requests;
static _Atomic(shttp_server *) doomed; /* destroyed in the callback of its next request */

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  char result[64];
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  atomic_fetch_add(&requests, 1);
  if (server == doomed) {
    doomed = NULL;
    shttp_server_destroy(server);
    return;
  }
  snprintf(result, sizeof result, "{\"by\":\"%s\"}", user_data ? (const char *)user_data : "");
  CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text(result)), SHTTP_OK);
}

static shttp_server *create(shttp_loop *loop, const char *path) {
  shttp_server *server = NULL;
  shttp_server_options options = fixture_options(on_event, (void *)path);
  options.stateless = 1;
  options.response_mode = SHTTP_RESPONSE_JSON;
  options.path = path;
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  return server;
}

/* ---- A client of one connection ---------------------------------------------- */

static void be_patient(int fd) {
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
}

/* Posts a request, and reads until the response has `wanted` in it; false at the end of the connection. */
static bool ask(int fd, const char *path, const char *wanted) {
  char text[2048];
  size_t len = 0;
  static const char body[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test\"}";
  snprintf(text, sizeof text,
           "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
           path, strlen(body), body);
  if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) return false;
  text[0] = 0;
  while (strstr(text, wanted) == NULL) {
    ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);
    if (got <= 0) return false;
    len += (size_t)got;
    text[len] = 0;
  }
  return true;
}

static bool has_ended(int fd) {
  char byte;
  return recv(fd, &byte, 1, 0) == 0;
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void pair(int fds[2]) {
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  be_patient(fds[0]);
}

static int bound(struct sockaddr_in *address, int kind) {
  socklen_t length = sizeof *address;
  int fd = socket(AF_INET, kind, 0);
  REQUIRE(fd >= 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  REQUIRE(bind(fd, (struct sockaddr *)address, sizeof *address) == 0);
  REQUIRE(getsockname(fd, (struct sockaddr *)address, &length) == 0);
  return fd;
}

static int connected(const struct sockaddr *address, socklen_t length) {
  int fd = socket(address->sa_family, SOCK_STREAM, 0);
  REQUIRE(fd >= 0 && connect(fd, address, length) == 0);
  be_patient(fd);
  return fd;
}

/* ---- Listening ---------------------------------------------------------------- */

static void *listen_elsewhere(void *data) {
  struct sockaddr_in address;
  int fd = bound(&address, SOCK_STREAM);
  REQUIRE(listen(fd, 8) == 0);
  CHECK_STATUS(shttp_server_listen_fd(data, fd), SHTTP_ERR_WRONG_THREAD);
  CHECK(is_open(fd));
  close(fd);
  return NULL;
}

static void listening(void) {
  struct fixture fixture = {0};
  struct sockaddr_in address;
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  pthread_t thread;
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  fixture.server = create(fixture.loop, "/mcp");
  int tcp = bound(&address, SOCK_STREAM), copy;
  CHECK_STATUS(shttp_server_listen_fd(fixture.server, tcp), SHTTP_ERR_INVALID_ARGUMENT); /* no listen() yet */
  CHECK(is_open(tcp) && shttp_server_port(fixture.server) == 0);
  REQUIRE(listen(tcp, 8) == 0);
  copy = dup(tcp);
  CHECK_STATUS(shttp_server_listen_fd(fixture.server, tcp), SHTTP_OK);
  CHECK(shttp_server_port(fixture.server) == ntohs(address.sin_port));
  CHECK((fcntl(tcp, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(tcp, F_GETFL) & O_NONBLOCK) != 0);
  CHECK_STATUS(shttp_server_listen_fd(fixture.server, tcp), SHTTP_ERR_SYSTEM); /* it is watched already */
  CHECK_STATUS(shttp_server_listen(fixture.server, NULL, 0, NULL, 0), SHTTP_ERR_BUSY);

  int stream = socket(AF_UNIX, SOCK_STREAM, 0); /* a second one, in the abstract namespace */
  snprintf(local.sun_path + 1, sizeof local.sun_path - 1, "shttp-sockets-%d", (int)getpid());
  REQUIRE(bind(stream, (struct sockaddr *)&local, sizeof local) == 0 && listen(stream, 8) == 0);
  CHECK_STATUS(shttp_server_listen_fd(fixture.server, stream), SHTTP_OK);

  REQUIRE_OK(shttp_loop_run_thread(fixture.loop));
  REQUIRE(pthread_create(&thread, NULL, listen_elsewhere, fixture.server) == 0);
  pthread_join(thread, NULL);
  int first = connected((struct sockaddr *)&address, sizeof address);
  int second = connected((struct sockaddr *)&local, sizeof local);
  CHECK(ask(first, "/mcp", "\"by\"") && ask(second, "/mcp", "\"by\""));
  close(first);
  close(second);
  fixture_stop(&fixture);
  CHECK(!is_open(tcp) && !is_open(stream));
  /* The socket itself listens on: whoever has a copy serves the clients that wait. */
  first = connected((struct sockaddr *)&address, sizeof address);
  CHECK(is_open(copy) && accept(copy, NULL, NULL) >= 0);
  close(first);
  close(copy);
}

/* ---- Connected sockets ---------------------------------------------------------- */

static void adopting(void) {
  struct fixture fixture = {0};
  int fds[2], twice[2], late[2];
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  fixture.server = create(fixture.loop, "/mcp");
  pair(fds);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, fds[1]), SHTTP_OK); /* before the loop runs */
  REQUIRE_OK(shttp_loop_run_thread(fixture.loop));
  CHECK(ask(fds[0], "/mcp", "\"by\"") && ask(fds[0], "/mcp", "\"by\""));
  close(fds[0]);

  pair(twice); /* given twice by mistake: the first time counts */
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, twice[1]), SHTTP_OK);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, twice[1]), SHTTP_OK);
  CHECK(ask(twice[0], "/mcp", "\"by\"") && ask(twice[0], "/mcp", "\"by\""));
  close(twice[0]);

  pair(late);
  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, late[1]), SHTTP_ERR_CLOSED);
  CHECK(is_open(late[1]));
  close(late[0]);
  close(late[1]);
  fixture_stop(&fixture);
}

static void refused(int fd) {
  shttp_loop *loop;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  shttp_server *server = create(loop, "/mcp");
  CHECK_STATUS(shttp_server_adopt_fd(server, fd), SHTTP_ERR_INVALID_ARGUMENT);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
}

static void no_sockets(void) {
  struct sockaddr_in address;
  int pipes[2], closed = dup(0);
  close(closed);
  refused(-1);
  refused(closed);
  refused(1 << 30);
  REQUIRE(pipe(pipes) == 0);
  refused(pipes[0]);
  int datagrams = bound(&address, SOCK_DGRAM), listener = bound(&address, SOCK_STREAM);
  refused(datagrams);
  refused(listener); /* bound, not connected */
  REQUIRE(listen(listener, 1) == 0);
  refused(listener);
  CHECK(is_open(pipes[0]) && is_open(datagrams) && is_open(listener));
  CHECK_STATUS(shttp_server_adopt_fd(NULL, pipes[0]), SHTTP_ERR_INVALID_ARGUMENT);
  close(pipes[0]);
  close(pipes[1]);
  close(datagrams);
  close(listener);
}

/* What is on its way to a server that ends is closed, and so is what a full server gets. */
static void never_served(void) {
  struct fixture fixture;
  int fds[2], more[2];
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  fixture.server = create(fixture.loop, "/mcp");
  pair(fds);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, fds[1]), SHTTP_OK);
  shttp_server_destroy(fixture.server);
  shttp_loop_destroy(fixture.loop);
  CHECK(has_ended(fds[0]));
  close(fds[0]);

  shttp_server_options options = fixture_options(on_event, NULL);
  options.connections_max = 1;
  options.address_share_percent = 100;
  fixture_start(&fixture, &options);
  pair(fds);
  pair(more);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, fds[1]), SHTTP_OK);
  CHECK_STATUS(shttp_server_adopt_fd(fixture.server, more[1]), SHTTP_OK);
  CHECK(has_ended(more[0]));
  close(fds[0]);
  close(more[0]);
  fixture_stop(&fixture);
}

/* ---- Several servers -------------------------------------------------------------- */

/* `own_loop`: the mounted server runs on a thread of its own. */
static void mounted(bool own_loop) {
  shttp_loop *loop, *other_loop = NULL;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  if (own_loop) REQUIRE_OK(shttp_loop_create(NULL, &other_loop));
  shttp_server *front = create(loop, "/a"), *other = create(own_loop ? other_loop : loop, "/b");
  shttp_server *same = create(loop, "/a"), *third = create(loop, "/c");
  CHECK_STATUS(shttp_server_mount(front, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_mount(front, front), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_server_mount(front, same), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_server_mount(front, other), SHTTP_OK);
  CHECK_STATUS(shttp_server_mount(front, other), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_server_mount(third, other), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_server_mount(other, third), SHTTP_ERR_BUSY);
  CHECK_STATUS(shttp_server_mount(front, third), SHTTP_OK);
  REQUIRE_OK(shttp_server_listen(front, NULL, 0, NULL, 0));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(shttp_server_port(front));
  REQUIRE_OK(shttp_loop_run_thread(loop));
  if (own_loop) REQUIRE_OK(shttp_loop_run_thread(other_loop));

  int fd = connected((struct sockaddr *)&address, sizeof address);
  for (int i = 0; i < 20; i++)
    CHECK(ask(fd, "/a", "\"by\":\"/a\"") && ask(fd, "/b", "\"by\":\"/b\"") && ask(fd, "/c?x", "\"by\":\"/c\"") &&
          ask(fd, "/b", "\"by\":\"/b\""));
  CHECK(ask(fd, "/d", " 404 "));
  close(fd);

  /* One that ends, from outside or in a callback, is no longer reached. */
  CHECK_STATUS(shttp_server_close(third), SHTTP_OK);
  fd = connected((struct sockaddr *)&address, sizeof address);
  CHECK(ask(fd, "/a", "\"by\":\"/a\"") && ask(fd, "/c", " 404 "));
  close(fd);
  doomed = other;
  fd = connected((struct sockaddr *)&address, sizeof address);
  CHECK(!ask(fd, "/b", "\"by\""));
  close(fd);
  fd = connected((struct sockaddr *)&address, sizeof address);
  CHECK(ask(fd, "/a", "\"by\":\"/a\"") && ask(fd, "/b", " 404 "));
  close(fd);

  REQUIRE_OK(shttp_loop_stop(loop));
  REQUIRE_OK(shttp_loop_join(loop));
  if (own_loop) shttp_loop_destroy(other_loop);
  shttp_server_destroy(third);
  shttp_server_destroy(same);
  shttp_server_destroy(front);
  shttp_loop_destroy(loop);
}

static void mounted_on_one_loop(void) { mounted(false); }
static void mounted_on_two_loops(void) { mounted(true); }

/* Connections change servers while these come and go on a loop of their own. */
static void mounted_and_gone(void) {
  for (int round = 0; round < 20; round++) {
    shttp_loop *loop, *other_loop;
    REQUIRE_OK(shttp_loop_create(NULL, &loop));
    REQUIRE_OK(shttp_loop_create(NULL, &other_loop));
    shttp_server *front = create(loop, "/a"), *other = create(other_loop, "/b");
    CHECK_STATUS(shttp_server_mount(front, other), SHTTP_OK);
    REQUIRE_OK(shttp_loop_run_thread(loop));
    if (round % 2) REQUIRE_OK(shttp_loop_run_thread(other_loop));
    int fds[2];
    pair(fds);
    CHECK_STATUS(shttp_server_adopt_fd(front, fds[1]), SHTTP_OK);
    static const char head[] = "POST /b HTTP/1.1\r\nHost: localhost\r\n\r\n";
    CHECK(send(fds[0], head, sizeof head - 1, MSG_NOSIGNAL) == sizeof head - 1);
    if (round % 4 < 2) usleep(1000);
    shttp_loop_destroy(other_loop);
    char answer[1024];
    ssize_t got;
    shutdown(fds[0], SHUT_WR);
    while ((got = recv(fds[0], answer, sizeof answer, 0)) > 0) continue;
    CHECK(got == 0 || errno == ECONNRESET);
    close(fds[0]);
    REQUIRE_OK(shttp_loop_stop(loop));
    REQUIRE_OK(shttp_loop_join(loop));
    shttp_server_destroy(front);
    shttp_loop_destroy(loop);
  }
}

int main(void) {
  RUN(listening);
  RUN(adopting);
  RUN(no_sockets);
  RUN(never_served);
  RUN(mounted_on_one_loop);
  RUN(mounted_on_two_loops);
  RUN(mounted_and_gone);
  return check_result();
}
