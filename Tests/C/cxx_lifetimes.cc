/*
 * streamablehttp.hpp: who owns what, and for how long: moves, every order of destruction, handlers that outlive what
 * they came from, and handles that outlive the server. usage: cxx_lifetimes [ROUNDS]
 */
#include <poll.h>

#include "cxx.h"

using shttp::Call;
using shttp::Tool;

using Token = std::shared_ptr<int>; /* Its count says who still has it. */

template <class Function>
shttp_status thrown(Function function) {
  try {
    function();
  } catch (const shttp::Error &error) {
    CHECK(std::string(error.what()).size() > 10);
    return error.status();
  }
  return SHTTP_OK;
}

/* A handler lives until what it was given to is gone. */
static void handlers_outlive() {
  const Token token = std::make_shared<int>(0);
  {
    Running running;
    {
      auto only_moved = std::make_unique<Token>(token);
      const auto tool = Tool("a").on_call([held = std::move(only_moved)](Call &) { return "first"; });
      running.server.add(tool);
      CHECK(token.use_count() == 2); /* A copy of the definition shares it. */
    }
    CHECK(token.use_count() == 2);
    running.server.add(shttp::Resource("test://a").on_read([token](Call &) { return "read"; }));
    running.server.add(
        shttp::Prompt("a").on_complete([token](const shttp::Context &, shttp::Listing &, auto, auto) {}));
    CHECK(token.use_count() == 4);
    const Caller caller(running.start());
    CHECK(caller.text("a") == "first");

    /* Replaced and removed by another thread than the loop's. */
    running.server.add(Tool("a").on_call([](Call &) { return "second"; }));
    CHECK(becomes([&] { return token.use_count() == 3; }));
    CHECK(caller.text("a") == "second");
    running.server.remove_resource("test://a");
    CHECK(becomes([&] { return token.use_count() == 2; }));
    running.server.remove_prompt("none"); /* is found out later, on the loop */
  }
  CHECK(token.use_count() == 1);
}

/* On the loop's thread. A handler may even remove its own tool. */
static void removed_while_it_runs() {
  const Token token = std::make_shared<int>(0);
  Running running;
  std::atomic<int> was_removed{0};
  running.server.add(Tool("once").on_call([&, token](Call &call) {
    const shttp::Request request = call;
    was_removed = call.server().remove_tool("once") + 2 * call.server().remove_tool("once");
    CHECK(*token == 0);
    request.reply("gone");
  }));
  const Caller caller(running.start());
  CHECK(caller.text("once") == "gone");
  CHECK(was_removed == 1);
  CHECK(at(caller.call("once"), "/error/code") == "-32602");
  CHECK(becomes([&] { return token.use_count() == 1; }));
}

/* What answers a request in its destructor, as a guard may. */
struct Guard {
  shttp::Request request;
  ~Guard() { request.reply("guarded"); }
};

static void destructors_that_answer() {
  Running running;
  running.server.add(Tool("guarded").on_call([](Call &call) {
    auto guard = std::make_shared<Guard>(Guard{call});
    call.server().add(Tool("guard").on_call([guard](Call &) {}));
    guard.reset();
    call.server().remove_tool("guard"); /* The answer is given inside this call. */
  }));
  const Caller caller(running.start());
  CHECK(caller.text("guarded") == "guarded");
}

static void failures() {
  const Token token = std::make_shared<int>(0);
  Running running;
  try {
    running.server.add(Tool("not a name").on_call([token](Call &) {}));
    CHECK(false);
  } catch (const shttp::Error &error) {
    CHECK(error.status() == SHTTP_ERR_INVALID_ARGUMENT);
    CHECK(std::string(error.what()).find("The tool not a name cannot be added: ") == 0);
  }
  CHECK(thrown([&] { running.server.add(Tool("a").input_schema("[]").on_call([token](Call &) {})); }) < SHTTP_OK);
  CHECK(token.use_count() == 1);
  CHECK(running.server.remove_tool("none") == false);

  shttp::Options options("a", "1");
  options.path = "no slash";
  try {
    shttp::Server server(running.loop, options, [token](const shttp::ServerHandle &, const shttp_event &) {});
    CHECK(false);
  } catch (const shttp::Error &error) {
    CHECK(error.status() == SHTTP_ERR_INVALID_OPTION);
    CHECK(std::string(error.what()).find("path") != std::string::npos);
  }
  CHECK(token.use_count() == 1);
  try {
    running.server.listen("not an address");
    CHECK(false);
  } catch (const shttp::Error &error) {
    CHECK(std::string(error.what()).find("is not an IP address") != std::string::npos);
  }
  running.server.listen();
  CHECK(thrown([&] { running.server.listen(); }) == SHTTP_ERR_BUSY);
  CHECK(thrown([&] { running.loop.join(); }) == SHTTP_ERR_NOT_FOUND);
}

static shttp::Server hello(const shttp::Loop &loop, const char *said) {
  shttp::Server server(loop, {"hello", "1"});
  server.add(Tool("hello").on_call([said](Call &) { return said; }));
  server.listen();
  return server;
}

static void moves() {
  shttp::Loop first;
  shttp::Loop loop = std::move(first);
  CHECK(thrown([&] { first.run(); }) == SHTTP_ERR_INVALID_ARGUMENT); /* NOLINT: a moved one is of no use, but safe. */
  auto server = hello(loop, "one");
  const auto old = server.handle();
  auto other = hello(loop, "two");
  server = std::move(other); /* The one that listened ends. */
  CHECK(thrown([&] { old.resource_list_changed(); }) == SHTTP_ERR_CLOSED && old.port() == 0);
  CHECK(other.port() == 0); /* NOLINT */
  CHECK(thrown([&] { other.listen(); }) == SHTTP_ERR_CLOSED);
  CHECK(!other.drain(0) && !other.close());
  loop.run_thread();
  {
    const Caller caller(server.port());
    CHECK(caller.text("hello") == "two");
    auto moved = std::make_unique<shttp::Server>(std::move(server)); /* while it serves */
    CHECK(caller.text("hello") == "two");
    server = std::move(*moved);
    CHECK(caller.text("hello") == "two");
  }
  loop.stop();
  loop.join();
}

static void two_servers_share_a_tool() {
  shttp::Loop loop;
  int calls = 0;
  const auto tool = Tool("count").on_call([&calls](Call &) { return std::to_string(++calls); });
  shttp::Server one(loop, {"one", "1"}), two(loop, {"two", "1"});
  for (auto *server : {&one, &two}) {
    server->add(tool);
    server->listen();
  }
  loop.run_thread();
  CHECK(Caller(one.port()).text("count") == "1");
  CHECK(Caller(two.port()).text("count") == "2");
  loop.stop();
  loop.join();
}

/* Each order in which a loop and its servers can end: running or not, the loop first or last. */
static void orders() {
  for (int order = 0; order < 4; order++) {
    const Token token = std::make_shared<int>(0);
    shttp::ServerHandle handle;
    {
      auto loop = std::make_unique<shttp::Loop>();
      auto server = std::make_unique<shttp::Server>(hello(*loop, "hi"));
      server->add(Tool("a").on_call([token](Call &) {}));
      handle = *server;
      if (order & 1) loop->run_thread();
      if (order & 1) CHECK(Caller(server->port()).text("hello") == "hi");
      if (order & 2) loop.reset();
      if (order == 3) CHECK(Caller(server->port()).text("hello") == "hi"); /* The server keeps it. */
      server.reset();
    }
    CHECK(token.use_count() == 1);
    CHECK(handle.port() == 0);
    CHECK(thrown([&] { handle.add(Tool("b")); }) == SHTTP_ERR_CLOSED);
  }
}

static void destroyed_by_its_own_handler() {
  const Token token = std::make_shared<int>(0);
  shttp::Loop loop;
  shttp::Request kept;
  auto server = std::make_unique<shttp::Server>(loop, shttp::Options("a", "1"));
  std::atomic<int> calls{0};
  server->add(Tool("end").on_call([&, token](Call &call) {
    kept = call;
    server.reset();
    CHECK(*token == 0); /* The handler is still there. */
    CHECK(!call.reply("too late"));
    calls++;
  }));
  server->listen();
  const auto port = server->port();
  loop.run_thread();
  {
    const Caller caller(port);
    CHECK(caller.call("end").empty());
    CHECK(calls == 1 && server == nullptr);
    CHECK(becomes([&] { return token.use_count() == 1; }));
  }
  CHECK(!kept.reply("much too late") && !kept.progress(1));
  loop.stop();
  loop.join();
}

/* The destructor waits for a handler that runs on another thread, and none begins after it. */
static void destroyed_while_a_handler_runs() {
  Running running;
  std::atomic<bool> has_begun{false}, has_ended{false};
  auto server = std::make_unique<shttp::Server>(running.loop, shttp::Options("a", "1"));
  server->add(Tool("slow").on_call([&](Call &) {
    has_begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    has_ended = true;
  }));
  server->listen();
  const auto port = server->port();
  running.start();
  const Caller caller(port);
  exchange *exchange = client_post(&caller.client, Caller::of_tool("slow", "{}").c_str());
  REQUIRE(becomes([&] { return has_begun.load(); }));
  server.reset();
  CHECK(has_ended);
  exchange_end(exchange);
}

/* Threads that answer, add and remove while the server ends. */
static void used_while_it_ends(int rounds) {
  for (int round = 0; round < rounds; round++) {
    Running running;
    auto server = std::make_unique<shttp::Server>(hello(running.loop, "hi"));
    std::mutex mutex;
    std::vector<shttp::Request> requests;
    server->add(Tool("keep").on_call([&](Call &call) {
      const std::lock_guard<std::mutex> lock(mutex);
      requests.push_back(call);
    }));
    const auto port = server->port();
    const shttp::ServerHandle handle = *server;
    running.start();
    const Caller caller(port);
    std::vector<exchange *> exchanges;
    for (int call = 0; call < 4; call++)
      exchanges.push_back(client_post(&caller.client, Caller::of_tool("keep", "{}", call).c_str()));
    REQUIRE(becomes([&] {
      const std::lock_guard<std::mutex> lock(mutex);
      return requests.size() == exchanges.size();
    }));
    std::vector<std::thread> threads;
    for (const auto &request : requests)
      threads.emplace_back([&handle, request] {
        while (request.progress(1)) std::this_thread::yield();
        CHECK(!request.reply("too late"));
        CHECK(thrown([&] { handle.add(Tool("late").on_call([](Call &) {})); }) == SHTTP_ERR_CLOSED);
      });
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
    server.reset();
    for (auto &thread : threads) thread.join();
    for (auto *exchange : exchanges) exchange_end(exchange);
  }
}

/* A question that is never answered: its handler ends with the server. */
static void unanswered_questions() {
  const Token token = std::make_shared<int>(0);
  {
    Running running;
    running.server.add(Tool("ask").on_call([&token](Call &call) {
      call.sample("What?", 10, [token](const shttp::Request &, const shttp::Answer &) { CHECK(false); });
      call.roots([token](const shttp::Request &, const shttp::Answer &) { CHECK(false); });
    }));
    const Caller caller(running.start());
    struct sse_event event {};
    exchange *exchange = client_post(&caller.client, Caller::of_tool("ask", "{}").c_str());
    CHECK(exchange_event(exchange, &event));
    CHECK(token.use_count() == 3);
    exchange_end(exchange);
  }
  CHECK(token.use_count() == 1);
}

/* A handler may keep a handle of its own server: it does not own, and both end. */
static void no_cycles() {
  const Token token = std::make_shared<int>(0);
  {
    const auto self = std::make_shared<shttp::ServerHandle>();
    Running running([self, token](const shttp::ServerHandle &, const shttp_event &) {},
                    [self, token](const shttp_log_line &) {});
    *self = running.server;
    running.server.add(Tool("a").on_call([self, token](Call &) {}));
    shttp::CatalogOptions options;
    options.is_visible = [self, token](const shttp::Context &, shttp_kind, std::string_view) { return true; };
    running.server.set_catalog(options);
    CHECK(token.use_count() == 6); /* That of the filter is there twice. */
  }
  CHECK(token.use_count() == 1);
}

/* In a poll loop of the program. */
static void steps() {
  shttp::Loop loop;
  const auto server = hello(loop, "stepped");
  std::atomic<bool> is_done{false};
  std::thread client([&, port = server.port()] {
    CHECK(Caller(port).text("hello") == "stepped");
    is_done = true;
  });
  while (!is_done) {
    struct pollfd descriptor = {loop.descriptor(), POLLIN, 0};
    const int timeout_ms = loop.timeout_ms();
    poll(&descriptor, 1, timeout_ms < 0 || timeout_ms > 10 ? 10 : timeout_ms);
    loop.step();
  }
  client.join();
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 30;
  RUN(handlers_outlive);
  RUN(removed_while_it_runs);
  RUN(destructors_that_answer);
  RUN(failures);
  RUN(moves);
  RUN(two_servers_share_a_tool);
  RUN(orders);
  RUN(destroyed_by_its_own_handler);
  RUN(destroyed_while_a_handler_runs);
  (printf("used_while_it_ends\n"), used_while_it_ends(rounds));
  RUN(unanswered_questions);
  RUN(no_cycles);
  RUN(steps);
  return check_result();
}
