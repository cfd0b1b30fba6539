/* The library's part of the contract of stores: gives orders to a store, and takes its answers. The store is whatever
   is linked with this and defines shttp_store_module_open(); it may answer with the functions that it is given, or with
   shttp_load_finish() and its like, which stage.c defines in place of the library. */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>

#include "store_module.h"

/* What a store has answered to one question. */
struct answer {
  int times;
  enum { ANSWER_FAILED, ANSWER_ENDED, ANSWER_OPEN, ANSWER_SESSION, ANSWER_ELSEWHERE } kind;
  size_t count;
  char **messages; /* each ends with a NUL, which is not counted */
  size_t *sizes;
  char *record;
  size_t record_size;
  uint64_t kept; /* the last order that the store had said it has kept */
};

/* Without limits, and on file `location`. */
shttp_store_terms stage_terms(const char *location);

/* Opens the store; ends the program if that fails. */
void stage_open(const shttp_store_terms *terms);
shttp_status stage_try_open(const shttp_store_terms *terms, char *error, size_t error_size);
void stage_close(void);

void keep(const char *session, const char *stream, uint64_t number, const char *message);
void keep_bytes(const char *session, const char *stream, uint64_t number, const void *message, size_t size);
void begin(const char *session, const char *stream, const char *record);
void end(const char *session, const char *stream);
void forget_events(const char *session);
void keep_session(const char *session, const char *record, uint64_t idle_ms);
void touch(const char *session, uint64_t idle_ms);
void forget_session(const char *session);

/* Ask, and return a number for answer_to(), which waits; NULL if no answer comes. */
uint64_t load(const char *session, const char *stream, uint64_t number);
uint64_t find(const char *session);
const struct answer *answer_to(uint64_t question);

/* How many answers have come in time that nobody waits for any more, as `answer_to` has had them already. */
int answers_too_many(void);

/* The serial of the last order, and the last one that the store says it has kept. */
uint64_t last_serial(void);
uint64_t last_kept(void);
/* Waits until everything so far is kept: false if that takes longer than `ms`. */
bool waits_for_kept(int ms);

/* How many lines the store has logged that contain `text`. */
int lines_with(const char *text);
/* Waits until there is such a line. */
bool waits_for_line(const char *text, int ms);

void sleep_ms(int ms);
int64_t now_ms(void);

#endif
