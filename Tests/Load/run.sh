#!/usr/bin/env bash
# Runs the load proofs against the built echo server. usage: run.sh BUILD_DIRECTORY
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for proof in sessions streams leaving; do
  echo "$proof.py"
  PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 "$here/$proof.py" "$1/examples/echo_server"
done
echo "3 proofs passed"
