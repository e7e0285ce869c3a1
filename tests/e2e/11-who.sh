#!/usr/bin/env bash
# 11-who - who talks to whom: servers that hand their connections on, both ends of one connection, network
# namespaces; and the choice of processes and connections on the command line.
. "$(dirname "$0")/lib.sh"
need_root

mkfifo "$TMP/stay"
exec 8<>"$TMP/stay" # servers live as long as this is open
ports=()
for _ in 1 2 3 4 5 6 7 8 9; do ports+=("$(free_port)"); done
all=$(IFS=,; echo "${ports[*]}")
start_limpid tail tail --json --all --port "$all" --log-level debug
T=$TMP/tail.out
check "limpid captures the connections of some ports" until_true 20 grep -q "capturing every container, and processes outside containers, only port" "$TMP/tail.err"

# flows TARGET: how many; field TARGET PATH: of the only one.
flows() { grep -cF "\"target\":\"$1\"" "$T"; }
is_there() { [ "$(flows "$1")" -ge 1 ]; }
field() { grep -F "\"target\":\"$1\"" "$T" | jq -r "$2" | paste -sd' '; }
serve() { # KIND PORT [ADDRESS] [RUN...]: in the background
	local kind=$1 port=$2 address=${3:-127.0.0.1}
	shift $(($# < 3 ? $# : 3))
	"$@" python3 tests/e2e/world/serve.py "$kind" "$port" "$address" <"$TMP/stay" >"$TMP/$kind.out" 8>&- &
	on_exit end_process $!
	until_true 10 grep -q listening "$TMP/$kind.out" || not_ok "the server $kind starts"
}
# ask URL...: two requests on one connection when there are two; sets ASKED (curl's pid), SAID (the servers' pids).
ask() {
	curl -s --max-time 10 "$@" >"$TMP/asked" &
	ASKED=$!
	wait $ASKED
	SAID=$(paste -sd' ' "$TMP/asked")
}
WHO='"\(.client.pid) \(.client.comm) \(.server.pid) \(.server.comm) \(.seen_by)"'

# --- servers that hand connections on ----------------------------------------------------------------------------
i=0
for kind in prefork threads fork dup passed inetd; do
	port=${ports[$i]}
	i=$((i + 1))
	serve $kind "$port"
	ask "http://127.0.0.1:$port/$kind/1" "http://127.0.0.1:$port/$kind/2"
	comm=python3
	[ $kind = inetd ] && comm=bash
	until_true 20 is_there "/$kind/2"
	set -- $SAID
	equal "$kind: one flow, the client's process, and the one that answered" "$ASKED curl ${1:-?} $comm both" "$(field "/$kind/1" "$WHO")"
	equal "$kind: the same for the next request on the connection" "$ASKED curl ${2:-?} $comm both" "$(field "/$kind/2" "$WHO")"
done
# The pool serves in turns; whoever it is, it is the one that said so.
p=${ports[0]}
wrong=0
for n in 1 2 3 4 5 6 7 8 9 10; do
	ask "http://127.0.0.1:$p/turn/$n"
	until_true 20 is_there "/turn/$n"
	[ "$(field "/turn/$n" '"\(.server.pid) \(.client.pid)"')" = "$SAID $ASKED" ] || wrong=$((wrong + 1))
done
equal "ten connections to a pool of workers: each with the worker that served it" 0 $wrong

# --- addresses -------------------------------------------------------------------------------------------------------
p=${ports[6]}
serve prefork "$p" ::
for url in "http://[::1]:$p/v6" "http://127.0.0.1:$p/mapped"; do
	ask "$url"
	target=/${url##*/}
	until_true 20 is_there "$target"
	equal "$target: one flow with both processes" "$ASKED curl $SAID python3 both" "$(field "$target" "$WHO")"
done
equal "IPv6 has its addresses" "::1 ::1" "$(field /v6 '"\(.client.ip) \(.server.ip)"')"
equal "IPv4 to a socket of IPv6 is IPv4" "127.0.0.1 127.0.0.1" "$(field /mapped '"\(.client.ip) \(.server.ip)"')"

# --- two network namespaces of the host ---------------------------------------------------------------------------------
a=limpid-a-$$ b=limpid-b-$$ p=${ports[7]}
if ip netns add $a 2>/dev/null; then
	on_exit ip netns del $a
	ip netns add $b
	on_exit ip netns del $b
	ip link add lva$$ netns $a type veth peer name lvb$$ netns $b
	ip -n $a addr add 10.213.7.1/24 dev lva$$ && ip -n $a link set lva$$ up && ip -n $a link set lo up
	ip -n $b addr add 10.213.7.2/24 dev lvb$$ && ip -n $b link set lvb$$ up && ip -n $b link set lo up
	serve fork "$p" 0.0.0.0 ip netns exec $b
	ip netns exec $a curl -s --max-time 10 "http://10.213.7.2:$p/across" >"$TMP/asked" &
	ASKED=$!
	wait $ASKED
	until_true 20 is_there /across
	equal "across two network namespaces: one flow with both processes" "$ASKED curl $(cat "$TMP/asked") python3 both" "$(field /across "$WHO")"
	equal "and both addresses" "10.213.7.1 10.213.7.2" "$(field /across '"\(.client.ip) \(.server.ip)"')"
	# Loopback in each of them, with the same ports: nobody is taken for somebody else's peer.
	serve dup "$p" 127.0.0.1 ip netns exec $a
	ip netns exec $a curl -s --max-time 10 --local-port 45678 "http://127.0.0.1:$p/lo-a" >"$TMP/asked.a" &
	ip netns exec $b curl -s --max-time 10 --local-port 45678 "http://127.0.0.1:$p/lo-b" >"$TMP/asked.b" &
	wait $!
	until_true 20 is_there /lo-b && until_true 20 is_there /lo-a
	equal "the same loopback ports in two namespaces are two connections" "$(cat "$TMP/asked.a") both / $(cat "$TMP/asked.b") both" \
		"$(field /lo-a '"\(.server.pid) \(.seen_by)"') / $(field /lo-b '"\(.server.pid) \(.seen_by)"')"
else
	skip "two network namespaces" "this machine has none"
fi
equal "nothing was captured twice" "" "$(jq -r .request.target "$T" | sort | uniq -d)"
equal "and no other port" 0 "$(jq -r .server.port "$T" | grep -cvxF "$(printf '%s\n' "${ports[@]}")")"
end_process "$LIMPID_PID"

# --- the choice on the command line --------------------------------------------------------------------------------------
p=${ports[0]} q=${ports[1]} six=${ports[6]}
# chosen NAME ARGS...: asks four servers while `tail ARGS` runs; prints what was captured.
chosen() {
	local name=$1
	shift
	start_limpid "$name" tail --json "$@"
	until_true 20 grep -q 'capturing .*; end with' "$TMP/$name.err"
	ask "http://127.0.0.1:$p/p"
	ask "http://127.0.0.1:$q/q"
	ask "http://[::1]:$six/six"
	[ ! -x "$TMP/kurl" ] || "$TMP/kurl" -s --max-time 10 "http://127.0.0.1:$p/kurl" >/dev/null
	ask "http://127.0.0.1:$q/last"
	until_true 1 grep -q '"target":"/last"' "$TMP/$name.out"
	sleep 0.3
	end_process "$LIMPID_PID"
	jq -r '.request.target[1:]' "$TMP/$name.out" | paste -sd' '
}
cp "$(readlink -f "$(command -v curl)")" "$TMP/kurl"
mine=$p,$q,$six
equal "--port: those, of all kinds" "p q six kurl last" "$(chosen c1 --all --port "$mine")"
equal "--not-port wins" "q six last" "$(chosen c2 --all --port "$mine" --not-port "$p")"
equal "--address: a prefix" "p q kurl last" "$(chosen c3 --all --port "$mine" --address 127.0.0.0/8)"
equal "--address: IPv6" "six" "$(chosen c4 --all --port "$mine" --address ::1)"
equal "--not-address" "six" "$(chosen c5 --all --port "$mine" --not-address 127.0.0.1)"
equal "--comm: short-lived processes from their first byte" "kurl" "$(chosen c6 --comm kurl)"
equal "--comm: the first bytes of each of them" "p q six last" "$(chosen c7 --comm 'curl*' --port "$mine")"
equal "--comm: a glob for tap does not catch the rest" "kurl" "$(chosen c8 --all --comm 'k*l' --port "$mine" | tr ' ' '\n' | grep kurl)"
equal "--not-comm: one that is left out is left out at its end only" "p q six kurl last" "$(chosen c9 --all --not-comm kurl --port "$mine")"
equal "where only the server speaks for it" "server" "$(jq -r 'select(.request.target == "/kurl").seen_by' "$TMP/c9.out")"
# A program that gave itself another name before Limpid came, as Node 26 does, goes by the name of its file.
cp "$(readlink -f "$(command -v bash)")" "$TMP/renamed"
mkfifo "$TMP/say"
# shellcheck disable=SC2016
"$TMP/renamed" -c 'echo MainThread >/proc/$$/comm
	while read -r port path; do
		exec 3<>"/dev/tcp/127.0.0.1/$port"
		printf "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" "$path" >&3
		read -r answer <&3
		exec 3>&-
	done' <>"$TMP/say" &
on_exit end_process $!
renamed=$!
until_true 20 grep -qx MainThread "/proc/$renamed/comm"
for how in --comm --not-comm; do
	more=() ends=client
	[ $how = --comm ] || more=(--all) ends=server
	start_limpid "renamed$how" tail --json "${more[@]}" $how renamed --port "$p"
	until_true 20 grep -q 'capturing .*; end with' "$TMP/renamed$how.err"
	echo "$p /renamed$how" >"$TMP/say"
	until_true 20 grep -q "\"target\":\"/renamed" "$TMP/renamed$how.out" || true
	end_process "$LIMPID_PID"
	equal "$how: the name of a process's file counts when it has given itself another" "$ends" \
		"$(jq -r 'select(.request.target | startswith("/renamed")).seen_by' "$TMP/renamed$how.out")"
done
end_process $renamed

# A server and those that it forks while Limpid watches.
start_limpid c10 tail --json --pid $$ --not-comm curl --port "${ports[8]}"
until_true 20 grep -q 'capturing .*; end with' "$TMP/c10.err"
serve fork "${ports[8]}"
ask "http://127.0.0.1:${ports[8]}/child"
until_true 5 grep -q '"target":"/child"' "$TMP/c10.out"
equal "--pid: the children of its children, without an exec" "$SAID server" "$(jq -r '"\(.server.pid) \(.seen_by)"' "$TMP/c10.out")"
end_process "$LIMPID_PID"

# Whatever starts is seen from its first request on: fifty in a row.
start_limpid c11 tail --json --comm kurl --port "$p"
until_true 20 grep -q 'capturing .*; end with' "$TMP/c11.err"
for n in {1..50}; do "$TMP/kurl" -s --max-time 10 "http://127.0.0.1:$p/n$n" >/dev/null; done
fifty() { [ "$(wc -l <"$TMP/c11.out")" -ge 50 ]; }
until_true 5 fifty || true
equal "--comm: fifty short processes, fifty requests from their clients' ends" 50 "$(jq -r 'select(.seen_by == "client" and .client.comm == "kurl").request.target' "$TMP/c11.out" | sort -u | wc -l)"
end_process "$LIMPID_PID"
check "a choice that is none is refused with an example" bash -c "! $LIMPID tail --port 80-70 2>'$TMP/e' && grep -q 'write for example' '$TMP/e'"
exec 8>&-
