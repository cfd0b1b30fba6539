/*
 * A server with one example of every feature, for MCP test clients: everything_server.py once more, on the catalog.
 *
 *   everything_server [--host ADDRESS] [--port N] [--era both|sessions|modern] [--stateless] [--json-response]
 *
 * Every tool, resource and prompt is a row of a table. Everything runs on one thread, on a loop of libuv that the
 * program owns, and whose timers do what takes time.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamablehttp.h>
#include <string.h>
#include <uv.h>

#define UNUSED __attribute__((unused))
#define ON_CALL(name) static void name(const shttp_context *at, UNUSED const shttp_value *values, UNUSED void *user)
#define JSON(...) #__VA_ARGS__
#define TEXT(literal) \
  { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define COUNT(array) (sizeof(array) / sizeof *(array))

#define DRAIN_MS 2000 /* for open requests, after a signal */
#define STEP_MS 50
#define AWAY_STEPS 4 /* of work while the client is away */
#define RETRY_MS 500
#define PRIMARY_STEPS 40 /* to wait for a primary stream, if a question needs one */
#define STATES_MAX 256
#define STATE_MS 600000

static const char watched[] = "test://watched-resource";

static uv_loop_t uv;
static uv_signal_t signals[2];
static shttp_loop *loop;
static shttp_server *server;

/* A request may end at any moment: that is not an error. Nor is a message that the server's mode cannot send. */
static void expect(shttp_status status) {
  switch (status) {
    case SHTTP_OK:
    case SHTTP_ERR_NOT_FOUND:
    case SHTTP_ERR_DISCONNECTED:
    case SHTTP_ERR_CLOSED:
    case SHTTP_ERR_STATELESS:
    case SHTTP_ERR_JSON_RESPONSE:
    case SHTTP_ERR_NOT_RESUMABLE: break;
    default: fprintf(stderr, "%s: %s\n", shttp_status_name(status), shttp_status_text(status));
  }
}

/* ---- Fixed answers ---------------------------------------------------------- */

static const uint8_t png[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
                              0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00,
                              0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78,
                              0xda, 0x63, 0xfc, 0xcf, 0xc0, 0xf0, 0x1f, 0x00, 0x05, 0x05, 0x02, 0x00, 0x5f, 0xc8,
                              0xf1, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
static const uint8_t wav[] = {0x52, 0x49, 0x46, 0x46, 0x26, 0x00, 0x00, 0x00, 0x57, 0x41, 0x56, 0x45, 0x66, 0x6d, 0x74,
                              0x20, 0x10, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x40, 0x1f, 0x00, 0x00, 0x00, 0x7d,
                              0x00, 0x00, 0x02, 0x00, 0x10, 0x00, 0x64, 0x61, 0x74, 0x61, 0x02, 0x00, 0x00, 0x00};

#define SAYS(literal) \
  { .type = SHTTP_CONTENT_TEXT, .data = TEXT(literal) }
#define IMAGE \
  { .type = SHTTP_CONTENT_IMAGE, .data = {png, sizeof png}, .mime_type = "image/png" }

struct answer {
  size_t count;
  shttp_content items[3];
};

static const struct answer simple = {1, {SAYS("This is a simple text response for testing.")}};
static const struct answer image = {1, {IMAGE}};
static const struct answer audio = {
    1, {{.type = SHTTP_CONTENT_AUDIO, .data = {wav, sizeof wav}, .mime_type = "audio/wav"}}};
static const struct answer embedded = {1,
                                       {{.type = SHTTP_CONTENT_RESOURCE,
                                         .data = TEXT("This is an embedded resource content."),
                                         .uri = "test://embedded-resource",
                                         .mime_type = "text/plain"}}};
static const struct answer mixed = {3,
                                    {SAYS("Multiple content types test:"),
                                     IMAGE,
                                     {.type = SHTTP_CONTENT_RESOURCE,
                                      .data = TEXT("{\"test\":\"data\",\"value\":123}"),
                                      .uri = "test://mixed-content-resource",
                                      .mime_type = "application/json"}}};
static const struct answer taken = {1, {SAYS("The arguments have been taken.")}};
static const struct answer present = {1, {SAYS("It is there.")}};
static const struct answer simple_prompt = {1, {SAYS("This is a simple prompt for testing.")}};
static const struct answer image_prompt = {2, {IMAGE, SAYS("Please analyze the image above.")}};

ON_CALL(fixed) {
  const struct answer *answer = user;
  expect(shttp_reply_content(at->server, at->request, answer->items, answer->count));
}

ON_CALL(failing) {
  expect(shttp_reply_error(at->server, at->request, "This tool intentionally returns an error for testing"));
}

/* ---- Tools that send messages while they work -------------------------------- */

/* Work that takes time: a step at each tick of a timer, while it returns nonzero. */
struct work {
  uv_timer_t timer;
  shttp_request request;
  int (*step)(struct work *);
  int steps; /* that are done */
  void *data;
  struct work *next;
};

static struct work *works;

static void free_timer(uv_handle_t *timer) { free(timer->data); }

static void end_work(struct work *work) {
  struct work **link = &works;
  while (*link != work) link = &(*link)->next;
  *link = work->next;
  free(work->data);
  uv_close((uv_handle_t *)&work->timer, free_timer);
}

static void on_timer(uv_timer_t *timer) {
  struct work *work = timer->data;
  int goes_on = work->step(work);
  work->steps++;
  if (!goes_on) end_work(work);
}

/* `data` is the work's, and freed with it. */
static void start_work(shttp_request request, int (*step)(struct work *), void *data) {
  struct work *work = calloc(1, sizeof *work);
  work->request = request;
  work->step = step;
  work->data = data;
  work->next = works;
  works = work;
  work->timer.data = work;
  uv_timer_init(&uv, &work->timer);
  uv_timer_start(&work->timer, on_timer, 0, STEP_MS);
}

static void on_cancelled(shttp_request request) {
  for (struct work *work = works, *next; work != NULL; work = next) {
    next = work->next;
    if (work->request.key == request.key) end_work(work);
  }
}

static int report_progress(struct work *work) {
  if (work->steps == 3) return expect(shttp_reply_text(server, work->request, "Progress has been reported.")), 0;
  expect(shttp_request_progress(server, work->request, work->steps * 50, 100, shttp_text("")));
  return 1;
}

static int send_logs(struct work *work) {
  static const char *const lines[] = {"Tool execution started", "Tool processing data", "Tool execution completed"};
  if (work->steps == 3) return expect(shttp_reply_text(server, work->request, "Log messages have been sent.")), 0;
  expect(shttp_log(server, work->request, "info", NULL, "%s", lines[work->steps]));
  return 1;
}

/* Hangs up, so that the client reconnects. One that cannot resume stays connected. */
static int come_back(struct work *work) {
  if (work->steps == 0) expect(shttp_request_hang_up(server, work->request, RETRY_MS));
  if (work->steps < AWAY_STEPS) return 1;
  return expect(shttp_reply_text(server, work->request, "The client has come back.")), 0;
}

ON_CALL(with_progress) { start_work(at->request, report_progress, NULL); }
ON_CALL(with_logging) { start_work(at->request, send_logs, NULL); }
ON_CALL(reconnection) { start_work(at->request, come_back, NULL); }

/* ---- Tools that ask the client -------------------------------------------------- */

struct question {
  shttp_request request;
  shttp_session session;
  const char *schema; /* of a form; NULL: it is for the client's model */
  char message[];
};

static void on_answer(UNUSED shttp_server *from, const shttp_event *event, void *user) {
  struct question *question = user;
  const json_t *response = event->status == SHTTP_OK ? shttp_event_document(event) : NULL;
  const json_t *result = json_object_get(response, "result");
  const json_t *failure = json_object_get(json_object_get(response, "error"), "message");
  const json_t *content = json_object_get(result, "content"), *text = json_object_get(content, "text");
  char *dump = json_dumps(content, JSON_COMPACT);
  if (result == NULL)
    expect(shttp_reply_error(server, question->request, "The client did not answer: %s",
                             failure ? json_string_value(failure) : shttp_status_text(event->status)));
  else if (question->schema == NULL)
    expect(shttp_reply_format(server, question->request, "LLM response: %s", text ? json_string_value(text) : dump));
  else
    expect(shttp_reply_format(server, question->request, "User response: action=%s, content=%s",
                              json_string_value(json_object_get(result, "action")), dump ? dump : "{}"));
  free(dump);
  free(question);
}

/* The same question on the primary stream of the session. */
static shttp_status ask_on_primary(struct question *question) {
  const char *method = question->schema ? "elicitation/create" : "sampling/createMessage";
  json_t *params = question->schema ? json_pack("{s:s,s:o}", "message", question->message, "requestedSchema",
                                                json_loads(question->schema, 0, NULL))
                                    : json_pack("{s:[{s:s,s:{s:s,s:s}}],s:i}", "messages", "role", "user", "content",
                                                "type", "text", "text", question->message, "maxTokens", 100);
  char *dump = json_dumps(params, JSON_COMPACT);
  shttp_status status =
      shttp_session_call(server, question->session, shttp_text(method), shttp_text(dump), question, NULL);
  free(dump);
  json_decref(params);
  return status;
}

static int wait_for_primary(struct work *work) {
  struct question *question = work->data;
  void *has_primary = NULL;
  shttp_status status = shttp_session_data(server, question->session, &has_primary);
  if (status == SHTTP_OK && has_primary == NULL) {
    if (work->steps < PRIMARY_STEPS) return 1;
    expect(shttp_reply_error(server, work->request, "The client cannot be asked: it has no primary stream."));
    return 0;
  }
  if (status == SHTTP_OK) status = ask_on_primary(question);
  if (status == SHTTP_OK) work->data = NULL; /* The question is the call's now. */
  else expect(shttp_reply_error(server, work->request, "The client did not answer: %s", shttp_status_text(status)));
  return 0;
}

static void ask(const shttp_context *at, const char *message, const char *schema) {
  struct question *question = malloc(sizeof *question + strlen(message) + 1);
  question->request = at->request;
  question->session = at->session;
  question->schema = schema;
  strcpy(question->message, message);
  shttp_status status = schema ? shttp_ask_elicit(at->server, at->request, message, schema, on_answer, question)
                               : shttp_ask_sample(at->server, at->request, message, 100, on_answer, question);
  if (status == SHTTP_OK) return;
  if (status == SHTTP_ERR_JSON_RESPONSE && at->session.key != 0) {
    start_work(at->request, wait_for_primary, question);
    return;
  }
  expect(shttp_reply_error(at->server, at->request, "The client did not answer: %s", shttp_status_text(status)));
  free(question);
}

/* clang-format off */
static const char person[] = JSON({"type":"object",
  "properties":{"username":{"type":"string"},"email":{"type":"string"}},"required":["username","email"]});
static const char defaults[] = JSON({"type":"object","properties":{
  "name":{"type":"string","default":"John Doe"},
  "age":{"type":"integer","default":30},
  "score":{"type":"number","default":95.5},
  "status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},
  "verified":{"type":"boolean","default":true}},"required":[]});
static const char enums[] = JSON({"type":"object","properties":{
  "untitledSingle":{"type":"string","enum":["red","green","blue"]},
  "titledSingle":{"type":"string","oneOf":[{"const":"red","title":"Red"},{"const":"green","title":"Green"},
    {"const":"blue","title":"Blue"}]},
  "legacyEnum":{"type":"string","enum":["red","green","blue"],"enumNames":["Red","Green","Blue"]},
  "untitledMulti":{"type":"array","items":{"type":"string","enum":["red","green","blue"]}},
  "titledMulti":{"type":"array","items":{"anyOf":[{"const":"red","title":"Red"},{"const":"green","title":"Green"},
    {"const":"blue","title":"Blue"}]}}},"required":[]});
static const char capabilities[] = JSON({"tools":{"listChanged":true},"resources":{"subscribe":true},
  "prompts":{"listChanged":true},"completions":{},"logging":{}});
static const char modern_capabilities[] = JSON({"tools":{"listChanged":true},"resources":{"subscribe":true},
  "prompts":{"listChanged":true},"completions":{}});
static const char go_on[] = JSON({"type":"object","properties":{"go_on":{"type":"boolean"}},"required":["go_on"]});
static const char schema_2020_12[] = JSON({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
  "$defs":{"address":{"$anchor":"addressDef","type":"object",
    "properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
  "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},
    "contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
  "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
  "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},
  "then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false});
/* clang-format on */

ON_CALL(sampling) { ask(at, values[0].text, NULL); }
ON_CALL(elicitation) { ask(at, values[0].text, person); }
ON_CALL(with_defaults) { ask(at, "Please check these values.", defaults); }
ON_CALL(with_enums) { ask(at, "Please choose.", enums); }

/* What a client of 2026-07-28 can be asked for: elicitation, sampling or roots. */
static int can(const shttp_context *at, const char *capability) {
  char pointer[96];
  shttp_bytes found;
  snprintf(pointer, sizeof pointer, "/_meta/io.modelcontextprotocol~1clientCapabilities/%s", capability);
  return shttp_json_find(at->params, pointer, &found) == SHTTP_OK;
}

/* Refuses a request whose client has not declared what is in `missing`, an object. */
static void refuse(const shttp_context *at, json_t *missing) {
  json_t *data = json_pack("{s:O}", "requiredCapabilities", missing);
  char *dump = json_dumps(data, JSON_COMPACT);
  expect(shttp_request_fail(at->server, at->request, -32021, shttp_text("The client has not declared what is needed"),
                            shttp_text(dump)));
  free(dump);
  json_decref(data);
}

ON_CALL(needs_sampling) {
  json_t *missing = json_pack("{s:{}}", "sampling");
  if (can(at, "sampling")) expect(shttp_reply_text(at->server, at->request, "The client has a model."));
  else refuse(at, missing);
  json_decref(missing);
}

/* Sends notifications, and asks: with the result that ends the stream, not on it. */
ON_CALL(streaming_elicitation) {
  for (int progress = 0; progress <= 50; progress += 50) {
    expect(shttp_request_progress(at->server, at->request, progress, 100, shttp_text("")));
    expect(shttp_log(at->server, at->request, "info", NULL, "%d of 100", progress));
  }
  if (can(at, "elicitation")) ask(at, "Shall it go on?", go_on);
  else expect(shttp_reply_text(at->server, at->request, "There is nobody to ask."));
}

/* ---- Results that require input, made here --------------------------------------- */

/* A question of a round. A form has one field. */
struct input {
  const char *key;
  const char *method;
  const char *message;
  const char *field, *type;
  int max_tokens;
  int round;
};

/*
 * What a tool or prompt requires. With has_state, answers count only with the state of the last round, which has the
 * answers of the rounds before. asks_what_it_can leaves out what the client cannot answer.
 */
struct flow {
  const struct input *inputs;
  void (*then)(const shttp_context *at, const json_t *answers);
  int has_state, asks_what_it_can;
};

/* A state is a random token: it cannot be guessed, and what it stands for is kept here, for a while. */
struct state {
  char token[48];
  const struct flow *flow;
  char *principal;
  json_t *answers;
  uint64_t good_until;
};

static struct state states[STATES_MAX];
static unsigned states_made;

static const char *new_state(const shttp_context *at, const struct flow *flow, json_t *answers) {
  struct state *state = &states[states_made % STATES_MAX];
  uint8_t bytes[16];
  free(state->principal);
  json_decref(state->answers);
  if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0) abort();
  int length = snprintf(state->token, sizeof state->token, "%u.", states_made++ % STATES_MAX);
  for (size_t i = 0; i < sizeof bytes; i++)
    length += snprintf(state->token + length, sizeof state->token - (size_t)length, "%02x", bytes[i]);
  state->flow = flow;
  state->principal = strndup((const char *)at->principal.data, at->principal.len);
  state->answers = json_deep_copy(answers);
  state->good_until = uv_now(&uv) + STATE_MS;
  return state->token;
}

/* The answers in a state of ours; NULL for one that was altered, is old or belongs to another. */
static json_t *find_state(const shttp_context *at, const struct flow *flow, const json_t *token) {
  const char *text = json_string_value(token);
  if (text == NULL) return NULL;
  const struct state *state = &states[strtoul(text, NULL, 10) % STATES_MAX];
  size_t length = strlen(state->token);
  unsigned differs = 0; /* How many characters are right must not show in the time. */
  if (length == 0 || json_string_length(token) != length) return NULL;
  for (size_t i = 0; i < length; i++) differs |= (unsigned)(text[i] ^ state->token[i]);
  if (differs != 0 || state->flow != flow || state->good_until < uv_now(&uv)) return NULL;
  if (strlen(state->principal) != at->principal.len) return NULL;
  return memcmp(state->principal, at->principal.data, at->principal.len) == 0 ? state->answers : NULL;
}

static const char *capability_of(const struct input *input) {
  if (strcmp(input->method, "roots/list") == 0) return "roots";
  return strcmp(input->method, "sampling/createMessage") == 0 ? "sampling" : "elicitation";
}

static json_t *params_of(const struct input *input) {
  if (input->field != NULL)
    return json_pack("{s:s,s:{s:s,s:{s:{s:s}},s:[s]}}", "message", input->message, "requestedSchema", "type", "object",
                     "properties", input->field, "type", input->type, "required", input->field);
  if (input->message != NULL)
    return json_pack("{s:[{s:s,s:{s:s,s:s}}],s:i}", "messages", "role", "user", "content", "type", "text", "text",
                     input->message, "maxTokens", input->max_tokens);
  return json_object();
}

/* Whether an answer is of the question's type. One may decline a form. */
static int is_answer(const struct input *input, const json_t *answer) {
  const json_t *content = json_object_get(answer, "content");
  const char *action = json_string_value(json_object_get(answer, "action"));
  if (input->field == NULL && input->message == NULL) return json_is_array(json_object_get(answer, "roots"));
  if (input->field == NULL)
    return json_is_string(json_object_get(answer, "role")) && (json_is_object(content) || json_is_array(content));
  if (action == NULL) return 0;
  if (strcmp(action, "accept") != 0) return strcmp(action, "decline") == 0 || strcmp(action, "cancel") == 0;
  const json_t *filled = json_object_get(content, input->field);
  return strcmp(input->type, "string") == 0 ? json_is_string(filled) : json_is_boolean(filled);
}

/* The answers so far: those of the state, and those that the request brings. NULL if the state is not ours. */
static json_t *answers_so_far(const shttp_context *at, const struct flow *flow) {
  const json_t *params = json_object_get(shttp_event_document(at->event), "params");
  const json_t *given = json_object_get(params, "inputResponses"), *token = json_object_get(params, "requestState");
  json_t *kept = flow->has_state && token != NULL ? find_state(at, flow, token) : NULL;
  if (flow->has_state && token != NULL && kept == NULL) return NULL;
  json_t *answers = kept != NULL ? json_copy(kept) : json_object();
  if (flow->has_state && token == NULL) return answers;
  for (const struct input *input = flow->inputs; input->key != NULL; input++) {
    json_t *answer = json_object_get(given, input->key);
    if (is_answer(input, answer)) json_object_set(answers, input->key, answer);
  }
  return answers;
}

/* Asks the questions of the first round that is not answered, and returns nonzero; 0 if all are. */
static int asks(const shttp_context *at, const struct flow *flow, json_t *answers) {
  json_t *asked = json_object(), *missing = json_object();
  int round = 0, is_missing = 0;
  for (const struct input *input = flow->inputs; input->key != NULL; input++) {
    if (input->round > round && is_missing) break;
    if (input->round > round) json_object_clear(asked);
    round = input->round;
    const char *capability = capability_of(input);
    if (!can(at, capability)) {
      if (flow->asks_what_it_can) continue;
      json_object_set_new(missing, capability, json_object());
    }
    if (json_object_get(answers, input->key) == NULL) is_missing = 1;
    json_object_set_new(asked, input->key, json_pack("{s:s,s:o}", "method", input->method, "params", params_of(input)));
  }
  if (is_missing && json_object_size(missing) > 0) {
    refuse(at, missing);
  } else if (is_missing) {
    json_t *result = json_pack("{s:s,s:O}", "resultType", "input_required", "inputRequests", asked);
    if (flow->has_state) json_object_set_new(result, "requestState", json_string(new_state(at, flow, answers)));
    char *dump = json_dumps(result, JSON_COMPACT);
    expect(shttp_request_respond(at->server, at->request, shttp_text(dump)));
    free(dump);
    json_decref(result);
  }
  json_decref(missing);
  json_decref(asked);
  return is_missing;
}

ON_CALL(require_input) {
  const struct flow *flow = user;
  json_t *answers = answers_so_far(at, flow);
  if (answers == NULL)
    expect(shttp_request_fail(at->server, at->request, -32602,
                              shttp_text("The requestState is not one of this request's"), shttp_text("")));
  else if (!asks(at, flow, answers)) flow->then(at, answers);
  json_decref(answers);
}

/* What the user has filled in; `otherwise` if nothing. */
static const char *filled(const json_t *answers, const char *key, const char *field, const char *otherwise) {
  const json_t *value = json_object_get(json_object_get(json_object_get(answers, key), "content"), field);
  return json_is_string(value) ? json_string_value(value) : otherwise;
}

static void say_hello(const shttp_context *at, const json_t *answers) {
  const char *name = filled(answers, "user_name", "name", "nobody");
  expect(shttp_reply_format(at->server, at->request, "Hello, %s!", name));
}

static void say_part(const shttp_context *at, const json_t *answers, const char *key, const char *member,
                     const char *whose) {
  char *dump = json_dumps(json_object_get(json_object_get(answers, key), member), JSON_COMPACT | JSON_ENCODE_ANY);
  expect(shttp_reply_format(at->server, at->request, "%s: %s", whose, dump));
  free(dump);
}

static void say_capital(const shttp_context *at, const json_t *answers) {
  say_part(at, answers, "capital_question", "content", "The model");
}

static void say_roots(const shttp_context *at, const json_t *answers) {
  say_part(at, answers, "client_roots", "roots", "Roots");
}

static void say_state(const shttp_context *at, const json_t *answers) {
  const json_t *content = json_object_get(json_object_get(answers, "confirm"), "content");
  int is_ok = json_is_true(json_object_get(content, "ok"));
  expect(shttp_reply_format(at->server, at->request, "state-ok: %s", is_ok ? "true" : "false"));
}

static void say_all(const shttp_context *at, const json_t *answers) {
  const char *name = filled(answers, "user_name", "name", "nobody");
  expect(shttp_reply_format(at->server, at->request, "All three from %s.", name));
}

static void say_colour(const shttp_context *at, const json_t *answers) {
  const char *name = filled(answers, "step1", "name", "nobody");
  const char *color = filled(answers, "step2", "color", "nothing");
  expect(shttp_reply_format(at->server, at->request, "%s likes %s.", name, color));
}

static void say_unaltered(const shttp_context *at, UNUSED const json_t *answers) {
  expect(shttp_reply_text(at->server, at->request, "The state has not been altered."));
}

static void say_answered(const shttp_context *at, const json_t *answers) {
  int capital = json_object_get(answers, "capital_question") != NULL;
  int name = json_object_get(answers, "user_name") != NULL;
  expect(shttp_reply_format(at->server, at->request, "Answered: %s%s%s.",
                            capital ? "capital_question"
                            : name  ? ""
                                    : "nothing",
                            capital && name ? ", " : "", name ? "user_name" : ""));
}

static void say_context(const shttp_context *at, const json_t *answers) {
  const char *context = filled(answers, "user_context", "context", "none");
  expect(shttp_reply_format(at->server, at->request, "The context is: %s", context));
}

#define FORM(text, name, kind) .method = "elicitation/create", .message = text, .field = name, .type = kind
#define MODEL(text, tokens) .method = "sampling/createMessage", .message = text, .max_tokens = tokens
#define USER_NAME .key = "user_name", FORM("What is your name?", "name", "string")
#define CAPITAL .key = "capital_question", MODEL("What is the capital of France?", 100)
#define ROOTS .key = "client_roots", .method = "roots/list"
#define CONFIRM .key = "confirm", FORM("Please confirm.", "ok", "boolean")

static const struct input name_inputs[] = {{USER_NAME}, {.key = NULL}};
static const struct input capital_inputs[] = {{CAPITAL}, {.key = NULL}};
static const struct input roots_inputs[] = {{ROOTS}, {.key = NULL}};
static const struct input confirm_inputs[] = {{CONFIRM}, {.key = NULL}};
static const struct input all_inputs[] = {
    {USER_NAME}, {.key = "greeting", MODEL("Say a greeting.", 50)}, {ROOTS}, {.key = NULL}};
static const struct input step_inputs[] = {
    {.key = "step1", FORM("Step 1: what is your name?", "name", "string"), .round = 0},
    {.key = "step2", FORM("Step 2: what is your favourite colour?", "color", "string"), .round = 1},
    {.key = NULL}};
static const struct input possible_inputs[] = {{USER_NAME}, {CAPITAL}, {.key = NULL}};
static const struct input context_inputs[] = {
    {.key = "user_context", FORM("What context should the prompt use?", "context", "string")}, {.key = NULL}};

static const struct flow name_flow = {name_inputs, say_hello, 0, 0};
static const struct flow capital_flow = {capital_inputs, say_capital, 0, 0};
static const struct flow roots_flow = {roots_inputs, say_roots, 0, 0};
static const struct flow state_flow = {confirm_inputs, say_state, 1, 0};
static const struct flow all_flow = {all_inputs, say_all, 1, 0};
static const struct flow step_flow = {step_inputs, say_colour, 1, 0};
static const struct flow tampered_flow = {confirm_inputs, say_unaltered, 1, 0};
static const struct flow possible_flow = {possible_inputs, say_answered, 0, 1};
static const struct flow context_flow = {context_inputs, say_context, 0, 0};

/* ---- Tools that change something -------------------------------------------------- */

#define TOOL(what, help, function) \
  .struct_size = sizeof(shttp_tool), .name = what, .description = help, .call = function
#define PROMPT(what, help, function) \
  .struct_size = sizeof(shttp_prompt), .name = what, .description = help, .get = function
#define WITH(data) .user = (void *)&(data) /* The catalog passes it on, and does not write to it. */

static const shttp_tool added_tool = {TOOL("test_added_tool", "Comes and goes.", fixed), WITH(present)};
static const shttp_prompt added_prompt = {PROMPT("test_added_prompt", "Comes and goes.", fixed), WITH(present)};

ON_CALL(change_resource) {
  expect(shttp_resource_changed(at->server, watched));
  expect(shttp_reply_format(at->server, at->request, "%s has changed.", watched));
}

/* Clients are told by the library. */
ON_CALL(change_tools) {
  if (shttp_tool_remove(at->server, added_tool.name) != SHTTP_OK) expect(shttp_tool_add(at->server, &added_tool));
  expect(shttp_reply_text(at->server, at->request, "The list of tools has changed."));
}

ON_CALL(change_prompts) {
  if (shttp_prompt_remove(at->server, added_prompt.name) != SHTTP_OK)
    expect(shttp_prompt_add(at->server, &added_prompt));
  expect(shttp_reply_text(at->server, at->request, "The list of prompts has changed."));
}

ON_CALL(region) {
  expect(shttp_reply_format(at->server, at->request, "Region: %s", values[0].given ? values[0].text : "none"));
}

/* ---- The tables --------------------------------------------------------------------- */

static const shttp_param prompt_param[] = {{.name = "prompt", .required = 1}, {.name = NULL}};
static const shttp_param message_param[] = {{.name = "message", .required = 1}, {.name = NULL}};
static const shttp_param region_param[] = {{.name = "region", .header = "Region"}, {.name = NULL}};

/* Of both eras; the next two tables are for clients of one: see is_visible(). */
static const shttp_tool tools[] = {
    {TOOL("test_simple_text", "Answers a fixed text.", fixed), WITH(simple)},
    {TOOL("test_image_content", "Answers an image.", fixed), WITH(image)},
    {TOOL("test_audio_content", "Answers a sound.", fixed), WITH(audio)},
    {TOOL("test_embedded_resource", "Answers a resource.", fixed), WITH(embedded)},
    {TOOL("test_multiple_content_types", "Answers a text, an image and a resource.", fixed), WITH(mixed)},
    {TOOL("test_error_handling", "Fails, as a result.", failing)},
    {TOOL("test_tool_with_progress", "Reports progress.", with_progress)},
    {TOOL("json_schema_2020_12_tool", "Has a schema with many keywords.", fixed), .input_schema = schema_2020_12,
     WITH(taken)},
    {TOOL("test_tool_with_logging", "Sends log messages.", with_logging)},
    {TOOL("test_sampling", "Has the client's model answer.", sampling), .params = prompt_param},
    {TOOL("test_elicitation", "Asks the person at the client.", elicitation), .params = message_param},
    {TOOL("test_elicitation_sep1034_defaults", "Asks, with a default for every field.", with_defaults)},
    {TOOL("test_elicitation_sep1330_enums", "Asks for choices of every kind.", with_enums)},
    {TOOL("test_trigger_resource_change", "Tells who has subscribed to the watched resource.", change_resource)}};

static const shttp_tool session_tools[] = {
    {TOOL("test_reconnection", "Hangs up, and answers when the client comes back.", reconnection)}};

static const shttp_tool modern_tools[] = {
    {TOOL("test_missing_capability", "Needs a client with a model.", needs_sampling)},
    {TOOL("test_streaming_elicitation", "Sends notifications, then asks.", streaming_elicitation)},
    {TOOL("test_logging_tool", "Logs, if the client wants it.", with_logging)},
    {TOOL("test_trigger_tool_change", "Changes the list of tools.", change_tools)},
    {TOOL("test_trigger_prompt_change", "Changes the list of prompts.", change_prompts)},
    {TOOL("test_x_mcp_header", "Has a parameter that a header repeats.", region), .params = region_param},
    {TOOL("test_input_required_result_elicitation", "Requires a name.", require_input), WITH(name_flow)},
    {TOOL("test_input_required_result_sampling", "Requires what a model says.", require_input), WITH(capital_flow)},
    {TOOL("test_input_required_result_list_roots", "Requires the client's roots.", require_input), WITH(roots_flow)},
    {TOOL("test_input_required_result_request_state", "Requires a confirmation, with a state.", require_input),
     WITH(state_flow)},
    {TOOL("test_input_required_result_multiple_inputs", "Requires three things at once.", require_input),
     WITH(all_flow)},
    {TOOL("test_input_required_result_multi_round", "Requires one thing after the other.", require_input),
     WITH(step_flow)},
    {TOOL("test_input_required_result_tampered_state", "Has a state that nobody can alter.", require_input),
     WITH(tampered_flow)},
    {TOOL("test_input_required_result_capabilities", "Requires what the client can give.", require_input),
     WITH(possible_flow)}};

ON_CALL(read_binary) {
  shttp_content blob = {.type = SHTTP_CONTENT_BLOB, .data = {png, sizeof png}};
  expect(shttp_reply_content(at->server, at->request, &blob, 1));
}

ON_CALL(read_data) {
  json_t *data =
      json_pack("{s:s,s:b,s:s+}", "id", values[0].text, "templateTest", 1, "data", "Data for ID: ", values[0].text);
  char *dump = json_dumps(data, JSON_COMPACT);
  expect(shttp_reply_text(at->server, at->request, dump));
  free(dump);
  json_decref(data);
}

#define RESOURCE(where, what, type) .struct_size = sizeof(shttp_resource), .uri = where, .name = what, .mime_type = type
static const shttp_resource resources[] = {
    {RESOURCE("test://static-text", "Static text", "text/plain"),
     .text = "This is the content of the static text resource."},
    {RESOURCE("test://static-binary", "Static binary", "image/png"), .read = read_binary},
    {RESOURCE(watched, "Watched resource", "text/plain"), .text = "This resource can be watched."},
    {RESOURCE("test://template/{id}/data", "Data", "application/json"), .read = read_data}};

ON_CALL(prompt_with_arguments) {
  expect(shttp_reply_format(at->server, at->request, "Prompt with arguments: arg1='%s', arg2='%s'", values[0].text,
                            values[1].text));
}

ON_CALL(prompt_with_resource) {
  shttp_content items[] = {{.type = SHTTP_CONTENT_RESOURCE,
                            .data = TEXT("Embedded resource content for testing."),
                            .uri = values[0].text,
                            .mime_type = "text/plain"},
                           SAYS("Please process the embedded resource above.")};
  expect(shttp_reply_content(at->server, at->request, items, COUNT(items)));
}

static void suggest(UNUSED const shttp_context *at, shttp_listing *listing, const char *argument,
                    UNUSED const char *typed, UNUSED void *user) {
  if (strcmp(argument, "arg1") != 0) return;
  shttp_listing_add(listing, "paris");
  shttp_listing_add(listing, "park");
}

static const shttp_param two_params[] = {{.name = "arg1", .required = 1}, {.name = "arg2", .required = 1}, {0}};
static const shttp_param uri_param[] = {{.name = "resourceUri", .required = 1}, {0}};

static const shttp_prompt prompts[] = {
    {PROMPT("test_simple_prompt", "A fixed prompt.", fixed), WITH(simple_prompt)},
    {PROMPT("test_prompt_with_arguments", "A prompt with two arguments.", prompt_with_arguments), .params = two_params,
     .complete = suggest},
    {PROMPT("test_prompt_with_embedded_resource", "A prompt around a resource.", prompt_with_resource),
     .params = uri_param},
    {PROMPT("test_prompt_with_image", "A prompt around an image.", fixed), WITH(image_prompt)}};

static const shttp_prompt modern_prompt = {
    PROMPT("test_input_required_result_prompt", "A prompt that requires a context.", require_input),
    WITH(context_flow)};

static int is_among(const shttp_tool *table, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(table[i].name, name) == 0) return 1;
  return 0;
}

/* Each era has some of its own. */
static int is_visible(const shttp_context *at, shttp_kind kind, const char *name, UNUSED void *user) {
  int is_modern = at->revision.len == 10 && memcmp(at->revision.data, "2026-07-28", 10) >= 0;
  if (kind == SHTTP_KIND_PROMPT) return is_modern || strcmp(name, modern_prompt.name) != 0;
  if (kind == SHTTP_KIND_TOOL && is_modern) return !is_among(session_tools, COUNT(session_tools), name);
  return kind != SHTTP_KIND_TOOL || !is_among(modern_tools, COUNT(modern_tools), name);
}

static shttp_status fill(void) {
  shttp_catalog_options options = {.struct_size = sizeof options, .is_visible = is_visible};
  shttp_status status = shttp_catalog_set(server, &options);
  for (size_t i = 0; i < COUNT(tools) && !status; i++) status = shttp_tool_add(server, &tools[i]);
  for (size_t i = 0; i < COUNT(session_tools) && !status; i++) status = shttp_tool_add(server, &session_tools[i]);
  for (size_t i = 0; i < COUNT(modern_tools) && !status; i++) status = shttp_tool_add(server, &modern_tools[i]);
  for (size_t i = 0; i < COUNT(resources) && !status; i++) status = shttp_resource_add(server, &resources[i]);
  for (size_t i = 0; i < COUNT(prompts) && !status; i++) status = shttp_prompt_add(server, &prompts[i]);
  return status ? status : shttp_prompt_add(server, &modern_prompt);
}

/* ---- Serving -------------------------------------------------------------------------- */

/* The server has closed: release everything; then uv_run() in main() returns. */
static void on_closed(void) {
  while (works != NULL) end_work(works);
  for (size_t i = 0; i < COUNT(signals); i++) uv_close((uv_handle_t *)&signals[i], NULL);
  for (size_t i = 0; i < STATES_MAX; i++) {
    free(states[i].principal);
    json_decref(states[i].answers);
  }
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
}

static void on_event(shttp_server *from, const shttp_event *event, void *user_data) {
  switch (event->kind) {
    case SHTTP_EVENT_RESPONSE: on_answer(from, event, event->call_data); break;
    case SHTTP_EVENT_CANCELLED: on_cancelled(event->request); break;
    case SHTTP_EVENT_PRIMARY_OPENED: expect(shttp_session_set_data(from, event->session, &uv)); break;
    case SHTTP_EVENT_PRIMARY_CLOSED: expect(shttp_session_set_data(from, event->session, NULL)); break;
    case SHTTP_EVENT_CLOSED: on_closed(); break;
    default: shttp_on_event_decline(from, event, user_data);
  }
}

static void on_log(const shttp_log_line *line, UNUSED void *user_data) {
  fprintf(stderr, "%.*s\n", (int)line->text.len, (const char *)line->text.data);
}

static void on_signal(UNUSED uv_signal_t *handle, UNUSED int number) { expect(shttp_server_drain(server, DRAIN_MS)); }

/* Reads the command line, and returns 0 if it is wrong. */
static int read_arguments(int argc, char **argv, shttp_server_options *options, const char **host, uint16_t *port) {
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--stateless") == 0) options->stateless = 1;
    else if (strcmp(argv[i], "--json-response") == 0) options->response_mode = SHTTP_RESPONSE_JSON;
    else if (i + 1 == argc) return 0;
    else if (strcmp(argv[i], "--host") == 0) *host = argv[++i];
    else if (strcmp(argv[i], "--port") == 0) *port = (uint16_t)atoi(argv[++i]);
    else if (strcmp(argv[i], "--era") != 0) return 0;
    else if (strcmp(value, "sessions") == 0) options->revisions = "2025-03-26,2025-06-18,2025-11-25";
    else if (strcmp(value, "modern") == 0) options->revisions = "2026-07-28";
    else if (strcmp(value, "both") != 0) return 0;
    if (strcmp(argv[i], "--era") == 0) i++;
  }
  return 1;
}

int main(int argc, char **argv) {
  const char *host = "127.0.0.1";
  uint16_t port = 0;
  char error[256] = "no loop";
  shttp_loop_options loop_options;
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.on_log = on_log;
  options.server_info = shttp_text("{\"name\":\"everything\",\"version\":\"1.0.0\"}");
  options.server_capabilities = shttp_text(capabilities);
  options.discover_capabilities = shttp_text(modern_capabilities);
  if (!read_arguments(argc, argv, &options, &host, &port)) {
    fprintf(stderr, "usage: everything_server [--host ADDRESS] [--port N] [--era both|sessions|modern]\n"
                    "                         [--stateless] [--json-response]\n");
    return 2;
  }

  uv_loop_init(&uv);
  for (size_t i = 0; i < COUNT(signals); i++) {
    uv_signal_init(&uv, &signals[i]);
    uv_signal_start(&signals[i], on_signal, i == 0 ? SIGTERM : SIGINT);
  }
  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = &uv;
  shttp_status status = shttp_loop_create(&loop_options, &loop);
  if (status == SHTTP_OK) status = shttp_server_create(loop, &options, &server, error, sizeof error);
  if (status == SHTTP_OK) status = fill();
  if (status == SHTTP_OK) status = shttp_server_listen(server, host, port, error, sizeof error);
  if (status != SHTTP_OK) {
    fprintf(stderr, "cannot serve: %s: %s\n", shttp_status_name(status), error);
    return 1;
  }
  printf(strchr(host, ':') ? "listening on http://[%s]:%u/mcp\n" : "listening on http://%s:%u/mcp\n", host,
         (unsigned)shttp_server_port(server));
  fflush(stdout);
  uv_run(&uv, UV_RUN_DEFAULT);
  return uv_loop_close(&uv) == 0 ? 0 : 1;
}
