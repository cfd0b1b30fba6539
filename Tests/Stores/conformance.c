/* The contract of stores, as streamablehttp.h and store_module.h have it, for any store: each rule that the store
   breaks is printed by its name. The store is what is linked with this and defines shttp_store_module_open(); see
   stage.h.

     usage: conformance [--without PART]... [--seeds COUNT] [DIRECTORY]

   Each store that is opened gets another location, a name in that directory, or whatever is written in its place, such
   as unix:/tmp/redis.sock?prefix=tests; without one, in a new directory that is removed in the end. The parts that a
   store may be without: sessions  it keeps events, and no sessions reopen    what it has ends with it age       events
   have no age limits    it keeps everything total     it has no limit for all sessions together kept      it does not
   say what it has kept begin     it does not keep records of streams: `begin` is NULL */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

static const char *directory;
static bool has_sessions = true, reopens = true, ages = true, limits = true, says_kept = true, begins = true,
            has_total = true;
static int seeds = 20;
static int broken;

/* ---- Rules ---------------------------------------------------------------- */

static void breaks(const char *rule, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("BROKEN %s: ", rule);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  fflush(stdout);
  broken++;
}

/* A message that says where it belongs. */
static const char *message(const char *stream, uint64_t number) {
  static char texts[8][200];
  static unsigned next;
  char *text = texts[next++ % 8];
  snprintf(text, sizeof texts[0], "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"s\":\"%s\",\"n\":%llu}}", stream,
           (unsigned long long)number);
  return text;
}

static const struct answer *got(const char *rule, uint64_t question) {
  const struct answer *answer = answer_to(question);
  if (answer == NULL) breaks(rule, "a question was not answered");
  return answer;
}

static void wants_failure(const char *rule, const char *what, uint64_t question) {
  const struct answer *answer = got(rule, question);
  if (answer != NULL && answer->kind != ANSWER_FAILED)
    breaks(rule, "%s: answered with %zu messages, not with shttp_load_fail()", what, answer->count);
}

/* `record` is NULL if the stream has ended. */
static void wants_messages(const char *rule, const char *what, uint64_t question, const char *stream, uint64_t first,
                           uint64_t last, const char *record) {
  const struct answer *answer = got(rule, question);
  if (answer == NULL) return;
  size_t count = last >= first ? (size_t)(last - first + 1) : 0;
  if (answer->kind == ANSWER_FAILED) {
    breaks(rule, "%s: answered with shttp_load_fail()", what);
    return;
  }
  if (answer->count != count) {
    breaks(rule, "%s: %zu messages instead of %zu", what, answer->count, count);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    if (strcmp(answer->messages[i], message(stream, first + i)) == 0) continue;
    breaks(rule, "%s: message %zu is %s", what, i + 1, answer->messages[i]);
    return;
  }
  if (answer->kind != (record != NULL ? ANSWER_OPEN : ANSWER_ENDED))
    breaks(rule, "%s: the stream %s, but the answer says that it %s", what, record != NULL ? "is open" : "has ended",
           record != NULL ? "has ended" : "is open");
  else if (record != NULL && begins && strcmp(answer->record, record) != 0)
    breaks("record", "%s: the record is '%s', not '%s'", what, answer->record, record);
}

static void wants_session(const char *rule, const char *what, uint64_t question, const char *record) {
  const struct answer *answer = got(rule, question);
  if (answer == NULL) return;
  if (answer->kind != ANSWER_SESSION) breaks(rule, "%s: not answered with shttp_find_finish()", what);
  else if (strcmp(answer->record, record) != 0)
    breaks(rule, "%s: the record is '%s', not '%s'", what, answer->record, record);
}

static void keep_numbers(const char *session, const char *stream, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; number++) keep(session, stream, number, message(stream, number));
}

static const shttp_store_terms *new_terms(void) {
  static shttp_store_terms terms;
  static char location[4096];
  static int count;
  snprintf(location, sizeof location, "%s/conformance-%d", directory, ++count);
  terms = stage_terms(location);
  return &terms;
}

/* ---- One stream ----------------------------------------------------------- */

#define S1 "session-1-0123456789abcdef012345"
#define S2 "session-2-0123456789abcdef012345"
#define T1 "stream-1-0123456789abcdef0123456"
#define T2 "stream-2-0123456789abcdef0123456"
#define T3 "stream-3-0123456789abcdef0123456"
#define RECORD "{\"id\":7}"
#define OTHER_RECORD "{\"id\":8,\"and\":\"more\"}"

static void messages_come_back(void) {
  stage_open(new_terms());
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 5);
  wants_messages("messages", "all of an open stream", load(S1, T1, 0), T1, 1, 5, RECORD);
  wants_messages("after", "those after 3", load(S1, T1, 3), T1, 4, 5, RECORD);
  wants_messages("beyond", "those after the last one", load(S1, T1, 5), T1, 6, 5, RECORD);
  wants_messages("beyond", "those after a number that was never stored", load(S1, T1, 9), T1, 10, 9, RECORD);
  keep_numbers(S1, T1, 6, 7);
  end(S1, T1);
  wants_messages("end", "all of a stream that has ended", load(S1, T1, 0), T1, 1, 7, NULL);
  wants_messages("end", "nothing after the last one", load(S1, T1, 7), T1, 8, 7, NULL);
  wants_messages("end", "the last one", load(S1, T1, 6), T1, 7, 7, NULL);

  keep_numbers(S1, T2, 1, 3);
  wants_messages("primary", "a stream that did not begin has no record", load(S1, T2, 1), T2, 2, 3, "");
  keep(S1, T3, 1, message(T3, 1));
  end(S1, T3);
  wants_messages("end", "a stream of one message", load(S1, T3, 0), T3, 1, 1, NULL);
  stage_close();
}

static void streams_without_messages(void) {
  stage_open(new_terms());
  if (begins) {
    begin(S1, T1, RECORD);
    wants_messages("empty-stream", "a stream that has just begun", load(S1, T1, 0), T1, 1, 0, RECORD);
    end(S1, T1);
    wants_messages("empty-stream", "a stream that ended without a message", load(S1, T1, 0), T1, 1, 0, NULL);
    begin(S1, T2, RECORD);
    end(S1, T2);
    wants_messages("empty-stream", "one that began and ended at once", load(S1, T2, 0), T2, 1, 0, NULL);
  }
  wants_failure("unknown", "a stream of which nothing was stored", load(S1, T3, 0));
  stage_close();
}

/* What is on the wire is kept byte by byte. */
static void any_message(void) {
  enum { LARGE = 300000 };
  static const char small[] = "{}", odd[] = "{\"\\u0000\":\"\xC3\xA9\xF0\x9F\x98\x80 ' \\\" %s ;--\"}";
  char *large = malloc(LARGE + 1);
  if (large == NULL) abort();
  memset(large, 'x', LARGE);
  large[0] = large[LARGE - 1] = '"';
  large[LARGE] = 0;
  const char *texts[] = {small, odd, large, small};
  stage_open(new_terms());
  begin(S1, T1, OTHER_RECORD);
  for (uint64_t i = 0; i < 4; i++) keep(S1, T1, i + 1, texts[i]);
  const struct answer *answer = got("bytes", load(S1, T1, 0));
  if (answer == NULL || answer->kind != ANSWER_OPEN || answer->count != 4)
    breaks("bytes", "small, odd and large messages do not come back");
  for (size_t i = 0; answer != NULL && i < answer->count && i < 4; i++)
    if (answer->sizes[i] != strlen(texts[i]) || memcmp(answer->messages[i], texts[i], answer->sizes[i]) != 0)
      breaks("bytes", "message %zu has changed", i + 1);
  if (answer != NULL && begins && answer->kind == ANSWER_OPEN && strcmp(answer->record, OTHER_RECORD) != 0)
    breaks("record", "the record is '%s'", answer->record);
  stage_close();
  free(large);
}

static void gaps_are_not_hidden(void) {
  stage_open(new_terms());
  keep_numbers(S1, T1, 1, 2);
  keep_numbers(S1, T1, 4, 5);
  wants_failure("gap", "message 3 is missing", load(S1, T1, 0));
  wants_failure("gap", "message 3 is missing, and the client has 2", load(S1, T1, 2));
  wants_messages("gap", "the client has 3, which is missing", load(S1, T1, 3), T1, 4, 5, "");
  keep_numbers(S1, T2, 3, 4);
  wants_failure("gap", "messages 1 and 2 are missing", load(S1, T2, 0));
  end(S1, T2);
  wants_failure("gap", "messages 1 and 2 are missing, and the stream has ended", load(S1, T2, 1));
  wants_messages("gap", "messages 1 and 2 are missing, but the client has them", load(S1, T2, 2), T2, 3, 4, NULL);
  stage_close();
}

static void the_first_one_counts(void) {
  stage_open(new_terms());
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 3);
  keep(S1, T1, 2, "{\"late\":1}");
  keep(S1, T1, 3, "{\"late\":1}");
  wants_messages("duplicate", "of two messages with one number, the first", load(S1, T1, 0), T1, 1, 3, RECORD);
  keep(S1, T1, 3, "{\"later\":1}");
  end(S1, T1);
  wants_messages("duplicate", "the same, after the end", load(S1, T1, 1), T1, 2, 3, NULL);
  stage_close();
}

static void sessions_are_apart(void) {
  stage_open(new_terms());
  keep_numbers(S1, T1, 1, 3);
  keep_numbers(S2, T2, 1, 3);
  wants_failure("foreign", "a stream of another session", load(S2, T1, 0));
  wants_failure("foreign", "a stream of another session, and its last number", load(S1, T2, 3));
  wants_failure("unknown", "a session of which nothing was stored", load("nobody-0123456789abcdef012345678", T1, 0));
  forget_events(S1);
  wants_failure("forget-events", "a stream of a session that is forgotten", load(S1, T1, 0));
  wants_failure("forget-events", "the same, after its last message", load(S1, T1, 3));
  wants_messages("forget-events", "a stream of a session that is not forgotten", load(S2, T2, 0), T2, 1, 3, "");
  stage_close();
}

/* Answers reflect the calls in their order, however late they come. */
static void answers_reflect_the_order(void) {
  enum { COUNT = 200 };
  static uint64_t questions[COUNT];
  stage_open(new_terms());
  begin(S1, T1, RECORD);
  for (uint64_t i = 0; i < COUNT; i++) {
    questions[i] = load(S1, T1, 0);
    keep(S1, T1, i + 1, message(T1, i + 1));
  }
  end(S1, T1);
  uint64_t last = load(S1, T1, COUNT - 1);
  forget_events(S1);
  uint64_t forgotten = load(S1, T1, 0);
  for (uint64_t i = begins ? 0 : 1; i < COUNT && broken == 0; i++)
    wants_messages("order", "what was kept before the question", questions[i], T1, 1, i, RECORD);
  wants_messages("order", "the end was before the question", last, T1, COUNT, COUNT, NULL);
  wants_failure("order", "the question came when all was forgotten", forgotten);
  sleep_ms(20);
  if (answers_too_many() > 0) breaks("one-answer", "%d questions were answered again", answers_too_many());
  stage_close();
}

/* ---- Sessions ------------------------------------------------------------- */

static void sessions_are_found(void) {
  stage_open(new_terms());
  wants_session("find", "a session that was never kept", find(S1), "");
  keep_session(S1, RECORD, 60000);
  keep_session(S2, OTHER_RECORD, 0);
  wants_session("find", "a session", find(S1), RECORD);
  wants_session("find", "a session that is kept for ever", find(S2), OTHER_RECORD);
  keep_session(S1, OTHER_RECORD, 60000);
  wants_session("replace", "the second record of a session", find(S1), OTHER_RECORD);
  keep_numbers(S1, T1, 1, 2);
  forget_session(S1);
  wants_session("forget-session", "a session that has ended", find(S1), "");
  touch(S1, 60000);
  wants_session("forget-session", "a session that has ended, and was touched later", find(S1), "");
  wants_session("forget-session", "a session that has not ended", find(S2), OTHER_RECORD);
  keep_session(S1, RECORD, 60000);
  wants_session("replace", "a session that is kept anew", find(S1), RECORD);
  stage_close();
}

static void sessions_expire(void) {
  stage_open(new_terms());
  keep_session("short", RECORD, 300);
  keep_session("touched", RECORD, 300);
  keep_session("lengthened", RECORD, 300);
  keep_session("shortened", RECORD, 60000);
  keep_session("eternal", RECORD, 0);
  for (int i = 0; i < 6; i++) {
    touch("touched", 300);
    sleep_ms(100);
    if (i == 0) touch("lengthened", 60000), touch("shortened", 200);
  }
  uint64_t touched = find("touched");
  wants_session("idle", "a session that nobody used for too long", find("short"), "");
  wants_session("idle", "a session that may be idle for less time now", find("shortened"), "");
  wants_session("touch", "a session that was in use", touched, RECORD);
  wants_session("touch", "a session that may be idle for longer now", find("lengthened"), RECORD);
  wants_session("idle", "a session that is kept for ever", find("eternal"), RECORD);
  sleep_ms(1500);
  wants_session("idle", "a session that was used, but not for too long", find("touched"), "");
  wants_session("touch", "a session that may be idle for long", find("lengthened"), RECORD);
  stage_close();
}

/* ---- After the store was closed ------------------------------------------- */

static void all_is_there_again(void) {
  const shttp_store_terms *terms = new_terms();
  stage_open(terms);
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 3);
  begin(S1, T2, OTHER_RECORD);
  keep_numbers(S1, T2, 1, 2);
  end(S1, T2);
  keep_numbers(S2, T3, 1, 2);
  forget_events(S2);
  if (has_sessions) {
    keep_session(S1, RECORD, 60000);
    keep_session(S2, RECORD, 60000);
    forget_session(S2);
  }
  stage_close();
  stage_open(terms);
  wants_messages("reopen", "an open stream", load(S1, T1, 1), T1, 2, 3, RECORD);
  wants_messages("reopen", "a stream that had ended", load(S1, T2, 0), T2, 1, 2, NULL);
  wants_failure("reopen", "what was forgotten", load(S2, T3, 0));
  if (has_sessions) {
    wants_session("reopen", "a session", find(S1), RECORD);
    wants_session("reopen", "a session that had ended", find(S2), "");
  }
  keep_numbers(S1, T1, 4, 5);
  end(S1, T1);
  wants_messages("reopen", "a stream that goes on", load(S1, T1, 0), T1, 1, 5, NULL);
  stage_close();
}

/* ---- Limits --------------------------------------------------------------- */

/* What is left of a stream of `count` messages is its end: returns how much. */
static uint64_t end_that_is_left(const char *rule, const char *session, const char *stream, uint64_t count) {
  uint64_t left = 0;
  for (uint64_t after = count; after-- > 0;) {
    const struct answer *answer = got(rule, load(session, stream, after));
    if (answer == NULL || answer->kind == ANSWER_FAILED) {
      if (after > 0) wants_failure(rule, "the messages before", load(session, stream, after - 1));
      break;
    }
    wants_messages(rule, "the newest messages", load(session, stream, after), stream, after + 1, count, "");
    left++;
  }
  return left;
}

static void a_session_has_limits(void) {
  shttp_store_terms terms = *new_terms();
  terms.session_events_max = 40;
  stage_open(&terms);
  keep_numbers(S1, T1, 1, 10);
  keep_numbers(S2, T2, 1, 100);
  wants_messages("session-events", "a session within the limit", load(S1, T1, 0), T1, 1, 10, "");
  uint64_t left = end_that_is_left("session-events", S2, T2, 100);
  if (left > 40 || left < 20) breaks("session-events", "%d messages are left of 40", (int)left);
  stage_close();

  terms = *new_terms();
  terms.session_bytes_max = 40 * strlen(message(T2, 100));
  stage_open(&terms);
  keep_numbers(S1, T1, 1, 10);
  keep_numbers(S2, T2, 1, 200);
  wants_messages("session-bytes", "a session within the limit", load(S1, T1, 0), T1, 1, 10, "");
  left = end_that_is_left("session-bytes", S2, T2, 200);
  if (left > 40 || left < 20) breaks("session-bytes", "%d messages are left of 40", (int)left);
  stage_close();

  if (!has_total) return;
  terms = *new_terms();
  terms.total_bytes_max = 100 * strlen(message(T2, 100));
  stage_open(&terms);
  keep_numbers(S1, T1, 1, 10);
  sleep_ms(50);
  keep_numbers(S2, T2, 1, 200);
  wants_failure("total-bytes", "the oldest messages of all", load(S1, T1, 0));
  left = end_that_is_left("total-bytes", S2, T2, 200);
  if (left > 101 || left < 50) breaks("total-bytes", "%d messages are left of 100", (int)left);
  stage_close();
}

/* A stream whose messages were all dropped must not look like one that has had none. */
static void what_was_dropped_is_not_hidden(void) {
  shttp_store_terms terms = *new_terms();
  terms.session_events_max = 8;
  stage_open(&terms);
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 3);
  sleep_ms(50);
  keep_numbers(S1, T2, 1, 30);
  wants_failure("dropped", "an open stream without its messages", load(S1, T1, 0));
  wants_failure("dropped", "an open stream without its last message", load(S1, T1, 2));
  keep_numbers(S1, T1, 4, 4);
  wants_failure("dropped", "an open stream with a message after those that are gone", load(S1, T1, 2));
  wants_messages("dropped", "the message after those that are gone", load(S1, T1, 3), T1, 4, 4, RECORD);
  sleep_ms(50);
  keep_numbers(S1, T2, 31, 60);
  end(S1, T1);
  wants_failure("dropped", "a stream that ended without its messages", load(S1, T1, 3));
  stage_close();
}

static void events_have_an_age(void) {
  shttp_store_terms terms = *new_terms();
  terms.event_ms = 700;
  stage_open(&terms);
  sleep_ms(100); /* it has looked already, and found nothing */
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 3);
  keep_numbers(S1, T2, 1, 1);
  end(S1, T2);
  wants_messages("age", "young events", load(S1, T1, 0), T1, 1, 3, RECORD);
  sleep_ms(3500);
  wants_failure("age", "old events", load(S1, T1, 0));
  wants_failure("age", "old events, of which the client has some", load(S1, T1, 2));
  wants_failure("age", "the old event of a stream that has ended", load(S1, T2, 0));
  keep_numbers(S1, T1, 4, 5);
  wants_messages("age", "a young event behind old ones", load(S1, T1, 3), T1, 4, 5, RECORD);
  stage_close();
}

static void says_what_is_kept(void) {
  shttp_store_terms terms = *new_terms();
  terms.sync = 1;
  stage_open(&terms);
  for (int i = 0; i < 20; i++) {
    keep_numbers(S1, T1, 1 + 10 * i, 10 + 10 * i);
    if (i % 3 == 0) touch(S1, 1000);
    if (!waits_for_kept(5000)) {
      breaks("kept", "order %llu is not kept in time, but %llu", (unsigned long long)last_serial(),
             (unsigned long long)last_kept());
      break;
    }
  }
  stage_close();
  if (!reopens) return;
  stage_open(&terms);
  wants_messages("kept", "what was kept", load(S1, T1, 0), T1, 1, 200, "");
  stage_close();
}

/* ---- Anything ------------------------------------------------------------- */

enum { SESSIONS = 3, STREAMS = 5, NUMBERS = 60 };

struct model_stream {
  char name[33];
  bool is_known, has_begun, has_ended, has[NUMBERS + 1];
  uint64_t next, last;
};

struct expectation {
  uint64_t question;
  bool fails, is_session;
  char stream[33];
  uint64_t first, last;
  const char *record;
};

static struct {
  uint64_t random;
  int streams_made;
  struct model_stream streams[SESSIONS][STREAMS];
  const char *records[SESSIONS];
  struct expectation expected[64];
  size_t expected_count;
} model;

static const char *const names[SESSIONS] = {S1, S2, "session-3-with-another-length"};
static const char *const records[] = {RECORD, OTHER_RECORD, "{}"};

static unsigned random_below(unsigned limit) {
  model.random = model.random * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(model.random >> 33) % limit;
}

static void new_stream(struct model_stream *stream) {
  *stream = (struct model_stream){.next = 1};
  snprintf(stream->name, sizeof stream->name, "%08x-random-%015d", random_below(1u << 31), ++model.streams_made);
}

static void expect_load(int asked, int owner, struct model_stream *stream) {
  struct expectation *expected = &model.expected[model.expected_count++];
  uint64_t after = random_below((unsigned)stream->next + 1);
  *expected = (struct expectation){.first = after + 1, .last = stream->last};
  memcpy(expected->stream, stream->name, sizeof expected->stream);
  expected->fails = asked != owner || !stream->is_known;
  for (uint64_t number = after + 1; number <= stream->last; number++)
    if (!stream->has[number]) expected->fails = true;
  if (after >= stream->last) expected->last = after;
  expected->record = stream->has_ended ? NULL : stream->has_begun ? RECORD : "";
  expected->question = load(names[asked], stream->name, after);
}

static void expect_session(int session) {
  struct expectation *expected = &model.expected[model.expected_count++];
  *expected = (struct expectation){.is_session = true, .record = model.records[session]};
  expected->question = find(names[session]);
}

static void compare_all(void) {
  while (model.expected_count > 0) {
    struct expectation *expected = &model.expected[--model.expected_count];
    if (expected->is_session) wants_session("random", "a session", expected->question, expected->record);
    else if (expected->fails) wants_failure("random", expected->stream, expected->question);
    else
      wants_messages("random", expected->stream, expected->question, expected->stream, expected->first, expected->last,
                     expected->record);
  }
}

static void one_order(int session) {
  struct model_stream *stream = &model.streams[session][random_below(STREAMS)];
  switch (random_below(has_sessions ? 18 : 14)) {
    case 0:
      if (stream->is_known || stream->has_ended || !begins) break;
      begin(names[session], stream->name, RECORD);
      stream->is_known = stream->has_begun = true;
      break;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      if (stream->has_ended || stream->next > NUMBERS) break;
      keep_numbers(names[session], stream->name, stream->next, stream->next);
      stream->is_known = stream->has[stream->next] = true;
      stream->last = stream->next++;
      break;
    case 7:
      if (random_below(4) == 0 && stream->next < NUMBERS) stream->next++; /* it gets lost on the way */
      break;
    case 8:
      if (stream->last > 0 && !stream->has_ended) keep(names[session], stream->name, stream->last, "{\"again\":1}");
      break;
    case 9:
      if (!stream->is_known || stream->has_ended) break;
      end(names[session], stream->name);
      stream->has_ended = true;
      break;
    case 10:
      if (stream->has_ended) new_stream(stream);
      break;
    case 11: expect_load(session, session, stream); break;
    case 12: expect_load((session + (int)random_below(2)) % SESSIONS, session, stream); break;
    case 13:
      if (random_below(8) != 0) break;
      forget_events(names[session]);
      for (int i = 0; i < STREAMS; i++) new_stream(&model.streams[session][i]);
      break;
    case 14:
      model.records[session] = records[random_below(3)];
      keep_session(names[session], model.records[session], 600000);
      break;
    case 15: touch(names[session], 600000 + random_below(1000)); break;
    case 16:
      if (random_below(3) != 0) break;
      forget_session(names[session]);
      model.records[session] = "";
      break;
    case 17: expect_session(session); break;
  }
}

static void anything(unsigned seed) {
  int broken_before = broken;
  const shttp_store_terms *terms = new_terms();
  memset(&model, 0, sizeof model);
  model.random = seed;
  for (int session = 0; session < SESSIONS; session++) {
    model.records[session] = "";
    for (int i = 0; i < STREAMS; i++) new_stream(&model.streams[session][i]);
  }
  stage_open(terms);
  for (int round = 0; round < 40; round++) {
    int orders = (int)random_below(60);
    for (int i = 0; i < orders; i++) {
      one_order((int)random_below(SESSIONS));
      if (random_below(100) == 0) sleep_ms(4);
      if (model.expected_count == sizeof model.expected / sizeof *model.expected) compare_all();
    }
    if (random_below(3) == 0) compare_all();
    if (reopens && random_below(8) == 0) {
      compare_all();
      stage_close();
      stage_open(terms);
    }
  }
  compare_all();
  for (int session = 0; session < SESSIONS; session++)
    for (int i = 0; i < STREAMS; i++) expect_load(session, session, &model.streams[session][i]);
  compare_all();
  if (answers_too_many() > 0) breaks("one-answer", "%d questions were answered again", answers_too_many());
  stage_close();
  if (broken > broken_before) printf("That was seed %u\n", seed);
}

/* ---- All of it ------------------------------------------------------------ */

static bool leaves_out(const char *part) {
  bool *const parts[] = {&has_sessions, &reopens, &ages, &limits, &says_kept, &begins, &has_total};
  static const char *const part_names[] = {"sessions", "reopen", "age", "limits", "kept", "begin", "total"};
  for (int i = 0; i < 7; i++) {
    if (strcmp(part, part_names[i]) != 0) continue;
    *parts[i] = false;
    return true;
  }
  return false;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--without") == 0 && i + 1 < argc && leaves_out(argv[i + 1])) i++;
    else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) seeds = atoi(argv[++i]);
    else directory = argv[i];
  }
  if (directory != NULL && directory[0] == '-') {
    fprintf(stderr, "usage: %s [--without PART]... [--seeds COUNT] [DIRECTORY]\n", argv[0]);
    return 2;
  }
  char made[] = "/tmp/conformance-XXXXXX";
  if (directory == NULL && (directory = mkdtemp(made)) == NULL) return perror("mkdtemp"), 2;
  messages_come_back();
  streams_without_messages();
  any_message();
  gaps_are_not_hidden();
  the_first_one_counts();
  sessions_are_apart();
  answers_reflect_the_order();
  if (has_sessions) sessions_are_found();
  if (has_sessions) sessions_expire();
  if (reopens) all_is_there_again();
  if (limits) a_session_has_limits();
  if (limits) what_was_dropped_is_not_hidden();
  if (ages) events_have_an_age();
  if (says_kept) says_what_is_kept();
  for (int seed = 1; seed <= seeds && broken == 0; seed++) anything((unsigned)seed);
  if (directory == made) {
    char command[60];
    snprintf(command, sizeof command, "rm -rf %s", made);
    if (system(command) != 0) return 2;
  }
  if (broken == 0) printf("The store keeps the contract\n");
  return broken > 0;
}
