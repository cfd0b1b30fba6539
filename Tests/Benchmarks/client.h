/* MCP clients: a lane posts one request after the other, for one session or for many. */
#ifndef CLIENT_H
#define CLIENT_H

#include "connection.h"

struct lane;

/* A session with its primary stream or, where there are no sessions, a listen stream. */
struct session {
  char id[SESSION_ID_MAX];
  struct connection primary;
  struct lane *lane; /* whose calls' notifications come on the primary */
  uint64_t seen;     /* the number of the last notification */
  uint64_t listen_id;
  bool is_listening; /* the listen stream has been acknowledged */
};

/* A call that waits for input: what its retry sends back. */
struct trip {
  char key[32];
  char state[SESSION_ID_MAX];
};

struct lane {
  struct connection post;
  struct session *session;
  size_t next_session;
  enum { IDLE, INITIALIZING, CONFIRMING, OPENING, CALLING, ASKING, DELETING } step;
  uint64_t id;
  struct trip *trip;
  bool has_answer;   /* the result has come */
  bool has_ended;    /* and the response is over */
  unsigned notified; /* of the call's notifications */
  uint64_t started_ns;
  void (*then)(struct lane *lane); /* what to do after the step */
};

/* The call that every lane makes, again and again. */
struct call {
  const char *tool;
  bool is_modern;  /* revision 2026-07-28 */
  bool has_region; /* one argument comes in a header, too */
  const char *key; /* its argument: a number, or else what it must answer */
  bool has_number;
  uint64_t number;
  unsigned notifications;
  bool on_primary;    /* where they must come */
  bool is_stream;     /* what kind of answer must come */
  struct text wanted; /* the answer's text, with its quotes */
};

extern struct call call;

/* Where sessions are opened, where their primary streams are, and where all else goes. */
struct ports {
  uint16_t open, stream, call;
};

extern struct ports ports;

/* Broadcasts: what `seq` every primary must get next, and how many primaries have not got it. */
extern uint64_t broadcast_seq;
extern size_t broadcasts_pending;
/* Primary streams that are open. */
extern size_t primaries_open;

void lane_open(struct lane *lane, uint16_t port);
void lane_initialize(struct lane *lane, struct session *session, void (*then)(struct lane *));
void lane_open_primary(struct lane *lane, void (*then)(struct lane *));
void lane_call(struct lane *lane, void (*then)(struct lane *));
/* A call that is answered with a question, and the same with the answer to it. */
void lane_ask(struct lane *lane, struct trip *trip, void (*then)(struct lane *));
void lane_retry(struct lane *lane, struct trip *trip, void (*then)(struct lane *));
void lane_listen(struct lane *lane, struct session *session, void (*then)(struct lane *));
void lane_delete(struct lane *lane, void (*then)(struct lane *));

/* For the above: */
void lane_begin(struct lane *lane, int step, void (*then)(struct lane *));
/* Goes on if the lane's call, and what it has brought about, is over. */
void lane_advance(struct lane *lane);
void check_number(const char *json, size_t len, const char *key, uint64_t wanted);
/* The text that follows `key` up to the next quote; fails if it is not there, or is too long. */
void copy_text(const char *json, size_t len, const char *key, char *out, size_t room);
void lane_call_modern(struct lane *lane);
void take_question(struct lane *lane, const char *json, size_t len);

#endif
