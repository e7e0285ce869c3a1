#!/usr/bin/env bash
# 21-late - Limpid is attached at every step of a conversation that is under way: the next exchange is right, nothing
# is false, and connections that say nothing are known too (tests/e2e/late.py).
. "$(dirname "$0")/lib.sh"
need_root
timeout 800 python3 tests/e2e/late.py "$LIMPID" "$TMP" >"$TMP/tap"
rc=$?
grep -v '^1\.\.' "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "the conversation comes to its end" 0 "$rc"
