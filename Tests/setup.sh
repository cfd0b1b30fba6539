# shellcheck shell=bash
# Sourced by Tests/run.sh and examples/run.sh. Sets `root` and `build`, installs the Debian packages that are
# missing, puts Swift on PATH, and has two functions: `build_library` and `make_venv PACKAGE...`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/.build-cmake

say() { printf '\n== %s\n' "$*"; }

install_what_is_missing() {
  local missing=() tool
  for tool in cmake pkg-config gcc g++ make clang valgrind; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  test -e /usr/include/stdlib.h || missing+=(libc6-dev)
  test -e /usr/include/uv.h || missing+=(libuv1-dev)
  test -e /usr/include/jansson.h || missing+=(libjansson-dev)
  if ! test -e /usr/share/include/llhttp/llhttp.h && ! test -e /usr/include/llhttp.h; then
    missing+=(node-llhttp)
  fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  test ${#missing[@]} -gt 0 || return 0

  say "Installing ${missing[*]}"
  local as_root=()
  test "$(id -u)" = 0 || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  # Debian 12 has llhttp as node-llhttp; newer systems have it as a library.
  if [[ " ${missing[*]} " == *" node-llhttp "* ]] && ! apt-cache show node-llhttp >/dev/null 2>&1; then
    missing=("${missing[@]/node-llhttp/libllhttp-dev}")
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
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

build_library() {
  cmake -S "$root" -B "$build"
  cmake --build "$build" --parallel
}

make_venv() {
  test -x "$build/venv/bin/python" || python3 -m venv "$build/venv"
  "$build/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

say "Setting up"
install_what_is_missing
find_swift
