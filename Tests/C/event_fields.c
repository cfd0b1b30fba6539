/*
 * Each kind of event sets the fields that the header lists for it, and no others. The table is
 * abigen's; every kind is made to happen, and every field that a kind lists is seen at least once.
 */
#include "event_fields.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "check.h"
#include "fixture.h"

#define FIELDS (sizeof event_fields / sizeof *event_fields)
#define KINDS (sizeof event_kinds / sizeof *event_kinds)

static unsigned long long seen[KINDS];
static atomic_int counts[KINDS];
static char tag;

static size_t place_of(shttp_event_kind kind) {
  size_t place = 0;
  while (place < KINDS && event_kinds[place].kind != kind) place++;
  REQUIRE(place < KINDS);
  return place;
}

static bool is_set(const shttp_event *event, size_t field) {
  const unsigned char *bytes = (const unsigned char *)event + event_fields[field].offset;
  for (size_t i = 0; i < event_fields[field].size; i++)
    if (bytes[i] != 0) return true;
  return false;
}

static void note(const shttp_event *event) {
  size_t place = place_of(event->kind);
  for (size_t i = 0; i < FIELDS; i++) {
    const char *name = event_fields[i].name;
    if (strcmp(name, "kind") == 0 || strcmp(name, "handle") == 0 || !is_set(event, i)) continue;
    if (!CHECK((event_kinds[place].sets >> i & 1) != 0))
      fprintf(stderr, "  %s sets %s, and does not list it\n", event_kinds[place].name, name);
    seen[place] |= 1ULL << i;
  }
  atomic_fetch_add(&counts[place], 1);
}

static bool happens(shttp_event_kind kind, int times) { return CHECK(reaches(&counts[place_of(kind)], times)); }

/* ---- A host with a callback: every kind but SHTTP_EVENT_LOG ----------------------- */

static atomic_ullong the_session;

static void on_request(shttp_server *server, const shttp_event *event) {
  if (check_is(event->method, "test/asks"))
    CHECK_STATUS(shttp_request_call(server, event->request, shttp_text("roots/list"), shttp_text("{}"), &tag, NULL),
                 SHTTP_OK);
  else if (check_is(event->method, "test/answered")) {
    CHECK_STATUS(shttp_request_when_writable(server, event->request), SHTTP_OK);
    CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{}")), SHTTP_OK);
  } else if (check_is(event->method, "initialize"))
    CHECK_STATUS(shttp_request_respond(server, event->request,
                                       shttp_text("{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                                                  "\"serverInfo\":{\"name\":\"raw\",\"version\":\"1\"}}")),
                 SHTTP_OK);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  note(event);
  switch (event->kind) {
    case SHTTP_EVENT_AUTHORIZE:
      CHECK_STATUS(shttp_authorization_allow_tagged(server, event->authorization, shttp_text("alice"), 0, 7), SHTTP_OK);
      break;
    case SHTTP_EVENT_HTTP_REQUEST:
      CHECK_STATUS(shttp_exchange_start(server, event->exchange, 200, NULL, 0), SHTTP_OK);
      CHECK_STATUS(shttp_exchange_write(server, event->exchange, event->body), SHTTP_OK);
      break;
    case SHTTP_EVENT_SESSION_OPENED:
      CHECK_STATUS(shttp_session_set_data(server, event->session, &tag), SHTTP_OK);
      atomic_store(&the_session, event->session.key);
      break;
    case SHTTP_EVENT_REQUEST: on_request(server, event); break;
    case SHTTP_EVENT_TOOL_CALL: CHECK_STATUS(shttp_reply_text(server, event->request, "done"), SHTTP_OK); break;
    default: break;
  }
}

/* A request whose host calls its client; the client answers, or its session ends. */
static void ask(const struct client *client, bool answers) {
  struct sse_event event;
  exchange *x = client_post(client, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"test/asks\",\"params\":{}}");
  REQUIRE(exchange_event(x, &event));
  char *id = strstr(event.data, "\"id\":");
  REQUIRE(id != NULL);
  if (answers) {
    char response[200];
    snprintf(response, sizeof response, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"roots\":[]}}",
             (int)strcspn(id + 5, ",}"), id + 5);
    CHECK(client_tell(client, response) == 202);
    CHECK(happens(SHTTP_EVENT_RESPONSE, 1));
    CHECK(client_tell(client, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                              "\"params\":{\"requestId\":7,\"reason\":\"enough\"}}") == 202);
    CHECK(happens(SHTTP_EVENT_CANCELLED, 1));
  }
  exchange_end(x);
}

/* The first subscriber of a resource, and its last. */
static void subscribe(const struct client *client) {
  free(client_ask(client,
                  "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"a:b\"}}"));
  CHECK(happens(SHTTP_EVENT_RESOURCE_SUBSCRIBED, 1));
  free(client_ask(client,
                  "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"resources/unsubscribe\",\"params\":{\"uri\":\"a:b\"}}"));
  CHECK(happens(SHTTP_EVENT_RESOURCE_UNSUBSCRIBED, 1));
}

/* The primary stream, resumed after an event that is no longer kept. */
static void lose_events(const struct fixture *fixture, const struct client *client) {
  struct sse_event event;
  char cursor[160];
  shttp_session session = {atomic_load(&the_session)};
  exchange *x = client_get(client, NULL);
  CHECK(exchange_status(x) == 200);
  CHECK(happens(SHTTP_EVENT_PRIMARY_OPENED, 1));
  for (int i = 0; i < 8; i++)
    CHECK_STATUS(shttp_session_notify(fixture->server, session, shttp_text("test/news"), shttp_text("{}")), SHTTP_OK);
  REQUIRE(exchange_event(x, &event));
  memcpy(cursor, event.id, sizeof cursor);
  for (int i = 1; i < 8; i++) REQUIRE(exchange_event(x, &event));
  exchange_end(x);
  CHECK(happens(SHTTP_EVENT_PRIMARY_CLOSED, 1));
  x = client_get(client, cursor);
  CHECK(exchange_status(x) == 200);
  CHECK(happens(SHTTP_EVENT_PRIMARY_GAP, 1));
  exchange_end(x);
}

/* Commands of this thread, each for something that does not exist. */
static void fail_commands(const struct fixture *fixture) {
  CHECK_STATUS(shttp_session_close(fixture->server, (shttp_session){1}), SHTTP_OK);
  CHECK_STATUS(shttp_request_respond(fixture->server, (shttp_request){1}, shttp_text("{}")), SHTTP_OK);
  CHECK_STATUS(shttp_call_close(fixture->server, (shttp_call){1}), SHTTP_OK);
  CHECK_STATUS(shttp_authorization_allow(fixture->server, (shttp_authorization){1}, shttp_text("bob"), 0), SHTTP_OK);
  CHECK_STATUS(shttp_exchange_end(fixture->server, (shttp_exchange){1}), SHTTP_OK);
  CHECK(happens(SHTTP_EVENT_COMMAND_FAILED, 5));
  CHECK_STATUS(shttp_session_when_writable(fixture->server, (shttp_session){1}), SHTTP_OK);
  CHECK(happens(SHTTP_EVENT_WRITABLE, 2));
}

/* A request for another path, whose client goes before the answer has ended. */
static void leave(const struct fixture *fixture) {
  static const char request[] = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr) == 1);
  REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
  REQUIRE(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1);
  CHECK(happens(SHTTP_EVENT_HTTP_WRITABLE, 1));
  close(fd);
  CHECK(happens(SHTTP_EVENT_HTTP_CLOSED, 1));
}

static void callbacks(void) {
  struct fixture fixture;
  struct client client, unused, other;
  shttp_server_options options = fixture_options(on_event, NULL);
  options.authorize = 1;
  options.access_log = 1;
  options.other_paths = 1;
  options.keep_subscriptions = 1;
  options.replay_events_max = 4;
  options.sessions_max = 2;
  options.address_share_percent = options.principal_share_percent = 100;
  const shttp_tool tool = {.struct_size = sizeof tool, .name = "any"};
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_tool_add(fixture.server, &tool));
  REQUIRE(client_open_as(&client, "127.0.0.1", fixture.port, "token"));
  free(client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\","
                           "\"params\":{\"name\":\"any\",\"arguments\":{}}}"));
  free(client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/answered\",\"params\":{\"a\":1}}"));
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/note\",\"params\":{\"a\":1}}") == 202);
  subscribe(&client);
  lose_events(&fixture, &client);
  ask(&client, true);
  fail_commands(&fixture);
  leave(&fixture);
  CHECK_STATUS(shttp_server_sessions(fixture.server, 0, 0, &tag), SHTTP_OK);
  CHECK(happens(SHTTP_EVENT_SESSIONS, 1));
  /* A session that nobody has used makes room for another one. */
  REQUIRE(client_open_as(&unused, "127.0.0.1", fixture.port, "token"));
  REQUIRE(client_open_as(&other, "127.0.0.1", fixture.port, "token"));
  CHECK(happens(SHTTP_EVENT_SESSION_CLOSED, 1));
  ask(&other, false);
  CHECK(client_delete(&other) == 204);
  CHECK(happens(SHTTP_EVENT_RESPONSE, 2));
  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  CHECK(happens(SHTTP_EVENT_CLOSED, 1));
  fixture_stop(&fixture);
}

/* A host that answers initialize itself knows the session's id with the request. */
static void raw(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  options.server_info = options.server_capabilities = shttp_text("");
  fixture_start(&fixture, &options);
  fixture_client(&fixture);
  fixture_stop(&fixture);
}

/* ---- A host with a queue: SHTTP_EVENT_LOG ------------------------------------------ */

static void queue(void) {
  struct fixture fixture;
  struct client client;
  struct pollfd queued;
  shttp_event events[16];
  size_t count;
  shttp_server_options options = fixture_options(NULL, NULL);
  size_t place = place_of(SHTTP_EVENT_LOG);
  options.log_level = SHTTP_LOG_DEBUG;
  options.mailbox_messages_max = 1;
  fixture_start(&fixture, &options);
  client = fixture_client(&fixture);
  for (int i = 0; i < 2; i++)
    CHECK_STATUS(shttp_server_broadcast(fixture.server, shttp_text("test/news"), shttp_text("")), SHTTP_OK);
  client.session[0] ^= 1; /* a session that nobody has */
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/note\"}") == 404);
  queued = (struct pollfd){.fd = shttp_server_descriptor(fixture.server), .events = POLLIN};
  while (seen[place] != event_kinds[place].sets) {
    REQUIRE(poll(&queued, 1, 10000) == 1);
    REQUIRE_OK(shttp_server_take_events(fixture.server, events, 16, &count));
    for (size_t i = 0; i < count; i++) note(&events[i]);
  }
  fixture_stop(&fixture);
}

/* ---- A host whose store knows every session -------------------------------------- */

static void ignore_order(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)order;
  (void)user_data;
}

static void find(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)user_data;
  CHECK_STATUS(shttp_find_finish(server, order->load,
                                 shttp_text("{\"revision\":\"2025-11-25\",\"ready\":true,"
                                            "\"clientInfo\":{\"name\":\"old\"},\"capabilities\":{}}")),
               SHTTP_OK);
}

static void resumed(void) {
  struct fixture fixture;
  shttp_session_store store;
  shttp_session_store_init(&store);
  store.keep = store.touch = store.forget = ignore_order;
  store.find = find;
  shttp_server_options options = fixture_options(on_event, NULL);
  options.session_store = &store;
  fixture_start(&fixture, &options);
  struct client client = {"127.0.0.1", fixture.port, "0123456789abcdef0123456789abcdef", NULL};
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/note\"}") == 202);
  fixture_stop(&fixture);
}

int main(void) {
  RUN(callbacks);
  RUN(raw);
  RUN(resumed);
  RUN(queue);
  for (size_t place = 0; place < KINDS; place++) {
    if (!CHECK(atomic_load(&counts[place]) > 0)) fprintf(stderr, "  %s did not happen\n", event_kinds[place].name);
    for (size_t i = 0; i < FIELDS; i++)
      if ((event_kinds[place].sets >> i & 1) != 0 && !CHECK((seen[place] >> i & 1) != 0))
        fprintf(stderr, "  %s lists %s, which was never set\n", event_kinds[place].name, event_fields[i].name);
  }
  return check_result();
}
