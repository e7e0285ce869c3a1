#!/usr/bin/env bash
# The main job, whole: two containers talk HTTP and HTTPS, Limpid shows every exchange once, decrypted.
. "$(dirname "$0")/lib.sh"
need_root

TOKEN=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
HTTP=$(free_port) GRPC=$(free_port)
API=http://127.0.0.1:$HTTP/api
api() { curl -sf --max-time 10 -H "Authorization: Bearer $TOKEN" "$@"; }
# flows FILTER: the matching rows, as JSON, the newest 500.
flows() { api -G "$API/flows" --data-urlencode "f=$1" -d from=-500 -d n=500; }
matched() { flows "$1" | jq .matched; }
# done_flows N FILTER: there are N matching flows and none is still open.
done_flows() { [ "$(matched "$2")" = "$1" ] && [ "$(matched "($2) is:pending")" = 0 ]; }
first_id() { flows "$1" | jq -r '.rows[0].id'; }
flow() { api "$API/flow/$(first_id "$1")"; }
# body_hash FILTER SIDE: sha256 of the decoded body of the first match.
body_hash() { api "$API/flow/$(first_id "$1")/body?side=$2&form=decoded" | sha256sum | cut -d' ' -f1; }
hash_of() { sha256sum "$1" | cut -d' ' -f1; }

# Names have to resolve, hence a network of our own; the world's files are shared with both containers.
make_world() {
	local www=$TMP/world/www
	mkdir -p "$www"
	cp tests/e2e/world/* "$TMP/world/"
	head -c 5242880 /dev/urandom >"$www/five.bin"
	head -c 5242880 /dev/urandom >"$TMP/world/up.bin"
	jq -nc '{items: [range(400) | {id: ., name: "item \(.)", price: (. * 1.5)}]}' >"$www/items.json"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=web -keyout "$TMP/world/web.key" \
		-out "$TMP/world/web.crt" >/dev/null 2>&1
	chmod -R a+rX "$TMP" "$TMP/world"
}
run_client() { $D exec client "$@"; }
curl_client() { run_client curl -sk --max-time 20 "$@"; }

start_docker && image_bookworm || { not_ok "Docker and its image are there"; exit 1; }
on_exit stop_containers
make_world
$D network create lt >/dev/null

start_limpid limpid --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/db/limpid.db" --token "$TOKEN" \
	--body-limit 16M
main_pid=$LIMPID_PID
check "limpid prints the page's address with its token" \
	until_true 20 grep -q "http://127.0.0.1:$HTTP/#t=$TOKEN" "$TMP/limpid.out"
equal "the hub makes way for what is watched" "B 5" "$(ps -o cls=,ni= -p "$(pgrep -x -P $main_pid limpid-hub)" | xargs)"
check "the page answers" curl -sf "http://127.0.0.1:$HTTP/"
$D run -d --name web --network lt -v "$TMP/world:/world" limpid-test/bookworm \
	nginx -c /world/nginx.conf -g 'daemon off;' >/dev/null
$D run -d --name client --network lt -v "$TMP/world:/world" limpid-test/bookworm sleep 600 >/dev/null
check "the web container serves" until_true 10 curl_client http://web/teapot

# --- single exchanges -----------------------------------------------------------------------------------------
curl_client -H 'X-Test: one' -H 'X-Test: two' "http://web/seq/plain?x=1&y=%20" >/dev/null
check "a plain exchange arrives, once" until_true 5 done_flows 1 'path:/seq/plain'
flow path:/seq/plain >"$TMP/plain.json"
equal "with both containers named" '"client" "web"' \
	"$(jq -c '.client.container, .server.container' "$TMP/plain.json" | paste -sd' ')"
equal "with the target as sent" '/seq/plain?x=1&y=%20' "$(jq -r .request.target "$TMP/plain.json")"
equal "with repeated headers in order" 'one two' \
	"$(jq -r '[.request.headers[] | select(.[0] == "X-Test") | .[1]] | join(" ")' "$TMP/plain.json")"
equal "with status, reason and body" "200 OK answer to /seq/plain?x=1&y=%20" \
	"$(jq -r '"\(.response.status) \(.response.reason) \(.response.body.text)"' "$TMP/plain.json" | head -n 1)"
equal "seen at both ends, decoded once" both "$(jq -r .seen_by "$TMP/plain.json")"
check "with a duration" jq -e '.duration_ns > 0 and .ttfb_ns > 0' "$TMP/plain.json"
equal "and the process that asked" curl "$(jq -r .client.comm "$TMP/plain.json")"

curl_client "https://web/seq/secret" >/dev/null
check "an HTTPS exchange arrives decrypted, once" until_true 5 done_flows 1 'path:/seq/secret'
flow path:/seq/secret >"$TMP/secret.json"
equal "with its TLS facts" "openssl probes web" "$(jq -r '"\(.tls.library) \(.tls.road) \(.tls.sni)"' "$TMP/secret.json")"
equal "and its body" "answer to /seq/secret" "$(jq -r .response.body.text "$TMP/secret.json" | head -n 1)"
check "no ciphertext is reported as a flow" test "$(matched 'port:443 -tls:yes')" = 0

for scheme in http https; do
	curl_client --compressed -o /dev/null "$scheme://web/items.json?$scheme"
	check "gzip over $scheme, chunked, is decoded" until_true 5 done_flows 1 "url:items.json?$scheme"
	equal "to what the file holds ($scheme)" "$(hash_of "$TMP/world/www/items.json")" "$(body_hash "url:items.json?$scheme" resp)"
	curl_client -o /dev/null "$scheme://web/five.bin?$scheme"
	check "a 5 MB download over $scheme arrives" until_true 10 done_flows 1 "url:five.bin?$scheme"
	equal "byte for byte ($scheme)" "$(hash_of "$TMP/world/www/five.bin")" "$(body_hash "url:five.bin?$scheme" resp)"
	curl_client -o /dev/null --data-binary @/world/up.bin -H 'Content-Type: application/octet-stream' "$scheme://web/upload?$scheme"
	check "a 5 MB upload over $scheme arrives" until_true 10 done_flows 1 "src:client url:upload?$scheme"
	equal "byte for byte, upwards ($scheme)" "$(hash_of "$TMP/world/up.bin")" "$(body_hash "src:client url:upload?$scheme" req)"
done
curl_client -o /dev/null --data-binary @/world/up.bin -H 'Transfer-Encoding: chunked' "http://web/upload?chunked"
check "a chunked upload arrives" until_true 10 done_flows 1 'src:client url:upload?chunked'
equal "byte for byte, out of its chunks" "$(hash_of "$TMP/world/up.bin")" "$(body_hash 'src:client url:upload?chunked' req)"
curl_client -I "http://web/five.bin?head" >/dev/null
curl_client "http://web/empty" >/dev/null
check "HEAD and 204 end without a body" until_true 5 done_flows 2 'op:HEAD or path:/empty'
curl_client "http://web/teapot" >/dev/null
check "4xx is an error" until_true 5 test "$(matched 'is:error status:418')" -ge 1

# --- a thousand requests, none missing, none doubled -----------------------------------------------------------
run_client python3 /world/keepalive.py http web 0 500 >"$TMP/ka.out" 2>&1 &
http_client=$!
run_client python3 /world/keepalive.py https web 500 1000 >"$TMP/kas.out" 2>&1
wait $http_client
equal "1,000 keep-alive requests were answered" "500 500" "$(cat "$TMP/ka.out" "$TMP/kas.out" | paste -sd' ')"
check "1,000 exchanges arrive" until_true 10 done_flows 1000 'path~^/seq/\d+$'
for from in 0 500; do api -G "$API/flows" --data-urlencode 'f=path~^/seq/\d+$' -d from=$from -d n=500; done |
	jq -r '.rows[].target' >"$TMP/targets"
equal "all different: none missing, none doubled" 1000 "$(sort -u "$TMP/targets" | wc -l)"
equal "half of them over TLS" 500 "$(matched 'path~^/seq/\d+$ tls:openssl')"
equal "nothing was lost on the way" 0 "$(api "$API/health" | jq '.counters.dropped')"
note "$(api "$API/health" | jq -c '[.. | objects | to_entries[] | select(.key | tostring | test("^(loss|queue|conn)\\.")) | select(.value != 0)] | map("\(.key) \(.value)") | unique')"

# --- the settings of the page ---------------------------------------------------------------------------------
put_capture() { api -X PUT -H 'Content-Type: application/json' -d "$1" "$API/capture"; }
put_capture '{"mode":"except","names":["client","web"],"hosts":false,"include_new":true,"paused":false,"body_limit":1048576}'
until_true 5 eval '[ "$(api "$API/containers" | jq "[.containers[] | select(.captured)] | length")" = 0 ]'
curl_client "http://web/seq/unseen" >/dev/null
put_capture '{"mode":"all","names":[],"hosts":false,"include_new":true,"paused":false,"body_limit":1048576}'
until_true 5 eval '[ "$(api "$API/containers" | jq "[.containers[] | select(.captured)] | length")" = 2 ]'
curl_client "http://web/seq/seen" >/dev/null
check "choosing containers changes capture at once" until_true 5 done_flows 1 'path:/seq/seen'
equal "what was left out is not there" 0 "$(matched 'path:/seq/unseen')"

# --- the page in a browser ------------------------------------------------------------------------------------
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 1200 node tests/web/real.mjs "http://127.0.0.1:$HTTP/" "$TOKEN" "$D" >"$TMP/page.out" 2>&1
note "$(sed -n "s/^# //p" "$TMP/page.out")"
while read -r line; do
	case $line in
	'ok '*) ok "${line#ok * - }" ;;
	'not ok '*) not_ok "${line#not ok * - }" ;;
	esac
done <"$TMP/page.out"
check "the browser's tests ended" grep -q '^1\.\.' "$TMP/page.out"

end_process $main_pid
check "limpid stops cleanly" not_running $main_pid

# --- the decoder is killed under traffic ------------------------------------------------------------------------
start_limpid second --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/db/limpid.db" --token "$TOKEN"
second_pid=$LIMPID_PID
until_true 20 grep -q "http://127.0.0.1:$HTTP/" "$TMP/second.out"
equal "a restart keeps the flows" 1000 "$(matched 'path~^/seq/\d+$')"
# the one process of ours that is confined by seccomp
decoder() { local p; for p in $(pgrep -P $second_pid); do grep -q 'Seccomp:.*2' "/proc/$p/status" && echo "$p"; done; }
run_client python3 /world/keepalive.py https web 5000 5400 0.02 >"$TMP/decoder.out" 2>&1 &
traffic=$!
until_true 10 eval '[ "$(matched "path~^/seq/5")" -gt 20 ]'
kill -9 "$(decoder)"
wait $traffic
equal "killing the decoder is not noticed by the clients" 400 "$(cat "$TMP/decoder.out")"
check "what comes after the decoder's restart is there, once, with both ends named" \
	until_true 10 done_flows 100 'path~^/seq/53\d\d$ src:client dst:web'
check "exchanges that it had in its hands are counted" eval \
	'[ "$(api "$API/health" | jq ".agents[] | select(.connected) | .counters[\"decode.lost_flows\"]")" -ge $((400 - $(matched "path~^/seq/5[0-3]\d\d$"))) ]'
equal "and the restart is counted" 1 "$(api "$API/health" | jq '.agents[] | select(.connected) | .counters["decode.restarts"]')"
end_process $second_pid

# --- the hub is killed under traffic ----------------------------------------------------------------------------
start_hub() {
	start_limpid "$1" hub --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/db2/limpid.db" --token "$TOKEN"
	until_true 10 curl -sf "http://127.0.0.1:$HTTP/"
}
start_hub hub1
hub_pid=$LIMPID_PID
start_limpid agent agent -s "127.0.0.1:$GRPC"
check "an agent connects to a hub" until_true 10 eval '[ "$(api "$API/health" | jq "[.agents[] | select(.connected)] | length")" = 1 ]'
run_client python3 /world/keepalive.py https web 2000 3000 0.02 >"$TMP/kill.out" 2>&1 &
traffic=$!
until_true 10 eval '[ "$(matched "path~^/seq/2")" -gt 50 ]'
kill -9 $hub_pid
sleep 10
start_hub hub2
wait $traffic
equal "the clients noticed nothing" 1000 "$(cat "$TMP/kill.out")"
check "a hub killed for ten seconds under traffic loses no flow" until_true 20 done_flows 1000 'path~^/seq/2\d+$'
