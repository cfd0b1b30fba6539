/* The smallest server: one tool that says hello. cc minimal_server.c -lstreamablehttp */
#include <stdio.h>
#include <streamablehttp.h>
#include <string.h>

static const char tools[] =
    "{\"tools\":[{\"name\":\"hello\",\"description\":\"Says hello\",\"inputSchema\":{\"type\":\"object\"}}]}";
static const char hello[] = "{\"content\":[{\"type\":\"text\",\"text\":\"Hello from C\"}]}";

static int is(shttp_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {
  shttp_status status = SHTTP_OK;
  (void)user_data;
  if (event->kind != SHTTP_EVENT_REQUEST) return;
  if (is(event->method, "tools/list")) {
    status = shttp_request_respond(server, event->request, shttp_text(tools));
  } else if (is(event->method, "tools/call")) {
    status = shttp_request_respond(server, event->request, shttp_text(hello));
  } else {
    status = shttp_request_fail(server, event->request, -32601, shttp_text("Method not found"), shttp_text(""));
  }
  if (status != SHTTP_OK) fprintf(stderr, "%s\n", shttp_status_text(status));
}

int main(void) {
  shttp_loop *loop;
  shttp_server *server;
  shttp_server_options options;
  char error[256] = "the loop cannot be created or run";
  shttp_server_options_init(&options);
  options.on_event = on_event;
  options.server_info = shttp_text("{\"name\":\"minimal\",\"version\":\"1.0\"}");
  options.server_capabilities = shttp_text("{\"tools\":{}}");
  shttp_status status = shttp_loop_create(NULL, &loop);
  if (status == SHTTP_OK) status = shttp_server_create(loop, &options, &server, error, sizeof error);
  if (status == SHTTP_OK) status = shttp_server_listen(server, "127.0.0.1", 8080, error, sizeof error);
  if (status == SHTTP_OK) status = shttp_loop_run(loop);
  if (status != SHTTP_OK) fprintf(stderr, "%s\n", error);
  return status != SHTTP_OK;
}
