#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "response.h"

#include <strings.h>

#include "fail.h"

/* The value of the header `name` if this line is one, else NULL. */
static const char *header(const char *line, size_t len, const char *name, size_t *value_len) {
  size_t name_len = strlen(name);
  if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0) return NULL;
  const char *value = line + name_len + 1, *end = line + len;
  while (value < end && *value == ' ') value++;
  *value_len = (size_t)(end - value);
  return value;
}

const char *head_field(const char *head, size_t head_len, const char *name, size_t *len) {
  const char *at = head, *end = head + head_len, *value = NULL;
  while (value == NULL) {
    at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    const char *line_end = memchr(at, '\r', (size_t)(end - at));
    if (line_end == at) break;
    value = header(at, (size_t)(line_end - at), name, len);
  }
  return value;
}

static void read_header(struct response *r, const char *line, size_t len) {
  size_t value_len;
  const char *value;
  if ((value = header(line, len, "content-length", &value_len)) != NULL) {
    r->left = number_at(value, value + value_len);
  } else if ((value = header(line, len, "transfer-encoding", &value_len)) != NULL) {
    if (value_len != 7 || strncasecmp(value, "chunked", 7) != 0) fail("an unknown transfer-encoding");
    r->part = CHUNK_SIZE;
  } else if ((value = header(line, len, "content-type", &value_len)) != NULL) {
    r->is_stream = value_len >= 17 && strncasecmp(value, "text/event-stream", 17) == 0;
  } else if ((value = header(line, len, "mcp-session-id", &value_len)) != NULL) {
    if (value_len >= sizeof r->session) fail("a session id of %zu bytes", value_len);
    memcpy(r->session, value, value_len);
    r->session[value_len] = '\0';
  }
}

static void read_head(struct response *r) {
  const char *at = r->line.data, *end = at + r->line.len;
  if (r->line.len < 12 || memcmp(at, "HTTP/1.1 ", 9) != 0) fail("no HTTP/1.1 response");
  r->status = (int)number_at(at + 9, end);
  r->is_stream = false;
  r->session[0] = r->next_id[0] = '\0';
  r->left = 0;
  r->part = LENGTH;
  for (;;) {
    at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    const char *line_end = memchr(at, '\r', (size_t)(end - at));
    if (line_end == at) return;
    read_header(r, at, (size_t)(line_end - at));
  }
}

static void read_id(struct response *r, const char *id, size_t len) {
  if (len >= sizeof r->next_id) fail("an event's id of %zu bytes", len);
  memcpy(r->next_id, id, len);
  r->next_id[len] = '\0';
}

/* One line of an event stream, without its end. */
static void read_stream_line(struct response *r, const struct response_events *events, void *what, const char *line,
                             size_t len) {
  if (len != 0 && line[len - 1] == '\r') len--;
  if (len == 0) {
    if (r->next_id[0] != '\0') strcpy(r->last_id, r->next_id);
    if (r->data.len != 0) events->message(what, r->data.data, r->data.len);
    r->data.len = 0;
  } else if (len >= 5 && memcmp(line, "data:", 5) == 0) {
    size_t skip = len > 5 && line[5] == ' ' ? 6 : 5;
    if (r->data.len != 0) text_add_literal(&r->data, "\n");
    text_add(&r->data, line + skip, len - skip);
  } else if (len >= 3 && memcmp(line, "id:", 3) == 0) {
    size_t skip = len > 3 && line[3] == ' ' ? 4 : 3;
    read_id(r, line + skip, len - skip);
  }
}

static void read_body(struct response *r, const struct response_events *events, void *what, const char *data,
                      size_t len) {
  if (events->body != NULL) events->body(what, data, len);
  text_add(&r->body, data, len);
  if (!r->is_stream) return;
  size_t used = 0;
  char *end;
  while ((end = memchr(r->body.data + r->scanned, '\n', r->body.len - r->scanned)) != NULL) {
    read_stream_line(r, events, what, r->body.data + used, (size_t)(end - r->body.data) - used);
    used = r->scanned = (size_t)(end - r->body.data) + 1;
  }
  text_drop(&r->body, used);
  r->scanned = r->body.len;
}

static void end(struct response *r, const struct response_events *events, void *what) {
  if (r->is_stream && (r->body.len != 0 || r->data.len != 0)) fail("a stream that ends inside an event");
  if (r->body.len != 0) events->message(what, r->body.data, r->body.len);
  r->body.len = r->scanned = 0;
  r->part = HEAD;
  events->end(what, r);
}

/* Collects a line, or the head. True once `terminator` has come; it is kept. */
static bool collect(struct response *r, const char **data, const char *limit, const char *terminator) {
  size_t want = strlen(terminator), had = r->line.len, len = (size_t)(limit - *data);
  /* Nearly always all of it is here: then only that is copied. */
  if (had == 0) {
    const char *found = memmem(*data, len, terminator, want);
    if (found != NULL) len = (size_t)(found - *data) + want;
    text_add(&r->line, *data, len);
    *data += len;
    return found != NULL;
  }
  while (*data < limit) {
    text_add(&r->line, (*data)++, 1);
    if (r->line.len >= want && memcmp(r->line.data + r->line.len - want, terminator, want) == 0) return true;
  }
  return false;
}

static void read_chunk_size(struct response *r) {
  char *after;
  text_add_literal(&r->line, "\0");
  r->left = strtoul(r->line.data, &after, 16);
  if (after == r->line.data || *after != '\r') fail("a chunk without a size");
  r->part = r->left == 0 ? TRAILER : CHUNK;
}

void response_read(struct response *r, const struct response_events *events, void *what, const char *data, size_t len) {
  const char *limit = data + len;
  while (data < limit) {
    switch (r->part) {
      case HEAD:
        if (!collect(r, &data, limit, "\r\n\r\n")) return;
        read_head(r);
        events->head(what, r);
        r->line.len = 0;
        if (r->part == LENGTH && r->left == 0) end(r, events, what);
        break;
      case LENGTH:
      case CHUNK: {
        size_t some = (size_t)(limit - data) < r->left ? (size_t)(limit - data) : r->left;
        read_body(r, events, what, data, some);
        data += some;
        r->left -= some;
        if (r->left != 0) return;
        if (r->part == LENGTH) end(r, events, what);
        else r->part = CHUNK_END;
        break;
      }
      case CHUNK_SIZE:
        if (!collect(r, &data, limit, "\r\n")) return;
        read_chunk_size(r);
        r->line.len = 0;
        break;
      case CHUNK_END:
      case TRAILER:
        if (!collect(r, &data, limit, "\r\n")) return;
        if (r->line.len != 2) fail("a chunk that is longer than it says");
        r->line.len = 0;
        if (r->part == TRAILER) end(r, events, what);
        else r->part = CHUNK_SIZE;
        break;
    }
  }
}

void response_trim(struct response *r) {
  if (r->line.len == 0) text_free(&r->line);
  if (r->body.len == 0) text_free(&r->body);
  if (r->data.len == 0) text_free(&r->data);
}

void response_free(struct response *r) {
  text_free(&r->line);
  text_free(&r->body);
  text_free(&r->data);
  r->scanned = 0;
  r->part = HEAD;
}
