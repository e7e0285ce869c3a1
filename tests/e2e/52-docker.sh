#!/usr/bin/env bash
# Names, networks and lives of real containers; Limpid never sees itself.
. "$(dirname "$0")/lib.sh"
need_root

start_docker && image_busybox || { not_ok "Docker and its image are there"; exit 1; }
on_exit stop_containers
chmod 755 "$TMP"
IMAGE=limpid-test/busybox
HTTP=$(free_port) GRPC=$(free_port) TOKEN=0123456789abcdef0123456789abcdef
api() { curl -sf --max-time 10 -H "Authorization: Bearer $TOKEN" "$@"; }
rows() { api -G "http://127.0.0.1:$HTTP/api/flows" --data-urlencode "f=$1" -d from=-500 -d n=500; }
# row FILTER: "src dst state" of the only match
row() { rows "$1" | jq -r 'if .matched == 1 then .rows[0] | "\(.src) \(.dst) \(.state)" else "\(.matched) rows" end'; }
is_row() { [ "$(row "$1")" = "$2" ]; }
# check_row TEXT FILTER WANT
check_row() { until_true 5 is_row "$2" "$3" || true; equal "$1" "$3" "$(row "$2")"; }
container() { api "http://127.0.0.1:$HTTP/api/containers" | jq -r --arg n "$1" ".containers[] | select(.name == \$n) | $2"; }
is_container() { [ "$(container "$1" "$2")" = "$3" ]; }
net=limpid-e2e-$$
$D network create $net >/dev/null
on_exit $D network rm $net
serve='mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 80 -h /www'

$D run -d --name early --network $net --label com.docker.compose.project=shop --label com.docker.compose.service=front \
	$IMAGE sh -c "$serve" >/dev/null
start_limpid limpid --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/db/l.db" --token $TOKEN
main=$LIMPID_PID
check "limpid starts" until_true 20 grep -q '#t=' "$TMP/limpid.out"
check "a container that was there is listed" until_true 5 is_container early .state running
equal "with its image" $IMAGE "$(container early .image)"
equal "with its compose project and service" "shop front" "$(container early '"\(.project) \(.service)"')"
equal "with its network" $net "$(container early .networks)"
equal "with its address" "$($D inspect -f "{{(index .NetworkSettings.Networks \"$net\").IPAddress}}" early)" "$(container early '.addrs[0]')"
equal "and that it is captured" true "$(container early .captured)"

$D run -d --name late --network $net $IMAGE sh -c "$serve" >/dev/null
check "a container that starts later is listed" until_true 5 is_container late .captured true
until_true 5 $D exec late busybox wget -q -O - http://late/
$D exec late busybox wget -q -O - http://early/one >/dev/null 2>&1
check_row "and captured, with both names" path:/one "late early done"

# --- short lives -----------------------------------------------------------------------------------------------
# Its first process asks at once and ends.
$D run --rm --name blink --network $net $IMAGE busybox wget -q -O - http://early/blink >/dev/null 2>&1
check_row "a container that lives for a moment keeps its name" path:/blink "blink early done"
blinks=()
for i in 1 2 3 4 5; do
	$D run --rm --name "blink$i" --network $net $IMAGE busybox wget -q -O - "http://early/again$i" >/dev/null 2>&1 &
	blinks+=($!)
done
wait "${blinks[@]}"
named() { local i; for i in 1 2 3 4 5; do is_row "path:/again$i" "blink$i early done" || return 1; done; }
check "also five at once" until_true 5 named || rows path~again | jq -c '.rows[] | [.src, .dst, .target, .state]' | sed 's/^/# /'
server() { # a server that lives for one request
	$D run -d --rm --name once --network $net $IMAGE sh -c 'printf "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" | nc -l -p 80' >/dev/null
	$D exec late sh -c 'for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://once/once && break; sleep 0.2; done' >/dev/null 2>&1
}
server
check_row "a server that lives for one request is named too" 'path:/once status:200' "late once done"
check "a container that is gone leaves the list" until_true 5 is_container blink .name ""

# --- changes -------------------------------------------------------------------------------------------------------
$D rename late renamed
check "a new name is taken over" until_true 5 is_container renamed .captured true
$D stop -t 1 renamed >/dev/null
check "a stopped container is shown as such" until_true 5 is_container renamed .state exited
$D start renamed >/dev/null
check "and runs again" until_true 5 is_container renamed .state running
until_true 5 $D exec renamed busybox wget -q -O - http://renamed/
$D exec renamed busybox wget -q -O - http://early/restarted >/dev/null 2>&1
check_row "captured in its new cgroup" path:/restarted "renamed early done"

# --- other layouts of cgroups --------------------------------------------------------------------------------------
$D run --rm --name parented --cgroup-parent=/limpid-e2e --network $net $IMAGE busybox wget -q -O - http://early/parented >/dev/null 2>&1
check_row "a container below another cgroup parent is named" path:/parented "parented early done"
$D run --rm --name private --cgroupns=private --network $net $IMAGE busybox wget -q -O - http://early/private >/dev/null 2>&1
check_row "one in a cgroup namespace of its own too" path:/private "private early done"
$D run --rm --name hostpid --pid=host --network $net $IMAGE busybox wget -q -O - http://early/hostpid >/dev/null 2>&1
check_row "one in the host's pid namespace is seen by its server at least" path:/hostpid "hostpid early done"

# --- choice ------------------------------------------------------------------------------------------------------------
put() { api -X PUT -H 'Content-Type: application/json' -d "$1" "http://127.0.0.1:$HTTP/api/capture"; }
put '{"mode":"chosen","names":["renamed"],"hosts":false,"include_new":true,"paused":false,"body_limit":1048576}'
check "what was not chosen is left out" until_true 5 is_container early .captured false
$D run -d --name newer --network $net $IMAGE sh -c "$serve" >/dev/null
check "what starts from now on is taken, when so chosen" until_true 5 is_container newer .captured true
put '{"mode":"chosen","names":["ne*"],"hosts":false,"include_new":false,"paused":false,"body_limit":1048576}'
check "a pattern chooses" until_true 5 is_container renamed .captured false
equal "by name" true "$(container newer .captured)"
put '{"mode":"all","names":[],"hosts":false,"include_new":true,"paused":true,"body_limit":1048576}'
until_true 5 is_container early .captured true
$D exec newer busybox wget -q -O - http://early/paused >/dev/null 2>&1
put '{"mode":"all","names":[],"hosts":false,"include_new":true,"paused":false,"body_limit":1048576}'
sleep 1
$D exec newer busybox wget -q -O - http://early/unpaused >/dev/null 2>&1
check_row "after a pause it goes on" path:/unpaused "newer early done"
equal "and what happened meanwhile was not captured" "0 rows" "$(row path:/paused)"

# --- itself --------------------------------------------------------------------------------------------------------------
put '{"mode":"all","names":[],"hosts":true,"include_new":true,"paused":false,"body_limit":1048576}'
sleep 1
curl -s "http://127.0.0.1:$HTTP/?itself" >/dev/null
$D exec newer busybox wget -q -O - http://early/others >/dev/null 2>&1
until_true 5 is_row path:/others "newer early done"
equal "with everything captured, Limpid does not show itself" 0 "$(rows "port:$HTTP or port:$GRPC" | jq .matched)"
end_process $main

# --- the command line's choice, before the first byte ---------------------------------------------------------------------
start_limpid tail tail --json --container 'chos*'
until_true 20 grep -q 'capturing container chos\*' "$TMP/tail.err"
$D run --rm --name chosen --network $net $IMAGE sh -c 'sleep 0.3; wget -q -O - http://newer/chosen' >/dev/null 2>&1
$D run --rm --name other --network $net $IMAGE busybox wget -q -O - http://newer/other >/dev/null 2>&1
check "--container takes a pattern, and containers that start later" until_true 5 grep -q '"target":"/chosen"' "$TMP/tail.out"
equal "with the other end's name by its address" '"chosen" "newer"' \
	"$(grep '"target":"/chosen"' "$TMP/tail.out" | head -n 1 | jq -c '.client.container, .server.container' | paste -sd' ')"
equal "and nobody else" 0 "$(grep -c '"target":"/other"' "$TMP/tail.out")"


# --- a recording has the names too -------------------------------------------------------------------------------------------
tail=$LIMPID_PID
start_limpid record record -o "$TMP/names.rec"
until_true 20 grep -q capturing "$TMP/record.err"
$D run --rm --name recorded --network $net $IMAGE sh -c 'sleep 0.3; wget -q -O - http://newer/recorded' >/dev/null 2>&1
sleep 0.5
end_process "$LIMPID_PID"
LIMPID_PID=$tail
equal "a recording names both containers, also one that is gone" '"recorded" "newer" "'"$IMAGE"'"' \
	"$("$LIMPID" read --json "$TMP/names.rec" path:/recorded | head -n 1 | jq -c '.client.container, .server.container, .client.image' | paste -sd' ')"

# --- Docker goes and comes -----------------------------------------------------------------------------------------------
kill "$(cat "$TMP/dockerd.pid")"
check "a daemon that stops is noticed" until_true 20 grep -q 'warning: Docker does not answer' "$TMP/tail.err"
until_true 10 eval '! [ -e "$TMP/dockerd.pid" ]'
run_dockerd
check "and so is its return" until_true 30 grep -q 'Docker answers again' "$TMP/tail.err"
end_process "$LIMPID_PID"
until_true 20 $D info
