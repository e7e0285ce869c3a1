#!/usr/bin/env bash
# One ceiling for what captures, with default settings: tap and decode together stay below 64 MB (65,536 KB resident, rings and
# shared pages counted) while the hub is stopped and the queue for it overflows with bodies that do not compress.  A hub that is
# only slow loses nothing: what waits for it waits in the rings.
. "$(dirname "$0")/lib.sh"
. tests/e2e/overload.sh

LIMIT_KB=65536
start_limpid limpid "${WATCH[@]}" --db "$TMP/db/flows.db" --pid "$client"
check "Limpid starts" until_true 20 grep -q '#t=' "$TMP/limpid.out"
decode=$(pgrep -P "$LIMPID_PID" -x limpid-decode) hub=$(pgrep -P "$LIMPID_PID" -x limpid-hub)
rss() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
# load STEP...: how much they held together at most while it ran, KB.
load() {
	local now
	most=0
	step "$@" &
	local under_way=$!
	while kill -0 $under_way 2>/dev/null; do
		now=$(($(rss "$LIMPID_PID") + $(rss "$decode")))
		[ $now -le $most ] || most=$now
		sleep 0.1
	done
	wait $under_way
}
sum() { api health | jq "[.agents[].counters[\"$1\"] // 0] | add"; }
stored() { [ "$(api health | jq .counters.flows)" = "$(sum conn.flows)" ]; }

step few /before
check "exchanges are seen" until_true 10 rows /before '.rows | length == 3'
load storm 2
note "with the hub there: at most $most KB"
check "below the limit while the hub is there" [ "$most" -lt $LIMIT_KB ]
check "everything is stored" until_true 30 stored
equal "nothing fell out of the queue" 0 "$(sum queue.dropped_flows)"

kill -STOP "$hub"
on_exit kill -CONT "$hub"
load dense 3
note "with the hub stopped: at most $most KB; at the end tap $(rss "$LIMPID_PID"), decode $(rss "$decode") KB"
check "below the limit while the hub is stopped" [ "$most" -lt $LIMIT_KB ]
kill -CONT "$hub"
overflowed() { [ "$(sum queue.dropped_flows)" -gt 0 ]; }
check "more came than the queue holds, and is counted" until_true 20 overflowed
step few /after
check "what comes after it is read" until_true 20 rows /after '.rows | length == 3'
equal "no byte was lost on the way to the decoder" 0 "$(sum conn.gap_bytes)"
