/* Commands from other threads: in order, none lost, each answer to its own request, refusals reported. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"
#include "fixture.h"

enum { WORKERS = 4, CLIENTS = 4, REQUESTS = 50, MESSAGES = 1000 };

static void on_nothing(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)event;
  (void)user_data;
}

/* ---- Workers answer what the callback hands them ------------------------------ */

static struct {
  pthread_mutex_t lock;
  pthread_cond_t more;
  shttp_request requests[2 * CLIENTS * REQUESTS];
  long numbers[2 * CLIENTS * REQUESTS]; /* what each request asked to have echoed; -1: go home */
  int put, taken;
} work = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void hand_over(shttp_request request, long number) {
  pthread_mutex_lock(&work.lock);
  work.requests[work.put] = request;
  work.numbers[work.put++] = number;
  pthread_cond_signal(&work.more);
  pthread_mutex_unlock(&work.lock);
}

static void *worker(void *data) {
  shttp_server *server = data;
  for (;;) {
    char result[64];
    pthread_mutex_lock(&work.lock);
    while (work.taken == work.put) pthread_cond_wait(&work.more, &work.lock);
    shttp_request request = work.requests[work.taken];
    long number = work.numbers[work.taken++];
    pthread_mutex_unlock(&work.lock);
    if (number < 0) return NULL;
    snprintf(result, sizeof result, "{\"number\":%ld}", number);
    CHECK_STATUS(shttp_request_respond(server, request, shttp_text(result)), SHTTP_OK);
    memset(result, 'x', sizeof result); /* it has been copied */
  }
}

static void on_work(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  CHECK(event->kind != SHTTP_EVENT_COMMAND_FAILED);
  if (event->kind == SHTTP_EVENT_REQUEST) {
    char id[32];
    snprintf(id, sizeof id, "%.*s", (int)event->id.len, (const char *)event->id.data);
    hand_over(event->request, atol(id));
  }
}

struct asker {
  const struct fixture *fixture;
  int first;
  atomic_int over;
};

static void *ask_many(void *data) {
  struct asker *asker = data;
  struct client client = fixture_client(asker->fixture);
  for (int i = 1; i <= REQUESTS; i++) {
    char request[100], wanted[32];
    snprintf(request, sizeof request, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"test/echo\"}", asker->first + i);
    snprintf(wanted, sizeof wanted, "\"number\":%d}", asker->first + i);
    char *answer = client_ask(&client, request);
    CHECK(answer && strstr(answer, wanted));
    free(answer);
  }
  atomic_store(&asker->over, 1);
  return NULL;
}

static void workers_answer(void) {
  struct fixture fixture;
  pthread_t workers[WORKERS], askers[CLIENTS];
  struct asker data[CLIENTS];
  shttp_server_options options = fixture_options(on_work, NULL);
  fixture_start(&fixture, &options);
  for (int i = 0; i < WORKERS; i++) pthread_create(&workers[i], NULL, worker, fixture.server);
  for (int i = 0; i < CLIENTS; i++) {
    data[i].fixture = &fixture;
    data[i].first = i * 1000;
    atomic_init(&data[i].over, 0);
    pthread_create(&askers[i], NULL, ask_many, &data[i]);
  }
  for (int i = 0; i < CLIENTS; i++) pthread_join(askers[i], NULL);
  for (int i = 0; i < WORKERS; i++) hand_over((shttp_request){0}, -1);
  for (int i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  fixture_stop(&fixture);
}

/* The same with a poll loop of the host's: an answer from another thread must end the poll. */
static void workers_answer_a_stepped_loop(void) {
  struct fixture fixture;
  pthread_t worker_thread, asker_thread;
  shttp_server_options options = fixture_options(on_work, NULL);
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  REQUIRE_OK(shttp_server_create(fixture.loop, &options, &fixture.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(fixture.server, NULL, 0, NULL, 0));
  fixture.port = shttp_server_port(fixture.server);
  struct asker asker = {.fixture = &fixture};
  struct pollfd ready = {.fd = shttp_loop_descriptor(fixture.loop), .events = POLLIN};
  int waits_in_vain = 0;
  pthread_create(&worker_thread, NULL, worker, fixture.server);
  pthread_create(&asker_thread, NULL, ask_many, &asker);
  while (atomic_load(&asker.over) == 0 && waits_in_vain < 10) {
    int timeout_ms = shttp_loop_timeout_ms(fixture.loop);
    if (timeout_ms < 0 || timeout_ms > 500) timeout_ms = 500;
    if (poll(&ready, 1, timeout_ms) == 0 && timeout_ms == 500) waits_in_vain++;
    REQUIRE_OK(shttp_loop_step(fixture.loop));
  }
  CHECK(waits_in_vain <= 1); /* the asker's end is no event of the loop's */
  REQUIRE(atomic_load(&asker.over) == 1);
  pthread_join(asker_thread, NULL);
  hand_over((shttp_request){0}, -1);
  pthread_join(worker_thread, NULL);
  shttp_loop_destroy(fixture.loop);
}

/* ---- Order, and what cannot be carried out -------------------------------------- */

static shttp_request held_request;
static shttp_session held_session;
static atomic_int held, primary_open, failed, closed;
static shttp_status failed_status[4];
static uint64_t failed_key[4];

static void on_held(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  switch (event->kind) {
    case SHTTP_EVENT_REQUEST:
      held_request = event->request;
      held_session = event->session;
      atomic_store(&held, 1);
      break;
    case SHTTP_EVENT_PRIMARY_OPENED: atomic_store(&primary_open, 1); break;
    case SHTTP_EVENT_COMMAND_FAILED: {
      int number = atomic_load(&failed);
      if (!CHECK(number < 4)) break;
      failed_status[number] = event->status;
      failed_key[number] = event->request.key | event->session.key | event->call.key;
      atomic_fetch_add(&failed, 1);
      break;
    }
    case SHTTP_EVENT_CLOSED: atomic_store(&closed, 1); break;
    default: break;
  }
}

static long number_in(const char *json) {
  const char *at = strstr(json, "\"data\":");
  return at ? atol(at + 7) : -1;
}

static void commands_keep_their_order(void) {
  struct fixture fixture;
  struct sse_event event;
  shttp_server_options options = fixture_options(on_held, NULL);
  fixture_start(&fixture, &options);
  struct client client = fixture_client(&fixture);
  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 200 && reaches(&primary_open, 1));
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/hold\"}");
  REQUIRE(reaches(&held, 1));

  for (int i = 1; i <= MESSAGES; i++) {
    char number[16], params[64];
    snprintf(number, sizeof number, "%d", i);
    snprintf(params, sizeof params, "{\"level\":\"info\",\"data\":%d}", i);
    CHECK_STATUS(
        shttp_request_log(fixture.server, held_request, shttp_text("info"), shttp_text(""), shttp_text(number)),
        SHTTP_OK);
    CHECK_STATUS(
        shttp_session_notify(fixture.server, held_session, shttp_text("notifications/message"), shttp_text(params)),
        SHTTP_OK);
  }
  CHECK_STATUS(shttp_request_respond(fixture.server, held_request, shttp_text("{\"end\":1}")), SHTTP_OK);
  CHECK_STATUS(shttp_session_notify(fixture.server, held_session, shttp_text("test/end"), shttp_text("")), SHTTP_OK);

  for (int i = 1; i <= MESSAGES; i++) CHECK(exchange_event(x, &event) && number_in(event.data) == i);
  CHECK(exchange_event(x, &event) && strstr(event.data, "\"end\"") != NULL);
  CHECK(!exchange_event(x, &event));
  for (int i = 1; i <= MESSAGES; i++) CHECK(exchange_event(primary, &event) && number_in(event.data) == i);
  CHECK(exchange_event(primary, &event) && strstr(event.data, "test/end") != NULL);
  exchange_end(x);

  /* Queued, then not possible: said in the same order, with the handle that was passed. */
  CHECK_STATUS(shttp_request_respond(fixture.server, held_request, shttp_text("{}")), SHTTP_OK);
  CHECK_STATUS(shttp_session_notify(fixture.server, (shttp_session){424242}, shttp_text("a"), shttp_text("")),
               SHTTP_OK);
  CHECK_STATUS(shttp_call_close(fixture.server, (shttp_call){434343}), SHTTP_OK);
  CHECK(reaches(&failed, 3));
  CHECK(failed_status[0] == SHTTP_ERR_NOT_FOUND && failed_key[0] == held_request.key);
  CHECK(failed_status[1] == SHTTP_ERR_NOT_FOUND && failed_key[1] == 424242);
  CHECK(failed_status[2] == SHTTP_ERR_NOT_FOUND && failed_key[2] == 434343);

  CHECK_STATUS(shttp_session_close(fixture.server, held_session), SHTTP_OK);
  CHECK(!exchange_event(primary, &event));
  exchange_end(primary);
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/n\"}") == 404);
  CHECK_STATUS(shttp_server_close(fixture.server), SHTTP_OK);
  CHECK(reaches(&closed, 1));
  CHECK(shttp_server_broadcast(fixture.server, shttp_text("a"), shttp_text("")) == SHTTP_ERR_CLOSED);

  /* Nobody listens any more. */
  exchange *late = client_send(&client, "GET", "", NULL);
  CHECK(late == NULL || exchange_status(late) == 0);
  exchange_end(late);
  fixture_stop(&fixture);
}

/* ---- The bound on what is queued -------------------------------------------------- */

static void *fill(void *server) {
  char params[202] = "";
  memset(params, ' ', 200);
  params[0] = '{';
  params[199] = '}';
  for (intptr_t queued = 0; queued < 1000; queued++) {
    shttp_status status = shttp_server_broadcast(server, shttp_text("test/fill"), shttp_text(params));
    if (status == SHTTP_ERR_LIMIT) return (void *)queued;
    CHECK_STATUS(status, SHTTP_OK);
  }
  return NULL;
}

static void commands_are_bounded(void) {
  shttp_loop *loop;
  shttp_server *server;
  shttp_server_options options = fixture_options(on_nothing, NULL);
  pthread_t thread;
  options.command_bytes_max = 4096;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(server, NULL, 0, NULL, 0));

  /* The loop does not run, so that what another thread commands stays queued. */
  pthread_create(&thread, NULL, fill, server);
  void *queued;
  pthread_join(thread, &queued);
  CHECK((intptr_t)queued > 0 && (intptr_t)queued < 100);
  shttp_server_destroy(server); /* with commands still waiting */
  shttp_loop_destroy(loop);
}

/* ---- A stop from a signal handler --------------------------------------------------- */

static shttp_loop *signalled;

static void on_signal(int number) {
  (void)number;
  shttp_status status = shttp_loop_stop(signalled);
  (void)status;
}

static void stops_from_a_signal_handler(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_nothing, NULL);
  fixture_start(&fixture, &options);
  signalled = fixture.loop;
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1); /* lands on this thread: the library's blocks every signal */
  REQUIRE_OK(shttp_loop_join(fixture.loop));
  shttp_server_destroy(fixture.server);
  shttp_loop_destroy(fixture.loop);
}

int main(void) {
  RUN(workers_answer);
  RUN(workers_answer_a_stepped_loop);
  RUN(commands_keep_their_order);
  RUN(commands_are_bounded);
  RUN(stops_from_a_signal_handler);
  return check_result();
}
