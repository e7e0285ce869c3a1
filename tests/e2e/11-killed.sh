#!/usr/bin/env bash
# The decoder is killed with exchanges in its hands: they are counted, and what comes after is read.
. "$(dirname "$0")/lib.sh"
need_root

TOKEN=00112233445566778899aabbccddeeff
http=$(free_port) grpc=$(free_port)
api() { curl -sSf --max-time 20 -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$http/api/$1"; }
seen() { [ "$(api "flows?n=500" | jq "[.rows[] | select(.target | startswith(\"$1\"))] | length")" -ge "$2" ]; }
counter() { api health | jq -r ".agents[] | select(.connected) | .counters[\"$1\"]"; }
is() { [ "$(counter "$1")" = "$2" ]; }

python3 tests/e2e/overload.py "$TMP/port" &
on_exit end_process $!
until_true 5 test -s "$TMP/port"
chmod 711 "$TMP"
mkdir -m 777 "$TMP/db" # the hub gives up root
mkfifo "$TMP/steps" "$TMP/moved"
python3 tests/e2e/overload.py "$(cat "$TMP/port")" <"$TMP/steps" >"$TMP/moved" &
client=$!
on_exit end_process $client
exec 3>"$TMP/steps" 4<"$TMP/moved"
step() { echo "$*" >&3 && read -r -t 60 _ <&4; }

start_limpid limpid --token $TOKEN --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" --db "$TMP/db/flows.db" --pid $client
check "Limpid starts" until_true 20 grep -q '#t=' "$TMP/limpid.out"
step few /before
check "exchanges are seen" until_true 10 seen /before 3
step hang /hang
check "and requests without an answer" until_true 10 seen /hang 3
sleep 1 # the hub has acknowledged them
equal "so far nothing was lost" 0 "$(counter decode.lost_flows)"
kill -9 "$(pgrep -P "$LIMPID_PID" -x limpid-decode)"
check "the decoder is started again" until_true 15 is decode.restarts 1
check "the three exchanges that it had are counted" until_true 10 is decode.lost_flows 3
step few /after
check "what comes after is read, on the same connection" until_true 15 seen /after 3
equal "and none of it is lost" 3 "$(counter decode.lost_flows)"
