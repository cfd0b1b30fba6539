#!/usr/bin/env bash
# Runs the load proofs against the built echo server. usage: run.sh BUILD_DIRECTORY
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
support=$here/../Support
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Werror -I"$support" "$here/peer.c" "$support/response.c" -o "$1/load_peer"
proofs=(sessions streams descriptors kills)
for proof in "${proofs[@]}"; do
  echo "$proof.py"
  PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 "$here/$proof.py" "$1/examples/echo_server" "$1/load_peer"
done
echo "${#proofs[@]} proofs passed"
