/*
 * A store module: a library beside this one that keeps sessions and events, and
 * is loaded when the option `store` first names it.
 *
 * The library calls the module's one function, shttp_store_module_open(), and
 * then the functions of the two tables that it returns, on the loop's thread.
 * The module answers from any thread with the functions that it was given: it
 * is not linked with the library, which may be loaded under any name.
 */
#ifndef SHTTP_STORE_MODULE_H
#define SHTTP_STORE_MODULE_H

#include "../../include/streamablehttp.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Changes with everything in this file that an older module would not bear. */
#define SHTTP_STORE_MODULE_VERSION 2

/** The length of a node's name in bytes. Each server that shares a store is a
 *  node; it has a new random name whenever it starts. */
#define SHTTP_NODE_BYTES 16

/** What a module calls. Any thread, until its `close` has returned. */
typedef struct shttp_store_answers {
  shttp_status (*load_finish)(shttp_server *server, shttp_load load, const shttp_bytes *messages, size_t count,
                              int ended);
  shttp_status (*load_finish_open)(shttp_server *server, shttp_load load, const shttp_bytes *messages, size_t count,
                                   shttp_bytes record);
  shttp_status (*load_fail)(shttp_server *server, shttp_load load);
  shttp_status (*find_finish)(shttp_server *server, shttp_load load, shttp_bytes record);
  /** The session is another node's, which is alive; `node` is its name. */
  shttp_status (*find_finish_elsewhere)(shttp_server *server, shttp_load load, const uint8_t *node);
  /** All orders up to `serial` are kept: neither the end of the process nor of
   *  the machine can undo them. Messages that were dropped (waiting_bytes_max)
   *  are not, and never will be. Called only with shttp_store_terms.sync, or
   *  by a store of several nodes. */
  void (*kept)(shttp_server *server, uint64_t serial);
  /** A message of another node, valid until this returns. Those of a node come
   *  once and in its order. */
  void (*received)(shttp_server *server, const uint8_t *node, shttp_bytes message);
  /** Messages to a node or from it may have been lost, as it is not alive or
   *  cannot be reached; `node` NULL is all of them. What was under way with it
   *  is over; further messages may follow. */
  void (*gone)(shttp_server *server, const uint8_t *node);
  /** A session is not this node's any more: another one has taken it. */
  void (*lost)(shttp_server *server, shttp_bytes session);
  /** Whether the store can be reached. It cannot until this says so. */
  void (*reached)(shttp_server *server, int is_reached);
  /** Writes a line to the server's log. `text` is English, without a session's
   *  id. */
  void (*log)(shttp_server *server, shttp_log_level level, const char *text);
} shttp_store_answers;

/** How a module is to keep things. */
typedef struct shttp_store_terms {
  /** What the option has after "NAME:", NUL-terminated, until open returns. */
  const char *location;
  /** Events are dropped at this age in milliseconds; 0 is never. */
  uint64_t event_ms;
  /** The most events of one session, and the most bytes of messages of one
   *  session and of all. The oldest ones are dropped; 0 is no limit. */
  uint64_t session_events_max;
  uint64_t session_bytes_max;
  uint64_t total_bytes_max;
  /** The most bytes of orders that may wait to be written. Beyond it messages
   *  are dropped, and their streams cannot be resumed past them. */
  uint64_t waiting_bytes_max;
  /** Nonzero: says with `kept` what is safe, and makes it so. */
  int sync;
  /** The node's name, until open returns. */
  const uint8_t *node;
} shttp_store_terms;

/** An open store. */
typedef struct shttp_store_module {
  shttp_session_store sessions;
  shttp_event_store events;
  /** Called once, before any function of the tables, on the loop's thread;
   *  `loop` is its uv_loop_t. NULL if the store does not need it. */
  void (*start)(void *store, shttp_server *server, void *loop);
  /** For a store of several nodes, NULL for any other: this node is done with a
   *  session, which is the next one's that looks for it. */
  shttp_on_order release;
  /** With `release`: sends a message to a node, or to all others if `node` is
   *  NULL. Messages to one node arrive in order. The module copies it. */
  void (*send)(void *store, const uint8_t *node, shttp_bytes message);
  /** Writes what waits and ends. The library calls no function afterwards, and
   *  the module answers no more. */
  void (*close)(void *store);
  /** What `start`, `send` and `close` get. */
  void *store;
} shttp_store_module;

/** The type of shttp_store_module_open(). Returns SHTTP_OK, or another status
 *  after it has written to `error`, which has `error_size` bytes, what is wrong
 *  and what to do. `version` is SHTTP_STORE_MODULE_VERSION of the library. */
typedef shttp_status (*shttp_store_module_opener)(uint32_t version, const shttp_store_answers *answers,
                                                  const shttp_store_terms *terms, shttp_store_module *out, char *error,
                                                  size_t error_size);

/** What a module exports. */
shttp_status shttp_store_module_open(uint32_t version, const shttp_store_answers *answers,
                                     const shttp_store_terms *terms, shttp_store_module *out, char *error,
                                     size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
