#if !__has_include(<uv.h>)
#error "libuv is missing: install Debian's libuv1-dev."
#endif
#include <uv.h>
