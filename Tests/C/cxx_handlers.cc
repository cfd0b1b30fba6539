/* streamablehttp.hpp: what handlers get, and how they answer: with a value, by hand, later, or by an exception. */
#include "cxx.h"

using shttp::Call;
using shttp::Content;
using shttp::Param;
using shttp::Tool;

static void answers() {
  Running running;
  running.server.add(Tool("literal").on_call([](Call &) { return "as it is"; }));
  running.server.add(Tool("string").on_call([](Call &) { return std::string("with a \0 in it", 14); }));
  running.server.add(Tool("content").on_call(
      [](Call &) { return Content::link("test://a", "a").title("A").description("An A").mime_type("text/plain"); }));
  running.server.add(Tool("several").on_call([](Call &) {
    return std::vector<Content>{Content::text("one"), Content::image("\x89PNG", "image/png"),
                                Content::audio("RIFF", "audio/wav"), Content::resource("test://r", "two"),
                                Content::blob("test://b", "three")};
  }));
  running.server.add(Tool("none").on_call([](Call &) { return std::vector<Content>(); }));
  running.server.add(Tool("structured")
                         .output_schema("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}")
                         .param(Param::json("value"))
                         .on_call([](Call &call) { return shttp::Structured(std::string(call["value"].json())); }));
  running.server.add(Tool("by_hand").on_call([](Call &call) { CHECK(call.reply("by hand") && !call.reply("twice")); }));
  running.server.add(Tool("by_bool").on_call([](Call &call) { return call.respond("{\"content\":[],\"own\":1}"); }));
  const Caller caller(running.start());

  CHECK(caller.text("literal") == "as it is");
  CHECK(caller.text("string") == std::string("with a \0 in it", 14));
  const auto link = caller.call("content");
  CHECK(at(link, "/result/content/0/type") == "\"resource_link\"" && at(link, "/result/content/0/name") == "\"a\"");
  CHECK(at(link, "/result/content/0/title") == "\"A\"" && at(link, "/result/content/0/mimeType") == "\"text/plain\"");
  const auto several = caller.call("several");
  CHECK(at(several, "/result/content/1/data") == "\"iVBORw==\"");
  CHECK(at(several, "/result/content/2/mimeType") == "\"audio/wav\"");
  CHECK(at(several, "/result/content/3/resource/text") == "\"two\"");
  CHECK(at(several, "/result/content/4/resource/blob") == "\"dGhyZWU=\"");
  CHECK(at(caller.call("none"), "/result/content") == "[]");
  CHECK(at(caller.call("structured", "{\"value\":{\"n\":1}}"), "/result/structuredContent/n") == "1");
  const auto unfit = caller.call("structured", "{\"value\":{\"n\":\"x\"}}");
  CHECK(at(unfit, "/result/isError") == "true");
  CHECK(caller.text("by_hand") == "by hand");
  CHECK(at(caller.call("by_bool"), "/result/own") == "1");
}

static void exceptions() {
  Running running;
  running.server.add(Tool("error").on_call([](Call &) -> std::string { throw std::runtime_error("It is broken"); }));
  running.server.add(Tool("refusal").on_call([](Call &) { throw shttp::Refusal(-32099, "No", "{\"why\":1}"); }));
  running.server.add(Tool("number").on_call([](Call &) { throw 7; }));
  running.server.add(Tool("answered").on_call([](Call &call) {
    call.reply("first");
    throw std::runtime_error("then");
  }));
  running.server.add(Tool("bytes").on_call([](Call &) { return "\xff"; }));
  running.server.add(Tool("what").on_call([](Call &) { throw std::runtime_error("\xff"); }));
  running.server.add(Tool("place").param(Param::string("a")).on_call([](Call &call) { return call[1].text(); }));
  running.server.add(Tool("name").param(Param::string("a")).on_call([](Call &call) { return call["b"].text(); }));
  running.server.add(shttp::Resource("test://{id}").on_read([](Call &call) -> Content {
    if (call["id"].text() == "none") throw shttp::NotFound();
    if (call["id"].text() == "bad") throw std::runtime_error("It cannot be read");
    return Content::blob(std::string(call[0].text()));
  }));
  const Caller caller(running.start());

  const auto error = caller.call("error");
  CHECK(at(error, "/result/isError") == "true" && at(error, "/result/content/0/text") == "\"It is broken\"");
  const auto refusal = caller.call("refusal");
  CHECK(at(refusal, "/error/code") == "-32099" && at(refusal, "/error/message") == "\"No\"");
  CHECK(at(refusal, "/error/data/why") == "1");
  CHECK(at(caller.call("number"), "/result/isError") == "true");
  CHECK(caller.text("answered") == "first");
  CHECK(at(caller.call("bytes"), "/result/isError") == "true");
  CHECK(at(caller.call("what"), "/error/code") == "-32603");
  CHECK(caller.text("place") == "There is no such parameter");
  CHECK(caller.text("name") == "There is no parameter b");
  const auto read = [&](const char *id) {
    return caller.ask("resources/read", "{\"uri\":\"test://" + std::string(id) + "\"}");
  };
  CHECK(at(read("abc"), "/result/contents/0/blob") == "\"YWJj\"");
  CHECK(at(read("none"), "/error/code") == "-32002");
  CHECK(at(read("bad"), "/error/message") == "\"It cannot be read\"");
  CHECK(caller.text("answered") == "first"); /* The loop has survived it all. */
}

static void values() {
  Running running;
  running.server.add(Tool("typed")
                         .param(Param::string("s", "A string").required().between(1, 20).header("S"))
                         .param(Param::integer("i").at_least(0).fallback("7"))
                         .param(Param::number("n").at_most(2))
                         .param(Param::boolean("b"))
                         .param(Param::json("j").schema("{\"type\":\"array\"}"))
                         .param(Param::string("c").choices({"red", "green"}))
                         .title("Typed")
                         .annotations("{\"readOnlyHint\":true}")
                         .on_call([](Call &call) {
                           std::string all(call["s"].text());
                           all += "|" + std::to_string(call["i"].integer()) + (call["i"].given() ? "!" : "?");
                           all += "|" + std::to_string(call["n"].get<double>().value_or(-1));
                           all += call["b"].get<bool>() ? (call["b"].boolean() ? "|yes" : "|no") : "|unsaid";
                           all += "|" + std::string(call["j"].json()) + "|";
                           all += call["c"].get<std::string_view>().value_or("none");
                           all += "|" + std::to_string(call[1].get<unsigned>().value_or(0));
                           return all;
                         }));
  running.server.add(
      Tool("schema")
          .input_schema("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[\"x:\","
                        "\"y\"]}, \"\\u0062\\\"\" : {\"type\":\"integer\"},\"c\":{}},\"required\":[\"a\"]}")
          .on_call([](Call &call) {
            return std::string(call["a"].text()) + std::to_string(call["b\""].integer()) +
                   std::string(call["c"].json()) + (call[2].given() ? "" : "none");
          }));
  running.server.add(Tool("context").on_call([](Call &call) {
    return std::string(call.name()) + " " + std::string(call.revision()) + " " + std::string(call.arguments()) + " " +
           std::string(call.header("accept").value_or("?").substr(0, 16)) + " " +
           std::string(call.principal().empty() ? "nobody" : "somebody") + (call.header("x-none") ? "!" : ".");
  }));
  running.server.add(Tool("chosen").param(Param::string("c").choices({"", "a"})).on_call([](Call &call) {
    return "<" + std::string(call["c"].text()) + ">";
  }));
  const Caller caller(running.start());
  CHECK(caller.text("chosen", "{\"c\":\"\"}") == "<>");

  CHECK(caller.text("typed", "{\"s\":\"\\u00fc\\n\"}") == "ü\n|7?|-1.000000|unsaid||none|0");
  CHECK(caller.text("typed", "{\"s\":\"x\",\"i\":3,\"n\":1.5,\"b\":false,\"j\":[1,\"a\"],\"c\":\"red\"}") ==
        "x|3!|1.500000|no|[1,\"a\"]|red|3");
  for (const char *wrong : {"{}", "{\"s\":\"\"}", "{\"s\":1}", "{\"s\":\"x\",\"i\":-1}", "{\"s\":\"x\",\"n\":2.5}",
                            "{\"s\":\"x\",\"j\":{}}", "{\"s\":\"x\",\"c\":\"blue\"}"})
    CHECK(at(caller.call("typed", wrong), "/result/isError") == "true");
  CHECK(caller.text("schema", "{\"a\":\"x:\",\"b\\\"\":7,\"c\":[1]}") == "x:7[1]");
  CHECK(caller.text("schema", "{\"a\":\"y\"}") == "y0none");
  const auto tools = caller.ask("tools/list", "{}");
  CHECK(at(tools, "/result/tools/0/inputSchema/properties/c/enum") == "[\"red\",\"green\"]");
  CHECK(at(tools, "/result/tools/0/inputSchema/properties/i/default") == "7");
  CHECK(at(tools, "/result/tools/0/annotations/readOnlyHint") == "true");
  CHECK(at(tools, "/result/tools/0/title") == "\"Typed\"");
  CHECK(caller.text("context", "{\"a\":1}") == "context 2025-11-25 {\"a\":1} application/json nobody.");
}

/* Lists, completions, prompts and filters; and what they throw. */
static void collections() {
  std::vector<std::string> reports; /* on the loop's thread */
  std::atomic<bool> is_hidden{false};
  Running running({}, [&](const shttp_log_line &line) { reports.emplace_back(shttp::view(line.text)); });
  shttp::CatalogOptions options;
  options.page_max = 2;
  options.is_visible = [&](const shttp::Context &, shttp_kind kind, std::string_view name) {
    if (name == "thrown") throw std::runtime_error("the filter fails");
    return kind != SHTTP_KIND_PROMPT || !is_hidden;
  };
  running.server.set_catalog(options);
  running.server.add(shttp::Resource("kv://{key}", "keys")
                         .mime_type("text/plain")
                         .on_list([](const shttp::Context &, shttp::Listing &listing, auto after) {
                           for (const char *key : {"a", "b", "c"})
                             if ((!after || *after < key) && !listing.add(key)) return;
                           if (after && *after == "c") throw std::runtime_error("no more");
                         })
                         .on_complete([](const auto &, shttp::Listing &listing, auto argument, auto typed) {
                           if (typed == "x") throw std::runtime_error("It cannot be completed");
                           listing.add(std::string(argument) + "1");
                         })
                         .on_read([](Call &call) { return call["key"].text(); }));
  running.server.add(Tool("thrown").on_call([](Call &) { return "It is seen"; }));
  running.server.add(shttp::Prompt("p", "A prompt")
                         .title("P")
                         .param(Param::string("who").required().choices({"you", "me"}))
                         .on_get([](Call &call) {
                           return std::vector<Content>{Content::text("For " + std::string(call["who"].text())),
                                                       Content::text("I see").role("assistant")};
                         }));
  const Caller caller(running.start());

  const auto first = caller.ask("resources/list", "{}");
  CHECK(at(first, "/result/resources/1/uri") == "\"kv://b\"" && at(first, "/result/resources/2").empty());
  const auto cursor = at(first, "/result/nextCursor");
  const auto second = caller.ask("resources/list", "{\"cursor\":" + cursor + "}");
  CHECK(at(second, "/result/resources/0/uri") == "\"kv://c\"" && at(second, "/result/nextCursor").empty());
  CHECK(at(caller.ask("resources/read", "{\"uri\":\"kv://b\"}"), "/result/contents/0/text") == "\"b\"");

  const auto complete = [&](const char *typed) {
    return caller.ask("completion/complete", "{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"kv://{key}\"},"
                                             "\"argument\":{\"name\":\"key\",\"value\":\"" +
                                                 std::string(typed) + "\"}}");
  };
  CHECK(at(complete("k"), "/result/completion/values") == "[\"key1\"]");
  CHECK(at(complete("x"), "/error/message") == "\"It cannot be completed\"");

  const auto prompt = caller.ask("prompts/get", "{\"name\":\"p\",\"arguments\":{\"who\":\"me\"}}");
  CHECK(at(prompt, "/result/messages/0/content/text") == "\"For me\"");
  CHECK(at(prompt, "/result/messages/1/role") == "\"assistant\"");
  CHECK(at(caller.ask("prompts/list", "{}"), "/result/prompts/0/name") == "\"p\"");
  is_hidden = true;
  CHECK(at(caller.ask("prompts/list", "{}"), "/result/prompts") == "[]");
  CHECK(at(caller.call("thrown"), "/error/code") == "-32602"); /* What cannot be judged is hidden. */
  running.stop();
  CHECK(!reports.empty() && reports.back().find("the filter fails") != std::string::npos);
}

/* Answers from other threads, progress, and logs. */
static void later() {
  Running running;
  std::vector<std::thread> threads;
  running.server.add(Tool("later").on_call([&](Call &call) {
    threads.emplace_back([request = shttp::Request(call)] {
      CHECK(request.progress(1, 2, "half") && request.log("info", "a line", "me"));
      CHECK(request.reply(Content::text("later")));
    });
  }));
  const Caller caller(running.start());
  for (int number = 0; number < 10; number++) CHECK(caller.text("later") == "later");
  running.stop();
  for (auto &thread : threads) thread.join();
}

/* A call that the client cancels, and one whose client is asked. */
static void questions() {
  std::atomic<int> cancelled{0};
  Running running;
  running.server.add(Tool("ask").on_call([](Call &call) {
    call.elicit("Who?", "{\"type\":\"object\",\"properties\":{}}",
                [](const shttp::Request &, const shttp::Answer &answer) {
                  if (!answer) throw std::runtime_error("Refused: " + answer.error());
                  return "Hello, " + answer.text("/result/content/name").value_or("nobody");
                });
  }));
  running.server.add(Tool("call").on_call([](Call &call) {
    call.call("roots/list", "", [](const shttp::Request &request, const shttp::Answer &answer) {
      CHECK(answer.status() == SHTTP_OK && answer.find("/result/roots"));
      request.reply(answer.message());
    });
  }));
  running.server.add(Tool("wait").on_call([](Call &) {}).on_cancel([&](const shttp::Request &request) {
    CHECK(!request.reply("too late"));
    cancelled++;
  }));
  running.server.add(Tool("invalid").on_call([](Call &call) {
    call.elicit("Who?", "no JSON", [](const shttp::Request &, const shttp::Answer &) { CHECK(false); });
  }));
  const Caller caller(running.start());

  const auto asked = [&](const char *tool, const std::string &answer) {
    struct sse_event event {};
    exchange *exchange = client_post(&caller.client, Caller::of_tool(tool, "{}").c_str());
    REQUIRE(exchange_event(exchange, &event));
    const auto id = at(event.data, "/id");
    CHECK(client_tell(&caller.client, ("{\"jsonrpc\":\"2.0\",\"id\":" + id + "," + answer + "}").c_str()) == 202);
    REQUIRE(exchange_event(exchange, &event));
    const auto text = shttp::json_text(event.data, "/result/content/0/text").value_or("");
    exchange_end(exchange);
    return text;
  };
  CHECK(asked("ask", "\"result\":{\"action\":\"accept\",\"content\":{\"name\":\"Ada\"}}") == "Hello, Ada");
  CHECK(asked("ask", "\"error\":{\"code\":-1,\"message\":\"I am shy\"}") == "Refused: I am shy");
  CHECK(asked("call", "\"result\":{\"roots\":[]}").find("\"roots\":[]") != std::string::npos);
  CHECK(at(caller.call("invalid"), "/result/isError") == "true");

  exchange *waiting = client_post(&caller.client, Caller::of_tool("wait", "{}").c_str());
  CHECK(exchange_status(waiting) == 200);
  client_tell(&caller.client,
              "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}");
  CHECK(becomes([&] { return cancelled == 1; }));
  exchange_end(waiting);
}

/* What the catalog does not know. */
static void events() {
  std::atomic<int> opened{0};
  std::vector<std::string> reports;
  Running running(
      [&](const shttp::ServerHandle &server, const shttp_event &event) {
        if (event.kind == SHTTP_EVENT_SESSION_OPENED && ++opened == 2) throw std::runtime_error("no more sessions");
        if (event.kind == SHTTP_EVENT_TOOL_CALL) server.request(event.request).reply(shttp::view(event.arguments));
        if (event.kind != SHTTP_EVENT_REQUEST) return;
        if (shttp::view(event.method) == "test/throw") throw shttp::Refusal(-32001, "thrown");
        if (shttp::view(event.method) == "test/any") throw std::runtime_error("broken");
        server.request(event.request).respond("{\"own\":true}");
      },
      [&](const shttp_log_line &line) {
        reports.emplace_back(shttp::view(line.text));
        throw std::runtime_error("the log, too");
      });
  running.server.add(Tool("event"));
  const auto port = running.start();
  const Caller caller(port), second(port);
  CHECK(opened == 2);
  CHECK(at(caller.ask("test/own", "{}"), "/result/own") == "true");
  CHECK(at(caller.ask("test/throw", "{}"), "/error/code") == "-32001");
  CHECK(at(caller.ask("test/any", "{}"), "/error/message") == "\"broken\"");
  CHECK(caller.text("event", "{\"a\":1}") == "{\"a\":1}");
  CHECK(at(caller.ask("tools/list", "{}"), "/result/tools/0/name") == "\"event\"");
  running.stop();
  CHECK(reports.size() == 1 && reports[0].find("no more sessions") != std::string::npos);
}

/* Without an EventHandler, what is unknown is declined. */
static void declined() {
  Running running;
  const Caller caller(running.start());
  CHECK(at(caller.ask("test/own", "{}"), "/error/code") == "-32601");
  CHECK(running.server.stats().sessions == 1);
}

static void json() {
  for (const std::string &text : {std::string(), std::string("a\0\"\\\n\x01/ü", 9), std::string(1000, '\x01')})
    CHECK(shttp::json_unescape(shttp::json_escape(text)) == text);
  CHECK(shttp::json_escape("\"") == "\"\\\"\"");
  CHECK(!shttp::json_unescape("no string") && !shttp::json_text("{\"a\":1}", "/a") && !shttp::json_find("{}", "/a"));
  try {
    shttp::json_escape("\xff");
    CHECK(false);
  } catch (const shttp::Error &error) {
    CHECK(error.status() == SHTTP_ERR_INVALID_MESSAGE && std::string(error.what()).size() > 10);
  }
}

int main() {
  RUN(json);
  RUN(answers);
  RUN(exceptions);
  RUN(values);
  RUN(collections);
  RUN(later);
  RUN(questions);
  RUN(events);
  RUN(declined);
  return check_result();
}
