/*
 * Every call goes to another thread and comes back, in the cheapest way there is: whole lists change hands under
 * one lock, and each side is woken once for a list.
 */
#include "ceiling.h"

struct job {
  struct job *next;
  struct peer *peer;
  uint8_t id_len;
  char id[23];
  size_t text_len;
  char text[];
};

struct list {
  struct job *first, **last;
};

static struct list collected, outgoing, incoming;
static uv_prepare_t turn_end;
static uv_async_t wakeup;
static uv_thread_t worker;
static uv_mutex_t lock;
static uv_cond_t has_work;

static void list_empty(struct list *list) {
  list->first = NULL;
  list->last = &list->first;
}

static void list_move(struct list *from, struct list *to) {
  if (from->first == NULL) return;
  *to->last = from->first;
  to->last = from->last;
  list_empty(from);
}

void batch_add(struct peer *peer, const char *id, size_t id_len, const char *text, size_t text_len) {
  struct job *job = malloc(sizeof *job + text_len);
  job->next = NULL;
  job->peer = peer;
  job->id_len = (uint8_t)id_len;
  memcpy(job->id, id, id_len);
  job->text_len = text_len;
  memcpy(job->text, text, text_len);
  peer->pending++;
  *collected.last = job;
  collected.last = &job->next;
}

static void on_turn_end(uv_prepare_t *handle) {
  (void)handle;
  if (collected.first == NULL) return;
  uv_mutex_lock(&lock);
  bool sleeps = outgoing.first == NULL;
  list_move(&collected, &outgoing);
  uv_mutex_unlock(&lock);
  if (sleeps) uv_cond_signal(&has_work);
}

/* The handler: it has nothing to do, for the answer is the text. */
static void work(void *unused) {
  struct list mine;
  (void)unused;
  list_empty(&mine);
  for (;;) {
    uv_mutex_lock(&lock);
    while (outgoing.first == NULL) uv_cond_wait(&has_work, &lock);
    list_move(&outgoing, &mine);
    uv_mutex_unlock(&lock);

    uv_mutex_lock(&lock);
    list_move(&mine, &incoming);
    uv_mutex_unlock(&lock);
    uv_async_send(&wakeup);
  }
}

static void on_wakeup(uv_async_t *handle) {
  struct list answered;
  (void)handle;
  list_empty(&answered);
  uv_mutex_lock(&lock);
  list_move(&incoming, &answered);
  uv_mutex_unlock(&lock);
  for (struct job *job = answered.first, *next; job != NULL; job = next) {
    next = job->next;
    struct peer *peer = job->peer;
    peer->pending--;
    if (!peer->has_closed && !uv_is_closing((uv_handle_t *)&peer->tcp))
      write_result(peer, job->id, job->id_len, job->text, job->text_len);
    else if (peer->has_closed && peer->pending == 0) free(peer);
    free(job);
  }
}

void batches_start(uv_loop_t *loop) {
  list_empty(&collected);
  list_empty(&outgoing);
  list_empty(&incoming);
  uv_mutex_init(&lock);
  uv_cond_init(&has_work);
  uv_async_init(loop, &wakeup, on_wakeup);
  uv_prepare_init(loop, &turn_end);
  uv_prepare_start(&turn_end, on_turn_end);
  uv_thread_create(&worker, work, NULL);
}
