#!/usr/bin/env bash
# What a store module exports, needs and weighs. usage: check_module.sh DIRECTORY SONAME LIBRARY_THAT_IT_MAY_NEED...
set -eu
module=$1/$2 soname=$2 failed=0
shift 2
fail() { echo "check_module.sh: $*"; failed=1; }

exported=$(nm -D --defined-only "$module" | awk '$2 != "A" { print $3 }')
test "$exported" = shttp_store_module_open@@SHTTP_STORE_0 || fail "exports $exported"
dynamic=$(readelf -dW "$module")
found=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' <<<"$dynamic")
test "$found" = "$soname" || fail "soname is '$found'"
while read -r needed; do
  for allowed in "$@" libc.so ld-linux; do
    case $needed in "$allowed"*) continue 2 ;; esac
  done
  fail "needs $needed"
done < <(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")
if grep -E 'RPATH|RUNPATH' <<<"$dynamic"; then fail "looks for libraries where it was built"; fi
if grep -q TEXTREL <<<"$dynamic"; then fail "has text relocations"; fi
if readelf -lW "$module" | grep 'GNU_STACK' | grep -q 'E  *0x'; then fail "has an executable stack"; fi

glibc=$(objdump -T "$module" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
newest=$(printf '%s\n' GLIBC_2.34 "$glibc" | sort -V | tail -n 1)
test "$newest" = GLIBC_2.34 || fail "needs $glibc"

size=$(stat -Lc %s "$module")
test "$size" -lt 102400 || fail "$size bytes is more than 100 KiB"
echo "$size bytes"
exit $failed
