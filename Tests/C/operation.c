/* What an operator does with a server that is in use: drains it, looks at its figures, sends clients away. */
#include <pthread.h>
#include <uv.h>

#include "check.h"
#include "fixture.h"

#define WAIT "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/wait\"}"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

/* What the host was told. A request waits, unless its method says what to do with it. */
static struct {
  atomic_int requests, opened, primaries, cancelled, sessions_closed, closed, freed;
  shttp_request request;
  shttp_session session;
  atomic_bool destroys; /* the server, once it has closed */
} host;

static void on_request(shttp_server *server, const shttp_event *event) {
  host.request = event->request;
  host.session = event->session;
  if (check_is(event->method, "test/drain")) {
    CHECK_STATUS(shttp_server_drain(server, MINUTE), SHTTP_OK);
    CHECK_STATUS(shttp_server_drain(server, 0), SHTTP_OK);
    CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{}")), SHTTP_ERR_NOT_FOUND);
  }
  atomic_fetch_add(&host.requests, 1);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  CHECK(atomic_load(&host.closed) == 0);
  switch (event->kind) {
    case SHTTP_EVENT_REQUEST: on_request(server, event); break;
    case SHTTP_EVENT_SESSION_OPENED: atomic_fetch_add(&host.opened, 1); break;
    case SHTTP_EVENT_PRIMARY_OPENED: atomic_fetch_add(&host.primaries, 1); break;
    case SHTTP_EVENT_CANCELLED:
      CHECK(event->request.key == host.request.key);
      atomic_fetch_add(&host.cancelled, 1);
      break;
    case SHTTP_EVENT_SESSION_CLOSED: atomic_fetch_add(&host.sessions_closed, 1); break;
    case SHTTP_EVENT_CLOSED:
      CHECK_STATUS(shttp_server_drain(server, 0), SHTTP_ERR_CLOSED);
      CHECK_STATUS(shttp_server_listen(server, NULL, 0, NULL, 0), SHTTP_ERR_CLOSED);
      if (atomic_load(&host.destroys)) shttp_server_destroy(server);
      atomic_store(&host.closed, 1);
      break;
    default: break;
  }
}

static void on_free(void *user_data) {
  (void)user_data;
  atomic_fetch_add(&host.freed, 1);
}

static shttp_server_options options(void) {
  shttp_server_options options = fixture_options(on_event, NULL);
  options.user_data_free = on_free;
  memset(&host, 0, sizeof host);
  return options;
}

static void start(struct fixture *fixture) {
  shttp_server_options chosen = options();
  fixture_start(fixture, &chosen);
}

static exchange *wait_for_an_answer(const struct client *client) {
  exchange *x = client_post(client, WAIT);
  REQUIRE(reaches(&host.requests, 1));
  return x;
}

static bool was_cancelled(exchange *x) {
  bool cancelled = strstr(exchange_body(x), "-32800") != NULL;
  exchange_end(x);
  return cancelled;
}

static void check_is_closed(shttp_server *server) {
  CHECK(reaches(&host.closed, 1));
  CHECK(host.sessions_closed == host.opened);
  CHECK_STATUS(shttp_server_drain(server, MINUTE), SHTTP_ERR_CLOSED);
  CHECK_STATUS(shttp_server_close(server), SHTTP_ERR_CLOSED);
  CHECK_STATUS(shttp_server_broadcast(server, shttp_text("test/late"), shttp_text("")), SHTTP_ERR_CLOSED);
}

/* ---- Drain --------------------------------------------------------------------- */

static void drained_from_another_thread(void) {
  struct fixture fixture;
  struct sse_event event;
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *primary = client_get(&client, NULL);
  REQUIRE(reaches(&host.primaries, 1));
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_server_drain(fixture.server, MINUTE), SHTTP_OK);
  CHECK(shttp_server_port(fixture.server) == 0);
  CHECK(strstr(exchange_body(primary), "\nretry: 1") != NULL);
  exchange_end(primary);
  CHECK(client_post(&client, WAIT) == NULL); /* nobody listens */
  CHECK(host.closed == 0 && host.cancelled == 0);

  CHECK_STATUS(shttp_request_log(fixture.server, host.request, shttp_text("info"), shttp_text(""), shttp_text("1")),
               SHTTP_OK);
  CHECK_STATUS(shttp_request_respond(fixture.server, host.request, shttp_text("{\"in\":\"time\"}")), SHTTP_OK);
  CHECK(exchange_event(waiting, &event) && strstr(event.data, "notifications/message"));
  CHECK(exchange_event(waiting, &event) && strstr(event.data, "\"time\""));
  CHECK(!exchange_event(waiting, &event));
  exchange_end(waiting);
  CHECK(host.cancelled == 0);
  check_is_closed(fixture.server);
  fixture_stop(&fixture);
  CHECK(host.freed == 1);
}

/* The later of two deadlines does not count, whichever call has it. */
static void drained_twice(void) {
  struct fixture fixture;
  for (int earlier = 0; earlier < 2; earlier++) {
    start(&fixture);
    struct client client = fixture_client(&fixture);
    exchange *waiting = wait_for_an_answer(&client);
    CHECK_STATUS(shttp_server_drain(fixture.server, earlier == 0 ? 20 : UINT32_MAX), SHTTP_OK);
    CHECK_STATUS(shttp_server_drain(fixture.server, earlier == 1 ? 20 : UINT32_MAX), SHTTP_OK);
    CHECK(was_cancelled(waiting));
    CHECK(reaches(&host.closed, 1) && host.cancelled == 1);
    check_is_closed(fixture.server);
    fixture_stop(&fixture);
  }
}

static void drained_without_time(void) {
  struct fixture fixture;
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_server_drain(fixture.server, 0), SHTTP_OK);
  CHECK(was_cancelled(waiting));
  check_is_closed(fixture.server);
  CHECK(host.cancelled == 1);
  fixture_stop(&fixture);
}

static void drained_in_a_callback(void) {
  struct fixture fixture;
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/drain\"}");
  CHECK(was_cancelled(x));
  check_is_closed(fixture.server);
  fixture_stop(&fixture);
}

static void destroyed_at_the_end_of_a_drain(void) {
  struct fixture fixture;
  start(&fixture);
  atomic_store(&host.destroys, true);
  struct client client = fixture_client(&fixture);
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_server_drain(fixture.server, 0), SHTTP_OK);
  CHECK(was_cancelled(waiting));
  CHECK(reaches(&host.freed, 1));
  shttp_loop_destroy(fixture.loop);
  CHECK(host.freed == 1);
}

static void destroyed_during_a_drain(void) {
  struct fixture fixture;
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_server_drain(fixture.server, MINUTE), SHTTP_OK);
  fixture_stop(&fixture);
  CHECK(host.closed == 0 && host.freed == 1);
  exchange_end(waiting);
}

static void drained_before_it_runs(void) {
  struct fixture fixture;
  shttp_server_options chosen = options();
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  REQUIRE_OK(shttp_server_create(fixture.loop, &chosen, &fixture.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(fixture.server, NULL, 0, NULL, 0));
  CHECK_STATUS(shttp_server_drain(fixture.server, MINUTE), SHTTP_OK);
  CHECK_STATUS(shttp_server_listen(fixture.server, NULL, 0, NULL, 0), SHTTP_ERR_CLOSED);
  CHECK(host.closed == 0); /* not from inside the call that causes it */
  REQUIRE_OK(shttp_loop_run_thread(fixture.loop));
  check_is_closed(fixture.server);
  fixture_stop(&fixture);
}

static void *answer_soon(void *server) {
  usleep(20000);
  CHECK_STATUS(shttp_request_respond(server, host.request, shttp_text("{}")), SHTTP_OK);
  return NULL;
}

static void *wait_and_drain(void *data) {
  struct fixture *fixture = data;
  pthread_t thread;
  struct client client = fixture_client(fixture);
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_server_drain(fixture->server, UINT32_MAX), SHTTP_OK);
  pthread_create(&thread, NULL, answer_soon, fixture->server);
  CHECK(strstr(exchange_body(waiting), "result") != NULL);
  exchange_end(waiting);
  pthread_join(thread, NULL);
  return NULL;
}

/* A drain keeps the host's own loop alive until it has come to its end, and no longer. */
static void drained_on_the_hosts_uv_loop(void) {
  uv_loop_t uv;
  pthread_t thread;
  struct fixture fixture;
  shttp_loop_options loop_options;
  shttp_server_options chosen = options();
  uv_loop_init(&uv);
  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = &uv;
  REQUIRE_OK(shttp_loop_create(&loop_options, &fixture.loop));
  REQUIRE_OK(shttp_server_create(fixture.loop, &chosen, &fixture.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(fixture.server, NULL, 0, NULL, 0));
  fixture.port = shttp_server_port(fixture.server);
  pthread_create(&thread, NULL, wait_and_drain, &fixture);
  while (uv_run(&uv, UV_RUN_ONCE) != 0 && host.closed == 0) continue;
  CHECK(host.closed == 1);
  for (int turn = 0; turn < 3; turn++) uv_run(&uv, UV_RUN_NOWAIT); /* in which handles close */
  CHECK(uv_loop_alive(&uv) == 0);
  pthread_join(thread, NULL);
  shttp_loop_destroy(fixture.loop);
  uv_run(&uv, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&uv) == 0);
  CHECK(host.freed == 1);
}

static void *drain_too(void *server) {
  for (uint32_t left_ms = 50; left_ms > 0; left_ms--) {
    shttp_stats stats;
    shttp_status status = shttp_server_drain(server, MINUTE + left_ms);
    CHECK(status == SHTTP_OK || status == SHTTP_ERR_CLOSED);
    CHECK_STATUS(shttp_server_stats(server, &stats), SHTTP_OK);
  }
  return NULL;
}

static void drained_by_many_threads(void) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  struct fixture fixture;
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *waiting = wait_for_an_answer(&client);
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, drain_too, fixture.server);
  CHECK_STATUS(shttp_request_respond(fixture.server, host.request, shttp_text("{}")), SHTTP_OK);
  CHECK(strstr(exchange_body(waiting), "result") != NULL);
  exchange_end(waiting);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  check_is_closed(fixture.server);
  fixture_stop(&fixture);
}

/* ---- Figures --------------------------------------------------------------------- */

/* As of the loop's last turn: a figure may take a moment to become what it will be. */
static bool shows(shttp_server *server, size_t offset, uint64_t wanted) {
  for (int waited_ms = 0; waited_ms < 10000; waited_ms++) {
    shttp_stats stats;
    uint64_t figure;
    REQUIRE_OK(shttp_server_stats(server, &stats));
    memcpy(&figure, (const char *)&stats + offset, sizeof figure);
    if (figure == wanted) return true;
    usleep(1000);
  }
  return false;
}

#define SHOWS(field, wanted) CHECK(shows(fixture.server, offsetof(shttp_stats, field), wanted))

static void figures_of_a_server_in_use(void) {
  struct fixture fixture;
  shttp_stats stats;
  shttp_server_options chosen = options();
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  REQUIRE_OK(shttp_server_create(fixture.loop, &chosen, &fixture.server, NULL, 0));
  memset(&stats, 0x5a, sizeof stats);
  CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK); /* before its first turn */
  CHECK(stats.connections == 0 && stats.other_refusals == 0);
  shttp_loop_destroy(fixture.loop);

  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *primary = client_get(&client, NULL);
  REQUIRE(reaches(&host.primaries, 1));
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_request_notify(fixture.server, host.request, shttp_text("test/note"), shttp_text("")), SHTTP_OK);
  SHOWS(connections, 2);
  SHOWS(sessions, 1);
  SHOWS(streams, 2);
  SHOWS(requests, 1);
  SHOWS(requests_total, 2);
  SHOWS(unsent_bytes, 0);
  CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK);
  CHECK(stats.replay_bytes > 0 && stats.connections_total >= 4 && stats.sessions_total == 1);

  CHECK_STATUS(shttp_request_call(fixture.server, host.request, shttp_text("ping"), shttp_text(""), NULL, NULL),
               SHTTP_OK);
  SHOWS(calls, 1);
  CHECK_STATUS(shttp_request_respond(fixture.server, host.request, shttp_text("{}")), SHTTP_OK);
  CHECK(strstr(exchange_body(waiting), "\"result\"") != NULL);
  exchange_end(waiting);
  exchange_end(primary);
  CHECK(client_delete(&client) == 204);
  CHECK(client_delete(&client) == 404);
  SHOWS(connections, 0);
  SHOWS(sessions, 0);
  SHOWS(streams, 0);
  SHOWS(requests, 0);
  SHOWS(calls, 0);
  SHOWS(replay_bytes, 0);
  SHOWS(session_refusals, 1);
  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  CHECK(reaches(&host.closed, 1));
  CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK); /* until it is destroyed */
  CHECK(stats.sessions_total == 1);
  fixture_stop(&fixture);
}

/* ---- Hanging up -------------------------------------------------------------------- */

/* Reads a stream that is to end with `retry` and no message. Its client has this id to come back with. */
static void sent_away(exchange *x, const char *retry, char *id, size_t room) {
  const char *body = exchange_body(x), *at = strstr(body, "id: ");
  CHECK(strstr(body, retry) != NULL);
  REQUIRE(at != NULL);
  snprintf(id, room, "%.*s", (int)strcspn(at + 4, "\r\n"), at + 4);
  exchange_end(x);
}

static void clients_sent_away_come_back(void) {
  struct fixture fixture;
  struct sse_event event;
  char id[160];
  start(&fixture);
  struct client client = fixture_client(&fixture);
  exchange *waiting = wait_for_an_answer(&client);
  CHECK_STATUS(shttp_request_hang_up(fixture.server, host.request, 7), SHTTP_OK);
  sent_away(waiting, "retry: 7\n", id, sizeof id);
  CHECK_STATUS(shttp_request_respond(fixture.server, host.request, shttp_text("{\"kept\":1}")), SHTTP_OK);
  exchange *back = client_get(&client, id);
  CHECK(exchange_event(back, &event) && strstr(event.data, "\"kept\""));
  CHECK(!exchange_event(back, &event));
  exchange_end(back);
  SHOWS(resumed, 1);

  exchange *primary = client_get(&client, NULL);
  REQUIRE(reaches(&host.primaries, 1));
  CHECK_STATUS(shttp_session_hang_up(fixture.server, host.session, 8), SHTTP_OK);
  sent_away(primary, "retry: 8\n", id, sizeof id);
  CHECK_STATUS(shttp_session_notify(fixture.server, host.session, shttp_text("test/kept"), shttp_text("")), SHTTP_OK);
  primary = client_get(&client, id);
  CHECK(exchange_event(primary, &event) && strstr(event.data, "test/kept"));
  exchange_end(primary);
  fixture_stop(&fixture);
}

int main(void) {
  RUN(drained_from_another_thread);
  RUN(drained_twice);
  RUN(drained_without_time);
  RUN(drained_in_a_callback);
  RUN(destroyed_at_the_end_of_a_drain);
  RUN(destroyed_during_a_drain);
  RUN(drained_before_it_runs);
  RUN(drained_on_the_hosts_uv_loop);
  RUN(drained_by_many_threads);
  RUN(figures_of_a_server_in_use);
  RUN(clients_sent_away_come_back);
  return check_result();
}
