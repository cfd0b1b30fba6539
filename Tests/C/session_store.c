/* A session store of the host's: another server goes on with the sessions and the streams of one that is gone. */
#include "check.h"
#include "fixture.h"

enum { SESSIONS_MAX = 4, ROWS_MAX = 32 };

/* Written on the loop's thread, one server after the other. */
static struct {
  struct session {
    char id[33], record[400];
  } sessions[SESSIONS_MAX];
  int count;
  /* What an event store was told: a stream's record has the number 0, and its end UINT64_MAX. */
  struct row {
    char stream[33], text[200];
    uint64_t number;
  } rows[ROWS_MAX];
  int row_count;
  uint64_t last_serial;
  uint64_t idle_ms;
  bool fails;
  atomic_int found, touched, forgotten;
} store;

static shttp_request the_request;
static atomic_int requests, resumed;

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  if (event->kind == SHTTP_EVENT_SESSION_OPENED && event->resumed) {
    CHECK(event->client_info.len > 0);
    CHECK(event->wire_id.len == 32 && event->revision.len == 10);
    atomic_fetch_add(&resumed, 1);
  }
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  the_request = event->request;
  atomic_fetch_add(&requests, 1);
}

static void copy(char *place, size_t size, shttp_bytes bytes) {
  REQUIRE(bytes.len < size);
  memcpy(place, bytes.data, bytes.len);
  place[bytes.len] = 0;
}

static void count(const shttp_store_order *order) {
  CHECK(order->serial == store.last_serial + 1);
  store.last_serial = order->serial;
}

static struct session *named(shttp_bytes id) {
  for (int i = 0; i < store.count; i++)
    if (memcmp(store.sessions[i].id, id.data, 32) == 0) return &store.sessions[i];
  return NULL;
}

static void keep(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  CHECK(user_data == &store && order->record.len > 0 && order->load.key == 0 && order->stream.len == 0);
  count(order);
  store.idle_ms = order->idle_ms;
  struct session *session = named(order->session);
  if (!session) {
    REQUIRE(store.count < SESSIONS_MAX);
    session = &store.sessions[store.count++];
    copy(session->id, sizeof session->id, order->session);
  }
  copy(session->record, sizeof session->record, order->record);
}

static void touch(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  CHECK(user_data == &store && named(order->session) != NULL && order->idle_ms == store.idle_ms);
  count(order);
  atomic_fetch_add(&store.touched, 1);
}

static void find(shttp_server *server, const shttp_store_order *order, void *user_data) {
  CHECK(user_data == &store && order->load.key != 0 && order->record.len == 0);
  count(order);
  struct session *session = named(order->session);
  CHECK_STATUS(store.fails ? shttp_load_fail(server, order->load)
                           : shttp_find_finish(server, order->load, shttp_text(session ? session->record : "")),
               SHTTP_OK);
  CHECK_STATUS(shttp_find_finish(server, order->load, shttp_text("")), SHTTP_ERR_NOT_FOUND);
  atomic_fetch_add(&store.found, 1);
}

static void forget(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  CHECK(user_data == &store);
  count(order);
  struct session *session = named(order->session);
  if (session) *session = store.sessions[--store.count];
  atomic_fetch_add(&store.forgotten, 1);
}

static struct row *add(const shttp_store_order *order, uint64_t number, shttp_bytes text) {
  count(order);
  REQUIRE(store.row_count < ROWS_MAX);
  struct row *row = &store.rows[store.row_count++];
  copy(row->stream, sizeof row->stream, order->stream);
  copy(row->text, sizeof row->text, text);
  row->number = number;
  return row;
}

static void event_begin(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  add(order, 0, order->record);
}

static void event_keep(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  add(order, order->number, order->message);
}

static void event_end(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  add(order, UINT64_MAX, shttp_text(""));
}

static void event_load(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)user_data;
  count(order);
  shttp_bytes found[ROWS_MAX], record = shttp_text("");
  size_t length = 0;
  bool has_ended = false;
  for (int i = 0; i < store.row_count; i++) {
    struct row *row = &store.rows[i];
    if (memcmp(row->stream, order->stream.data, 32) != 0) continue;
    if (row->number == 0) record = shttp_text(row->text);
    else if (row->number == UINT64_MAX) has_ended = true;
    else if (row->number > order->number) found[length++] = shttp_text(row->text);
  }
  CHECK_STATUS(shttp_load_finish_open(server, order->load, found, length, shttp_text("[]")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_load_finish_open(server, order->load, found, length, shttp_text("{")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(has_ended ? shttp_load_finish(server, order->load, found, length, 1)
                         : shttp_load_finish_open(server, order->load, found, length, record),
               SHTTP_OK);
}

static void event_forget(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  count(order);
}

static void start(struct fixture *fixture) {
  shttp_session_store sessions;
  shttp_session_store_init(&sessions);
  sessions.keep = keep;
  sessions.touch = touch;
  sessions.find = find;
  sessions.forget = forget;
  sessions.user_data = &store;
  shttp_event_store events;
  shttp_event_store_init(&events);
  events.begin = event_begin;
  events.keep = event_keep;
  events.end = event_end;
  events.load = event_load;
  events.forget = event_forget;
  shttp_server_options options = fixture_options(on_event, NULL);
  options.session_store = &sessions;
  options.event_store = &events;
  options.session_idle_ms = 60000;
  store.last_serial = 0;
  fixture_start(fixture, &options);
  memset(&sessions, 0, sizeof sessions); /* they have been copied */
  memset(&events, 0, sizeof events);
}

/* S-205, S-236: a session is found again, and who waits for an answer of the server that is gone learns that there is
   none, once. */
static void lives_on(void) {
  struct fixture fixture;
  struct sse_event event;
  memset(&store, 0, sizeof store);
  start(&fixture);
  struct client client = fixture_client(&fixture);
  atomic_store(&requests, 0);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"test/hold\"}");
  REQUIRE(reaches(&requests, 1));
  CHECK_STATUS(shttp_request_notify(fixture.server, the_request, shttp_text("test/one"), shttp_text("")), SHTTP_OK);
  REQUIRE(exchange_event(x, &event));
  char cursor[160];
  strcpy(cursor, event.id);
  CHECK(store.idle_ms == 60000 + 15000 && store.count == 1);
  CHECK(strstr(store.sessions[0].record, "\"ready\":true") != NULL);
  fixture_stop(&fixture); /* destroyed: as good as killed */
  exchange_end(x);
  CHECK(atomic_load(&store.forgotten) == 0 && atomic_load(&store.found) == 0);

  start(&fixture);
  client.port = fixture.port;
  atomic_store(&requests, 0);
  x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"test/hold\"}");
  REQUIRE(reaches(&requests, 1));
  CHECK(atomic_load(&resumed) == 1 && atomic_load(&store.found) == 1);
  CHECK_STATUS(shttp_request_respond(fixture.server, the_request, shttp_text("{\"over\":1}")), SHTTP_OK);
  CHECK(exchange_event(x, &event) && strstr(event.data, "over"));
  exchange_end(x);
  for (int round = 0; round < 2; round++) {
    x = client_get(&client, cursor);
    CHECK(exchange_event(x, &event) && strstr(event.data, "\"id\":7") && strstr(event.data, "-32603"));
    CHECK(!exchange_event(x, &event));
    exchange_end(x);
  }
  CHECK(client_delete(&client) == 204);
  CHECK(reaches(&store.forgotten, 1) && store.count == 0);
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/told\"}") == 404);
  fixture_stop(&fixture);
}

/* A store that cannot say whether there is a session: that is no word about the client. */
static void cannot_say(void) {
  struct fixture fixture;
  memset(&store, 0, sizeof store);
  start(&fixture);
  struct client client = fixture_client(&fixture);
  fixture_stop(&fixture);
  store.fails = true;
  start(&fixture);
  client.port = fixture.port;
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/told\"}") == 503);
  store.fails = false;
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/told\"}") == 202);
  shttp_loop_stop(fixture.loop);
  CHECK_STATUS(shttp_loop_join(fixture.loop), SHTTP_OK);
  shttp_stats stats; /* those of the last turn */
  CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK);
  CHECK(stats.sessions_resumed == 1 && stats.sessions_total == 0);
  shttp_server_destroy(fixture.server);
  shttp_loop_destroy(fixture.loop);
}

static void refuse(shttp_server_options *options, const char *name) {
  shttp_loop *loop;
  shttp_server *server = NULL;
  char reason[200] = "";
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  CHECK_STATUS(shttp_server_create(loop, options, &server, reason, sizeof reason), SHTTP_ERR_INVALID_OPTION);
  CHECK(server == NULL && strncmp(reason, name, strlen(name)) == 0);
  shttp_loop_destroy(loop);
}

/* Options that make no sense are refused, with what to do. */
static void refusals(void) {
  shttp_session_store table;
  shttp_session_store_init(&table);
  shttp_server_options options = fixture_options(on_event, NULL);
  options.session_store = &table;
  refuse(&options, "session_store: lacks one of keep, touch, find and forget");
  table.keep = keep;
  table.touch = touch;
  table.find = find;
  table.forget = forget;
  options.stateless = 1;
  refuse(&options, "session_store: needs sessions");
  options.stateless = 0;
  options.store = "sqlite:x";
  refuse(&options, "store: excludes event_store and session_store");
  options.session_store = NULL;
  options.store = "redis";
  refuse(&options, "store: 'redis' is no sqlite:PATH");
  options.store = "sqlite:";
  refuse(&options, "store: 'sqlite:' is no sqlite:PATH");
  options.store = NULL;
  options.session_id_prefix = "a b";
  refuse(&options, "session_id_prefix: has 1 to 32 letters");
  options.session_id_prefix = "";
  refuse(&options, "session_id_prefix: has 1 to 32 letters");
  options.session_id_prefix = NULL;
  options.store = "sqlite:x";
  options.stateless = 1;
  refuse(&options, "store: needs sessions");
  options.stateless = 0;
  options.replay_events_max = UINT32_MAX;
  refuse(&options, "store: has nothing to keep");
  options.replay_events_max = 0;
  options.store = NULL;
  options.store_sync = 1;
  refuse(&options, "store_sync: needs store");
  shttp_session_store_init(NULL);
}

int main(void) {
  RUN(lives_on);
  RUN(cannot_say);
  RUN(refusals);
  return check_result();
}
