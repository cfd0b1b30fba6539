/* What the system says about the server's process. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cpu_time {
  uint64_t total_ns;                 /* of all its threads */
  uint64_t user_ticks, kernel_ticks; /* too coarse for a total, good enough for shares */
};

struct cpu_time process_cpu(pid_t pid);
size_t process_resident_bytes(pid_t pid);

#endif
