#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

#define SILENCE_MS 30000
#define EVENTS_MAX 256

char connections_host[32];

static int poller;
static char slab[1 << 20];

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void connections_start(uint16_t port) {
  snprintf(connections_host, sizeof connections_host, "127.0.0.1:%u", (unsigned)port);
  poller = epoll_create1(EPOLL_CLOEXEC);
}

static void watch(struct connection *connection, int operation) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (connection->waits_to_write) event.events |= EPOLLOUT;
  if (epoll_ctl(poller, operation, connection->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

void connection_open(struct connection *connection, uint16_t port, const struct response_events *events, void *owner) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) fail("socket: %s", strerror(errno));
  if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) != 0) fail("connect: %s", strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  connection->events = events;
  connection->owner = owner;
  watch(connection, EPOLL_CTL_ADD);
}

void connection_close(struct connection *connection) {
  if (connection->fd < 0) return;
  close(connection->fd);
  connection->fd = -1;
  text_free(&connection->out);
  response_free(&connection->response);
}

struct text *connection_request(struct connection *connection) {
  if (connection->sent != connection->out.len) fail("a request while another one is being sent");
  connection->sent = connection->out.len = 0;
  return &connection->out;
}

void connection_send(struct connection *connection) {
  struct text *out = &connection->out;
  while (connection->sent < out->len) {
    ssize_t n =
        send(connection->fd, out->data + connection->sent, out->len - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) fail("send: %s", strerror(errno));
    if (n < 0) break;
    connection->sent += (size_t)n;
  }
  bool waits = connection->sent < out->len;
  if (waits == connection->waits_to_write) return;
  connection->waits_to_write = waits;
  watch(connection, EPOLL_CTL_MOD);
}

static void receive(struct connection *connection) {
  ssize_t n = recv(connection->fd, slab, sizeof slab, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) fail("recv: %s", strerror(errno));
  if (n == 0) fail("the server has closed a connection");
  response_read(&connection->response, connection->events, connection->owner, slab, (size_t)n);
}

void connections_run(const size_t *pending) {
  struct epoll_event events[EVENTS_MAX];
  while (*pending != 0) {
    int count = epoll_wait(poller, events, EVENTS_MAX, SILENCE_MS);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    if (count == 0) fail("no answer for %d seconds", SILENCE_MS / 1000);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection->fd < 0) continue;
      if (events[i].events & EPOLLOUT) connection_send(connection);
      if (events[i].events & ~(uint32_t)EPOLLOUT) receive(connection);
    }
  }
}
