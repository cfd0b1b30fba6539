/* Compiled by header_strict.sh: streamablehttp.hpp by itself, and every template in it. */
#include <streamablehttp.hpp>

static void add_all(shttp::Server &server) {
  server.add(shttp::Tool("a")
                 .title("A")
                 .param(shttp::Param::integer("n").between(1, 2).required())
                 .on_call([](shttp::Call &call) { return std::to_string(call["n"].get<short>().value_or(0)); })
                 .on_cancel([](const shttp::Request &) {}));
  server.add(shttp::Tool("b").on_call([](const shttp::Request &request) {
    request.elicit("Who?", "{}", [](const auto &, const shttp::Answer &answer) { return answer.error(); });
    request.sample("What?", 1, [](const auto &, const auto &) { return true; });
    request.roots([](const auto &, const auto &) {});
    request.call("ping", "", [](const auto &, const auto &) { return shttp::Structured("{}"); });
  }));
  server.add(shttp::Resource("kv://{key}")
                 .on_read([](auto &call) { return call[0].text(); })
                 .on_list([](const auto &, auto &listing, auto after) { listing.add(std::string(after.value_or(""))); })
                 .on_complete([](const auto &, auto &listing, auto, auto typed) { listing.add(std::string(typed)); }));
  server.add(shttp::Prompt("c")
                 .on_get([](auto &) { return std::vector<shttp::Content>(); })
                 .on_complete([](const auto &, auto &, auto, auto) {}));
}

int main() {
  shttp::Loop loop;
  shttp::Server server(loop, {"a", "1"});
  static_assert(!std::is_copy_constructible_v<shttp::Server> && std::is_nothrow_move_assignable_v<shttp::Server>);
  static_assert(!std::is_copy_constructible_v<shttp::Loop> && std::is_nothrow_move_constructible_v<shttp::Loop>);
  static_assert(std::is_copy_constructible_v<shttp::Request> && std::is_copy_constructible_v<shttp::ServerHandle>);
  static_assert(!std::is_copy_constructible_v<shttp::Call>);
  add_all(server);
}
