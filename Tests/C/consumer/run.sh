#!/usr/bin/env bash
# Installs to a prefix, builds one consumer with pkg-config and one with find_package, runs both.
# usage: consumer/run.sh BUILD_DIRECTORY
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
prefix=$build/consumer/prefix
rm -rf "$build/consumer"
cmake --install "$build" --prefix "$prefix" >/dev/null

pc=$(dirname "$(find "$prefix" -name streamablehttp.pc)")
pkg() { PKG_CONFIG_PATH=$pc pkg-config "$@" streamablehttp; }
lib=$(dirname "$pc")
version=$(pkg --modversion)
read -ra flags <<<"$(pkg --cflags --libs)"
cc "$here/consumer.c" -o "$build/consumer/with_pkg_config" "${flags[@]}"
said=$(LD_LIBRARY_PATH=$lib "$build/consumer/with_pkg_config")
test "$said" = "$version listens" || { echo "streamablehttp.pc says $version, the header: $said"; exit 1; }

cmake -S "$here" -B "$build/consumer/build" "-DCMAKE_PREFIX_PATH=$prefix" >/dev/null
cmake --build "$build/consumer/build" >/dev/null
"$build/consumer/build/consumer"
if cmake -S "$here" -B "$build/consumer/build" -DStreamableHTTP_DIR= -DCMAKE_PREFIX_PATH=/nowhere >/dev/null 2>&1; then
  echo "find_package() finds some other StreamableHTTP"; exit 1
fi
