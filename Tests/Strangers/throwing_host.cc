// A host in C++ whose callbacks throw, or whose server goes away in the middle of them.
//
//   throwing_host --from CALLBACK [options as for host]
//
//   event, log, keep, end, load, forget, free   that callback throws, when the tool `throw` has been called
//   destroy    the tool `throw` logs a hundred messages and destroys the server, in on_event; a callback
//              of the store or of events after that says `late`
//
// An exception that gets through the library to main() is told as `caught`, with status 3.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

extern "C" {
#include "runner.h"
}

namespace {

runner host;
shttp_event_store store;
std::string from = "event";
bool is_armed, is_destroyed;

// What each callback does first.
void enter(const char *callback) {
  if (is_destroyed && std::strcmp(callback, "free") != 0) say("late %s", callback);
  if (is_armed && from == callback) throw std::runtime_error(callback);
}

void keep(shttp_server *, const shttp_store_order *, void *) { enter("keep"); }
void end(shttp_server *, const shttp_store_order *, void *) { enter("end"); }
void forget(shttp_server *, const shttp_store_order *, void *) { enter("forget"); }
void on_log(const shttp_log_line *, void *) { enter("log"); }
void on_free(void *) { enter("free"); }

void load(shttp_server *server, const shttp_store_order *order, void *) {
  enter("load");
  shttp_load_fail(server, order->load);
}

void destroy_in_the_middle(shttp_server *server, shttp_request request) {
  for (int i = 0; i < 100; i++) shttp_request_log(server, request, shttp_text("info"), shttp_text(""), shttp_text("1"));
  shttp_server_destroy(server);
  is_destroyed = true;
  host.server = nullptr;
  say("destroyed");
}

void on_event(shttp_server *server, const shttp_event *event, void *) {
  enter("event");
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  if (calls(event, "throw")) is_armed = true;
  if (is_armed && from == "destroy") return destroy_in_the_middle(server, event->request);
  if (is_armed && from == "event") throw std::runtime_error("event");
  expect(answer_text(server, event->request, "null"), "respond");
  if (is_armed && from == "free") runner_stop(&host);
}

bool own_option(const char *name, const char *value) {
  if (std::strcmp(name, "--from") != 0) return false;
  from = value;
  return true;
}

}  // namespace

int main(int argc, char **argv) try {
  runner_init(&host, on_event);
  host.calls_back = true;
  host.options.log_level = SHTTP_LOG_DEBUG;
  host.options.user_data_free = on_free;
  runner_take_all(&host, argc, argv, own_option);
  shttp_event_store_init(&store);
  store.keep = keep;
  store.end = end;
  store.load = load;
  store.forget = forget;
  host.options.event_store = &store;
  host.on_log = on_log;
  runner_listen(&host);
  runner_serve(&host);
  say("served");
  runner_close(&host);
  return 0;
} catch (const std::exception &error) {
  say("caught %s", error.what());
  return 3;
}
