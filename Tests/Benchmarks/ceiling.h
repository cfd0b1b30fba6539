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

extern bool answers_json, uses_batches, progress_on_primary;

#endif
