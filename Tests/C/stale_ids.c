/* A handle refers to one thing for ever: after its end it is not found, and never somebody else's. */
#include "check.h"
#include "fixture.h"

#define SESSIONS 300

static struct {
  shttp_session session;
  shttp_request request; /* answered */
  shttp_call call;       /* answered */
  shttp_call given_up;
} old[SESSIONS];
static int old_count;

static shttp_session live;
static shttp_call live_call, closed_call;
static atomic_int responses, sessions_closed, asked;

static void check_request_is_gone(shttp_server *server, shttp_request request) {
  shttp_call call = {77};
  shttp_bytes headers;
  CHECK_STATUS(shttp_request_respond(server, request, shttp_text("{}")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_fail(server, request, -1, shttp_text("no"), shttp_text("")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_progress(server, request, 1, 2, shttp_text("")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_log(server, request, shttp_text("info"), shttp_text(""), shttp_text("1")),
               SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_notify(server, request, shttp_text("test/n"), shttp_text("")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_call(server, request, shttp_text("test/c"), shttp_text(""), NULL, &call),
               SHTTP_ERR_NOT_FOUND);
  CHECK(call.key == 77);
  CHECK_STATUS(shttp_request_hang_up(server, request, 0), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_request_headers(server, request, &headers), SHTTP_ERR_NOT_FOUND);
}

static void check_session_is_gone(shttp_server *server, shttp_session session) {
  shttp_call call = {77};
  shttp_bytes bytes;
  void *data;
  CHECK_STATUS(shttp_session_notify(server, session, shttp_text("test/n"), shttp_text("")), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_call(server, session, shttp_text("ping"), shttp_text(""), NULL, &call),
               SHTTP_ERR_NOT_FOUND);
  CHECK(call.key == 77);
  CHECK_STATUS(shttp_session_hang_up(server, session, 0), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_close(server, session), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_set_data(server, session, &bytes), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_data(server, session, &data), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_wire_id(server, session, &bytes), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_revision(server, session, &bytes), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_client_info(server, session, &bytes), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_client_capabilities(server, session, &bytes), SHTTP_ERR_NOT_FOUND);
}

static void check_all_old_ones(shttp_server *server) {
  for (int i = 0; i < old_count; i++) {
    CHECK(old[i].session.key != live.key);
    check_session_is_gone(server, old[i].session);
    check_request_is_gone(server, old[i].request);
    CHECK_STATUS(shttp_call_close(server, old[i].call), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_call_close(server, old[i].given_up), SHTTP_ERR_NOT_FOUND);
  }
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  switch (event->kind) {
    case SHTTP_EVENT_SESSION_OPENED: {
      void *data = &live;
      live = event->session;
      CHECK_STATUS(shttp_session_data(server, live, &data), SHTTP_OK);
      CHECK(data == NULL); /* not the former tenant's */
      CHECK_STATUS(shttp_session_set_data(server, live, &old[old_count]), SHTTP_OK);
      break;
    }
    case SHTTP_EVENT_REQUEST:
      CHECK(event->session.key == live.key && event->session_data == &old[old_count]);
      if (check_is(event->method, "test/old")) {
        check_all_old_ones(server);
        CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text("{}")), SHTTP_OK);
        break;
      }
      CHECK_STATUS(
          shttp_request_call(server, event->request, shttp_text("test/give-up"), shttp_text(""), NULL, &closed_call),
          SHTTP_OK);
      CHECK_STATUS(shttp_call_close(server, closed_call), SHTTP_OK);
      CHECK_STATUS(shttp_call_close(server, closed_call), SHTTP_ERR_NOT_FOUND);
      CHECK_STATUS(
          shttp_request_call(server, event->request, shttp_text("test/ask"), shttp_text("{\"a\":1}"), old, &live_call),
          SHTTP_OK);
      old[old_count].request = event->request;
      atomic_fetch_add(&asked, 1);
      break;
    case SHTTP_EVENT_RESPONSE:
      CHECK(event->call.key == live_call.key && event->call_data == old);
      CHECK_STATUS(event->status, SHTTP_OK);
      CHECK_STATUS(shttp_call_close(server, event->call), SHTTP_ERR_NOT_FOUND);
      CHECK_STATUS(shttp_request_respond(server, old[old_count].request, shttp_text("{\"ok\":true}")), SHTTP_OK);
      check_request_is_gone(server, old[old_count].request);
      atomic_fetch_add(&responses, 1);
      break;
    case SHTTP_EVENT_SESSION_CLOSED:
      CHECK(event->session.key == live.key && event->session_data == &old[old_count]);
      old[old_count].session = live;
      old[old_count].call = live_call;
      old[old_count].given_up = closed_call;
      check_session_is_gone(server, live);
      live.key = 0;
      old_count++;
      atomic_fetch_add(&sessions_closed, 1);
      break;
    default: break;
  }
}

/* The id of the server's request in `json`, as JSON text. */
static bool find_id(const char *json, char *id, size_t room) {
  const char *at = strstr(json, "\"id\":");
  if (at == NULL) return false;
  at += 5;
  size_t len = *at == '"' ? strcspn(at + 1, "\"") + 2 : strcspn(at, ",}");
  snprintf(id, room, "%.*s", (int)len, at);
  return true;
}

static void one_session(const struct fixture *fixture, int number) {
  struct client client = fixture_client(fixture);
  struct sse_event event;
  char id[80], answer[200];
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"test/work\"}");
  while (exchange_event(x, &event)) {
    if (strstr(event.data, "test/ask") == NULL) continue;
    REQUIRE(find_id(event.data, id, sizeof id));
    snprintf(answer, sizeof answer, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", id);
    CHECK(client_tell(&client, answer) == 202);
    CHECK(client_tell(&client, answer) == 202); /* a second answer is dropped */
  }
  exchange_end(x);
  CHECK(atomic_load(&responses) == number + 1);
  if (number % 50 == 0) free(client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/old\"}"));
  CHECK(client_delete(&client) / 100 == 2);
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/n\"}") == 404);
  CHECK(reaches(&sessions_closed, number + 1));
}

int main(int argc, char **argv) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  int sessions = argc > 1 ? atoi(argv[1]) : SESSIONS; /* fewer under valgrind */
  for (int server = 0; server < 2; server++) {        /* One's keys mean nothing to the other. */
    fixture_start(&fixture, &options);
    for (int number = 0; number < sessions / 2; number++) one_session(&fixture, server * (sessions / 2) + number);
    fixture_stop(&fixture);
  }
  for (int i = 0; i < old_count; i++)
    for (int j = 0; j < i; j++)
      CHECK(old[i].session.key != old[j].session.key && old[i].request.key != old[j].request.key &&
            old[i].call.key != old[j].call.key);
  return check_result();
}
