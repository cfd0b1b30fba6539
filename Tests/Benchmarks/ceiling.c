/* usage: ceiling [--modern] [--json-response] [--progress-route request] [--batches] */
#include "ceiling.h"

#include <strings.h>

bool is_modern, answers_json, uses_batches, progress_on_primary = true;

static uv_loop_t loop;
static uv_tcp_t listener;
static uv_signal_t termination;
static llhttp_settings_t settings;
static char slab[SLAB_BYTES];

/* ---- Writing ------------------------------------------------------------------- */

struct rest {
  uv_write_t request;
  char data[];
};

static void rest_written(uv_write_t *request, int status) {
  (void)status;
  free(request);
}

void peer_write(struct peer *peer, const uv_buf_t *parts, unsigned count) {
  int taken = uv_try_write((uv_stream_t *)&peer->tcp, parts, count);
  size_t skip = taken < 0 ? 0 : (size_t)taken, all = 0;
  for (unsigned i = 0; i < count; i++) all += parts[i].len;
  if (skip == all) return;

  struct rest *rest = malloc(sizeof *rest + all - skip);
  size_t len = 0;
  for (unsigned i = 0; i < count; i++) {
    size_t from = skip < parts[i].len ? skip : parts[i].len;
    memcpy(rest->data + len, parts[i].base + from, parts[i].len - from);
    len += parts[i].len - from;
    skip -= from;
  }
  uv_buf_t buffer = uv_buf_init(rest->data, (unsigned)len);
  uv_write(&rest->request, (uv_stream_t *)&peer->tcp, &buffer, 1, rest_written);
}

/* ---- Reading --------------------------------------------------------------------- */

static int on_header_field(llhttp_t *parser, const char *at, size_t len) {
  struct peer *peer = parser->data;
  peer->is_session_id = len == 14 && strncasecmp(at, "mcp-session-id", 14) == 0;
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len) {
  struct peer *peer = parser->data;
  if (!peer->is_session_id || peer->session_len + len >= sizeof peer->session) return 0;
  memcpy(peer->session + peer->session_len, at, len);
  peer->session_len += (uint8_t)len;
  peer->session[peer->session_len] = '\0';
  return 0;
}

/* A body that is here as a whole is not copied: it is answered before the slab is used again. */
static int on_body(llhttp_t *parser, const char *at, size_t len) {
  struct peer *peer = parser->data;
  if (peer->body.len == 0 && parser->content_length == 0) {
    answer(peer, at, len);
    peer->session_len = 0;
  } else {
    text_reserve(&peer->body, len + parser->content_length);
    text_add(&peer->body, at, len);
  }
  return 0;
}

static int on_message_complete(llhttp_t *parser) {
  struct peer *peer = parser->data;
  if (parser->method != HTTP_POST || peer->body.len != 0) answer(peer, peer->body.data, peer->body.len);
  peer->session_len = 0;
  text_free(&peer->body);
  return 0;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)handle;
  (void)suggested;
  *buffer = uv_buf_init(slab, sizeof slab);
}

static void on_closed(uv_handle_t *handle) {
  struct peer *peer = (struct peer *)handle;
  peer->has_closed = true;
  stop_listening(peer);
  text_free(&peer->body);
  if (peer->pending == 0) free(peer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  struct peer *peer = (struct peer *)stream;
  if (n > 0 && llhttp_execute(&peer->parser, buffer->base, (size_t)n) != HPE_OK) n = -1;
  if (n < 0 && !uv_is_closing((uv_handle_t *)stream)) uv_close((uv_handle_t *)stream, on_closed);
}

static void on_connection(uv_stream_t *server, int status) {
  if (status != 0) return;
  struct peer *peer = calloc(1, sizeof *peer);
  uv_tcp_init(&loop, &peer->tcp);
  if (uv_accept(server, (uv_stream_t *)&peer->tcp) != 0) abort();
  uv_tcp_nodelay(&peer->tcp, 1);
  llhttp_init(&peer->parser, HTTP_REQUEST, &settings);
  peer->parser.data = peer;
  uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

static void on_termination(uv_signal_t *handle, int number) {
  (void)handle;
  (void)number;
  uv_stop(&loop);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json-response") == 0) answers_json = true;
    else if (strcmp(argv[i], "--modern") == 0) is_modern = answers_json = true;
    else if (strcmp(argv[i], "--batches") == 0) uses_batches = true;
    else if (strcmp(argv[i], "--progress-route") == 0) progress_on_primary = strcmp(argv[++i], "primary") == 0;
  }
  llhttp_settings_init(&settings);
  settings.on_header_field = on_header_field;
  settings.on_header_value = on_header_value;
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;

  uv_loop_init(&loop);
  uv_signal_init(&loop, &termination);
  uv_signal_start(&termination, on_termination, SIGTERM);
  if (uses_batches) batches_start(&loop);

  struct sockaddr_storage address;
  int len = sizeof address;
  uv_tcp_init(&loop, &listener);
  uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address);
  uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
  if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) != 0) return 1;
  uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len);
  printf("listening on http://127.0.0.1:%u/mcp\n", ntohs(((struct sockaddr_in *)&address)->sin_port));
  fflush(stdout);
  uv_run(&loop, UV_RUN_DEFAULT);
  return 0;
}
