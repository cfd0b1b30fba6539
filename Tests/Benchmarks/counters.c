/*
 * Preloaded into a server (LD_PRELOAD), counts its system calls and what it allocates, and writes the counts to the
 * file that SHTTP_COUNTERS names when the program ends. System calls that libc makes by itself, such as the futex of
 * a contended lock, are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- System calls -------------------------------------------------------------------- */

struct counter {
  const char *name;
  atomic_ullong count;
  struct counter *next;
};

static _Atomic(struct counter *) counters;

/* A counter joins the list on its first use, so that only calls that happen are listed. */
static void count(struct counter *counter) {
  if (atomic_fetch_add(&counter->count, 1) != 0) return;
  counter->next = atomic_load(&counters);
  while (!atomic_compare_exchange_weak(&counters, &counter->next, counter)) continue;
}

#define COUNTED(result, function, parameters, arguments) \
  result function parameters { \
    static struct counter counter = {.name = #function}; \
    static result(*original) parameters; \
    if (original == NULL) original = (result(*) parameters)dlsym(RTLD_NEXT, #function); \
    count(&counter); \
    return original arguments; \
  }

COUNTED(ssize_t, read, (int fd, void *data, size_t len), (fd, data, len))
COUNTED(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len))
COUNTED(ssize_t, readv, (int fd, const struct iovec *parts, int n), (fd, parts, n))
COUNTED(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n))
COUNTED(ssize_t, recv, (int fd, void *data, size_t len, int flags), (fd, data, len, flags))
COUNTED(ssize_t, send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
COUNTED(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
COUNTED(int, epoll_ctl, (int fd, int what, int on, struct epoll_event *event), (fd, what, on, event))
COUNTED(int, epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms))
COUNTED(int, epoll_pwait, (int fd, struct epoll_event *events, int n, int ms, const sigset_t *set),
        (fd, events, n, ms, set))
COUNTED(int, accept4, (int fd, struct sockaddr *address, socklen_t *len, int flags), (fd, address, len, flags))
COUNTED(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), (fd, level, name, value, len))
COUNTED(int, shutdown, (int fd, int how), (fd, how))
COUNTED(int, close, (int fd), (fd))
COUNTED(ssize_t, getrandom, (void *data, size_t len, unsigned flags), (data, len, flags))

/* ---- Allocations ----------------------------------------------------------------------- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

enum owner { LIBRARY, JANSSON, OTHERS, OWNERS };

static const char *const owner_names[OWNERS] = {"library", "jansson", "others"};
static const char *const owner_files[OTHERS] = {"libstreamablehttp.so", "libjansson.so"};
static struct { size_t from, to; } owner_code[OTHERS];
static atomic_ullong allocations[OWNERS];
static atomic_llong live_bytes, most_bytes;

static int find_owner(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size;
  (void)unused;
  for (int owner = 0; owner < OTHERS; owner++) {
    if (strstr(object->dlpi_name, owner_files[owner]) == NULL) continue;
    for (int i = 0; i < object->dlpi_phnum; i++) {
      const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
      if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
      owner_code[owner].from = object->dlpi_addr + segment->p_vaddr;
      owner_code[owner].to = owner_code[owner].from + segment->p_memsz;
    }
  }
  return 0;
}

__attribute__((constructor)) static void start(void) { dl_iterate_phdr(find_owner, NULL); }

static void *allocated(void *block, const void *caller) {
  enum owner owner = 0;
  while (owner < OTHERS && ((size_t)caller < owner_code[owner].from || (size_t)caller >= owner_code[owner].to)) owner++;
  atomic_fetch_add(&allocations[owner], 1);
  long long bytes = (long long)malloc_usable_size(block);
  long long live = atomic_fetch_add(&live_bytes, bytes) + bytes, most = atomic_load(&most_bytes);
  while (live > most && !atomic_compare_exchange_weak(&most_bytes, &most, live)) continue;
  return block;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) { return allocated(__libc_malloc(size), CALLER); }
void *calloc(size_t count, size_t size) { return allocated(__libc_calloc(count, size), CALLER); }
void *memalign(size_t alignment, size_t size) { return allocated(__libc_memalign(alignment, size), CALLER); }
void *aligned_alloc(size_t alignment, size_t size) { return allocated(__libc_memalign(alignment, size), CALLER); }

int posix_memalign(void **out, size_t alignment, size_t size) {
  *out = allocated(__libc_memalign(alignment, size), CALLER);
  return *out == NULL ? ENOMEM : 0;
}

void *realloc(void *block, size_t size) {
  atomic_fetch_sub(&live_bytes, (long long)malloc_usable_size(block));
  return allocated(__libc_realloc(block, size), CALLER);
}

void free(void *block) {
  atomic_fetch_sub(&live_bytes, (long long)malloc_usable_size(block));
  __libc_free(block);
}

/* ---- The report ------------------------------------------------------------------------ */

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("SHTTP_COUNTERS");
  FILE *file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  for (struct counter *counter = atomic_load(&counters); counter != NULL; counter = counter->next)
    fprintf(file, "call %s %llu\n", counter->name, atomic_load(&counter->count));
  for (int owner = 0; owner < OWNERS; owner++)
    fprintf(file, "allocations %s %llu\n", owner_names[owner], atomic_load(&allocations[owner]));
  fprintf(file, "bytes most %lld\n", atomic_load(&most_bytes));
  fclose(file);
}
