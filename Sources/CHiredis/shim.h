#if !__has_include(<hiredis/hiredis.h>)
#error "hiredis is missing: install Debian's libhiredis-dev."
#endif
#include <hiredis/hiredis.h>
