#!/usr/bin/env bash
# What abigen writes: promises that are broken on purpose are found and named, the JSON can be parsed, and the manual
# pages are clean. Works on a copy. Installs what is missing. usage: run.sh [ABIGEN]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
install_missing mandoc man=man-db groff=groff-base
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
passed=0
SECONDS=0

fail() { echo "FAILED: $*" >&2; exit 1; }
pass() { echo "ok: $*"; passed=$((passed + 1)); }

# ---- Promises --------------------------------------------------------------

promised=Sources/abigen/Promised
check() { "$abigen" --check --root "$copy" >"$copy/out" 2>&1; }

# finds WHAT WANTED SED: abigen must say WANTED, once, about a promise that is edited like this.
finds() {
  cp "$copy/promise" "$copy/$promised/$version.txt"
  sed -i "$3" "$copy/$promised/$version.txt"
  ! cmp -s "$copy/promise" "$copy/$promised/$version.txt" || fail "$1: nothing to edit"
  ! check || fail "$1: not found"
  test "$(grep -cFx -- "$2" "$copy/out")" = 1 || fail "$1: expected '$2', got: $(cat "$copy/out")"
  test "$(wc -l <"$copy/out")" = 2 || fail "$1: more than one fault: $(cat "$copy/out")"
  grep -q 'The ABI of a released version is a promise' "$copy/out" || fail "$1: no advice"
  pass "$1"
}

# shellcheck disable=SC2016 # What has a $ is for sed.
promises() {
  local name=shttp_request_respond
  "$abigen" --root "$copy" >/dev/null
  rm -rf "${copy:?}/$promised"
  ! check || fail "no promise: not found"
  grep -qFx "$promised has no promise" "$copy/out" || fail "no promise: $(cat "$copy/out")"
  if "$abigen" --promise --root "$copy" >"$copy/out" 2>&1; then
    check || fail "a promise that was just written: $(cat "$copy/out")"
    pass "a promise that was just written"
  else
    # Between two releases the table is ahead of its version.
    grep -q ' is since ' "$copy/out" || fail "no promise, and no reason: $(cat "$copy/out")"
    grep -q 'first raise the version' "$copy/out" || fail "no advice: $(cat "$copy/out")"
    test ! -e "$copy/$promised" || fail "a promise of what is not released"
    pass "no promise of what its version does not have"
  fi
  rm -rf "${copy:?}/$promised"
  mkdir -p "$copy/$promised"
  version=$(basename "$(printf '%s\n' "$promised"/*.txt | sort -V | tail -1)" .txt)
  cp "$promised/$version.txt" "$copy/promise"
  cp "$copy/promise" "$copy/$promised/$version.txt"
  check || fail "the newest promise: $(cat "$copy/out")"
  pass "a promise that is kept"

  finds "a changed value" \
    "$version: case shttp_status.SHTTP_ERR_LIMIT has changed; promised: -999; now: -304" \
    's/^case shttp_status.SHTTP_ERR_LIMIT: .*/case shttp_status.SHTTP_ERR_LIMIT: -999/'
  finds "a case that is gone" "$version: case shttp_event_kind.SHTTP_EVENT_GONE is gone; promised: 77" \
    '$a case shttp_event_kind.SHTTP_EVENT_GONE: 77'
  finds "a moved field" \
    "$version: field shttp_event.session has changed; promised: shttp_session at 16; now: shttp_session at 8" \
    's/^\(field shttp_event.session: .*\) at 8$/\1 at 16/'
  finds "a changed type" \
    "$version: field shttp_bytes.len has changed; promised: uint32_t at 8; now: size_t at 8" \
    's/^field shttp_bytes.len: size_t/field shttp_bytes.len: uint32_t/'
  finds "a function that is gone" "$version: function shttp_gone is gone; promised: void shttp_gone(void)" \
    '$a function shttp_gone: void shttp_gone(void)'
  finds "a changed function" \
    "$version: function shttp_version has changed; promised: int shttp_version(void); now: uint32_t shttp_version(void)" \
    's/^function shttp_version: uint32_t/function shttp_version: int/'
  finds "a new function that claims to be old" "$version: function $name is new, and needs a since newer than $version" \
    "/^function $name: /d"
  finds "a new field that claims to be old" \
    "$version: field shttp_stats.session_bytes is new, and needs a since newer than $version" \
    '/^field shttp_stats.session_bytes: /d'
  finds "a function for fewer threads" "$version: thread shttp_loop_destroy is gone; promised: any" \
    '$a thread shttp_loop_destroy: any'
  finds "a field that an event no longer sets" "$version: event SHTTP_EVENT_CLOSED.session is gone; promised: is set" \
    '$a event SHTTP_EVENT_CLOSED.session: is set'
  finds "a struct that shrank" \
    "$version: struct shttp_log_line has changed; promised: at least 9999 bytes; now: at least 96 bytes" \
    's/^struct shttp_log_line: .*/struct shttp_log_line: at least 9999 bytes/'
  finds "a struct of fixed size that grew" \
    "$version: struct shttp_bytes has changed; promised: 8 bytes; now: 16 bytes" \
    's/^struct shttp_bytes: .*/struct shttp_bytes: 8 bytes/'
  finds "a changed constant" "$version: constant SHTTP_ABI_VERSION has changed; promised: 7; now: 0" \
    's/^constant SHTTP_ABI_VERSION: .*/constant SHTTP_ABI_VERSION: 7/'
  finds "a callback that is gone" "$version: callback shttp_on_gone is gone; promised: typedef void (*shttp_on_gone)(void)" \
    '$a callback shttp_on_gone: typedef void (*shttp_on_gone)(void)'
  finds "a line that is damaged" "$version: not a fact: <<<<<<< HEAD" '$a <<<<<<< HEAD'

  sed '/^struct shttp_stats: /s/ [0-9]* / 8 /' "$copy/promise" >"$copy/$promised/$version.txt"
  check || fail "a struct that grew: $(cat "$copy/out")"
  pass "a struct that grew is kept"
  # An older version, 0.0.9, had neither the field nor the function; the field must not lie in what its programs know.
  grep -v 'shttp_stats.session_bytes\|^function shttp_loop_run:' "$copy/promise" >"$copy/$promised/0.0.9.txt"
  cp "$copy/promise" "$copy/$promised/$version.txt"
  ! check || fail "an older promise: not read"
  grep -q '^0.0.9: field shttp_stats.session_bytes is new, but lies within the [0-9]* bytes that programs know$' \
    "$copy/out" || fail "a field in old space: $(cat "$copy/out")"
  ! grep -q 'function shttp_loop_run is new' "$copy/out" || fail "newer than 0.0.9: $(cat "$copy/out")"
  grep -qx '0.0.9: function shttp_loop_stop says since 0.1.0, but 0.0.9 has it' "$copy/out" ||
    fail "a wrong since: $(cat "$copy/out")"
  pass "each promise is checked with its own version"
  rm "$copy/$promised/0.0.9.txt"
  echo >"$copy/$promised/notes.txt"
  ! check || fail "a file that is no promise: not found"
  pass "a file that is no promise"
  rm "$copy/$promised/notes.txt"
  check || fail "everything undone: $(cat "$copy/out")"

  echo >>"$copy/include/streamablehttp.json"
  ! check || fail "an edited file: not found"
  grep -qFx 'include/streamablehttp.json is out of date; run: swift run abigen' "$copy/out" || fail "an edited file: not named"
  touch "$copy/docs/man/shttp_gone.3"
  ! check || fail "a page of nothing: not found"
  grep -qFx 'docs/man/shttp_gone.3 is of nothing in the table; delete it' "$copy/out" || fail "a page of nothing: not named"
  "$abigen" --root "$copy" >/dev/null
  check || fail "files that were just written: $(cat "$copy/out")"
  pass "an edited file, and one that should not be there"
}

# ---- JSON ------------------------------------------------------------------

json() {
  python3 - "$copy/include/streamablehttp.json" "$copy/Sources/CABI/exports.map" <<'EOF' || fail "streamablehttp.json"
import json, re, sys
with open(sys.argv[1], encoding="utf-8") as file:
    api = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    exported = set(re.findall(r"shttp_\w+(?=;)", file.read()))
functions = {f["name"]: f for f in api["functions"]}
twins = {t["name"]: t for t in api["twins"]}
assert functions.keys() | twins.keys() == exported, functions.keys() ^ exported
for function in functions.values():
    by_value = any(p["type"]["kind"] == "struct" for p in function["parameters"])
    assert by_value == ("twin" in function), function["name"]
    assert not by_value or twins[function["twin"]]["of"] == function["name"]
for twin in twins.values():
    assert all(p["type"]["kind"] != "struct" for p in twin["parameters"]), twin["name"]
fields = {f["name"] for s in api["structs"] if s["name"] == "shttp_event" for f in s["fields"]}
kinds = [c for e in api["enums"] if e["name"] == "shttp_event_kind" for c in e["cases"]]
assert kinds and all(set(kind["sets"]) <= fields for kind in kinds)
names = {s["name"] for s in api["statuses"]}
assert all(s["name"] in names for f in functions.values() for s in f.get("statuses", []))
EOF
  pass "streamablehttp.json"
}

# ---- Manual pages ----------------------------------------------------------

# The pages and the words of a page that is broken on purpose must both be found.
lint() {
  local page
  for page in "$@"; do
    { LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null; } 2>&1
  done
  mandoc -T lint -W style "$@" 2>&1 || true
}

manual() {
  local pages page name found broken
  mkdir -p "$copy/share"
  cp -r "$copy/docs/man" "$copy/share/man3"
  mapfile -t pages < <(grep -L '^\.so ' "$copy"/share/man3/*.3)
  found=$(lint "${pages[@]}")
  test -z "$found" || fail "manual pages: $found"
  pass "${#pages[@]} manual pages are clean"

  broken=$copy/broken.3
  printf '.TH BROKEN 3\n.SH NAME\nbroken \\- \\fBnot closed\n.XX\n' >"$broken"
  found=$(lint "$broken")
  grep -q 'macro .XX. not defined' <<<"$found" || fail "man finds nothing: $found"
  grep -q 'missing date' <<<"$found" || fail "mandoc finds nothing: $found"
  pass "a broken page is found"

  for name in $(grep -o 'shttp_[a-z_]*;' "$copy/Sources/CABI/exports.map" | tr -d ';'); do
    page=$(LC_ALL=C.UTF-8 MANWIDTH=80 MANPAGER=cat man -M "$copy/share" 3 "$name" 2>/dev/null) || fail "man $name: no page"
    grep -q "^NAME" <<<"$page" || fail "man $name: no name"
    grep -q "$name(" <<<"$page" || fail "man $name: another page"
  done
  pass "man finds every function"
}

abigen=${1:-}
if test -z "$abigen"; then
  swift build --package-path "$root" --product abigen
  abigen=$(swift build --package-path "$root" --show-bin-path)/abigen
fi
promises
json
manual
echo "abigen: $passed passed in $SECONDS s"
