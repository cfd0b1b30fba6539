#include "fixture.h"

#include <time.h>

#include "check.h"

shttp_server_options fixture_options(shttp_on_event on_event, void *user_data) {
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.user_data = user_data;
  options.server_info = shttp_text("{\"name\":\"test\",\"version\":\"1\"}");
  options.server_capabilities = shttp_text("{\"tools\":{},\"logging\":{}}");
  return options;
}

void fixture_start(struct fixture *fixture, const shttp_server_options *options) {
  REQUIRE_OK(shttp_loop_create(NULL, &fixture->loop));
  REQUIRE_OK(shttp_server_create(fixture->loop, options, &fixture->server, NULL, 0));
  REQUIRE_OK(shttp_server_listen(fixture->server, NULL, 0, NULL, 0));
  fixture->port = shttp_server_port(fixture->server);
  REQUIRE_OK(shttp_loop_run_thread(fixture->loop));
}

void fixture_stop(struct fixture *fixture) {
  REQUIRE_OK(shttp_loop_stop(fixture->loop));
  REQUIRE_OK(shttp_loop_join(fixture->loop));
  shttp_server_destroy(fixture->server);
  shttp_loop_destroy(fixture->loop);
}

struct client fixture_client(const struct fixture *fixture) {
  struct client client;
  REQUIRE(client_open(&client, "127.0.0.1", fixture->port));
  return client;
}

bool reaches(atomic_int *value, int wanted) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int waited_ms = 0; waited_ms < 10000; waited_ms++) {
    if (atomic_load(value) >= wanted) return true;
    nanosleep(&moment, NULL);
  }
  return false;
}
