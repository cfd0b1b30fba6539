#!/usr/bin/env bash
# Installs to a prefix, and has the consumers built against it. usage: consumer/run.sh BUILD_DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
rm -rf "$build/consumer"
cmake --install "$build" --prefix "$build/consumer/prefix" >/dev/null
bash "$here/try.sh" "$build/consumer/prefix" "$build/consumer"
if cmake -S "$here" -B "$build/consumer/build" -DStreamableHTTP_DIR= -DCMAKE_PREFIX_PATH=/nowhere >/dev/null 2>&1; then
  echo "find_package() finds some other StreamableHTTP"; exit 1
fi
