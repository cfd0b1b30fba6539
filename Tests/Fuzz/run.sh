#!/usr/bin/env bash
# Builds the fuzzers, checks that they find what is there to be found, runs what once failed and the corpus, and
# then fuzzes, two at a time. usage: run.sh [--grow] [SECONDS_PER_FUZZER]
# --grow adds what has been found to the corpus, drops from that what it makes superfluous, and packs it again.
set -euo pipefail
shopt -s nullglob
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$root/.build-fuzz
corpus=$scratch/Corpus
fuzzers=(Engine HTTP SSE Envelope EventID)

grows=
if test "${1:-}" = --grow; then grows=yes; shift; fi
seconds=${1:-20}  # Five times, two at a time: a minute in all.

export SWIFT_BACKTRACE=enable=no  # Swift's own report of a crash takes minutes.
export here scratch corpus seconds

program() { echo "$scratch/release/Fuzz$1"; }

# Runs a fuzzer whose artifacts and log go to its own folder.
run() {
  local name=$1 directory=$scratch/$1
  mkdir -p "$directory/corpus"
  "$(program "$name")" -artifact_prefix="$directory/" -max_len=4096 -timeout=10 "${@:2}" \
    >"$directory/log" 2>&1
}

canary() {
  rm -rf "${scratch:?}/$1"
  if run "$1" -seed=1 -max_total_time=60; then
    echo "$1 was not found: the fuzzers are blind"
    exit 1
  fi
  if ! grep -q "$2" "$scratch/$1/log" || ! compgen -G "$scratch/$1/crash-*" >/dev/null; then
    cat "$scratch/$1/log"
    exit 1
  fi
  echo "$1 was found"
}

# Runs a fuzzer that has nothing to find.
check() {
  run "$@" && return 0
  grep -E 'Fatal error|SUMMARY' "$scratch/$1/log" || tail -n 40 "$scratch/$1/log"
  local input
  input=$(sed -n 's/.*Test unit written to //p; s/^Running: //p' "$scratch/$1/log" | tail -n 1)
  echo "FAILED: $1 (all it said: $scratch/$1/log). To see it again:"
  echo "SWIFT_BACKTRACE=enable=no $(program "$1") $input"
  return 1
}

replay() {
  local inputs=("$here/FailCases/$1"/* "$corpus/$1"/*)
  check "$1" "${inputs[@]}"
  echo "$1: ${#inputs[@]} known inputs"
}

fuzz() {
  check "$1" "$scratch/$1/corpus" "$corpus/$1" -dict="$here/Dictionaries/$1.dict" \
    -max_total_time="$seconds" -print_final_stats=1
  echo "$1: $(runs "$1") runs"
}

runs() { awk '/stat::number_of_executed_units/ { print $2 }' "$scratch/$1/log"; }

# Keeps the fewest inputs that go everywhere in the code where any does.
grow() {
  local grown=$scratch/$1/grown
  rm -rf "$grown"
  mkdir "$grown"
  check "$1" -merge=1 -use_counters=0 "$grown" "$corpus/$1" "$scratch/$1/corpus"
  rm -r "${corpus:?}/$1"
  mv "$grown" "$corpus/$1"
}

export -f program run check fuzz runs

swift build --package-path "$here" --scratch-path "$scratch" -c release
"$here/corpus.sh" unpack "$corpus"
"$scratch/release/OracleCheck"
canary Canary 'The canary has been found'
canary MemoryCanary 'AddressSanitizer: heap-buffer-overflow'
for name in "${fuzzers[@]}"; do replay "$name"; done
printf '%s\n' "${fuzzers[@]}" | xargs -P 2 -I {} bash -euo pipefail -c 'fuzz {}'
total=0
for name in "${fuzzers[@]}"; do total=$((total + $(runs "$name"))); done
if test -n "$grows"; then
  for name in "${fuzzers[@]}"; do grow "$name"; done
  "$here/corpus.sh" pack "$corpus"
fi
echo "${#fuzzers[@]} fuzzers, $total runs, 0 failures"

