/* The answers of revision 2026-07-28: no sessions and no ids of events. Nothing is parsed or kept here either. */
#include "ceiling.h"

#define SUBSCRIPTION "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":"
#define QUESTION \
  ",\"result\":{\"resultType\":\"input_required\"," SERVER_INFO ",\"inputRequests\":{\"1\":{" \
  "\"method\":\"elicitation/create\",\"params\":" ELICITATION "}}," \
  "\"requestState\":\"0123456789abcdef0123456789abcdef\"}}"

/* ---- Listen streams --------------------------------------------------------------- */

struct listener {
  struct peer *peer;
  uint8_t id_len;
  char id[DIGITS_MAX];
};

static struct listener *listeners;
static size_t count, capacity;

/* A chunk with one event, up to the subscription's id, and the rest of it; `before` and `after` are literals. */
#define add_tagged_event(out, id, id_len, before, after) \
  do { \
    static const char start[] = EVENT before, rest[] = after "\n\n"; \
    add_chunk_head((out), sizeof start - 1 + (id_len) + sizeof rest - 1); \
    text_add_literal((out), start); \
    text_add((out), (id), (id_len)); \
    text_add_literal((out), rest); \
    text_add_literal((out), "\r\n"); \
  } while (0)

static void listen_to(struct peer *peer, const char *id, size_t id_len) {
  static struct text out;
  if (count == capacity) {
    capacity = capacity == 0 ? 64 : 2 * capacity;
    listeners = realloc(listeners, capacity * sizeof *listeners);
  }
  listeners[count] = (struct listener){.peer = peer, .id_len = (uint8_t)id_len};
  memcpy(listeners[count].id, id, id_len);
  peer->listener = ++count;
  out.len = 0;
  text_add_literal(&out, STREAM_HEAD);
  add_tagged_event(&out, id, id_len,
                   "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\","
                   "\"params\":{" SUBSCRIPTION,
                   "},\"notifications\":{\"toolsListChanged\":true}}}");
  write_text(peer, out.data, out.len);
}

void stop_listening(struct peer *peer) {
  if (peer->listener == 0) return;
  struct listener *hole = &listeners[peer->listener - 1];
  *hole = listeners[--count];
  hole->peer->listener = peer->listener;
  peer->listener = 0;
}

/* The same bytes for all streams whose ids have as many digits, but for the id. */
static void publish(void) {
  static struct text chunks[DIGITS_MAX + 1];
  static size_t places[DIGITS_MAX + 1];
  for (size_t i = 0; i < count; i++) {
    const struct listener *listener = &listeners[i];
    struct text *chunk = &chunks[listener->id_len];
    size_t *place = &places[listener->id_len];
    if (chunk->len == 0) {
      add_tagged_event(chunk, listener->id, listener->id_len,
                       "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\",\"params\":{" SUBSCRIPTION,
                       "}}}");
      *place = (size_t)(find(chunk->data, chunk->len, chunk->len, SUBSCRIPTION) - chunk->data);
    }
    memcpy(chunk->data + *place, listener->id, listener->id_len);
    write_text(listener->peer, chunk->data, chunk->len);
  }
}

/* ---- Requests -------------------------------------------------------------------------- */

static void write_question(struct peer *peer, const char *id, size_t id_len) {
  static struct text out;
  static const char opening[] = "{\"jsonrpc\":\"2.0\",\"id\":";
  out.len = 0;
  text_add_literal(&out, "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\nContent-Length: ");
  text_add_number(&out, sizeof opening - 1 + id_len + sizeof QUESTION - 1);
  text_add_literal(&out, "\r\n\r\n");
  text_add_literal(&out, opening);
  text_add(&out, id, id_len);
  text_add_literal(&out, QUESTION);
  write_text(peer, out.data, out.len);
}

static void call(struct peer *peer, const char *id, size_t id_len, const char *body, size_t len) {
  const char *end = body + len, *value;
  if ((value = find(body, len, MESSAGE_START, "\"name\":\"echo\",\"arguments\":{\"text\":\"")) != NULL ||
      (value = find(body, len, MESSAGE_START,
                    "\"name\":\"regional\",\"arguments\":{\"region\":\"" REGION "\",\"text\":\"")) != NULL) {
    write_result(peer, id, id_len, value, (size_t)(end - value) - (sizeof "\"}" META - 1));
  } else if ((value = find(body, len, MESSAGE_START, "\"count\":")) != NULL) {
    const struct text *canned = notifications(id, id_len, number_at(value, end), true);
    write_text(peer, canned->data, canned->len);
  } else if (find(body, len, MESSAGE_START, "\"name\":\"publish\"") != NULL) {
    publish();
    write_result(peer, id, id_len, "sent", 4);
  } else if (find(body, len, MESSAGE_START, "\"name\":\"ask\"") == NULL) {
    write_literal(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  } else if (find(body, len, MESSAGE_START, "\"inputResponses\":") == NULL) {
    write_question(peer, id, id_len);
  } else {
    write_result(peer, id, id_len, "Ada", 3);
  }
}

void answer_modern(struct peer *peer, const char *body, size_t len) {
  const char *id = find(body, len, MESSAGE_START, "\"id\":");
  if (id == NULL) {
    write_literal(peer, "HTTP/1.1 202 Accepted\r\n" DATE "Content-Length: 0\r\n\r\n");
    return;
  }
  size_t id_len = strspn(id, "0123456789");
  if (find(id, len - (size_t)(id - body), MESSAGE_START, "\"method\":\"tools/call\"") != NULL)
    call(peer, id, id_len, body, len);
  else listen_to(peer, id, id_len);
}
