# shellcheck shell=bash
# overload.sh - sourced after lib.sh: a server and a client of tests/e2e/overload.py, and the API of a Limpid that watches the
# client.
need_root

TOKEN=00112233445566778899aabbccddeeff
http=$(free_port) grpc=$(free_port)
URL="http://127.0.0.1:$http/#t=$TOKEN"
WATCH=(--token $TOKEN --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc") # and --db, --pid
api() { curl -sSf --max-time 20 -H "Authorization: Bearer $TOKEN" "${@:2}" "http://127.0.0.1:$http/api/$1"; }
# rows PATH CONDITION: of the newest rows, those whose target begins with PATH.
rows() {
	local j
	j=$(api "flows?n=500&from=-500") && jq -e "{rows: [.rows[] | select(.target | startswith(\"$1\"))]} | $2" <<<"$j"
}
counter() { api health | jq -r ".agents[0].counters[\"$1\"]"; }
settled() { [ "$(counter conn.moved_bytes)" -ge "$moved" ]; }

python3 tests/e2e/overload.py "$TMP/port" &
on_exit end_process $!
until_true 5 test -s "$TMP/port"
chmod 711 "$TMP"
mkdir -m 777 "$TMP/db" # the hub gives up root
mkfifo "$TMP/steps" "$TMP/moved"
# start_client: another one each time; its process is $client, what it has moved $moved.
start_client() {
	python3 tests/e2e/overload.py "$(cat "$TMP/port")" <"$TMP/steps" >"$TMP/moved" &
	client=$!
	on_exit end_process $client
	exec 3>"$TMP/steps" 4<"$TMP/moved"
	moved=0
}
step() { echo "$*" >&3 && read -r -t 60 moved <&4; }
start_client
