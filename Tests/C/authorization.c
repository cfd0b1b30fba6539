/* Who may use the server: tokens of the operator's, and a host that is asked, on whatever thread it answers. */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

#define EMPTY shttp_text("")

enum { WORKERS = 3, CLIENTS = 4 };

/* Less under valgrind, which is slow; the body is still more than the library keeps of it meanwhile. */
static int rounds = 40;
static size_t body_len = 3 << 20;

/* ---- Tokens of the operator's --------------------------------------------------- */

static atomic_int asked;

/* Answers with the principal, as the event and the session tell it; the token is nowhere. */
static void on_request(shttp_server *server, const shttp_event *event, void *user_data) {
  char result[80];
  shttp_bytes found;
  (void)user_data;
  if (event->kind == SHTTP_EVENT_AUTHORIZE) atomic_fetch_add(&asked, 1);
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  CHECK_STATUS(shttp_headers_find(event->headers, "authorization", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_principal(server, event->session, &found), SHTTP_OK);
  CHECK(found.len == event->principal.len && memcmp(found.data, event->principal.data, found.len) == 0);
  snprintf(result, sizeof result, "{\"by\":\"%.*s\"}", (int)found.len, (const char *)found.data);
  CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text(result)), SHTTP_OK);
}

static void tokens(void) {
  struct fixture fixture;
  struct client alice, bob;
  char *answer;
  char list[] = "alice:aaa,bob:bbb";
  shttp_server_options options = fixture_options(on_request, NULL);
  options.bearer_tokens = list;
  fixture_start(&fixture, &options);
  memset(list, 'x', sizeof list - 1); /* it has been copied */

  CHECK(!client_open_as(&alice, "127.0.0.1", fixture.port, NULL));
  CHECK(!client_open_as(&alice, "127.0.0.1", fixture.port, "aab"));
  REQUIRE(client_open_as(&alice, "127.0.0.1", fixture.port, "aaa"));
  answer = client_ask(&alice, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/who\"}");
  CHECK(answer && strstr(answer, "\"alice\""));
  free(answer);

  bob = alice;
  bob.token = "bbb";
  CHECK(client_tell(&bob, "{\"jsonrpc\":\"2.0\",\"method\":\"test/x\"}") == 404);
  CHECK(client_delete(&bob) == 404);
  bob.token = NULL;
  exchange *x = client_get(&bob, NULL);
  CHECK(exchange_status(x) == 401);
  const char *challenge = exchange_header(x, "www-authenticate");
  CHECK(challenge && strcmp(challenge, "Bearer realm=\"mcp\"") == 0);
  exchange_end(x);
  CHECK(client_delete(&alice) == 204);
  CHECK(atomic_load(&asked) == 0);
  fixture_stop(&fixture);
}

/* ---- A host that answers from other threads ------------------------------------- */

struct question {
  shttp_authorization authorization;
  char token[16];
};

static struct {
  pthread_mutex_t lock;
  pthread_cond_t more;
  struct question questions[4096];
  int put, taken;
} work = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void hand_over(shttp_authorization authorization, shttp_bytes token) {
  pthread_mutex_lock(&work.lock);
  struct question *question = &work.questions[work.put++];
  question->authorization = authorization;
  snprintf(question->token, sizeof question->token, "%.*s", (int)token.len, (const char *)token.data);
  pthread_cond_signal(&work.more);
  pthread_mutex_unlock(&work.lock);
}

/* The token is the principal's name; "bad" is nobody's, and "poor" has too small a scope. */
static void *worker(void *data) {
  shttp_server *server = data;
  for (;;) {
    pthread_mutex_lock(&work.lock);
    while (work.taken == work.put) pthread_cond_wait(&work.more, &work.lock);
    struct question question = work.questions[work.taken++];
    pthread_mutex_unlock(&work.lock);
    if (question.authorization.key == 0) return NULL;
    if (strcmp(question.token, "bad") == 0)
      CHECK_STATUS(shttp_authorization_refuse(server, question.authorization, SHTTP_REFUSE_INVALID_TOKEN, EMPTY,
                                              shttp_text("it \"expired\"")),
                   SHTTP_OK);
    else if (strcmp(question.token, "poor") == 0)
      CHECK_STATUS(shttp_authorization_refuse(server, question.authorization, SHTTP_REFUSE_INSUFFICIENT_SCOPE,
                                              shttp_text("a b"), EMPTY),
                   SHTTP_OK);
    else
      CHECK_STATUS(shttp_authorization_allow(server, question.authorization, shttp_text(question.token), 60000),
                   SHTTP_OK);
  }
}

static void on_question(shttp_server *server, const shttp_event *event, void *user_data) {
  char result[80];
  (void)user_data;
  CHECK(event->kind != SHTTP_EVENT_COMMAND_FAILED);
  if (event->kind == SHTTP_EVENT_AUTHORIZE) {
    CHECK(check_is(event->http_method, "POST") || check_is(event->http_method, "GET"));
    CHECK(check_is(event->target, "/mcp") && check_is(event->scheme, "bearer") && event->headers.len > 0);
    CHECK(event->request.key == 0 && event->session.key == 0 && event->principal.len == 0);
    hand_over(event->authorization, event->credentials);
  }
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  snprintf(result, sizeof result, "{\"by\":\"%.*s\"}", (int)event->principal.len, (const char *)event->principal.data);
  CHECK_STATUS(shttp_request_respond(server, event->request, shttp_text(result)), SHTTP_OK);
}

struct asker {
  const struct fixture *fixture;
  char token[16];
};

static void *ask_many(void *data) {
  struct asker *asker = data;
  struct client client;
  REQUIRE(client_open_as(&client, "127.0.0.1", asker->fixture->port, asker->token));
  for (int i = 0; i < rounds; i++) {
    char wanted[40];
    client.token = asker->token;
    snprintf(wanted, sizeof wanted, "\"by\":\"%s\"", asker->token);
    char *answer = client_ask(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/who\"}");
    CHECK(answer && strstr(answer, wanted));
    free(answer);
    client.token = i % 2 ? "bad" : "poor";
    exchange *x = client_get(&client, NULL);
    CHECK(exchange_status(x) == (i % 2 ? 401 : 403));
    const char *challenge = exchange_header(x, "www-authenticate");
    CHECK(challenge && strstr(challenge, i % 2 ? "error_description=\"it \\\"expired\\\"\"" : "scope=\"a b\""));
    exchange_end(x);
  }
  char *large = malloc(body_len + 100);
  int head = snprintf(large, 100, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/large\",\"params\":{\"a\":\"");
  memset(large + head, 'x', body_len);
  snprintf(large + head + body_len, 10, "\"}}");
  client.token = asker->token;
  char *answer = client_ask(&client, large);
  CHECK(answer && strstr(answer, "\"result\""));
  free(answer);
  free(large);
  return NULL;
}

static void workers_decide(void) {
  struct fixture fixture;
  pthread_t workers[WORKERS], askers[CLIENTS];
  struct asker data[CLIENTS];
  shttp_stats stats;
  shttp_server_options options = fixture_options(on_question, NULL);
  options.authorize = 1;
  fixture_start(&fixture, &options);
  for (int i = 0; i < WORKERS; i++) pthread_create(&workers[i], NULL, worker, fixture.server);
  for (int i = 0; i < CLIENTS; i++) {
    data[i].fixture = &fixture;
    snprintf(data[i].token, sizeof data[i].token, "user-%d", i);
    pthread_create(&askers[i], NULL, ask_many, &data[i]);
  }
  for (int i = 0; i < CLIENTS; i++) pthread_join(askers[i], NULL);
  for (int i = 0; i < WORKERS; i++) hand_over((shttp_authorization){0}, EMPTY);
  for (int i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  do CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK); /* as of the last turn */
  while (stats.credential_refusals + stats.scope_refusals < (uint64_t)(CLIENTS * rounds));
  CHECK(stats.authorizations == 0 && stats.origin_refusals == 0 && stats.other_refusals == 0);
  fixture_stop(&fixture);
}

/* ---- Answers that come too late ------------------------------------------------- */

static shttp_authorization last;
static atomic_int questions, failures, late_only;

static void on_late(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind == SHTTP_EVENT_COMMAND_FAILED) {
    CHECK_STATUS(event->status, SHTTP_ERR_NOT_FOUND);
    CHECK(event->authorization.key == last.key);
    atomic_fetch_add(&failures, 1);
  }
  if (event->kind != SHTTP_EVENT_AUTHORIZE) return;
  CHECK(event->authorization.key != last.key);
  last = event->authorization;
  if (!atomic_load(&late_only)) {
    CHECK_STATUS(shttp_authorization_allow(server, last, EMPTY, 0), SHTTP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(shttp_authorization_allow(server, last, shttp_text("somebody"), 0), SHTTP_OK);
    CHECK_STATUS(shttp_authorization_allow(server, last, shttp_text("somebody"), 0), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_authorization_refuse(server, last, SHTTP_REFUSE_INVALID_TOKEN, EMPTY, EMPTY),
                 SHTTP_ERR_NOT_FOUND);
  }
  atomic_fetch_add(&questions, 1);
}

static void answers_that_come_late(void) {
  struct fixture fixture;
  shttp_stats stats;
  shttp_server_options options = fixture_options(on_late, NULL);
  options.authorize = 1;
  options.authorize_ms = 200;
  fixture_start(&fixture, &options);
  struct client client = fixture_client(&fixture); /* allowed inside the callback */
  int before = atomic_load(&questions);
  atomic_store(&late_only, 1);

  exchange *x = client_get(&client, NULL);
  CHECK(exchange_status(x) == 503);
  CHECK(strcmp(exchange_header(x, "retry-after"), "1") == 0);
  exchange_end(x);
  CHECK(shttp_authorization_allow(fixture.server, last, shttp_text("somebody"), 0) ==
        SHTTP_OK); /* queued, and then in vain */
  CHECK(reaches(&failures, 1));

  x = client_get(&client, NULL);
  CHECK(reaches(&questions, before + 2));
  exchange_end(x); /* the client goes away */
  do CHECK_STATUS(shttp_server_stats(fixture.server, &stats), SHTTP_OK);
  while (stats.authorizations > 0);
  CHECK(shttp_authorization_refuse(fixture.server, last, SHTTP_REFUSE_NO_CREDENTIALS, EMPTY, EMPTY) == SHTTP_OK);
  CHECK(reaches(&failures, 2));

  x = client_get(&client, NULL);
  CHECK(reaches(&questions, before + 3));
  fixture_stop(&fixture); /* with a question open */
  exchange_end(x);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    rounds = atoi(argv[1]);
    body_len = 256 << 10;
  }
  RUN(tokens);
  RUN(workers_decide);
  RUN(answers_that_come_late);
  return check_result();
}
