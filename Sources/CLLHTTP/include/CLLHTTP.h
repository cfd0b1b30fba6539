#ifndef CLLHTTP_H
#define CLLHTTP_H

/* Otherwise 8.1 takes a CR and any byte for the end of a head, and blanks for a part of a name. */
#define LLHTTP_STRICT_MODE 1

#if __has_include("/usr/share/include/llhttp/llhttp.h")
#include "/usr/share/include/llhttp/llhttp.h"
#elif __has_include(<llhttp.h>)
#include <llhttp.h>
#else
#error "llhttp is missing: install Debian's node-llhttp, or libllhttp-dev where there is one."
#endif

#endif
