#!/usr/bin/env bash
# 23-target - the probed program comes to no harm: its memory after detaching, files that change below it, Limpid killed
# at any moment (tests/e2e/target.py).
. "$(dirname "$0")/lib.sh"
need_root
timeout 800 python3 tests/e2e/target.py "$LIMPID" "$TMP" >"$TMP/tap"
rc=$?
grep -v '^1\.\.' "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "the targets come to their end" 0 "$rc"
