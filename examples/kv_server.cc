/*
 * The key-value server of kv_server.c in C++17: the tools get, set, list and watch; each key is a resource that
 * clients can subscribe to, and whose name is completed; and a prompt. usage: kv_server_cc [PORT]
 */
#include <cstdlib>
#include <iostream>
#include <map>
#include <streamablehttp.hpp>
#include <string>

using shttp::Param;

static constexpr std::size_t keys_max = 1000;
static constexpr auto key_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

/* Everything runs on the loop's thread, so nothing here is locked. */
class Store {
 public:
  void serve(const shttp::ServerHandle &server) {
    const auto key = Param::string("key", "Its name").required().between(1, 64);
    const auto read = [this](shttp::Call &call) { return get(call["key"].text()); };
    const auto list = [this](const shttp::Context &, shttp::Listing &listing, auto after) { page(listing, after); };
    const auto complete = [this](const shttp::Context &, shttp::Listing &listing, auto, auto typed) {
      for (auto pair = pairs.lower_bound(typed); pair != pairs.end() && listing.add(pair->first);) ++pair;
    };

    server.add(shttp::Tool("get", "The value of a key").param(key).on_call(read));
    server.add(shttp::Tool("set", "Sets the value of a key")
                   .param(key)
                   .param(Param::string("value").required())
                   .on_call([this](shttp::Call &call) { return set(call); }));
    server.add(
        shttp::Tool("list", "The keys that begin with a prefix")
            .param(Param::string("prefix").fallback(""))
            .param(Param::integer("limit").between(1, keys_max).fallback("100"))
            .on_call([this](shttp::Call &call) { return matching(call["prefix"].text(), call["limit"].integer()); }));
    server.add(shttp::Tool("watch", "Waits for changes of a key, with progress")
                   .param(key)
                   .param(Param::integer("changes").between(1, 1000).fallback("1"))
                   .on_call([this](shttp::Call &call) {
                     watches.push_back({call, std::string(call["key"].text()), call["changes"].integer(), 0});
                   })
                   .on_cancel([this](const shttp::Request &request) { forget(request); }));
    server.add(shttp::Resource("kv://{key}").on_read(read).on_list(list).on_complete(complete));
    server.add(shttp::Prompt("explain")
                   .param(key)
                   .on_get([](shttp::Call &call) {
                     return "What may the key " + std::string(call["key"].text()) + " stand for?";
                   })
                   .on_complete(complete));
  }

 private:
  struct Watch { /* a call of watch that has not seen as many changes as it wants */
    shttp::Request request;
    std::string key;
    std::int64_t wanted, changes;
  };

  std::string get(std::string_view key) const {
    const auto pair = pairs.find(key);
    if (pair == pairs.end()) throw shttp::NotFound();
    return pair->second;
  }

  std::string set(shttp::Call &call) {
    const std::string key(call["key"].text()), value(call["value"].text());
    const bool is_new = pairs.count(key) == 0;
    if (key.find_first_not_of(key_characters) != key.npos || (is_new && pairs.size() == keys_max))
      throw std::invalid_argument("A key has letters, digits and _-. and there are at most " +
                                  std::to_string(keys_max));
    pairs[key] = value;
    if (is_new) call.server().resource_list_changed();
    call.server().resource_changed("kv://" + key);
    tell(key, value);
    call.log("info", key + " was set", "kv");
    return "done";
  }

  std::vector<shttp::Content> matching(std::string_view prefix, std::int64_t limit) const {
    std::vector<shttp::Content> keys;
    for (auto pair = pairs.lower_bound(prefix); pair != pairs.end(); ++pair) {
      if (pair->first.compare(0, prefix.size(), prefix) != 0 || keys.size() == static_cast<std::size_t>(limit)) break;
      keys.push_back(shttp::Content::text(pair->first));
    }
    return keys;
  }

  void page(shttp::Listing &listing, std::optional<std::string_view> after) const {
    for (auto pair = after ? pairs.upper_bound(*after) : pairs.begin(); pair != pairs.end(); ++pair)
      if (!listing.add(pair->first)) break;
  }

  /* Tells those who watch a key; some have then seen enough. */
  void tell(const std::string &key, const std::string &value) {
    for (auto watch = watches.begin(); watch != watches.end();) {
      if (watch->key == key)
        watch->request.progress(static_cast<double>(++watch->changes), static_cast<double>(watch->wanted), value);
      if (watch->changes == watch->wanted) {
        watch->request.reply(key + " is now " + value);
        watch = watches.erase(watch);
      } else {
        ++watch;
      }
    }
  }

  void forget(const shttp::Request &request) {
    watches.erase(
        std::remove_if(watches.begin(), watches.end(), [&](const Watch &watch) { return watch.request == request; }),
        watches.end());
  }

  std::map<std::string, std::string, std::less<>> pairs;
  std::vector<Watch> watches;
};

int main(int argc, char **argv) {
  try {
    Store store; /* Declared before the server, whose handlers use it. */
    shttp::Loop loop;
    shttp::Server server(loop, {"kv", "1.0"});
    store.serve(server);
    server.listen("127.0.0.1", static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080));
    std::cout << "listening on http://127.0.0.1:" << server.port() << "/mcp" << std::endl;
    loop.run();
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
