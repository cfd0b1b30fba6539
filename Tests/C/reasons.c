/* What a caller is told when options or an address cannot be used, and options that are set by name. */
#include <sys/stat.h>

#include "check.h"
#include "fixture.h"

static shttp_loop *loop;

static shttp_server_options options(void) {
  shttp_server_options options;
  shttp_server_options_init(&options);
  return options;
}

/* Creating a server must fail, and the reason must be this. */
static void refused(const shttp_server_options *options, const char *wanted) {
  char error[256] = "nothing was written";
  shttp_server *server = NULL;
  CHECK_STATUS(shttp_server_create(loop, options, &server, error, sizeof error), SHTTP_ERR_INVALID_OPTION);
  CHECK(server == NULL);
  if (!CHECK(strcmp(error, wanted) == 0)) fprintf(stderr, "  says   %s\n  wanted %s\n", error, wanted);
}

#define REFUSED(field, value, wanted) \
  do { \
    shttp_server_options given = options(); \
    given.field = (value); \
    refused(&given, wanted); \
  } while (0)

static void options_name_themselves(void) {
  shttp_server_options given;
  shttp_event_store store;
  REFUSED(response_mode, (shttp_response_mode)9, "response_mode: is none of the SHTTP_RESPONSE_ values");
  REFUSED(progress_route, (shttp_progress_route)9, "progress_route: is none of the SHTTP_PROGRESS_ values");
  REFUSED(log_level, (shttp_log_level)99, "log_level: is none of the SHTTP_LOG_ values");
  REFUSED(unix_mode, 01000, "unix_mode: is no file mode: write one from 0001 to 0777, in octal");
  REFUSED(fence_ms, 1001, "fence_ms: is more than 1000");
  REFUSED(path, "mcp", "path: starts with a slash, and has at most 1024 bytes of ASCII, no ? and no #");
  REFUSED(server_info, shttp_text("[]"), "server_info: is not a JSON object");
  REFUSED(server_info, shttp_text("{"), "server_info: is not valid JSON in UTF-8");
  REFUSED(server_info, ((shttp_bytes){NULL, 3}), "server_info: has a length but no data, or is too long");
  REFUSED(instructions, shttp_text("x"), "instructions: needs server_info");
  REFUSED(instructions, shttp_text("\xff"), "instructions: is not text in UTF-8");
  REFUSED(server_capabilities, shttp_text("{}"), "server_capabilities: needs server_info");
  REFUSED(resource_metadata, shttp_text("{}"),
          "resource_metadata: needs resource, an absolute URL, and authorization_servers, a list of such URLs");

  given = options();
  given.server_info = shttp_text("{\"a\":{\"b\":[]}}");
  given.json_depth_max = 2;
  refused(&given, "server_info: nests deeper than json_depth_max");

  given = options();
  given.bearer_tokens = "a";
  given.authorize = 1;
  refused(&given, "bearer_tokens: excludes authorize: use one of them");

  shttp_event_store_init(&store);
  given = options();
  given.event_store = &store;
  refused(&given, "event_store: lacks one of keep, end, load and forget");
  given.stateless = 1;
  store.struct_size = 1;
  refused(&given, "event_store: has a wrong struct_size: use shttp_event_store_init()");

  given = options();
  given.struct_size = 1;
  refused(&given, "struct_size: is wrong, or the options have fields that this library does not know: use "
                  "shttp_server_options_init()");
}

/* A token is a secret: the reason says which entry it is, and not what is in it. */
static void tokens_are_not_told(void) {
  REFUSED(bearer_tokens, "good,bad token",
          "bearer_tokens: entry 2 is no token: it has letters, digits and -._~+/, and ends with any =");
  REFUSED(bearer_tokens, "",
          "bearer_tokens: entry 1 is no token: it has letters, digits and -._~+/, and ends with any =");
  REFUSED(bearer_tokens, "a,b,a", "bearer_tokens: entry 3 repeats a token");
  REFUSED(bearer_tokens, "b,token-1:a",
          "bearer_tokens: entry 1 gets a principal that another entry has: write "
          "principal:token");
  REFUSED(bearer_tokens, ":a", "bearer_tokens: entry 1 needs a principal of 1 to 256 bytes in UTF-8 before the colon");
}

/* Entries that no Host or Origin header can match. */
static void lists_match_something(void) {
  REFUSED(allowed_hosts, "a,,b", "allowed_hosts: '' is an empty entry");
  REFUSED(allowed_hosts, "http://app.test", "allowed_hosts: 'http://app.test' is an origin: write the name alone");
  REFUSED(allowed_hosts, "*.app.test",
          "allowed_hosts: '*.app.test' has a * in it: only all ports can be written so, as name:*");
  REFUSED(allowed_hosts, "app.test.", "allowed_hosts: 'app.test.' ends with a dot: write it without");
  REFUSED(allowed_hosts, "app.test/", "allowed_hosts: 'app.test/' is not a name, with or without a port");
  REFUSED(allowed_hosts, "1:2:3x", "allowed_hosts: '1:2:3x' is not a name, with or without a port");
  REFUSED(allowed_hosts, "localhost:99999", "allowed_hosts: 'localhost:99999' is not a name, with or without a port");
  REFUSED(allowed_hosts, "[app.test]:80", "allowed_hosts: '[app.test]:80' is not a name, with or without a port");
  REFUSED(allowed_origins, "ht tp://a",
          "allowed_origins: 'ht?tp://a' has no scheme: write an origin such as https://app.example");
  REFUSED(allowed_origins, "http://a:080", "allowed_origins: 'http://a:080' is not a name, with or without a port");
  REFUSED(allowed_origins, "http://a:", "allowed_origins: 'http://a:' is not a name, with or without a port");
  REFUSED(allowed_origins, "http://[]", "allowed_origins: 'http://[]' is not a name, with or without a port");
  REFUSED(allowed_hosts, "a b", "allowed_hosts: 'a?b' is not a name, with or without a port");
  REFUSED(allowed_origins, "http://app.test/",
          "allowed_origins: 'http://app.test/' has a path, and an origin has none: write only scheme://host");
  REFUSED(allowed_origins, "localhost",
          "allowed_origins: 'localhost' has no scheme: write an origin such as https://app.example");
  REFUSED(allowed_origins, "https://app.test:443",
          "allowed_origins: 'https://app.test:443' has the default port, which browsers leave out: write it without "
          "the port");
  REFUSED(allowed_origins, "http://u@app.test",
          "allowed_origins: 'http://u@app.test' has a user name, which is never sent");
  REFUSED(cors_origins, "foo", "cors_origins: 'foo' has no scheme: write an origin such as https://app.example");
  REFUSED(cors_origins, "https://\x01\n", "cors_origins: 'https://?\?' is not a name, with or without a port");
}

/* ---- Addresses --------------------------------------------------------------- */

static void unreachable(const char *address, uint16_t port, shttp_status wanted, const char *reason) {
  char error[256] = "nothing was written";
  shttp_server_options given = options();
  shttp_server *server = NULL;
  REQUIRE_OK(shttp_server_create(loop, &given, &server, NULL, 0));
  CHECK_STATUS(shttp_server_listen(server, address, port, error, sizeof error), wanted);
  if (!CHECK(strcmp(error, reason) == 0)) fprintf(stderr, "  says   %s\n  wanted %s\n", error, reason);
  shttp_server_destroy(server);
}

static void addresses_say_what_is_wrong(void) {
  char folder[] = "/tmp/reasonsXXXXXX", path[64], place[80], wanted[160], taken[160];
  shttp_server_options given = options();
  shttp_server *server = NULL;
  REQUIRE(mkdtemp(folder) != NULL);

  unreachable("example.test", 0, SHTTP_ERR_ADDRESS_UNAVAILABLE,
              "'example.test' is not an IP address, and host names are not resolved: write one such as 127.0.0.1, "
              "0.0.0.0 or ::1, or localhost, or unix:/path");
  unreachable("192.0.2.1", 8080, SHTTP_ERR_ADDRESS_UNAVAILABLE, "192.0.2.1, port 8080: not an address of this machine");
  unreachable("unix:", 0, SHTTP_ERR_ADDRESS_UNAVAILABLE,
              "the path of the Unix socket has 0 bytes: write one of 1 to 107");
  snprintf(place, sizeof place, "unix:%s/none/socket", folder);
  snprintf(wanted, sizeof wanted, "%s: the directory does not exist: create it first", place);
  unreachable(place, 0, SHTTP_ERR_ADDRESS_UNAVAILABLE, wanted);

  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(place, sizeof place, "unix:%s", path);
  snprintf(wanted, sizeof wanted, "%s: a file that is not a socket exists there", place);
  fclose(fopen(path, "w"));
  unreachable(place, 0, SHTTP_ERR_ADDRESS_IN_USE, wanted);
  unlink(path);

  REQUIRE_OK(shttp_server_create(loop, &given, &server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(server, place, 0, NULL, 0));
  snprintf(wanted, sizeof wanted, "%s: another server listens there", place);
  unreachable(place, 0, SHTTP_ERR_ADDRESS_IN_USE, wanted);
  shttp_server_destroy(server);

  /* localhost is the loopback address (RFC 6761, section 6.3). */
  REQUIRE_OK(shttp_server_create(loop, &given, &server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(server, "LocalHost", 0, NULL, 0));
  snprintf(taken, sizeof taken, "127.0.0.1, port %u: another program listens there", shttp_server_port(server));
  unreachable("127.0.0.1", shttp_server_port(server), SHTTP_ERR_ADDRESS_IN_USE, taken);
  shttp_server_destroy(server);
  CHECK(rmdir(folder) == 0);
}

/* ---- The buffer -------------------------------------------------------------- */

static void the_buffer_is_never_overrun(void) {
  const char *whole = "path: starts with a slash";
  shttp_server_options given = options();
  shttp_server *server = NULL;
  given.path = "mcp";
  for (size_t size = 0; size <= strlen(whole); size++) {
    char error[64];
    memset(error, '#', sizeof error);
    CHECK_STATUS(shttp_server_create(loop, &given, &server, error, size), SHTTP_ERR_INVALID_OPTION);
    if (size > 0) CHECK(error[size - 1] == 0 && strncmp(error, whole, size - 1) == 0);
    CHECK(error[size] == '#');
  }
  CHECK_STATUS(shttp_server_create(loop, &given, &server, NULL, 100), SHTTP_ERR_INVALID_OPTION);
}

/* Also when the cause is no option, something is written. */
static void a_size_that_cannot_be_is_large(void) {
  char error[256] = "nothing was written";
  shttp_server_options given = options();
  shttp_server *server = NULL;
  given.path = "mcp";
  CHECK_STATUS(shttp_server_create(loop, &given, &server, error, SIZE_MAX), SHTTP_ERR_INVALID_OPTION);
  CHECK(strncmp(error, "path: ", 6) == 0);
}

static void every_failure_says_something(void) {
  char error[256] = "nothing was written";
  shttp_server *server = NULL;
  CHECK_STATUS(shttp_server_create(loop, NULL, &server, error, sizeof error), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(strcmp(error, shttp_status_text(SHTTP_ERR_INVALID_ARGUMENT)) == 0);
  strcpy(error, "nothing was written");
  CHECK_STATUS(shttp_server_listen(NULL, NULL, 0, error, sizeof error), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(strcmp(error, shttp_status_text(SHTTP_ERR_INVALID_ARGUMENT)) == 0);
}

/* ---- Options by name --------------------------------------------------------- */

static void options_have_names(void) {
  shttp_server_options given = options();
  CHECK_STATUS(shttp_server_option_set(&given, "sessions_max", "12"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "session_idle_ms", "never"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "keepalive_ms", "4294967295"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "stateless", "true"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "half_close", "1"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "response_mode", "json"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "log_level", "debug"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "unix_mode", "0660"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "path", "/x"), SHTTP_OK);
  CHECK_STATUS(shttp_server_option_set(&given, "server_info", "{}"), SHTTP_OK);
  CHECK(given.sessions_max == 12 && given.session_idle_ms == UINT32_MAX && given.keepalive_ms == UINT32_MAX);
  CHECK(given.stateless == 1 && given.half_close == 1 && given.unix_mode == 0660);
  CHECK(given.response_mode == SHTTP_RESPONSE_JSON && given.log_level == SHTTP_LOG_DEBUG);
  CHECK(strcmp(given.path, "/x") == 0 && check_is(given.server_info, "{}"));
  CHECK_STATUS(shttp_server_option_set(&given, "stateless", "false"), SHTTP_OK);
  CHECK(given.stateless == 0);
}

static void wrong_names_and_values_change_nothing(void) {
  static const char *const wrong[][2] = {
      {"sessions_max", ""},   {"sessions_max", "-1"},         {"sessions_max", "4294967296"}, {"sessions_max", "never"},
      {"sessions_max", "1k"}, {"session_idle_ms", "forever"}, {"stateless", "yes"},           {"response_mode", "JSON"},
      {"response_mode", "1"}, {"log_level", "default"},       {"unix_mode", "0880"},
  };
  shttp_server_options given = options(), before = given;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_STATUS(shttp_server_option_set(&given, wrong[i][0], wrong[i][1]), SHTTP_ERR_INVALID_OPTION);
  CHECK_STATUS(shttp_server_option_set(&given, "sessions", "1"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_server_option_set(&given, "", "1"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_server_option_set(&given, "on_event", "1"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_server_option_set(&given, "sessions_max\n", "1"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_server_option_set(NULL, "sessions_max", "1"), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_option_set(&given, NULL, "1"), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_server_option_set(&given, "sessions_max", NULL), SHTTP_ERR_INVALID_ARGUMENT);
  /* The struct of an older header ends before this field. */
  given.struct_size = offsetof(shttp_server_options, unix_mode) + 3;
  CHECK_STATUS(shttp_server_option_set(&given, "unix_mode", "0600"), SHTTP_ERR_INVALID_OPTION);
  given.struct_size = (size_t)1 << 63;
  CHECK_STATUS(shttp_server_option_set(&given, "sessions_max", "1"), SHTTP_ERR_INVALID_OPTION);
  given.struct_size = before.struct_size;
  CHECK(memcmp(&given, &before, sizeof given) == 0);
}

int main(void) {
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  RUN(options_name_themselves);
  RUN(tokens_are_not_told);
  RUN(lists_match_something);
  RUN(addresses_say_what_is_wrong);
  RUN(the_buffer_is_never_overrun);
  RUN(a_size_that_cannot_be_is_large);
  RUN(every_failure_says_something);
  RUN(options_have_names);
  RUN(wrong_names_and_values_change_nothing);
  shttp_loop_destroy(loop);
  return check_result();
}
