/* The module for SQLite where no contract says what happens: files that it cannot use, processes that are killed, a
   full disk, a lock, a fork. usage: sqlite_store [brief] */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stage.h"

#define S1 "session-1-0123456789abcdef012345"
#define S2 "session-2-0123456789abcdef012345"
#define T1 "stream-1-0123456789abcdef0123456"
#define T2 "stream-2-0123456789abcdef0123456"
#define T3 "stream-3-0123456789abcdef0123456"
#define RECORD "{\"id\":7}"

static int failures;
static char directory[] = "/tmp/sqlite-store-XXXXXX";
static char path[200];

static bool check(bool held, const char *what, int line) {
  if (!held) fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, line, what), failures++;
  return held;
}
#define CHECK(condition) check((condition), #condition, __LINE__)
#define RUN(test) (printf("%s\n", #test), fflush(stdout), new_path(#test), test())

static void new_path(const char *name) { snprintf(path, sizeof path, "%s/%s.db", directory, name); }

static const char *message(uint64_t number) {
  static char text[100];
  snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"n\":%llu}}",
           (unsigned long long)number);
  return text;
}

static void keep_numbers(const char *session, const char *stream, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; number++) keep(session, stream, number, message(number));
}

/* The messages that the answer to a load has; -1 if it fails, or if they are not those after `after`. */
static int count_after(const char *session, const char *stream, uint64_t after) {
  const struct answer *answer = answer_to(load(session, stream, after));
  if (answer == NULL || answer->kind == ANSWER_FAILED) return -1;
  for (size_t i = 0; i < answer->count; i++)
    if (strcmp(answer->messages[i], message(after + i + 1)) != 0) return -1;
  return (int)answer->count;
}

static bool has_session(const char *session) {
  const struct answer *answer = answer_to(find(session));
  return answer != NULL && answer->kind == ANSWER_SESSION && answer->record_size > 0;
}

/* The first number that a query gives, asked of the file itself. */
static long long asked(const char *query) {
  sqlite3 *database;
  sqlite3_stmt *statement;
  long long number = -1;
  if (sqlite3_open(path, &database) != SQLITE_OK) return -1;
  sqlite3_busy_timeout(database, 5000);
  if (sqlite3_prepare_v2(database, query, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    number = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return number;
}

/* Whether that comes to be the answer: a question is answered before what it has seen is committed. */
static bool becomes(const char *query, long long wanted) {
  for (int tries = 0; tries < 500 && asked(query) != wanted; tries++) sleep_ms(10);
  return asked(query) == wanted;
}

static bool is_sound(void) {
  sqlite3 *database;
  sqlite3_stmt *statement;
  bool sound = false;
  if (sqlite3_open(path, &database) != SQLITE_OK) return false;
  if (sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    sound = strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return sound && asked("SELECT (SELECT bytes FROM totals) = (SELECT total(length(message)) FROM events)") == 1 &&
         asked("SELECT count(*) FROM sessions AS s WHERE events <> (SELECT count(*) FROM events WHERE session = s.id)"
               "OR bytes <> (SELECT total(length(message)) FROM events WHERE session = s.id)") == 0 &&
         asked("SELECT count(*) FROM events WHERE session NOT IN (SELECT id FROM sessions)") == 0 &&
         asked("SELECT count(*) FROM streams WHERE session NOT IN (SELECT id FROM sessions)") == 0;
}

/* A child that has not failed yet. */
static pid_t fork_to_check(void) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) failures = 0;
  return child;
}

static void wait_for(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Another connection, which keeps the store from writing. */
static sqlite3 *lock_database(void) {
  sqlite3 *database;
  if (sqlite3_open(path, &database) != SQLITE_OK) abort();
  sqlite3_busy_timeout(database, 5000);
  CHECK(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
  return database;
}

static void unlock_database(sqlite3 *database) {
  sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
  sqlite3_close(database);
}

/* ---- In place of the C library's: a disk without room, and a clock that jumps ------------------ */

static atomic_int write_error;
static atomic_int error_after_sync; /* what write_error becomes with the next synchronization */
static atomic_llong clock_offset_s;

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
  if (atomic_load(&write_error) == 0) return real(file, data, size, offset);
  errno = atomic_load(&write_error);
  return -1;
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
  int result = real(file), error = atomic_exchange(&error_after_sync, 0);
  if (error != 0) atomic_store(&write_error, error);
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += atomic_load(&clock_offset_s);
  return result;
}

/* ---- Opening -------------------------------------------------------------- */

static bool is_refused(const char *location, shttp_status status, const char *words) {
  char error[600] = "";
  shttp_store_terms terms = stage_terms(location);
  shttp_status got = stage_try_open(&terms, error, sizeof error);
  if (got == SHTTP_OK) stage_close();
  if (got == status && strstr(error, words) != NULL) return true;
  fprintf(stderr, "%s: status %d, '%s'\n", location, got, error);
  return false;
}

static void locations_that_cannot_be(void) {
  char missing[300];
  snprintf(missing, sizeof missing, "%s/missing/store.db", directory);
  CHECK(is_refused("", SHTTP_ERR_INVALID_OPTION, "not the path of a file"));
  CHECK(is_refused(":memory:", SHTTP_ERR_INVALID_OPTION, ":memory: is not the path"));
  CHECK(is_refused(directory, SHTTP_ERR_INVALID_OPTION, "is a directory"));
  CHECK(is_refused(missing, SHTTP_ERR_SYSTEM, "there is no directory /tmp/sqlite-store-"));
  CHECK(is_refused("/dev/null/store.db", SHTTP_ERR_SYSTEM, "there is no directory /dev/null"));

  char few[8];
  shttp_store_terms terms = stage_terms(":memory:");
  memset(few, 'x', sizeof few);
  CHECK(stage_try_open(&terms, few, sizeof few) == SHTTP_ERR_INVALID_OPTION && few[7] == 0 && few[6] == 'y');
  CHECK(stage_try_open(&terms, NULL, 0) == SHTTP_ERR_INVALID_OPTION);

  shttp_store_answers answers = {0};
  shttp_store_module module;
  char error[300] = "";
  CHECK(shttp_store_module_open(SHTTP_STORE_MODULE_VERSION + 1, &answers, &terms, &module, error, sizeof error) ==
            SHTTP_ERR_INVALID_OPTION &&
        strstr(error, "version") != NULL);
}

static void only_its_owner_reads_it(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm"};
  shttp_store_terms terms = stage_terms(path);
  mode_t before = umask(0);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(has_session(S1));
  for (int i = 0; i < 3; i++) {
    char name[300];
    struct stat file;
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    CHECK(stat(name, &file) == 0 && (file.st_mode & 07777) == 0600);
  }
  stage_close();
  umask(before);
}

/* Its bytes; the caller frees them. */
static char *content(size_t *size) {
  FILE *file = fopen(path, "rb");
  char *bytes = calloc(1, 1 << 20);
  if (file == NULL || bytes == NULL) abort();
  *size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  return bytes;
}

static void leaves_alone(const char *words) {
  size_t size, later_size;
  char *before = content(&size);
  CHECK(is_refused(path, SHTTP_ERR_INVALID_OPTION, words));
  char *later = content(&later_size);
  CHECK(size == later_size && memcmp(before, later, size) == 0);
  free(before);
  free(later);
}

static void what_is_not_its_own_is_left_alone(void) {
  sqlite3 *database;
  CHECK(sqlite3_open(path, &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, "CREATE TABLE x (y); INSERT INTO x VALUES (1)", NULL, NULL, NULL) == SQLITE_OK);
  leaves_alone("is a database of another program");
  CHECK(sqlite3_exec(database, "PRAGMA application_id = 7", NULL, NULL, NULL) == SQLITE_OK);
  leaves_alone("is a database of another program");
  sqlite3_close(database);

  unlink(path);
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  stage_close();
  CHECK(sqlite3_open(path, &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, "PRAGMA user_version = 2", NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_close(database);
  leaves_alone("has version 2");
}

/* As another user, whom the mode of a file binds. */
static void what_it_may_not_write(void) {
  FILE *file = fopen(path, "w");
  if (file == NULL) abort();
  fclose(file);
  chmod(path, 0444);
  chmod(directory, 0755);
  pid_t child = fork_to_check();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    char new_file[300];
    snprintf(new_file, sizeof new_file, "%s/new.db", directory);
    CHECK(is_refused(path, SHTTP_ERR_PERMISSION, "may not be written"));
    if (geteuid() == 65534) CHECK(is_refused(new_file, SHTTP_ERR_PERMISSION, "cannot be opened: Permission denied"));
    _exit(failures > 0);
  }
  wait_for(child);
}

/* ---- Damage --------------------------------------------------------------- */

static int files_set_aside(void) {
  int count = 0;
  const char *name = strrchr(path, '/') + 1;
  DIR *folder = opendir(directory);
  if (folder == NULL) abort();
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (strncmp(entry->d_name, name, strlen(name)) == 0 && strstr(entry->d_name, ".damaged-") != NULL &&
        strstr(entry->d_name, "-wal") == NULL && strstr(entry->d_name, "-shm") == NULL)
      count++;
  closedir(folder);
  return count;
}

static void overwrite(long from, long size) {
  int file = open(path, O_WRONLY);
  char *garbage = malloc((size_t)size);
  if (file < 0 || garbage == NULL) abort();
  memset(garbage, 0xA5, (size_t)size);
  CHECK(pwrite(file, garbage, (size_t)size, from) == size);
  free(garbage);
  close(file);
}

static void a_file_that_is_damaged(void) {
  FILE *file = fopen(path, "w");
  if (file == NULL) abort();
  for (int i = 0; i < 2000; i++) fputs("no database ", file);
  fclose(file);
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(has_session(S1));
  CHECK(waits_for_line("was damaged; it was renamed, and a new one begun: /", 2000));
  CHECK(files_set_aside() == 1);
  stage_close();
  stage_open(&terms);
  CHECK(has_session(S1));
  CHECK(lines_with("damaged") == 0);
  stage_close();
}

static void damage_that_is_found_later(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  for (uint64_t i = 1; i <= 2000; i++) keep(S1, T1, i, message(i));
  stage_close();
  overwrite(4096, asked("PRAGMA page_count") * 4096 - 4096);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T2, 1, 3);
  (void)answer_to(load(S1, T1, 0)); /* fails, or comes when the new file is there */
  CHECK(waits_for_line("was damaged; it was renamed", 5000));
  CHECK(count_after(S1, T1, 0) == -1);
  CHECK(count_after(S1, T2, 0) == 3);
  CHECK(has_session(S1));
  CHECK(files_set_aside() == 1);
  stage_close();
  CHECK(is_sound());
}

/* Numbers that the store has not written: it may answer anything, and goes on. */
static void a_file_that_lies(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.session_events_max = 10;
  terms.session_bytes_max = terms.total_bytes_max = 1000;
  terms.event_ms = 100;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T1, 1, 3);
  begin(S1, T2, RECORD);
  stage_close();
  static const char *const values[] = {"9223372036854775807", "-9223372036854775808"};
  for (int i = 0; i < 2; i++) {
    char changes[600];
    sqlite3 *database;
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    snprintf(changes, sizeof changes,
             "UPDATE sessions SET events = %s, bytes = %s, deadline = %s; UPDATE totals SET bytes = %s, time = %s;"
             "UPDATE events SET time = %s, number = %s; UPDATE streams SET lost = %s, time = %s;",
             values[i], values[i], values[1 - i], values[i], values[i], values[i], values[i], values[i], values[i]);
    CHECK(sqlite3_exec(database, changes, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    stage_open(&terms);
    CHECK(answer_to(load(S1, T1, 0)) != NULL);
    CHECK(answer_to(load(S1, T1, UINT64_MAX)) != NULL);
    CHECK(answer_to(load(S1, T2, 0)) != NULL);
    keep_numbers(S1, T3, 1, 20);
    end(S1, T1);
    keep_session(S1, RECORD, UINT64_MAX);
    CHECK(answer_to(find(S1)) != NULL);
    sleep_ms(1200);
    CHECK(answer_to(load(S1, T3, 15)) != NULL);
    stage_close();
  }
}

static void a_file_that_is_removed(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_numbers(S1, T1, 1, 3);
  CHECK(count_after(S1, T1, 0) == 3);
  unlink(path);
  sleep_ms(1100);
  keep_numbers(S1, T1, 4, 5);
  CHECK(waits_for_line("file is gone; it begins a new one", 2000));
  CHECK(count_after(S1, T1, 0) == -1);
  CHECK(count_after(S1, T1, 3) == 2);
  stage_close();
  CHECK(is_sound());
  CHECK(becomes("SELECT count(*) FROM events", 2));
}

/* ---- Killed --------------------------------------------------------------- */

/* Writes until it is killed, and tells how far it is: what is kept, or else what was given. */
static void write_for_ever(int to, bool sync, uint64_t number) {
  shttp_store_terms terms = stage_terms(path);
  terms.sync = sync;
  stage_open(&terms);
  for (;;) {
    for (int i = 0; i < 20; i++) {
      number++;
      keep(S1, T1, number, message(number));
      begin(S1, T2, RECORD);
      touch(S1, 0);
    }
    if (sync && !waits_for_kept(10000)) _exit(3);
    if (!sync) sleep_ms(1);
    if (write(to, &number, sizeof number) != sizeof number) _exit(4);
  }
}

static void killed_while_it_writes(int rounds, bool sync) {
  uint64_t told = 0;
  unsigned random = 12345;
  shttp_store_terms terms = stage_terms(path);
  for (int round = 0; round < rounds; round++) {
    int ends[2], status;
    if (pipe(ends) != 0) abort();
    pid_t child = fork();
    if (child == 0) write_for_ever(ends[1], sync, told);
    close(ends[1]);
    uint64_t first = 0;
    if (read(ends[0], &first, sizeof first) != sizeof first) first = 0;
    CHECK(first > told);
    random = random * 1103515245 + 12345;
    sleep_ms((int)(random >> 16) % 40);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    told = first;
    for (uint64_t next; read(ends[0], &next, sizeof next) == sizeof next;) told = next;
    close(ends[0]);

    stage_open(&terms);
    int count = count_after(S1, T1, 0);
    CHECK(count >= 0);
    if (sync) CHECK((uint64_t)count >= told);
    if (!CHECK((uint64_t)count >= first - 20)) fprintf(stderr, "%d of %llu\n", count, (unsigned long long)first);
    told = (uint64_t)count;
    stage_close();
    CHECK(is_sound());
  }
}

static int kills = 15;
static void what_is_kept_survives(void) { killed_while_it_writes(kills, true); }
static void what_is_written_survives_without_gaps(void) { killed_while_it_writes(kills, false); }

/* ---- A disk without room, a lock ------------------------------------------ */

static bool writes_are_ours(void) {
  ssize_t (*ours)(int, const void *, size_t, off64_t) = pwrite64;
  int (*our_sync)(int) = fdatasync;
  void *found = dlsym(RTLD_DEFAULT, "pwrite64"), *found_sync = dlsym(RTLD_DEFAULT, "fdatasync");
  return memcmp(&ours, &found, sizeof found) == 0 && memcmp(&our_sync, &found_sync, sizeof found_sync) == 0;
}

static void no_room(int error) {
  CHECK(writes_are_ours());
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T1, 1, 3);
  CHECK(count_after(S1, T1, 0) == 3);
  atomic_store(&write_error, error);
  keep_numbers(S1, T1, 4, 6);
  CHECK(waits_for_line("cannot write; it tries again: /", 2000));
  CHECK(count_after(S1, T1, 0) == -1);
  const struct answer *answer = answer_to(find(S1));
  CHECK(answer != NULL && answer->kind == ANSWER_FAILED);
  keep_numbers(S1, T1, 7, 9);
  sleep_ms(300);
  CHECK(lines_with("cannot") == 1);
  atomic_store(&write_error, 0);
  CHECK(waits_for_line("works again", 3000));
  CHECK(count_after(S1, T1, 0) == 9);
  CHECK(has_session(S1));
  CHECK(answers_too_many() == 0);
  stage_close();
  CHECK(is_sound());
}

static void a_full_disk(void) { no_room(ENOSPC); }
static void a_broken_disk(void) { no_room(EIO); }

/* What is lost because too much waits is a gap, and is never taken for the end. */
static void too_much_waits(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 100000;
  stage_open(&terms);
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 3);
  keep_session(S1, RECORD, 0);
  CHECK(count_after(S1, T1, 0) == 3);
  sqlite3 *other = lock_database();
  keep_numbers(S1, T2, 1, 5000); /* those that are lost take no room */
  keep_numbers(S1, T1, 4, 5);
  end(S1, T1);
  keep_numbers(S1, T3, 1, 1);
  begin(S2, T2, RECORD);
  keep_session(S2, RECORD, 0);
  unlock_database(other);
  CHECK(waits_for_line("too slowly; messages are dropped", 5000));
  CHECK(has_session(S2));
  CHECK(count_after(S1, T1, 0) == -1);
  CHECK(count_after(S1, T1, 3) == -1);
  CHECK(count_after(S1, T2, 0) == -1);
  CHECK(count_after(S1, T3, 0) == -1);
  CHECK(count_after(S2, T2, 0) == 0);
  keep_numbers(S1, T3, 2, 3);
  CHECK(count_after(S1, T3, 0) == -1);
  CHECK(count_after(S1, T3, 1) == 2);
  stage_close();
  CHECK(is_sound());
}

static void far_too_much_waits(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 20000;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T1, 1, 3);
  CHECK(count_after(S1, T1, 0) == 3);
  sqlite3 *other = lock_database();
  touch(S1, 0); /* a question alone waits for no lock */
  uint64_t asked_before = load(S1, T1, 0);
  sleep_ms(100); /* the writer takes both, and waits for the lock: it gives up once */
  for (int i = 0; i < 2000; i++) touch(S1, 0);
  uint64_t asked_after = load(S1, T1, 0);
  unlock_database(other);
  CHECK(answer_to(asked_before) != NULL);
  CHECK(answer_to(asked_after) != NULL);
  CHECK(waits_for_line("gives up all that it has", 5000));
  CHECK(!has_session(S1));
  CHECK(count_after(S1, T1, 0) == -1);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T1, 4, 5);
  CHECK(has_session(S1));
  CHECK(count_after(S1, T1, 3) == 2);
  stage_close();
  CHECK(is_sound());
}

/* Answers to clients wait for `kept`: also for that of orders that were given up. */
static void nobody_waits_for_what_is_given_up(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 20000;
  terms.sync = 1;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(waits_for_kept(5000));
  sqlite3 *other = lock_database();
  touch(S1, 0);
  sleep_ms(50); /* the same */
  for (int i = 0; i < 2000; i++) touch(S1, 0);
  unlock_database(other);
  CHECK(waits_for_line("gives up all that it has", 5000));
  CHECK(waits_for_kept(5000));
  CHECK(!has_session(S1));
  stage_close();
  CHECK(is_sound());
}

/* What was given up is removed once: what is kept behind it stays, also if the rest fails at first. */
static void what_is_kept_after_giving_up_stays(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 20000;
  terms.sync = 1;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(waits_for_kept(5000));
  sqlite3 *other = lock_database();
  touch(S1, 0);
  sleep_ms(50); /* the writer takes it, and waits for the lock: it gives up once, and not again amid the others */
  for (int i = 0; i < 2000; i++) touch(S1, 0);
  CHECK(waits_for_line("gives up all that it has", 5000));
  keep_session(S2, RECORD, 0);
  uint64_t asked = find(S2);
  keep(S2, T1, 1, message(1));
  sleep_ms(1200); /* it takes them, and waits for the lock again */
  CHECK(last_kept() < last_serial());
  atomic_store(&error_after_sync, ENOSPC);
  unlock_database(other);
  const struct answer *answer = answer_to(asked);
  CHECK(answer != NULL && answer->kind == ANSWER_SESSION && answer->record_size > 0);
  sleep_ms(100);
  CHECK(last_kept() < last_serial());
  atomic_store(&write_error, 0);
  CHECK(waits_for_kept(5000));
  CHECK(has_session(S2));
  CHECK(count_after(S2, T1, 0) == 1);
  stage_close();
  CHECK(is_sound());
}

/* A note of lost messages stands where the first one is missing, before orders that are not written yet. */
static void a_message_that_is_lost_makes_nothing_kept(void) {
  static char large[5000];
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 4000;
  terms.sync = 1;
  stage_open(&terms);
  keep(S1, T1, 1, message(1));
  CHECK(waits_for_kept(5000));
  sqlite3 *other = lock_database();
  keep(S1, T1, 2, message(2));
  sleep_ms(50); /* the writer takes it */
  keep_bytes(S1, T2, 1, large, sizeof large);
  uint64_t asked = load(S1, T1, 0);
  keep(S1, T3, 1, message(1));
  uint64_t behind = last_serial();
  keep_bytes(S1, T2, 2, large, sizeof large);
  unlock_database(other);
  const struct answer *answer = answer_to(asked);
  CHECK(answer != NULL && answer->count == 2 && answer->kept < behind);
  CHECK(waits_for_kept(5000));
  CHECK(count_after(S1, T2, 1) == -1);
  CHECK(count_after(S1, T2, 2) == 0);
  stage_close();
  CHECK(is_sound());
}

/* Clients can ask for sessions as fast as they like. */
static void too_many_questions(void) {
  enum { COUNT = 1000 };
  uint64_t asked[COUNT];
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 20000;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(has_session(S1));
  sqlite3 *other = lock_database();
  keep_numbers(S1, T1, 1, 1);
  sleep_ms(50); /* the writer takes it */
  for (int i = 0; i < COUNT; i++) asked[i] = find(S1);
  const struct answer *last = answer_to(asked[COUNT - 1]);
  CHECK(last != NULL && last->kind == ANSWER_FAILED);
  unlock_database(other);
  const struct answer *first = answer_to(asked[0]);
  CHECK(first != NULL && first->kind == ANSWER_SESSION && first->record_size > 0);
  for (int i = 0; i < COUNT; i++) CHECK(answer_to(asked[i]) != NULL);
  CHECK(answers_too_many() == 0);
  CHECK(count_after(S1, T1, 0) == 1);
  stage_close();
  CHECK(is_sound());
}

/* Nor do the questions of a long trouble take the room of orders. */
static void questions_that_fail_take_no_room(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.waiting_bytes_max = 20000;
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(has_session(S1));
  atomic_store(&write_error, ENOSPC);
  keep_numbers(S1, T1, 1, 3);
  CHECK(waits_for_line("cannot write; it tries again: /", 2000));
  int failed = 0;
  for (int i = 0; i < 500; i++) {
    int count = count_after(S1, T1, 0);
    CHECK(count == -1 || count == 3); /* One that comes with a new try may see what that writes. */
    failed += count == -1;
  }
  CHECK(failed > 400);
  keep_numbers(S1, T1, 4, 6);
  atomic_store(&write_error, 0);
  CHECK(waits_for_line("works again", 3000));
  CHECK(count_after(S1, T1, 0) == 6);
  CHECK(lines_with("dropped") == 0 && lines_with("gives up") == 0);
  stage_close();
  CHECK(is_sound());
}

static void closing_takes_no_longer_than_it_may(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  CHECK(has_session(S1));
  sqlite3 *other = lock_database();
  keep_numbers(S1, T1, 1, 3);
  int64_t start = now_ms();
  stage_close();
  CHECK(now_ms() - start < 7000);
  CHECK(lines_with("closed before it could write everything") == 1);
  unlock_database(other);
  CHECK(is_sound());
}

/* ---- Other processes ------------------------------------------------------ */

static void in_another_process(int rounds, const char *session) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(session, RECORD, 0);
  for (int i = 0; i < rounds; i++) {
    keep_numbers(session, T1, 1 + (uint64_t)i, 1 + (uint64_t)i);
    if (i % 20 == 0) sleep_ms(3);
    if (i % 50 == 0) CHECK(count_after(session, T1, 0) == i + 1);
  }
  CHECK(lines_with("cannot") == 0);
  stage_close();
  _exit(failures > 0);
}

static void two_processes(void) {
  static const char *const sessions[] = {S1, S2};
  pid_t children[2];
  for (int i = 0; i < 2; i++)
    if ((children[i] = fork_to_check()) == 0) in_another_process(1000, sessions[i]);
  for (int i = 0; i < 2; i++) wait_for(children[i]);
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  CHECK(count_after(S1, T1, 0) == 1000);
  CHECK(count_after(S2, T1, 0) == 1000);
  stage_close();
  CHECK(is_sound());
}

static int rounds_of_beginning = 40;

/* All create the file at the same time. */
static void many_processes_begin(void) {
  enum { CHILDREN = 8 };
  pid_t children[CHILDREN];
  for (int round = 0; round < rounds_of_beginning; round++) {
    unlink(path);
    for (int i = 0; i < CHILDREN; i++) {
      if ((children[i] = fork_to_check()) != 0) continue;
      shttp_store_terms terms = stage_terms(path);
      char session[33];
      snprintf(session, sizeof session, "session-%024d", i);
      stage_open(&terms);
      keep_session(session, RECORD, 0);
      CHECK(has_session(session));
      stage_close();
      _exit(failures > 0);
    }
    for (int i = 0; i < CHILDREN; i++) wait_for(children[i]);
    CHECK(becomes("SELECT count(*) FROM sessions", CHILDREN));
  }
}

/* The one process goes on with what the other one has, while both have it open. */
static void hot_restart(void) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  pid_t successor = fork_to_check();
  shttp_store_terms terms = stage_terms(path);
  char sign = 0;
  if (successor == 0) {
    CHECK(read(ends[0], &sign, 1) == 1);
    stage_open(&terms);
    CHECK(has_session(S1));
    CHECK(count_after(S1, T1, 1) == 2);
    keep_numbers(S1, T1, 4, 5);
    CHECK(count_after(S1, T1, 0) == 5);
    stage_close();
    _exit(failures > 0);
  }
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  keep_numbers(S1, T1, 1, 3);
  CHECK(has_session(S1));
  CHECK(write(ends[1], &sign, 1) == 1);
  wait_for(successor);
  CHECK(count_after(S1, T1, 0) == 5);
  stage_close();
  CHECK(is_sound());
}

static void a_forked_child_touches_nothing(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 0);
  for (int round = 0; round < 20; round++) {
    keep_numbers(S1, T1, 1 + (uint64_t)round, 1 + (uint64_t)round);
    pid_t child = fork_to_check();
    if (child == 0) {
      alarm(10); /* it must not wait for a lock that no thread will free */
      keep_session(S2, RECORD, 0);
      keep_numbers(S1, T2, 1, 3);
      stage_close();
      execl("/bin/true", "true", (char *)NULL); /* the memory that it has a copy of is lost on purpose */
      _exit(1);
    }
    wait_for(child);
  }
  CHECK(!has_session(S2));
  CHECK(has_session(S1));
  CHECK(count_after(S1, T2, 0) == -1);
  CHECK(count_after(S1, T1, 0) == 20);
  stage_close();
  CHECK(is_sound());
}

/* ---- What it does and does not do ----------------------------------------- */

static void work_that_cancels_itself_out(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  sqlite3 *other = lock_database(); /* so that all are one batch */
  keep_session(S2, RECORD, 0);
  sleep_ms(50);
  keep_session(S1, "{\"old\":1}", 0);
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 2);
  touch(S1, 0);
  keep_session(S1, RECORD, 0);
  end(S1, T1);
  begin(S2, T2, RECORD);
  keep_numbers(S2, T2, 1, 5);
  forget_events(S2);
  forget_session(S2);
  unlock_database(other);
  CHECK(has_session(S1));
  CHECK(becomes("SELECT count(*) FROM sessions", 1));
  CHECK(becomes("SELECT count(*) FROM events", 2));
  CHECK(becomes("SELECT count(*) FROM streams", 0));
  CHECK(becomes("SELECT count(*) FROM events WHERE is_last AND number = 2", 1));
  stage_close();
}

static void the_file_does_not_grow(int orders) {
  static const char *const streams[] = {T1, T2, T3};
  static char large[1000];
  shttp_store_terms terms = stage_terms(path);
  terms.total_bytes_max = 1 << 20;
  memset(large, '1', sizeof large - 1);
  stage_open(&terms);
  for (int i = 0; i < orders; i++) {
    keep(S1, streams[i % 3], 1 + (uint64_t)i / 3, large);
    if (i % 500 == 0) (void)answer_to(find(S1));
  }
  (void)answer_to(find(S1));
  struct stat file;
  char log[300];
  snprintf(log, sizeof log, "%s-wal", path);
  CHECK(stat(path, &file) == 0 && file.st_size < 4 << 20);
  CHECK(stat(log, &file) == 0 && file.st_size < 20 << 20);
  CHECK(asked("SELECT total(length(message)) FROM events") <= 1 << 20);
  stage_close();
  CHECK(is_sound());
}

static int many_orders = 30000;
static void what_is_dropped_makes_room(void) { the_file_does_not_grow(many_orders); }

static void what_has_expired_is_removed(void) {
  shttp_store_terms terms = stage_terms(path);
  terms.event_ms = 500;
  stage_open(&terms);
  keep_session(S1, RECORD, 500);
  keep_session(S2, RECORD, 0);
  begin(S1, T1, RECORD);
  keep_numbers(S1, T1, 1, 1200);
  keep_numbers(S2, T2, 1, 1200);
  end(S2, T2);
  CHECK(has_session(S1));
  sleep_ms(4000);
  CHECK(becomes("SELECT count(*) FROM events", 0));
  CHECK(becomes("SELECT count(*) FROM streams", 0));
  CHECK(becomes("SELECT count(*) FROM sessions", 1));
  CHECK(becomes("SELECT bytes FROM totals", 0));
  stage_close();
  CHECK(is_sound());
}

/* Neither a clock that is set nor one that starts wrong ends a session, or keeps it for ever. */
static void clocks_that_jump(void) {
  shttp_store_terms terms = stage_terms(path);
  stage_open(&terms);
  keep_session(S1, RECORD, 60000);
  keep_session(S2, RECORD, 1500);
  CHECK(has_session(S1));
  atomic_store(&clock_offset_s, 86400);
  touch("nobody", 0);
  CHECK(has_session(S1));
  CHECK(has_session(S2));
  stage_close();
  atomic_store(&clock_offset_s, -1000000000);
  stage_open(&terms);
  CHECK(has_session(S1));
  CHECK(has_session(S2));
  sleep_ms(1600);
  CHECK(has_session(S1));
  CHECK(!has_session(S2));
  stage_close();
  atomic_store(&clock_offset_s, 86400);
  stage_open(&terms);
  CHECK(!has_session(S1));
  stage_close();
  atomic_store(&clock_offset_s, 0);
}

static void its_thread_takes_no_signal(void) {
  shttp_store_terms terms = stage_terms(path);
  int threads = 0, blocked = 0;
  stage_open(&terms);
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) abort();
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    char name[400], line[200];
    if (atoi(entry->d_name) == getpid() || entry->d_name[0] == '.') continue;
    snprintf(name, sizeof name, "/proc/self/task/%s/status", entry->d_name);
    FILE *file = fopen(name, "r");
    if (file == NULL) continue;
    unsigned long long mask = 0;
    while (fgets(line, sizeof line, file) != NULL)
      if (sscanf(line, "SigBlk: %llx", &mask) == 1 && (mask & 1ull << (SIGTERM - 1)) && (mask & 1ull << (SIGINT - 1)))
        blocked++;
    fclose(file);
    threads++;
  }
  closedir(tasks);
  CHECK(threads >= 1 && blocked >= 1);
  stage_close();
}

static void many_stores_come_and_go(void) {
  shttp_store_terms terms = stage_terms(path);
  for (int i = 0; i < 30; i++) {
    stage_open(&terms);
    if (i % 3 != 0) keep_numbers(S1, T1, 1 + (uint64_t)i, 1 + (uint64_t)i);
    stage_close();
  }
  CHECK(is_sound());
  CHECK(becomes("SELECT count(*) FROM events", 20));
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "brief") == 0) kills = 2, many_orders = 4000, rounds_of_beginning = 3;
  if (mkdtemp(directory) == NULL) abort();
  RUN(locations_that_cannot_be);
  RUN(only_its_owner_reads_it);
  RUN(what_is_not_its_own_is_left_alone);
  RUN(what_it_may_not_write);
  RUN(a_file_that_is_damaged);
  RUN(damage_that_is_found_later);
  RUN(a_file_that_lies);
  RUN(a_file_that_is_removed);
  RUN(what_is_kept_survives);
  RUN(what_is_written_survives_without_gaps);
  RUN(a_full_disk);
  RUN(a_broken_disk);
  RUN(too_much_waits);
  RUN(far_too_much_waits);
  RUN(nobody_waits_for_what_is_given_up);
  RUN(what_is_kept_after_giving_up_stays);
  RUN(a_message_that_is_lost_makes_nothing_kept);
  RUN(too_many_questions);
  RUN(questions_that_fail_take_no_room);
  RUN(closing_takes_no_longer_than_it_may);
  RUN(two_processes);
  RUN(many_processes_begin);
  RUN(hot_restart);
  RUN(a_forked_child_touches_nothing);
  RUN(work_that_cancels_itself_out);
  RUN(what_is_dropped_makes_room);
  RUN(what_has_expired_is_removed);
  RUN(clocks_that_jump);
  RUN(its_thread_takes_no_signal);
  RUN(many_stores_come_and_go);
  if (failures > 0) return fprintf(stderr, "%d checks failed, see %s\n", failures, directory), 1;
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) != 0;
}
