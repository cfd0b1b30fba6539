# shellcheck shell=bash
# Sourced by the scripts that build or test. Sets `root` and `build`, installs the Debian packages that building the
# library needs and that are missing, and puts Swift on PATH. Has the functions `say TEXT`, `install_missing`,
# `install_for_tests`, `build_library [OPTION OF CMAKE...]` and `make_venv PACKAGE...`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/.build-cmake

say() { printf '\n== %s\n' "$*"; }

install_packages() {
  say "Installing $*"
  local as_root=() packages=" $* "
  test "$(id -u)" = 0 || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  # Debian 12 has llhttp as node-llhttp; newer systems have it as a library.
  if [[ $packages == *" node-llhttp "* ]] && ! apt-cache show node-llhttp >/dev/null 2>&1; then
    packages=${packages/ node-llhttp / libllhttp-dev }
  fi
  # Installing a server must not start it.
  local policy=/usr/sbin/policy-rc.d failed=0
  test ! -e "$policy" || policy=
  test -z "$policy" || printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
  # shellcheck disable=SC2086  # words
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages || failed=1
  test -z "$policy" || "${as_root[@]}" rm -f "$policy"
  return "$failed"
}

# install_missing [SIGN=]PACKAGE...: installs each package of which there is no sign: a command, or an absolute path.
install_missing() {
  local each sign missing=()
  for each in "$@"; do
    sign=${each%%=*}
    if [[ $sign == /* ]]; then test -e "$sign"; else command -v "$sign" >/dev/null; fi || missing+=("${each#*=}")
  done
  test ${#missing[@]} = 0 || install_packages "${missing[@]}"
}

install_for_building() {
  local llhttp=/usr/share/include/llhttp/llhttp.h
  test -e $llhttp || llhttp=/usr/include/llhttp.h
  install_missing cmake make gcc /usr/include/stdlib.h=libc6-dev /usr/include/uv.h=libuv1-dev \
    /usr/include/jansson.h=libjansson-dev /usr/include/sqlite3.h=libsqlite3-dev \
    /usr/include/hiredis/hiredis.h=libhiredis-dev $llhttp=node-llhttp
}

install_for_tests() {
  install_missing g++ clang pkg-config valgrind python3 redis-server /usr/include/glib-2.0/glib.h=libglib2.0-dev
}

find_swift() {
  local directory version major minor
  for directory in "" /opt/swift/usr/bin /opt/swift/bin; do
    version=$(PATH=${directory:+$directory:}$PATH swift --version 2>/dev/null |
      sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1) || true
    IFS=. read -r major minor <<<"$version"
    if test "${major:-0}" -gt 6 || { test "${major:-0}" = 6 && test "${minor:-0}" -ge 3; }; then
      export PATH=${directory:+$directory:}$PATH
      return 0
    fi
  done
  echo "Swift 6.3 or newer is needed on PATH or in /opt/swift: see https://www.swift.org/install" >&2
  exit 1
}

# With the programs of the tests, for which `install_for_tests` must have run, unless told -DBUILD_TESTING=OFF.
build_library() {
  cmake -S "$root" -B "$build" -DBUILD_TESTING=ON "$@"
  cmake --build "$build" --parallel
}

make_venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
  test -x "$build/venv/bin/python" || python3 -m venv "$build/venv"
  "$build/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

say "Setting up"
install_for_building
find_swift
