#!/usr/bin/env bash
# The hub as a user runs it: what hinders its start, a full disk under traffic, a restart, idle and odd clients.
. "$(dirname "$0")/lib.sh"
need_root

PY=/usr/bin/python3 # Debian's, which has grpcio
export PYTHONPATH=$TMP PYTHONDONTWRITEBYTECODE=1
TOKEN=00112233445566778899aabbccddeeff
http=$(free_port) grpc=$(free_port)
client() { timeout 600 $PY tests/e2e/hub_client.py "$@"; }
api() { curl -sS --max-time 20 -H "Authorization: Bearer $TOKEN" "$@"; }
status() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$@"; }
field() { api "http://127.0.0.1:$http/api/$1" | jq -r "$2"; }
says() { grep -qF -- "$2" "$1"; }
# hub NAME ARGUMENT...: the process id goes to $hub, what it says to $TMP/NAME.
hub() {
	local out=$TMP/$1
	shift
	$LIMPID hub --token $TOKEN "$@" >"$out" 2>&1 &
	hub=$!
	on_exit end_process $hub
}
up() { until_true 10 curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$http/"; }

check "the contract is compiled for Python" protoc --proto_path=api --python_out="$TMP" limpid.proto
chmod 711 "$TMP"
mkdir "$TMP/disk" "$TMP/closed"
mount -t tmpfs -o size=12m,mode=777 limpid-test "$TMP/disk" || { not_ok "a small disk can be made"; exit 1; }
on_exit umount -l "$TMP/disk"
at="--grpc 127.0.0.1:$grpc --http 127.0.0.1:$http"

full() { [ "$(field health .hub.store_error)" != null ]; }
said_once() { [ "$(grep -c "$2" "$1")" = 1 ]; }
first_row() { api -f "http://127.0.0.1:$http/api/flows?n=1" | jq -e '.rows[0].id'; }
other_boot() { ! grep -qxF "$(grep ^boot "$1")" "$2"; }

# --- it starts, or says why not --------------------------------------------------------------------------------
# shellcheck disable=SC2086 # $at is words
{
	hub first $at --db "$TMP/disk/flows.db"
	first=$hub
	check "the hub starts" up
	check "it prints the page's address with the token" says "$TMP/first" "http://127.0.0.1:$http/#t=$TOKEN"
	client idle "$http" >"$TMP/idle" &
	idle=$!
	hub second $at --db "$TMP/disk/second.db"
	wait $hub
	equal "a second one on the same port ends" 1 $?
	check "and says which port is in use" until_true 5 says "$TMP/second" "is in use"
	hub third --grpc "127.0.0.1:$(free_port)" --http "127.0.0.1:$(free_port)" --db "$TMP/disk/flows.db"
	wait $hub
	check "one database has one hub" until_true 5 says "$TMP/third" "in use by another Limpid hub"
	hub fourth --grpc "127.0.0.1:$(free_port)" --http "0.0.0.0:$(free_port)" --db "$TMP/disk/x.db"
	wait $hub
	check "the page is not opened to the network unasked" until_true 5 says "$TMP/fourth" "open to the network"
}

# --- a full disk under traffic ------------------------------------------------------------------------------------
head -c 6m /dev/zero >"$TMP/disk/hog"
client agent "$grpc" disk-full 300 40000 >"$TMP/agent" 2>"$TMP/agent.err" &
agent=$!
check "the full disk shows in health" until_true 20 full
note "$(field health .hub.store_error)"
check "the log says it once" said_once "$TMP/first" "disk is full"
equal "the page is served all the same" 200 "$(status "http://127.0.0.1:$http/")"
kept=$(field flows .total)
check "what was stored before is still listed ($kept)" [ "$kept" -gt 0 ]
check "and can be opened" first_row
rm "$TMP/disk/hog"
mount -o remount,size=64m "$TMP/disk"
wait $agent
check "with space again every batch is acknowledged" says "$TMP/agent" "acknowledged 300"
equal "nothing was lost or doubled" 300 "$(field flows .total)"
equal "health is silent again" null "$(field health .hub.store_error)"

# --- the API by curl, a tab, a restart ------------------------------------------------------------------------------
equal "no token, no answer" 401 "$(status "http://127.0.0.1:$http/api/flows")"
equal "a foreign name is refused" 403 "$(status -H 'Host: evil.example' "http://127.0.0.1:$http/")"
id=$(api "http://127.0.0.1:$http/api/flows?n=1&from=-1" | jq -r '.rows[0].id')
api -D "$TMP/head" -r 10-19 -o "$TMP/part" "http://127.0.0.1:$http/api/flow/$id/body?side=resp"
equal "a range of a body" 10 "$(stat -c %s "$TMP/part")"
check "is a partial answer" says "$TMP/head" "206 Partial Content"
curl -s -c "$TMP/jar" -d $TOKEN "http://127.0.0.1:$http/api/login"
equal "the cookie of a login is enough" 200 "$(status -b "$TMP/jar" "http://127.0.0.1:$http/api/health")"
client tab "$http" $TOKEN 'path:/item/29' >"$TMP/tab"
check "a tab finds its rows" says "$TMP/tab" "total 300 matched 11 rows 5"
api -X PUT -d '{"mode":"chosen","names":["web"],"body_limit":4096}' "http://127.0.0.1:$http/api/capture"
kill $first
until_true 10 not_running $first
check "it ends when asked" not_running $first
# shellcheck disable=SC2086 # $at is words
hub again $at --db "$TMP/disk/flows.db"
first=$hub
check "it starts again" up
equal "with its flows" 300 "$(field flows .total)"
equal "and its settings" chosen "$(field capture .mode)"
client tab "$http" $TOKEN '' >"$TMP/tab2"
check "a tab can tell" other_boot "$TMP/tab" "$TMP/tab2"

# --- what leads nowhere is cut off -----------------------------------------------------------------------------------
wait $idle
equal "connections that lead nowhere were closed" 4 "$(grep -c ^closed "$TMP/idle")"
for port in "$http" "$grpc"; do
	(head -c 100000 /dev/urandom >"/dev/tcp/127.0.0.1/$port") 2>/dev/null
done
equal "rubbish on both ports changed nothing" 300 "$(field flows .total)"

# --- a damaged database -----------------------------------------------------------------------------------------------
kill $first
until_true 10 not_running $first
dd if=/dev/urandom of="$TMP/disk/flows.db" bs=1k count=64 conv=notrunc status=none
# shellcheck disable=SC2086 # $at is words
hub damaged $at --db "$TMP/disk/flows.db"
check "a damaged database does not hinder the start" up
check "it is said where the damaged one is" says "$TMP/damaged" "flows.db.corrupt-"
check "and it is there" compgen -G "$TMP/disk/flows.db.corrupt-*"
