#ifndef FAIL_H
#define FAIL_H

#include <stdio.h>
#include <stdlib.h>

/* A test or a benchmark with a wrong answer in it is worth nothing: says what is wrong, and ends the program. */
#define fail(...) (fprintf(stderr, "client: " __VA_ARGS__), fputc('\n', stderr), exit(1))

#endif
