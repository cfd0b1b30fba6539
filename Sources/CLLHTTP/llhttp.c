/* Debian 12 ships llhttp as C sources, patched for security; elsewhere the library is linked. */
#if __has_include("/usr/share/llhttp/llhttp.c")
#define LLHTTP_STRICT_MODE 1 /* As in CLLHTTP.h, which this file must not see: it has types of its own. */
#include "/usr/share/llhttp/llhttp.c"
#endif
