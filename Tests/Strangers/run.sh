#!/usr/bin/env bash
# What strangers ran into, against the built library: programs that do what a peer or a host may do, and foreign
# clients. Ends with the summary of pytest. usage: run.sh BUILD_DIRECTORY [ARGUMENT OF PYTEST...]
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
shift
python=$build/venv/bin/python
test -x "$python" || python=python3
export STRANGERS_BUILD=$build PYTHONDONTWRITEBYTECODE=1

# The clients' environments are made while the other tests run, which mostly wait.
"$python" "$here/clients/prepare.py" "$build/strangers/clients" >/dev/null 2>&1 &
preparing=$!
trap 'kill "$preparing" 2>/dev/null || true; wait "$preparing" || true' EXIT
cd "$here"
"$python" -m pytest -q -p no:cacheprovider --tb=short "$@" .
