#!/usr/bin/env bash
# What the shipped library exports, needs and weighs. usage: check_binary.sh LIBRARY EXPORTS_MAP
set -eu
library=$1 map=$2 failed=0
fail() { echo "check_binary.sh: $*"; failed=1; }

# The symbols, which carry their version (shttp_version@@SHTTP_0), against the generated list.
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
listed=$(grep -o 'shttp_[a-z_]*;' "$map" | tr -d ';' | sort)
diff <(echo "$listed") <(echo "$exported") || fail "exported symbols (>) are not those of exports.map (<)"

unversioned=$(nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /@@SHTTP_0$/ { print $3 }')
test -z "$unversioned" || fail "without the version SHTTP_0: $unversioned"

dynamic=$(readelf -dW "$library")
soname=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' <<<"$dynamic")
test "$soname" = libstreamablehttp.so.0 || fail "soname is '$soname'"
while read -r needed; do
  case $needed in
    libuv.so.* | libjansson.so.* | libllhttp.so.* | libc.so.* | libm.so.* | ld-linux*) ;;
    *) fail "needs $needed" ;;
  esac
done < <(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")
if grep -E 'RPATH|RUNPATH' <<<"$dynamic"; then fail "looks for libraries where it was built"; fi
if grep -q TEXTREL <<<"$dynamic"; then fail "has text relocations"; fi
if readelf -lW "$library" | grep 'GNU_STACK' | grep -q 'E  *0x'; then fail "has an executable stack"; fi

# The wheel is for every system with glibc 2.34 or newer.
glibc=$(objdump -T "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
newest=$(printf '%s\n' GLIBC_2.34 "$glibc" | sort -V | tail -n 1)
test "$newest" = GLIBC_2.34 ||
  fail "needs $glibc: $(objdump -T "$library" | awk -v version="($glibc)" '$5 == version { print $6 }')"

size=$(stat -Lc %s "$library")
test "$size" -lt 737280 || fail "$size bytes is more than 720 KiB"
echo "$(wc -l <<<"$exported") symbols, $size bytes"
exit $failed
