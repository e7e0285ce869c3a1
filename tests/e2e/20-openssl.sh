#!/usr/bin/env bash
# OpenSSL by probes: what three versions of libssl were given to send and gave to their callers must be what
# was captured, byte for byte and once, however the calls are made and however the probes are attached.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root

port=$(free_port)
if ! build_programs; then
	not_ok "the test programs are built"
	exit 1
fi

run_watch() { watch "$TMP/watch" -p "$port" "$@"; }

declare -A with=( # how to run the peer with each version
	[3.0]="$TMP/peer %s"
)
server() { # server VERSION [OPTION...]
	local v=$1
	shift
	# shellcheck disable=SC2046,SC2059
	start server $(printf "${with[$v]}" server) "$@" "$port" "$TMP/cert.pem" "$TMP/key.pem"
	until_true 10 grep -q listening "$TMP/server.out" || {
		not_ok "the server of $v starts"
		sed 's/^/# /' "$TMP/server.err"
		exit 1
	}
}
client() { # client VERSION [OPTION...]: its line goes to client.out
	local v=$1
	shift
	# shellcheck disable=SC2046,SC2059
	timeout 60 $(printf "${with[$v]}" client) "$@" "$port" >"$TMP/client.out" 2>"$TMP/client.err"
}

exchange() { # exchange TEXT VERSION [OPTION...]: client's and server's view
	local text=$1 lp
	shift
	if ! client "$@"; then
		not_ok "$text: the client failed"
		sed 's/^/# /' "$TMP/client.err"
		return
	fi
	lp=$(awk '/^peer/ {print $3}' "$TMP/client.out")
	until_true 5 grep -q "^peer [0-9]* $port $lp " "$TMP/server.out"
	grep "^peer [0-9]* $port $lp " "$TMP/server.out" >>"$TMP/client.out"
	check "$text" captured "$TMP/client.out" "$TMP/watch.out"
}

all_ways() { # all_ways VERSION
	exchange "$1: 50 requests on one connection" "$1" -n 50 -s 200 -r 1000
	exchange "$1: 5 MB each way through SSL_read and SSL_write" "$1" -s 5000000 -r 5000000
	exchange "$1: 5 MB each way through SSL_read_ex and SSL_write_ex" "$1" -x -s 5000000 -r 5000000
	exchange "$1: a non-blocking client whose writes are refused and repeated" "$1" -N -n 2 -s 600000 -r 600000
	exchange "$1: peeked bytes are not counted" "$1" -P -n 20
	exchange "$1: read-ahead: most reads make no system call" "$1" -R -n 20 -s 3000 -r 100000
}

table() { # table PATTERN: adds a row about the capture that ended
	sed -n "s/^lib [0-9]* openssl \($1[^ ]*\) .* | \(.*\) | .*/  \1: \2/p" "$TMP/watch.out" | tail -n 1 >>"$TMP/table"
	awk '/^conn/ {
		n++
		for (i = 1; i < NF; i++) {
			if ($i == "sent") s += $(i + 1)
			if ($i == "received") r += $(i + 1)
			if ($i == "holes") h += $(i + 1)
		}
	} END { printf "    %d ends of connections, %d bytes sent, %d received, %d holes\n", n, s, r, h }' \
		"$TMP/watch.out" >>"$TMP/table"
}

# --- the machine's libssl, found when it is mapped --------------------------------------------------------------
cp /usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.so.3 "$TMP/" # a fresh inode: nobody has it mapped
with[fresh]="$TMP/peer %s -l $TMP/libssl.so.3 -c $TMP/libcrypto.so.3"
run_watch
server fresh
check "a library is found and attached when it is mapped" until_true 5 \
	grep -q "^lib [0-9]* openssl 3\.0\.[0-9]* attached .* $TMP/libssl.so.3 |" "$TMP/watch.out"
note "$(grep " $TMP/libssl.so.3 " "$TMP/watch.out" | awk '{print "attached " $6 " ms after the mapping"}')"
all_ways fresh
exchange "a process confined by seccomp lives on, and is decrypted" fresh -S -n 20
equal "the sides of the connections are told" "client server" \
	"$(awk '/^conn/ {print $5}' "$TMP/watch.out" | sort -u | xargs)"
check "most of a read-ahead connection is known by its earlier calls" \
	awk '/^conn/ {for (i = 1; i < NF; i++) if ($i == "sticky" && $(i + 1) > 10) found = 1} END {exit !found}' "$TMP/watch.out"
stop server

# --- a library that is none: its calls claim more than their buffers hold -------------------------------------
printf 'int SSL_read(void *s, void *b, int n) { return n + 5; }\n' >"$TMP/liar.c"
printf 'int SSL_read(void *, void *, int); int main(void) { char b[9]; for (int i = 0; i < 50; i++) { SSL_read(0, b, 9); usleep(100000); } }\n' >"$TMP/believer.c"
gcc -w -shared -fPIC "$TMP/liar.c" -o "$TMP/libliar.so" && gcc -w "$TMP/believer.c" "$TMP/libliar.so" -o "$TMP/believer" -Wl,-rpath,"$TMP"
start believer "$TMP/believer"
check "a library whose calls claim the impossible is given up, and that is said" until_true 10 \
	grep -q "^lib .* not .* $TMP/libliar.so | .* | its calls said" "$TMP/watch.out"
stop believer

# --- memory BIOs: no socket is ever used ------------------------------------------------------------------------
# Twice: a library that is mapped for the first time is probed some milliseconds later.
for _ in 1 2; do
	python3 $src/membio/alone.py "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/membio.out" 2>&1 || note "$(cat "$TMP/membio.out")"
	sleep 1
done
start node node $src/membio/https.js server "$((port + 1))" "$TMP/cert.pem" "$TMP/key.pem"
if until_true 10 grep -q listening "$TMP/node.out"; then
	check "OpenSSL inside an executable (node) is found" until_true 5 grep -qE '^lib [0-9]+ openssl 3[.0-9]+ attached .*/node ' "$TMP/watch.out"
	equal "a program that moves its own ciphertext goes on working" "hello" "$(curl -sk --max-time 5 "https://127.0.0.1:$((port + 1))/")"
else
	skip "OpenSSL inside an executable (node)" "node does not start: $(head -n 1 "$TMP/node.err")"
fi
stop node
stop watch
check "plaintext without a socket is counted, not guessed" \
	awk '/^loss unmapped/ {exit $3 < 20000}' "$TMP/watch.out"
table 3.0
equal "nothing else was lost" "ring 0 fault 0" "$(awk '/^loss/ {print $4, $5, $6, $7}' "$TMP/watch.out")"

# --- attached twice, and on the exported functions besides ------------------------------------------------------
with[3.0]="$TMP/peer %s"
server 3.0
run_watch -t
exchange "twice attached: nothing is doubled" 3.0 -n 50
exchange "twice attached: nothing is doubled with the _ex calls" 3.0 -x -n 50
stop watch

# --- late: the connection is older than the probes --------------------------------------------------------------
start late "$TMP/peer" client -W -n 6 -s 500 -r 3000 "$port"
until_true 10 grep -q waiting "$TMP/late.out"
run_watch
echo >&"${fd_of[late]}"
until_true 10 grep -q ^peer "$TMP/late.out"
check "a running connection is decrypted from where capture begins" captured "$TMP/late.out" "$TMP/watch.out"
# The server was inside SSL_read for the head of a request when the probe came, and that call also took the
# body's record from the socket: the one is not seen, the other has no socket yet.  Both are missing, one counted.
read -r _ _ lp _ _ s _ _ r rh < <(grep ^peer "$TMP/late.out")
check "and at the other end, but for the call that was under way" until_true 5 \
	grep -q "^conn [0-9]* $port $lp .* sent $r $rh received $((s - 508)) " "$TMP/watch.out"
stop late

# --- one inode behind two overlays ------------------------------------------------------------------------------
stop server
stop watch
overlay() {
	mkdir -p "$TMP/$1"/{upper,work,merged} &&
		mount -t overlay overlay -o "lowerdir=$TMP/lower,upperdir=$TMP/$1/upper,workdir=$TMP/$1/work" "$TMP/$1/merged" &&
		on_exit umount -l "$TMP/$1/merged"
}
mkdir "$TMP/lower"
cp /usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.so.3 "$TMP/lower/"
if overlay one && overlay two; then
	for o in one two; do with[$o]="$TMP/peer %s -l $TMP/$o/merged/libssl.so.3 -c $TMP/$o/merged/libcrypto.so.3"; done
	run_watch
	server one
	until_true 5 grep -q "/merged/libssl.so.3" "$TMP/watch.out"
	exchange "two overlays, one image: both ends are decrypted, once" two -n 20
	equal "the shared file is attached once" 1 "$(grep -c '^lib .* attached .*/merged/libssl.so.3 ' "$TMP/watch.out")"
	stop server
	check "a container's file system is not held by the probes" umount "$TMP/one/merged"
	stop watch
else
	skip "one inode behind two overlays" "no overlay file system"
fi

# --- what Linux 6.1 has: perf uprobes ---------------------------------------------------------------------------
server 3.0
watch LIMPID_UPROBE_MULTI=0 "$TMP/watch" -p "$port"
equal "perf uprobes are used when told to" "ready perf uprobes" "$(grep ^ready "$TMP/watch.out")"
exchange "perf uprobes: 50 requests on one connection" 3.0 -n 50
exchange "perf uprobes: 5 MB each way" 3.0 -x -s 5000000 -r 5000000
stop server
stop watch

# --- what Linux 5.10 has: a program for each place --------------------------------------------------------------
server 3.0
watch LIMPID_FLAVOUR=old "$TMP/watch" -p "$port"
exchange "the programs for old kernels: 50 requests on one connection" 3.0 -n 50
stop server
stop watch

# --- where a return probe would kill a confined process: entries, and places behind the calls ----------------------
server 3.0
run_watch -e
check "without return probes: it is said" until_true 5 grep -q "^lib .* attached .*; exits branch, branch, single-stepped" "$TMP/watch.out"
equal "without return probes: there are none" 0 "$(grep -c 'attached .*return probes' "$TMP/watch.out")"
all_ways 3.0
exchange "without return probes: a process confined by seccomp lives on" 3.0 -S -n 20
stop watch
watch LIMPID_UPROBE_MULTI=0 "$TMP/watch" -e -p "$port"
exchange "without return probes, perf uprobes: 5 MB each way" 3.0 -x -s 5000000 -r 5000000
stop server
stop watch

# --- 1.1.1 of Debian 11, 3.5 of Debian 13 -----------------------------------------------------------------------
other() { # other VERSION SUITE LIBSSL LIBCRYPTO PACKAGE...
	local v=$1 suite=$2 ssl=$3 crypto=$4 root
	shift 4
	if ! root=$(tests/lib/fetch-debs "$suite" "$@" 2>"$TMP/fetch.err"); then
		skip "OpenSSL $v" "packages of $suite cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
		return 1
	fi
	# An older library runs on this machine's C library; a newer one needs the newer C library as well.
	local lib=$root/usr/lib/x86_64-linux-gnu loader=
	[ -e "$lib/ld-linux-x86-64.so.2" ] && loader="$lib/ld-linux-x86-64.so.2 --library-path $lib"
	with[$v]="$loader $TMP/peer %s -l $lib/$ssl -c $lib/$crypto"
}
try_other() {
	local v=$1
	other "$@" || return
	run_watch
	server "$v"
	check "OpenSSL $v is recognised" until_true 5 grep -qE "^lib [0-9]+ openssl ${v//./\\.}[a-z0-9.]* attached" "$TMP/watch.out"
	all_ways "$v"
	stop watch
	table "$v"
	run_watch -e
	exchange "$v without return probes: 50 requests on one connection" "$v" -n 50
	exchange "$v without return probes: 5 MB each way through the _ex calls" "$v" -x -s 5000000 -r 5000000
	stop server
	stop watch
}
try_other 1.1.1 bullseye libssl.so.1.1 libcrypto.so.1.1 libssl1.1
try_other 3.5 trixie libssl.so.3 libcrypto.so.3 libssl3t64 libc6 zlib1g libzstd1
note "what was read and written by which probes:"
while IFS= read -r line; do note "$line"; done <"$TMP/table"
echo "1..$n_tests"
