/* Reads HTTP/1.1 responses: whole JSON documents and event streams, in pieces of any size. No I/O. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "wire.h"

struct response {
  enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER } part;
  int status;
  bool is_stream;
  char session[SESSION_ID_MAX];
  size_t left;      /* bytes of the body, or of this chunk, that are still to come */
  struct text line; /* the head, or the line of a chunk, as far as it has come */
  struct text body; /* what of the body is not understood yet */
  size_t scanned;   /* bytes of `body` without a line end */
  struct text data; /* an event's data so far */
};

/* What happens while bytes are read. `what` is the pointer given to response_read(). */
struct response_events {
  void (*head)(void *what, const struct response *response);
  void (*message)(void *what, const char *json, size_t len);
  void (*end)(void *what, const struct response *response);
};

void response_read(struct response *response, const struct response_events *events, void *what, const char *data,
                   size_t len);
void response_free(struct response *response);

#endif
