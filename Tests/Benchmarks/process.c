#include "process.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#include "fail.h"

/* Nanoseconds on the processor, which only the scheduler's own account has. */
static uint64_t thread_ns(pid_t pid, const char *thread) {
  char path[300];
  uint64_t ns;
  snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, thread);
  FILE *file = fopen(path, "r");
  if (file == NULL || fscanf(file, "%" SCNu64, &ns) != 1) fail("%s cannot be read", path);
  fclose(file);
  return ns;
}

struct cpu_time process_cpu(pid_t pid) {
  struct cpu_time time = {0};
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *threads = opendir(path);
  if (threads == NULL) fail("there is no process %d", (int)pid);
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;)
    if (entry->d_name[0] != '.') time.total_ns += thread_ns(pid, entry->d_name);
  closedir(threads);

  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  char line[1024];
  if (file == NULL || fgets(line, sizeof line, file) == NULL) fail("%s cannot be read", path);
  fclose(file);
  const char *after_name = strrchr(line, ')');
  if (after_name == NULL || sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                                   &time.user_ticks, &time.kernel_ticks) != 2)
    fail("%s is not understood", path);
  return time;
}

size_t process_resident_bytes(pid_t pid) {
  char path[64], line[256];
  size_t kilobytes = 0;
  /* Walks the page tables; the figure in /proc/PID/status lags behind. */
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("%s cannot be read", path);
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "Rss: %zu kB", &kilobytes) == 1) break;
  fclose(file);
  return kilobytes * 1024;
}
