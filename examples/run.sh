#!/usr/bin/env bash
# Sets up, builds, and shows the library at work: examples/walkthrough.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../Tests/setup.sh"
cd "$root"

say "Building the library and the examples"
build_library
say "A walk through the library"
STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so PYTHONPATH=$root/bindings/python \
  python3 "$root/examples/walkthrough.py" </dev/null
