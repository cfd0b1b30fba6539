/*
 * A blocking MCP client for the tests: one exchange per connection, and a reader of responses
 * (Tests/Support) that shares nothing with the library. Every wait ends after ten seconds; what cannot be had is
 * 0, NULL or false, because in many tests the server may vanish at any moment.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
  const char *address; /* as given to shttp_server_listen() */
  uint16_t port;
  char session[160]; /* the Mcp-Session-Id; empty while there is none */
  const char *token; /* the bearer token; NULL for none */
};

typedef struct exchange exchange;

struct sse_event {
  char id[160];
  char *data; /* NUL-terminated; lives until the next event or the exchange's end */
  size_t len;
};

/* initialize (revision 2025-11-25) and notifications/initialized. */
bool client_open(struct client *client, const char *address, uint16_t port);
/* The same with a token. */
bool client_open_as(struct client *client, const char *address, uint16_t port, const char *token);
/* DELETE; the HTTP status. */
int client_delete(struct client *client);

/* Sends one HTTP request and does not wait. `headers` are whole lines, or "". */
exchange *client_send(const struct client *client, const char *method, const char *headers, const char *body);
exchange *client_post(const struct client *client, const char *json);
/* Opens the primary stream, or resumes the stream that sent `last_event_id`. */
exchange *client_get(const struct client *client, const char *last_event_id);
/* Posts a notification or a response; the HTTP status. */
int client_tell(const struct client *client, const char *json);
/* Posts a request, returns its JSON-RPC response from a stream or a document: malloc()ed or NULL. */
char *client_ask(const struct client *client, const char *json);

/* The following wait for the response's head. */
int exchange_status(exchange *x);
/* NULL if absent. */
const char *exchange_header(exchange *x, const char *name);
/* The next event that carries data, or the document; false at the response's end. */
bool exchange_event(exchange *x, struct sse_event *event);
/* The rest of the body, NUL-terminated; lives until the exchange's end. */
const char *exchange_body(exchange *x);
/* Closes the connection. NULL is ignored. */
void exchange_end(exchange *x);

#endif
