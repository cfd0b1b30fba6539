#!/usr/bin/env bash
# The library from languages without C: the examples in Ruby and LuaJIT serve a tool, and cffi reads the declarations.
# Installs what is missing. Ends with a summary line. usage: run.sh BUILD_DIRECTORY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
install_missing ruby luajit /usr/lib/python3/dist-packages/cffi=python3-cffi
build=$(cd "$1" && pwd)
export STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so
# Debian's Python, which has its cffi.
exec /usr/bin/python3 -B "$root/Tests/FFI/ffi.py"
