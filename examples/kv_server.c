/*
 * A key-value server on the catalog: the tools get, set, list and watch; each key is a resource that clients can
 * subscribe to, and whose name is completed; and a prompt. usage: kv_server [PORT]
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamablehttp.h>
#include <string.h>

#define KEYS_MAX 1000
#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
#define UNUSED __attribute__((unused))
#define ON_CALL(name) static void name(const shttp_context *at, const shttp_value *values, UNUSED void *user)

static struct pair { char *key, *value; } pairs[KEYS_MAX]; /* in the order of the keys */
static size_t count;

static struct watch { /* a call of watch that has not seen as many changes as it wants */
  shttp_request request;
  int64_t changes, wanted;
  char *key;
  struct watch *next;
} * watches;

static size_t place(const char *key) {
  size_t at = 0;
  while (at < count && strcmp(pairs[at].key, key) < 0) at++;
  return at;
}

static const char *find(const char *key) {
  size_t at = place(key);
  return at < count && strcmp(pairs[at].key, key) == 0 ? pairs[at].value : NULL;
}

/* The tool, and what reads a key as a resource. */
ON_CALL(get) {
  const char *value = find(values[0].text);
  if (value != NULL) shttp_reply_text(at->server, at->request, value);
  else shttp_reply_not_found(at->server, at->request);
}

static void end_watch(struct watch **link) {
  struct watch *watch = *link;
  *link = watch->next;
  free(watch->key);
  free(watch);
}

/* Tells those who watch a key; some have then seen enough. */
static void tell(shttp_server *server, const char *key, const char *value) {
  for (struct watch **link = &watches, *watch; (watch = *link) != NULL;) {
    int is_it = strcmp(watch->key, key) == 0;
    if (is_it)
      shttp_request_progress(server, watch->request, (double)++watch->changes, (double)watch->wanted,
                             shttp_text(value));
    if (is_it && watch->changes == watch->wanted) {
      shttp_reply_format(server, watch->request, "%s is now %s", key, value);
      end_watch(link);
    } else link = &watch->next;
  }
}

ON_CALL(set) {
  const char *key = values[0].text, *value = values[1].text;
  size_t where = place(key);
  char uri[128];
  if (key[strspn(key, NAME)] != '\0' || (find(key) == NULL && count == KEYS_MAX)) {
    shttp_reply_error(at->server, at->request, "A key has letters, digits and _-. and there are at most %d", KEYS_MAX);
    return;
  }
  if (find(key) == NULL) {
    memmove(&pairs[where + 1], &pairs[where], (count++ - where) * sizeof *pairs);
    pairs[where] = (struct pair){strdup(key), NULL};
    shttp_resource_list_changed(at->server);
  }
  free(pairs[where].value);
  pairs[where].value = strdup(value);
  snprintf(uri, sizeof uri, "kv://%s", key);
  shttp_resource_changed(at->server, uri);
  tell(at->server, key, value);
  shttp_log(at->server, at->request, "info", "kv", "%s was set", key);
  shttp_reply_text(at->server, at->request, "done");
}

ON_CALL(list) {
  shttp_content items[KEYS_MAX] = {{.type = SHTTP_CONTENT_TEXT}};
  size_t found = 0;
  for (size_t i = place(values[0].text); i < count && found < (size_t)values[1].integer; i++)
    if (strncmp(pairs[i].key, values[0].text, values[0].text_len) == 0) items[found++].data = shttp_text(pairs[i].key);
  shttp_reply_content(at->server, at->request, items, found);
}

ON_CALL(watch) {
  struct watch *watch = malloc(sizeof *watch);
  *watch = (struct watch){at->request, 0, values[1].integer, strdup(values[0].text), watches};
  watches = watch;
}

static void cancel_watch(UNUSED shttp_server *server, shttp_request request, UNUSED void *user) {
  struct watch **link = &watches;
  while (*link != NULL && (*link)->request.key != request.key) link = &(*link)->next;
  if (*link != NULL) end_watch(link);
}

static void list_keys(UNUSED const shttp_context *at, shttp_listing *to, const char *after, UNUSED void *user) {
  size_t i = after == NULL ? 0 : place(after) + (find(after) != NULL);
  while (i < count && shttp_listing_add(to, pairs[i].key)) i++;
}

static void complete(const shttp_context *at, shttp_listing *to, UNUSED const char *argument, UNUSED const char *typed,
                     void *user) {
  list_keys(at, to, NULL, user); /* Only those that begin with what is typed are sent. */
}

ON_CALL(explain) { shttp_reply_format(at->server, at->request, "What may the key %s stand for?", values[0].text); }

#define KEY .name = "key", .required = 1, .min = 1, .max = 64
#define NUMBER(what, most, usual) .name = what, .type = SHTTP_PARAM_INTEGER, .min = 1, .max = most, .fallback = usual
#define TOOL(what, help, table) .struct_size = sizeof(shttp_tool), .name = what, .description = help, .params = table
static const shttp_param key_only[] = {{KEY}, {0}}, key_value[] = {{KEY}, {.name = "value", .required = 1}, {0}};
static const shttp_param filter[] = {{.name = "prefix", .fallback = ""}, {NUMBER("limit", KEYS_MAX, "100")}, {0}};
static const shttp_param key_changes[] = {{KEY}, {NUMBER("changes", 1000, "1")}, {0}};
static const shttp_tool tools[] = {{TOOL("get", "The value of a key", key_only), .call = get},
                                   {TOOL("set", "Sets the value of a key", key_value), .call = set},
                                   {TOOL("list", "The keys that begin with a prefix", filter), .call = list},
                                   {TOOL("watch", "Waits for changes of a key, with progress", key_changes),
                                    .call = watch, .cancelled = cancel_watch}};
static const shttp_resource keys = {
    .struct_size = sizeof keys, .uri = "kv://{key}", .read = get, .list = list_keys, .complete = complete};
static const shttp_prompt prompt = {
    .struct_size = sizeof prompt, .name = "explain", .params = key_only, .get = explain, .complete = complete};

int main(int argc, char **argv) {
  shttp_loop *loop;
  shttp_server *server;
  shttp_server_options options;
  char error[256] = "The server cannot be made";
  shttp_server_options_init(&options);
  options.on_event = shttp_on_event_decline;
  options.server_info = shttp_text("{\"name\":\"kv\",\"version\":\"1.0\"}");
  int failed = shttp_loop_create(NULL, &loop) || shttp_server_create(loop, &options, &server, error, sizeof error);
  for (size_t i = 0; !failed && i < sizeof tools / sizeof *tools; i++) failed = shttp_tool_add(server, &tools[i]);
  failed = failed || shttp_resource_add(server, &keys) || shttp_prompt_add(server, &prompt) ||
           shttp_server_listen(server, NULL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 8080), error, sizeof error);
  if (!failed) printf("listening on http://127.0.0.1:%u/mcp\n", shttp_server_port(server));
  fflush(stdout);
  if (failed || shttp_loop_run(loop)) return fprintf(stderr, "%s\n", error), 1;
  return 0;
}
