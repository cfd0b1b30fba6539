#include "client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "response.h"

#define WAIT_SECONDS 10

struct exchange {
  int fd;
  char raw[16384];
  size_t raw_at, raw_len;
  struct response response;
  int status;       /* 0 before the head */
  struct text head; /* as it came */
  struct text data; /* the event or body being read */
  char header[512]; /* the value exchange_header() found */
  bool wants_body, has_message, ended;
};

/* ---- Sockets ---------------------------------------------------------------- */

static int open_socket(const struct client *client) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
  } to;
  socklen_t size;
  memset(&to, 0, sizeof to);
  if (strncmp(client->address, "unix:", 5) == 0) {
    to.local.sun_family = AF_UNIX;
    snprintf(to.local.sun_path, sizeof to.local.sun_path, "%s", client->address + 5);
    size = sizeof to.local;
  } else if (inet_pton(AF_INET, client->address, &to.v4.sin_addr) == 1) {
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(client->port);
    size = sizeof to.v4;
  } else if (inet_pton(AF_INET6, client->address, &to.v6.sin6_addr) == 1) {
    to.v6.sin6_family = AF_INET6;
    to.v6.sin6_port = htons(client->port);
    size = sizeof to.v6;
  } else {
    return -1;
  }
  int fd = socket(to.any.sa_family, SOCK_STREAM, 0);
  struct timeval wait = {.tv_sec = WAIT_SECONDS};
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (connect(fd, &to.any, size) == 0) return fd;
  close(fd);
  return -1;
}

static bool send_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    len -= (size_t)sent;
  }
  return true;
}

/* ---- Responses -------------------------------------------------------------- */

static void keep(struct text *text, const char *bytes, size_t len) {
  text->len = 0;
  text_add(text, bytes, len);
  text_add_literal(text, "\0");
}

static void on_head(void *what, const struct response *response) {
  exchange *x = what;
  x->status = response->status;
  keep(&x->head, response->line.data, response->line.len);
}

static void on_body(void *what, const char *bytes, size_t len) {
  exchange *x = what;
  if (x->wants_body) text_add(&x->data, bytes, len);
}

static void on_message(void *what, const char *json, size_t len) {
  exchange *x = what;
  if (!x->wants_body) keep(&x->data, json, len);
  x->has_message = true;
}

static void on_end(void *what, const struct response *response) {
  exchange *x = what;
  (void)response;
  x->ended = true;
}

/* Reads one byte, so that nothing is taken before it is asked for; false at the response's end. */
static bool step(exchange *x) {
  static const struct response_events events = {on_head, on_body, on_message, on_end};
  if (x->ended) return false;
  if (x->raw_at == x->raw_len) {
    ssize_t got = recv(x->fd, x->raw, sizeof x->raw, 0);
    x->raw_at = 0;
    x->raw_len = got > 0 ? (size_t)got : 0;
    x->ended = got <= 0;
    if (x->ended) return false;
  }
  response_read(&x->response, &events, x, x->raw + x->raw_at++, 1);
  return true;
}

static void await_head(exchange *x) {
  while (x->status == 0 && step(x)) continue;
}

int exchange_status(exchange *x) {
  if (x == NULL) return 0;
  await_head(x);
  return x->status;
}

const char *exchange_header(exchange *x, const char *name) {
  size_t len;
  if (x == NULL) return NULL;
  await_head(x);
  if (x->status == 0) return NULL;
  const char *value = head_field(x->head.data, x->head.len, name, &len);
  if (value == NULL) return NULL;
  snprintf(x->header, sizeof x->header, "%.*s", (int)len, value);
  return x->header;
}

bool exchange_event(exchange *x, struct sse_event *event) {
  if (x == NULL) return false;
  x->wants_body = x->has_message = false;
  while (!x->has_message && step(x)) continue;
  snprintf(event->id, sizeof event->id, "%s", x->response.last_id);
  event->data = x->data.data;
  event->len = x->has_message ? x->data.len - 1 : 0;
  return x->has_message;
}

const char *exchange_body(exchange *x) {
  if (x == NULL) return "";
  await_head(x);
  x->data.len = 0;
  x->wants_body = true;
  while (step(x)) continue;
  text_add_literal(&x->data, "\0");
  return x->data.data;
}

void exchange_end(exchange *x) {
  if (x == NULL) return;
  close(x->fd);
  response_free(&x->response);
  text_free(&x->head);
  text_free(&x->data);
  free(x);
}

/* ---- Requests ---------------------------------------------------------------- */

exchange *client_send(const struct client *client, const char *method, const char *headers, const char *body) {
  char head[2048], session[256] = "", token[256] = "";
  int fd = open_socket(client);
  if (fd < 0) return NULL;
  if (client->session[0])
    snprintf(session, sizeof session, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: 2025-11-25\r\n", client->session);
  if (client->token) snprintf(token, sizeof token, "Authorization: Bearer %s\r\n", client->token);
  size_t body_len = body ? strlen(body) : 0;
  int head_len =
      snprintf(head, sizeof head, "%s /mcp HTTP/1.1\r\nHost: localhost\r\n%s%s%s", method, session, token, headers);
  if (body)
    head_len += snprintf(head + head_len, sizeof head - (size_t)head_len,
                         "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_len);
  head_len += snprintf(head + head_len, sizeof head - (size_t)head_len, "\r\n");
  if (!send_all(fd, head, (size_t)head_len) || !send_all(fd, body ? body : "", body_len)) {
    close(fd);
    return NULL;
  }
  exchange *x = calloc(1, sizeof *x);
  x->fd = fd;
  return x;
}

exchange *client_post(const struct client *client, const char *json) {
  return client_send(client, "POST", "Accept: application/json, text/event-stream\r\n", json);
}

exchange *client_get(const struct client *client, const char *last_event_id) {
  char headers[256] = "Accept: text/event-stream\r\n";
  if (last_event_id)
    snprintf(headers, sizeof headers, "Accept: text/event-stream\r\nLast-Event-ID: %s\r\n", last_event_id);
  return client_send(client, "GET", headers, NULL);
}

int client_tell(const struct client *client, const char *json) {
  exchange *x = client_post(client, json);
  int status = exchange_status(x);
  exchange_end(x);
  return status;
}

char *client_ask(const struct client *client, const char *json) {
  exchange *x = client_post(client, json);
  char *answer = NULL;
  struct sse_event event;
  while (exchange_event(x, &event)) {
    free(answer);
    answer = strdup(event.data);
  }
  exchange_end(x);
  return answer;
}

bool client_open(struct client *client, const char *address, uint16_t port) {
  return client_open_as(client, address, port, NULL);
}

bool client_open_as(struct client *client, const char *address, uint16_t port, const char *token) {
  client->address = address;
  client->port = port;
  client->token = token;
  client->session[0] = '\0';
  exchange *x = client_post(
      client, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","
              "\"capabilities\":{\"sampling\":{}},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}");
  const char *session = exchange_header(x, "mcp-session-id");
  size_t length = session ? strlen(session) : 0;
  bool fits = length < sizeof client->session;
  if (fits && session) memcpy(client->session, session, length + 1);
  bool opened = fits && exchange_status(x) == 200 && strstr(exchange_body(x), "\"result\"") != NULL;
  exchange_end(x);
  return opened && client_tell(client, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}") == 202;
}

int client_delete(struct client *client) {
  exchange *x = client_send(client, "DELETE", "", NULL);
  int status = exchange_status(x);
  exchange_end(x);
  return status;
}
