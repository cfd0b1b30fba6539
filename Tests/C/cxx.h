/* A server in C++ on a thread of its own, and a client that asks it. */
#ifndef CXX_H
#define CXX_H

#include <atomic>
#include <chrono>
#include <streamablehttp.hpp>
#include <thread>

#include "check.h"
extern "C" {
#include "client.h"
}

/* Waits up to ten seconds until `condition` holds. */
template <class Condition>
bool becomes(Condition condition) {
  for (int waited_ms = 0; waited_ms < 10000; waited_ms++) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/* A session. */
class Caller {
 public:
  explicit Caller(std::uint16_t port) { REQUIRE(client_open(&client, "127.0.0.1", port)); }

  static std::string request(const std::string &method, const std::string &params, int id = 1) {
    return "{\"jsonrpc\":\"2.0\",\"id\":" + std::to_string(id) + ",\"method\":\"" + method + "\",\"params\":" + params +
           "}";
  }

  static std::string of_tool(const std::string &name, const std::string &arguments, int id = 1) {
    return request("tools/call", "{\"name\":\"" + name + "\",\"arguments\":" + arguments + "}", id);
  }

  /* The response, or nothing. */
  std::string ask(const std::string &method, const std::string &params) const {
    char *response = client_ask(&client, request(method, params).c_str());
    const std::string text = response != nullptr ? response : "";
    free(response);
    return text;
  }

  std::string call(const std::string &tool, const std::string &arguments = "{}") const {
    return ask("tools/call", "{\"name\":\"" + tool + "\",\"arguments\":" + arguments + "}");
  }

  /* The text of a tool's first item. */
  std::string text(const std::string &tool, const std::string &arguments = "{}") const {
    return shttp::json_text(call(tool, arguments), "/result/content/0/text").value_or("");
  }

  struct client client {};
};

/* A value in JSON as it is written, or nothing. */
inline std::string at(const std::string &json, const std::string &pointer) {
  return std::string(shttp::json_find(json, pointer).value_or(""));
}

/* Of a server that runs: made first, so that it ends last. */
struct Running {
  explicit Running(shttp::EventHandler on_event = {}, shttp::LogHandler on_log = {})
      : server(loop, {"test", "1"}, std::move(on_event), std::move(on_log)) {}

  ~Running() { stop(); }

  std::uint16_t start() {
    server.listen();
    loop.run_thread();
    is_running = true;
    return server.port();
  }

  void stop() {
    if (!is_running) return;
    loop.stop();
    loop.join();
    is_running = false;
  }

  shttp::Loop loop;
  shttp::Server server;
  bool is_running = false;
};

#endif
