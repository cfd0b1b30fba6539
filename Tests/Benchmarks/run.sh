#!/usr/bin/env bash
# Measures this library beside the reference server and the official Python package, and prints tables and targets.
# usage: run.sh [--only REGEX] [--repeat N] [--seconds N] [--update]: see compare.py
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
install_for_tests
# shellcheck disable=SC2119  # its arguments are for cmake, and not this script's
build_library
make_venv "$root/bindings/python" mcp fastmcp uvicorn uvloop httptools
PYTHONDONTWRITEBYTECODE=1 exec python3 "$root/Tests/Benchmarks/compare.py" "$build" "$@"
