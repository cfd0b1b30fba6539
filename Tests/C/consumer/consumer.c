/* A program outside this repository, built against the installed library. */
#include <stdio.h>
#include <streamablehttp.h>

int main(void) {
  shttp_loop *loop = NULL;
  shttp_server *server = NULL;
  shttp_server_options options;
  shttp_server_options_init(&options);
  if (shttp_version() != SHTTP_VERSION_NUMBER || shttp_abi_version() != SHTTP_ABI_VERSION) return 1;
  if (shttp_loop_create(NULL, &loop) != SHTTP_OK) return 1;
  if (shttp_server_create(loop, &options, &server, NULL, 0) != SHTTP_OK) return 1;
  if (shttp_server_listen(server, NULL, 0, NULL, 0) != SHTTP_OK) return 1;
  printf("%d.%d.%d listens\n", SHTTP_VERSION_MAJOR, SHTTP_VERSION_MINOR, SHTTP_VERSION_PATCH);
  shttp_server_destroy(server);
  shttp_loop_destroy(loop);
  return 0;
}
