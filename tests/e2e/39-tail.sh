#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# limpid tail on terminals of 80 and 200 columns, drawn by a terminal emulator and looked at; and in a pipe.
. "$(dirname "$0")/lib.sh"
need_root

chmod 755 "$TMP"
SCREEN=tests/e2e/screen.py
PORT=$(free_port)
mkdir "$TMP/www"
echo '{"some":"thing"}' >"$TMP/www/a.json"
python3 -m http.server --bind 127.0.0.1 -d "$TMP/www" "$PORT" >/dev/null 2>&1 &
on_exit end_process $!
until_true 20 curl -s -o /dev/null "http://127.0.0.1:$PORT/"

ask() { curl -s -o /dev/null "http://127.0.0.1:$PORT$1"; }
evil() { # a name that would rename the window, type, turn the line around; and wide characters
	python3 - "$PORT" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
target = "/😀日本語\u202e/" + "ありがとうe\u0301" * 20
s.sendall(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\nX-Evil: \x1b]0;evil\x07\xc2\x9b2J\r\n\r\n")
while s.recv(4096):
    pass
PY
}

# on_screen NAME COLUMNS ARGS...: starts tail on a terminal, waits until it captures.
on_screen() {
	local name=$1 columns=$2
	shift 2
	$SCREEN --raw "$TMP/$name.raw" --until "$TMP/$name.stop" --resize "60@$TMP/$name.narrow" "$columns" 60 \
		"$LIMPID" tail --all --port "$PORT" "$@" >"$TMP/$name" 2>&1 &
	pid=$!
	until_true 60 grep -q 'end with Ctrl-C' "$TMP/$name.raw"
}
shown() { until_true 20 grep -q "$2" "$TMP/$1.raw"; } # shown NAME TEXT
off() { # off NAME: ends it; $TMP/NAME.live is what stood there before
	touch "$TMP/$1.stop"
	wait $pid
	rc=$?
	sed '/^-- end --$/,$d' "$TMP/$1" >"$TMP/$1.live"
	sed '1,/^-- end --$/d' "$TMP/$1" >"$TMP/$1.end"
}
# columns FILE PATTERN: columns of the lines that match, where the words of a line of its own begin
width() { python3 -c 'import sys, wcwidth; print(max(wcwidth.wcswidth(l.rstrip("\n")) for l in open(sys.argv[1])))' "$1"; }
starts() { # starts FILE WORD...: in which columns these begin, all lines
	/usr/bin/python3 - "$@" <<'PY'
import sys
import wcwidth
found = set()
for line in open(sys.argv[1]):
    for word in sys.argv[2:]:
        at = line.find(" " + word + " ")
        if at >= 0:
            found.add(wcwidth.wcswidth(line[: at + 1]))
print(*sorted(found))
PY
}

for columns in 80 200; do
	on_screen "s$columns" $columns
	ask /a.json
	ask "/%E6%97%A5"
	evil
	ask /last
	shown "s$columns" /last
	until_true 10 grep -q "4 shown" "$TMP/s$columns.raw"
	off "s$columns"
	sed 's/^/# /' "$TMP/s$columns.live"
	equal "$columns: four exchanges are four lines" 4 "$(grep -c '^[0-9:.]* .* → ' "$TMP/s$columns.live")"
	equal "$columns: methods stand under each other" 1 "$(starts "$TMP/s$columns.live" GET | wc -w)"
	equal "$columns: status codes too" 1 "$(starts "$TMP/s$columns.live" 200 404 400 | wc -w)"
	equal "$columns: no line is wider" yes "$([ "$(width "$TMP/s$columns.live")" -le $columns ] && echo yes)"
	check "$columns: wide characters take two columns, what turns a line around is visible" grep -q 'GET     /😀 *日' "$TMP/s$columns.live"
	check "$columns: and is cut where the column ends" grep -qE '… +(!|\[.*\])? *4[0-9]{2} ' "$TMP/s$columns.live"
	check "$columns: the last line says how much, and that nothing is missing" \
		grep -qE '^[0-9.]+/s · 4 shown · [0-9]+ open · nothing missing' <(tail -n 1 "$TMP/s$columns.live")
	equal "$columns: it is gone at the end" 0 "$(grep -c 'nothing missing$' "$TMP/s$columns.end")"
	equal "$columns: ended by Ctrl-C is no failure" 0 $rc
done
check "200 columns show milliseconds, protocol, port and reason" \
	grep -qE '^[0-9:]{8}\.[0-9]{3}  .*:'"$PORT"' +http1 +GET +/a.json +200 OK +[0-9.]+ .s +17 B$' "$TMP/s200.live"
check "colours on a terminal" grep -q $'\033\\[3[12]m' "$TMP/s80.raw"

# --- another width meanwhile -------------------------------------------------------------------------------------------
on_screen r 120
ask /wide
shown r /wide
touch "$TMP/r.narrow"
sleep 0.5
ask /narrow
shown r /narrow
off r
equal "after the terminal became narrow no line is wider" yes \
	"$([ "$(grep narrow "$TMP/r.live" >"$TMP/n" && width "$TMP/n")" -le 60 ] && echo yes)"

# --- on demand ---------------------------------------------------------------------------------------------------------
NO_COLOR=1 on_screen b 80 --body --headers
ask /a.json
evil
shown b thing
shown b X-Evil
off b
check "--body prints bodies" grep -q '^  < {"some":"thing"}$' "$TMP/b.live"
check "--headers prints headers" grep -q '^  > Host: 127.0.0.1' "$TMP/b.live"
check "what a header would do to the terminal is visible" grep -qF '  > X-Evil: \x1b]0;evil\x07\xc2\x9b2J' "$TMP/b.live"
equal "and not done" 0 "$(grep -c $'\033]0' "$TMP/b.raw")"
equal "NO_COLOR is heard" 0 "$(grep -c $'\033\\[[0-9]*m' "$TMP/b.raw")"
tests/export/make-flows >"$TMP/flows.jsonl"
"$LIMPID" import "$TMP/flows.jsonl" --db "$TMP/t.db" 2>/dev/null
"$LIMPID" export pcapng --db "$TMP/t.db" -o "$TMP/t.pcapng" 2>/dev/null
$SCREEN 80 60 "$LIMPID" read --rows --messages "$TMP/t.pcapng" "(proto:mysql target:select)" or proto:websocket >"$TMP/rows"
sed 's/^/# /' "$TMP/rows"
equal "--rows prints SQL rows as a table" "id  name|1   é|2   NULL" "$(sed -n 's/^  < //p' "$TMP/rows" | paste -sd'|')"
check "--messages prints messages as they come, with their direction" grep -qE ' ← .*text +zzz+… +300 B$' "$TMP/rows"
check "a conversation is told when it begins" grep -qE 'GET +/chat +open 101' "$TMP/rows"

# --- not on a terminal -----------------------------------------------------------------------------------------------------
"$LIMPID" read tests/recordings/tls.rec >"$TMP/pipe"
equal "in a pipe lines are whole and without colours" 1 \
	"$(grep -cE '^[0-9:.]{12}  127\.0\.0\.1 → .*:33109  tls GET /tls  200 OK  [0-9]+ µs  6 B$' "$TMP/pipe")"
"$LIMPID" read --color=always tests/recordings/tls.rec >"$TMP/pipe"
check "--color=always" grep -q $'\033\\[32m200 OK' "$TMP/pipe"
$SCREEN --raw "$TMP/never.raw" 80 10 "$LIMPID" read --color=never tests/recordings/tls.rec >/dev/null
equal "--color=never" 0 "$(grep -c $'\033' "$TMP/never.raw")"
