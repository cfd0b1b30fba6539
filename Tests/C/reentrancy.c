/*
 * Every call that can pull the floor away, made inside every kind of callback. One conversation over
 * the wire brings about all kinds of events; at the first event of the kind in question the callback
 * does its worst, and the client goes on as far as it gets.
 */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

enum { ON_LOG = 100, KINDS = SHTTP_EVENT_CLOSED }; /* on_log is the one callback that is no event */

enum action { DESTROY_SERVER, DESTROY_LOOP, CLOSE_SERVER, CLOSE_SESSION, ANSWER, STOP_LOOP, ACTIONS };
static const char *const action_names[] = {"destroy server", "destroy loop", "close server",
                                           "close session",  "answer",       "stop loop"};

static struct {
  shttp_loop *loop;
  shttp_server *server;
  int kind;
  enum action action;
  bool destroyed;
  shttp_session session;
  shttp_request open_request;   /* to be cancelled by the client */
  shttp_request asking_request; /* waits for the client's answer to a call */
  atomic_int acted, opened, calls, freed, loop_over;
} now;

static void do_your_worst(void) {
  shttp_server *server = now.server;
  atomic_store(&now.acted, 1);
  switch (now.action) {
    case DESTROY_SERVER:
      now.destroyed = true;
      now.server = NULL;
      shttp_server_destroy(server);
      break;
    case DESTROY_LOOP:
      now.destroyed = true;
      shttp_loop_destroy(now.loop);
      break;
    case CLOSE_SERVER: {
      shttp_status status = shttp_server_close(server);
      CHECK(status == SHTTP_OK || status == SHTTP_ERR_CLOSED);
      status = shttp_server_close(server);
      CHECK(status == SHTTP_ERR_CLOSED);
      break;
    }
    case CLOSE_SESSION: {
      shttp_status status = shttp_session_close(server, now.session);
      CHECK(status == SHTTP_OK || status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_CLOSED);
      status = shttp_session_close(server, now.session);
      CHECK(status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_CLOSED);
      break;
    }
    case ANSWER: {
      shttp_status status = shttp_request_respond(server, now.asking_request, shttp_text("{}"));
      CHECK(status == SHTTP_OK || status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_CLOSED);
      status = shttp_request_respond(server, now.open_request, shttp_text("{}"));
      CHECK(status == SHTTP_OK || status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_CLOSED);
      status = shttp_session_notify(server, now.session, shttp_text("test/late"), shttp_text(""));
      CHECK(status == SHTTP_OK || status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_CLOSED);
      break;
    }
    case STOP_LOOP:
      CHECK_STATUS(shttp_loop_stop(now.loop), SHTTP_OK);
      CHECK_STATUS(shttp_loop_run(now.loop), SHTTP_ERR_BUSY);
      CHECK_STATUS(shttp_loop_step(now.loop), SHTTP_ERR_BUSY);
      break;
    default: break;
  }
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  CHECK(user_data == &now && server != NULL);
  CHECK(!now.destroyed); /* no callback after destroy */
  atomic_fetch_add(&now.calls, 1);
  if (event->kind == SHTTP_EVENT_SESSION_OPENED) now.session = event->session;
  if (event->kind == SHTTP_EVENT_REQUEST && check_is(event->method, "test/open")) {
    now.open_request = event->request;
    atomic_store(&now.opened, 1);
  }
  if (event->kind == SHTTP_EVENT_REQUEST && check_is(event->method, "test/asking")) {
    now.asking_request = event->request;
    CHECK_STATUS(shttp_request_call(server, event->request, shttp_text("test/ask"), shttp_text(""), NULL, NULL),
                 SHTTP_OK);
  }
  bool act = (int)event->kind == now.kind && !now.acted;
  if (act) do_your_worst();
  /* What the event points to is still there, whatever has just been destroyed. */
  if (event->kind == SHTTP_EVENT_REQUEST) CHECK(event->method.len > 0 && event->message.data[0] == '{');
  if (event->kind == SHTTP_EVENT_RESPONSE && !now.destroyed) {
    shttp_status status = shttp_request_respond(server, now.asking_request, shttp_text("{}"));
    CHECK(status == SHTTP_OK || status == SHTTP_ERR_NOT_FOUND || status == SHTTP_ERR_DISCONNECTED ||
          status == SHTTP_ERR_CLOSED);
  }
}

static void on_log(const shttp_log_line *line, void *user_data) {
  CHECK(line->level >= SHTTP_LOG_ERROR && line->level <= SHTTP_LOG_DEBUG && user_data == &now);
  CHECK(!now.destroyed && line->text.len > 0);
  if (now.kind == ON_LOG && !now.acted) do_your_worst();
  CHECK(line->text.data[0] != 0);
}

static void on_free(void *user_data) {
  CHECK(user_data == &now);
  atomic_fetch_add(&now.freed, 1);
}

/* Waits for the server to have seen the request that is to be cancelled, or to be past seeing anything. */
static void wait_until_opened(void) {
  bool ends_all = now.action != ANSWER && now.action != STOP_LOOP;
  while (!atomic_load(&now.opened) && !(ends_all && atomic_load(&now.acted))) usleep(500);
}

/* Brings about every kind of event. Nothing is checked: the server may be gone at any step. */
static void converse(uint16_t port) {
  struct client client;
  struct sse_event event;
  if (!client_open(&client, "127.0.0.1", port)) return;
  exchange *primary = client_get(&client, NULL);
  exchange_status(primary);
  client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/notification\"}");

  exchange *cancelled = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/open\"}");
  wait_until_opened();
  client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}");
  exchange_body(cancelled);
  exchange_end(cancelled);

  exchange *asking = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/asking\"}");
  while (exchange_event(asking, &event)) {
    char answer[200];
    const char *id = strstr(event.data, "\"id\":");
    if (strstr(event.data, "test/ask") == NULL || id == NULL) continue;
    size_t id_len = id[5] == '"' ? strcspn(id + 6, "\"") + 2 : strcspn(id + 5, ",}");
    snprintf(answer, sizeof answer, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{}}", (int)id_len, id + 5);
    client_tell(&client, answer);
  }
  exchange_end(asking);

  exchange_end(primary);
  primary = client_get(&client, NULL);
  exchange_status(primary);
  /* Refused, which the log mentions. */
  exchange *refused = client_send(&client, "GET", "Origin: http://elsewhere.example\r\n", NULL);
  exchange_status(refused);
  exchange_end(refused);
  client_delete(&client);
  exchange_end(primary);
}

static void *run_loop(void *loop) {
  shttp_status status = shttp_loop_run(loop);
  CHECK_STATUS(status, SHTTP_OK);
  /* A stop in a callback ends this run, not the conversation. */
  if (now.action == STOP_LOOP && now.acted) CHECK_STATUS(shttp_loop_run(loop), SHTTP_OK);
  atomic_store(&now.loop_over, 1);
  return NULL;
}

static void try_one(int kind, enum action action) {
  pthread_t thread;
  int failures = check_failures;
  memset(&now, 0, sizeof now);
  now.kind = kind;
  now.action = action;
  shttp_server_options options = fixture_options(on_event, &now);
  options.user_data_free = on_free;
  options.on_log = on_log;
  options.log_level = SHTTP_LOG_DEBUG;
  REQUIRE_OK(shttp_loop_create(NULL, &now.loop));
  REQUIRE_OK(shttp_server_create(now.loop, &options, &now.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(now.server, NULL, 0, NULL, 0));
  uint16_t port = shttp_server_port(now.server);
  shttp_loop *loop = now.loop;
  shttp_server *server = now.server;
  pthread_create(&thread, NULL, run_loop, loop);
  converse(port);

  bool ours = action != DESTROY_SERVER && action != DESTROY_LOOP; /* nothing has been destroyed yet */
  if (ours || kind == SHTTP_EVENT_COMMAND_FAILED || kind == SHTTP_EVENT_CLOSED) {
    /* The last two kinds come about from this thread. */
    shttp_status status = shttp_request_respond(server, (shttp_request){12345}, shttp_text("{}"));
    CHECK(status == SHTTP_OK || status == SHTTP_ERR_CLOSED);
    if (ours || kind == SHTTP_EVENT_CLOSED) (void)shttp_server_close(server);
  }
  if (action == DESTROY_LOOP) {
    CHECK(reaches(&now.loop_over, 1));
  } else {
    CHECK(ours || reaches(&now.freed, 1));
    /* Two runs to stop when a callback has stopped the first: the second may not have begun yet. */
    while (atomic_load(&now.loop_over) == 0) {
      CHECK_STATUS(shttp_loop_stop(loop), SHTTP_OK);
      usleep(1000);
    }
  }
  pthread_join(thread, NULL);
  CHECK(now.acted);
  CHECK(now.calls > 0);
  if (ours) shttp_server_destroy(server);
  if (action != DESTROY_LOOP) shttp_loop_destroy(loop);
  CHECK(now.freed == 1);
  if (check_failures != failures) fprintf(stderr, "  ...in callback %d: %s\n", kind, action_names[action]);
}

/* The same on a thread of the library's own, which then has nobody to join it. */
static void destroy_loop_on_its_own_thread(void) {
  memset(&now, 0, sizeof now);
  now.kind = SHTTP_EVENT_NOTIFICATION;
  now.action = DESTROY_LOOP;
  shttp_server_options options = fixture_options(on_event, &now);
  options.user_data_free = on_free;
  REQUIRE_OK(shttp_loop_create(NULL, &now.loop));
  REQUIRE_OK(shttp_server_create(now.loop, &options, &now.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(now.server, NULL, 0, NULL, 0));
  uint16_t port = shttp_server_port(now.server);
  REQUIRE_OK(shttp_loop_run_thread(now.loop));
  converse(port);
  CHECK(reaches(&now.freed, 1));
  usleep(100000); /* lets the thread, which nobody can join, come to its end */
}

int main(int argc, char **argv) {
  int step = argc > 1 ? atoi(argv[1]) : 1; /* under valgrind, every n-th case */
  int number = 0;
  for (int kind = 1; kind <= KINDS + 1; kind++) {
    for (enum action action = 0; action < ACTIONS; action++) {
      if (kind == SHTTP_EVENT_LOG || number++ % step != 0) continue; /* LOG is for queue hosts */
      try_one(kind > KINDS ? ON_LOG : kind, action);
    }
  }
  destroy_loop_on_its_own_thread();
  return check_result();
}
