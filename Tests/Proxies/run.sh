#!/usr/bin/env bash
# Runs the configurations of docs/OPERATING.md and docs/STORES.md, and clients through each, and checks the systemd unit.
# Installs what is missing. Ends with a summary line. usage: run.sh BUILD_DIRECTORY [NAME...], as in nginx or haproxynodes
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
shift

install_what_is_missing() {
  local missing=() tool
  # Unprivileged users have no sbin on their PATH.
  export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  for tool in nginx haproxy caddy redis-server openssl curl; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  command -v systemd-analyze >/dev/null || missing+=(systemd)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  test ${#missing[@]} -gt 0 || return 0

  echo "Installing ${missing[*]}"
  local as_root=() policy=/usr/sbin/policy-rc.d
  local -i failed=0
  test "$(id -u)" = 0 || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  # Installing a proxy must not start it.
  test ! -e "$policy" || policy=
  if test -n "$policy"; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" || failed=1
  test -z "$policy" || "${as_root[@]}" rm -f "$policy"
  return "$failed"
}

# The environment of the Python tests, or one with the same official client.
find_python() {
  python=$build/venv/bin/python
  if test -x "$python" && "$python" -c 'import mcp' 2>/dev/null; then return 0; fi
  local client
  client=$(grep -o 'mcp==[0-9.]*' "$root/bindings/python/pyproject.toml")
  python=$build/proxies/venv/bin/python
  test -x "$python" || python3 -m venv "$build/proxies/venv"
  "$python" -m pip install --quiet --disable-pip-version-check "$client"
}

install_what_is_missing
find_python
exec "$python" -B "$here/proxies.py" "$build" "$@"
