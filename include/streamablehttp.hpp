/*
 * streamablehttp.hpp - streamablehttp.h for C++17, header only.
 *
 * What is here is the same library: read streamablehttp.h for what it does, for
 * threads, and for the words. This header adds owners, handlers that may be
 * lambdas, and exceptions. It needs the standard library and nothing else, and
 * what it leaves out can be called in C: get() gives the C handle.
 *
 *     #include <iostream>
 *     #include <streamablehttp.hpp>
 *
 *     int main() {
 *       try {
 *         shttp::Loop loop;
 *         shttp::Server server(loop, {"hello", "1.0"});
 *         server.add(shttp::Tool("greet", "Greets somebody")
 *                        .param(shttp::Param::string("name").required())
 *                        .on_call([](shttp::Call &call) {
 *                          return "Hello, " + std::string(call["name"].text());
 *                        }));
 *         server.listen("127.0.0.1", 8080);
 *         loop.run();
 *       } catch (const std::exception &error) {
 *         std::cerr << error.what() << '\n';
 *         return 1;
 *       }
 *     }
 *
 * HANDLERS
 *
 * A handler is any callable, also one that can only be moved. It lives as long
 * as what it was given to: until that is removed or replaced and no call of it
 * is left, or until the server has ended. The loop calls it on its thread.
 *
 * A handler of a tool, a resource or a prompt answers in one of these ways:
 *
 * - It returns the answer: a text, a Content, a vector of Content, or
 *   Structured.
 * - It returns nothing (or a bool, as the functions of Request do), and answers
 *   by its Call, or later, on any thread, by a copy of it: a Request.
 * - It throws: Refusal is a JSON-RPC error, NotFound says that there is no such
 *   thing, and any other exception is an error with its what(). Of a tool that
 *   is a result with isError, which the model sees.
 *
 * No exception leaves a handler. One that no request can be answered with is
 * told to the LogHandler, with SHTTP_LOG_ERROR; without one it is lost.
 *
 * ERRORS
 *
 * Functions that set something up throw Error, with the reason in words. Those
 * that answer a request, or send something for it, return false if its client
 * is gone or the server's mode cannot send it: that is no error, since a client
 * may leave at any moment. They throw Error if the caller is wrong, as with a
 * text that is not UTF-8. At a limit, answers throw, and the request is still
 * open; progress and log lines return false.
 *
 * On another thread than the loop's a command is queued, and counts as done.
 * What fails later is SHTTP_EVENT_COMMAND_FAILED and, of a question to the
 * client, an Answer without a result.
 *
 * LIFETIMES
 *
 * Loop and Server own what they are named for, and can be moved but not copied.
 * They may be destroyed in any order: a loop lives until its last server has
 * ended. When a Server is destroyed, it waits for a handler that is running on
 * another thread, and no handler is called after that. ServerHandle and Request
 * are values that may be copied, kept and used on any thread, also when the
 * server has ended: their functions then return false, or throw Error with
 * SHTTP_ERR_CLOSED.
 *
 * The destructor of a handler runs on the thread that lets go of it, mostly the
 * loop's, also while a function such as remove_tool() runs. It may answer
 * requests. It must not destroy its Server, so no handler may own that.
 *
 * Call, Context, Value, Listing and Answer, and all the views that they return,
 * are borrowed: valid until the handler returns.
 *
 * Since 0.2.0. This header promises less than the C ABI: a program that is
 * compiled again may have to follow a change of it, but one that is compiled
 * runs with every later library of its SHTTP_ABI_VERSION.
 */
#ifndef STREAMABLEHTTP_HPP
#define STREAMABLEHTTP_HPP

#include <streamablehttp.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shttp {

/* ---- Bytes and JSON ------------------------------------------------------ */

/** The text as bytes of C. They point to it. */
inline shttp_bytes bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

/** Bytes of C as text. It points to them. */
inline std::string_view view(shttp_bytes bytes) noexcept {
  return {reinterpret_cast<const char *>(bytes.data), bytes.len};
}

/** A function has failed. what() says why, in words. */
class Error : public std::runtime_error {
 public:
  /** With the meaning of the status if there is no `reason`. */
  explicit Error(shttp_status status, const std::string &reason = {})
      : std::runtime_error(reason.empty() ? shttp_status_text(status) : reason), status_(status) {}

  shttp_status status() const noexcept { return status_; }

 private:
  shttp_status status_;
};

/** Throws Error, unless the status is SHTTP_OK. */
inline void check(shttp_status status, const std::string &reason = {}) {
  if (status != SHTTP_OK) throw Error(status, reason);
}

/** Finds a value in JSON by its JSON Pointer; see shttp_json_find(). */
inline std::optional<std::string_view> json_find(std::string_view json, const std::string &pointer) {
  shttp_bytes found{};
  if (shttp_json_find(bytes(json), pointer.c_str(), &found) != SHTTP_OK) return std::nullopt;
  return view(found);
}

/** Decodes a JSON string to text. Nothing if it is no JSON string. */
inline std::optional<std::string> json_unescape(std::string_view json) {
  std::string text(json.size() + 1, '\0'); /* The text is never longer. */
  std::size_t length = 0;
  if (shttp_json_unescape(bytes(json), text.data(), text.size(), &length) != SHTTP_OK) return std::nullopt;
  text.resize(length);
  return text;
}

/** Encodes text as a JSON string, with its quotes. Throws if it is not UTF-8. */
inline std::string json_escape(std::string_view text) {
  std::string json(text.size() + text.size() / 8 + 16, '\0');
  std::size_t length = 0;
  check(shttp_json_escape(bytes(text), json.data(), json.size(), &length));
  if (length >= json.size()) {
    json.resize(length + 1);
    check(shttp_json_escape(bytes(text), json.data(), json.size(), &length));
  }
  json.resize(length);
  return json;
}

/** Finds a string in JSON by its JSON Pointer, and decodes it. */
inline std::optional<std::string> json_text(std::string_view json, const std::string &pointer) {
  const auto found = json_find(json, pointer);
  return found ? json_unescape(*found) : std::nullopt;
}

/* ---- What a handler may throw -------------------------------------------- */

/** Thrown by a handler: the request is answered with this JSON-RPC error. */
class Refusal : public std::runtime_error {
 public:
  /** `data` is a JSON value, or empty for none. */
  Refusal(std::int32_t code, const std::string &message, std::string data = {})
      : std::runtime_error(message), code_(code), data_(std::move(data)) {}

  std::int32_t code() const noexcept { return code_; }
  const std::string &data() const noexcept { return data_; }

 private:
  std::int32_t code_;
  std::string data_;
};

/** Thrown by a handler: there is no such resource. See shttp_reply_not_found(). */
class NotFound : public std::runtime_error {
 public:
  NotFound() : std::runtime_error("not found") {}
};

/* ---- Answers ------------------------------------------------------------- */

/** One item of an answer. Binary data is given as it is: the library encodes it. */
class Content {
 public:
  static Content text(std::string text) { return Content(SHTTP_CONTENT_TEXT, std::move(text)); }

  static Content image(std::string data, std::string mime_type) {
    return Content(SHTTP_CONTENT_IMAGE, std::move(data)).mime_type(std::move(mime_type));
  }

  static Content audio(std::string data, std::string mime_type) {
    return Content(SHTTP_CONTENT_AUDIO, std::move(data)).mime_type(std::move(mime_type));
  }

  /** A resource, embedded as text. */
  static Content resource(std::string uri, std::string text) {
    return Content(SHTTP_CONTENT_RESOURCE, std::move(text)).uri(std::move(uri));
  }

  /** A resource, embedded as binary data. */
  static Content blob(std::string uri, std::string data) {
    return Content(SHTTP_CONTENT_BLOB, std::move(data)).uri(std::move(uri));
  }

  /** What a resource is read as, if that is binary data. */
  static Content blob(std::string data) { return Content(SHTTP_CONTENT_BLOB, std::move(data)); }

  static Content link(std::string uri, std::string name = {}) {
    return Content(SHTTP_CONTENT_LINK, {}).uri(std::move(uri)).name(std::move(name));
  }

  Content &uri(std::string value) { return set(uri_, std::move(value)); }
  Content &mime_type(std::string value) { return set(mime_type_, std::move(value)); }
  Content &name(std::string value) { return set(name_, std::move(value)); }
  Content &title(std::string value) { return set(title_, std::move(value)); }
  Content &description(std::string value) { return set(description_, std::move(value)); }
  /** A JSON object. */
  Content &annotations(std::string json) { return set(annotations_, std::move(json)); }
  /** In a prompt: "user", which is the default, or "assistant". */
  Content &role(std::string value) { return set(role_, std::move(value)); }

  /** As C has it. It points to this object. */
  shttp_content get() const noexcept {
    shttp_content item{};
    item.type = type_;
    item.data = bytes(data_);
    item.uri = given(uri_);
    item.mime_type = given(mime_type_);
    item.name = given(name_);
    item.title = given(title_);
    item.description = given(description_);
    item.annotations = given(annotations_);
    item.role = given(role_);
    return item;
  }

 private:
  Content(shttp_content_type type, std::string data) : type_(type), data_(std::move(data)) {}

  Content &set(std::string &field, std::string value) {
    field = std::move(value);
    return *this;
  }

  static const char *given(const std::string &field) noexcept { return field.empty() ? nullptr : field.c_str(); }

  shttp_content_type type_;
  std::string data_, uri_, mime_type_, name_, title_, description_, annotations_, role_;
};

/** Structured content of a tool: a JSON object. See shttp_reply_structured(). */
struct Structured {
  explicit Structured(std::string object) : json(std::move(object)) {}
  std::string json;
};

/* ---- Handlers that the definitions take ---------------------------------- */

class Answer;
class Call;
class Context;
class Listing;
class Request;
class ServerHandle;

/** Receives what the catalog does not answer; see shttp_on_event. Not SHTTP_EVENT_RESPONSE of a Request's calls. */
using EventHandler = std::function<void(const ServerHandle &server, const shttp_event &event)>;

/** Receives a line of the log; see shttp_on_log. */
using LogHandler = std::function<void(const shttp_log_line &line)>;

/** A call was cancelled: stop working on it. See shttp_on_cancel. */
using CancelHandler = std::function<void(const Request &request)>;

/** Lists the resources of a template; see shttp_on_list. `after` is nothing for the first page. */
using ListHandler =
    std::function<void(const Context &context, Listing &listing, std::optional<std::string_view> after)>;

/** Suggests values for an argument; see shttp_on_complete. */
using CompleteHandler =
    std::function<void(const Context &context, Listing &listing, std::string_view argument, std::string_view typed)>;

/** Says whether a client may see a tool, resource or prompt; see shttp_is_visible. */
using VisibleHandler = std::function<bool(const Context &context, shttp_kind kind, std::string_view name)>;

namespace detail {

/** Lets commands and handlers in until it is closed, and then waits until they are out. */
class Gate {
 public:
  bool enter() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_closed_) return false;
    inside_.push_back(std::this_thread::get_id());
    return true;
  }

  void leave() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    inside_.erase(std::find(inside_.begin(), inside_.end(), std::this_thread::get_id()));
    if (is_closed_) changed_.notify_all();
  }

  /** Whoever is inside on this thread has called it, and is not waited for. */
  void close() {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto self = std::this_thread::get_id();
    is_closed_ = true;
    changed_.wait(lock,
                  [&] { return std::all_of(inside_.begin(), inside_.end(), [&](auto id) { return id == self; }); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread::id> inside_;
  bool is_closed_ = false;
};

/** Inside a gate, if it was open, as long as it lives. */
class Entry {
 public:
  explicit Entry(Gate &gate) : gate_(gate.enter() ? &gate : nullptr) {}
  ~Entry() {
    if (gate_ != nullptr) gate_->leave();
  }
  Entry(const Entry &) = delete;
  Entry &operator=(const Entry &) = delete;
  explicit operator bool() const noexcept { return gate_ != nullptr; }

 private:
  Gate *gate_;
};

using AnswerHandler = std::function<void(Request &, const Answer &)>;

struct Question;

/** What the handles of a server share. The library has a share of it until the server has ended. */
struct State {
  shttp_server *server = nullptr;
  Gate gate;
  EventHandler on_event;
  LogHandler on_log;
  std::mutex mutex; /* of what follows */
  std::unordered_map<void *, std::unique_ptr<Question>> questions;
  std::vector<std::unique_ptr<std::pair<State *, VisibleHandler>>> filters;

  void report(const char *what) noexcept;
  std::unique_ptr<Question> take_question(void *key);
  void end() noexcept;
};

using Shared = std::shared_ptr<State>;

/** What a tool, a resource or a prompt calls. The library owns it. */
struct Handlers {
  Shared state;
  std::vector<std::string> names; /* of the values */
  std::function<void(Call &)> call;
  CancelHandler cancelled;
  ListHandler list;
  CompleteHandler complete;
};

template <class Handler>
auto share(Handler &&handler) {
  return std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
}

/** NULL for what the definition leaves out. */
inline const char *given(const std::optional<std::string> &field) noexcept { return field ? field->c_str() : nullptr; }

}  // namespace detail

/* ---- The server, as seen by anybody ---------------------------------------- */

class Tool;
class Resource;
class Prompt;

/** Options of a catalog; see shttp_catalog_options. */
struct CatalogOptions {
  std::uint32_t page_max = 0;
  std::uint32_t entries_max = 0;
  std::uint32_t ttl_ms = 0;
  bool is_public = false;
  VisibleHandler is_visible;
};

/** A server that somebody else owns, or owned. [any thread] */
class ServerHandle {
 public:
  /** Of no server. */
  ServerHandle() = default;

  explicit ServerHandle(detail::Shared state) noexcept : state_(std::move(state)) {}

  /** Adds a tool, a resource or a prompt, or replaces the one of its name, and tells clients. */
  void add(const Tool &tool) const;
  void add(const Resource &resource) const;
  void add(const Prompt &prompt) const;

  /** Removes it, and tells clients. False if there was none. */
  bool remove_tool(const std::string &name) const {
    return is_removed(command([&](shttp_server *server) { return shttp_tool_remove(server, name.c_str()); }));
  }
  bool remove_resource(const std::string &uri) const {
    return is_removed(command([&](shttp_server *server) { return shttp_resource_remove(server, uri.c_str()); }));
  }
  bool remove_prompt(const std::string &name) const {
    return is_removed(command([&](shttp_server *server) { return shttp_prompt_remove(server, name.c_str()); }));
  }

  /** See shttp_catalog_set(). */
  void set_catalog(const CatalogOptions &options) const;

  /** Tells those who have subscribed to a resource that it has changed. */
  void resource_changed(const std::string &uri) const {
    check(command([&](shttp_server *server) { return shttp_resource_changed(server, uri.c_str()); }));
  }

  /** Tells clients that what a ListHandler lists has changed. */
  void resource_list_changed() const {
    check(command([](shttp_server *server) { return shttp_resource_list_changed(server); }));
  }

  /** The port it listens on; 0 if it does not. */
  std::uint16_t port() const noexcept {
    std::uint16_t port = 0;
    (void)command([&](shttp_server *server) {
      port = shttp_server_port(server);
      return SHTTP_OK;
    });
    return port;
  }

  /** Its counters. */
  shttp_stats stats() const {
    shttp_stats stats{};
    check(command([&](shttp_server *server) { return shttp_server_stats(server, &stats); }));
    return stats;
  }

  /** Shuts it down gracefully, or at once. False if it was already closing. */
  bool drain(std::uint32_t deadline_ms) const {
    return command([&](shttp_server *server) { return shttp_server_drain(server, deadline_ms); }) == SHTTP_OK;
  }
  bool close() const {
    return command([](shttp_server *server) { return shttp_server_close(server); }) == SHTTP_OK;
  }

  /** A request that an event has. */
  Request request(shttp_request request) const noexcept;

  /** For functions of C; NULL for no server. The caller has to know that the server has not ended. */
  shttp_server *get() const noexcept { return state_ ? state_->server : nullptr; }

  /** Runs `function` with get() while the server cannot end, and returns its status. */
  template <class Function>
  shttp_status command(Function &&function) const {
    if (!state_) return SHTTP_ERR_CLOSED;
    const detail::Entry entry(state_->gate);
    return entry ? function(state_->server) : SHTTP_ERR_CLOSED;
  }

 protected:
  detail::Shared state_;

 private:
  static bool is_removed(shttp_status status) {
    if (status == SHTTP_ERR_NOT_FOUND) return false;
    check(status);
    return true;
  }

  friend class Request;

  template <class Form, class Function>
  void add(Form form, std::unique_ptr<detail::Handlers> handlers, Function function, const std::string &what) const;
};

/* ---- Requests ------------------------------------------------------------ */

/** A request to answer, now or later. [any thread] */
class Request {
 public:
  /** Of no server; every function returns false. */
  Request() = default;

  Request(ServerHandle server, shttp_request request) noexcept : server_(std::move(server)), request_(request) {}

  const ServerHandle &server() const noexcept { return server_; }
  shttp_request get() const noexcept { return request_; }
  friend bool operator==(const Request &a, const Request &b) noexcept { return a.request_.key == b.request_.key; }
  friend bool operator!=(const Request &a, const Request &b) noexcept { return !(a == b); }

  /** Answers with one text, with items in order, or with structured content. */
  bool reply(std::string_view text) const {
    shttp_content item{};
    item.data = bytes(text);
    return is_sent([&](auto server, auto request) { return shttp_reply_content(server, request, &item, 1); });
  }

  bool reply(const Content &content) const { return reply(&content, 1); }
  bool reply(const std::vector<Content> &items) const { return reply(items.data(), items.size()); }

  bool reply(const Structured &content) const {
    return is_sent(
        [&](auto server, auto request) { return shttp_reply_structured(server, request, bytes(content.json)); });
  }

  /** See shttp_reply_error_text(). */
  bool error(const std::string &text) const {
    return is_sent([&](auto server, auto request) { return shttp_reply_error_text(server, request, text.c_str()); });
  }

  /** See shttp_reply_not_found(). */
  bool not_found() const {
    return is_sent([](auto server, auto request) { return shttp_reply_not_found(server, request); });
  }

  /** Answers with a JSON-RPC error. */
  bool fail(std::int32_t code, std::string_view message, std::string_view data = {}) const {
    return is_sent([&](auto server, auto request) {
      return shttp_request_fail(server, request, code, bytes(message), bytes(data));
    });
  }

  /** Answers with a result of your own, a JSON object. */
  bool respond(std::string_view result) const {
    return is_sent([&](auto server, auto request) { return shttp_request_respond(server, request, bytes(result)); });
  }

  /** Sends the progress of the request; see shttp_request_progress(). */
  bool progress(double done, double total = 0, std::string_view message = {}) const {
    return is_told([&](auto server, auto request) {
      return shttp_request_progress(server, request, done, total, bytes(message));
    });
  }

  /** Sends a log message about the request; see shttp_log_text(). */
  bool log(const std::string &level, const std::string &text, const std::string &logger = {}) const {
    return is_told([&](auto server, auto request) {
      return shttp_log_text(server, request, level.c_str(), logger.empty() ? nullptr : logger.c_str(), text.c_str());
    });
  }

  /**
   * Asks the client, while it waits. The handler gets this request and the
   * Answer, once, unless the server ends before; it may answer in all the ways
   * that other handlers have. Throws Error if the client cannot be asked.
   */
  template <class Handler>
  void elicit(const std::string &message, const std::string &schema, Handler &&handler) const {
    ask(std::forward<Handler>(handler), [&](auto server, auto on_answer, auto user) {
      return shttp_ask_elicit(server, request_, message.c_str(), schema.c_str(), on_answer, user);
    });
  }

  /** The same of its model; see shttp_ask_sample(). */
  template <class Handler>
  void sample(const std::string &prompt, std::uint32_t max_tokens, Handler &&handler) const {
    ask(std::forward<Handler>(handler), [&](auto server, auto on_answer, auto user) {
      return shttp_ask_sample(server, request_, prompt.c_str(), max_tokens, on_answer, user);
    });
  }

  /** The same of its roots; see shttp_ask_roots(). */
  template <class Handler>
  void roots(Handler &&handler) const {
    ask(std::forward<Handler>(handler),
        [&](auto server, auto on_answer, auto user) { return shttp_ask_roots(server, request_, on_answer, user); });
  }

  /** Any other call; see shttp_request_call(). `params` is a JSON object, or empty. */
  template <class Handler>
  void call(std::string_view method, std::string_view params, Handler &&handler) const {
    ask(std::forward<Handler>(handler), [&](auto server, auto, auto user) {
      return shttp_request_call(server, request_, bytes(method), bytes(params), user, nullptr);
    });
  }

  /** Closes the connection and keeps the stream; see shttp_request_hang_up(). */
  bool hang_up(std::uint32_t retry_ms) const {
    return is_told([&](auto server, auto request) { return shttp_request_hang_up(server, request, retry_ms); });
  }

 private:
  template <class Command>
  shttp_status command(Command &&function) const {
    const auto status = server_.command([&](shttp_server *server) { return function(server, request_); });
    const bool is_mistake = status < SHTTP_OK && status > SHTTP_ERR_DISCONNECTED && status != SHTTP_ERR_NOT_FOUND;
    if (is_mistake) throw Error(status);
    return status;
  }

  template <class Command>
  bool is_told(Command &&function) const {
    return command(std::forward<Command>(function)) == SHTTP_OK;
  }

  /** The same for answers. At a limit the request is still open: somebody has to know that. */
  template <class Command>
  bool is_sent(Command &&function) const {
    const auto status = command(std::forward<Command>(function));
    if (status == SHTTP_ERR_LIMIT) throw Error(status);
    return status == SHTTP_OK;
  }

  bool reply(const Content *items, std::size_t count) const {
    std::vector<shttp_content> list(count);
    std::transform(items, items + count, list.begin(), [](const Content &item) { return item.get(); });
    return is_sent(
        [&](auto server, auto request) { return shttp_reply_content(server, request, list.data(), list.size()); });
  }

  template <class Handler, class Ask>
  void ask(Handler &&handler, Ask &&function) const;

  ServerHandle server_;
  shttp_request request_{};
};

/** The client's answer to a question. */
class Answer {
 public:
  explicit Answer(const shttp_event &event) noexcept : event_(&event) {}

  /** SHTTP_OK if there is one; see SHTTP_EVENT_RESPONSE. */
  shttp_status status() const noexcept { return event_->status; }

  /** Whether it is a result. Otherwise it is an error of the client, or there is none. */
  explicit operator bool() const { return status() == SHTTP_OK && find("/result"); }

  /** The whole JSON-RPC response. */
  std::string_view message() const noexcept { return view(event_->message); }

  /** Finds a value in it, such as /result/content/name. */
  std::optional<std::string_view> find(const std::string &pointer) const { return json_find(message(), pointer); }

  /** Finds a string in it, and decodes it. */
  std::optional<std::string> text(const std::string &pointer) const { return json_text(message(), pointer); }

  /** Why there is no result, in words. */
  std::string error() const { return text("/error/message").value_or(shttp_status_text(status())); }

 private:
  const shttp_event *event_;
};

/* ---- Calls --------------------------------------------------------------- */

/** One argument, decoded. */
class Value {
 public:
  explicit Value(const shttp_value &value) noexcept : value_(&value) {}

  /** Whether the client gave it; otherwise the rest is the fallback, or nothing. */
  bool given() const noexcept { return value_->given != 0; }

  /** Of a string, without quotes and escapes; empty for any other type. */
  std::string_view text() const noexcept {
    return value_->text != nullptr ? std::string_view(value_->text, value_->text_len) : std::string_view();
  }

  std::int64_t integer() const noexcept { return value_->integer; }
  double number() const noexcept { return value_->number; }
  bool boolean() const noexcept { return value_->boolean != 0; }

  /** As it was written. */
  std::string_view json() const noexcept { return view(value_->json); }

  /** The value as a std::string_view, a number or a bool, if the client gave it. */
  template <class Type>
  std::optional<Type> get() const noexcept {
    if (!given()) return std::nullopt;
    if constexpr (std::is_same_v<Type, bool>) return boolean();
    else if constexpr (std::is_integral_v<Type>) return static_cast<Type>(integer());
    else if constexpr (std::is_floating_point_v<Type>) return static_cast<Type>(number());
    else return Type(text());
  }

 private:
  const shttp_value *value_;
};

/** Who asks, and for what. */
class Context {
 public:
  explicit Context(const shttp_context &context) noexcept : context_(&context) {}

  /** The name of the tool or prompt, or the URI that is read. */
  std::string_view name() const noexcept { return view(context_->name); }
  /** The arguments as they were sent: a JSON object, or empty. */
  std::string_view arguments() const noexcept { return view(context_->arguments); }
  /** All params of the request. */
  std::string_view params() const noexcept { return view(context_->params); }
  /** The protocol revision, such as 2025-11-25. */
  std::string_view revision() const noexcept { return view(context_->revision); }
  /** Empty without authorization. */
  std::string_view principal() const noexcept { return view(context_->principal); }
  /** Key 0 without a session. */
  shttp_session session() const noexcept { return context_->session; }

  /** Finds a header of the HTTP request. */
  std::optional<std::string_view> header(const std::string &name) const {
    shttp_bytes found{};
    if (context_->event == nullptr) return std::nullopt;
    if (shttp_headers_find(context_->event->headers, name.c_str(), &found) != SHTTP_OK) return std::nullopt;
    return view(found);
  }

  const shttp_context &get() const noexcept { return *context_; }

 private:
  const shttp_context *context_;
};

/** A call of a tool, the reading of a resource, or a prompt that is wanted. Copy it to a Request to answer later. */
class Call : public Request, public Context {
 public:
  Call(ServerHandle server, const shttp_context &context, const shttp_value *values, const detail::Handlers &handlers)
      : Request(std::move(server), context.request), Context(context), values_(values), handlers_(handlers) {}
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  /** An argument, by its name. Throws std::out_of_range if there is no such parameter. */
  Value operator[](std::string_view name) const {
    const auto &names = handlers_.names;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::out_of_range("There is no parameter " + std::string(name));
    return Value(values_[found - names.begin()]);
  }

  /** The same by its place. */
  Value operator[](std::size_t place) const {
    if (place >= handlers_.names.size()) throw std::out_of_range("There is no such parameter");
    return Value(values_[place]);
  }
  Value operator[](int place) const { return (*this)[static_cast<std::size_t>(place)]; }

  using Context::get;

 private:
  const shttp_value *values_;
  const detail::Handlers &handlers_;
};

/** What a list or a completion is collected in. */
class Listing {
 public:
  explicit Listing(shttp_listing *listing) noexcept : listing_(listing) {}

  /** False if nothing more is wanted; see shttp_listing_add(). */
  bool add(const std::string &value) { return shttp_listing_add(listing_, value.c_str()) != 0; }

 private:
  shttp_listing *listing_;
};

/* ---- Tools, resources and prompts ---------------------------------------- */

/** A parameter of a tool, or an argument of a prompt; see shttp_param. */
class Param {
 public:
  static Param string(std::string name, std::string description = {}) {
    return Param(SHTTP_PARAM_STRING, std::move(name), std::move(description));
  }
  static Param integer(std::string name, std::string description = {}) {
    return Param(SHTTP_PARAM_INTEGER, std::move(name), std::move(description));
  }
  static Param number(std::string name, std::string description = {}) {
    return Param(SHTTP_PARAM_NUMBER, std::move(name), std::move(description));
  }
  static Param boolean(std::string name, std::string description = {}) {
    return Param(SHTTP_PARAM_BOOLEAN, std::move(name), std::move(description));
  }
  /** Any JSON value, or what schema() says. */
  static Param json(std::string name, std::string description = {}) {
    return Param(SHTTP_PARAM_JSON, std::move(name), std::move(description));
  }

  /** A call without it is refused. */
  Param &required() {
    required_ = true;
    return *this;
  }

  /** The least value or, of a string, its least number of characters. */
  Param &at_least(double min) {
    min_ = min;
    return *this;
  }
  /** The largest, likewise. */
  Param &at_most(double max) {
    max_ = max;
    return *this;
  }
  /** Not 0 and 0, which is no bound: use schema() for that. */
  Param &between(double min, double max) { return at_least(min).at_most(max); }

  /** The only values that are allowed. None may contain a "|". */
  Param &choices(const std::vector<std::string> &values) {
    choices_.emplace();
    for (const auto &value : values) *choices_ += (&value == values.data() ? "" : "|") + value;
    return *this;
  }

  /** The value if there is none in the call: the text of a string, JSON of any other type. */
  Param &fallback(std::string value) {
    fallback_ = std::move(value);
    return *this;
  }
  /** Clients of 2026-07-28 repeat the argument in the header Mcp-Param- with this name. */
  Param &header(std::string name) {
    header_ = std::move(name);
    return *this;
  }
  /** A JSON Schema, an object, instead of what all but required() says. */
  Param &schema(std::string json) {
    schema_ = std::move(json);
    return *this;
  }

  const std::string &name() const noexcept { return name_; }

  /** As C has it. It points to this object. */
  shttp_param get() const noexcept {
    shttp_param param{};
    param.name = name_.c_str();
    param.description = description_.empty() ? nullptr : description_.c_str();
    param.type = type_;
    param.required = required_;
    if (min_ != -unbounded || max_ != unbounded) {
      param.min = min_;
      param.max = max_;
    }
    param.choices = detail::given(choices_);
    param.fallback = detail::given(fallback_);
    param.header = detail::given(header_);
    param.schema = detail::given(schema_);
    return param;
  }

 private:
  Param(shttp_param_type type, std::string name, std::string description)
      : type_(type), name_(std::move(name)), description_(std::move(description)) {}

  static constexpr double unbounded = std::numeric_limits<double>::infinity();

  shttp_param_type type_;
  std::string name_, description_;
  bool required_ = false;
  double min_ = -unbounded, max_ = unbounded;
  std::optional<std::string> choices_, fallback_, header_, schema_;
};

namespace detail {

/** Answers a request as the exception says that is being handled. */
inline void answer_exception(const Request &request) {
  try {
    throw;
  } catch (const Refusal &refusal) {
    request.fail(refusal.code(), refusal.what(), refusal.data());
  } catch (const NotFound &) {
    request.not_found();
  } catch (const std::exception &exception) {
    request.error(exception.what());
  } catch (...) {
    request.error("The handler has failed");
  }
}

/** Runs a handler that has to answer, and answers with what it returns or throws. Nothing is thrown. */
template <class Handler, class... Arguments>
void answer(const Request &request, Handler &handler, Arguments &&...arguments) noexcept {
  try {
    try {
      using Result = std::invoke_result_t<Handler &, Arguments...>;
      if constexpr (std::is_void_v<Result> || std::is_same_v<Result, bool>)
        handler(std::forward<Arguments>(arguments)...);
      else if constexpr (std::is_convertible_v<Result, std::string_view>)
        request.reply(std::string_view(handler(std::forward<Arguments>(arguments)...)));
      else request.reply(handler(std::forward<Arguments>(arguments)...));
    } catch (...) {
      answer_exception(request);
    }
  } catch (const std::exception &exception) {
    /* What was to be said cannot be said, for example because it is not UTF-8. */
    try {
      request.fail(-32603, exception.what());
    } catch (...) {
    }
  }
}

/** Makes a handler of the one kind that is stored from any callable. */
template <class Handler>
std::function<void(Call &)> call_handler(Handler &&handler) {
  return [shared = share(std::forward<Handler>(handler))](Call &call) { answer(call, *shared, call); };
}

/** Any callable as a std::function, also one that can only be moved. */
template <class Function, class Handler>
Function function(Handler &&handler) {
  return [shared = share(std::forward<Handler>(handler))](auto &&...arguments) {
    return (*shared)(std::forward<decltype(arguments)>(arguments)...);
  };
}

/** The parameters as C has them, with the end of the table. */
inline std::vector<shttp_param> table(const std::vector<Param> &params) {
  std::vector<shttp_param> rows(params.size() + 1);
  std::transform(params.begin(), params.end(), rows.begin(), [](const Param &param) { return param.get(); });
  return rows;
}

inline std::vector<std::string> names(const std::vector<Param> &params) {
  std::vector<std::string> all(params.size());
  std::transform(params.begin(), params.end(), all.begin(), [](const Param &param) { return param.name(); });
  return all;
}

/** The names of the members of a JSON object, in order. */
inline std::vector<std::string> members(std::string_view object) {
  std::vector<std::string> all;
  int depth = 0;
  for (std::size_t at = 0; at < object.size(); at++) {
    if (object[at] == '{' || object[at] == '[') depth++;
    if (object[at] == '}' || object[at] == ']') depth--;
    if (object[at] != '"') continue;
    const std::size_t begin = at++;
    while (at < object.size() && object[at] != '"') at += object[at] == '\\' ? 2 : 1;
    const auto next = object.find_first_not_of(" \t\r\n", at + 1);
    if (depth == 1 && next != object.npos && object[next] == ':')
      all.push_back(json_unescape(object.substr(begin, at + 1 - begin)).value_or(""));
  }
  return all;
}

/** The variables of a URI template, in order. */
inline std::vector<std::string> variables(const std::string &uri) {
  std::vector<std::string> all;
  for (auto begin = uri.find('{'); begin != std::string::npos; begin = uri.find('{', begin + 1)) {
    const auto end = uri.find('}', begin);
    if (end == std::string::npos) break;
    all.push_back(uri.substr(begin + 1, end - begin - 1));
  }
  return all;
}

}  // namespace detail

/** A tool; see shttp_tool. It may be copied, and added to several servers. */
class Tool {
 public:
  explicit Tool(std::string name, std::optional<std::string> description = {})
      : name_(std::move(name)), description_(std::move(description)) {}

  Tool &title(std::string text) { return set(title_, std::move(text)); }
  /** One more parameter. */
  Tool &param(Param param) {
    params_.push_back(std::move(param));
    return *this;
  }
  /** A JSON Schema of type object, instead of parameters. */
  Tool &input_schema(std::string json) { return set(input_schema_, std::move(json)); }
  /** A JSON Schema of type object, which Structured is checked against. */
  Tool &output_schema(std::string json) { return set(output_schema_, std::move(json)); }
  /** A JSON object. */
  Tool &annotations(std::string json) { return set(annotations_, std::move(json)); }

  /** Called with a Call &. Without it the EventHandler gets SHTTP_EVENT_TOOL_CALL. */
  template <class Handler>
  Tool &on_call(Handler &&handler) {
    call_ = detail::call_handler(std::forward<Handler>(handler));
    return *this;
  }
  /** Called with a const Request & if a call is cancelled before it is answered. */
  template <class Handler>
  Tool &on_cancel(Handler &&handler) {
    cancelled_ = detail::function<CancelHandler>(std::forward<Handler>(handler));
    return *this;
  }

 private:
  friend class ServerHandle;

  Tool &set(std::optional<std::string> &field, std::string value) {
    field = std::move(value);
    return *this;
  }

  std::string name_;
  std::optional<std::string> description_, title_, input_schema_, output_schema_, annotations_;
  std::vector<Param> params_;
  std::function<void(Call &)> call_;
  CancelHandler cancelled_;
};

/** A resource, or all that a URI template stands for; see shttp_resource. */
class Resource {
 public:
  /** A URI, or a template such as kv://{key}. */
  explicit Resource(std::string uri, std::optional<std::string> name = {})
      : uri_(std::move(uri)), name_(std::move(name)) {}

  Resource &title(std::string text) { return set(title_, std::move(text)); }
  Resource &description(std::string text) { return set(description_, std::move(text)); }
  Resource &mime_type(std::string type) { return set(mime_type_, std::move(type)); }
  /** A JSON object. */
  Resource &annotations(std::string json) { return set(annotations_, std::move(json)); }
  /** What is read, if it is always the same. */
  Resource &text(std::string text) { return set(text_, std::move(text)); }

  /** Called with a Call &, whose values are the variables of the template. */
  template <class Handler>
  Resource &on_read(Handler &&handler) {
    read_ = detail::call_handler(std::forward<Handler>(handler));
    return *this;
  }
  /** Called as a ListHandler. Without it the resources of a template are not listed. */
  template <class Handler>
  Resource &on_list(Handler &&handler) {
    list_ = detail::function<ListHandler>(std::forward<Handler>(handler));
    return *this;
  }
  /** Called as a CompleteHandler. */
  template <class Handler>
  Resource &on_complete(Handler &&handler) {
    complete_ = detail::function<CompleteHandler>(std::forward<Handler>(handler));
    return *this;
  }

 private:
  friend class ServerHandle;

  Resource &set(std::optional<std::string> &field, std::string value) {
    field = std::move(value);
    return *this;
  }

  std::string uri_;
  std::optional<std::string> name_, title_, description_, mime_type_, annotations_, text_;
  std::function<void(Call &)> read_;
  ListHandler list_;
  CompleteHandler complete_;
};

/** A prompt; see shttp_prompt. */
class Prompt {
 public:
  explicit Prompt(std::string name, std::optional<std::string> description = {})
      : name_(std::move(name)), description_(std::move(description)) {}

  Prompt &title(std::string text) {
    title_ = std::move(text);
    return *this;
  }
  /** One more argument, a string. */
  Prompt &param(Param param) {
    params_.push_back(std::move(param));
    return *this;
  }

  /** Called with a Call &. Without it the EventHandler gets SHTTP_EVENT_REQUEST. */
  template <class Handler>
  Prompt &on_get(Handler &&handler) {
    get_ = detail::call_handler(std::forward<Handler>(handler));
    return *this;
  }
  /** Called as a CompleteHandler. */
  template <class Handler>
  Prompt &on_complete(Handler &&handler) {
    complete_ = detail::function<CompleteHandler>(std::forward<Handler>(handler));
    return *this;
  }

 private:
  friend class ServerHandle;

  std::string name_;
  std::optional<std::string> description_, title_;
  std::vector<Param> params_;
  std::function<void(Call &)> get_;
  CompleteHandler complete_;
};

/* ---- The callbacks of C -------------------------------------------------- */

namespace detail {

/** A question to a client, and who wants to know the answer. */
struct Question {
  Shared state;
  Request request;
  AnswerHandler handler;
};

inline void State::report(const char *what) noexcept {
  try {
    if (!on_log) return;
    const std::string text = std::string("A handler has thrown: ") + what;
    shttp_log_line line{};
    line.level = SHTTP_LOG_ERROR;
    line.text = bytes(text);
    on_log(line);
  } catch (...) {
  }
}

inline std::unique_ptr<Question> State::take_question(void *key) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = questions.find(key);
  if (found == questions.end()) return nullptr;
  auto question = std::move(found->second);
  questions.erase(found);
  return question;
}

/** No callback follows. Handlers are destroyed outside the lock: their destructors may do anything. */
inline void State::end() noexcept {
  gate.close();
  std::unordered_map<void *, std::unique_ptr<Question>> unanswered;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    unanswered.swap(questions);
  }
  EventHandler().swap(on_event);
  LogHandler().swap(on_log);
  filters.clear();
}

/** Runs `function` unless the server is being destroyed. What it throws goes to the log. */
template <class Function>
void guarded(State &state, Function &&function) noexcept {
  try {
    const Entry entry(state.gate);
    if (!entry) return;
    try {
      function();
    } catch (const std::exception &exception) {
      state.report(exception.what());
    } catch (...) {
      state.report("something that is no exception");
    }
  } catch (...) { /* There is no memory to enter the gate with. */
  }
}

/** Whether it was the answer to a question of ours. */
inline bool answered(const shttp_event &event, void *user, State &state) {
  const auto question = state.take_question(user);
  if (question) question->handler(question->request, Answer(event));
  return question != nullptr;
}

inline void on_answer(shttp_server *, const shttp_event *event, void *user) noexcept {
  const auto state = static_cast<Question *>(user)->state;
  guarded(*state, [&] { answered(*event, user, *state); });
}

inline void on_event(shttp_server *server, const shttp_event *event, void *user) noexcept {
  const auto state = *static_cast<Shared *>(user);
  guarded(*state, [&] {
    if (event->kind == SHTTP_EVENT_RESPONSE && answered(*event, event->call_data, *state)) return;
    if (!state->on_event) return shttp_on_event_decline(server, event, nullptr);
    const ServerHandle handle(state);
    if (event->kind != SHTTP_EVENT_REQUEST && event->kind != SHTTP_EVENT_TOOL_CALL)
      return state->on_event(handle, *event);
    const auto handler = [&] { state->on_event(handle, *event); };
    answer(handle.request(event->request), handler);
  });
}

inline void on_log(const shttp_log_line *line, void *user) noexcept {
  const auto state = *static_cast<Shared *>(user);
  try {
    const Entry entry(state->gate);
    if (entry && state->on_log) state->on_log(*line);
  } catch (...) { /* Where would it be reported? */
  }
}

inline void on_end(void *user) noexcept {
  const std::unique_ptr<Shared> state(static_cast<Shared *>(user));
  (*state)->end();
}

inline void on_call(const shttp_context *context, const shttp_value *values, void *user) noexcept {
  const auto &handlers = *static_cast<Handlers *>(user);
  guarded(*handlers.state, [&] {
    Call call(ServerHandle(handlers.state), *context, values, handlers);
    handlers.call(call);
  });
}

inline void on_cancel(shttp_server *, shttp_request request, void *user) noexcept {
  const auto &handlers = *static_cast<Handlers *>(user);
  guarded(*handlers.state, [&] { handlers.cancelled(Request(ServerHandle(handlers.state), request)); });
}

/** A list or a completion that fails is answered with an error, if nothing else can be said. */
template <class Function>
void collected(const Handlers &handlers, const shttp_context &context, Function &&function) noexcept {
  guarded(*handlers.state, [&] {
    const auto handler = [&] { function(Context(context)); };
    answer(Request(ServerHandle(handlers.state), context.request), handler);
  });
}

inline void on_list(const shttp_context *context, shttp_listing *listing, const char *after, void *user) noexcept {
  const auto &handlers = *static_cast<Handlers *>(user);
  collected(handlers, *context, [&](const Context &asking) {
    Listing collecting(listing);
    handlers.list(asking, collecting,
                  after != nullptr ? std::optional<std::string_view>(after) : std::optional<std::string_view>());
  });
}

inline void on_complete(const shttp_context *context, shttp_listing *listing, const char *argument, const char *typed,
                        void *user) noexcept {
  const auto &handlers = *static_cast<Handlers *>(user);
  collected(handlers, *context, [&](const Context &asking) {
    Listing collecting(listing);
    handlers.complete(asking, collecting, argument, typed);
  });
}

inline int is_visible(const shttp_context *context, shttp_kind kind, const char *name, void *user) noexcept {
  const auto &filter = *static_cast<std::pair<State *, VisibleHandler> *>(user);
  bool visible = false;
  guarded(*filter.first, [&] { visible = filter.second(Context(*context), kind, name); });
  return visible;
}

inline void free_handlers(void *user) noexcept { delete static_cast<Handlers *>(user); }

}  // namespace detail

/* ---- What needs the callbacks -------------------------------------------- */

inline Request ServerHandle::request(shttp_request request) const noexcept { return Request(*this, request); }

template <class Form, class Function>
void ServerHandle::add(Form form, std::unique_ptr<detail::Handlers> handlers, Function function,
                       const std::string &what) const {
  form.struct_size = sizeof form;
  form.user = handlers.get();
  form.user_free = detail::free_handlers;
  handlers->state = state_;
  const auto status = command([&](shttp_server *server) { return function(server, &form); });
  check(status, "The " + what + " cannot be added: " + shttp_status_text(status));
  (void)handlers.release(); /* They are the library's now. */
}

inline void ServerHandle::add(const Tool &tool) const {
  const auto rows = detail::table(tool.params_);
  auto handlers = std::make_unique<detail::Handlers>();
  shttp_tool form{};
  form.name = tool.name_.c_str();
  form.title = detail::given(tool.title_);
  form.description = detail::given(tool.description_);
  form.params = tool.params_.empty() ? nullptr : rows.data();
  form.input_schema = detail::given(tool.input_schema_);
  form.output_schema = detail::given(tool.output_schema_);
  form.annotations = detail::given(tool.annotations_);
  form.call = tool.call_ ? detail::on_call : nullptr;
  form.cancelled = tool.cancelled_ ? detail::on_cancel : nullptr;
  handlers->names = tool.input_schema_ ? detail::members(json_find(*tool.input_schema_, "/properties").value_or(""))
                                       : detail::names(tool.params_);
  handlers->call = tool.call_;
  handlers->cancelled = tool.cancelled_;
  add(form, std::move(handlers), shttp_tool_add, "tool " + tool.name_);
}

inline void ServerHandle::add(const Resource &resource) const {
  auto handlers = std::make_unique<detail::Handlers>();
  shttp_resource form{};
  form.uri = resource.uri_.c_str();
  form.name = detail::given(resource.name_);
  form.title = detail::given(resource.title_);
  form.description = detail::given(resource.description_);
  form.mime_type = detail::given(resource.mime_type_);
  form.annotations = detail::given(resource.annotations_);
  form.text = detail::given(resource.text_);
  form.read = resource.read_ ? detail::on_call : nullptr;
  form.list = resource.list_ ? detail::on_list : nullptr;
  form.complete = resource.complete_ ? detail::on_complete : nullptr;
  handlers->names = detail::variables(resource.uri_);
  handlers->call = resource.read_;
  handlers->list = resource.list_;
  handlers->complete = resource.complete_;
  add(form, std::move(handlers), shttp_resource_add, "resource " + resource.uri_);
}

inline void ServerHandle::add(const Prompt &prompt) const {
  const auto rows = detail::table(prompt.params_);
  auto handlers = std::make_unique<detail::Handlers>();
  shttp_prompt form{};
  form.name = prompt.name_.c_str();
  form.title = detail::given(prompt.title_);
  form.description = detail::given(prompt.description_);
  form.params = prompt.params_.empty() ? nullptr : rows.data();
  form.get = prompt.get_ ? detail::on_call : nullptr;
  form.complete = prompt.complete_ ? detail::on_complete : nullptr;
  handlers->names = detail::names(prompt.params_);
  handlers->call = prompt.get_;
  handlers->complete = prompt.complete_;
  add(form, std::move(handlers), shttp_prompt_add, "prompt " + prompt.name_);
}

inline void ServerHandle::set_catalog(const CatalogOptions &options) const {
  shttp_catalog_options form{};
  form.struct_size = sizeof form;
  form.page_max = options.page_max;
  form.entries_max = options.entries_max;
  form.ttl_ms = options.ttl_ms;
  form.is_public = options.is_public;
  check(command([&](shttp_server *server) {
    if (options.is_visible) {
      /* Kept until the server ends: a command of another thread takes effect later. */
      const std::lock_guard<std::mutex> lock(state_->mutex);
      using Filter = std::pair<detail::State *, VisibleHandler>;
      state_->filters.push_back(std::make_unique<Filter>(state_.get(), options.is_visible));
      form.is_visible = detail::is_visible;
      form.user = state_->filters.back().get();
    }
    return shttp_catalog_set(server, &form);
  }));
}

template <class Handler, class Ask>
void Request::ask(Handler &&handler, Ask &&function) const {
  auto question = std::make_unique<detail::Question>();
  question->request = *this;
  question->handler = [shared = detail::share(std::forward<Handler>(handler))](Request &request, const Answer &answer) {
    detail::answer(request, *shared, request, answer);
  };
  const auto key = question.get();
  check(server_.command([&](shttp_server *server) {
    const detail::Shared state = server_.state_;
    key->state = state;
    {
      const std::lock_guard<std::mutex> lock(state->mutex);
      state->questions.emplace(key, std::move(question));
    }
    const auto status = function(server, detail::on_answer, key);
    if (status != SHTTP_OK) state->take_question(key);
    return status;
  }));
}

/* ---- Loop ---------------------------------------------------------------- */

/** An event loop; see shttp_loop. */
class Loop {
 public:
  Loop() { create(nullptr); }

  /** On a libuv loop of the host, which runs it. */
  explicit Loop(struct uv_loop_s *uv_loop) {
    shttp_loop_options options{};
    shttp_loop_options_init(&options);
    options.uv_loop = uv_loop;
    create(&options);
  }

  Loop(Loop &&) noexcept = default;
  Loop &operator=(Loop &&) noexcept = default;
  Loop(const Loop &) = delete;
  Loop &operator=(const Loop &) = delete;

  /** Runs it on this thread until stop(). */
  void run() { check(shttp_loop_run(get())); }

  /** Runs it on a thread of its own until stop(). Create the servers and listen first. */
  void run_thread() { check(shttp_loop_run_thread(get())); }

  /** [any thread], and signal handlers. */
  void stop() noexcept { (void)shttp_loop_stop(get()); }

  /** Waits until the thread of run_thread() has ended. */
  void join() { check(shttp_loop_join(get())); }

  /* For a poll loop of the host. */
  int descriptor() const noexcept { return shttp_loop_descriptor(get()); }
  int timeout_ms() const noexcept { return shttp_loop_timeout_ms(get()); }
  void step() { check(shttp_loop_step(get())); }

  /** For functions of C. */
  shttp_loop *get() const noexcept { return loop_.get(); }

 private:
  friend class Server;

  void create(const shttp_loop_options *options) {
    shttp_loop *loop = nullptr;
    check(shttp_loop_create(options, &loop));
    loop_ = std::shared_ptr<shttp_loop>(loop, shttp_loop_destroy);
  }

  std::shared_ptr<shttp_loop> loop_;
};

/* ---- Server -------------------------------------------------------------- */

/**
 * Options of a server: set the fields of shttp_server_options, but for
 * callbacks and user_data, which Server sets.
 */
struct Options : shttp_server_options {
  /** With the name and the version of the program: server_info. */
  Options(std::string_view name, std::string_view version)
      : shttp_server_options(),
        info_(std::make_shared<std::string>("{\"name\":" + json_escape(name) + ",\"version\":" + json_escape(version) +
                                            "}")) {
    shttp_server_options_init(static_cast<shttp_server_options *>(this));
    server_info = bytes(*info_);
  }

 private:
  std::shared_ptr<const std::string> info_;
};

/**
 * A server, and the owner of it. It is a ServerHandle, too: a copy of that does
 * not own.
 */
class Server : public ServerHandle {
 public:
  /** It does not listen yet. [loop's thread] */
  Server(const Loop &loop, const Options &options, EventHandler on_event = {}, LogHandler on_log = {})
      : ServerHandle(std::make_shared<detail::State>()), loop_(loop.loop_) {
    state_->on_event = std::move(on_event);
    state_->on_log = std::move(on_log);
    auto shared = std::make_unique<detail::Shared>(state_);
    shttp_server_options form = options;
    form.on_event = detail::on_event;
    form.on_log = state_->on_log ? detail::on_log : nullptr;
    form.user_data = shared.get();
    form.user_data_free = detail::on_end;
    char reason[512] = "";
    const auto status = shttp_server_create(loop.get(), &form, &state_->server, reason, sizeof reason);
    check(status, reason);
    (void)shared.release(); /* It is the library's now. */
  }

  ~Server() { destroy(); }
  Server(Server &&other) noexcept : ServerHandle(std::exchange(other.state_, nullptr)), loop_(std::move(other.loop_)) {}
  Server &operator=(Server &&other) noexcept {
    if (this != &other) {
      destroy();
      state_ = std::exchange(other.state_, nullptr);
      loop_ = std::move(other.loop_);
    }
    return *this;
  }
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  /** See shttp_server_listen(). [loop's thread] */
  void listen(const std::string &address = "127.0.0.1", std::uint16_t port = 0) {
    char reason[512] = "";
    const auto status = command([&](shttp_server *server) {
      return shttp_server_listen(server, address.c_str(), port, reason, sizeof reason);
    });
    check(status, reason);
  }

  /** A handle that may outlive this. */
  ServerHandle handle() const noexcept { return *this; }

 private:
  void destroy() noexcept {
    if (!state_) return;
    state_->gate.close();
    shttp_server_destroy(state_->server);
    state_.reset();
    loop_.reset();
  }

  std::shared_ptr<shttp_loop> loop_;
};

}  // namespace shttp

#endif /* STREAMABLEHTTP_HPP */
