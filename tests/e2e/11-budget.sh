#!/usr/bin/env bash
# A budget for each connection: what is over it is not copied, is counted to the byte, and marks its flows; set on the
# command line, then taken away and set again over the API while connections live.  And a protocol that nobody knows.
. "$(dirname "$0")/lib.sh"
. tests/e2e/overload.sh

put() { api capture -X PUT -d "$(api capture | jq -c ". + $1")"; }

start_limpid limpid "${WATCH[@]}" --db "$TMP/db/flows.db" --pid "$client" --body-limit 64M --conn-budget 100k
check "Limpid starts" until_true 20 grep -q '#t=' "$TMP/limpid.out"
check "and says what it reads of a connection" grep -q 'at most 102400 bytes of each direction' "$TMP/limpid.out"
equal "the hub has it from the command line" 102400 "$(api capture | jq .conn_budget)"
step few /before
check "exchanges are seen" until_true 10 rows /before '.rows | length == 3 and all(.flags - ["midstream", "peer_inferred"] == [])'

step get 5000000
check "a download over the budget is one flow, with its true length" until_true 10 rows /get/ \
	'.rows | length == 1 and .[0].state == "done" and .[0].resp_len == 5000000'
check "truncated, and not after a gap" rows /get/ '.rows[0].flags - ["midstream", "peer_inferred"] == ["truncated"]'
check "all bytes are accounted for, though the connection is open" until_true 5 settled
sleep 2.2 # two reports more
equal "what was left out is counted, to the byte" "$(($(counter conn.moved_bytes) - $(counter conn.captured_bytes)))" \
	"$(counter told.budget_bytes)"
equal "by the kernel as by the records" "$(counter told.budget_bytes)" "$(counter loss.budget_bytes)"
equal "of that direction as many were copied as the budget has" 1 \
	"$(($(counter told.budget_bytes) > 4897600 && $(counter told.budget_bytes) < 4898000))"
equal "and is no gap" 0 "$(counter conn.gap_bytes)"
step get 70000
check "a request whose answer is not copied says so at once" until_true 5 rows /get/70000 \
	'.rows[0] | .state == "unanswered" and .flags - ["midstream", "peer_inferred"] == ["truncated"]'

put '{"conn_budget":0}'
sleep 2 # the kernel side has it
step get 80000
step get 90000
check "without a budget the same connection is read again" until_true 10 rows /get/90000 \
	'.rows | length == 1 and .[0].state == "done" and .[0].resp_len == 90000 and .[0].flags - ["midstream", "peer_inferred"] == []'
unlimited() { ! api health | jq -r '.agents[0].facts[] | select(.key == "capture") | .text' | grep -q 'at most'; }
check "the sentence no longer has it" until_true 10 unlimited
put '{"conn_budget":60}'
sleep 2 # the kernel side has it
before=$(counter conn.captured_bytes)
step few /after
step get 100000
check "a budget that is already spent leaves nothing" until_true 5 settled
equal "not a byte" "$before" "$(counter conn.captured_bytes)"
put '{"conn_budget":0}'
sleep 2 # the kernel side has it

before=$(counter conn.captured_bytes)
step noise 50000000
sleep 3
copied=$(($(counter conn.captured_bytes) - before))
note "of 50 MB in an unknown protocol $copied bytes were copied"
check "a connection whose protocol is unknown is not copied any further" [ $copied -lt 25000000 ]
equal "nothing is untold" "0 0" "$(counter loss.untold_bytes) $(counter told.without_reason_bytes)"
