/* The HTTP and JSON that the load generator and the reference server write. */
#ifndef WIRE_H
#define WIRE_H

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

#define REVISION "2025-11-25"

/* What the tools answer: `len` bytes that need no escapes in JSON. */
static inline void text_add_pattern(struct text *text, size_t len) {
  static const char pattern[] = "abcdefghijklmnopqrstuvwxyz0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ.";
  text_reserve(text, len);
  for (size_t at = 0; at < len; at++) text->data[text->len + at] = pattern[at % (sizeof pattern - 1)];
  text->len += len;
}

/* ---- Finding ---------------------------------------------------------------- */

/* What follows `key` in the first `within` bytes of a message, such as "\"id\":"; NULL if it is not there. */
static inline const char *find(const char *data, size_t len, size_t within, const char *key) {
  const char *found = memmem(data, within < len ? within : len, key, strlen(key));
  return found == NULL ? NULL : found + strlen(key);
}

/* ---- Requests --------------------------------------------------------------- */

/* The head of a request in a session, up to what follows Content-Length. */
static inline void add_request_head(struct text *out, const char *method, const char *host, const char *session) {
  text_add(out, method, strlen(method));
  text_add_literal(out, " /mcp HTTP/1.1\r\nHost: ");
  text_add(out, host, strlen(host));
  text_add_literal(out, "\r\n");
  if (session[0] != '\0') {
    text_add_literal(out, "Mcp-Session-Id: ");
    text_add(out, session, strlen(session));
    text_add_literal(out, "\r\nMCP-Protocol-Version: " REVISION "\r\n");
  }
}

static inline void add_post(struct text *out, const char *host, const char *session, const struct text *body) {
  add_request_head(out, "POST", host, session);
  text_add_literal(out, "Accept: application/json, text/event-stream\r\n"
                        "Content-Type: application/json\r\nContent-Length: ");
  text_add_number(out, body->len);
  text_add_literal(out, "\r\n\r\n");
  text_add(out, body->data, body->len);
}

static inline void add_get(struct text *out, const char *host, const char *session) {
  add_request_head(out, "GET", host, session);
  text_add_literal(out, "Accept: text/event-stream\r\n\r\n");
}

static inline void add_delete(struct text *out, const char *host, const char *session) {
  add_request_head(out, "DELETE", host, session);
  text_add_literal(out, "\r\n");
}

/* A tools/call, up to the value of arguments' first key; the caller adds it and "}}}". */
static inline void add_call(struct text *out, uint64_t id, const char *tool, bool wants_progress, const char *key) {
  text_add_literal(out, "{\"jsonrpc\":\"2.0\",\"id\":");
  text_add_number(out, id);
  text_add_literal(out, ",\"method\":\"tools/call\",\"params\":{");
  if (wants_progress) {
    text_add_literal(out, "\"_meta\":{\"progressToken\":");
    text_add_number(out, id);
    text_add_literal(out, "},");
  }
  text_add_literal(out, "\"name\":\"");
  text_add(out, tool, strlen(tool));
  text_add_literal(out, "\",\"arguments\":{\"");
  text_add(out, key, strlen(key));
  text_add_literal(out, "\":");
}

/* ---- Responses -------------------------------------------------------------- */

static inline void add_chunk_head(struct text *out, size_t len) {
  char line[20];
  text_add(out, line, (size_t)snprintf(line, sizeof line, "%08zx\r\n", len));
}

#define DATE "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
#define STREAM_HEAD \
  "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/event-stream; charset=utf-8\r\n" \
  "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EVENT_ID "id: 0123456789abcdef0123456789abcdef.1\n"
#define PRIMING_CHUNK "0000002e\r\nid: 0123456789abcdef0123456789abcdef.0\ndata:\n\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"

#endif
