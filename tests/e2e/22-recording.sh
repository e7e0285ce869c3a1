#!/usr/bin/env bash
# 22-recording - a recording gives the flows of the live run, holes included; one that cannot be read or written says
# why (tests/e2e/recording.py).
. "$(dirname "$0")/lib.sh"
need_root
timeout 600 python3 tests/e2e/recording.py "$LIMPID" "$TMP" >"$TMP/tap"
rc=$?
grep -v '^1\.\.' "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "recordings come to their end" 0 "$rc"
