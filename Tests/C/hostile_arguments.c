/* What no caller should pass, passed to every function: each gives its status, and nothing else happens. */
#include <math.h>
#include <pthread.h>

#include "check.h"
#include "fixture.h"

static const shttp_bytes torn = {NULL, 5};                            /* a len without data */
static const shttp_bytes endless = {(const uint8_t *)"{}", SIZE_MAX}; /* what becomes of -1 */
static const shttp_request no_request = {0}, random_request = {0x0123456789abcdefu}, full_request = {UINT64_MAX};
static const shttp_session no_session = {0}, random_session = {0xfedcba9876543210u}, full_session = {UINT64_MAX};
static const shttp_call no_call = {0}, random_call = {0x1111111111111111u};
static const shttp_authorization random_authorization = {0x2222222222222222u};

#define EMPTY shttp_text("")

static void on_nothing(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)event;
  (void)user_data;
}

/* ---- NULL for everything ------------------------------------------------------- */

static void null_everywhere(void) {
  shttp_server_options options = fixture_options(on_nothing, NULL);
  shttp_loop *loop;
  shttp_server *server;
  shttp_event event;
  shttp_stats stats;
  shttp_bytes bytes;
  size_t count;
  void *data;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));

  shttp_loop_options_init((shttp_loop_options *)NULL);
  shttp_server_options_init((shttp_server_options *)NULL);
  CHECK_STATUS(shttp_loop_create(NULL, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_loop_run(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_loop_run_thread(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_loop_stop(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_loop_join(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_loop_step(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(shttp_loop_descriptor(NULL) == -1);
  (void)shttp_loop_timeout_ms(NULL);
  shttp_loop_destroy(NULL);

  CHECK_STATUS(shttp_server_create(NULL, &options, &server, NULL, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_create(loop, NULL, &server, NULL, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_create(loop, &options, NULL, NULL, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_listen(NULL, "127.0.0.1", 0, NULL, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(shttp_server_port(NULL) == 0);
  CHECK_STATUS(shttp_server_stats(NULL, &stats), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_stats(server, (shttp_stats *)NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_drain(NULL, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_close(NULL), SHTTP_ERR_INVALID_ARGUMENT);
  shttp_server_destroy(NULL);
  CHECK(shttp_server_descriptor(NULL) == -1);
  CHECK(shttp_server_descriptor(server) == -1); /* it has an on_event */
  CHECK_STATUS(shttp_server_take_events(server, &event, 1, &count), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_take_events(NULL, &event, 1, &count), SHTTP_ERR_INVALID_ARGUMENT);

  CHECK_STATUS(shttp_request_respond(NULL, random_request, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_fail(NULL, random_request, 1, EMPTY, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_progress(NULL, random_request, 1, 1, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_log(NULL, random_request, EMPTY, EMPTY, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_notify(NULL, random_request, EMPTY, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_call(NULL, random_request, EMPTY, EMPTY, NULL, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_hang_up(NULL, random_request, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_call_close(NULL, random_call), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_headers(NULL, random_request, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_headers(server, random_request, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_headers_find(EMPTY, NULL, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_headers_find(EMPTY, "host", NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_headers_find(torn, "host", &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_find(EMPTY, NULL, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_find(EMPTY, "", NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_find(torn, "", &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(shttp_event_document(NULL) == NULL);

  CHECK_STATUS(shttp_authorization_allow(NULL, random_authorization, EMPTY, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_authorization_refuse(NULL, random_authorization, SHTTP_REFUSE_INVALID_TOKEN, EMPTY, EMPTY),
               SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_principal(NULL, random_session, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_principal(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_notify(NULL, random_session, EMPTY, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_call(NULL, random_session, EMPTY, EMPTY, NULL, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_hang_up(NULL, random_session, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_close(NULL, random_session), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_broadcast(NULL, EMPTY, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_set_data(NULL, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_data(NULL, random_session, &data), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_data(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_wire_id(NULL, random_session, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_wire_id(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_revision(NULL, random_session, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_revision(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_client_info(NULL, random_session, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_client_info(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_client_capabilities(NULL, random_session, &bytes), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_client_capabilities(server, random_session, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  shttp_loop_destroy(loop);
}

/* ---- Options --------------------------------------------------------------------- */

static shttp_status create_with(const shttp_server_options *options) {
  shttp_loop *loop;
  shttp_server *server = NULL;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  shttp_status status = shttp_server_create(loop, options, &server, NULL, 0);
  CHECK((status == SHTTP_OK) == (server != NULL));
  shttp_loop_destroy(loop);
  return status;
}

static void options_structs(void) {
  shttp_server_options options = fixture_options(on_nothing, NULL);
  struct {
    shttp_server_options known;
    unsigned char tail[64];
  } newer;
  shttp_loop_options loop_options;
  shttp_loop *loop = NULL;

  options.struct_size = 0;
  CHECK(create_with(&options) < 0);
  options.struct_size = 4;
  CHECK(create_with(&options) < 0);
  options.struct_size = SIZE_MAX;
  /* Its tail would be the whole address space: it must not be looked through. */
  CHECK(create_with(&options) < 0);

  memset(&newer, 0, sizeof newer);
  newer.known = fixture_options(on_nothing, NULL);
  newer.known.struct_size = sizeof newer;
  CHECK_STATUS(create_with(&newer.known), SHTTP_OK);
  newer.tail[63] = 1;
  CHECK_STATUS(create_with(&newer.known), SHTTP_ERR_INVALID_OPTION);

  memset(&newer, 0x5a, sizeof newer);
  shttp_server_options_init_sized(&newer.known, 3); /* too small to be ours: nothing changes */
  CHECK(newer.known.struct_size == (size_t)0x5a5a5a5a5a5a5a5a && newer.tail[0] == 0x5a);
  shttp_server_options_init_sized(&newer.known, sizeof newer.known);
  CHECK(newer.known.struct_size == sizeof newer.known && newer.tail[0] == 0x5a);
  shttp_server_options_init_sized(&newer.known, sizeof newer);
  CHECK(newer.known.struct_size == sizeof newer && newer.tail[0] == 0 && newer.tail[63] == 0);

  shttp_loop_options_init(&loop_options);
  loop_options.struct_size = 1;
  CHECK(shttp_loop_create(&loop_options, &loop) < 0);
  CHECK(loop == NULL);
}

/* The figures go into as much room as the caller says it has, and not a byte further. */
static void stats_structs(void) {
  enum { ROOM = sizeof(shttp_stats) + 64, MARK = 0x5a };
  static const size_t sizes[] = {8, 9, 16, sizeof(shttp_stats) - 1, sizeof(shttp_stats), ROOM};
  static const size_t refused[] = {0, 1, 7, SIZE_MAX};
  shttp_server_options options = fixture_options(on_nothing, NULL);
  shttp_loop *loop;
  shttp_server *server;
  union {
    shttp_stats stats;
    unsigned char bytes[ROOM];
  } given;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memset(&given, MARK, sizeof given);
    CHECK_STATUS(shttp_server_stats_sized(server, &given.stats, sizes[i]), SHTTP_OK);
    for (size_t at = 0; at < ROOM; at++) CHECK(given.bytes[at] == (at < sizes[i] ? 0 : MARK));
  }
  memset(&given, MARK, sizeof given);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    CHECK_STATUS(shttp_server_stats_sized(server, &given.stats, refused[i]), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(given.bytes[0] == MARK);
  shttp_loop_destroy(loop);
}

#define REFUSED(field, value) \
  do { \
    shttp_server_options options = fixture_options(on_nothing, NULL); \
    options.field = value; \
    CHECK_STATUS(create_with(&options), SHTTP_ERR_INVALID_OPTION); \
  } while (0)

#define ACCEPTED(field, value) \
  do { \
    shttp_server_options options = fixture_options(on_nothing, NULL); \
    options.field = value; \
    CHECK_STATUS(create_with(&options), SHTTP_OK); \
  } while (0)

static void options_fields(void) {
  REFUSED(log_level, (shttp_log_level)6);
  REFUSED(log_level, (shttp_log_level)-1);
  REFUSED(response_mode, (shttp_response_mode)3);
  REFUSED(progress_route, (shttp_progress_route)1000);
  REFUSED(server_info, shttp_text("[]"));
  REFUSED(server_info, shttp_text("{"));
  REFUSED(server_info, shttp_text("{} {}"));
  REFUSED(server_info, shttp_text("{\"name\":\"\xff\"}"));
  REFUSED(server_capabilities, shttp_text("7"));
  REFUSED(instructions, shttp_text("\xc3\x28"));
  REFUSED(server_info, EMPTY); /* which the capabilities that fixture_options() sets would need */
  REFUSED(path, "no-slash");
  REFUSED(unix_mode, 01000);
  REFUSED(fence_ms, 1001);
  REFUSED(bearer_tokens, "");
  REFUSED(bearer_tokens, "a,");
  REFUSED(bearer_tokens, "a b");
  REFUSED(bearer_tokens, "a\r\nb");
  REFUSED(bearer_tokens, "\xff:a");
  REFUSED(bearer_tokens, ":a");
  REFUSED(bearer_tokens, "x:a,y:a");
  REFUSED(resource_metadata, shttp_text("{}"));
  REFUSED(resource_metadata, shttp_text("{\"resource\":\"/mcp\",\"authorization_servers\":[\"https://a\"]}"));
  REFUSED(resource_metadata, shttp_text("{\"resource\":\"https://h/mcp\",\"authorization_servers\":[]}"));
  REFUSED(resource_metadata, torn);
  ACCEPTED(authorize, UINT32_MAX);
  ACCEPTED(authorize_ms, UINT32_MAX);
  ACCEPTED(bearer_tokens, "\xc3\xa9:a,b");
  ACCEPTED(resource_metadata, shttp_text("{\"resource\":\"https://h/mcp\",\"authorization_servers\":[\"https://a\"]}"));
  CHECK(sizeof(shttp_log_level) == 4);
  ACCEPTED(path, "/other");
  ACCEPTED(unix_mode, 0777);
  ACCEPTED(fence_ms, 1000);
  ACCEPTED(fence_ms, UINT32_MAX);
  ACCEPTED(half_close, UINT32_MAX);
  ACCEPTED(head_ms, UINT32_MAX);
  ACCEPTED(arriving_bytes_max, 1);
  ACCEPTED(request_bytes_max, UINT32_MAX);
  ACCEPTED(session_bytes_max, UINT32_MAX);
  ACCEPTED(client_info_bytes_max, UINT32_MAX);
  ACCEPTED(queue_bytes_max, 1);
  ACCEPTED(address_share_percent, 1);
  ACCEPTED(address_share_percent, UINT32_MAX);
  ACCEPTED(principal_share_percent, 100);
  ACCEPTED(message_bytes_max, 1);
  ACCEPTED(message_bytes_max, UINT32_MAX);
  ACCEPTED(json_depth_max, UINT32_MAX);
  ACCEPTED(sessions_max, UINT32_MAX);
  ACCEPTED(connections_max, UINT32_MAX);
  ACCEPTED(queue_events_max, UINT32_MAX);
  ACCEPTED(unsent_bytes_max, 1);
  ACCEPTED(session_idle_ms, UINT32_MAX);
  shttp_server_options both = fixture_options(on_nothing, NULL);
  both.authorize = 1;
  both.bearer_tokens = "a";
  CHECK_STATUS(create_with(&both), SHTTP_ERR_INVALID_OPTION);
  shttp_server_options bytes = fixture_options(on_nothing, NULL);
  bytes.server_info = torn;
  CHECK(create_with(&bytes) < 0);
}

/* ---- Messages and handles, on the loop's thread and on another -------------------- */

static shttp_server *the_server;
static shttp_loop *the_loop;
static shttp_session the_session;
static shttp_request the_request;
static atomic_int ready;

/* Refused the same way on every thread: the arguments are checked before anything is queued. */
static void check_messages(void) {
  static const char *const broken[] = {"",
                                       " ",
                                       "{",
                                       "{]",
                                       "nul",
                                       "{\"a\":1,}",
                                       "1 2",
                                       "\"\xff\"",
                                       "\"\xc0\x80\"",
                                       "{\"a\":\"\xed\xa0\x80\"}",
                                       "\"tab\there\"",
                                       "'x'",
                                       "NaN"};
  shttp_server *server = the_server;
  shttp_call call = {99};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    shttp_bytes json = shttp_text(broken[i]);
    CHECK_STATUS(shttp_request_respond(server, the_request, json), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_request_log(server, the_request, shttp_text("info"), EMPTY, json), SHTTP_ERR_INVALID_MESSAGE);
    if (json.len == 0) continue; /* empty params and data mean none */
    CHECK_STATUS(shttp_request_fail(server, the_request, -1, EMPTY, json), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_request_notify(server, the_request, shttp_text("a"), json), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_request_call(server, the_request, shttp_text("a"), json, NULL, &call),
                 SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_session_notify(server, the_session, shttp_text("a"), json), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_session_call(server, the_session, shttp_text("a"), json, NULL, &call),
                 SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_server_broadcast(server, shttp_text("a"), json), SHTTP_ERR_INVALID_MESSAGE);
  }
  /* params are structured, or there are none. */
  CHECK_STATUS(shttp_request_notify(server, the_request, shttp_text("a"), shttp_text("7")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_session_notify(server, the_session, shttp_text("a"), shttp_text("\"x\"")),
               SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_server_broadcast(server, shttp_text("a"), shttp_text("null")), SHTTP_ERR_INVALID_MESSAGE);

  static const char *const methods[] = {"", "rpc.internal", "\xff", "a\xc3"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    shttp_bytes method = shttp_text(methods[i]);
    CHECK_STATUS(shttp_request_notify(server, the_request, method, EMPTY), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_request_call(server, the_request, method, EMPTY, NULL, &call), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_session_notify(server, the_session, method, EMPTY), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_session_call(server, the_session, method, EMPTY, NULL, &call), SHTTP_ERR_INVALID_MESSAGE);
    CHECK_STATUS(shttp_server_broadcast(server, method, EMPTY), SHTTP_ERR_INVALID_MESSAGE);
  }
  CHECK_STATUS(shttp_request_log(server, the_request, shttp_text("loud"), EMPTY, shttp_text("1")),
               SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_request_log(server, the_request, EMPTY, EMPTY, shttp_text("1")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_request_log(server, the_request, shttp_text("info"), shttp_text("\xff"), shttp_text("1")),
               SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_request_fail(server, the_request, -1, shttp_text("\xff"), EMPTY), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_request_progress(server, the_request, 1, 2, shttp_text("\xff")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_request_progress(server, the_request, (double)NAN, 2, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_progress(server, the_request, (double)INFINITY, 2, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);

  CHECK_STATUS(shttp_request_respond(server, the_request, torn), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_fail(server, the_request, -1, torn, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_fail(server, the_request, -1, EMPTY, torn), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_progress(server, the_request, 1, 2, torn), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_log(server, the_request, torn, EMPTY, shttp_text("1")), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_notify(server, the_request, torn, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_notify(server, the_request, shttp_text("a"), torn), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_request_call(server, the_request, torn, EMPTY, NULL, &call), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_notify(server, the_session, shttp_text("a"), torn), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_session_call(server, the_session, torn, EMPTY, NULL, &call), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_broadcast(server, torn, EMPTY), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_broadcast(server, shttp_text("test/n"), endless), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(call.key == 99);
}

/* What no header can carry, and what is none of the reasons. */
static void check_authorization(void) {
  static const char *const scopes[] = {" a", "a ", "a  b", "a\"b", "a\\b", "a\r\nX: y", "\xc3\xa9"};
  static const char *const texts[] = {"a\r\nX: y", "a\nb", "\x7f", "\xc3\xa9"};
  static char name[257];
  const shttp_bytes too_long = {(const uint8_t *)memset(name, 'n', sizeof name), sizeof name};
  shttp_server *server = the_server;
  const shttp_authorization a = random_authorization;
  CHECK_STATUS(shttp_authorization_allow(server, a, torn, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_authorization_allow(server, a, too_long, 0), SHTTP_ERR_INVALID_ARGUMENT);
  for (int reason = -1; reason <= 4; reason += reason == 0 ? 4 : 1)
    CHECK_STATUS(shttp_authorization_refuse(server, a, (shttp_refusal)reason, EMPTY, EMPTY),
                 SHTTP_ERR_INVALID_ARGUMENT);
  for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
    CHECK_STATUS(shttp_authorization_refuse(server, a, SHTTP_REFUSE_INSUFFICIENT_SCOPE, shttp_text(scopes[i]), EMPTY),
                 SHTTP_ERR_INVALID_ARGUMENT);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    CHECK_STATUS(shttp_authorization_refuse(server, a, SHTTP_REFUSE_INVALID_TOKEN, EMPTY, shttp_text(texts[i])),
                 SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_authorization_refuse(server, a, SHTTP_REFUSE_INVALID_TOKEN, torn, EMPTY),
               SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_authorization_refuse(server, a, SHTTP_REFUSE_INVALID_TOKEN, EMPTY, torn),
               SHTTP_ERR_INVALID_ARGUMENT);
}

static void check_handles(void) {
  const shttp_request requests[] = {no_request, random_request, full_request};
  const shttp_session sessions[] = {no_session, random_session, full_session};
  shttp_server *server = the_server;
  shttp_bytes bytes;
  void *data;
  for (int i = 0; i < 3; i++) {
    CHECK_STATUS(shttp_request_respond(server, requests[i], shttp_text("{}")), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_request_fail(server, requests[i], 1, EMPTY, EMPTY), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_request_progress(server, requests[i], 1, 1, EMPTY), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_request_call(server, requests[i], shttp_text("a"), EMPTY, NULL, NULL), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_request_hang_up(server, requests[i], 0), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_request_headers(server, requests[i], &bytes), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_notify(server, sessions[i], shttp_text("a"), EMPTY), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_hang_up(server, sessions[i], 0), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_close(server, sessions[i]), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_set_data(server, sessions[i], &data), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_data(server, sessions[i], &data), SHTTP_ERR_NOT_FOUND);
    CHECK_STATUS(shttp_session_wire_id(server, sessions[i], &bytes), SHTTP_ERR_NOT_FOUND);
  }
  CHECK_STATUS(shttp_authorization_allow(server, random_authorization, EMPTY, 0), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_authorization_allow(server, random_authorization, shttp_text("a"), 0), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_authorization_refuse(server, random_authorization, SHTTP_REFUSE_NO_CREDENTIALS, EMPTY, EMPTY),
               SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_session_principal(server, random_session, &bytes), SHTTP_ERR_NOT_FOUND);
  /* Handles of one kind mean nothing as another. */
  CHECK_STATUS(shttp_call_close(server, no_call), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_call_close(server, random_call), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_call_close(server, (shttp_call){the_session.key ^ 1u << 31}), SHTTP_ERR_NOT_FOUND);
}

/* JSON may be written on several lines. An event has it on one. */
static const char lines[] = "\r\n{\n\"lines\":\r\n[1,\r2]}\n";

static void check_line(exchange *x) {
  struct sse_event event;
  CHECK(exchange_event(x, &event) && strstr(event.data, "{ \"lines\":  [1, 2]}") && !strchr(event.data, '\n'));
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)user_data;
  if (event->kind == SHTTP_EVENT_NOTIFICATION && check_is(event->method, "test/all")) {
    the_server = server;
    check_messages();
    check_authorization();
    check_handles();
  }
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  if (check_is(event->method, "test/lines")) {
    CHECK_STATUS(shttp_request_fail(server, event->request, 7, shttp_text("a\nb"), shttp_text(lines)), SHTTP_OK);
    return;
  }
  the_session = event->session;
  the_request = event->request;
  atomic_store(&ready, 1);
}

static void bad_messages(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  fixture_start(&fixture, &options);
  the_server = fixture.server;
  struct client client = fixture_client(&fixture);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/wait\"}");
  CHECK(reaches(&ready, 1));
  CHECK(client_tell(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"test/all\"}") == 202);
  check_messages();
  check_authorization();

  /* After all that, the request can be answered as if nothing had happened. */
  CHECK_STATUS(shttp_request_respond(fixture.server, the_request, shttp_text("{\"fine\":true}")), SHTTP_OK);
  struct sse_event event;
  CHECK(exchange_event(x, &event) && strstr(event.data, "\"fine\"") != NULL);
  CHECK(!exchange_event(x, &event));
  exchange_end(x);
  fixture_stop(&fixture);
}

static void several_lines(void) { /* S-514 */
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_event, NULL);
  options.server_info = shttp_text("{\"name\":\n\"a\",\"version\":\"1\"}\n");
  fixture_start(&fixture, &options);
  shttp_server *server = fixture.server;
  shttp_bytes text = shttp_text(lines), method = shttp_text("test/note");
  struct client client = fixture_client(&fixture);
  exchange *primary = client_get(&client, NULL);
  CHECK(exchange_status(primary) == 200);
  atomic_store(&ready, 0);
  exchange *x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test/wait\"}");
  CHECK(reaches(&ready, 1));
  CHECK_STATUS(shttp_request_log(server, the_request, shttp_text("info"), EMPTY, text), SHTTP_OK);
  CHECK_STATUS(shttp_request_notify(server, the_request, method, text), SHTTP_OK);
  CHECK_STATUS(shttp_request_call(server, the_request, method, text, NULL, NULL), SHTTP_OK);
  CHECK_STATUS(shttp_request_respond(server, the_request, text), SHTTP_OK);
  for (int i = 0; i < 4; i++) check_line(x);
  exchange_end(x);
  CHECK_STATUS(shttp_session_notify(server, the_session, method, text), SHTTP_OK);
  CHECK_STATUS(shttp_session_call(server, the_session, method, text, NULL, NULL), SHTTP_OK);
  CHECK_STATUS(shttp_server_broadcast(server, method, text), SHTTP_OK);
  for (int i = 0; i < 3; i++) check_line(primary);
  exchange_end(primary);
  x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"test/lines\"}");
  check_line(x);
  exchange_end(x);

  /* So long that it is not copied into what else is written. */
  enum { LENGTH = 100000 };
  static char large[LENGTH + 8] = "[\n\"";
  memset(large + 3, 'a', LENGTH);
  strcpy(large + 3 + LENGTH, "\"]");
  atomic_store(&ready, 0);
  x = client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"test/wait\"}");
  CHECK(reaches(&ready, 1));
  CHECK_STATUS(shttp_request_respond(server, the_request, shttp_text(large)), SHTTP_OK);
  struct sse_event event;
  CHECK(exchange_event(x, &event) && event.len > LENGTH && !strchr(event.data, '\n'));
  exchange_end(x);
  fixture_stop(&fixture);
}

static void wrong_thread(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(on_nothing, NULL);
  shttp_server *server = NULL;
  shttp_bytes bytes;
  void *data;
  fixture_start(&fixture, &options);
  CHECK_STATUS(shttp_server_create(fixture.loop, &options, &server, NULL, 0), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_server_listen(fixture.server, NULL, 0, NULL, 0), SHTTP_ERR_WRONG_THREAD);
  CHECK(shttp_loop_step(fixture.loop) != SHTTP_OK);
  CHECK_STATUS(shttp_request_headers(fixture.server, random_request, &bytes), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_set_data(fixture.server, random_session, NULL), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_data(fixture.server, random_session, &data), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_wire_id(fixture.server, random_session, &bytes), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_revision(fixture.server, random_session, &bytes), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_principal(fixture.server, random_session, &bytes), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_client_info(fixture.server, random_session, &bytes), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_client_capabilities(fixture.server, random_session, &bytes), SHTTP_ERR_WRONG_THREAD);
  /* Everything else is for any thread. */
  CHECK_STATUS(shttp_server_broadcast(fixture.server, shttp_text("a"), EMPTY), SHTTP_OK);
  CHECK(shttp_server_port(fixture.server) == fixture.port);
  fixture_stop(&fixture);
}

/* A loop that nobody runs still belongs to the thread that made it. */
static void *touch(void *data) {
  struct fixture *fixture = data;
  shttp_server_options options = fixture_options(on_nothing, NULL);
  shttp_server *server = NULL;
  CHECK_STATUS(shttp_server_create(fixture->loop, &options, &server, NULL, 0), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_server_listen(fixture->server, NULL, 0, NULL, 0), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_session_set_data(fixture->server, random_session, NULL), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_loop_step(fixture->loop), SHTTP_ERR_WRONG_THREAD);
  return NULL;
}

static void wrong_thread_while_nobody_runs(void) {
  struct fixture fixture;
  pthread_t thread;
  shttp_server_options options = fixture_options(on_nothing, NULL);
  REQUIRE_OK(shttp_loop_create(NULL, &fixture.loop));
  REQUIRE_OK(shttp_server_create(fixture.loop, &options, &fixture.server, NULL, 0));
  pthread_create(&thread, NULL, touch, &fixture);
  pthread_join(thread, NULL);
  CHECK_STATUS(shttp_server_listen(fixture.server, NULL, 0, NULL, 0), SHTTP_OK);
  shttp_loop_destroy(fixture.loop);
}

static atomic_int joined_itself;

static void join_in_callback(shttp_server *server, const shttp_event *event, void *user_data) {
  (void)server;
  (void)user_data;
  if (event->kind != SHTTP_EVENT_SESSION_OPENED) return;
  CHECK_STATUS(shttp_loop_join(the_loop), SHTTP_ERR_WRONG_THREAD);
  CHECK_STATUS(shttp_loop_run_thread(the_loop), SHTTP_ERR_BUSY);
  atomic_store(&joined_itself, 1);
}

static void join_itself(void) {
  struct fixture fixture;
  shttp_server_options options = fixture_options(join_in_callback, NULL);
  REQUIRE_OK(shttp_loop_create(NULL, &the_loop));
  fixture.loop = the_loop;
  REQUIRE_OK(shttp_server_create(the_loop, &options, &fixture.server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(fixture.server, NULL, 0, NULL, 0));
  fixture.port = shttp_server_port(fixture.server);
  REQUIRE_OK(shttp_loop_run_thread(the_loop));
  fixture_client(&fixture);
  CHECK(reaches(&joined_itself, 1));
  fixture_stop(&fixture);
}

/* ---- Pure functions --------------------------------------------------------------- */

static void names(void) {
  for (int number = -400; number <= 10; number++) {
    const char *name = shttp_status_name((shttp_status)number), *text = shttp_status_text((shttp_status)number);
    CHECK(name != NULL && text != NULL && strlen(text) > 0);
    CHECK(strncmp(name, "SHTTP_", 6) == 0);
  }
  CHECK(strcmp(shttp_status_name(SHTTP_OK), "SHTTP_OK") == 0);
  CHECK(strcmp(shttp_status_name(SHTTP_ERR_BUSY), "SHTTP_ERR_BUSY") == 0);
  CHECK(strcmp(shttp_status_name((shttp_status)-999999), "SHTTP_ERR_UNKNOWN") == 0);
  CHECK(strcmp(shttp_status_name((shttp_status)1), "SHTTP_ERR_UNKNOWN") == 0);
}

static void headers(void) {
  shttp_bytes lines = shttp_text("host: localhost\r\naccept: a\r\naccept: b\r\nempty:\r\nx-y: 1\r\n"), found;
  CHECK_STATUS(shttp_headers_find(lines, "HOST", &found), SHTTP_OK);
  CHECK(check_is(found, "localhost"));
  CHECK_STATUS(shttp_headers_find(lines, "Accept", &found), SHTTP_OK);
  CHECK(check_is(found, "a"));
  CHECK_STATUS(shttp_headers_find(lines, "empty", &found), SHTTP_OK);
  CHECK(found.len == 0);
  CHECK_STATUS(shttp_headers_find(lines, "x", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find(lines, "localhost", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find(lines, "", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find(shttp_text("no line at all"), "no", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find(shttp_text(":\r\n\r\n:"), "x", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find(EMPTY, "x", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_headers_find((shttp_bytes){NULL, 0}, "x", &found), SHTTP_ERR_NOT_FOUND);
}

static void json(void) {
  shttp_bytes text = shttp_text(" {\"a\": [1, {\"b\": \"x\\n\"}]} "), found;
  CHECK_STATUS(shttp_json_find(text, "/a/1/b", &found), SHTTP_OK);
  CHECK(check_is(found, "\"x\\n\"") && found.data > text.data && found.data < text.data + text.len);
  CHECK_STATUS(shttp_json_find(text, "", &found), SHTTP_OK);
  CHECK(found.len == text.len - 2);
  CHECK_STATUS(shttp_json_find(text, "/b", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_json_find(text, "a", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_json_find(shttp_text("{\"a\":1"), "/a", &found), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_json_find(EMPTY, "/a", &found), SHTTP_ERR_NOT_FOUND);
}

int main(void) {
  RUN(names);
  RUN(headers);
  RUN(json);
  RUN(null_everywhere);
  RUN(options_structs);
  RUN(stats_structs);
  RUN(options_fields);
  RUN(bad_messages);
  RUN(several_lines);
  RUN(wrong_thread);
  RUN(wrong_thread_while_nobody_runs);
  RUN(join_itself);
  return check_result();
}
