#!/usr/bin/env bash
# 54-storm - 500 short processes, with exec, fork, dlopen, threads and SIGKILL, and forty containers that come and
# go, while Limpid watches: nothing crashes, names are right, memory is flat, nothing stays behind.
. "$(dirname "$0")/lib.sh"
need_root

mkdir -p "$TMP/bin" && gcc -O2 -o "$TMP/bin/storm" tests/e2e/world/storm.c -ldl -lpthread >"$TMP/cc.log" 2>&1 || {
	not_ok "the storm builds"
	sed 's/^/# /' "$TMP/cc.log"
	exit 1
}
start_docker && image_busybox || { not_ok "Docker and its image are there"; exit 1; }
on_exit stop_containers
IMAGE=limpid-test/busybox net=limpid-storm-$$ PORT=$(free_port)
$D network create $net >/dev/null
on_exit $D network rm $net
mkfifo "$TMP/stay"
exec 8<>"$TMP/stay"
python3 tests/e2e/world/serve.py prefork "$PORT" <"$TMP/stay" >"$TMP/serve.out" 8>&- &
served=$!
on_exit end_process $served
until_true 10 grep -q listening "$TMP/serve.out"
$D run -d --name web --network $net $IMAGE sh -c 'mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
until_true 10 $D exec web busybox wget -q -O - http://127.0.0.1/

start_limpid tail tail --json --container '*' --comm storm --pid $served
main=$LIMPID_PID
T=$TMP/tail.out
check "limpid starts" until_true 20 grep -q 'capturing .*; end with' "$TMP/tail.err"
family() { echo "$main"; ps -o pid= --ppid "$main"; }
kids=$(family | sort -n | paste -sd' ')
# Resident memory of all its processes, without the rings' pages, which all of them map.
memory() { local p sum=0 n; for p in $(family); do n=$(awk '/^RssAnon/ {print $2}' "/proc/$p/status"); sum=$((sum + ${n:-0})); done; echo $sum; }
# KIND (map, prog, link): ids of what its processes hold, one a line.
objects() { local p; for p in $(family); do sed -n "s/^$1_id:[[:space:]]*//p" "/proc/$p/fdinfo/"* 2>/dev/null; done | sort -nu; }
map_id() { local id; for id in $(objects map); do bpftool -j map show id "$id" 2>/dev/null | jq -r --arg name "$1" 'select(.name == $name).id'; done; }
entries() { bpftool -j map dump id "$1" 2>/dev/null | jq length; }

storm() { # FROM TO: half of the processes and twenty containers, at once
	local n
	"$TMP/bin/storm" "$1" "$2" "$PORT" >"$TMP/storm.$1" 2>&1 &
	local pid=$!
	for n in $(seq $(($1 * 4 / 50)) $(($1 * 4 / 50 + 19))); do
		$D run --rm --name "gust$n" --network $net $IMAGE busybox wget -q -O - "http://web/?gust$n" >/dev/null 2>&1 || echo "gust$n failed" >>"$TMP/failed"
	done
	wait $pid
}
storm 0 250
sleep 1
half=$(memory)
storm 250 500
equal "500 short processes did what they should" "0 0" "$(cat "$TMP/storm.0" "$TMP/storm.250" | paste -sd' ')"
equal "and so did forty containers" "" "$(cat "$TMP/failed" 2>/dev/null)"

# A sixth only loads a library.
wanted=$(seq 0 499 | awk '$1 % 6 != 3' | wc -l)
storms() { [ "$(grep -oE '"target":"/storm/[0-9]+/' "$T" | sort -u | wc -l)" = "$wanted" ]; }
gusts() { [ "$(grep -oE '"target":"/\?gust[0-9]+"' "$T" | sort -u | wc -l)" = 40 ]; }
check "every request of a process is there" until_true 5 storms
check "every request of a container is there" until_true 5 gusts
sleep 1
equal "each under its own process and name, with both ends, once" "" \
	"$(jq -r 'select(.request.target | startswith("/storm/")) | "\(.request.target | split("/")[3]) \(.client.pid) \(.client.comm) \(.server.comm) \(.seen_by) \(.request.target)"' "$T" |
		awk '!($1 == $2 && $3 == "storm" && $4 == "python3" && $5 == "both") || seen[$6]++' | head -n 5)"
equal "each container under its name, with both ends, once" "" \
	"$(jq -r 'select(.request.target | startswith("/?gust")) | "\(.request.target) /?\(.client.container) \(.server.container) \(.seen_by)"' "$T" |
		awk '!($1 == $2 && $3 == "web" && $4 == "both") || seen[$1]++' | head -n 5)"
equal "none of its processes was started again" "$kids" "$(family | sort -n | paste -sd' ')"
after=$(memory)
note "memory of its own: $half KiB after half of it, $after KiB at the end"
check "memory is flat" test "$after" -lt $((half + 8192))

# --- what stays behind -----------------------------------------------------------------------------------------------
conns=$(map_id conns) rules=$(map_id tgid_rules) groups=$(map_id cgroup_rules)
few() { [ -n "$1" ] && [ "$(entries "$1")" -le "$2" ]; }
check "the table of connections is empty again" until_true 5 few "$conns" 2
check "rules of processes: only of those that run, its own and the servers" until_true 5 few "$rules" 8
check "rules of containers: only of the one that runs" until_true 5 few "$groups" 2
objects prog >"$TMP/prog" && objects link >"$TMP/link" && objects map >"$TMP/map"
many() { [ "$(wc -l <"$TMP/prog")" -gt 5 ] && [ "$(wc -l <"$TMP/link")" -gt 5 ] && [ "$(wc -l <"$TMP/map")" -gt 5 ]; }
check "its programs, links and maps are known" many
end_process "$main"
left() { bpftool -j "$1" show 2>/dev/null | jq '.[].id' | grep -cxFf "$TMP/$1"; }
nothing() { [ "$(left prog) $(left link) $(left map)" = "0 0 0" ]; }
check "after its end no program, link or map is left" until_true 5 nothing
equal "and it said nothing of trouble" "" "$(grep -E 'error|warning|AddressSanitizer' "$TMP/tail.err" | head -n 3)"
exec 8>&-
