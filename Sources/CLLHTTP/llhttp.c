/* Debian 12 ships llhttp as C sources, patched for security; elsewhere the library is linked. */
#if __has_include("/usr/share/llhttp/llhttp.c")
#include "/usr/share/llhttp/llhttp.c"
#endif
