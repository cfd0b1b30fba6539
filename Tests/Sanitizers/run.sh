#!/usr/bin/env bash
# Builds the library itself and its modules with a sanitizer in them, and puts them under the C programs and under a Python host
# that is stressed. Both start without a sanitizer of their own, and get the runtime of the library's.
# usage: run.sh BUILD_DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$1
stress_seconds=10
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
# The interpreter itself: a script that stands for it would be sanitized instead.
python=$(python3 -c 'import sys; print(sys.executable)')
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/bindings/python:$root/bindings/python/tests
export TSAN_OPTIONS=halt_on_error=1

# The rest of this file knows the sanitizer by its name (address, thread), and where its library is.
runtime() {
  ls "$resources"/clang/lib/linux/libclang_rt."${sanitizer:0:1}"san-"$(uname -m)".so
  # Swift's thread sanitizer knows of Dispatch, and does not load without.
  test "$sanitizer" = address || ls "$resources"/linux/libdispatch.so
}

# The library is to lack what the runtime has, which the linker would refuse.
build_library() {
  local flags=() product
  test "$sanitizer" = thread || flags=(-Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined)
  for product in streamablehttp streamablehttp-sqlite streamablehttp-redis; do
    SHTTP_EMBEDDED=1 swift build -c release --product $product --disable-local-rpath \
      --package-path "$root" --scratch-path "$scratch" --sanitize="$sanitizer" "${flags[@]}" \
      -Xlinker -z -Xlinker undefs
    ln -sf lib$product.so "$scratch/release/lib$product.so.0"
  done
}

sanitized() {
  timeout 120 env LD_PRELOAD="$(runtime | tr '\n' ' ')" LD_LIBRARY_PATH="$scratch/release" \
    STREAMABLEHTTP_LIBRARY="$scratch/release/libstreamablehttp.so" "$@"
}

catches() {
  local said
  echo "canary.py $1"
  if said=$(sanitized "$python" "$here/canary.py" "$1" 2>&1) || ! grep -q "$2" <<<"$said"; then
    printf 'the %s sanitizer did not say "%s" but:\n%s\n' "$sanitizer" "$2" "$said"
    return 1
  fi
  passed=$((passed + 1))
}

passes() {
  echo "${*##*/}"
  sanitized "$@"
  passed=$((passed + 1))
}

# usage: passes_with_redis PROGRAM THAT STARTS IT, COMMAND...
passes_with_redis() {
  echo "${3##*/}, with ${2##*/}"
  STORE_MODULE=libstreamablehttp-redis.so.0 "$1" "$2" timeout 120 \
    env LD_PRELOAD="$(runtime | tr '\n' ' ')" LD_LIBRARY_PATH="$scratch/release" "${@:3}"
  passed=$((passed + 1))
}

prove() {
  local sanitizer=$1 scratch=$build/sanitized/$1 passed=0 program
  build_library
  case $sanitizer in
    address) catches address heap-use-after-free; catches leak "detected memory leaks" ;;
    thread) catches thread "data race" ;;
  esac
  for program in "$build"/tests/*; do
    case $program in
      *_address_undefined | *_thread | */abi_*) ;;
      *) passes "$program" ;;
    esac
  done
  passes_with_redis bash "$root/Tests/Stores/with_redis.sh" \
    "$build/tests/conformance_sqlite" --without total 'unix:REDIS?prefix=tests'
  passes_with_redis "$python" "$root/Tests/Support/redis_server.py" \
    "$build/tests/conformance_sqlite" --without total 'redis://REDIS?prefix=tests'
  # The interpreter leaks what its threads have left behind; the C programs must not.
  ASAN_OPTIONS=detect_leaks=0 passes "$python" "$here/stress.py" "$stress_seconds"
  echo "$sanitizer: $passed tests passed"
}

# Both at once: each uses one processor most of the time.
mkdir -p "$build/sanitized"
prove address >"$build/sanitized/address.log" 2>&1 &
address=$!
prove thread >"$build/sanitized/thread.log" 2>&1 &
thread=$!
failed=
wait $address || failed=1
cat "$build/sanitized/address.log"
wait $thread || failed=1
cat "$build/sanitized/thread.log"
test -z "$failed"
