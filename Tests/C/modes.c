/* The table of modes in streamablehttp.h: what a mode cannot do fails at once, with its status. */
#include "check.h"
#include "fixture.h"

#define EMPTY shttp_text("")
#define INFO shttp_text("{\"level\":\"info\",\"data\":0}")

/* What one request's handler got from each call. */
static struct {
  shttp_status progress, log, notify, call, session_notify, session_call, session_close, broadcast;
  shttp_status hang_up, session_hang_up;
} got;
static bool has_session;
static atomic_int primaries, sessions;

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind == SHTTP_EVENT_SESSION_OPENED) atomic_fetch_add(&sessions, 1);
  if (event->kind == SHTTP_EVENT_PRIMARY_OPENED) atomic_fetch_add(&primaries, 1);
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  has_session = event->session.key != 0;
  if (check_is(event->method, "test/try")) {
    got.progress = shttp_request_progress(server, event->request, 1, 2, EMPTY);
    got.log = shttp_request_log(server, event->request, shttp_text("info"), EMPTY, shttp_text("1"));
    got.notify = shttp_request_notify(server, event->request, shttp_text("test/note"), EMPTY);
    got.call = shttp_request_call(server, event->request, shttp_text("test/ask"), EMPTY, NULL, NULL);
    got.session_notify = shttp_session_notify(server, event->session, shttp_text("test/note"), EMPTY);
    got.session_call = shttp_session_call(server, event->session, shttp_text("ping"), EMPTY, NULL, NULL);
    got.broadcast = shttp_server_broadcast(server, shttp_text("notifications/message"), INFO);
    got.session_close = has_session ? SHTTP_OK : shttp_session_close(server, event->session);
  }
  if (check_is(event->method, "test/hang-up")) {
    got.hang_up = shttp_request_hang_up(server, event->request, 0);
    got.session_hang_up = shttp_session_hang_up(server, event->session, 0);
  }
  if (check_is(event->method, "test/fail"))
    CHECK_STATUS(shttp_request_fail(server, event->request, -32000, shttp_text("no \"luck\""), shttp_text("[1]")),
                 SHTTP_OK);
  else CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{\"end\":1}")), SHTTP_OK);
}

static const char try[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/try\",\"params\":{"
                          "\"_meta\":{\"progressToken\":\"t\"}}}";

static const char hang_up[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/hang-up\"}";

/* Posts `json`; the response's content type, and all of its text in `text`. */
static bool post(const struct client *client, const char *json, const char *type, char *text, size_t room) {
  exchange *x = client_post(client, json);
  const char *got_type = exchange_header(x, "content-type");
  bool as_wanted = exchange_status(x) == 200 && got_type && strcmp(got_type, type) == 0;
  snprintf(text, room, "%s", exchange_body(x));
  exchange_end(x);
  return as_wanted;
}

static void start(struct fixture *fixture, uint32_t stateless, shttp_response_mode mode) {
  shttp_server_options options = fixture_options(on_event, NULL);
  options.stateless = stateless;
  options.response_mode = mode;
  memset(&got, 1, sizeof got);
  atomic_store(&primaries, 0);
  atomic_store(&sessions, 0);
  fixture_start(fixture, &options);
}

static void streams(void) {
  struct fixture fixture;
  struct sse_event event;
  char text[4096];
  start(&fixture, 0, SHTTP_RESPONSE_STREAM);
  struct client client = fixture_client(&fixture);
  CHECK(client.session[0] != '\0');
  CHECK(post(&client, try, "text/event-stream; charset=utf-8", text, sizeof text));
  CHECK(got.progress == SHTTP_OK && got.log == SHTTP_OK && got.notify == SHTTP_OK && got.call == SHTTP_OK);
  CHECK(got.session_notify == SHTTP_OK && got.session_call == SHTTP_OK && got.broadcast == SHTTP_OK);
  /* No primary is attached: progress falls back to the request's stream. */
  CHECK(strstr(text, "notifications/progress") && strstr(text, "notifications/message"));
  CHECK(strstr(text, "test/note") && strstr(text, "test/ask") && strstr(text, "\"end\""));

  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 200 && reaches(&primaries, 1));
  /* What waited in the mailbox: the notification, the call, the broadcast. */
  CHECK(exchange_event(primary, &event) && strstr(event.data, "test/note"));
  CHECK(exchange_event(primary, &event) && strstr(event.data, "\"ping\""));
  CHECK(exchange_event(primary, &event) && strstr(event.data, "notifications/message"));
  CHECK(post(&client, try, "text/event-stream; charset=utf-8", text, sizeof text));
  CHECK(!strstr(text, "notifications/progress") && strstr(text, "\"end\""));
  CHECK(exchange_event(primary, &event) && strstr(event.data, "notifications/progress"));
  CHECK(post(&client, hang_up, "text/event-stream; charset=utf-8", text, sizeof text) && !strstr(text, "\"end\""));
  CHECK(got.hang_up == SHTTP_OK && got.session_hang_up == SHTTP_OK);
  exchange_body(primary);
  exchange_end(primary);
  CHECK(post(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/fail\"}", "text/event-stream; charset=utf-8",
             text, sizeof text));
  CHECK(strstr(text, "-32000") && strstr(text, "no \\\"luck\\\"") && strstr(text, "[1]"));
  fixture_stop(&fixture);
}

static void json(void) {
  struct fixture fixture;
  struct sse_event event;
  char text[4096];
  start(&fixture, 0, SHTTP_RESPONSE_JSON);
  struct client client = fixture_client(&fixture);
  CHECK(client.session[0] != '\0');
  CHECK(post(&client, try, "application/json", text, sizeof text));
  CHECK_STATUS(got.progress, SHTTP_ERR_JSON_RESPONSE); /* it would need the request's stream */
  CHECK_STATUS(got.log, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.notify, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.call, SHTTP_ERR_JSON_RESPONSE);
  CHECK(got.session_notify == SHTTP_OK && got.session_call == SHTTP_OK && got.broadcast == SHTTP_OK);
  CHECK(strncmp(text, "{\"jsonrpc\":\"2.0\"", 16) == 0 && strstr(text, "\"end\"") && !strstr(text, "test/"));

  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 200 && reaches(&primaries, 1));
  CHECK(post(&client, try, "application/json", text, sizeof text));
  CHECK_STATUS(got.progress, SHTTP_OK);
  bool progressed = false;
  while (!progressed && exchange_event(primary, &event)) progressed = strstr(event.data, "notifications/progress");
  CHECK(progressed);
  CHECK(post(&client, hang_up, "application/json", text, sizeof text) && strstr(text, "\"end\""));
  CHECK_STATUS(got.hang_up, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.session_hang_up, SHTTP_OK);
  CHECK(post(&client, hang_up, "application/json", text, sizeof text));
  CHECK_STATUS(got.session_hang_up, SHTTP_ERR_NO_STREAM); /* it has been ended before */
  exchange_end(primary);
  fixture_stop(&fixture);
}

static void stateless(void) {
  struct fixture fixture;
  char text[4096];
  start(&fixture, 1, SHTTP_RESPONSE_STREAM);
  struct client client = fixture_client(&fixture);
  CHECK(client.session[0] == '\0');
  CHECK(post(&client, try, "text/event-stream; charset=utf-8", text, sizeof text));
  CHECK(got.progress == SHTTP_OK && got.log == SHTTP_OK && got.notify == SHTTP_OK);
  CHECK(strstr(text, "notifications/progress") && strstr(text, "test/note") && strstr(text, "\"end\""));
  CHECK_STATUS(got.call, SHTTP_ERR_STATELESS);
  CHECK_STATUS(got.session_notify, SHTTP_ERR_STATELESS);
  CHECK_STATUS(got.session_call, SHTTP_ERR_STATELESS);
  CHECK_STATUS(got.session_close, SHTTP_ERR_NOT_FOUND); /* there is none to close */
  CHECK_STATUS(got.broadcast, SHTTP_ERR_STATELESS);
  CHECK(post(&client, hang_up, "text/event-stream; charset=utf-8", text, sizeof text) && strstr(text, "\"end\""));
  CHECK_STATUS(got.hang_up, SHTTP_ERR_STATELESS);
  CHECK_STATUS(got.session_hang_up, SHTTP_ERR_STATELESS);
  CHECK(!has_session && sessions == 0);
  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 405);
  exchange_end(primary);
  CHECK(client_delete(&client) == 405);
  CHECK(primaries == 0);
  fixture_stop(&fixture);
}

static void stateless_json(void) {
  struct fixture fixture;
  char text[4096];
  start(&fixture, 1, SHTTP_RESPONSE_JSON);
  struct client client = fixture_client(&fixture);
  CHECK(post(&client, try, "application/json", text, sizeof text));
  CHECK_STATUS(got.progress, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.log, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.notify, SHTTP_ERR_JSON_RESPONSE);
  CHECK_STATUS(got.call, SHTTP_ERR_STATELESS);
  CHECK_STATUS(got.broadcast, SHTTP_ERR_STATELESS);
  CHECK(strstr(text, "\"end\"") != NULL);
  CHECK(post(&client, hang_up, "application/json", text, sizeof text));
  CHECK_STATUS(got.hang_up, SHTTP_ERR_STATELESS);
  fixture_stop(&fixture);
}

static void automatic(void) {
  struct fixture fixture;
  char text[4096];
  start(&fixture, 0, SHTTP_RESPONSE_AUTO);
  struct client client = fixture_client(&fixture);
  CHECK(
      post(&client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"test/plain\"}", "application/json", text, sizeof text));
  CHECK(strstr(text, "\"end\"") != NULL);
  CHECK(post(&client, try, "text/event-stream; charset=utf-8", text, sizeof text));
  CHECK(got.log == SHTTP_OK && got.call == SHTTP_OK);
  CHECK(strstr(text, "notifications/message") && strstr(text, "\"end\""));
  fixture_stop(&fixture);
}

int main(void) {
  RUN(streams);
  RUN(json);
  RUN(stateless);
  RUN(stateless_json);
  RUN(automatic);
  return check_result();
}
