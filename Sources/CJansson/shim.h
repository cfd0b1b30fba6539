#if !__has_include(<jansson.h>)
#error "jansson is missing: install Debian's libjansson-dev."
#endif
#include <jansson.h>
