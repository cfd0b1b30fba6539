/* Requests for other paths than the endpoint's, answered as a whole and in parts, at once and from other threads. */
#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"
#include "fixture.h"

#define EMPTY shttp_text("")

enum { CHUNK = 64 << 10, CHUNKS = 40, UNSENT_MAX = 256 << 10 };

static const shttp_exchange none = {0};

static shttp_header header(const char *name, const char *value) {
  shttp_header header = {shttp_text(name), shttp_text(value)};
  return header;
}

/* ---- A client that sends and reads bytes ------------------------------------------ */

static int dial(const struct fixture *fixture) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
  struct timeval wait = {.tv_sec = 10};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0 && inet_pton(AF_INET, "127.0.0.1", &to.sin_addr) == 1);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
  return fd;
}

static void say(int fd, const char *text) {
  REQUIRE(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void ask(int fd, const char *line) {
  char request[400];
  snprintf(request, sizeof request, "%s\r\nHost: localhost\r\n\r\n", line);
  say(fd, request);
}

/* Reads until `end` has come, or the end of the connection; what has come, NUL-terminated. */
static const char *hear(int fd, const char *end) {
  static char heard[16384];
  size_t len = 0;
  heard[0] = '\0';
  while (len < sizeof heard - 1 && (end == NULL || strstr(heard, end) == NULL)) {
    ssize_t got = recv(fd, heard + len, sizeof heard - 1 - len, 0);
    if (got <= 0) break;
    len += (size_t)got;
    heard[len] = '\0';
  }
  return heard;
}

/* ---- A host that answers in its callback ------------------------------------------- */

static atomic_int closed, writable, sent_chunks, wanted_chunks;
static atomic_ullong waiting, streaming;

static void stream(shttp_server *server, shttp_exchange exchange) {
  static char chunk[CHUNK];
  while (atomic_load(&sent_chunks) < atomic_load(&wanted_chunks)) {
    shttp_status status = shttp_exchange_write(server, exchange, (shttp_bytes){(uint8_t *)chunk, CHUNK});
    if (status == SHTTP_ERR_LIMIT) return;
    CHECK_STATUS(status, SHTTP_OK);
    atomic_fetch_add(&sent_chunks, 1);
  }
  CHECK_STATUS(shttp_exchange_end(server, exchange), SHTTP_OK);
}

static void wrong_answers(shttp_server *server, shttp_exchange exchange) {
  const shttp_bytes broken = {NULL, 4};
  static const char *const names[] = {
      "",           "a b",  "a:",      "a\r\nb", "Connection", "content-LENGTH", "Transfer-Encoding",
      "Keep-Alive", "Date", "TRAILER", "upgrade"};
  static const char *const values[] = {"a\r\nb: c", "a\nb", "a\rb", "\x01", "\x7f"};
  shttp_header one = header("a", "b");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    one = header(names[i], "1");
    CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, EMPTY), SHTTP_ERR_INVALID_HEADER);
    CHECK_STATUS(shttp_exchange_start(server, exchange, 200, &one, 1), SHTTP_ERR_INVALID_HEADER);
  }
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    one = header("a", values[i]);
    CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, EMPTY), SHTTP_ERR_INVALID_HEADER);
  }
  one = (shttp_header){shttp_text("a"), {(const uint8_t *)"x\0y", 3}};
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, EMPTY), SHTTP_ERR_INVALID_HEADER);
  one.value = broken;
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  one = header("a", "b");
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, NULL, 1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, (size_t)-1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, broken), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 199, &one, 1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 600, &one, 1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(NULL, exchange, 200, NULL, 0, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_exchange_respond(server, none, 200, NULL, 0, EMPTY), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_exchange_write(server, exchange, EMPTY), SHTTP_ERR_NO_STREAM);
  CHECK_STATUS(shttp_exchange_end(server, exchange), SHTTP_ERR_NO_STREAM);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, shttp_text("right")), SHTTP_OK);
  CHECK_STATUS(shttp_exchange_respond(server, exchange, 200, &one, 1, shttp_text("twice")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_exchange_start(server, exchange, 200, NULL, 0), SHTTP_ERR_NOT_FOUND);
}

static void on_http(shttp_server *server, const shttp_event *event) {
  const shttp_header type = header("Content-Type", "text/plain");
  CHECK(event->peer.len > 0 && event->headers.len > 0 && event->session.key == 0 && event->exchange.key != 0);
  if (check_is(event->target, "/echo"))
    CHECK_STATUS(shttp_exchange_respond(server, event->exchange, 201, &type, 1, event->body), SHTTP_OK);
  else if (check_is(event->target, "/wrong")) wrong_answers(server, event->exchange);
  else if (check_is(event->target, "/big")) {
    CHECK_STATUS(shttp_exchange_start(server, event->exchange, 200, &type, 1), SHTTP_OK);
    atomic_store(&streaming, event->exchange.key);
    stream(server, event->exchange);
  } else if (check_is(event->target, "/close")) {
    CHECK_STATUS(shttp_server_close(server), SHTTP_OK);
    CHECK_STATUS(shttp_exchange_respond(server, event->exchange, 200, NULL, 0, EMPTY), SHTTP_ERR_CLOSED);
  } else if (check_is(event->target, "/destroy")) shttp_server_destroy(server);
  else atomic_store(&waiting, event->exchange.key);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  switch (event->kind) {
    case SHTTP_EVENT_HTTP_REQUEST: on_http(server, event); break;
    case SHTTP_EVENT_HTTP_CLOSED:
      CHECK(event->status == SHTTP_ERR_CLOSED || event->status == SHTTP_ERR_DISCONNECTED);
      CHECK_STATUS(shttp_exchange_respond(server, event->exchange, 200, NULL, 0, EMPTY),
                   event->status == SHTTP_ERR_CLOSED ? SHTTP_ERR_CLOSED : SHTTP_ERR_NOT_FOUND);
      atomic_fetch_add(&closed, 1);
      break;
    case SHTTP_EVENT_HTTP_WRITABLE:
      CHECK(event->bytes_sent > 0 && event->bytes_sent % CHUNK == 0);
      atomic_fetch_add(&writable, 1);
      stream(server, event->exchange);
      break;
    default: break;
  }
}

static shttp_server_options options_for(shttp_on_event on_event) {
  shttp_server_options options = fixture_options(on_event, NULL);
  options.other_paths = 1;
  options.unsent_bytes_max = UNSENT_MAX;
  return options;
}

static void answers(void) {
  struct fixture fixture;
  shttp_server_options options = options_for(on_event);
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  const char *answer = hear(fd, "hello");
  CHECK(strncmp(answer, "HTTP/1.1 201 ", 13) == 0 && strstr(answer, "\r\nContent-Length: 5\r\n") != NULL);
  CHECK(strstr(answer, "\r\nContent-Type: text/plain\r\n") != NULL && strstr(answer, "\r\nDate: ") != NULL);
  ask(fd, "GET /wrong HTTP/1.1");
  answer = hear(fd, "right");
  CHECK(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0 && strstr(answer, "twice") == NULL);
  /* The endpoint is the library's, beside a session on the same server. */
  struct client client = fixture_client(&fixture);
  CHECK(client_delete(&client) == 204);
  close(fd);
  fixture_stop(&fixture);
}

/* The option is off: 404, and no event. */
static void off(void) {
  struct fixture fixture;
  shttp_server_options options = options_for(on_event);
  options.other_paths = 0;
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  ask(fd, "GET /echo HTTP/1.1");
  CHECK(strncmp(hear(fd, "path"), "HTTP/1.1 404 ", 13) == 0);
  close(fd);
  fixture_stop(&fixture);
}

/* A client that reads late gets all of it, and what it has not read is bounded meanwhile. */
static void slow_reader(void) {
  struct fixture fixture;
  static char part[CHUNK];
  shttp_server_options options = options_for(on_event);
  shttp_stats stats;
  size_t got = 0;
  ssize_t more;
  atomic_store(&sent_chunks, 0);
  atomic_store(&wanted_chunks, CHUNKS);
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  ask(fd, "GET /big HTTP/1.0");
  const struct timespec pause = {.tv_nsec = 100000000};
  nanosleep(&pause, NULL);
  REQUIRE_OK(shttp_server_stats(fixture.server, &stats));
  CHECK(stats.unsent_bytes <= UNSENT_MAX && stats.exchanges <= 1);
  while ((more = recv(fd, part, sizeof part, 0)) > 0) got += (size_t)more;
  CHECK(got > (size_t)CHUNK * CHUNKS && got < (size_t)CHUNK * CHUNKS + 300);
  CHECK(atomic_load(&writable) > 0);
  close(fd);
  fixture_stop(&fixture);
}

static void hang_up(void) {
  struct fixture fixture;
  shttp_server_options options = options_for(on_event);
  int before = atomic_load(&closed);
  atomic_store(&waiting, 0);
  atomic_store(&sent_chunks, 0);
  atomic_store(&wanted_chunks, INT_MAX); /* more than any buffer of the kernel takes */
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  ask(fd, "GET /wait HTTP/1.1");
  for (int i = 0; i < 1000 && atomic_load(&waiting) == 0; i++) usleep(1000);
  close(fd);
  CHECK(reaches(&closed, before + 1));
  fd = dial(&fixture);
  ask(fd, "GET /big HTTP/1.1");
  hear(fd, "\r\n\r\n");
  close(fd);
  CHECK(reaches(&closed, before + 2));
  fixture_stop(&fixture);
}

/* An answer after the server has closed, and a server that is destroyed while it asks. */
static void ends(void) {
  struct fixture fixture;
  shttp_server_options options = options_for(on_event);
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  ask(fd, "GET /close HTTP/1.1");
  CHECK(strncmp(hear(fd, NULL), "HTTP/1.1 503 ", 13) == 0);
  close(fd);
  fixture_stop(&fixture);
  fixture_start(&fixture, &options);
  fd = dial(&fixture);
  ask(fd, "GET /destroy HTTP/1.1");
  CHECK(hear(fd, NULL)[0] == '\0');
  close(fd);
  REQUIRE_OK(shttp_loop_stop(fixture.loop));
  REQUIRE_OK(shttp_loop_join(fixture.loop));
  shttp_loop_destroy(fixture.loop);
}

/* ---- Other threads ------------------------------------------------------------------ */

enum { THREADS = 3, EXCHANGES = 60 };

static atomic_int failed;

static void *answer_one(void *data) {
  struct fixture *fixture = data;
  const shttp_header type = header("Content-Type", "text/plain");
  for (;;) {
    shttp_exchange exchange = {atomic_exchange(&waiting, 0)};
    if (exchange.key == 1) return NULL;
    if (exchange.key == 0) {
      usleep(100);
      continue;
    }
    CHECK_STATUS(shttp_exchange_start(fixture->server, exchange, 200, &type, 1), SHTTP_OK);
    CHECK_STATUS(shttp_exchange_write(fixture->server, exchange, shttp_text("from ")), SHTTP_OK);
    CHECK_STATUS(shttp_exchange_write(fixture->server, exchange, shttp_text("afar")), SHTTP_OK);
    CHECK_STATUS(shttp_exchange_end(fixture->server, exchange), SHTTP_OK);
    CHECK_STATUS(shttp_exchange_end(fixture->server, exchange), SHTTP_OK); /* queued; fails later */
  }
}

static void on_remote(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server, (void)user_data;
  if (event->kind == SHTTP_EVENT_HTTP_REQUEST) atomic_store(&waiting, event->exchange.key);
  if (event->kind != SHTTP_EVENT_COMMAND_FAILED) return;
  CHECK(event->status == SHTTP_ERR_NOT_FOUND && event->exchange.key != 0);
  atomic_fetch_add(&failed, 1);
}

static void threads(void) {
  struct fixture fixture;
  pthread_t threads[THREADS];
  shttp_server_options options = options_for(on_remote);
  atomic_store(&waiting, 0);
  fixture_start(&fixture, &options);
  for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, answer_one, &fixture) == 0);
  int fd = dial(&fixture);
  for (int i = 0; i < EXCHANGES; i++) {
    ask(fd, "GET /x HTTP/1.1");
    const char *answer = hear(fd, "0\r\n\r\n");
    CHECK(strstr(answer, "from ") != NULL && strstr(answer, "afar") != NULL);
  }
  CHECK(reaches(&failed, EXCHANGES));
  close(fd);
  for (int i = 0; i < THREADS; i++) {
    while (atomic_load(&waiting) != 0) usleep(100);
    atomic_store(&waiting, 1);
    while (atomic_load(&waiting) != 0) usleep(100);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  fixture_stop(&fixture);
}

/* ---- The third answer to an authorization, and tags ----------------------------------- */

static atomic_int released, tagged;

static void on_question(shttp_server *server, const shttp_event *event, void *user_data) {
  const shttp_header fields[] = {header("Location", "/login"), header("Set-Cookie", "a=b")};
  (void)user_data;
  switch (event->kind) {
    case SHTTP_EVENT_AUTHORIZE:
      if (event->credentials.len == 0) {
        const shttp_header bad = header("a", "\n");
        CHECK_STATUS(shttp_authorization_answer(server, event->authorization, 302, &bad, 1, EMPTY),
                     SHTTP_ERR_INVALID_HEADER);
        CHECK_STATUS(shttp_authorization_answer(server, event->authorization, 100, NULL, 0, EMPTY),
                     SHTTP_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(shttp_authorization_answer(server, event->authorization, 302, fields, 2, shttp_text("gone")),
                     SHTTP_OK);
        CHECK_STATUS(shttp_authorization_answer(server, event->authorization, 302, fields, 2, EMPTY),
                     SHTTP_ERR_NOT_FOUND);
      } else {
        CHECK_STATUS(shttp_authorization_allow_tagged(server, event->authorization, shttp_text("joe"), 0,
                                                      event->authorization.key),
                     SHTTP_OK);
        atomic_fetch_add(&tagged, 1);
      }
      break;
    case SHTTP_EVENT_REQUEST:
      CHECK(event->tag != 0);
      CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{}")), SHTTP_OK);
      break;
    case SHTTP_EVENT_NOTIFICATION:
    case SHTTP_EVENT_SESSION_OPENED: CHECK(event->tag != 0); break;
    case SHTTP_EVENT_TAG_RELEASED:
      CHECK(event->tag != 0 && check_is(event->principal, "joe"));
      atomic_fetch_add(&released, 1);
      break;
    default: CHECK(event->tag == 0); break;
  }
}

static void authorization(void) {
  struct fixture fixture;
  struct client client;
  shttp_server_options options = options_for(on_question);
  options.authorize = 1;
  fixture_start(&fixture, &options);
  int fd = dial(&fixture);
  ask(fd, "GET /mcp HTTP/1.1");
  const char *answer = hear(fd, "gone");
  CHECK(strncmp(answer, "HTTP/1.1 302 ", 13) == 0 && strstr(answer, "\r\nSet-Cookie: a=b\r\n") != NULL);
  close(fd);
  REQUIRE(client_open_as(&client, "127.0.0.1", fixture.port, "token"));
  char *result = client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}");
  CHECK(result != NULL);
  free(result);
  CHECK(client_delete(&client) == 204);
  CHECK(reaches(&released, atomic_load(&tagged)));
  fixture_stop(&fixture);
}

int main(void) {
  RUN(off);
  RUN(answers);
  RUN(slow_reader);
  RUN(hang_up);
  RUN(ends);
  RUN(threads);
  RUN(authorization);
  return check_result();
}
