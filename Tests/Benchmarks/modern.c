/* Clients of revision 2026-07-28. */
#include "client.h"
#include "fail.h"

#define SUBSCRIPTION "\"io.modelcontextprotocol/subscriptionId\":"
#define CAN_ELICIT "{\"elicitation\":{}}"

static void post(struct lane *lane, bool has_region, const struct text *body) {
  add_modern_post(connection_request(&lane->post), connections_host, "tools/call", call.tool, has_region, body);
  connection_send(&lane->post);
}

/* ---- Calls -------------------------------------------------------------------------- */

void lane_call_modern(struct lane *lane) {
  static struct text body;
  body.len = 0;
  add_modern_call(&body, ++lane->id, call.tool);
  text_add_literal(&body, "{");
  if (call.has_region) text_add_literal(&body, "\"region\":\"" REGION "\",");
  text_add_literal(&body, "\"");
  text_add(&body, call.key, strlen(call.key));
  text_add_literal(&body, "\":");
  if (call.has_number) text_add_number(&body, call.number);
  else text_add(&body, call.wanted.data, call.wanted.len);
  text_add_literal(&body, "}" META_BEGIN("{}"));
  if (call.notifications != 0) {
    text_add_literal(&body, ",\"progressToken\":");
    text_add_number(&body, lane->id);
  }
  text_add_literal(&body, META_END);
  post(lane, call.has_region, &body);
}

/* ---- Round trips ---------------------------------------------------------------------- */

void lane_ask(struct lane *lane, struct trip *trip, void (*then)(struct lane *)) {
  static struct text body;
  lane_begin(lane, ASKING, then);
  lane->trip = trip;
  body.len = 0;
  add_modern_call(&body, ++lane->id, call.tool);
  text_add_literal(&body, "{}" META_BEGIN(CAN_ELICIT) META_END);
  post(lane, false, &body);
}

void take_question(struct lane *lane, const char *json, size_t len) {
  check_number(json, len, "\"id\":", lane->id);
  if (find(json, len, len, "\"resultType\":\"input_required\"") == NULL) fail("no question: %.*s", (int)len, json);
  copy_text(json, len, "\"inputRequests\":{\"", lane->trip->key, sizeof lane->trip->key);
  copy_text(json, len, "\"requestState\":\"", lane->trip->state, sizeof lane->trip->state);
  if (find(json, len, len, "\"method\":\"elicitation/create\"") == NULL) fail("another question");
  if (lane->has_answer) fail("two questions");
  lane->has_answer = true;
}

void lane_retry(struct lane *lane, struct trip *trip, void (*then)(struct lane *)) {
  static struct text body;
  lane_begin(lane, CALLING, then);
  body.len = 0;
  add_modern_call(&body, ++lane->id, call.tool);
  text_add_literal(&body, "{},\"inputResponses\":{\"");
  text_add(&body, trip->key, strlen(trip->key));
  text_add_literal(&body, "\":{\"action\":\"accept\",\"content\":{\"name\":");
  text_add(&body, call.wanted.data, call.wanted.len);
  text_add_literal(&body, "}}},\"requestState\":\"");
  text_add(&body, trip->state, strlen(trip->state));
  text_add_literal(&body, "\"" META_BEGIN(CAN_ELICIT) META_END);
  post(lane, false, &body);
}

/* ---- Listen streams --------------------------------------------------------------------- */

static void listen_head(void *what, const struct response *response) {
  (void)what;
  if (response->status != 200 || !response->is_stream) fail("listen: status %d", response->status);
}

static void listen_message(void *what, const char *json, size_t len) {
  struct session *session = what;
  struct lane *lane = session->lane;
  check_number(json, len, SUBSCRIPTION, session->listen_id);
  if (!session->is_listening) {
    if (find(json, len, len, "\"method\":\"notifications/subscriptions/acknowledged\"") == NULL ||
        find(json, len, len, "\"toolsListChanged\":true") == NULL)
      fail("no acknowledgement: %.*s", (int)len, json);
    session->is_listening = true;
    lane->step = IDLE;
    lane->then(lane);
    return;
  }
  if (find(json, len, len, "\"method\":\"notifications/tools/list_changed\"") == NULL)
    fail("an unexpected message on a listen stream: %.*s", (int)len, json);
  if (session->seen++ != broadcast_seq - 1) fail("a change came twice, or one is missing");
  broadcasts_pending--;
  lane_advance(lane);
}

static void listen_end(void *what, const struct response *response) {
  (void)what;
  (void)response;
  fail("a listen stream has ended");
}

static const struct response_events listen_events = {listen_head, NULL, listen_message, listen_end};

void lane_listen(struct lane *lane, struct session *session, void (*then)(struct lane *)) {
  static struct text body;
  static uint64_t last_id;
  lane_begin(lane, OPENING, then);
  *session = (struct session){.lane = lane, .listen_id = ++last_id};
  connection_open(&session->primary, ports.call, &listen_events, session);
  body.len = 0;
  add_listen(&body, session->listen_id);
  add_modern_post(connection_request(&session->primary), connections_host, "subscriptions/listen", NULL, false, &body);
  connection_send(&session->primary);
}
