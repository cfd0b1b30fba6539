/* A host without callbacks: it polls a descriptor and takes events in batches. */
#include <poll.h>
#include <pthread.h>

#include "check.h"
#include "fixture.h"

static struct pollfd waiting;

static bool readable(int timeout_ms) { return poll(&waiting, 1, timeout_ms) == 1 && (waiting.revents & POLLIN) != 0; }

/* Waits for the next event. What it points to lives until the next one. */
static const shttp_event *next(shttp_server *server) {
  static shttp_event event;
  size_t count = 0;
  while (readable(10000)) {
    REQUIRE_OK(shttp_server_take_events(server, &event, 1, &count));
    if (count == 1) return &event;
  }
  REQUIRE(!"an event within ten seconds");
  return NULL;
}

static const shttp_event *next_of(shttp_server *server, shttp_event_kind kind) {
  const shttp_event *event = next(server);
  while (event->kind != kind) event = next(server);
  return event;
}

static void start(struct fixture *fixture, const shttp_server_options *options) {
  fixture_start(fixture, options);
  waiting.fd = shttp_server_descriptor(fixture->server);
  waiting.events = POLLIN;
  REQUIRE(waiting.fd >= 0);
}

/* A conversation on another thread: a queue host's clients do not wait for the test. */
struct talk {
  const struct fixture *fixture;
  const char *request;
  char *answer;
  pthread_t thread;
};

static void *talk_thread(void *data) {
  struct talk *talk = data;
  struct client client = fixture_client(talk->fixture);
  talk->answer = client_ask(&client, talk->request);
  client_delete(&client);
  return NULL;
}

static void talk_start(struct talk *talk, const struct fixture *fixture, const char *request) {
  talk->fixture = fixture;
  talk->request = request;
  pthread_create(&talk->thread, NULL, talk_thread, talk);
}

static void talk_end(struct talk *talk, const char *wanted) {
  pthread_join(talk->thread, NULL);
  CHECK(talk->answer && strstr(talk->answer, wanted));
  free(talk->answer);
}

static void conversation(void) {
  struct fixture fixture;
  struct talk talk;
  shttp_event events[4];
  size_t count = 77;
  shttp_server_options options = fixture_options(NULL, NULL);
  start(&fixture, &options);
  CHECK(!readable(0));
  REQUIRE_OK(shttp_server_take_events(fixture.server, events, 4, &count));
  CHECK(count == 0);
  CHECK_STATUS(shttp_server_take_events(fixture.server, events, 0, &count), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_take_events(fixture.server, (shttp_event *)NULL, 4, &count), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_take_events(fixture.server, events, 4, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_take_events_sized(fixture.server, events, 0, 4, &count), SHTTP_ERR_INVALID_ARGUMENT);

  talk_start(&talk, &fixture, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"test/add\",\"params\":{\"a\":1}}");
  const shttp_event *event = next_of(fixture.server, SHTTP_EVENT_SESSION_OPENED);
  shttp_session session = event->session;
  CHECK(session.key != 0 && check_is(event->revision, "2025-11-25"));
  CHECK(event->wire_id.len >= 16 && event->client_info.len > 2 && event->client_info.data[0] == '{');
  CHECK(event->client_capabilities.len > 2);

  event = next_of(fixture.server, SHTTP_EVENT_REQUEST);
  shttp_request request = event->request;
  shttp_bytes host;
  CHECK(event->session.key == session.key && request.key != 0);
  CHECK(check_is(event->method, "test/add") && check_is(event->id, "\"x\""));
  CHECK(check_is(event->message, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"test/add\",\"params\":{\"a\":1}}"));
  CHECK(check_is(event->params, "{\"a\":1}"));
  CHECK(shttp_event_document(event) != NULL && shttp_event_document(event) == shttp_event_document(event));
  CHECK(check_is(event->revision, "2025-11-25"));
  CHECK_STATUS(shttp_headers_find(event->headers, "Host", &host), SHTTP_OK);
  CHECK(check_is(host, "localhost"));
  CHECK_STATUS(shttp_request_respond(fixture.server, request, shttp_text("{\"sum\":2}")), SHTTP_OK);
  talk_end(&talk, "\"sum\":2");

  CHECK(next_of(fixture.server, SHTTP_EVENT_SESSION_CLOSED)->session.key == session.key);
  CHECK(!readable(50));

  CHECK_STATUS(shttp_request_respond(fixture.server, request, shttp_text("{}")), SHTTP_OK); /* queued */
  event = next_of(fixture.server, SHTTP_EVENT_COMMAND_FAILED);
  CHECK(event->request.key == request.key);
  CHECK_STATUS(event->status, SHTTP_ERR_NOT_FOUND);

  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  CHECK(next_of(fixture.server, SHTTP_EVENT_CLOSED) != NULL);
  CHECK(!readable(50));
  fixture_stop(&fixture);
}

/* Batches: the order is kept, and all of a batch stays valid together. */
static void batches(void) {
  enum { NOTES = 50 };
  struct fixture fixture;
  shttp_event events[8];
  size_t count;
  char note[100];
  int seen = 0;
  shttp_server_options options = fixture_options(NULL, NULL);
  start(&fixture, &options);
  struct client client = fixture_client(&fixture);
  for (int i = 0; i < NOTES; i++) {
    snprintf(note, sizeof note, "{\"jsonrpc\":\"2.0\",\"method\":\"test/note\",\"params\":{\"n\":%d}}", i);
    CHECK(client_tell(&client, note) == 202);
  }
  while (seen < NOTES && readable(10000)) {
    REQUIRE_OK(shttp_server_take_events(fixture.server, events, 8, &count));
    CHECK(count <= 8);
    for (size_t i = 0; i < count; i++) {
      if (events[i].kind != SHTTP_EVENT_NOTIFICATION || !check_is(events[i].method, "test/note")) continue;
      snprintf(note, sizeof note, "{\"jsonrpc\":\"2.0\",\"method\":\"test/note\",\"params\":{\"n\":%d}}", seen++);
      CHECK(check_is(events[i].message, note));
    }
  }
  CHECK(seen == NOTES);
  fixture_stop(&fixture);
}

/* A host that is behind slows its clients down; it loses nothing. */
static void back_pressure(void) {
  enum { TALKS = 24 };
  struct fixture fixture;
  struct talk talks[TALKS];
  int closed = 0;
  shttp_server_options options = fixture_options(NULL, NULL);
  options.queue_events_max = 4;
  start(&fixture, &options);
  for (int i = 0; i < TALKS; i++)
    talk_start(&talks[i], &fixture, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/queue\"}");
  usleep(300000); /* the queue is full long before */
  while (closed < TALKS) {
    const shttp_event *event = next(fixture.server);
    if (event->kind == SHTTP_EVENT_SESSION_CLOSED) closed++;
    if (event->kind == SHTTP_EVENT_REQUEST)
      CHECK_STATUS(shttp_request_respond(fixture.server, event->request, shttp_text("{\"ok\":1}")), SHTTP_OK);
  }
  for (int i = 0; i < TALKS; i++) talk_end(&talks[i], "\"ok\"");
  fixture_stop(&fixture);
}

/* One request may name a thousand resources; the queue stays within its limit, and the host hears of all. */
enum { LISTENERS = 100, RESOURCES = 1000, EVENTS = LISTENERS * RESOURCES };

static exchange *listen_to(const struct client *client, int first) {
  static char body[RESOURCES * 20 + 500];
  size_t length = (size_t)snprintf(body, sizeof body,
                                   "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"subscriptions/listen\",\"params\":{"
                                   "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                                   "\"io.modelcontextprotocol/clientCapabilities\":{}},"
                                   "\"notifications\":{\"resourceSubscriptions\":[",
                                   first);
  for (int i = 0; i < RESOURCES; i++)
    length += (size_t)snprintf(body + length, sizeof body - length, "%s\"r:%d\"", i == 0 ? "" : ",", first + i);
  snprintf(body + length, sizeof body - length, "]}}}");
  return client_send(client, "POST",
                     "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
                     "Mcp-Method: subscriptions/listen\r\n",
                     body);
}

/* Takes events until `wanted` more resources have changed as they must: first watched, then not. Returns whether the
 * server has closed, which is the last event. */
static bool hear_of(shttp_server *server, int wanted, shttp_event_kind kind, size_t most, char *watched) {
  static shttp_event events[EVENTS];
  int heard = 0;
  bool closed = false;
  while (heard < wanted && readable(10000)) {
    size_t count;
    REQUIRE_OK(shttp_server_take_events(server, events, EVENTS, &count));
    CHECK(count <= most);
    for (size_t i = 0; i < count; i++) {
      CHECK(!closed);
      closed = events[i].kind == SHTTP_EVENT_CLOSED;
      if (events[i].kind != SHTTP_EVENT_RESOURCE_SUBSCRIBED && events[i].kind != SHTTP_EVENT_RESOURCE_UNSUBSCRIBED)
        continue;
      char text[20];
      snprintf(text, sizeof text, "%.*s", (int)events[i].uri.len, (const char *)events[i].uri.data);
      int number = atoi(text + 2);
      REQUIRE(number >= 0 && number < EVENTS);
      CHECK(events[i].kind == kind && watched[number] == (kind == SHTTP_EVENT_RESOURCE_UNSUBSCRIBED));
      watched[number] = kind == SHTTP_EVENT_RESOURCE_SUBSCRIBED;
      heard++;
    }
  }
  CHECK(heard == wanted);
  return closed;
}

static void watched_resources(void) {
  static char watched[EVENTS];
  static exchange *listeners[LISTENERS];
  struct fixture fixture;
  shttp_stats stats = {0};
  shttp_server_options options = fixture_options(NULL, NULL);
  options.server_capabilities = shttp_text("{\"resources\":{\"subscribe\":true}}");
  options.queue_events_max = 100;
  options.address_share_percent = 100;
  start(&fixture, &options);
  struct client client = {.address = "127.0.0.1", .port = fixture.port};
  for (int i = 0; i < LISTENERS; i++) listeners[i] = listen_to(&client, i * RESOURCES);
  usleep(300000); /* the queue is full long before */
  /* Beyond the limit, as many as the loop hands over at once. */
  hear_of(fixture.server, EVENTS, SHTTP_EVENT_RESOURCE_SUBSCRIBED, 100 + 64, watched);
  for (int i = 0; i < LISTENERS; i++) CHECK(exchange_status(listeners[i]) == 200);
  for (int i = 0; i < LISTENERS / 2; i++) exchange_end(listeners[i]);
  hear_of(fixture.server, EVENTS / 2, SHTTP_EVENT_RESOURCE_UNSUBSCRIBED, 100 + 64, watched);
  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  if (!hear_of(fixture.server, EVENTS / 2, SHTTP_EVENT_RESOURCE_UNSUBSCRIBED, 100 + 64, watched))
    CHECK(next(fixture.server)->kind == SHTTP_EVENT_CLOSED);
  /* The figures are those of the last turn, which may not be over. */
  for (int i = 0; i < 1000 && (i == 0 || stats.request_bytes > 0); i++) {
    usleep(10000);
    CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK);
  }
  CHECK(stats.request_bytes == 0);
  for (int i = LISTENERS / 2; i < LISTENERS; i++) exchange_end(listeners[i]);
  fixture_stop(&fixture);
}

static void log_lines(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(NULL, NULL);
  start(&fixture, &options);
  struct client client = {.address = "127.0.0.1", .port = fixture.port};
  exchange *refused = client_send(&client, "GET", "Origin: http://elsewhere.example\r\n", NULL);
  CHECK(exchange_status(refused) == 403);
  exchange_end(refused);
  const shttp_event *event = next_of(fixture.server, SHTTP_EVENT_LOG);
  CHECK(event->level == SHTTP_LOG_WARNING && event->text.len > 0);
  fixture_stop(&fixture);
}

/* A program built with an older header has a smaller shttp_event: nothing is written behind it. */
static void smaller_event(void) {
  struct {
    unsigned char bytes[2 * sizeof(shttp_event)];
  } space;
  struct fixture fixture;
  size_t count, size = offsetof(shttp_event, method);
  shttp_server_options options = fixture_options(NULL, NULL);
  start(&fixture, &options);
  struct client client = fixture_client(&fixture);
  (void)client;
  memset(&space, 0x5a, sizeof space);
  REQUIRE(readable(10000));
  REQUIRE_OK(shttp_server_take_events_sized(fixture.server, (shttp_event *)&space, size, 1, &count));
  CHECK(count == 1);
  CHECK(space.bytes[size] == 0x5a && space.bytes[sizeof space - 1] == 0x5a);
  fixture_stop(&fixture);
}

int main(void) {
  RUN(conversation);
  RUN(batches);
  RUN(back_pressure);
  RUN(watched_resources);
  RUN(log_lines);
  RUN(smaller_event);
  return check_result();
}
