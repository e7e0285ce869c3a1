#!/usr/bin/env bash
# Programs that move the ciphertext themselves (OpenSSL on memory BIOs): each connection's plaintext must be captured byte for
# byte, once, and at the right addresses; where the socket cannot be known, nowhere.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root
# As on older kernels: LIMPID_UPROBE_MULTI=0, LIMPID_FLAVOUR=old.
mem=$src/membio
py=/usr/bin/python3
aiohttp=$(tests/lib/fetch-debs bookworm python3-{aiohttp,multidict,yarl,frozenlist,aiosignal,attr,async-timeout,idna,charset-normalizer,typing-extensions} \
	2>"$TMP/fetch.err") && export PYTHONPATH=$aiohttp/usr/lib/python3/dist-packages

if ! build_programs || ! gcc -O2 -Wall -D_GNU_SOURCE $mem/peer.c -o "$TMP/mem" -lssl -lcrypto -lpthread; then
	not_ok "the test programs are built"
	exit 1
fi
port=$(free_port)

serve() { # serve NAME COMMAND...: with PORT in the environment
	start "$@"
	until_true 20 grep -q listening "$TMP/$1.out" && until_true 60 grep -q "^lib .* attached .*${library:-libssl}" "$TMP/watch.out" && return
	not_ok "$1 starts, and its library is probed"
	tail -n 5 "$TMP/$1.err" | sed 's/^/# /'
	return 1
}
ended() { [ "$(grep -c ^peer "$1")" -ge "$2" ]; } # ended FILE N: so many connections were told of
# A server goes on writing to its file: what is new of it since `mark` goes to told.out.
mark() {
	before=$(grep -c ^peer "$1")
	from_here
}
told() { # told FILE N: it says so much of N connections more
	[ "$(grep -c ^peer "$1")" -ge $((before + $2)) ] && grep ^peer "$1" | tail -n +$((before + 1)) >"$TMP/told.out"
}
matched_only() { # matched_only PID: what was captured of that process was found by matching
	awk -v pid="$1" '/^conn/ && $2 == pid { for (i = 1; i < NF; i++) if ($i == "nested" || $i == "sticky") bad += $(i + 1) } END { exit bad > 0 }' "$TMP/watch.out"
}
compare() { # compare TEXT PID FILE: what the lines in FILE say of the connections of PID was captured so
	sed -i "s/^peer other /peer $2 /" "$3"
	check "$1: $(grep -c ^peer "$3") connections" captured "$3" "$TMP/watch.out"
	check "$1: found by the handshake" matched_only "$2"
}
run_watch() { watch "$TMP/watch" "$@" -p "$port"; }
end_watch() { # probes that are taken off one by one need their time
	kill "${pid_of[watch]}"
	until_true 60 grep -q ^loss "$TMP/watch.out"
	stop watch
}
run_watch

# --- a C program, on one thread, many connections of equal traffic -------------------------------------------------------
serve mem "$TMP/mem" server "$port" "$TMP/cert.pem" "$TMP/key.pem"
many() { # many TEXT NAME OPTION...: the client, and the server's view of the same connections
	local text=$1 n
	shift
	mark "$TMP/mem.out"
	if ! timeout 60 "$TMP/mem" client "$@" "$port" >"$TMP/client.out" 2>"$TMP/client.err"; then
		not_ok "$text: $(tail -n 1 "$TMP/client.err")"
		return
	fi
	n=$(grep -c ^peer "$TMP/client.out")
	until_true 10 told "$TMP/mem.out" "$n" || not_ok "$text: the server ended all connections"
	compare "$text, client" "$(awk 'NR == 1 { print $2 }' "$TMP/client.out")" "$TMP/client.out"
	compare "$text, server" "${pid_of[mem]}" "$TMP/told.out"
}
many "two interleaved connections of equal traffic" -c 2 -n 50
many "200 connections on one thread, 4000 requests" -c 200 -n 20
many "1 MB each way" -s 1000000
many "objects at the addresses of others, whose sockets are still open" -c 4 -n 10 -r 5
stop mem
serve mem "$TMP/mem" server -t "$port" "$TMP/cert.pem" "$TMP/key.pem"
many "ciphertext handed to another thread" -t -c 3 -n 20

# --- two sockets carry the same bytes: neither is it --------------------------------------------------------------------
sink=$(free_port)
start sink $py -c "
import socket, sys, threading
l = socket.create_server(('127.0.0.1', $sink)); print('listening', flush=True)
def eat(s):
    while s.recv(65536): pass
threading.Thread(target=lambda: [threading.Thread(target=eat, args=(l.accept()[0],), daemon=True).start() for _ in iter(int, 1)], daemon=True).start()
sys.stdin.read()"
until_true 10 grep -q listening "$TMP/sink.out"
timeout 60 "$TMP/mem" client -c 4 -n 20 -2 "$sink" "$port" >"$TMP/client.out" 2>"$TMP/client.err" || not_ok "the client with two sockets: $(cat "$TMP/client.err")"
pid=$(awk 'NR == 1 { print $2 }' "$TMP/client.out")
gone() { [ "$(grep -c "^conn $pid " "$TMP/watch.out")" -ge 4 ]; }
check "two sockets with the same bytes: the connections are seen" until_true 10 gone
equal "two sockets with the same bytes: no plaintext is laid to either" 0 \
	"$(awk -v pid="$pid" '/^conn/ && $2 == pid { n += $7 + $10 } END { print n + 0 }' "$TMP/watch.out")"
stop sink
stop mem
end_watch
# Of the four connections above: 20 requests of 104 bytes, and their answers.  Others on this machine may have some, too.
check "what has no socket is counted" awk '/^loss/ { exit $3 < 4 * 20 * 104 * 2 }' "$TMP/watch.out"

# --- connections that are left out: nothing of them is missing ------------------------------------------------------------
run_watch -x "$port"
serve mem "$TMP/mem" server "$port" "$TMP/cert.pem" "$TMP/key.pem"
timeout 60 "$TMP/mem" client -s 1000000 "$port" >"$TMP/client.out" 2>"$TMP/client.err" || not_ok "the client that is left out: $(cat "$TMP/client.err")"
stop mem
end_watch
equal "a connection that is left out is not told of" 0 "$(grep -c "^conn.*matched [1-9]" "$TMP/watch.out")"
check "and its plaintext is not counted as lost" awk '/^loss/ { exit $3 >= 1000000 }' "$TMP/watch.out"

# --- connections that are older than the capture --------------------------------------------------------------------------
start mem "$TMP/mem" server "$port" "$TMP/cert.pem" "$TMP/key.pem"
until_true 20 grep -q listening "$TMP/mem.out"
start late "$TMP/mem" client -W -c 3 -n 8 -s 500 "$port"
until_true 20 grep -q "waiting 1" "$TMP/late.out"
run_watch
exchange() { # exchange NUMBER [count]
	echo "${2:-}" >&"${fd_of[late]}"
	until_true 20 grep -q "waiting $1" "$TMP/late.out" || not_ok "exchange $1 on the old connections"
}
exchange 2
check "old connections: both processes get a probe for a while" until_true 20 grep -q "^late 2" "$TMP/watch.out"
exchange 3
exchange 4 count
exchange 5
check "old connections: when they are known, the probes are taken off" until_true 30 grep -q "^late 0" "$TMP/watch.out"
exchange 6
exchange 7
exchange 8
echo >&"${fd_of[late]}"
until_true 10 ended "$TMP/late.out" 3
until_true 10 ended "$TMP/mem.out" 3
# The server's end is known since its answer to the third request, the client's since that request; both tell those before as without
# a socket.  What the client said from the fourth request on is all that the server's end has.
late_as() { # late_as FIELDS: of the captured ends of the clients' connections, against what the clients say
	local pid lp rp s sh r rh want
	while read -r _ pid lp rp _ s sh _ r rh; do
		case $1 in
		server) want="^conn ${pid_of[mem]} $rp $lp .* sent $r $rh received $s $sh holes 0 .* nested 0 sticky 0 matched [1-9]" ;;
		client) want="^conn $pid $lp $rp .* sent $s $sh received $((r + 504)) .* holes 0 .* nested 0 sticky 0 matched [1-9]" ;;
		esac
		until_true 10 grep -q "$want" "$TMP/watch.out" || { echo "wanted: $want"; grep "^conn .*$lp" "$TMP/watch.out"; return 1; }
	done < <(grep ^peer "$TMP/late.out")
}
check "old connections, server: complete from the fourth exchange on" late_as server
check "old connections, client: complete from the third answer on" late_as client
stop late
stop mem
end_watch
check "old connections: what came before is counted" awk '/^loss/ { exit $3 < 3 * (4 * 504 + 3 * 504) }' "$TMP/watch.out"
run_watch

# --- Node, asyncio, aiohttp, both ends ------------------------------------------------------------------------------------
# What cannot say what it sent has an end that can: Python's ssl on sockets.
as_server() { # as_server NAME COMMAND...
	serve "$@" || return
	timeout 60 $py $mem/web.py "${talker:-plain}" client "$port" 8 60 >"$TMP/client.out" 2>"$TMP/client.err" || not_ok "the client of $1: $(tail -n 1 "$TMP/client.err")"
	compare "$1 as server" "${pid_of[$1]}" "$TMP/client.out"
	stop "$1"
}
as_client() { # as_client NAME COMMAND...: needs the plain server
	local name=$1 pid
	shift
	mark "$TMP/plain.out"
	"$@" client "$port" 8 60 >"$TMP/client.out" 2>"$TMP/client.err" &
	pid=$!
	wait $pid || not_ok "$name as client: $(tail -n 1 "$TMP/client.err")"
	until_true 10 told "$TMP/plain.out" 8 || not_ok "$name as client: its connections ended"
	compare "$name as client" $pid "$TMP/told.out"
}
node=yes
command -v node >/dev/null || node=
[ -z "$node" ] || library=/node as_server node node $mem/https.js server "$port" "$TMP/cert.pem" "$TMP/key.pem"
as_server asyncio $py $mem/web.py asyncio server "$port" "$TMP/cert.pem" "$TMP/key.pem"
[ -z "$aiohttp" ] || as_server aiohttp $py $mem/web.py aiohttp server "$port" "$TMP/cert.pem" "$TMP/key.pem"
if serve both $py $mem/web.py asyncio both "$port" "$TMP/cert.pem" "$TMP/key.pem" 4 50; then
	until_true 10 grep -q ready "$TMP/both.out"
	echo >&"${fd_of[both]}"
	until_true 20 ended "$TMP/both.out" 8 || not_ok "client and server in one process: it ended"
	compare "client and server in one process" "${pid_of[both]}" "$TMP/both.out"
	stop both
fi
if serve plain $py $mem/web.py plain server "$port" "$TMP/cert.pem" "$TMP/key.pem"; then
	[ -z "$node" ] || as_client node node $mem/https.js
	as_client asyncio $py $mem/web.py asyncio
	[ -z "$aiohttp" ] || as_client aiohttp $py $mem/web.py aiohttp
	stop plain
fi
[ -n "$node" ] || skip "node" "it is not installed: tools/bootstrap test"
[ -n "$aiohttp" ] || skip "aiohttp" "its packages cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
end_watch
note "$(grep ^loss "$TMP/watch.out")"
equal "nothing is lost otherwise" "ring 0 fault 0" "$(awk '/^loss/ { print $4, $5, $6, $7 }' "$TMP/watch.out")"
echo "1..$n_tests"
