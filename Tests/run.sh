#!/usr/bin/env bash
# Sets up, builds, and runs every test, in the order a reader wants the news. Stops at the first stage that
# fails. Ends with the runners' own summaries and the number of stages.
set -euo pipefail
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

stage() {
  say "$1"
  mkdir -p "$build"
  { "${@:2}" 2>&1 | tee "$log"; } &
  group=$!
  if ! wait "$group"; then
    say "FAILED: $1"
    echo "$passed passed, 1 failed"
    exit 1
  fi
  end_group; group=
  passed=$((passed + 1))
  summaries+=$(grep -E 'Test run with|tests passed|proofs passed|budgets kept|fuzzers, |seeds, .* failures|[0-9]+ passed.* in ' "$log" || true)$'\n'
}

python_tests() {
  make_venv "$root/bindings/python[test]"
  "$build/venv/bin/python" -m pytest -q "$root/bindings/python/tests"
}

# Thousands of seeds must hold, and what is broken on purpose must be found and called by its name.
simulator() {
  local simulate kind found
  swift build -c release --product simulate
  simulate=$(swift build -c release --show-bin-path)/simulate
  "$simulate" --seeds 3000
  for kind in loss duplication reordering leak invariant; do
    found=$("$simulate" --seeds 20 --sabotage "$kind" | grep '^seed') || true
    echo "$kind on purpose: ${found%%$'\n'*}"
    ! grep -v " failed: $kind: " <<<"$found" || return 1
  done
}

stage "Build" build_library
stage "Generated files are up to date" swift run abigen --check
stage "Swift tests" swift test
stage "Simulator" simulator
stage "Fuzzers" bash Tests/Fuzz/run.sh
stage "C tests" ctest --test-dir "$build" --output-on-failure
stage "Sanitizers" bash Tests/Sanitizers/run.sh "$build"
stage "Load" bash Tests/Load/run.sh "$build"
stage "Budgets" python3 -B Tests/Benchmarks/budgets.py "$build"
stage "Python tests" python_tests
stage "Strangers" bash Tests/Strangers/run.sh "$build"

say "Summary"
grep . <<<"$summaries"
echo "$passed passed, 0 failed"
