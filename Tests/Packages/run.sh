#!/usr/bin/env bash
# Makes the packages of a build and tries each where nothing else of the project is: the Debian packages installed and
# purged (as root; else unpacked), the tarball in a clean prefix, the wheel and the sdist in clean venvs.
# usage: run.sh BUILD_DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
work=$build/packages
packages=(libstreamablehttp-dev libstreamablehttp-sqlite0 libstreamablehttp-redis0 libstreamablehttp0)
unset STREAMABLEHTTP_LIBRARY PYTHONPATH LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH
export PIP_DISABLE_PIP_VERSION_CHECK=1

current="setting up"
passed=0
check() { # the one before has passed
  test "$current" = "setting up" || passed=$((passed + 1))
  current=$1
  echo "$current"
}
fail() { echo "$*"; exit 1; }

installed=
end() {
  local status=$?
  if test -n "$installed"; then dpkg --purge "${packages[@]}" >/dev/null 2>&1 || true; fi
  test $status = 0 || echo "FAILED: $current"
}
trap end EXIT
trap 'exit 130' INT TERM

install_tools() {
  local missing=() as_root=()
  command -v lintian >/dev/null || missing+=(lintian)
  command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
  command -v file >/dev/null || missing+=(file)
  command -v unzip >/dev/null || missing+=(unzip)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  test ${#missing[@]} -gt 0 || return 0
  test "$(id -u)" = 0 || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

is_installed() { python3 -c 'import ctypes; ctypes.CDLL("libstreamablehttp.so.0")' 2>/dev/null; }

# venv NAME: a new one, with its interpreter in $python. `install` puts something into it.
venv() {
  rm -rf "${work:?}/$1"
  python3 -m venv --without-pip "$work/$1"
  python=$work/$1/bin/python
}
install() { "$work/tools/bin/python" -m pip --python "$python" install "$@"; }

# serve [ARGUMENT...]: a server and a request in the venv; $loaded are the libraries in its process.
serve() { loaded=$(cd / && timeout 60 "$python" -I "$here/serve_once.py" "$@"); }
has_loaded() { grep -qE "$1" <<<"$loaded" || fail "not loaded: $1, but $loaded"; }

install_tools
SECONDS=0
rm -rf "$work/made"
mkdir -p "$work/made"

check "cpack makes four Debian packages and a tarball"
cmake "$build" >/dev/null
(cd "$work" && cpack --config "$build/CPackConfig.cmake" -B "$work/made") >"$work/cpack.log" 2>&1 ||
  fail "$(cat "$work/cpack.log")"
runtime=$(echo "$work"/made/libstreamablehttp0_*.deb)
sqlite=$(echo "$work"/made/libstreamablehttp-sqlite0_*.deb)
redis=$(echo "$work"/made/libstreamablehttp-redis0_*.deb)
development=$(echo "$work"/made/libstreamablehttp-dev_*.deb)
tarball=$(echo "$work"/made/libstreamablehttp-*.tar.gz)
for file in "$runtime" "$sqlite" "$redis" "$development" "$tarball"; do test -f "$file" || fail "there is no $file"; done
version=$(dpkg-deb --field "$runtime" Version)
version=${version%-*}

check "lintian has no error and no warning"
as_root=()
test "$(id -u)" != 0 || as_root=(--allow-root)
lintian "${as_root[@]}" --fail-on error,warning "$runtime" "$sqlite" "$redis" "$development"

check "the runtime package has only the library, those of modules a module each, the development package all else"
contents() { dpkg-deb --fsys-tarfile "$1" | tar -t | grep -vE '/$|/usr/share/(doc|lintian)/' | sort; }
library=./usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/libstreamablehttp.so
expected=$(printf '%s\n' "$library.0" "$library.$version")
test "$(contents "$runtime")" = "$expected" || fail "$(contents "$runtime")"
for module in "sqlite $sqlite libsqlite3-0" "redis $redis libhiredis"; do
  read -r name file needed <<<"$module"
  expected=$(printf '%s\n' "${library%.so}-$name.so.0" "${library%.so}-$name.so.$version")
  test "$(contents "$file")" = "$expected" || fail "$(contents "$file")"
  [[ $(dpkg-deb --field "$file" Depends) == *$needed* ]] || fail "$(dpkg-deb --field "$file" Depends)"
  [[ $(dpkg-deb --field "$runtime" Depends) != *$needed* ]] || fail "$(dpkg-deb --field "$runtime" Depends)"
done
others=$(contents "$development" | grep -vE '/(libstreamablehttp\.so|streamablehttp\.pc|StreamableHTTPConfig(Version)?\.cmake)$' |
  grep -vE '^\./usr/share/(man/man3/[a-z0-9_]+\.3\.gz|streamablehttp/streamablehttp\.(json|cdef))$' || true)
test "$others" = "$(cd "$root/include" && printf './usr/include/%s\n' *.h *.hpp)" || fail "$others"

check "the symbols file lists what the library exports"
listed=$(dpkg-deb --ctrl-tarfile "$runtime" | tar -xO ./symbols | sed -n 's/^ \([^ ]*\) .*/\1/p' | sort)
exported=$(nm -D --defined-only "$build/lib/libstreamablehttp.so" | awk '{ sub("@@", "@", $3); print $3 }' | sort)
diff <(echo "$listed") <(echo "$exported")

rm -rf "$work/tree" "$work/consumer" "$work/debian" "$work/prefix" "$work/without_sqlite"
if test "$(id -u)" = 0 && ! is_installed; then
  check "the Debian packages install, and C programs find the library by pkg-config and CMake"
  installed=yes
  dpkg --install "$runtime" "$sqlite" "$redis" "$development" >/dev/null
  bash "$root/Tests/C/consumer/try.sh" /usr "$work/consumer"

  check "a package that links the library depends on libstreamablehttp0"
  mkdir "$work/debian"
  echo "Source: consumer" >"$work/debian/control"
  needed=$(cd "$work" && dpkg-shlibdeps -O consumer/with_pkg_config 2>&1)
  [[ $needed == *"libstreamablehttp0 (>= $version)"* ]] || fail "$needed"
else
  echo "Not root, or a libstreamablehttp is installed: the Debian packages are unpacked, not installed"
  check "C programs find the library of the Debian packages by pkg-config and CMake"
  for package in "$runtime" "$sqlite" "$redis" "$development"; do dpkg --extract "$package" "$work/tree"; done
  PKG_CONFIG_SYSROOT_DIR=$work/tree bash "$root/Tests/C/consumer/try.sh" "$work/tree/usr" "$work/consumer"
fi

check "the Python packages are made"
rm -rf "$work/python"
bash "$root/bindings/python/packages.sh" "$build" "$work/python" >/dev/null
wheel=$(echo "$work"/python/*.whl)
sdist=$(echo "$work"/python/*.tar.gz)

if test -n "$installed"; then
  check "the sdist installs where the Debian package is, and uses its library"
  venv with_sdist
  install --quiet "$sdist"
  serve store
  has_loaded '^/usr/lib/.*/libstreamablehttp.so.0'
  has_loaded '^/usr/lib/.*/libstreamablehttp-sqlite.so.0'

  check "the Debian packages are purged, and nothing is left"
  dpkg --purge "${packages[@]}" >/dev/null
  for package in "$runtime" "$sqlite" "$redis" "$development"; do
    for file in $(dpkg-deb --fsys-tarfile "$package" | tar -t | grep -v '/$' | sed 's/^\.//'); do
      test ! -e "$file" || fail "$file is still there"
    done
  done
  ! ldconfig -p | grep libstreamablehttp || fail "the loader still knows the library"
  installed=
fi

check "the tarball works in any folder, by pkg-config and CMake"
mkdir "$work/prefix"
tar -xzf "$tarball" -C "$work/prefix" --strip-components 1
bash "$root/Tests/C/consumer/try.sh" "$work/prefix" "$work/consumer/of_tarball"

check "the wheel is for any Linux with glibc 2.34, with its own libuv, jansson, SQLite and hiredis"
tag=manylinux_2_34_$(uname -m)
[[ $wheel == *-py3-none-$tag.whl ]] || fail "$wheel"
shown=$("$work/tools/bin/auditwheel" show "$wheel")
grep -q "platform tag: \"$tag\"" <<<"$shown" || fail "$shown"
venv with_wheel
install --quiet --no-index "$wheel"
serve
has_loaded '/libstreamablehttp.so$'
has_loaded '/streamablehttp.libs/libuv-'
has_loaded '/streamablehttp.libs/libjansson-'
! grep -v "^$work/with_wheel/" <<<"$loaded" || fail "These libraries are not the wheel's"
modules=$(unzip -Z1 "$wheel" | grep -E 'sqlite.*\.so' | sed 's/-[0-9a-f]*\.so.*/.so/' | sort)
test "$modules" = "$(printf '%s\n' streamablehttp.libs/libsqlite3.so streamablehttp/libstreamablehttp-sqlite.so.0)" ||
  fail "of SQLite it has $modules"

check "the wheel has a store with an SQLite of its own, and without it says what to do"
serve store
has_loaded '/streamablehttp/libstreamablehttp-sqlite.so.0$'
has_loaded '/streamablehttp.libs/libsqlite3-'
! grep -v "^$work/with_wheel/" <<<"$loaded" || fail "These libraries are not the wheel's"
if ! is_installed; then
  mkdir "$work/without_sqlite"
  mv "$work"/with_wheel/lib/python3*/site-packages/streamablehttp.libs/libsqlite3-* "$work/without_sqlite"
  if serve store 2>"$work/store.log"; then fail "it has found some SQLite"; fi
  said=$(tail -n 1 "$work/store.log")
  [[ $said == *"InvalidOptionError: store: needs the package libstreamablehttp-sqlite0"*": libsqlite3-"* ]] || fail "$said"
  serve
  mv "$work"/without_sqlite/libsqlite3-* "$work"/with_wheel/lib/python3*/site-packages/streamablehttp.libs
fi

modules=$(unzip -Z1 "$wheel" | grep -E 'redis.*\.so' | sed 's/-[0-9a-f]*\.so.*/.so/' | sort)
test "$modules" = "$(printf '%s\n' streamablehttp.libs/libhiredis.so streamablehttp/libstreamablehttp-redis.so.0)" ||
  fail "of Redis it has $modules"

check "the wheel has a store in Redis"
loaded=$(cd / && bash "$root/Tests/Stores/with_redis.sh" timeout 60 "$python" -I "$here/serve_once.py" redis REDIS)
has_loaded '/streamablehttp/libstreamablehttp-redis.so.0$'
has_loaded '/streamablehttp.libs/libhiredis-'
test "$(grep -c '/libuv' <<<"$loaded")" = 1 || fail "The library and its module have not the same libuv: $loaded"
! grep -v "^$work/with_wheel/" <<<"$loaded" || fail "These libraries are not the wheel's"

check "the wheel serves beside other copies of libuv in its process"
install --quiet uvloop
serve uvloop
has_loaded '/uvloop/'
serve system-libuv
has_loaded '^/usr/lib/.*/libuv'

if is_installed; then
  echo "Not checked: what the sdist says without a library, because a libstreamablehttp is installed"
else
  check "the sdist says what to do where there is no library"
  venv without_library
  if install "$sdist" >"$work/pip.log" 2>&1; then fail "pip found some library"; fi
  for words in "Install the wheel" "Install the Debian package libstreamablehttp0" "STREAMABLEHTTP_LIBRARY=/"; do
    test "$(grep -c "$words" "$work/pip.log")" = 1 || fail "'$words' is not once in: $(cat "$work/pip.log")"
  done
  ! grep -q Traceback "$work/pip.log" || fail "$(cat "$work/pip.log")"
fi

check "done"
echo "packages: $passed checks passed in $SECONDS s"
