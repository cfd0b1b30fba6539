#if !__has_include(<sqlite3.h>)
#error "SQLite is missing: install Debian's libsqlite3-dev."
#endif
#include <sqlite3.h>
