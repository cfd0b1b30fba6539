#!/usr/bin/env bash
# Compiles header_strict.c in every language the header promises, with each compiler there is.
# usage: header_strict.sh INCLUDE_DIRECTORY
set -eu
source=$(dirname "${BASH_SOURCE[0]}")/header_strict.c
checked=0
for compiler in gcc clang; do
  command -v "$compiler" >/dev/null || { echo "skipped: no $compiler"; continue; }
  for language in "c c99" "c c11" "c c17" "c++ c++17"; do
    read -r kind standard <<<"$language"
    for order in -ULIBRARIES_FIRST -DLIBRARIES_FIRST; do
      # libuv's and jansson's headers come from system directories, where warnings are theirs.
      "$compiler" -x "$kind" "-std=$standard" -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -Wconversion \
        -Wshadow "$order" -I"$1" -fsyntax-only "$source"
      echo "$compiler $standard $order"
      checked=$((checked + 1))
    done
  done
done
test "$checked" -gt 0
