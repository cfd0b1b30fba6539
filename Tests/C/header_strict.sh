#!/usr/bin/env bash
# Compiles header_strict.c in every language the header promises, header_strict.cc as C++17 and C++20, and the examples,
# with each compiler there is.
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

  for standard in c++17 c++20; do
    "$compiler" -x c++ "-std=$standard" -Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow -I"$1" -fsyntax-only \
      "${source}c"
    echo "$compiler $standard streamablehttp.hpp"
    checked=$((checked + 1))
  done

  for example in "$1"/../examples/*.{c,cc}; do
    language=(-std=c11 -D_GNU_SOURCE)
    test "${example##*.}" = c || language=(-std=c++17)
    if [[ $example == */glib_server.c ]]; then
      pkg-config --exists glib-2.0 || { echo "skipped: no glib-2.0 for ${example##*/}"; continue; }
      read -ra glib <<<"$(pkg-config --cflags glib-2.0)"
      language+=("${glib[@]}")
    fi
    "$compiler" "${language[@]}" -Wall -Wextra -Wpedantic -Werror -I"$1" -fsyntax-only "$example"
    echo "$compiler ${example##*/}"
    checked=$((checked + 1))
  done
done
test "$checked" -gt 0
