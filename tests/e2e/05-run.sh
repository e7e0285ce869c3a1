#!/usr/bin/env bash
# What tests/run says at its end, where only the end of a long log may be kept: every check that failed, with its own words.
. "$(dirname "$0")/lib.sh"

cat >"$TMP/red.sh" <<'T'
echo "# long before"
echo "ok 1 - fine"
echo "# the reason"
echo "not ok 2 - this one"
echo "# what follows from it"
echo "ok 3 - fine again"
echo "# of nothing that failed"
echo "ok 4 - fine again"
exit 1
T
printf 'echo "ok 1 - green"\n' >"$TMP/green.sh"
printf 'echo "ok 1 - so far"; echo "last words"; exit 3\n' >"$TMP/dead.sh"
for i in $(seq 60); do printf 'echo "not ok %d - one of many"; for i in 1 2 3 4 5 6 7 8 9; do echo "# %0200d"; done\n' "$i" 0; done >"$TMP/many.sh"
printf '#!/bin/sh\necho "1..1"; echo "# a program of its own"; echo "not ok 1 - in a program"; exit 1\n' >"$TMP/program"
sed -i '1i #!/bin/sh' "$TMP"/*.sh
chmod +x "$TMP"/*.sh "$TMP/program"
export RESULTS=$TMP/results
tests/run first "$TMP/red.sh" "$TMP/green.sh" "$TMP/dead.sh" "$TMP/program" >"$TMP/first.out" 2>&1
tests/run second "$TMP/green.sh" >/dev/null 2>&1
summary() { tests/run --summary "$@" >"$TMP/end" 2>&1; }
not() { ! "$@"; }
check "a run with a failure fails" not summary first second
equal "its last line has the counts" "6 passed, 3 failed" "$(tail -n 1 "$TMP/end")"
cat >"$TMP/want" <<W
What failed:
  $TMP/red.sh: not ok 2 - this one
    # the reason
    # what follows from it
  $TMP/dead.sh: exit 3
    last words
  $TMP/program: not ok 1 - in a program
    1..1
    # a program of its own
6 passed, 3 failed
W
check "before it stands each failure with what was said around it, and nothing else" diff "$TMP/want" "$TMP/end"
summary second
equal "a green run says only how many" "1 passed, 0 failed" "$(cat "$TMP/end")"
check "a group that did not run is named" not summary second third
check "as a failure" grep -qx '  third: it did not run' "$TMP/end"
tests/run third "$TMP/many.sh" >/dev/null 2>&1
check "of many failures" not summary first third
check "the end stays short" [ "$(wc -c <"$TMP/end")" -lt 12000 ]
check "says what is left out" grep -q 'more$' "$TMP/end"
check "and has the reasons of the first" grep -q '# the reason' "$TMP/end"
tests/run third "$TMP/green.sh" >/dev/null 2>&1
check "what failed in the run before is forgotten" summary third
