#include "client.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_SECONDS 10

struct text {
  char *bytes;
  size_t len, room;
};

struct exchange {
  int fd;
  char raw[16384];
  size_t raw_at, raw_len;
  bool has_head;
  int status;
  struct text head; /* header lines "name: value\n", names in lower case */
  struct text data; /* the event or body being read */
  char header[512]; /* the value exchange_header() found */
  bool chunked, ended;
  long left; /* bytes of the body or chunk still to come; -1: until the connection ends */
};

static void text_add(struct text *text, char byte) {
  if (text->len + 1 >= text->room) {
    text->room = text->room ? text->room * 2 : 256;
    text->bytes = realloc(text->bytes, text->room);
  }
  text->bytes[text->len++] = byte;
  text->bytes[text->len] = '\0';
}

static void text_clear(struct text *text) {
  text->len = 0;
  if (text->bytes) text->bytes[0] = '\0';
}

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

/* The connection's next byte, or -1 when it has ended or stayed silent for too long. */
static int raw_byte(exchange *x) {
  if (x->raw_at == x->raw_len) {
    ssize_t got = recv(x->fd, x->raw, sizeof x->raw, 0);
    if (got <= 0) return -1;
    x->raw_at = 0;
    x->raw_len = (size_t)got;
  }
  return (unsigned char)x->raw[x->raw_at++];
}

static bool raw_line(exchange *x, struct text *line) {
  int byte;
  text_clear(line);
  while ((byte = raw_byte(x)) >= 0) {
    if (byte == '\n') {
      if (line->len > 0 && line->bytes[line->len - 1] == '\r') line->bytes[--line->len] = '\0';
      return true;
    }
    text_add(line, (char)byte);
  }
  return false;
}

/* ---- Responses -------------------------------------------------------------- */

static void read_head(exchange *x) {
  struct text line = {0};
  if (x->has_head) return;
  x->has_head = true;
  x->ended = true;
  if (raw_line(x, &line) && sscanf(line.bytes, "HTTP/1.1 %d", &x->status) == 1) {
    while (raw_line(x, &line) && line.len > 0) {
      bool in_name = true;
      for (size_t i = 0; i < line.len; i++) {
        if (line.bytes[i] == ':') in_name = false;
        text_add(&x->head, in_name ? (char)tolower((unsigned char)line.bytes[i]) : line.bytes[i]);
      }
      text_add(&x->head, '\n');
    }
    const char *length = exchange_header(x, "content-length");
    x->left = length ? atol(length) : -1;
    if (x->status == 202 || x->status == 204) x->left = 0;
    if (exchange_header(x, "transfer-encoding") != NULL) {
      x->chunked = true;
      x->left = 0;
    }
    x->ended = false;
  }
  free(line.bytes);
}

/* The body's next byte with the chunks undone, or -1 at its end. */
static int body_byte(exchange *x) {
  if (x->ended) return -1;
  if (x->left == 0 && x->chunked) {
    struct text line = {0};
    if (raw_line(x, &line) && line.len == 0) raw_line(x, &line);
    x->left = line.len > 0 ? strtol(line.bytes, NULL, 16) : 0;
    free(line.bytes);
  }
  int byte = x->left == 0 ? -1 : raw_byte(x);
  if (byte < 0) x->ended = true;
  if (x->left > 0) x->left--;
  return byte;
}

static bool body_line(exchange *x, struct text *line) {
  int byte;
  text_clear(line);
  while ((byte = body_byte(x)) >= 0) {
    if (byte == '\n') return true;
    if (byte != '\r') text_add(line, (char)byte);
  }
  return false;
}

int exchange_status(exchange *x) {
  if (x == NULL) return 0;
  read_head(x);
  return x->status;
}

const char *exchange_header(exchange *x, const char *name) {
  if (x == NULL) return NULL;
  read_head(x);
  size_t name_len = strlen(name);
  for (const char *line = x->head.bytes; line != NULL && *line; line = strchr(line, '\n') + 1) {
    if (strncmp(line, name, name_len) != 0 || line[name_len] != ':') continue;
    const char *value = line + name_len + 1;
    while (*value == ' ') value++;
    snprintf(x->header, sizeof x->header, "%.*s", (int)(strchr(value, '\n') - value), value);
    return x->header;
  }
  return NULL;
}

bool exchange_event(exchange *x, struct sse_event *event) {
  struct text line = {0};
  bool found = false;
  if (x == NULL) return false;
  read_head(x);
  text_clear(&x->data);
  event->id[0] = '\0';
  while (!found && body_line(x, &line)) {
    if (line.len == 0) {
      found = x->data.len > 0;
    } else if (strncmp(line.bytes, "id:", 3) == 0) {
      snprintf(event->id, sizeof event->id, "%s", line.bytes + 3 + (line.bytes[3] == ' '));
    } else if (strncmp(line.bytes, "data:", 5) == 0) {
      if (x->data.len > 0) text_add(&x->data, '\n');
      for (const char *at = line.bytes + 5 + (line.bytes[5] == ' '); *at; at++) text_add(&x->data, *at);
    }
  }
  free(line.bytes);
  event->data = x->data.bytes;
  event->len = x->data.len;
  return found;
}

const char *exchange_body(exchange *x) {
  int byte;
  if (x == NULL) return "";
  read_head(x);
  text_clear(&x->data);
  while ((byte = body_byte(x)) >= 0) text_add(&x->data, (char)byte);
  return x->data.bytes ? x->data.bytes : "";
}

void exchange_end(exchange *x) {
  if (x == NULL) return;
  close(x->fd);
  free(x->head.bytes);
  free(x->data.bytes);
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
  const char *type = exchange_header(x, "content-type");
  char *answer = NULL;
  if (type && strncmp(type, "text/event-stream", 17) == 0) {
    struct sse_event event;
    while (exchange_event(x, &event)) {
      free(answer);
      answer = strdup(event.data);
    }
  } else if (type) {
    answer = strdup(exchange_body(x));
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
  if (session) snprintf(client->session, sizeof client->session, "%s", session);
  bool opened = exchange_status(x) == 200 && strstr(exchange_body(x), "\"result\"") != NULL;
  exchange_end(x);
  return opened && client_tell(client, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}") == 202;
}

int client_delete(struct client *client) {
  exchange *x = client_send(client, "DELETE", "", NULL);
  int status = exchange_status(x);
  exchange_end(x);
  return status;
}
