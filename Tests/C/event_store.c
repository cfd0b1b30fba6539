/* A store of the host's: it hears everything in order, and what it answers reaches the client that came back. */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

enum { KEPT_MAX = 64 };

struct kept {
  uint64_t session, number; /* number 0: the stream's end */
  char stream[33];
  char message[200];
};

/* Written on the loop's thread, and read there or by a thread that a load was handed to. */
static struct {
  struct kept kept[KEPT_MAX];
  int count;
  bool answers_later, is_lossy;
  atomic_int forgotten;
} store;

static shttp_request the_request;
static shttp_session the_session;
static atomic_int requests;

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  the_request = event->request;
  the_session = event->session;
  atomic_fetch_add(&requests, 1);
}

static struct kept *add(shttp_session session, shttp_bytes stream) {
  REQUIRE(store.count < KEPT_MAX && stream.len == 32);
  struct kept *kept = &store.kept[store.count++];
  memset(kept, 0, sizeof *kept);
  kept->session = session.key;
  memcpy(kept->stream, stream.data, 32);
  return kept;
}

static void keep(shttp_server *server, shttp_session session, shttp_bytes stream, uint64_t number, shttp_bytes message,
                 void *user_data) {
  (void)server;
  CHECK(user_data == &store && number > 0);
  struct kept *kept = add(session, stream);
  kept->number = number;
  REQUIRE(message.len < sizeof kept->message);
  memcpy(kept->message, message.data, message.len);
}

static void end(shttp_server *server, shttp_session session, shttp_bytes stream, void *user_data) {
  (void)server;
  CHECK(user_data == &store);
  add(session, stream);
}

static void forget(shttp_server *server, shttp_session session, void *user_data) {
  (void)server;
  CHECK(user_data == &store && session.key != 0);
  atomic_fetch_add(&store.forgotten, 1);
}

struct question {
  shttp_server *server;
  shttp_load load;
  shttp_bytes found[KEPT_MAX];
  size_t count;
  int ended;
};

static void *answer(void *data) {
  struct question *question = data;
  CHECK_STATUS(shttp_load_finish(question->server, question->load, question->found, question->count, question->ended),
               SHTTP_OK);
  free(question);
  return NULL;
}

static void load(shttp_server *server, shttp_load load, shttp_session session, shttp_bytes stream, uint64_t after,
                 void *user_data) {
  CHECK(user_data == &store);
  if (store.is_lossy) {
    CHECK_STATUS(shttp_load_fail(server, load), SHTTP_OK);
    CHECK_STATUS(shttp_load_fail(server, load), SHTTP_ERR_NOT_FOUND);
    return;
  }
  struct question *question = calloc(1, sizeof *question);
  question->server = server;
  question->load = load;
  for (int i = 0; i < store.count; i++) {
    struct kept *kept = &store.kept[i];
    if (kept->session != session.key || memcmp(kept->stream, stream.data, 32) != 0) continue;
    if (kept->number == 0) question->ended = 1;
    if (kept->number > after) question->found[question->count++] = shttp_text(kept->message);
  }
  if (store.answers_later) {
    pthread_t thread;
    pthread_create(&thread, NULL, answer, question);
    pthread_detach(thread);
  } else {
    answer(question);
  }
}

static shttp_event_store table(void) {
  shttp_event_store table;
  shttp_event_store_init(&table);
  table.keep = keep;
  table.end = end;
  table.load = load;
  table.forget = forget;
  table.user_data = &store;
  return table;
}

static void notify(const struct fixture *fixture, const char *method) {
  CHECK_STATUS(shttp_request_notify(fixture->server, the_request, shttp_text(method), shttp_text("")), SHTTP_OK);
}

/* A client loses its connection in the middle, comes back, and comes back again when all is over (S-233, S-236). */
static void comes_back(bool answers_later) {
  struct fixture fixture;
  struct sse_event event;
  shttp_event_store kept = table();
  shttp_server_options options = fixture_options(on_event, NULL);
  memset(&store, 0, sizeof store);
  store.answers_later = answers_later;
  options.event_store = &kept;
  fixture_start(&fixture, &options);
  memset(&kept, 0, sizeof kept); /* it has been copied */
  struct client client = fixture_client(&fixture);

  atomic_store(&requests, 0);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/hold\"}");
  REQUIRE(reaches(&requests, 1));
  notify(&fixture, "test/one");
  REQUIRE(exchange_event(x, &event) && strstr(event.data, "test/one"));
  char cursor[160];
  strcpy(cursor, event.id);
  exchange_end(x);

  notify(&fixture, "test/two");
  x = client_get(&client, cursor);
  notify(&fixture, "test/three");
  CHECK(exchange_event(x, &event) && strstr(event.data, "test/two"));
  CHECK(exchange_event(x, &event) && strstr(event.data, "test/three"));
  CHECK_STATUS(shttp_request_respond(fixture.server, the_request, shttp_text("{\"over\":1}")), SHTTP_OK);
  CHECK(exchange_event(x, &event) && strstr(event.data, "over"));
  CHECK(!exchange_event(x, &event));
  exchange_end(x);

  x = client_get(&client, cursor);
  CHECK(exchange_event(x, &event) && strstr(event.data, "test/two"));
  CHECK(exchange_event(x, &event) && strstr(event.data, "test/three"));
  CHECK(exchange_event(x, &event) && strstr(event.data, "over"));
  CHECK(!exchange_event(x, &event));
  exchange_end(x);

  CHECK(client_delete(&client) == 204);
  CHECK(reaches(&store.forgotten, 1));
  fixture_stop(&fixture);
}

static void answers_at_once(void) { comes_back(false); }
static void answers_from_another_thread(void) { comes_back(true); }

/* S-235: what the store does not have is refused, and the session lives on. */
static void has_lost_something(void) {
  struct fixture fixture;
  struct sse_event event;
  shttp_event_store kept = table();
  shttp_server_options options = fixture_options(on_event, NULL);
  memset(&store, 0, sizeof store);
  store.is_lossy = true;
  options.event_store = &kept;
  fixture_start(&fixture, &options);
  struct client client = fixture_client(&fixture);
  atomic_store(&requests, 0);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/hold\"}");
  REQUIRE(reaches(&requests, 1));
  notify(&fixture, "test/one");
  REQUIRE(exchange_event(x, &event));
  char cursor[160];
  strcpy(cursor, event.id);
  exchange_end(x);
  notify(&fixture, "test/two");
  x = client_get(&client, cursor);
  CHECK(exchange_status(x) == 400);
  exchange_end(x);
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/still-here\"}") == 202);
  fixture_stop(&fixture);
}

static void refuses_what_cannot_be(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  shttp_event_store kept = table();
  shttp_bytes messages[2] = {shttp_text("{}"), shttp_text("{")};
  shttp_bytes torn = {NULL, 3};
  shttp_load nobody = {12345};
  fixture_start(&fixture, &options);
  CHECK_STATUS(shttp_load_finish(NULL, nobody, NULL, 0, 1), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_load_finish(fixture.server, nobody, NULL, 1, 1), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_load_finish(fixture.server, nobody, messages, SIZE_MAX, 1), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_load_finish(fixture.server, nobody, &torn, 1, 1), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_load_finish(fixture.server, nobody, messages, 2, 1), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_load_fail(NULL, nobody), SHTTP_ERR_INVALID_ARGUMENT);
  fixture_stop(&fixture);

  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  shttp_event_store_init(NULL);
  for (int missing = 0; missing < 5; missing++) {
    kept = table();
    if (missing == 0) kept.keep = NULL;
    if (missing == 1) kept.end = NULL;
    if (missing == 2) kept.load = NULL;
    if (missing == 3) kept.forget = NULL;
    if (missing == 4) kept.struct_size = 1;
    options.event_store = &kept;
    CHECK_STATUS(shttp_server_create(fixture.loop, &options, &fixture.server), SHTTP_ERR_INVALID_OPTION);
  }
  kept = table();
  options.stateless = 1;
  CHECK_STATUS(shttp_server_create(fixture.loop, &options, &fixture.server), SHTTP_ERR_INVALID_OPTION);
  options.stateless = 0;
  options.replay_events_max = UINT32_MAX;
  CHECK_STATUS(shttp_server_create(fixture.loop, &options, &fixture.server), SHTTP_ERR_INVALID_OPTION);
  shttp_loop_destroy(fixture.loop);
}

int main(void) {
  RUN(answers_at_once);
  RUN(answers_from_another_thread);
  RUN(has_lost_something);
  RUN(refuses_what_cannot_be);
  return check_result();
}
