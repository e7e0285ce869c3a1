#!/usr/bin/env bash
# Connections chosen by port and address: on the command line, and then in the hub's settings, which hold at once, for
# connections that are open too, and over a restart of the hub.
. "$(dirname "$0")/lib.sh"
need_root

TOKEN=00112233445566778899aabbccddeeff
http=$(free_port) grpc=$(free_port)
api() { curl -sSf --max-time 20 -H "Authorization: Bearer $TOKEN" "${@:2}" "http://127.0.0.1:$http/api/$1"; }
put() { api capture -X PUT -d "$(api capture | jq -c ". + $1")"; }
seen() { [ "$(api "flows?n=500" | jq "[.rows[] | select(.target | startswith(\"$1/\"))] | length")" -gt 0 ]; }
says() { api health | jq -e ".agents[] | select(.connected) | .facts[] | select(.key == \"capture\") | .text | test(\"$1\")"; }

chmod 711 "$TMP"
mkdir -m 777 "$TMP/db" # the hub gives up root
for i in 1 2; do
	python3 tests/e2e/overload.py "$TMP/port$i" &
	on_exit end_process $!
	until_true 5 test -s "$TMP/port$i"
	mkfifo "$TMP/steps$i" "$TMP/moved$i"
	python3 tests/e2e/overload.py "$(cat "$TMP/port$i")" <"$TMP/steps$i" >"$TMP/moved$i" &
	clients[i]=$!
	on_exit end_process $!
done
one=$(cat "$TMP/port1") two=$(cat "$TMP/port2")
exec 3>"$TMP/steps1" 4<"$TMP/moved1" 5>"$TMP/steps2" 6<"$TMP/moved2"
# ask NAME: three exchanges to each server, /NAME-1 and /NAME-2.
ask() {
	echo "few /$1-1" >&3 && read -r -t 20 _ <&4
	echo "few /$1-2" >&5 && read -r -t 20 _ <&6
}
start() {
	start_limpid "$1" --token $TOKEN --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" --db "$TMP/db/flows.db" \
		--pid "${clients[1]}" --pid "${clients[2]}" "${@:2}"
	until_true 20 grep -q '#t=' "$TMP/$1.out"
}

check "Limpid starts" start first --port "$one"
check "and says what it captures" until_true 10 says "only port $one"
ask chosen
check "connections with the chosen port are seen" until_true 10 seen /chosen-1
equal "the hub has the choice of the command line" "port $one" "$(api capture | jq -r '.ends | join(" ")')"

put "{\"ends\":[\"not port $one\"]}"
check "the agent has the new choice" until_true 5 says "not port $one"
ask left-out
check "a port can be left out, on connections that are open" until_true 10 seen /left-out-2
put '{"ends":["address 192.0.2.0/24","udp 53"]}'
until_true 5 says "only address 192.0.2.0/24"
ask elsewhere
put '{"ends":["address 127.0.0.0/8","not address 192.0.2.1"]}'
until_true 5 says "only address 127.0.0.0/8, not address 192.0.2.1"
ask address
check "an address can be chosen" until_true 10 seen /address-1
check "with all that have it" until_true 5 seen /address-2
equal "nothing else was seen" "false false false false" "$(for t in chosen-2 left-out-1 elsewhere-1 elsewhere-2; do
	seen "/$t" && echo true || echo false; done | paste -sd' ')"

equal "what is no rule is refused" 400 "$(curl -s -o "$TMP/refused" -w '%{http_code}' -X PUT -H "Authorization: Bearer $TOKEN" \
	-d '{"ends":["port http"]}' "http://127.0.0.1:$http/api/capture")"
check "with an example of one" grep -q 'not port 22' "$TMP/refused"
equal "and changes nothing" '["address 127.0.0.0/8","not address 192.0.2.1"]' "$(api capture | jq -c .ends)"

end_process "$LIMPID_PID"
start_limpid hub hub --token $TOKEN --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" --db "$TMP/db/flows.db"
until_true 20 api capture
equal "a hub keeps them" '["address 127.0.0.0/8","not address 192.0.2.1"]' "$(api capture | jq -c .ends)"
start_limpid agent agent -s "127.0.0.1:$grpc" --pid "${clients[1]}" --pid "${clients[2]}" --port "$two"
check "an agent's own choice holds until the hub's changes" until_true 10 says "only port $two"
ask own
check "as it says" until_true 10 seen /own-2
put "{\"ends\":[\"port $one\"]}"
check "then that one does" until_true 5 says "only port $one"
ask hubs
check "there, too" until_true 10 seen /hubs-1
equal "and nothing else" "false false" "$(for t in own-1 hubs-2; do seen "/$t" && echo true || echo false; done | paste -sd' ')"
