/* The catalog from C: what callbacks get, every kind of answer, threads, queues, and the ends of things. */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

#define SIZED(type) .struct_size = sizeof(type)

static atomic_int calls, freed, cancelled, answered;

static shttp_server_options open_options(shttp_on_event on_event, void *user_data) {
  shttp_server_options options = fixture_options(on_event, user_data);
  options.server_capabilities = shttp_text("");
  options.response_mode = SHTTP_RESPONSE_AUTO;
  return options;
}

/* Asks for `method` with `params`, and checks that the answer has all of `wanted`, which "&" separates. */
static void ask(struct client *client, const char *method, const char *params, const char *wanted) {
  char request[4096], parts[1024];
  snprintf(request, sizeof request, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
  char *answer = client_ask(client, request), *rest;
  snprintf(parts, sizeof parts, "%s", wanted);
  for (char *part = strtok_r(parts, "&", &rest); part != NULL; part = strtok_r(NULL, "&", &rest))
    if (!CHECK(answer != NULL && strstr(answer, part) != NULL))
      fprintf(stderr, "  %s %s\n  wanted %s\n  got    %s\n", method, params, part, answer ? answer : "nothing");
  free(answer);
}

static void on_freed(void *user) {
  CHECK(user == &freed);
  atomic_fetch_add(&freed, 1);
}

/* ---- Tools -------------------------------------------------------------------- */

/* Says what it got, one value after the other. */
static void describe(const shttp_context *context, const shttp_value *values, void *user) {
  char text[512];
  CHECK(user == &freed);
  CHECK(check_is(context->name, "all"));
  CHECK(check_is(context->revision, "2025-11-25"));
  CHECK(context->session.key != 0 && context->event->request.key == context->request.key);
  CHECK(context->arguments.len > 0 && context->params.len > context->arguments.len);
  snprintf(text, sizeof text, "%d:%s:%zu %d:%lld %d:%g %d:%d %.*s", values[0].given, values[0].text, values[0].text_len,
           values[1].given, (long long)values[1].integer, values[2].given, values[2].number, values[3].given,
           values[3].boolean, (int)values[4].json.len, (const char *)values[4].json.data);
  CHECK_STATUS(shttp_reply_text(context->server, context->request, text), SHTTP_OK);
  CHECK_STATUS(shttp_reply_text(context->server, context->request, text), SHTTP_ERR_NOT_FOUND);
  atomic_fetch_add(&calls, 1);
}

static const shttp_param every_type[] = {
    {.name = "s", .required = 1, .description = "A string", .min = 1, .max = 9},
    {.name = "i", .type = SHTTP_PARAM_INTEGER, .fallback = "7"},
    {.name = "n", .type = SHTTP_PARAM_NUMBER, .min = -1.5, .max = 2},
    {.name = "b", .type = SHTTP_PARAM_BOOLEAN},
    {.name = "j", .type = SHTTP_PARAM_JSON, .schema = "{\"type\":[\"array\",\"object\"]}"},
    {.name = NULL}};

static void values(struct client *client) {
  ask(client, "tools/call",
      "{\"name\":\"all\",\"arguments\":{\"s\":\"a\\u00e4\\n\",\"i\":-3,\"n\":0.5,\"b\":true,\"j\":[1, 2]}}",
      "1:a\303\244\\n:4 1:-3 1:0.5 1:1 [1, 2]");
  ask(client, "tools/call", "{\"name\":\"all\",\"arguments\":{\"s\":\"x\"}}", "1:x:1 0:7 0:0 0:0 \"}");
  ask(client, "tools/call", "{\"name\":\"all\",\"arguments\":{\"i\":\"x\",\"j\":1}}",
      "i must be an integer.&j must be an object or an array.&s is missing.&\"isError\":true");
}

/* ---- Answers -------------------------------------------------------------------- */

static void answer_all(const shttp_context *context, const shttp_value *values, void *user) {
  static const shttp_content items[] = {
      {.type = SHTTP_CONTENT_TEXT, .data = {(const uint8_t *)"t\"", 2}, .annotations = "{\"priority\":1}"},
      {.type = SHTTP_CONTENT_IMAGE, .data = {(const uint8_t *)"\0\1\2\3", 4}, .mime_type = "image/png"},
      {.type = SHTTP_CONTENT_AUDIO, .data = {(const uint8_t *)"\377", 1}, .mime_type = "audio/wav"},
      {.type = SHTTP_CONTENT_RESOURCE, .data = {(const uint8_t *)"r", 1}, .uri = "a:b", .mime_type = "text/x"},
      {.type = SHTTP_CONTENT_BLOB, .data = {(const uint8_t *)"xy", 2}, .uri = "a:c"},
      {.type = SHTTP_CONTENT_LINK, .uri = "a:d", .title = "T", .description = "D"}};
  shttp_content wrong = {.type = (shttp_content_type)6};
  shttp_server *server = context->server;
  (void)user;
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_ARGUMENT);
  wrong = (shttp_content){.type = SHTTP_CONTENT_LINK};
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_ARGUMENT);
  wrong = (shttp_content){.data = {NULL, 3}};
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_ARGUMENT);
  wrong = (shttp_content){.data = {(const uint8_t *)"\377", 1}};
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_MESSAGE);
  wrong = (shttp_content){.annotations = "]"};
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_MESSAGE);
  wrong = (shttp_content){.role = "user"};
  CHECK_STATUS(shttp_reply_content(server, context->request, &wrong, 1), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_reply_content(server, context->request, NULL, 1), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_reply_text(server, context->request, "\377"), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_reply_text(server, context->request, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_reply_error_text(server, context->request, "\377"), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_reply_structured(server, context->request, shttp_text("[1]")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_reply_structured(server, context->request, shttp_text("{")), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_log(server, context->request, "loud", NULL, "x"), SHTTP_ERR_INVALID_ARGUMENT);
  switch (values[0].integer) {
    case 0: CHECK_STATUS(shttp_reply_content(server, context->request, items, 6), SHTTP_OK); break;
    case 1: CHECK_STATUS(shttp_reply_content(server, context->request, NULL, 0), SHTTP_OK); break;
    case 2: CHECK_STATUS(shttp_reply_error(server, context->request, "no %s %d", "way", 5), SHTTP_OK); break;
    case 3: CHECK_STATUS(shttp_reply_format(server, context->request, "%c%c", 'o', 'k'), SHTTP_OK); break;
    case 4:
      CHECK_STATUS(shttp_reply_structured(server, context->request, shttp_text("{\"n\":\"x\"}")),
                   SHTTP_ERR_INVALID_MESSAGE);
      CHECK_STATUS(shttp_reply_structured(server, context->request, shttp_text("{\"n\":1}")), SHTTP_OK);
      break;
    default: CHECK_STATUS(shttp_reply_not_found(server, context->request), SHTTP_OK);
  }
}

static const shttp_param which[] = {{.name = "which", .type = SHTTP_PARAM_INTEGER, .required = 1}, {.name = NULL}};
static const shttp_tool answers = {
    SIZED(shttp_tool), .name = "answers", .params = which, .call = answer_all,
    .output_schema = "{\"type\":\"object\",\n\"properties\":{\"n\":{\"type\":\"integer\"}}}"};

static void every_answer(struct client *client) {
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":0}}",
      "{\"type\":\"text\",\"text\":\"t\\\"\",\"annotations\":{\"priority\":1}}"
      "&{\"type\":\"image\",\"data\":\"AAECAw==\",\"mimeType\":\"image/png\"}"
      "&{\"type\":\"audio\",\"data\":\"/w==\",\"mimeType\":\"audio/wav\"}"
      "&{\"type\":\"resource\",\"resource\":{\"uri\":\"a:b\",\"mimeType\":\"text/x\",\"text\":\"r\"}}"
      "&{\"type\":\"resource\",\"resource\":{\"uri\":\"a:c\",\"blob\":\"eHk=\"}}"
      "&{\"type\":\"resource_link\",\"uri\":\"a:d\",\"name\":\"a:d\",\"title\":\"T\",\"description\":\"D\"}");
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":1}}", "{\"content\":[]}");
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":2}}", "\"no way 5\"&\"isError\":true");
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":3}}", "\"text\":\"ok\"");
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":4}}",
      "\"text\":\"{\\\"n\\\":1}\"&\"structuredContent\":{\"n\":1}");
  ask(client, "tools/call", "{\"name\":\"answers\",\"arguments\":{\"which\":5}}", "Not found&\"isError\":true");
}

static void tools(void) {
  struct fixture fixture;
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  shttp_tool tool = {SIZED(shttp_tool),  .name = "all",        .title = "A \"tool\"",
                     .description = "d", .params = every_type, .annotations = "{\"readOnlyHint\":true}",
                     .call = describe,   .user = &freed,       .user_free = on_freed};
  fixture_start(&fixture, &options);
  CHECK_STATUS(shttp_tool_add(fixture.server, &tool), SHTTP_OK); /* on this thread: queued */
  CHECK_STATUS(shttp_tool_add(fixture.server, &answers), SHTTP_OK);
  CHECK_STATUS(shttp_tool_add(fixture.server, &(shttp_tool){SIZED(shttp_tool), .name = "nobody"}), SHTTP_OK);
  struct client client = fixture_client(&fixture);
  ask(&client, "tools/list", "{}",
      "\"name\":\"all\",\"title\":\"A \\\"tool\\\"\"&\"minLength\":1,\"maxLength\":9&\"default\":7"
      "&\"minimum\":-1.5,\"maximum\":2&\"required\":[\"s\"]&\"annotations\":{\"readOnlyHint\":true}"
      "&\"j\":{\"type\":[\"array\",\"object\"]}&\"outputSchema\":{\"type\":\"object\", \"properties\"");
  values(&client);
  every_answer(&client);
  ask(&client, "nothing/known", "{}", "-32601");
  ask(&client, "tools/call", "{\"name\":\"nobody\"}", "-32601"); /* an event, which is declined */
  CHECK(atomic_load(&calls) == 2);
  CHECK(atomic_load(&freed) == 0);
  CHECK_STATUS(shttp_tool_add(fixture.server, &tool), SHTTP_OK); /* replaced */
  CHECK(reaches(&freed, 1));
  client_delete(&client);
  fixture_stop(&fixture);
  CHECK(atomic_load(&freed) == 2);
}

/* A server that has no server_info has to answer initialize itself. */
static void declined_initialize(void) {
  struct fixture fixture;
  shttp_server_options options;
  shttp_server_options_init(&options);
  options.on_event = shttp_on_event_decline;
  options.response_mode = SHTTP_RESPONSE_AUTO;
  fixture_start(&fixture, &options);
  struct client client = {.address = "127.0.0.1", .port = fixture.port};
  ask(&client, "initialize",
      "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}",
      "-32601");
  fixture_stop(&fixture);
}

/* ---- What cannot be added -------------------------------------------------------- */

static void refused(void) {
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  shttp_loop *loop;
  shttp_server *server;
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  const shttp_param unnamed[] = {{.name = ""}, {.name = NULL}};
  const shttp_param untyped[] = {{.name = "a", .type = (shttp_param_type)9}, {.name = NULL}};
  const shttp_param no_object[] = {{.name = "a", .schema = "1"}, {.name = NULL}};
  const shttp_param no_json[] = {{.name = "a", .type = SHTTP_PARAM_INTEGER, .fallback = "x"}, {.name = NULL}};
  const shttp_param no_text[] = {{.name = "\377"}, {.name = NULL}};
  const shttp_param reserved[] = {{.name = "a", .reserved = &freed}, {.name = NULL}};
  const struct {
    shttp_tool tool;
    shttp_status status;
  } cases[] = {
      {{SIZED(shttp_tool)}, SHTTP_ERR_INVALID_ARGUMENT},
      {{.struct_size = 0, .name = "a"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{.struct_size = 1 << 20, .name = "a"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = ""}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a b"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "\303\244"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .params = unnamed}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .params = untyped}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .params = no_object}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .params = reserved}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .params = no_json}, SHTTP_ERR_INVALID_MESSAGE},
      {{SIZED(shttp_tool), .name = "a", .params = no_text}, SHTTP_ERR_INVALID_MESSAGE},
      {{SIZED(shttp_tool), .name = "a", .input_schema = "[]"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .input_schema = "{"}, SHTTP_ERR_INVALID_MESSAGE},
      {{SIZED(shttp_tool), .name = "a", .input_schema = "{}", .params = which}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .output_schema = "1"}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .annotations = "\"x\""}, SHTTP_ERR_INVALID_ARGUMENT},
      {{SIZED(shttp_tool), .name = "a", .description = "\377"}, SHTTP_ERR_INVALID_MESSAGE},
      {{SIZED(shttp_tool), .name = "a.b-C_9/x"}, SHTTP_OK},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shttp_status status = shttp_tool_add(server, &cases[i].tool);
    if (!CHECK(status == cases[i].status)) fprintf(stderr, "  case %zu gave %s\n", i, shttp_status_name(status));
  }
  CHECK_STATUS(
      shttp_tool_add(server, &(shttp_tool){SIZED(shttp_tool), .name = "a", .annotations = "{\"a\":[[[[1]]]]}"}),
      SHTTP_OK);
  CHECK_STATUS(shttp_tool_remove(server, "none"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_tool_remove(server, "a"), SHTTP_OK);
  CHECK_STATUS(shttp_tool_remove(server, NULL), SHTTP_ERR_INVALID_ARGUMENT);

  shttp_resource resource = {SIZED(shttp_resource)};
  CHECK_STATUS(shttp_resource_add(server, &resource), SHTTP_ERR_INVALID_ARGUMENT);
  const char *templates[] = {"", "a{", "{+a}", "{a}{b}", "x{a,b}"};
  for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
    resource.uri = templates[i];
    CHECK_STATUS(shttp_resource_add(server, &resource), SHTTP_ERR_INVALID_ARGUMENT);
  }
  resource.uri = "a:b";
  resource.text = "\377";
  CHECK_STATUS(shttp_resource_add(server, &resource), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_resource_remove(server, "a:b"), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(shttp_resource_changed(server, "\377"), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_resource_changed(server, NULL), SHTTP_ERR_INVALID_ARGUMENT);

  shttp_prompt prompt = {SIZED(shttp_prompt), .name = "p", .params = which};
  CHECK_STATUS(shttp_prompt_add(server, &prompt), SHTTP_ERR_INVALID_ARGUMENT); /* not a string */
  prompt.params = NULL;
  CHECK_STATUS(shttp_prompt_add(server, &prompt), SHTTP_OK);
  CHECK_STATUS(shttp_prompt_remove(server, "p"), SHTTP_OK);

  shttp_catalog_options limits = {SIZED(shttp_catalog_options), .entries_max = 1};
  CHECK_STATUS(shttp_catalog_set(server, &limits), SHTTP_OK);
  shttp_tool tool = {SIZED(shttp_tool), .name = "one-more", .user = &freed, .user_free = on_freed};
  int before = atomic_load(&freed);
  CHECK_STATUS(shttp_tool_add(server, &tool), SHTTP_ERR_LIMIT); /* a.b-C_9/x is there */
  CHECK(atomic_load(&freed) == before);
  tool.name = "a.b-C_9/x";
  CHECK_STATUS(shttp_tool_add(server, &tool), SHTTP_OK); /* replaced */
  CHECK_STATUS(shttp_tool_add(server, &(shttp_tool){SIZED(shttp_tool), .name = "a.b-C_9/x"}), SHTTP_OK);
  CHECK(atomic_load(&freed) == before + 1);
  limits.struct_size = 3;
  CHECK_STATUS(shttp_catalog_set(server, &limits), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK(shttp_listing_add(NULL, "x") == 0);
  shttp_on_event_decline(NULL, NULL, NULL);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
}

/* ---- Resources, prompts, and who sees what ----------------------------------------- */

static void read_key(const shttp_context *context, const shttp_value *values, void *user) {
  (void)user;
  if (strcmp(values[0].text, "a b") == 0) {
    CHECK_STATUS(shttp_reply_text(context->server, context->request, "value"), SHTTP_OK);
    CHECK(check_is(context->name, "kv:a%20b")); /* also when that is over */
  } else {
    CHECK_STATUS(shttp_reply_not_found(context->server, context->request), SHTTP_OK);
    CHECK_STATUS(shttp_reply_not_found(context->server, context->request), SHTTP_ERR_NOT_FOUND);
  }
}

static void list_keys(const shttp_context *context, shttp_listing *listing, const char *after, void *user) {
  (void)context;
  (void)user;
  char key[16];
  for (int i = after == NULL ? 0 : atoi(after) + 1; i < 5; i++) {
    snprintf(key, sizeof key, "%d", i);
    if (!shttp_listing_add(listing, key)) return;
  }
}

static void complete(const shttp_context *context, shttp_listing *listing, const char *argument, const char *typed,
                     void *user) {
  CHECK(context->request.key != 0 && user == NULL);
  CHECK(strcmp(argument, "key") == 0);
  CHECK(strcmp(typed, "1") == 0);
  shttp_listing_add(listing, "1x");
  shttp_listing_add(listing, "2x");
}

static void say(const shttp_context *context, const shttp_value *values, void *user) {
  (void)user;
  const shttp_content items[] = {{.data = shttp_text(values[0].text), .role = "assistant"},
                                 {.type = SHTTP_CONTENT_IMAGE, .mime_type = "image/png"}};
  CHECK_STATUS(shttp_reply_content(context->server, context->request, items, 2), SHTTP_OK);
}

static int is_visible(const shttp_context *context, shttp_kind kind, const char *name, void *user) {
  CHECK(context->request.key != 0 && user == &calls);
  return !(kind == SHTTP_KIND_PROMPT && strcmp(name, "hidden") == 0);
}

static void resources(void) {
  struct fixture fixture;
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  const shttp_param params[] = {{.name = "text", .choices = "red|green|rose", .required = 1}, {.name = NULL}};
  const shttp_resource fixed = {SIZED(shttp_resource), .uri = "a:fixed", .text = "always", .mime_type = "text/plain"};
  const shttp_resource empty = {SIZED(shttp_resource), .uri = "a:empty", .text = "", .mime_type = "text/plain"};
  const shttp_resource keys = {SIZED(shttp_resource), .uri = "kv:{key}", .name = "keys",
                               .read = read_key,      .list = list_keys, .complete = complete};
  const shttp_prompt prompt = {SIZED(shttp_prompt), .name = "say", .params = params, .get = say};
  const shttp_prompt hidden = {SIZED(shttp_prompt), .name = "hidden", .get = say};
  const shttp_catalog_options limits = {SIZED(shttp_catalog_options), .page_max = 3, .is_visible = is_visible,
                                        .user = &calls};
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_catalog_set(fixture.server, &limits));
  REQUIRE_OK(shttp_resource_add(fixture.server, &fixed));
  REQUIRE_OK(shttp_resource_add(fixture.server, &keys));
  REQUIRE_OK(shttp_resource_add(fixture.server, &empty));
  REQUIRE_OK(shttp_prompt_add(fixture.server, &prompt));
  REQUIRE_OK(shttp_prompt_add(fixture.server, &hidden));
  struct client client = fixture_client(&fixture);
  ask(&client, "resources/list", "{}", "\"a:fixed\"&\"a:empty\"&kv:0&\"nextCursor\":\"t2:0\"");
  ask(&client, "resources/list", "{\"cursor\":\"t2:0\"}", "kv:1&kv:2&kv:3\",\"name\":\"3\"}]");
  ask(&client, "resources/list", "{\"cursor\":\"t2:3\"}", "kv:4\",\"name\":\"4\"}]}");
  ask(&client, "resources/read", "{\"uri\":\"a:fixed\"}", "\"mimeType\":\"text/plain\",\"text\":\"always\"");
  ask(&client, "resources/read", "{\"uri\":\"a:empty\"}", "\"mimeType\":\"text/plain\",\"text\":\"\"");
  ask(&client, "resources/read", "{\"uri\":\"kv:a%20b\"}", "\"uri\":\"kv:a%20b\",\"text\":\"value\"");
  ask(&client, "resources/read", "{\"uri\":\"kv:none\"}", "-32002&Resource not found&\"uri\":\"kv:none\"");
  ask(&client, "prompts/list", "{}",
      "{\"prompts\":[{\"name\":\"say\",\"arguments\":[{\"name\":\"text\",\"required\":true}]}]}");
  ask(&client, "prompts/get", "{\"name\":\"hidden\"}", "Unknown prompt: hidden");
  ask(&client, "prompts/get", "{\"name\":\"say\",\"arguments\":{\"text\":\"red\"}}",
      "{\"role\":\"assistant\",\"content\":{\"type\":\"text\",\"text\":\"red\"}}"
      "&{\"role\":\"user\",\"content\":{\"type\":\"image\",\"data\":\"\",\"mimeType\":\"image/png\"}}");
  ask(&client, "prompts/get", "{\"name\":\"say\",\"arguments\":{\"text\":\"blue\"}}", "-32602&text must be one of");
  ask(&client, "completion/complete",
      "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"say\"},\"argument\":{\"name\":\"text\",\"value\":\"r\"}}",
      "\"values\":[\"red\",\"rose\"]");
  ask(&client, "completion/complete",
      "{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"kv:{key}\"},\"argument\":{\"name\":\"key\",\"value\":\"1\"}}",
      "\"values\":[\"1x\"]");
  ask(&client, "completion/complete", "{}", "-32602&needs a ref of the type ref/prompt or ref/resource");

  ask(&client, "resources/subscribe", "{\"uri\":\"kv:1\"}", "\"result\":{}");
  exchange *primary = client_get(&client, NULL);
  struct sse_event event;
  CHECK(exchange_status(primary) == 200);
  CHECK_STATUS(shttp_resource_changed(fixture.server, "kv:2"), SHTTP_OK);
  CHECK_STATUS(shttp_resource_changed(fixture.server, "kv:1"), SHTTP_OK);
  CHECK(exchange_event(primary, &event) && strstr(event.data, "resources/updated") && strstr(event.data, "kv:1"));
  CHECK_STATUS(shttp_resource_list_changed(fixture.server), SHTTP_OK);
  CHECK(exchange_event(primary, &event) && strstr(event.data, "notifications/resources/list_changed"));
  CHECK_STATUS(shttp_prompt_remove(fixture.server, "say"), SHTTP_OK);
  CHECK(exchange_event(primary, &event) && strstr(event.data, "notifications/prompts/list_changed"));
  exchange_end(primary);
  client_delete(&client);
  fixture_stop(&fixture);
}

/* ---- Later, from other threads -------------------------------------------------------- */

static shttp_request kept;
static atomic_int has_kept;

static void keep(const shttp_context *context, const shttp_value *values, void *user) {
  (void)values;
  (void)user;
  kept = context->request;
  atomic_fetch_add(&has_kept, 1);
}

static void on_cancelled(shttp_server *server, shttp_request request, void *user) {
  CHECK(server != NULL && request.key == kept.key && user == NULL);
  atomic_fetch_add(&cancelled, 1);
}

static void note_failures(shttp_server *server, const shttp_event *event, void *user_data) {
  atomic_int *failures = user_data;
  (void)server;
  if (event->kind == SHTTP_EVENT_COMMAND_FAILED) {
    CHECK_STATUS(event->status, SHTTP_ERR_NOT_FOUND);
    atomic_fetch_add(failures, 1);
  }
}

static const char call_slow[] =
    "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":\"slow\"}}";

static void other_threads(void) {
  struct fixture fixture;
  atomic_int failures = 0;
  shttp_server_options options = open_options(note_failures, &failures);
  const shttp_tool slow = {SIZED(shttp_tool), .name = "slow", .call = keep, .cancelled = on_cancelled};
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_tool_add(fixture.server, &slow));
  struct client client = fixture_client(&fixture);
  exchange *call = client_post(&client, call_slow);
  struct sse_event event;
  CHECK(reaches(&has_kept, 1));
  CHECK_STATUS(shttp_log(fixture.server, kept, "info", "test", "step %d", 1), SHTTP_OK);
  CHECK_STATUS(shttp_reply_format(fixture.server, kept, "%d of %s", 1, "many"), SHTTP_OK);
  CHECK(exchange_event(call, &event) &&
        strstr(event.data, "\"level\":\"info\",\"logger\":\"test\",\"data\":\"step 1\""));
  CHECK(exchange_event(call, &event) && strstr(event.data, "\"text\":\"1 of many\""));
  exchange_end(call);
  CHECK_STATUS(shttp_reply_text(fixture.server, kept, "too late"), SHTTP_OK); /* queued, and then it fails */
  CHECK(reaches(&failures, 1));

  ask(&client, "logging/setLevel", "{\"level\":\"error\"}", "\"result\":{}");
  call = client_post(&client, call_slow);
  CHECK(reaches(&has_kept, 2));
  CHECK_STATUS(shttp_log(fixture.server, kept, "info", NULL, "not wanted"), SHTTP_OK);
  CHECK_STATUS(shttp_log(fixture.server, kept, "error", NULL, "wanted"), SHTTP_OK);
  CHECK(exchange_event(call, &event) && strstr(event.data, "\"data\":\"wanted\""));
  CHECK(client_tell(&client,
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":5}}") ==
        202);
  CHECK(reaches(&cancelled, 1));
  exchange_end(call);
  CHECK_STATUS(shttp_tool_remove(fixture.server, "slow"), SHTTP_OK);
  CHECK_STATUS(shttp_tool_remove(fixture.server, "slow"), SHTTP_OK); /* queued, and then it fails */
  CHECK(reaches(&failures, 2));
  client_delete(&client);
  fixture_stop(&fixture);
}

/* ---- Questions ------------------------------------------------------------------------- */

static void on_answer(shttp_server *server, const shttp_event *event, void *user) {
  shttp_bytes name = {NULL, 0};
  char text[64];
  size_t length;
  CHECK(event->kind == SHTTP_EVENT_RESPONSE && user == &answered);
  atomic_fetch_add(&answered, 1);
  if (event->status != SHTTP_OK) return;
  CHECK_STATUS(shttp_json_find(event->message, "/result/content/name", &name), SHTTP_OK);
  CHECK_STATUS(shttp_json_unescape(name, text, sizeof text, &length), SHTTP_OK);
  shttp_reply_format(server, kept, "Hello %s", text);
}

static void greet(const shttp_context *context, const shttp_value *values, void *user) {
  (void)values;
  (void)user;
  kept = context->request;
  CHECK_STATUS(shttp_ask_elicit(context->server, context->request, NULL, "{}", on_answer, NULL),
               SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_ask_elicit(context->server, context->request, "Who?", "{", on_answer, NULL),
               SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_ask_sample(context->server, (shttp_request){77}, "x", 5, on_answer, NULL), SHTTP_ERR_NOT_FOUND);
  CHECK_STATUS(
      shttp_ask_elicit(context->server, context->request, "Who?", "{\"type\":\"object\"}", on_answer, &answered),
      SHTTP_OK);
}

static void questions(void) {
  struct fixture fixture;
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  const shttp_tool tool = {SIZED(shttp_tool), .name = "greet", .call = greet};
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_tool_add(fixture.server, &tool));
  struct client client = fixture_client(&fixture);
  exchange *call =
      client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"tools/call\",\"params\":{\"name\":\"greet\"}}");
  struct sse_event event;
  char answer[256];
  REQUIRE(exchange_event(call, &event));
  CHECK(strstr(event.data, "\"elicitation/create\"") && strstr(event.data, "\"message\":\"Who?\""));
  const char *id = strstr(event.data, "\"id\":");
  REQUIRE(id != NULL);
  snprintf(answer, sizeof answer,
           "{\"jsonrpc\":\"2.0\",%.*s,\"result\":{\"action\":\"accept\",\"content\":{\"name\":\"\\u00c4da\"}}}",
           (int)strcspn(id, ",}"), id);
  CHECK(client_tell(&client, answer) == 202);
  CHECK(exchange_event(call, &event) && strstr(event.data, "Hello \303\204da"));
  CHECK(atomic_load(&answered) == 1);
  exchange_end(call);
  /* Queued, and then it fails: the function is told. */
  CHECK_STATUS(shttp_ask_roots(fixture.server, kept, on_answer, &answered), SHTTP_OK);
  CHECK(reaches(&answered, 2));
  client_delete(&client);
  fixture_stop(&fixture);
}

/* ---- Queues ------------------------------------------------------------------------------ */

static void *ask_slow(void *data) {
  struct client client = fixture_client(data);
  ask(&client, "tools/call", "{\"name\":\"queued\",\"arguments\":{\"which\":\"x\"}}", "which must be an integer.");
  ask(&client, "tools/call", "{\"name\":\"queued\",\"arguments\":{\"which\":3}}", "taken from the queue");
  client_delete(&client);
  return NULL;
}

static void queue(void) {
  struct fixture fixture;
  pthread_t thread;
  shttp_server_options options = open_options(NULL, NULL);
  const shttp_tool tool = {SIZED(shttp_tool), .name = "queued", .params = which};
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_tool_add(fixture.server, &tool));
  pthread_create(&thread, NULL, ask_slow, &fixture);
  for (bool is_answered = false; !is_answered;) {
    shttp_event event;
    size_t count;
    REQUIRE_OK(shttp_server_take_events(fixture.server, &event, 1, &count));
    if (count == 0) continue;
    CHECK(event.kind != SHTTP_EVENT_REQUEST);
    if (event.kind != SHTTP_EVENT_TOOL_CALL) continue;
    CHECK(check_is(event.tool, "queued") && check_is(event.arguments, "{\"which\":3}"));
    CHECK(check_is(event.method, "tools/call") && event.session.key != 0);
    CHECK_STATUS(shttp_reply_text(fixture.server, event.request, "taken from the queue"), SHTTP_OK);
    is_answered = true;
  }
  pthread_join(thread, NULL);
  fixture_stop(&fixture);
}

/* ---- Ends within callbacks ------------------------------------------------------------------ */

static void remove_itself(const shttp_context *context, const shttp_value *values, void *user) {
  CHECK_STATUS(shttp_tool_remove(context->server, "gone"), SHTTP_OK);
  CHECK(values[0].integer == 3 && user == &freed);
  CHECK_STATUS(shttp_reply_text(context->server, context->request, "gone"), SHTTP_OK);
}

static void destroy(const shttp_context *context, const shttp_value *values, void *user) {
  (void)values;
  (void)user;
  shttp_server_destroy(context->server);
}

static void ends(void) {
  struct fixture fixture;
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  const shttp_tool gone = {SIZED(shttp_tool),     .name = "gone", .params = which,
                           .call = remove_itself, .user = &freed, .user_free = on_freed};
  const shttp_tool end = {SIZED(shttp_tool), .name = "end", .call = destroy};
  int before = atomic_load(&freed);
  fixture_start(&fixture, &options);
  REQUIRE_OK(shttp_tool_add(fixture.server, &gone));
  REQUIRE_OK(shttp_tool_add(fixture.server, &end));
  struct client client = fixture_client(&fixture);
  ask(&client, "tools/call", "{\"name\":\"gone\",\"arguments\":{\"which\":3}}", "\"text\":\"gone\"");
  CHECK(reaches(&freed, before + 1));
  ask(&client, "tools/call", "{\"name\":\"gone\"}", "Unknown tool: gone");
  exchange_end(
      client_post(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"end\"}}"));
  REQUIRE_OK(shttp_loop_stop(fixture.loop));
  REQUIRE_OK(shttp_loop_join(fixture.loop));
  shttp_loop_destroy(fixture.loop);
}

/* What was queued, and then never done, is let go of all the same. */
static void *add_freed(void *server) {
  const shttp_tool tool = {SIZED(shttp_tool), .name = "late", .user = &freed, .user_free = on_freed};
  CHECK_STATUS(shttp_tool_add(server, &tool), SHTTP_OK);
  return NULL;
}

static void dropped(void) {
  shttp_server_options options = open_options(shttp_on_event_decline, NULL);
  shttp_loop *loop;
  shttp_server *server;
  pthread_t thread;
  int before = atomic_load(&freed);
  REQUIRE_OK(shttp_loop_create(NULL, &loop));
  REQUIRE_OK(shttp_server_create(loop, &options, &server, NULL, 0));
  pthread_create(&thread, NULL, add_freed, server); /* not the loop's thread: queued */
  pthread_join(thread, NULL);
  CHECK(atomic_load(&freed) == before);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  CHECK(atomic_load(&freed) == before + 1);
}

/* ---- Strings ----------------------------------------------------------------------------------- */

static void strings(void) {
  char text[8] = "unset";
  size_t length = 77;
  CHECK_STATUS(shttp_json_unescape(shttp_text("\"a\\u00e4\\ud83d\\n\""), text, sizeof text, &length), SHTTP_OK);
  CHECK(length == 7 && memcmp(text, "a\303\244\357\277\275\n", 8) == 0);
  CHECK_STATUS(shttp_json_unescape(shttp_text(" \"12345678\" "), text, sizeof text, &length), SHTTP_OK);
  CHECK(length == 8 && strcmp(text, "1234567") == 0);
  CHECK_STATUS(shttp_json_unescape(shttp_text("\"x\""), NULL, 0, &length), SHTTP_OK);
  CHECK(length == 1);
  const char *wrong[] = {"", "x", "1", "\"", "\"\\x\"", "\"a\"b", "\"\377\"", "[\"a\"]"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_STATUS(shttp_json_unescape(shttp_text(wrong[i]), text, sizeof text, &length), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_json_escape(shttp_text("a\"\n"), text, sizeof text, &length), SHTTP_OK);
  CHECK(length == 7 && strcmp(text, "\"a\\\"\\n\"") == 0);
  CHECK_STATUS(shttp_json_escape(shttp_text("\377"), text, sizeof text, &length), SHTTP_ERR_INVALID_MESSAGE);
  CHECK_STATUS(shttp_json_escape((shttp_bytes){NULL, 1}, text, sizeof text, &length), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_escape(shttp_text("a"), NULL, 1, &length), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_escape(shttp_text("a"), text, sizeof text, NULL), SHTTP_ERR_INVALID_ARGUMENT);
  CHECK_STATUS(shttp_json_unescape(shttp_text("\"a\""), text, sizeof text, NULL), SHTTP_ERR_INVALID_ARGUMENT);
}

int main(void) {
  RUN(tools);
  RUN(declined_initialize);
  RUN(refused);
  RUN(resources);
  RUN(other_threads);
  RUN(questions);
  RUN(queue);
  RUN(ends);
  RUN(dropped);
  RUN(strings);
  return check_result();
}
