/* Compiled by header_strict.sh as C99, C11 and C++17, by every compiler, in both orders, with every warning. */
#ifdef LIBRARIES_FIRST
#include <jansson.h>
#include <uv.h>
#endif
#include <streamablehttp.h>
#include <streamablehttp.h> /* twice, for the guard */
#ifndef LIBRARIES_FIRST
#include <jansson.h>
#include <uv.h>
#endif

/* The two borrowed types are the libraries' own. */
static const json_t *document_of(const shttp_event *event) { return shttp_event_document(event); }

static void use(const shttp_event *event, uv_loop_t *uv) {
  shttp_loop_options loop_options;
  shttp_server_options server_options;
  size_t count = 0;
  shttp_event taken[2];

  shttp_loop_options_init(&loop_options);
  loop_options.uv_loop = uv;
  shttp_server_options_init(&server_options);
  server_options.server_info = shttp_text("{}");
  if (document_of(event) != NULL && shttp_server_take_events(NULL, taken, 2, &count) != SHTTP_OK)
    shttp_loop_destroy(NULL);
}

int main(void) {
  use(NULL, NULL);
  return 0;
}
