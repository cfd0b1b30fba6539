#!/usr/bin/env bash
# Servers with stores as processes that are killed, handed over, and kept from their disk, and the clients that go on.
# usage: run.sh BUILD_DIRECTORY [ARGUMENT OF PYTEST...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
SHTTP_BUILD_DIR=$(cd "$1" && pwd)
shift
export SHTTP_BUILD_DIR PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/bindings/python
export STREAMABLEHTTP_LIBRARY=$SHTTP_BUILD_DIR/lib/libstreamablehttp.so
exec "$SHTTP_BUILD_DIR/venv/bin/python" -m pytest -q -p no:cacheprovider "$@" "$here"
