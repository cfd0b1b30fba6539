/*
 * The answers, as good as canned: nothing is parsed, because the load generator writes every request the
 * same way; only the id and the text of a call are taken over. They are byte for byte as long as the library's.
 */
#include "ceiling.h"

/* Primary streams by session number. */
static struct peer **primaries;
static size_t session_count, session_capacity;

void write_text(struct peer *peer, const char *text, size_t len) {
  uv_buf_t part = buffer(text, len);
  peer_write(peer, &part, 1);
}

/* ---- Results ------------------------------------------------------------------------ */

/* What stands before and after a text in a result; the head of the response is left out if `is_begun`. */
static void frame_result(struct text *before, struct text *after, const char *id, size_t id_len, size_t text_len,
                         bool is_begun) {
  static const char opening[] = "{\"jsonrpc\":\"2.0\",\"id\":";
  static const char closing[] = "\"}]}}";
  const char *middle = is_modern ? MODERN_RESULT : ",\"result\":" CONTENT;
  const char *event = is_modern ? EVENT : EVENT_ID EVENT;
  size_t json = sizeof opening - 1 + id_len + strlen(middle) + text_len + sizeof closing - 1;
  if (answers_json && !is_begun) {
    text_add_literal(before, "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\nContent-Length: ");
    text_add_number(before, json);
    text_add_literal(before, "\r\n\r\n");
  } else {
    if (!is_begun) text_add_literal(before, STREAM_HEAD PRIMING_CHUNK);
    add_chunk_head(before, strlen(event) + json + 2);
    text_add(before, event, strlen(event));
  }
  text_add_literal(before, opening);
  text_add(before, id, id_len);
  text_add(before, middle, strlen(middle));
  text_add_literal(after, closing);
  if (!answers_json || is_begun) text_add_literal(after, "\n\n\r\n" LAST_CHUNK);
}

void write_result(struct peer *peer, const char *id, size_t id_len, const char *text, size_t text_len) {
  static struct text before, after;
  before.len = after.len = 0;
  frame_result(&before, &after, id, id_len, text_len, false);
  uv_buf_t parts[] = {buffer(before.data, before.len), buffer(text, text_len), buffer(after.data, after.len)};
  peer_write(peer, parts, 3);
}

/* ---- Notifications -------------------------------------------------------------------- */

static void add_progress(struct canned *canned, const char *id, size_t id_len, uint64_t step) {
  static struct text before, after;
  before.len = after.len = 0;
  if (!is_modern) {
    text_add_literal(&before, STREAM_ID);
    text_add_number(&before, step);
    text_add_literal(&before, "\n");
  }
  text_add_literal(&before, EVENT "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
                                  "\"params\":{\"progressToken\":");
  text_add_literal(&after, ",\"progress\":");
  text_add_number(&after, step);
  text_add_literal(&after, ",\"total\":");
  text_add_number(&after, canned->count);
  text_add_literal(&after, "}}\n\n");
  add_chunk_head(&canned->bytes, before.len + id_len + after.len);
  text_add(&canned->bytes, before.data, before.len);
  canned->places[canned->place_count++] = canned->bytes.len;
  text_add(&canned->bytes, id, id_len);
  text_add(&canned->bytes, after.data, after.len);
  text_add_literal(&canned->bytes, "\r\n");
}

static void can(struct canned *canned, const char *id, size_t id_len, uint64_t count, bool is_answer) {
  static struct text before, after;
  before.len = after.len = canned->bytes.len = 0;
  canned->count = count;
  canned->places = realloc(canned->places, (count + 1) * sizeof *canned->places);
  canned->place_count = 0;
  if (is_answer) text_add_literal(&canned->bytes, STREAM_HEAD);
  if (is_answer && !is_modern) text_add_literal(&canned->bytes, PRIMING_CHUNK);
  for (uint64_t step = 1; step <= count; step++) add_progress(canned, id, id_len, step);
  if (!is_answer) return;
  frame_result(&before, &after, id, id_len, 4, true);
  const char *place = find(before.data, before.len, before.len, "\"jsonrpc\":\"2.0\",\"id\":");
  canned->places[canned->place_count++] = canned->bytes.len + (size_t)(place - before.data);
  text_add(&canned->bytes, before.data, before.len);
  text_add_literal(&canned->bytes, "done");
  text_add(&canned->bytes, after.data, after.len);
}

static struct peer *primary(const struct peer *peer) {
  size_t session = strtoul(peer->session, NULL, 16);
  return session < session_count ? primaries[session] : NULL;
}

const struct text *notifications(const char *id, size_t id_len, uint64_t count, bool is_answer) {
  static struct canned all[DIGITS_MAX + 1];
  struct canned *canned = &all[id_len];
  if (canned->count != count) can(canned, id, id_len, count, is_answer);
  for (size_t i = 0; i < canned->place_count; i++) memcpy(canned->bytes.data + canned->places[i], id, id_len);
  return &canned->bytes;
}

static void progress(struct peer *peer, const char *id, size_t id_len, uint64_t count) {
  struct peer *target = progress_on_primary ? primary(peer) : NULL;
  const struct text *canned = notifications(id, id_len, count, target == NULL);
  write_text(target == NULL ? peer : target, canned->data, canned->len);
  if (target != NULL) write_result(peer, id, id_len, "done", 4);
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
  if (is_modern) {
    answer_modern(peer, body, len);
    return;
  }
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
