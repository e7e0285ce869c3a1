#!/usr/bin/env bash
# One scripted conversation over TLS by every library and runtime that Limpid reads, as client and as server: what Limpid
# showed of each process must be what was said, once, with its addresses.  Rows are declared in tls/rows/*.sh (README.md
# there); the table that this prints is the one in docs/tls.md.
#
# ROWS="python go" runs these files only; "26-tls-rows.sh update" writes the table to docs/tls.md.
# shellcheck source-path=SCRIPTDIR
update=${1:-}
. "$(dirname "$0")/lib.sh"
need_root
rows=tests/e2e/tls/rows
. "$(dirname "$0")/tls/rows/lib.sh"
py=/usr/bin/python3
work=$TMP/rows
mark=$(printf 'r%02x' $((RANDOM % 256)))
LANES=${LANES:-3} # rows that run at the same time
mkdir -p "$work"/{exe,out}
: >"$work/pids"
chmod -R a+rx "$TMP"
conversation=$work/conversation
$py $rows/script.py all >"$conversation"
$py $rows/script.py warm >"$work/warm"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 30 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
chmod a+r "$work/key.pem"

for f in ${ROWS:-$(cd $rows && ls -- *.sh)}; do
	f=${f%.sh}
	# shellcheck source=/dev/null
	[ "$f" = lib ] || . "$rows/$f.sh"
done

# Limpid first, then everything that it is to show.
# Into a file, and with larger rings than usual: writing the megabytes of bodies holds it up on a busy machine.
start_limpid tail tail --json --body-limit 8M --events-ring 128M --comm "$mark*"
tail -q -f -c +1 "$TMP/tail.out" 2>/dev/null | $py $rows/collect.py >"$work/flows" 2>"$work/collect.err" &
on_exit kill $!
until_true 30 grep -q capturing "$TMP/tail.err" || { not_ok "Limpid captures"; sed 's/^/# /' "$TMP/tail.err"; exit 1; }
reference=$(free_port)
PORT=$reference CERT=$work/cert.pem KEY=$work/key.pem LOG=$work/log $py $rows/talk.py server 2>"$work/reference.err" &
on_exit end_process $!
until_true 10 listening "$reference"

end_servers() { # that a row left when the test was interrupted
	local pid
	while read -r pid; do end_process "$pid"; done <"$work/pids"
}
on_exit end_servers
lane() { # lane N: every LANESth row
	local i
	for ((i = $1; i < ${#row_ids[@]}; i += LANES)); do run_row "${row_ids[i]}"; done
}
for ((n = 0; n < LANES; n++)); do
	lane $n &
	lanes[n]=$!
done
wait "${lanes[@]}"

held() { [ "$(cat "$work/out/$1.rc")" = 0 ]; }
for id in "${row_ids[@]}"; do
	printf '%s\t%s\t%s\t%s\t%s\n' "$id" "$(cat "$work/out/$id.port")" "${row_library[$id]}" "${row_text[$id]}" \
		"${row_reason[$id]}" >>"$work/rows"
done
# shellcheck disable=SC2120 # by until_true
compare() { # compare [--settled]
	$py $rows/compare.py "$@" "$mark" "$work/rows" "$conversation" "$work/log" "$work/flows"
}
until_true 20 compare --settled
end_process "$LIMPID_PID"
whole() { # by the agent's own account
	cat "$TMP/tail.err"
	grep -q "none missing" "$TMP/tail.err" && ! grep -q "were not written" "$TMP/tail.err"
}
check "nothing was lost on the way" whole
compare >"$work/verdicts" 2>"$work/compare.err" || { not_ok "the rows are compared"; sed 's/^/# /' "$work/compare.err"; }

for id in "${row_ids[@]}"; do
	text="${id%-*} as ${id##*-} (${row_library[$id]}, ${row_text[$id]})"
	if ! held "$id"; then
		not_ok "$text: the conversation is held"
		tail -n 10 "$work/out/$id" | sed 's/^/# /'
	elif grep -qF "ok | \`$id\` |" "$work/verdicts"; then
		ok "$text: ${row_reason[$id]:-each exchange once, as it was}"
	else
		not_ok "$text"
		grep "^${id}[ :]" "$work/compare.err" | cut -c 1-600 | sed 's/^/# /'
	fi
done
for id in "${!row_skipped[@]}"; do skip "$id (${row_skipped[$id]})" "its packages cannot be had here"; done

cut -d ' ' -f 2- "$work/verdicts" >"$work/table"
note "| row | program | TLS library | found | missed | doubled | wrong | socket by, or why unread |" "|---|---|---|---|---|---|---|---|"
while IFS= read -r line; do note "$line"; done <"$work/table"
# shellcheck disable=SC2086 # words
table() { $py $rows/table.py ${ROWS:+--partly} "$1" "$work/table" "${!row_skipped[@]}"; }
if [ "$update" = update ]; then
	table update
else
	check "docs/tls.md has this table" table check
fi
echo "1..$n_tests"
