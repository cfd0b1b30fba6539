#include "client.h"

#include "fail.h"

#define START_OF_MESSAGE 300
#define SHOWN_MAX 300 /* of a message that is not as it must be */

struct call call;
struct ports ports;
uint64_t broadcast_seq;
size_t broadcasts_pending, primaries_open;

static bool is_progress(const char *json, size_t len) {
  return find(json, len, START_OF_MESSAGE, "\"method\":\"notifications/progress\"") != NULL;
}

void check_number(const char *json, size_t len, const char *key, uint64_t wanted) {
  uint64_t number = number_at(find(json, len, START_OF_MESSAGE, key), json + len);
  int shown = len < SHOWN_MAX ? (int)len : SHOWN_MAX;
  if (number != wanted) fail("%s %llu wanted in %.*s", key, (unsigned long long)wanted, shown, json);
}

void copy_text(const char *json, size_t len, const char *key, char *out, size_t room) {
  const char *text = find(json, len, len, key);
  const char *end = text == NULL ? NULL : memchr(text, '"', (size_t)(json + len - text));
  if (end == NULL || (size_t)(end - text) >= room) fail("no %s, or a long one", key);
  memcpy(out, text, (size_t)(end - text));
  out[end - text] = '\0';
}

void lane_advance(struct lane *lane) {
  bool is_done = lane->has_ended && lane->notified == call.notifications && broadcasts_pending == 0;
  if (lane->step != CALLING || !is_done) return;
  lane->step = IDLE;
  lane->then(lane);
}

/* ---- Notifications ------------------------------------------------------------ */

static void check_progress(struct lane *lane, const char *json, size_t len, bool on_primary) {
  if (lane->step != CALLING || lane->notified == call.notifications) fail("progress that nobody waits for");
  if (on_primary != call.on_primary) fail("progress on the wrong stream");
  check_number(json, len, "\"progressToken\":", lane->id);
  check_number(json, len, "\"progress\":", ++lane->notified);
}

static void primary_head(void *what, const struct response *response) {
  struct session *session = what;
  if (response->status != 200 || !response->is_stream) fail("GET: status %d", response->status);
  primaries_open++;
  session->lane->step = IDLE;
  session->lane->then(session->lane);
}

static void primary_message(void *what, const char *json, size_t len) {
  struct session *session = what;
  if (is_progress(json, len)) {
    check_progress(session->lane, json, len, true);
  } else {
    check_number(json, len, "\"seq\":", broadcast_seq);
    if (session->seen++ != broadcast_seq - 1) fail("a broadcast came twice, or one is missing");
    broadcasts_pending--;
  }
  lane_advance(session->lane);
}

static void primary_end(void *what, const struct response *response) {
  struct session *session = what;
  (void)response;
  if (session->id[0] != '\0') fail("a primary stream has ended");
  primaries_open--;
}

static const struct response_events primary_events = {primary_head, NULL, primary_message, primary_end};

/* ---- Answers to POST ------------------------------------------------------------ */

static void check_answer(struct lane *lane, const char *json, size_t len) {
  check_number(json, len, "\"id\":", lane->id);
  if (call.is_modern && find(json, len, START_OF_MESSAGE, "\"resultType\":\"complete\"") == NULL)
    fail("a result without its type");
  const char *text = find(json, len, START_OF_MESSAGE, "\"text\":");
  while (text != NULL && *text == ' ') text++;
  size_t left = text == NULL ? 0 : (size_t)(json + len - text);
  if (left < call.wanted.len || memcmp(text, call.wanted.data, call.wanted.len) != 0)
    fail("a wrong answer: %.*s", len < SHOWN_MAX ? (int)len : SHOWN_MAX, json);
  if (lane->has_answer) fail("two answers");
  lane->has_answer = true;
}

static void post_head(void *what, const struct response *response) {
  const struct lane *lane = what;
  int status = response->status;
  bool is_expected = lane->step == CONFIRMING ? status == 202
                     : lane->step == DELETING ? status == 200 || status == 204
                                              : status == 200;
  if (!is_expected) fail("status %d in step %d", status, (int)lane->step);
  if (lane->step == CALLING && response->is_stream != call.is_stream)
    fail("the answer is %s", response->is_stream ? "an event stream" : "one document");
}

static void post_message(void *what, const char *json, size_t len) {
  struct lane *lane = what;
  if (lane->step == INITIALIZING) {
    check_number(json, len, "\"id\":", lane->id);
    if (find(json, len, len, "\"protocolVersion\":\"" REVISION "\"") == NULL) fail("another revision");
    lane->has_answer = true;
  } else if (lane->step == CALLING && is_progress(json, len)) {
    if (lane->has_answer) fail("progress after the result");
    check_progress(lane, json, len, false);
  } else if (lane->step == CALLING) {
    check_answer(lane, json, len);
  } else if (lane->step == ASKING) {
    take_question(lane, json, len);
  } else {
    fail("an unexpected message in step %d", (int)lane->step);
  }
}

static void confirm(struct lane *lane) {
  static const char message[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";
  const struct text body = {(char *)message, sizeof message - 1, 0};
  lane->step = CONFIRMING;
  add_post(connection_request(&lane->post), connections_host, lane->session->id, &body);
  connection_send(&lane->post);
}

static void post_end(void *what, const struct response *response) {
  struct lane *lane = what;
  switch (lane->step) {
    case INITIALIZING:
      if (!lane->has_answer || response->session[0] == '\0') fail("initialize: no result, or no session");
      strcpy(lane->session->id, response->session);
      confirm(lane);
      break;
    case CALLING:
      if (!lane->has_answer) fail("a response without an answer");
      lane->has_ended = true;
      lane_advance(lane);
      break;
    case ASKING:
      if (!lane->has_answer) fail("a response without a question");
      lane->step = IDLE;
      lane->then(lane);
      break;
    default: lane->step = IDLE; lane->then(lane);
  }
}

static const struct response_events post_events = {post_head, NULL, post_message, post_end};

/* ---- Requests -------------------------------------------------------------------- */

void lane_begin(struct lane *lane, int step, void (*then)(struct lane *)) {
  lane->step = step;
  lane->then = then;
  lane->has_answer = lane->has_ended = false;
  lane->notified = 0;
}

void lane_open(struct lane *lane, uint16_t port) { connection_open(&lane->post, port, &post_events, lane); }

void lane_initialize(struct lane *lane, struct session *session, void (*then)(struct lane *)) {
  char message[300];
  lane_begin(lane, INITIALIZING, then);
  lane->session = session;
  session->lane = lane;
  session->id[0] = '\0';
  struct text body = {message, 0, 0};
  body.len = (size_t)snprintf(
      message, sizeof message,
      "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"" REVISION
      "\",\"capabilities\":{},\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}",
      (unsigned long long)++lane->id);
  add_post(connection_request(&lane->post), connections_host, "", &body);
  connection_send(&lane->post);
}

void lane_open_primary(struct lane *lane, void (*then)(struct lane *)) {
  struct session *session = lane->session;
  lane_begin(lane, OPENING, then);
  connection_open(&session->primary, ports.stream, &primary_events, session);
  add_get(connection_request(&session->primary), connections_host, session->id);
  connection_send(&session->primary);
}

void lane_call(struct lane *lane, void (*then)(struct lane *)) {
  static struct text body;
  lane_begin(lane, CALLING, then);
  if (call.is_modern) {
    lane_call_modern(lane);
    return;
  }
  body.len = 0;
  add_call(&body, ++lane->id, call.tool, call.notifications != 0, call.key);
  if (call.has_number) text_add_number(&body, call.number);
  else text_add(&body, call.wanted.data, call.wanted.len);
  text_add_literal(&body, "}}}");
  add_post(connection_request(&lane->post), connections_host, lane->session->id, &body);
  connection_send(&lane->post);
}

void lane_delete(struct lane *lane, void (*then)(struct lane *)) {
  lane_begin(lane, DELETING, then);
  add_delete(connection_request(&lane->post), connections_host, lane->session->id);
  lane->session->id[0] = '\0';
  connection_send(&lane->post);
}
