/* Sockets of the load generator: one epoll, one thread. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "response.h"
#include "wire.h"

struct connection {
  int fd; /* -1 while it is not open */
  bool waits_to_write;
  struct text out;
  size_t sent;
  struct response response;
  const struct response_events *events;
  void *owner; /* what the events are told with */
};

/* The server as a Host header names it. */
extern char connections_host[];

uint64_t now_ns(void);
void connections_start(uint16_t port);
void connection_open(struct connection *connection, uint16_t port, const struct response_events *events, void *owner);
void connection_close(struct connection *connection);

/* The buffer for the next request, emptied; connection_send() sends it. */
struct text *connection_request(struct connection *connection);
void connection_send(struct connection *connection);

/* Handles what happens until `*pending` is 0. Fails if nothing happens for a long time. */
void connections_run(const size_t *pending);

#endif
