/* A store in memory, as simple as one can be that keeps the contract: lists that are searched from the start. What it
   has outlives its close, by its location, until the process ends. STORE_SABOTAGE names what it does wrong on purpose,
   so that conformance.c can be seen to find it. It answers as a host's store does, with shttp_load_finish() and so on.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_module.h"

struct string {
  char *data;
  size_t size;
};

struct event {
  struct event *next;
  struct string session, stream, message;
  uint64_t number;
  int64_t time;
};

struct stream {
  struct stream *next;
  struct string session, name, record;
  uint64_t last, dropped; /* the highest number that was stored, and that was dropped */
  bool has_ended;
};

struct session {
  struct session *next;
  struct string name, record;
  int64_t end;
};

struct store {
  struct store *next;
  char *location;
  shttp_store_terms terms;
  const shttp_store_answers *answers;
  struct event *events; /* the oldest first */
  struct stream *streams;
  struct session *sessions;
  shttp_server *server;
  shttp_store_order late; /* what waits for an answer, if answers are late on purpose */
  char late_session[64], late_stream[64];
};

static struct store *stores;

static bool does(const char *what) {
  const char *sabotage = getenv("STORE_SABOTAGE");
  return sabotage != NULL && strcmp(sabotage, what) == 0;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static struct string copy(shttp_bytes bytes) {
  struct string string = {malloc(bytes.len + 1), bytes.len};
  if (string.data == NULL) abort();
  if (bytes.len > 0) memcpy(string.data, bytes.data, bytes.len);
  return string;
}

static bool is(struct string string, shttp_bytes bytes) {
  return string.size == bytes.len && memcmp(string.data, bytes.data, bytes.len) == 0;
}

static shttp_bytes bytes(struct string string) { return (shttp_bytes){(const uint8_t *)string.data, string.size}; }

static void *make(size_t size) {
  void *made = calloc(1, size);
  if (made == NULL) abort();
  return made;
}

/* ---- Streams -------------------------------------------------------------- */

static struct stream *stream_of(struct store *store, shttp_bytes session, shttp_bytes name) {
  for (struct stream *stream = store->streams; stream != NULL; stream = stream->next)
    if (is(stream->name, name) && (is(stream->session, session) || does("share-streams"))) return stream;
  return NULL;
}

static struct stream *some_stream(struct store *store, const shttp_store_order *order) {
  struct stream *stream = stream_of(store, order->session, order->stream);
  if (stream != NULL) return stream;
  stream = make(sizeof *stream);
  stream->session = copy(order->session);
  stream->name = copy(order->stream);
  stream->record = copy(order->record);
  stream->next = store->streams;
  return store->streams = stream;
}

static void free_event(struct event **place) {
  struct event *event = *place;
  *place = event->next;
  free(event->session.data);
  free(event->stream.data);
  free(event->message.data);
  free(event);
}

static void drop(struct store *store, struct event **place) {
  struct stream *stream = stream_of(store, bytes((*place)->session), bytes((*place)->stream));
  if (stream != NULL && !does("hide-drops")) stream->dropped = (*place)->number;
  free_event(place);
}

/* Drops the oldest events, of a session or of all, until they are few enough. */
static void trim(struct store *store, const shttp_bytes *session, uint64_t count_max, uint64_t bytes_max) {
  uint64_t count = 0, size = 0;
  for (struct event *event = store->events; event != NULL; event = event->next) {
    if (session != NULL && !is(event->session, *session)) continue;
    count++;
    size += event->message.size;
  }
  for (struct event **place = &store->events; *place != NULL;) {
    if ((count_max == 0 || count <= count_max) && (bytes_max == 0 || size <= bytes_max)) return;
    if (session != NULL && !is((*place)->session, *session)) {
      place = &(*place)->next;
      continue;
    }
    count--;
    size -= (*place)->message.size;
    drop(store, place);
  }
}

static void expire(struct store *store) {
  uint64_t age = store->terms.event_ms;
  if (age == 0 || does("ignore-age")) return;
  while (store->events != NULL && store->events->time + (int64_t)age <= now()) drop(store, &store->events);
}

static void answer(struct store *store, const shttp_store_order *order) {
  enum { FOUND_MAX = 2000 };
  static shttp_bytes found[FOUND_MAX];
  size_t count = 0;
  expire(store);
  uint64_t number = does("ignore-number") ? 0 : order->number;
  struct stream *stream = stream_of(store, order->session, order->stream);
  bool is_complete = stream != NULL && stream->dropped <= number;
  for (struct event *event = store->events; event != NULL && stream != NULL; event = event->next) {
    if (!is(event->stream, order->stream) || event->number <= number || count == FOUND_MAX) continue;
    if (event->number != ++number && !does("hide-gaps")) is_complete = false;
    found[count++] = bytes(event->message);
  }
  if (stream != NULL && does("hide-drops")) is_complete = true;
  if (stream != NULL && does("fail-beyond") && order->number >= stream->last) is_complete = false;
  if (does("swap") && count > 1) {
    shttp_bytes first = found[0];
    found[0] = found[1];
    found[1] = first;
  }
  if (stream == NULL && does("invent-streams")) (void)shttp_load_finish(store->server, order->load, NULL, 0, 1);
  else if (!is_complete) (void)shttp_load_fail(store->server, order->load);
  else if (stream->has_ended) (void)shttp_load_finish(store->server, order->load, found, count, 1);
  else
    (void)shttp_load_finish_open(store->server, order->load, found, count,
                                 does("lose-records") ? (shttp_bytes){NULL, 0} : bytes(stream->record));
  if (does("answer-twice")) (void)shttp_load_fail(store->server, order->load);
}

/* ---- Orders for events ---------------------------------------------------- */

static struct store *heard(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = user_data;
  store->server = server;
  if (store->terms.sync && !does("never-keep")) store->answers->kept(server, order->serial);
  return store;
}

static void answer_late(struct store *store) {
  if (store->late.load.key == 0) return;
  answer(store, &store->late);
  store->late.load.key = 0;
}

static void on_begin(shttp_server *server, const shttp_store_order *order, void *user_data) {
  some_stream(heard(server, order, user_data), order);
}

static void on_keep(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = heard(server, order, user_data);
  struct stream *stream = some_stream(store, order);
  struct event **place = &store->events;
  for (; *place != NULL; place = &(*place)->next) {
    if (!is((*place)->stream, order->stream) || (*place)->number != order->number) continue;
    if (!does("replace-messages")) return;
    free((*place)->message.data);
    (*place)->message = copy(order->message);
    return;
  }
  if (does("lose-messages") && order->number == 2) return;
  struct event *event = make(sizeof *event);
  event->session = copy(order->session);
  event->stream = copy(order->stream);
  event->message = copy(order->message);
  if (does("cut-messages") && event->message.size > 65536) event->message.size = 65536;
  event->number = order->number;
  event->time = now();
  *place = event;
  if (order->number > stream->last) stream->last = order->number;
  if (!does("ignore-limits")) {
    trim(store, &order->session, store->terms.session_events_max, store->terms.session_bytes_max);
    trim(store, NULL, 0, store->terms.total_bytes_max);
  }
  answer_late(store);
}

static void on_end(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = heard(server, order, user_data);
  struct stream *stream = stream_of(store, order->session, order->stream);
  if (stream != NULL && !does("ignore-ends")) stream->has_ended = true;
  answer_late(store);
}

static void on_load(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = heard(server, order, user_data);
  struct stream *stream = stream_of(store, order->session, order->stream);
  answer_late(store);
  if (!does("answer-late") || order->number > 0 || stream == NULL || stream->last < 20) {
    answer(store, order);
    return;
  }
  store->late = *order;
  memcpy(store->late_session, order->session.data, order->session.len);
  memcpy(store->late_stream, order->stream.data, order->stream.len);
  store->late.session.data = (const uint8_t *)store->late_session;
  store->late.stream.data = (const uint8_t *)store->late_stream;
}

static void on_forget(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = heard(server, order, user_data);
  answer_late(store);
  if (does("remember-events")) return;
  for (struct event **place = &store->events; *place != NULL;) {
    if (is((*place)->session, order->session)) free_event(place);
    else place = &(*place)->next;
  }
  for (struct stream **place = &store->streams; *place != NULL;) {
    struct stream *stream = *place;
    if (!is(stream->session, order->session)) {
      place = &stream->next;
      continue;
    }
    *place = stream->next;
    free(stream->session.data);
    free(stream->name.data);
    free(stream->record.data);
    free(stream);
  }
}

/* ---- Orders for sessions -------------------------------------------------- */

static struct session **session_of(struct store *store, shttp_bytes name) {
  struct session **place = &store->sessions;
  while (*place != NULL && !is((*place)->name, name)) place = &(*place)->next;
  return place;
}

static int64_t end_after(uint64_t idle_ms) {
  return idle_ms == 0 || does("ignore-idle") ? INT64_MAX : now() + (int64_t)idle_ms;
}

static void on_keep_session(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct store *store = heard(server, order, user_data);
  struct session **place = session_of(store, order->session);
  if (*place == NULL) {
    *place = make(sizeof **place);
    (*place)->name = copy(order->session);
  } else {
    if (does("keep-first-record")) return;
    free((*place)->record.data);
  }
  (*place)->record = copy(order->record);
  (*place)->end = end_after(order->idle_ms);
}

static void on_touch(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct session *session = *session_of(heard(server, order, user_data), order->session);
  if (session != NULL && !does("ignore-touch")) session->end = end_after(order->idle_ms);
}

static void on_forget_session(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct session **place = session_of(heard(server, order, user_data), order->session);
  struct session *session = *place;
  if (session == NULL || does("remember-sessions")) return;
  *place = session->next;
  free(session->name.data);
  free(session->record.data);
  free(session);
}

static void on_find(shttp_server *server, const shttp_store_order *order, void *user_data) {
  struct session *session = *session_of(heard(server, order, user_data), order->session);
  bool is_there = session != NULL && session->end > now();
  shttp_bytes record = is_there ? bytes(session->record) : (shttp_bytes){NULL, 0};
  if (does("fail-unknown-sessions") && !is_there) (void)shttp_load_fail(server, order->load);
  else (void)shttp_find_finish(server, order->load, record);
}

/* ---- Opening -------------------------------------------------------------- */

static void on_close(void *store) { answer_late(store); }

shttp_status shttp_store_module_open(uint32_t version, const shttp_store_answers *answers,
                                     const shttp_store_terms *terms, shttp_store_module *out, char *error,
                                     size_t error_size) {
  struct store *store = does("lose-all") ? NULL : stores;
  (void)error, (void)error_size;
  if (version != SHTTP_STORE_MODULE_VERSION) return SHTTP_ERR_INVALID_OPTION;
  while (store != NULL && strcmp(store->location, terms->location) != 0) store = store->next;
  if (store == NULL) {
    store = make(sizeof *store);
    store->location = copy((shttp_bytes){(const uint8_t *)terms->location, strlen(terms->location) + 1}).data;
    store->next = stores;
    stores = store;
  }
  store->terms = *terms;
  store->answers = answers;
  *out = (shttp_store_module){
      .sessions = {sizeof out->sessions, on_keep_session, on_touch, on_find, on_forget_session, store},
      .events = {sizeof out->events, on_keep, on_end, on_load, on_forget, store, on_begin},
      .close = on_close,
      .store = store};
  return SHTTP_OK;
}
