#!/usr/bin/env bash
# More than the rings hold: the decoder is stopped for two seconds under HTTP traffic.  Every byte that is missing is
# in a gap, exchanges after it are read, and what the program moved, the kernel's counters, the decoder's, the API,
# doctor and the Health page as it is drawn say the same.  And a long download of which only the beginning is wanted.
. "$(dirname "$0")/lib.sh"
. tests/e2e/overload.sh

start_limpid limpid "${WATCH[@]}" --db "$TMP/db/flows.db" --pid "$client" --events-ring 256k
check "Limpid starts" until_true 20 grep -q '#t=' "$TMP/limpid.out"
decode=$(pgrep -P "$LIMPID_PID" -x limpid-decode)

step few /before
check "exchanges before are seen" until_true 10 rows /before '.rows | length >= 2'

kill -STOP "$decode"
step storm 2
kill -CONT "$decode"
sleep 0.5 # what fills the rings is read
step few /after
check "exchanges after it are read" until_true 15 rows /after '.rows | length == 3'
check "the first after it is not paired by guess, those that follow are whole" rows /after \
	'([.rows[] | select(.flags | index("after_gap"))] | length) == 1 and
	([.rows[] | select(.status == "200")] | length) >= 2'
step close

LOSSES="ring fault no_buffer unseen budget shed"
check "all that the program moved is accounted for" until_true 10 settled
sleep 2.2 # two reports more
api health >"$TMP/health.json"
value() { jq -r ".agents[0].counters[\"$1\"]" "$TMP/health.json"; }
missing=0 same=yes
for why in $LOSSES; do
	[ "$(value "loss.${why}_bytes")" = "$(value "told.${why}_bytes")" ] || same="no: $why"
	missing=$((missing + $(value "told.${why}_bytes")))
done
note "moved $moved, captured $(value conn.captured_bytes), missing $missing: $(
	for why in $LOSSES; do printf '%s %s ' "$why" "$(value "told.${why}_bytes")"; done), $(value loss.ring_records) records refused"
check "the overload was one" [ $((missing)) -gt 1000000 ]
equal "the kernel's counters are what its records told, by reason" yes "$same"
equal "no byte is missing without a reason" 0 "$(value told.without_reason_bytes)"
equal "nothing was left untold" 0 "$(value loss.untold_bytes)"
equal "captured and missing bytes are those that the program moved" "$moved" "$(value conn.moved_bytes)"
equal "and add up" "$(value conn.moved_bytes)" $(($(value conn.captured_bytes) + missing))
$LIMPID doctor --running "$URL" >"$TMP/doctor" 2>&1
doctor_agrees() {
	local v
	for why in $LOSSES; do
		v=$(value "loss.${why}_bytes")
		[ "$v" = 0 ] || grep -Eq "^ +loss.${why}_bytes +$v\$" "$TMP/doctor" || return 1
	done
}
check "doctor says the same of the running one" doctor_agrees
check "with a sentence and what to do" grep -q -A1 'by full rings\|because the rings were filling up' "$TMP/doctor"
equal "as JSON it is what the API says" "$(jq -c '.agents[0].counters["loss.ring_bytes"]' "$TMP/health.json")" \
	"$($LIMPID doctor --json --running "$URL" | jq -c '.agents[0].counters["loss.ring_bytes"]')"

# As a person reads it: the numbers that Chromium has drawn.
if command -v node >/dev/null && [ -x /usr/bin/chromium ]; then
	[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
	check "the Health page is drawn" timeout --kill-after=10 300 sh -c \
		"node tests/web/health.mjs 'http://127.0.0.1:$http/' $TOKEN health-overload.png >'$TMP/drawn'"
	drawn() { jq -r ".[\"$1\"][$2]" "$TMP/drawn"; }
	shown=0 same=yes
	for why in $LOSSES; do
		v=$(value "loss.${why}_bytes")
		[ "$v" = 0 ] || [ "$(drawn "$why" 0) $(drawn "$why" 1)" = "$v $v" ] || same="no: $why"
		[ "$v" = 0 ] || shown=$((shown + 1))
	done
	equal "it shows the bytes missing, by reason, exactly" yes "$same"
	equal "and no other reason" "$((shown + 3))" "$(jq length "$TMP/drawn")" # captured, missing, moved
	equal "what it says is missing is what the program moved and nobody captured" \
		"$((moved - $(value conn.captured_bytes)))" "$(drawn missing 1)"
	equal "of what it says was moved" "$moved $(value conn.captured_bytes)" "$(drawn moved 1) $(drawn captured 1)"
else
	skip "the Health page is drawn" "node or chromium is missing: tools/bootstrap test"
fi
$LIMPID doctor --running "http://127.0.0.1:$http/#t=00000000000000000000000000000000" >"$TMP/doctor" 2>&1
equal "a wrong token is an error" 1 $?
check "that says so" grep -q 'the token is wrong' "$TMP/doctor"
end_process "$client"
end_process "$LIMPID_PID"

# --- a long download of which the beginning is enough -----------------------------------------------------------
BYTES=${OVERLOAD_BYTES:-268435456}
start_client
start_limpid limpid "${WATCH[@]}" --db "$TMP/db/flows2.db" --pid "$client"
check "Limpid starts again" until_true 20 grep -q '#t=' "$TMP/limpid.out"
sleep 1
step get $BYTES
check "the download is one flow, with its true length" until_true 10 rows /get/ \
	".rows[0] | .state == \"done\" and .resp_len == $BYTES"
check "cut off, but not for a gap" rows /get/ \
	'.rows[0].flags | index("truncated") != null and index("after_gap") == null'
sleep 2.2
api health >"$TMP/health.json"
note "moved $moved, captured $(value conn.captured_bytes), not wanted $(value told.budget_bytes), shed $(value told.shed_bytes)"
check "less than a quarter of it was copied" [ "$(value conn.captured_bytes)" -lt $((BYTES / 4)) ]
equal "what was left out is counted apart" "$(value loss.budget_bytes)" "$(value told.budget_bytes)"
equal "and is no gap" 0 "$(value conn.gap_bytes)"
