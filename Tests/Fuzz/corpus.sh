#!/usr/bin/env bash
# The inputs that the fuzzers begin with are one archive, with a folder for each fuzzer. The same inputs give the
# same bytes. usage: corpus.sh unpack FOLDER, which is made anew; corpus.sh pack FOLDER
set -euo pipefail
archive=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/Corpus.tar.gz

unpack() {
  rm -rf "${1:?}"
  mkdir -p "$1"
  tar -xzf "$archive" -C "$1"
}

pack() {
  tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    -C "${1:?}" -cf - . | gzip -9n >"$archive.new"
  mv "$archive.new" "$archive"
}

case ${1:-} in
  unpack | pack) "$@" ;;
  *) echo "usage: corpus.sh unpack|pack FOLDER" >&2; exit 2 ;;
esac
