/*
 * Reads HTTP/1.1 responses for every client in C: whole JSON documents and event streams, in pieces of any size.
 * No I/O. What is malformed ends the program.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "text.h"

#define SESSION_ID_MAX 64
#define EVENT_ID_MAX 128

struct response {
  enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER } part;
  int status;
  bool is_stream;
  char session[SESSION_ID_MAX];
  size_t left;                /* bytes of the body, or of this chunk, that are still to come */
  struct text line;           /* the head, or the line of a chunk, as far as it has come */
  struct text body;           /* what of the body is not understood yet */
  size_t scanned;             /* bytes of `body` without a line end */
  struct text data;           /* an event's data so far */
  char next_id[EVENT_ID_MAX]; /* the id of the event that has begun */
  char last_id[EVENT_ID_MAX]; /* the id to resume with, also after response_free() */
};

/* What happens while bytes are read. `what` is the pointer given to response_read(). */
struct response_events {
  void (*head)(void *what, const struct response *response);
  void (*body)(void *what, const char *data, size_t len); /* the body as it comes, without chunks; may be NULL */
  void (*message)(void *what, const char *json, size_t len);
  void (*end)(void *what, const struct response *response);
};

void response_read(struct response *response, const struct response_events *events, void *what, const char *data,
                   size_t len);
/* A field's value, of `*len` bytes, in a head, which during the event `head` is in `line`; NULL if it is absent. */
const char *head_field(const char *head, size_t head_len, const char *name, size_t *len);
/* Frees the buffers that are empty. */
void response_trim(struct response *response);
/* Frees them all, and makes ready for another connection. */
void response_free(struct response *response);

#endif
