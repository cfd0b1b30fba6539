#!/usr/bin/env bash
# Sets up, builds, and shows the library at work: examples/walkthrough.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../Tests/setup.sh"
install_missing python3
cd "$root"

say "Building the library and the examples"
build_library -DBUILD_TESTING=OFF
say "A walk through the library"
STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so PYTHONPATH=$root/bindings/python \
  python3 "$root/examples/walkthrough.py" </dev/null
