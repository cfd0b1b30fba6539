#!/usr/bin/env bash
# The official SDK and FastMCP on the library: the same servers under uvicorn and under the library, the oldest and the
# newest supported versions, and the frameworks' own tests. Needs the network. usage: run.sh BUILD_DIRECTORY [ARGUMENT OF PYTEST...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
shift
export PYTHONDONTWRITEBYTECODE=1
place=$build/sdk
export SDK_WHEELS=$place/wheels
mkdir -p "$place/wheels"

# environment NAME: a virtual environment with what NAME.txt lists, and with the wheel.
environment() {
  local python=$place/$1/bin/python
  test -x "$python" || python3 -m venv "$place/$1"
  "$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/$1.txt"
  "$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$place"/wheels/*.whl
}

rm -f "$place"/wheels/*
STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so "$build/venv/bin/python" -m pip wheel --quiet \
  --disable-pip-version-check --no-deps --wheel-dir "$place/wheels" "$root/bindings/python"
environment newest
environment oldest

cd "$here"
status=0

# run_tests NAME ARGUMENT...: the tests here with the versions of an environment.
run_tests() {
  local python=$place/$1/bin/python
  shift
  echo "== $("$python" -m pip freeze | grep -E '^(mcp|fastmcp)==' | tr '\n' ' ')"
  "$python" -m pytest -q -p no:cacheprovider -p no:asyncio --tb=short "$@" || status=1
}

run_tests newest . "$@"
run_tests oldest test_bridge.py test_compare.py test_life.py test_restart.py -k "not auto and not stateless" "$@"
for each in sdk fastmcp; do
  "$place/newest/bin/python" suites.py "$each" "$place/sources" || status=1
done
exit $status
