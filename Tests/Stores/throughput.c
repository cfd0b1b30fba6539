/* How fast a store takes calls, and what they cost: the thread that gives orders, and all others. A call is the message
   of a stream and its end; with "begin" the stream begins before. usage: throughput [begin] [sync] DIRECTORY [CALLS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stage.h"

enum { SESSIONS = 64, BATCH = 500, MESSAGE = 100 };

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  bool begins = false, sync = false;
  long calls = 0;
  const char *directory = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "begin") == 0) begins = true;
    else if (strcmp(argv[i], "sync") == 0) sync = true;
    else if (directory == NULL) directory = argv[i];
    else calls = atol(argv[i]);
  }
  if (directory == NULL) return fprintf(stderr, "usage: %s [begin] [sync] DIRECTORY [CALLS]\n", argv[0]), 2;
  if (calls == 0) calls = sync ? 20000 : 300000;

  char path[4096], session[33], stream[33], message[MESSAGE + 1];
  snprintf(path, sizeof path, "%s/throughput.db", directory);
  memset(message, 'x', MESSAGE);
  message[0] = message[MESSAGE - 1] = '"';
  message[MESSAGE] = 0;
  shttp_store_terms terms = stage_terms(path);
  terms.session_events_max = 1000;
  terms.total_bytes_max = 64 << 20;
  terms.sync = sync;
  stage_open(&terms);
  for (int i = 0; i < SESSIONS; i++) {
    snprintf(session, sizeof session, "%08x-session-%015d", (unsigned)i * 2654435761u, i);
    keep_session(session, "{\"v\":1}", 60000);
  }
  double start = seconds(CLOCK_MONOTONIC), own = seconds(CLOCK_THREAD_CPUTIME_ID);
  double all = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < calls; i++) {
    int owner = (int)(i % SESSIONS);
    snprintf(session, sizeof session, "%08x-session-%015d", (unsigned)owner * 2654435761u, owner);
    snprintf(stream, sizeof stream, "%08x-stream-%016d", (unsigned)i * 2654435761u, (int)i);
    if (begins) begin(session, stream, "{\"id\":1}");
    keep(session, stream, 1, message);
    end(session, stream);
    if (i % BATCH != BATCH - 1) continue;
    if (sync ? !waits_for_kept(10000) : answer_to(find(session)) == NULL) return 1;
  }
  start = seconds(CLOCK_MONOTONIC) - start;
  own = seconds(CLOCK_THREAD_CPUTIME_ID) - own;
  all = seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
  printf("%.0f calls/s, %.2f us of CPU a call for the giver, %.2f us for the writer\n", (double)calls / start,
         own / (double)calls * 1e6, (all - own) / (double)calls * 1e6);
  stage_close();
  return 0;
}
