/* The C library, which Embedded Swift has no module for. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* accept4() by another name: <sys/socket.h> has it only with _GNU_SOURCE, where addresses are unions to Swift. */
int accept_with_flags(int listener, struct sockaddr *address, socklen_t *length, int flags) __asm__("accept4");

/* dladdr() by another name: <dlfcn.h> has it only with _GNU_SOURCE. */
struct place_of_code {
  const char *file;
  void *base;
  const char *symbol;
  void *address;
};
int find_code(const void *address, struct place_of_code *place) __asm__("dladdr");

/* The error of the last call to the C library, which stands in a macro. */
static inline int last_error(void) { return errno; }

/* How many descriptors the process may have, at most; UINT64_MAX if that is not known. */
static inline uint64_t descriptors_max(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
}

/* Makes a stream socket non-blocking and private to this process's image. Returns its family; -1 if it is none of
   AF_INET, AF_INET6 and AF_UNIX, or no stream socket that listens or, if that is wanted, is connected. */
static inline int prepare_socket(int descriptor, int listens) {
  int type = 0, accepts = 0;
  struct sockaddr_storage address;
  socklen_t size = sizeof type, length = sizeof address;
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
      getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) != 0 || !accepts != !listens)
    return -1;
  if ((listens ? getsockname : getpeername)(descriptor, (struct sockaddr *)&address, &length) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6 && address.ss_family != AF_UNIX))
    return -1;
  if (fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) != 0 ||
      fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
    return -1;
  return address.ss_family;
}

/* Has the line of memory at `place` brought into the cache, whoever had it. Any address will do. */
static inline void prefetch_line(const void *place) { __builtin_prefetch(place, 1); }

/* Writes the sixteen hexadecimal digits of a number, which is given with its highest byte first in memory. */
static inline void write_hexadecimal(uint64_t big_endian, void *place) {
  typedef uint8_t half __attribute__((vector_size(8)));
  typedef uint8_t whole __attribute__((vector_size(16)));
  half bytes = (half)big_endian;
  whole digits = __builtin_shufflevector(bytes >> 4, bytes & 0xF, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  digits += '0' + ((whole)(digits > 9) & ('a' - '0' - 10));
  memcpy(place, &digits, sizeof digits);
}

/* The process that has connected to a Unix socket; 0 if that is not known. struct ucred needs _GNU_SOURCE. */
static inline int peer_process(int connection) {
  struct {
    int process;
    unsigned user, group;
  } peer = {0};
  socklen_t length = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.process : 0;
}

/* Creates an empty file that only its owner may read and write. Returns 0 or an error: EEXIST if there is one. */
static inline int create_private_file(const char *path) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  return close(descriptor) == 0 ? 0 : errno;
}
