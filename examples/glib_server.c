/*
 * A server in a program that runs a GLib main loop, as those with GTK do: the library is a GSource beside the
 * program's own, on one thread. The tool later answers its text after a delay, by a timer of GLib.
 * usage: glib_server [PORT]
 */
#include <glib-unix.h>
#include <glib.h>
#include <stdlib.h>
#include <streamablehttp.h>

#define DRAIN_MS 2000 /* for open requests, after a signal */

/* ---- The library as a GSource ---------------------------------------------- */

typedef struct loop_source {
  GSource source;
  shttp_loop *loop;
  gpointer descriptor;
} loop_source;

static gboolean loop_prepare(GSource *source, gint *timeout_ms) {
  *timeout_ms = shttp_loop_timeout_ms(((loop_source *)source)->loop);
  return *timeout_ms == 0;
}

static gboolean loop_check(GSource *source) {
  loop_source *self = (loop_source *)source;
  return g_source_query_unix_fd(source, self->descriptor) != 0 || shttp_loop_timeout_ms(self->loop) == 0;
}

static gboolean loop_dispatch(GSource *source, GSourceFunc callback, gpointer data) {
  (void)callback;
  (void)data;
  return shttp_loop_step(((loop_source *)source)->loop) == SHTTP_OK ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static GSourceFuncs loop_functions = {.prepare = loop_prepare, .check = loop_check, .dispatch = loop_dispatch};

static GSource *loop_source_new(shttp_loop *loop) {
  GSource *source = g_source_new(&loop_functions, sizeof(loop_source));
  ((loop_source *)source)->loop = loop;
  ((loop_source *)source)->descriptor = g_source_add_unix_fd(source, shttp_loop_descriptor(loop), G_IO_IN);
  return source;
}

/* ---- The tool: its answer comes later ---------------------------------------- */

typedef struct answer {
  shttp_server *server;
  shttp_request request;
  char *text;
} answer;

static GHashTable *answers; /* the timers of answers that are not due yet, by their requests */

static void answer_free(gpointer data) {
  g_free(((answer *)data)->text);
  g_free(data);
}

static gboolean answer_due(gpointer data) {
  answer *due = data;
  shttp_reply_text(due->server, due->request, due->text);
  g_hash_table_remove(answers, &due->request.key);
  return G_SOURCE_REMOVE;
}

static void later(const shttp_context *context, const shttp_value *values, void *user) {
  answer *due = g_new(answer, 1);
  (void)user;
  *due = (answer){context->server, context->request, g_strdup(values[0].text)};
  guint timer = g_timeout_add_full(G_PRIORITY_DEFAULT, (guint)values[1].integer, answer_due, due, answer_free);
  g_hash_table_insert(answers, g_memdup2(&due->request.key, sizeof due->request.key), GUINT_TO_POINTER(timer));
}

static void cancelled(shttp_server *server, shttp_request request, void *user) {
  gpointer timer = g_hash_table_lookup(answers, &request.key);
  (void)server;
  (void)user;
  if (timer != NULL) g_source_remove(GPOINTER_TO_UINT(timer));
  g_hash_table_remove(answers, &request.key);
}

static const shttp_param params[] = {
    {.name = "text", .description = "What is answered", .required = 1},
    {.name = "delay_ms", .type = SHTTP_PARAM_INTEGER, .min = 0, .max = 60000, .fallback = "1000"},
    {.name = NULL}};
static const shttp_tool tool = {.struct_size = sizeof tool,
                                .name = "later",
                                .description = "Answers a text after a delay",
                                .params = params,
                                .call = later,
                                .cancelled = cancelled};

/* ---- The program ------------------------------------------------------------- */

static void on_event(shttp_server *server, const shttp_event *event, void *main_loop) {
  if (event->kind == SHTTP_EVENT_CLOSED) g_main_loop_quit(main_loop);
  shttp_on_event_decline(server, event, NULL);
}

static gboolean on_signal(gpointer server) {
  shttp_server_drain(server, DRAIN_MS);
  return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
  shttp_loop *loop = NULL;
  shttp_server *server = NULL;
  shttp_server_options options;
  char error[256] = "The server cannot be made";
  GMainLoop *main_loop = g_main_loop_new(NULL, FALSE);
  answers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.user_data = main_loop;
  options.server_info = shttp_text("{\"name\":\"glib\",\"version\":\"1.0\"}");
  int failed = shttp_loop_create(NULL, &loop) || shttp_server_create(loop, &options, &server, error, sizeof error) ||
               shttp_tool_add(server, &tool) ||
               shttp_server_listen(server, NULL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 8080), error, sizeof error);
  if (failed) {
    g_printerr("%s\n", error);
  } else {
    GSource *source = loop_source_new(loop);
    g_source_attach(source, NULL);
    g_unix_signal_add(SIGINT, on_signal, server);
    g_unix_signal_add(SIGTERM, on_signal, server);
    g_print("listening on http://127.0.0.1:%u/mcp\n", shttp_server_port(server));
    g_main_loop_run(main_loop);
    g_source_destroy(source);
    g_source_unref(source);
  }
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  g_hash_table_unref(answers);
  g_main_loop_unref(main_loop);
  return failed;
}
