/* MCP clients: a lane posts one request after the other, for one session or for many. */
#ifndef CLIENT_H
#define CLIENT_H

#include "connection.h"

struct lane;

struct session {
  char id[SESSION_ID_MAX];
  struct connection primary;
  struct lane *lane; /* whose calls' notifications come on the primary */
  uint64_t seen;     /* the number of the last notification */
};

struct lane {
  struct connection post;
  struct session *session;
  size_t next_session;
  enum { IDLE, INITIALIZING, CONFIRMING, OPENING, CALLING, DELETING } step;
  uint64_t id;
  bool has_answer;   /* the result has come */
  bool has_ended;    /* and the response is over */
  unsigned notified; /* of the call's notifications */
  uint64_t started_ns;
  void (*then)(struct lane *lane); /* what to do after the step */
};

/* The call that every lane makes, again and again. */
struct call {
  const char *tool;
  const char *key; /* its argument: text if `tool` is echo, else a number */
  uint64_t number;
  unsigned notifications;
  bool on_primary;    /* where they must come */
  bool is_stream;     /* what kind of answer must come */
  struct text wanted; /* the answer's text, with its quotes */
};

extern struct call call;

/* Broadcasts: what `seq` every primary must get next, and how many primaries have not got it. */
extern uint64_t broadcast_seq;
extern size_t broadcasts_pending;
/* Primary streams that are open. */
extern size_t primaries_open;

void lane_open(struct lane *lane);
void lane_initialize(struct lane *lane, struct session *session, void (*then)(struct lane *));
void lane_open_primary(struct lane *lane, void (*then)(struct lane *));
void lane_call(struct lane *lane, void (*then)(struct lane *));
void lane_delete(struct lane *lane, void (*then)(struct lane *));

#endif
