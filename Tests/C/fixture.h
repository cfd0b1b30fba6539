/* A server on a loop thread of the library's own, and what the tests do with one. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <streamablehttp.h>

#include "client.h"

struct fixture {
  shttp_loop *loop;
  shttp_server *server;
  uint16_t port;
};

/* Options that have the library answer initialize, with `on_event` (NULL: a queue host). */
shttp_server_options fixture_options(shttp_on_event on_event, void *user_data);

/* Listens on 127.0.0.1 and runs. fixture_stop() joins, then destroys the server and the loop. */
void fixture_start(struct fixture *fixture, const shttp_server_options *options);
void fixture_stop(struct fixture *fixture);

/* Opens a session with the fixture's server, or ends the program. */
struct client fixture_client(const struct fixture *fixture);

/* Waits up to ten seconds for *value to reach `wanted`. */
bool reaches(atomic_int *value, int wanted);

#endif
