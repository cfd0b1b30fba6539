/*
 * A server in a program that has an epoll loop of its own: a timer, signals and the library are polled side by side,
 * on one thread. The tool now tells the time, and clock://now is a resource that changes every second.
 * usage: epoll_server [PORT]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamablehttp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS 2000 /* for open requests, after a signal */

static int is_running = 1;

/* The tool, and what reads the resource. */
static void now(const shttp_context *context, const shttp_value *values, void *user) {
  char text[32];
  time_t seconds = time(NULL);
  (void)values;
  (void)user;
  strftime(text, sizeof text, "%H:%M:%S", gmtime(&seconds));
  shttp_reply_text(context->server, context->request, text);
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  if (event->kind == SHTTP_EVENT_CLOSED) is_running = 0;
  shttp_on_event_decline(server, event, user_data);
}

/* Descriptors of the program. Each is readable when there is something to do. */

static int make_timer(void) {
  struct itimerspec every_second = {{1, 0}, {1, 0}};
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer >= 0 && timerfd_settime(timer, 0, &every_second, NULL) != 0) return -1;
  return timer;
}

static int make_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0) return -1;
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch(int epoll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static int run(shttp_loop *loop, shttp_server *server) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), timer = make_timer(), signals = make_signals();
  shttp_status status = SHTTP_OK;
  if (watch(epoll, timer) || watch(epoll, signals) || watch(epoll, shttp_loop_descriptor(loop))) return -1;
  while (is_running && status == SHTTP_OK) {
    struct epoll_event event;
    struct signalfd_siginfo signal;
    uint64_t expirations;
    int count = epoll_wait(epoll, &event, 1, shttp_loop_timeout_ms(loop));
    if (count == 1 && event.data.fd == timer && read(timer, &expirations, sizeof expirations) > 0)
      shttp_resource_changed(server, "clock://now");
    if (count == 1 && event.data.fd == signals && read(signals, &signal, sizeof signal) > 0)
      shttp_server_drain(server, DRAIN_MS);
    status = shttp_loop_step(loop); /* Also if it was woken for something else: that is harmless. */
  }
  close(signals);
  close(timer);
  close(epoll);
  return status;
}

static const shttp_tool tool = {
    .struct_size = sizeof tool, .name = "now", .description = "The time of day, in UTC", .call = now};
static const shttp_resource clock_now = {
    .struct_size = sizeof clock_now, .uri = "clock://now", .mime_type = "text/plain", .read = now};

int main(int argc, char **argv) {
  shttp_loop *loop = NULL;
  shttp_server *server = NULL;
  shttp_server_options options;
  char error[256] = "The server cannot be made or run";
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.server_info = shttp_text("{\"name\":\"clock\",\"version\":\"1.0\"}");
  int failed = shttp_loop_create(NULL, &loop) || shttp_server_create(loop, &options, &server, error, sizeof error) ||
               shttp_tool_add(server, &tool) || shttp_resource_add(server, &clock_now) ||
               shttp_server_listen(server, NULL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 8080), error, sizeof error);
  if (!failed) printf("listening on http://127.0.0.1:%u/mcp\n", shttp_server_port(server));
  fflush(stdout);
  failed = failed || run(loop, server);
  if (failed) fprintf(stderr, "%s\n", error);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  return failed;
}
