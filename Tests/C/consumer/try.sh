#!/usr/bin/env bash
# Builds consumers in C and C++ with pkg-config and with find_package, against the library installed in PREFIX, and runs
# them.
# Where the system looks by itself, /usr, nothing tells them the place. usage: consumer/try.sh PREFIX DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=$1 work=$2
mkdir -p "$work"
cmake_options=()
if test "$prefix" != /usr; then
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name streamablehttp.pc)")
  LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
  export PKG_CONFIG_PATH LD_LIBRARY_PATH
  cmake_options=("-DCMAKE_PREFIX_PATH=$prefix")
fi

version=$(pkg-config --modversion streamablehttp)
read -ra flags <<<"$(pkg-config --cflags --libs streamablehttp)"
cc "$here/consumer.c" -o "$work/with_pkg_config" "${flags[@]}"
c++ -std=c++17 "$here/consumer.cc" -o "$work/with_pkg_config_cxx" "${flags[@]}"
for program in "$work/with_pkg_config" "$work/with_pkg_config_cxx"; do
  said=$("$program")
  test "$said" = "$version listens" || { echo "streamablehttp.pc says $version, the header: $said"; exit 1; }
done

cmake -S "$here" -B "$work/build" "${cmake_options[@]}" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/consumer"
"$work/build/consumer_cxx"
for program in "$work"/{with_pkg_config,build/consumer}{,_cxx}; do
  found=$(ldd "$program" | sed -n 's/.*libstreamablehttp.so.0 => \([^ ]*\).*/\1/p')
  case $(realpath "$found") in
    "$(realpath "$prefix")"/*) ;;
    *) echo "$program runs with $found, not with the library in $prefix"; exit 1 ;;
  esac
done
