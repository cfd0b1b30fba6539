/* The C library, which Embedded Swift has no module for. */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* accept4() by another name: <sys/socket.h> has it only with _GNU_SOURCE, where addresses are unions to Swift. */
int accept_with_flags(int listener, struct sockaddr *address, socklen_t *length, int flags) __asm__("accept4");

/* Has the line of memory at `place` brought into the cache, whoever had it. Any address will do. */
static inline void prefetch_line(const void *place) { __builtin_prefetch(place, 1); }
