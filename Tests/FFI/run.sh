#!/usr/bin/env bash
# The library from languages without C: the examples in Ruby and LuaJIT serve a tool, and cffi reads the declarations.
# Installs what is missing. Ends with a summary line. usage: run.sh BUILD_DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)

install_what_is_missing() {
  local missing=() as_root=()
  command -v ruby >/dev/null || missing+=(ruby)
  command -v luajit >/dev/null || missing+=(luajit)
  /usr/bin/python3 -c 'import cffi' 2>/dev/null || missing+=(python3-cffi)
  test ${#missing[@]} -gt 0 || return 0
  echo "Installing ${missing[*]}"
  test "$(id -u)" = 0 || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

install_what_is_missing
export STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so
# Debian's Python, which has its cffi.
exec /usr/bin/python3 -B "$here/ffi.py"
