#!/usr/bin/env bash
# Sets up, builds, and runs every test, in the order a reader wants the news; or only the stages that are named, and
# before them those that they need. Stops at the first stage that fails. Ends with the runners' own summaries, the
# seconds of each stage, and the number of stages. usage: run.sh [--list | STAGE...]
set -euo pipefail

# Calls `$1 NAME NEEDS TITLE COMMAND...` for each stage; it comes after the stages that it needs.
stages() {
  local stage=$1
  $stage lint "" "Lint" bash Tests/Lint/run.sh
  $stage build "" "Build" build_library
  $stage generated "" "Generated files are up to date" swift run abigen --check
  $stage abi "" "Promises and manual pages" bash Tests/abigen/run.sh
  $stage swift "" "Swift tests" env -u TRANSCRIPTS swift test
  $stage simulator "" "Simulator" simulator
  $stage fuzz "" "Fuzzers" bash Tests/Fuzz/run.sh
  $stage c "build" "C tests" ctest --test-dir "$build" --output-on-failure
  $stage sanitizers "build" "Sanitizers" bash Tests/Sanitizers/run.sh "$build"
  $stage load "build" "Load" bash Tests/Load/run.sh "$build"
  $stage budgets "build" "Budgets" python3 -B Tests/Benchmarks/budgets.py "$build"
  $stage venv "build" "Python environment" make_venv "$root/bindings/python[test]"
  $stage python "venv" "Python tests" "$build/venv/bin/python" -m pytest -q "$root/bindings/python/tests"
  $stage sdk "venv" "The official SDK and FastMCP" bash Tests/SDK/run.sh "$build"
  $stage stores "venv" "Stores that outlive processes" bash Tests/Stores/run.sh "$build"
  $stage strangers "venv" "Strangers" bash Tests/Strangers/run.sh "$build"
  $stage proxies "venv" "Proxies" bash Tests/Proxies/run.sh "$build"
  $stage packages "build" "Packages" bash Tests/Packages/run.sh "$build"
  $stage ffi "build" "Other languages" bash Tests/FFI/run.sh "$build"
}

# Many seeds must hold, and what is broken on purpose must be found and called by its name.
simulator() {
  local simulate kind found
  swift build -c release --product simulate
  simulate=$(swift build -c release --show-bin-path)/simulate
  "$simulate" --seeds 1500
  for kind in loss duplication reordering leak filter parking invariant amnesia impostor interruption \
    numbering echo twins hole; do
    found=$("$simulate" --seeds 20 --sabotage "$kind" | grep '^seed') || true
    echo "$kind on purpose: ${found%%$'\n'*}"
    ! grep -v " failed: $kind: " <<<"$found" || return 1
  done
}

# ---- Which stages -------------------------------------------------------------

names=()
declare -A needs=() wanted=()

note() { names+=("$1"); needs[$1]=$2; }
build='' root='' stages note

if test "${1:-}" = --list; then printf '%s\n' "${names[@]}"; exit; fi
test $# -gt 0 || set -- "${names[@]}"
for name in "$@"; do
  if ! [[ " ${names[*]} " == *" $name "* ]]; then
    echo "There is no stage $name, but there are ${names[*]}" >&2
    exit 2
  fi
  wanted[$name]=yes
done
for ((i = ${#names[@]} - 1; i >= 0; i--)); do
  test -n "${wanted[${names[i]}]:-}" || continue
  for need in ${needs[${names[i]}]}; do wanted[$need]=yes; done
done

# ---- Running them -------------------------------------------------------------

source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_for_tests
cd "$root"
exec </dev/null

# Each stage is a process group of its own: when it or this script ends, nothing it has started lives on.
set -m
group=
end_group() { test -z "$group" || kill -TERM -- "-$group" 2>/dev/null || true; }
trap end_group EXIT
trap 'exit 130' INT TERM

log=$build/stage.log
passed=0
summaries=
times=

note_time() { times+=$(printf '%6d s  %s' "$2" "$1")$'\n'; }

finish() {
  note_time "in all" "$SECONDS"
  say "Summary"
  printf '%s%s' "$summaries" "$times"
  echo "$passed passed, $1 failed"
}

run() {
  local name=$1 title=$3 start=$SECONDS said
  test -n "${wanted[$name]:-}" || return 0
  say "$title"
  mkdir -p "$build"
  { "${@:4}" 2>&1 | tee "$log"; } &
  group=$!
  if ! wait "$group"; then
    note_time "$name" $((SECONDS - start))
    say "FAILED: $title"
    finish 1
    exit 1
  fi
  end_group; group=
  note_time "$name" $((SECONDS - start))
  passed=$((passed + 1))
  said=$(grep -E '^lint: |own tests: |^proxies: |checks passed|^ffi: |Test run with|tests passed|proofs passed|budgets kept|fuzzers, |seeds, .* failures|[0-9]+ passed.* in ' \
    "$log" || true)
  summaries+=${said:+$said$'\n'}
}

stages run
finish 0
