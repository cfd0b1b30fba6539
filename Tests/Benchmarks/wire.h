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

static inline void add_body(struct text *out, const struct text *body) {
  text_add_literal(out, "Accept: application/json, text/event-stream\r\n"
                        "Content-Type: application/json\r\nContent-Length: ");
  text_add_number(out, body->len);
  text_add_literal(out, "\r\n\r\n");
  text_add(out, body->data, body->len);
}

static inline void add_post(struct text *out, const char *host, const char *session, const struct text *body) {
  add_request_head(out, "POST", host, session);
  add_body(out, body);
}

static inline void add_get(struct text *out, const char *host, const char *session) {
  add_request_head(out, "GET", host, session);
  text_add_literal(out, "Accept: text/event-stream\r\n\r\n");
}

static inline void add_delete(struct text *out, const char *host, const char *session) {
  add_request_head(out, "DELETE", host, session);
  text_add_literal(out, "\r\n");
}

/* A tools/call, up to the value of arguments' first key; the caller adds it and "}}}". The tool `list` is
   tools/list. */
static inline void add_call(struct text *out, uint64_t id, const char *tool, bool wants_progress, const char *key) {
  text_add_literal(out, "{\"jsonrpc\":\"2.0\",\"id\":");
  text_add_number(out, id);
  text_add_literal(out, ",\"method\":\"tools/");
  text_add(out, strcmp(tool, "list") == 0 ? "list" : "call", 4);
  text_add_literal(out, "\",\"params\":{");
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

/* ---- Requests of revision 2026-07-28: no session, and headers that mirror the message ---- */

#define MODERN_REVISION "2026-07-28"
#define REGION "eu-west" /* the argument of a tool that wants it in a header, too */

/* What ends every request, from behind the other params on; a progress token may come before META_END. */
#define META_BEGIN(capabilities) \
  ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN_REVISION \
  "\",\"io.modelcontextprotocol/clientCapabilities\":" capabilities \
  ",\"io.modelcontextprotocol/clientInfo\":{\"name\":\"load\",\"version\":\"1\"}"
#define META_END "}}}"
#define META META_BEGIN("{}") META_END

/* `name` is a tool's, or NULL. */
static inline void add_modern_post(struct text *out, const char *host, const char *method, const char *name,
                                   bool has_region, const struct text *body) {
  add_request_head(out, "POST", host, "");
  text_add_literal(out, "MCP-Protocol-Version: " MODERN_REVISION "\r\nMcp-Method: ");
  text_add(out, method, strlen(method));
  if (name != NULL) {
    text_add_literal(out, "\r\nMcp-Name: ");
    text_add(out, name, strlen(name));
  }
  if (has_region) text_add_literal(out, "\r\nMcp-Param-Region: " REGION);
  text_add_literal(out, "\r\n");
  add_body(out, body);
}

/* A tools/call, up to its arguments; the caller adds them, and META. */
static inline void add_modern_call(struct text *out, uint64_t id, const char *tool) {
  text_add_literal(out, "{\"jsonrpc\":\"2.0\",\"id\":");
  text_add_number(out, id);
  text_add_literal(out, ",\"method\":\"tools/call\",\"params\":{\"name\":\"");
  text_add(out, tool, strlen(tool));
  text_add_literal(out, "\",\"arguments\":");
}

static inline void add_listen(struct text *out, uint64_t id) {
  text_add_literal(out, "{\"jsonrpc\":\"2.0\",\"id\":");
  text_add_number(out, id);
  text_add_literal(out, ",\"method\":\"subscriptions/listen\",\"params\":{"
                        "\"notifications\":{\"toolsListChanged\":true}" META);
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
#define STREAM_ID "id: 0123456789abcdef0123456789abcdef."
#define EVENT_ID STREAM_ID "1\n"
#define PRIMING_CHUNK "0000002e\r\nid: 0123456789abcdef0123456789abcdef.0\ndata:\n\n\r\n"
#define EVENT "event: message\ndata: "
#define CONTENT "{\"content\":[{\"type\":\"text\",\"text\":\""
#define SERVER_INFO "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"host\",\"version\":\"1\"}}"
#define MODERN_RESULT \
  ",\"result\":{\"resultType\":\"complete\"," SERVER_INFO ",\"content\":[{\"type\":\"text\",\"text\":\""
/* The params of the question that a server asks. */
#define ELICITATION \
  "{\"mode\":\"form\",\"message\":\"Your name?\",\"requestedSchema\":{\"type\":\"object\"," \
  "\"properties\":{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}}"
/* The parameter `text` of the first tool in a list. */
#define LISTED "{\"type\":\"string\"}"
#define LAST_CHUNK "0\r\n\r\n"

#endif
