/*
 * The answers, as good as canned: nothing is parsed, because the load generator writes every request the
 * same way; only the id and the text of a call are taken over. They are byte for byte as long as the library's.
 */
#include "ceiling.h"

#define MESSAGE_START 200

/* Primary streams by session number. */
static struct peer **primaries;
static size_t session_count, session_capacity;

static uv_buf_t buffer(const void *data, size_t len) { return uv_buf_init((char *)data, (unsigned)len); }

static void write_text(struct peer *peer, const char *text, size_t len) {
  uv_buf_t part = buffer(text, len);
  peer_write(peer, &part, 1);
}

#define write_literal(peer, literal) write_text((peer), (literal), sizeof(literal) - 1)

/* ---- Results ------------------------------------------------------------------------ */

/* What stands before and after a text in a result; the head of the response is left out if `is_begun`. */
static void frame_result(struct text *before, struct text *after, const char *id, size_t id_len, size_t text_len,
                         bool is_begun) {
  static const char opening[] = "{\"jsonrpc\":\"2.0\",\"id\":";
  static const char middle[] = ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"";
  static const char closing[] = "\"}]}}";
  static const char event[] = EVENT_ID "event: message\ndata: ";
  size_t json = sizeof opening - 1 + id_len + sizeof middle - 1 + text_len + sizeof closing - 1;
  if (answers_json) {
    text_add_literal(before, "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\nContent-Length: ");
    text_add_number(before, json);
    text_add_literal(before, "\r\n\r\n");
  } else {
    if (!is_begun) text_add_literal(before, STREAM_HEAD PRIMING_CHUNK);
    add_chunk_head(before, sizeof event - 1 + json + 2);
    text_add_literal(before, event);
  }
  text_add_literal(before, opening);
  text_add(before, id, id_len);
  text_add_literal(before, middle);
  text_add_literal(after, closing);
  if (!answers_json) text_add_literal(after, "\n\n\r\n" LAST_CHUNK);
}

void write_result(struct peer *peer, const char *id, size_t id_len, const char *text, size_t text_len) {
  static struct text before, after;
  before.len = after.len = 0;
  frame_result(&before, &after, id, id_len, text_len, false);
  uv_buf_t parts[] = {buffer(before.data, before.len), buffer(text, text_len), buffer(after.data, after.len)};
  peer_write(peer, parts, 3);
}

/* ---- Notifications -------------------------------------------------------------------- */

static void add_progress(struct text *out, const char *id, size_t id_len, uint64_t step, uint64_t count) {
  static struct text json;
  json.len = 0;
  text_add_literal(&json, EVENT_ID "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
                                   "\"params\":{\"progressToken\":");
  text_add(&json, id, id_len);
  text_add_literal(&json, ",\"progress\":");
  text_add_number(&json, step);
  text_add_literal(&json, ",\"total\":");
  text_add_number(&json, count);
  text_add_literal(&json, "}}\n\n");
  add_chunk_head(out, json.len);
  text_add(out, json.data, json.len);
  text_add_literal(out, "\r\n");
}

static struct peer *primary(const struct peer *peer) {
  size_t session = strtoul(peer->session, NULL, 16);
  return session < session_count ? primaries[session] : NULL;
}

static void progress(struct peer *peer, const char *id, size_t id_len, uint64_t count) {
  static struct text out, after;
  struct peer *target = progress_on_primary ? primary(peer) : NULL;
  out.len = after.len = 0;
  if (target == NULL) text_add_literal(&out, STREAM_HEAD PRIMING_CHUNK);
  for (uint64_t step = 1; step <= count; step++) add_progress(&out, id, id_len, step, count);
  if (target != NULL) {
    write_text(target, out.data, out.len);
    out.len = 0;
  }
  frame_result(&out, &after, id, id_len, 4, target == NULL);
  text_add_literal(&out, "done");
  text_add(&out, after.data, after.len);
  write_text(peer, out.data, out.len);
}

static void broadcast(uint64_t seq) {
  char json[200], chunk[230];
  int len = snprintf(json, sizeof json,
                     EVENT_ID "event: message\ndata: {\"jsonrpc\":\"2.0\","
                              "\"method\":\"notifications/message\",\"params\":{\"level\":\"info\","
                              "\"data\":{\"seq\":%llu}}}\n\n",
                     (unsigned long long)seq);
  len = snprintf(chunk, sizeof chunk, "%08x\r\n%s\r\n", (unsigned)len, json);
  for (size_t i = 0; i < session_count; i++)
    if (primaries[i] != NULL) write_text(primaries[i], chunk, (size_t)len);
}

/* ---- Requests --------------------------------------------------------------------------- */

static void initialize(struct peer *peer, const char *id, size_t id_len) {
  char json[300], out[800];
  if (session_count == session_capacity) {
    session_capacity = session_capacity == 0 ? 64 : 2 * session_capacity;
    primaries = realloc(primaries, session_capacity * sizeof *primaries);
  }
  size_t session = session_count++;
  primaries[session] = NULL;
  int len = snprintf(
      json, sizeof json,
      "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"protocolVersion\":\"" REVISION "\","
      "\"capabilities\":{\"tools\":{},\"logging\":{}},\"serverInfo\":{\"name\":\"ceiling\",\"version\":\"1\"}}}",
      (int)id_len, id);
  if (answers_json)
    len = snprintf(out, sizeof out,
                   "HTTP/1.1 200 OK\r\n" DATE "Mcp-Session-Id: %zx\r\n"
                   "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                   session, len, json);
  else
    len = snprintf(out, sizeof out,
                   "HTTP/1.1 200 OK\r\n" DATE "Mcp-Session-Id: %zx\r\n"
                   "Content-Type: text/event-stream; charset=utf-8\r\n"
                   "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n" PRIMING_CHUNK "%08zx\r\n" EVENT_ID
                   "event: message\ndata: %s\n\n\r\n" LAST_CHUNK,
                   session, sizeof EVENT_ID - 1 + 21 + (size_t)len + 2, json);
  write_text(peer, out, (size_t)len);
}

static void call(struct peer *peer, const char *id, size_t id_len, const char *body, size_t len) {
  const char *end = body + len, *value;
  if ((value = find(body, len, MESSAGE_START, "\"name\":\"echo\",\"arguments\":{\"text\":\"")) != NULL) {
    size_t text_len = (size_t)(end - 4 - value);
    if (uses_batches) batch_add(peer, id, id_len, value, text_len);
    else write_result(peer, id, id_len, value, text_len);
  } else if ((value = find(body, len, MESSAGE_START, "\"count\":")) != NULL) {
    progress(peer, id, id_len, number_at(value, end));
  } else if ((value = find(body, len, MESSAGE_START, "\"seq\":")) != NULL) {
    broadcast(number_at(value, end));
    write_result(peer, id, id_len, "sent", 4);
  } else {
    write_literal(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  }
}

static void delete_session(const struct peer *peer) {
  struct peer *stream = primary(peer);
  if (stream == NULL) return;
  write_literal(stream, LAST_CHUNK);
  primaries[strtoul(peer->session, NULL, 16)] = NULL;
}

void answer(struct peer *peer, const char *body, size_t len) {
  if (peer->parser.method == HTTP_GET) {
    primaries[strtoul(peer->session, NULL, 16)] = peer;
    write_literal(peer, STREAM_HEAD "00000008\r\n: open\n\n\r\n" PRIMING_CHUNK);
    return;
  }
  if (peer->parser.method == HTTP_DELETE) {
    delete_session(peer);
    write_literal(peer, "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
    return;
  }
  const char *id = find(body, len, MESSAGE_START, "\"id\":");
  if (id == NULL) {
    write_literal(peer, "HTTP/1.1 202 Accepted\r\n" DATE "Content-Length: 0\r\n\r\n");
    return;
  }
  size_t id_len = strspn(id, "0123456789");
  if (find(id, len - (size_t)(id - body), MESSAGE_START, "\"method\":\"tools/call\"") != NULL)
    call(peer, id, id_len, body, len);
  else initialize(peer, id, id_len);
}
