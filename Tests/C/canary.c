/* Does on purpose what a sanitizer must catch: if this test does not fail, the sanitizers are not in. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static volatile int shared;

static void *race(void *unused) {
  for (int i = 0; i < 100000; i++) shared++;
  return unused;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "address") == 0) {
    char *volatile gone = malloc(8);
    free(gone);
    return gone[argc];
  }
  if (strcmp(what, "undefined") == 0) {
    volatile int most = INT_MAX;
    most += argc;
    return most;
  }
  if (strcmp(what, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, race, NULL);
    race(NULL);
    pthread_join(thread, NULL);
  }
  if (strcmp(what, "leak") == 0) {
    char *volatile leaked = malloc(8);
    leaked = NULL;
    return leaked != NULL;
  }
  return 0;
}
