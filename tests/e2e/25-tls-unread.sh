#!/usr/bin/env bash
# TLS that is not read: a client with OpenSSL built in and stripped is a row with what its handshake said, how much moved and why it is not read, while
# it is open and at its end; tail, the API, doctor and doctor --running say the same.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
py=/usr/bin/python3
gcc -O2 tests/e2e/tls/unread_client.c -o "$TMP/unread" -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread && strip "$TMP/unread" || {
	not_ok "the client is built, with a static OpenSSL"
	exit 1
}

chmod a+rx "$TMP"
port=$(free_port) http=$(free_port) grpc=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 30 -subj /CN=shop.example \
	-addext subjectAltName=DNS:shop.example 2>/dev/null
$py tests/e2e/tls/unread_server.py "$port" "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/server.out" 2>&1 &
on_exit kill $!
mkfifo "$TMP/in"
"$TMP/unread" "$port" <"$TMP/in" >"$TMP/client.out" 2>&1 &
client=$!
exec {to}>"$TMP/in"
on_exit kill "$client"
until_true 10 grep -q ready "$TMP/client.out" || { not_ok "the client starts"; exit 1; }
until_true 10 grep -q listening "$TMP/server.out" || { not_ok "the server starts"; exit 1; }

lines=1
order() { # order WORD: the client has done it
	lines=$((lines + 1))
	echo "$1" >&"$to"
	until_true 20 has_lines
}
has_lines() { [ "$(wc -l <"$TMP/client.out")" -ge "$lines" ]; }

$LIMPID --pid "$client" --port "$port" --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" --db "$TMP/db/limpid.db" \
	>"$TMP/limpid.out" 2>&1 &
limpid=$!
on_exit end_process "$limpid"
until_true 30 grep -q '#t=' "$TMP/limpid.out" || { not_ok "limpid starts"; sed 's/^/# /' "$TMP/limpid.out"; exit 1; }
url=$(grep -o 'http://[^ ]*#t=[0-9a-f]*' "$TMP/limpid.out" | head -n 1)
token=${url##*#t=}
base=${url%%/#*}
api() { curl -s --noproxy '*' -H "Authorization: Bearer $token" "$base/api/$1"; }
rows() { api 'flows?f=proto:tls&from=-50&n=50'; }
# of NTH EXPRESSION: of the flow of the nth row, as Python sees it (f)
of() {
	rows | $py -c "import json,sys; r=json.load(sys.stdin)['rows']; print(r[$1]['id'])" >"$TMP/id" || return 1
	api "flow/$(cat "$TMP/id")" | $py -c "import json,sys; f=json.load(sys.stdin); t=f['tls']; print($2)"
}
is() { [ "$(of "$1" "$2")" = "$3" ]; }
process() { # process EXPRESSION: of the client's row in the ledger (p)
	api health | $py -c "
import json, sys
p = [p for a in json.load(sys.stdin)['agents'] for p in a['tls']['processes'] if p['pid'] == $client][0]
print($1)"
}
process_is() { [ "$(process "$1")" = "$2" ]; }

sleep 2 # the agent captures
order connect
order talk
check "a row appears while the connection is open" until_true 15 is 0 "f['state']" open
equal "it says by what name and version" "shop.example TLS 1.3 h2,http/1.1" "$(of 0 "t['sni'], t['protocol'], ','.join(t['offered']), sep=' '" | xargs)"
check "and why it is not read" until_true 15 is 0 "t['reason']" static-stripped
answered() { before=$(of 0 "f['response']['body']['len']") && [ "$before" -gt 5000 ]; }
check "the answer's encrypted bytes are counted" until_true 20 answered
answered
order talk
order talk
more() { [ "$(of 0 "f['response']['body']['len']")" -gt $((before + 10000)) ]; }
check "and go on being counted while it is open" until_true 25 more
order close
check "it ends as one row" until_true 15 is 0 "f['state']" 'done'
equal "without a copy" 1 "$(rows | grep -o '"id"' | wc -l)"
check "of which no byte is shown" is 0 "f['response']['body']['captured']" 0

order connect
order talk
$LIMPID doctor >"$TMP/doctor" 2>&1
order close
check "in TLS 1.2 the certificate is there" until_true 15 is 1 "t['certificate']['subject'], t['protocol']" "CN=shop.example TLS 1.2"
for f in sni:shop.example tlsver:1.2 alpn:http/1.1 cipher:TLS_ECDHE; do
	check "found by $f" test "$(api "flows?f=$f&from=-9&n=9" | grep -o '"id"' | wc -l)" -ge 1
done

check "the ledger has its process, with the library and why" until_true 5 process_is "p['code'], p['libraries'][0]['name'], p['readable']" "static-stripped openssl False"
check "and its bytes" until_true 5 process_is "p['connections'], p['unread'], p['wire_bytes'] > 20000, p['plain_bytes']" "2 2 True 0"
$LIMPID doctor --running "$url" >"$TMP/running" 2>&1
check "doctor --running says it" grep -q "static-stripped *unread ($client), openssl .*/unread.*; 2 TLS connections, 2 not read" "$TMP/running"
check "doctor says which TLS the process has" grep -q "process *unread ($client.*static-stripped: openssl in .*/unread" "$TMP/doctor"
check "and of the server that it is read" grep -q "process *python3 .*: read: openssl" "$TMP/doctor"
echo "1..$n_tests"
