#!/usr/bin/env bash
# Runs a command with a Redis of its own, which ends with it. In its arguments, REDIS is where that is: the path of its
# socket. usage: with_redis.sh COMMAND...
set -euo pipefail
directory=$(mktemp -d /tmp/with-redis-XXXXXX)
socket=$directory/redis.sock
redis-server --port 0 --unixsocket "$socket" --save '' --dir "$directory" >"$directory/log" &
redis=$!
end() {
  kill "$redis" 2>/dev/null || true
  wait "$redis" 2>/dev/null || true
  rm -rf "$directory"
}
trap end EXIT
trap 'exit 130' INT TERM
for ((tries = 0; tries < 100; tries++)); do
  test ! -S "$socket" || break
  sleep 0.1
done
test -S "$socket" || { cat "$directory/log"; exit 2; }
"${@//REDIS/$socket}"
