/* The reference server: the least that libuv and llhttp can do for one tools/call. */
#ifndef CEILING_H
#define CEILING_H

#include <llhttp.h>
#include <uv.h>

#include "wire.h"

#define SLAB_BYTES 65536

/* A connection, which may also carry the primary stream of a session. */
struct peer {
  uv_tcp_t tcp;
  llhttp_t parser;
  char session[16]; /* of the current request: its number, in hexadecimal */
  uint8_t session_len;
  bool is_session_id; /* the header whose value comes next */
  bool has_closed;
  unsigned pending; /* calls that are with the other thread */
  size_t listener;  /* 1 + its place among the listen streams; 0 if it carries none */
  struct text body; /* of a request that came in pieces */
};

/* Writes now what the socket takes, and the rest as soon as it takes it. */
void peer_write(struct peer *peer, const uv_buf_t *parts, unsigned count);

/* The answer to a whole request; `body` is borrowed. */
void answer(struct peer *peer, const char *body, size_t len);

/* Calls for another thread leave once a turn of the loop, and their answers come back like that. */
void batches_start(uv_loop_t *loop);
void batch_add(struct peer *peer, const char *id, size_t id_len, const char *text, size_t text_len);

/* Writes the result of an echo. */
void write_result(struct peer *peer, const char *id, size_t id_len, const char *text, size_t text_len);

/* Revision 2026-07-28. */
void answer_modern(struct peer *peer, const char *body, size_t len);
void stop_listening(struct peer *peer);

/* The notifications of a call, with its whole answer around them if they go on its stream. All calls whose ids have as
   many digits are answered with the same bytes, but for the id. */
struct canned {
  uint64_t count;
  struct text bytes;
  size_t *places; /* of the id, in each notification and in the result */
  size_t place_count;
};

#define DIGITS_MAX 20 /* of an id */
#define MESSAGE_START 200

static inline uv_buf_t buffer(const void *data, size_t len) { return uv_buf_init((char *)data, (unsigned)len); }

void write_text(struct peer *peer, const char *text, size_t len);
#define write_literal(peer, literal) write_text((peer), (literal), sizeof(literal) - 1)

/* The canned bytes for a call with `count` notifications, its whole answer if `is_answer`. */
const struct text *notifications(const char *id, size_t id_len, uint64_t count, bool is_answer);

extern bool is_modern, answers_json, uses_batches, progress_on_primary;

#endif
