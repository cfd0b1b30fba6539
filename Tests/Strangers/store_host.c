/*
 * A host whose event store lies.
 *
 *   store_host --lie KIND [options as for host]
 *
 *   honest    all that follows the event, as it was told
 *   signed    compares numbers as SQL does, with a sign
 *   anything  whatever it has of the session, after whatever number and for whatever stream
 *   many      all that follows, a hundred times
 *   few       all but the last message
 *   ended     says that the stream has ended
 *   open      says that it goes on
 *   order     the last message first
 *   garbage   a message that is no JSON, and then it fails
 *   twice     answers twice, fails, and answers again
 *   held      answers when the tool `release` is called
 *   never     does not answer
 *
 * Tools: logs {n} logs n numbers, then answers; hang {n} logs n numbers, and never answers; release.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner.h"

#define KEPT_MAX 4096
#define MANY 100

struct kept {
  uint64_t number; /* 0: the end of the stream */
  char session[33], stream[33];
  char *message;
  size_t len;
};

static struct runner runner;
static shttp_event_store store;
static const char *lie = "honest";
static struct kept kept[KEPT_MAX];
static size_t kept_count;

static bool lies(const char *kind) { return strcmp(lie, kind) == 0; }

static void copy(char name[33], shttp_bytes bytes) { memcpy(name, bytes.data, bytes.len < 32 ? bytes.len : 32); }

/* The end of a stream is kept like a message: it has the number 0. */
static void keep(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  if (kept_count == KEPT_MAX) abort();
  struct kept *one = &kept[kept_count++];
  copy(one->session, order->session);
  copy(one->stream, order->stream);
  one->number = order->number;
  one->message = malloc(order->message.len + 1);
  if (order->message.len != 0) memcpy(one->message, order->message.data, order->message.len);
  one->len = order->message.len;
}

static void forget(shttp_server *server, const shttp_store_order *order, void *user_data) {
  (void)server;
  (void)user_data;
  say("forget %.*s", (int)order->session.len, (const char *)order->session.data);
}

/* ---- Loads --------------------------------------------------------------------------- */

struct found {
  shttp_bytes messages[KEPT_MAX * MANY];
  size_t count;
  int ended;
};

static bool follows(const struct kept *one, shttp_bytes stream, uint64_t after) {
  if (lies("anything")) return true;
  if (!is(stream, one->stream)) return false;
  return lies("signed") ? (int64_t)one->number > (int64_t)after : one->number > after;
}

/* What the honest store would answer, except where it lies about numbers. */
static void find(struct found *found, shttp_bytes session, shttp_bytes stream, uint64_t after) {
  found->count = 0;
  found->ended = 0;
  for (size_t i = 0; i < kept_count; i++) {
    if (!is(session, kept[i].session)) continue;
    if (kept[i].number == 0) {
      if (is(stream, kept[i].stream)) found->ended = 1;
    } else if (follows(&kept[i], stream, after)) {
      found->messages[found->count++] = (shttp_bytes){(const uint8_t *)kept[i].message, kept[i].len};
    }
  }
}

static void distort(struct found *found) {
  if (lies("few") && found->count > 0) found->count--;
  if (lies("ended")) found->ended = 1;
  if (lies("open")) found->ended = 0;
  if (lies("garbage")) found->messages[found->count++] = shttp_text("{\"jsonrpc\":");
  if (lies("order")) {
    for (size_t i = 0; i < found->count / 2; i++) {
      shttp_bytes first = found->messages[i];
      found->messages[i] = found->messages[found->count - 1 - i];
      found->messages[found->count - 1 - i] = first;
    }
  }
  if (lies("many")) {
    size_t count = found->count;
    for (size_t i = count; i < count * MANY; i++) found->messages[i] = found->messages[i % count];
    found->count = count * MANY;
  }
}

/* The one load that is held back. */
static struct {
  shttp_load load;
  char session[33], stream[33];
  uint64_t after;
} held;

static void finish(shttp_load load, const struct found *found) {
  shttp_status status = shttp_load_finish(runner.server, load, found->messages, found->count, found->ended);
  say("finish %s", shttp_status_name(status));
}

static void load(shttp_server *server, const shttp_store_order *order, void *user_data) {
  static struct found found;
  (void)user_data;
  say("load after %" PRIu64, order->number);
  if (lies("never")) return;
  if (lies("held")) {
    held.load = order->load;
    held.after = order->number;
    copy(held.session, order->session);
    copy(held.stream, order->stream);
    return;
  }
  find(&found, order->session, order->stream, order->number);
  distort(&found);
  finish(order->load, &found);
  if (lies("twice")) finish(order->load, &found);
  if (lies("twice") || lies("garbage")) say("fail %s", shttp_status_name(shttp_load_fail(server, order->load)));
  if (lies("twice")) finish(order->load, &found);
}

static void release(const shttp_event *event) {
  static struct found found;
  find(&found, shttp_text(held.session), shttp_text(held.stream), held.after);
  finish(held.load, &found);
  expect(answer_text(runner.server, event->request, "null"), "respond");
}

/* ---- Events -------------------------------------------------------------------------- */

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  if (calls(event, "release")) {
    release(event);
    return;
  }
  char number[24];
  for (long i = 1; i <= number_at(event, ARGUMENT("n"), 1); i++) {
    snprintf(number, sizeof number, "%ld", i);
    expect(shttp_request_log(server, event->request, shttp_text("info"), shttp_text(""), shttp_text(number)), "log");
  }
  if (!calls(event, "hang")) expect(answer_text(server, event->request, "null"), "respond");
}

static bool own_option(const char *name, const char *value) {
  if (strcmp(name, "--lie") != 0) return false;
  lie = value;
  return true;
}

int main(int argc, char **argv) {
  runner_init(&runner, on_event);
  runner_take_all(&runner, argc, argv, own_option);
  shttp_event_store_init(&store);
  store.keep = keep;
  store.end = keep;
  store.load = load;
  store.forget = forget;
  runner.options.event_store = &store;
  runner_listen(&runner);
  runner_serve(&runner);
  runner_close(&runner);
  return 0;
}
