/* A host that uses only functions without structs: each does what its original does. */
#include "check.h"
#include "fixture.h"

#define TEXT(literal) literal, sizeof(literal) - 1

enum { KEPT_MAX = 64 };

/* Written and read on the loop's thread, but for what is atomic. */
static struct {
  uint64_t request, call;
  char messages[KEPT_MAX][256]; /* of all streams that are not primaries */
  char streams[KEPT_MAX][33];
  uint64_t numbers[KEPT_MAX];
  int kept;
  atomic_int loads, responses, closed;
} host;

static bool same(shttp_bytes a, shttp_bytes b) { return a.len == b.len && a.data == b.data && a.len > 0; }

static void on_authorize(shttp_server *server, const shttp_event *event) {
  uint64_t key = event->authorization.key;
  if (check_is(event->credentials, "bad"))
    CHECK_STATUS(
        shttp_ffi_authorization_refuse(server, key, SHTTP_REFUSE_INSUFFICIENT_SCOPE, TEXT("a b"), TEXT("too little")),
        SHTTP_OK);
  else CHECK_STATUS(shttp_ffi_authorization_allow(server, key, TEXT("alice"), 60000), SHTTP_OK);
}

/* What a twin finds is what the original finds, at the same place. */
static void questions(shttp_server *server, const shttp_event *event) {
  uint64_t session = event->session.key;
  shttp_bytes twin, original;
  void *data = NULL;
#define SAME(name, object) \
  do { \
    CHECK_STATUS(shttp_ffi_##name(server, (object).key, &twin), SHTTP_OK); \
    CHECK_STATUS(shttp_##name(server, object, &original), SHTTP_OK); \
    CHECK(same(twin, original)); \
  } while (0)
  SAME(request_headers, event->request);
  SAME(session_wire_id, event->session);
  SAME(session_revision, event->session);
  SAME(session_principal, event->session);
  SAME(session_client_info, event->session);
  SAME(session_client_capabilities, event->session);
  CHECK_STATUS(shttp_ffi_session_set_data(server, session, &host), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_session_data(server, session, &data), SHTTP_OK);
  CHECK(data == &host);

  const char *headers = (const char *)event->headers.data;
  CHECK_STATUS(shttp_ffi_headers_find(headers, event->headers.len, "Host", &twin), SHTTP_OK);
  CHECK(check_is(twin, "localhost"));
  CHECK_STATUS(shttp_ffi_json_find("[6,7]8", 5, "/1", &twin), SHTTP_OK);
  CHECK(check_is(twin, "7"));
}

static void on_all(shttp_server *server, const shttp_event *event) {
  uint64_t request = event->request.key, session = event->session.key, call = 0;
  questions(server, event);
  CHECK_STATUS(shttp_ffi_request_progress(server, request, 1, 2, TEXT("half")), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_request_log(server, request, TEXT("info"), TEXT("twins"), TEXT("{\"log\":1}")), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_request_notify(server, request, TEXT("test/note"), TEXT("{\"note\":1}")), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_session_notify(server, session, TEXT("test/primary"), TEXT("{\"primary\":1}")), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_server_broadcast(server, TEXT("test/all"), TEXT("{\"broadcast\":1}")), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_session_call(server, session, TEXT("roots/list"), NULL, 0, NULL, &call), SHTTP_OK);
  CHECK(call != 0);
  CHECK_STATUS(shttp_ffi_call_close(server, call), SHTTP_OK);
  CHECK_STATUS(shttp_ffi_call_close(server, call), SHTTP_ERR_NOT_FOUND);
  host.request = request;
  CHECK_STATUS(shttp_ffi_request_call(server, request, TEXT("sampling/createMessage"), TEXT("{\"messages\":[]}"),
                                      &host.call, &host.call),
               SHTTP_OK);
}

static void on_request(shttp_server *server, const shttp_event *event) {
  uint64_t request = event->request.key, session = event->session.key;
  if (check_is(event->method, "test/all")) {
    on_all(server, event);
  } else if (check_is(event->method, "test/fail")) {
    CHECK_STATUS(shttp_ffi_request_fail(server, request, -7, TEXT("no"), TEXT("{\"data\":1}")), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_request_fail(server, request, -7, TEXT("no"), NULL, 0), SHTTP_ERR_NOT_FOUND);
  } else if (check_is(event->method, "test/hang_up")) {
    CHECK_STATUS(shttp_ffi_request_notify(server, request, TEXT("test/before"), NULL, 0), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_request_hang_up(server, request, 10), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_session_hang_up(server, session, 10), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_request_respond(server, request, TEXT("{\"after\":1}")), SHTTP_OK);
  } else if (check_is(event->method, "test/close")) {
    CHECK_STATUS(shttp_ffi_request_respond(server, request, TEXT("{}")), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_session_close(server, session), SHTTP_OK);
  }
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind == SHTTP_EVENT_AUTHORIZE) on_authorize(server, event);
  if (event->kind == SHTTP_EVENT_REQUEST) on_request(server, event);
  if (event->kind == SHTTP_EVENT_SESSION_CLOSED) atomic_fetch_add(&host.closed, 1);
  if (event->kind != SHTTP_EVENT_RESPONSE) return;
  CHECK(event->call.key == host.call && event->call_data == &host.call);
  CHECK_STATUS(shttp_ffi_request_respond(server, host.request, TEXT("{\"all\":1}")), SHTTP_OK);
  atomic_fetch_add(&host.responses, 1);
}

static void keep(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  REQUIRE(host.kept < KEPT_MAX && order->stream.len < 33 && order->message.len < sizeof host.messages[0]);
  memcpy(host.streams[host.kept], order->stream.data, order->stream.len);
  memcpy(host.messages[host.kept], order->message.data, order->message.len);
  host.numbers[host.kept++] = order->number;
}

static void ignore(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)order;
  (void)user_data;
}

/* The first load is answered, and the second is not in the store. */
static void load(shttp_server *server, const shttp_store_order *order, void *user_data) {
  shttp_bytes found[KEPT_MAX];
  size_t count = 0;
  (void)user_data;
  if (atomic_fetch_add(&host.loads, 1) == 1) {
    CHECK_STATUS(shttp_ffi_load_fail(server, order->load.key), SHTTP_OK);
    CHECK_STATUS(shttp_ffi_load_fail(server, order->load.key), SHTTP_ERR_NOT_FOUND);
    return;
  }
  for (int i = 0; i < host.kept; i++)
    if (check_is(order->stream, host.streams[i]) && host.numbers[i] > order->number)
      found[count++] = shttp_text(host.messages[i]);
  CHECK_STATUS(shttp_ffi_load_finish(server, order->load.key, found, count, 1), SHTTP_OK);
}

/* Reads events up to one with `text`, and keeps its id and its data. */
static bool reads(exchange *x, struct sse_event *event, const char *text) {
  while (exchange_event(x, event))
    if (strstr(event->data, text) != NULL) return true;
  fprintf(stderr, "no event with %s\n", text);
  return false;
}

static void conversation(struct client *client) {
  struct sse_event event;
  char answer[200];
  exchange *primary = client_get(client, NULL);
  CHECK(exchange_status(primary) == 200);
  exchange *x = client_post(client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/all\","
                                    "\"params\":{\"_meta\":{\"progressToken\":\"t\"}}}");
  CHECK(reads(x, &event, "\"log\":1") && strstr(event.data, "\"twins\""));
  CHECK(reads(x, &event, "\"note\":1") && strstr(event.data, "\"test/note\""));
  REQUIRE(reads(x, &event, "sampling/createMessage") && strstr(event.data, "\"messages\":[]"));
  const char *id = strstr(event.data, "\"id\":");
  REQUIRE(id != NULL);
  snprintf(answer, sizeof answer, "{\"jsonrpc\":\"2.0\",%.*s,\"result\":{}}", (int)strcspn(id, ",}"), id);
  CHECK(client_tell(client, answer) == 202);
  CHECK(reads(x, &event, "\"all\":1"));
  exchange_end(x);
  CHECK(reads(primary, &event, "\"half\"") && strstr(event.data, "\"total\":2"));
  CHECK(reads(primary, &event, "\"primary\":1") && strstr(event.data, "\"test/primary\""));
  CHECK(reads(primary, &event, "\"broadcast\":1"));
  CHECK(reads(primary, &event, "roots/list"));
  CHECK(reads(primary, &event, "notifications/cancelled"));

  char *failed = client_ask(client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/fail\"}");
  CHECK(failed && strstr(failed, "-7") && strstr(failed, "\"no\"") && strstr(failed, "\"data\":1"));
  free(failed);

  x = client_post(client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"test/hang_up\"}");
  CHECK(reads(x, &event, "test/before"));
  char last[sizeof event.id];
  memcpy(last, event.id, sizeof last);
  CHECK(!exchange_event(x, &event));
  exchange_end(x);
  while (exchange_event(primary, &event)) continue;
  exchange_end(primary);
  x = client_get(client, last);
  CHECK(exchange_status(x) == 200 && reads(x, &event, "\"after\":1"));
  exchange_end(x);
  x = client_get(client, last);
  CHECK(exchange_status(x) == 400);
  exchange_end(x);
}

static void twins(void) {
  struct fixture fixture;
  struct client client;
  shttp_event_store store;
  shttp_server_options options = fixture_options(on_event, NULL);
  shttp_event_store_init(&store);
  store.keep = keep;
  store.end = store.forget = ignore;
  store.load = load;
  options.event_store = &store;
  options.authorize = 1;
  fixture_start(&fixture, &options);

  REQUIRE(client_open_as(&client, "127.0.0.1", fixture.port, "good"));
  conversation(&client);
  client.token = "bad";
  exchange *x = client_get(&client, NULL);
  CHECK(exchange_status(x) == 403);
  const char *challenge = exchange_header(x, "www-authenticate");
  CHECK(challenge && strstr(challenge, "scope=\"a b\"") && strstr(challenge, "too little"));
  exchange_end(x);
  client.token = "good";
  free(client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"test/close\"}"));
  CHECK(reaches(&host.closed, 1));
  CHECK(atomic_load(&host.loads) == 2 && atomic_load(&host.responses) == 1);
  fixture_stop(&fixture);
}

int main(void) {
  RUN(twins);
  return check_result();
}
