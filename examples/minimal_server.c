/* The smallest server: one tool that says hello. cc minimal_server.c -lstreamablehttp */
#include <streamablehttp.h>

static void hello(const shttp_context *context, const shttp_value *values, void *user) {
  (void)user;
  shttp_reply_format(context->server, context->request, "Hello from %s", values[0].text);
}

static const shttp_param params[] = {{.name = "name", .fallback = "C"}, {.name = NULL}};
static const shttp_tool tool = {
    .struct_size = sizeof tool, .name = "hello", .description = "Says hello", .params = params, .call = hello};

int main(void) {
  shttp_loop *loop;
  shttp_server *server;
  shttp_server_options options;
  char error[256] = "the loop cannot be created or run";
  shttp_server_options_init(&options);
  options.on_event = shttp_on_event_decline;
  options.server_info = shttp_text("{\"name\":\"minimal\",\"version\":\"1.0\"}");
  shttp_status status = shttp_loop_create(NULL, &loop);
  if (status == SHTTP_OK) status = shttp_server_create(loop, &options, &server, error, sizeof error);
  if (status == SHTTP_OK) status = shttp_tool_add(server, &tool);
  if (status == SHTTP_OK) status = shttp_server_listen(server, "127.0.0.1", 8080, error, sizeof error);
  if (status == SHTTP_OK) status = shttp_loop_run(loop);
  if (status != SHTTP_OK) fprintf(stderr, "%s\n", error);
  return status != SHTTP_OK;
}
