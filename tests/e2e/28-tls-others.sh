#!/usr/bin/env bash
# GnuTLS, NSS, mbedTLS, wolfSSL by probes: what they were given to send and gave to their callers must be what was captured, byte
# for byte and once, as client and as server, whichever of their functions is called and however the probes are attached.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root

port=$(free_port)
file= # of the library, when the peer does not know it by itself
if ! build_programs || ! gcc -O2 -Wall -D_GNU_SOURCE $src/others/*.c -o "$TMP/other" -ldl -lpthread; then
	not_ok "the test programs are built"
	exit 1
fi

run_watch() { watch "$TMP/watch" -p "$port" "$@"; }

# packages SUITE PACKAGE...: sets $lib, where they are, and $loader, what runs a program with them
packages() {
	local root
	root=$(tests/lib/fetch-debs "$@" 2>"$TMP/fetch.err") || return 1
	lib=$root/usr/lib/x86_64-linux-gnu
	loader="env LD_LIBRARY_PATH=$lib"
	[ ! -e "$lib/ld-linux-x86-64.so.2" ] || loader="$lib/ld-linux-x86-64.so.2 --library-path $lib"
}

server() { # server LIBRARY [OPTION...]
	# shellcheck disable=SC2086 # words
	start server $loader "$TMP/other" "$1" server ${file:+-l $file} "${@:2}" "$port" "$TMP/cert.pem" "$TMP/key.pem"
	until_true 10 grep -q listening "$TMP/server.out" || {
		not_ok "the server of $1 starts"
		sed 's/^/# /' "$TMP/server.err"
		exit 1
	}
}

exchange() { # exchange TEXT LIBRARY [OPTION...]: client's and server's view
	local text=$1 lp
	# shellcheck disable=SC2086 # words
	if ! timeout 60 $loader "$TMP/other" "$2" client ${file:+-l $file} "${@:3}" "$port" >"$TMP/client.out" 2>"$TMP/client.err"; then
		not_ok "$text: the client failed"
		sed 's/^/# /' "$TMP/client.err"
		return
	fi
	lp=$(awk '/^peer/ {print $3}' "$TMP/client.out")
	until_true 5 grep -q "^peer [0-9]* $port $lp " "$TMP/server.out"
	grep "^peer [0-9]* $port $lp " "$TMP/server.out" >>"$TMP/client.out"
	check "$text" captured "$TMP/client.out" "$TMP/watch.out"
}

# attached LIBRARY VERSION FILE: a line says so
attached() { until_true 10 grep -qE "^lib [0-9]+ $1 ${2//./\\.}[.0-9]* attached .*/$3[.0-9]* " "$TMP/watch.out"; }
sites() { note "$(sed -n "s/^lib [0-9]* \($1 [^ ]*\) attached .* | \(.*\) | .*/\1: \2/p" "$TMP/watch.out" | tail -n 1)"; }

lost() { awk '/^loss/ {print $4, $5, $6, $7}' "$TMP/watch.out"; }

usual() { # usual LIBRARY TEXT
	exchange "$2: 50 requests on one connection" "$1" -n 50 -s 200 -r 1000
	exchange "$2: 5 MB each way" "$1" -s 5000000 -r 5000000
	exchange "$2: a non-blocking client whose writes are refused and repeated" "$1" -N -n 2 -s 600000 -r 600000
	[ "$suite" = bookworm ] || return # the rest is the same for newer ones
	exchange "$2: pieces of 1 byte" "$1" -k 1 -s 300 -r 300
	exchange "$2: TLS 1.2" "$1" -m 1.2 -n 3 -s 40000 -r 40000
	exchange "$2: a process confined by seccomp lives on, and is decrypted" "$1" -S -n 5
}

# other_ways LIBRARY VERSION FILE TEXT [MORE]: what is without return probes, and what the oldest kernels have
other_ways() {
	run_watch -e
	server "$1"
	check "$4 is recognised without return probes" attached "$1" "$2" "$3"
	exchange "$4 without return probes: 50 requests on one connection" "$1" -n 50
	[ -z "${5-}" ] || "$5" "$4 without return probes"
	exchange "$4 without return probes: 5 MB each way" "$1" -s 5000000 -r 5000000
	exchange "$4 without return probes: refused writes" "$1" -N -s 300000 -r 300000
	equal "$4 without return probes: there are none" 0 "$(grep -c 'attached .*return probes' "$TMP/watch.out")"
	stop server
	stop watch
	[ "$1 $suite" = "gnutls bookworm" ] || return
	server "$1" # first: to make programs for each place takes a while
	watch LIMPID_FLAVOUR=old "$TMP/watch" -p "$port"
	check "$4 is recognised by the programs for old kernels" until_true 60 attached "$1" "$2" "$3"
	exchange "$4 and the programs for old kernels: 20 requests on one connection" "$1" -n 20
	stop server
	stop watch
}

# --- GnuTLS ---------------------------------------------------------------------------------------------------------
gnutls_ways() {
	exchange "$1: send2, recv_seq" gnutls -m send2,seq -s 100000 -r 100000
	exchange "$1: records of hidden length, packets" gnutls -m range,packet -s 100000 -r 100000
	exchange "$1: corked" gnutls -m cork -n 3 -s 20000 -r 3000
}
gnutls() { # gnutls VERSION
	run_watch
	server gnutls
	check "GnuTLS $1 is recognised" attached gnutls "$1" libgnutls.so
	sites gnutls
	usual gnutls "GnuTLS $1"
	gnutls_ways "GnuTLS $1"
	stop server
	server gnutls -m cork,packet
	exchange "GnuTLS $1: a server with corks and packets" gnutls -n 5 -s 30000 -r 30000
	stop server
	stop watch
	equal "GnuTLS $1: nothing was lost" "ring 0 fault 0" "$(lost)"
	other_ways gnutls "$1" libgnutls.so "GnuTLS $1" gnutls_ways
}
for way in "3.7 bookworm libgnutls30" "3.8 trixie libgnutls30t64 libc6 libp11-kit0 libidn2-0 libunistring5 libtasn1-6 libhogweed6t64 libnettle8t64 libgmp10 libffi8"; do
	read -r version suite list <<<"$way"
	# shellcheck disable=SC2086 # words
	if packages "$suite" $list; then
		gnutls "$version"
	else
		skip "GnuTLS $version" "packages of $suite cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
	fi
done

# --- mbedTLS --------------------------------------------------------------------------------------------------------
mbedtls() { # mbedtls VERSION FILE
	run_watch
	file=$2 server mbedtls
	check "mbedTLS $1 is recognised" attached mbedtls "$1" libmbedtls.so
	sites mbedtls
	file=$2 usual mbedtls "mbedTLS $1"
	stop server
	stop watch
	equal "mbedTLS $1: nothing was lost" "ring 0 fault 0" "$(lost)"
	file=$2 other_ways mbedtls "$1" libmbedtls.so "mbedTLS $1"
}
for way in "2.28 bookworm libmbedtls.so.14 libmbedtls14 libmbedcrypto7 libmbedx509-1" "3.6 trixie libmbedtls.so.21 libmbedtls21 libmbedcrypto16 libmbedx509-7 libc6"; do
	read -r version suite name list <<<"$way"
	# shellcheck disable=SC2086 # words
	if packages "$suite" $list; then
		mbedtls "$version" "$name"
	else
		skip "mbedTLS $version" "packages of $suite cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
	fi
done

# --- wolfSSL --------------------------------------------------------------------------------------------------------
wolfssl_ways() {
	exchange "$1: recv and send" wolfssl -m recv,send,negotiate -n 3 -s 100000 -r 100000
	exchange "$1: peeked bytes are not counted, writev is once" wolfssl -m peek,writev -n 3 -s 20000 -r 3000
}
wolfssl() { # wolfssl VERSION FILE
	run_watch
	file=$2 server wolfssl
	check "wolfSSL $1 is recognised" attached wolfssl "$1" libwolfssl.so
	sites wolfssl
	file=$2 usual wolfssl "wolfSSL $1"
	file=$2 wolfssl_ways "wolfSSL $1"
	stop server
	stop watch
	equal "wolfSSL $1: nothing was lost" "ring 0 fault 0" "$(lost)"
	file=$2 other_ways wolfssl "$1" libwolfssl.so "wolfSSL $1" wolfssl_ways
}
for way in "5.5 bookworm libwolfssl.so.35 libwolfssl35" "5.7 trixie libwolfssl.so.42 libwolfssl42t64 libc6"; do
	read -r version suite name list <<<"$way"
	# shellcheck disable=SC2086 # words
	if packages "$suite" $list; then
		wolfssl "$version" "$name"
	else
		skip "wolfSSL $version" "packages of $suite cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
	fi
done

# --- NSS, whose functions to read and write have no names ------------------------------------------------------------
nss_ways() {
	exchange "$1: PR_Send and PR_Recv" nss -m sendrecv -n 3 -s 100000 -r 100000
	exchange "$1: peeked bytes are not counted, PR_Writev is once" nss -m peek,writev -n 3 -s 20000 -r 3000
}
nss() { # nss VERSION
	run_watch
	server nss
	check "NSS $1 is recognised" attached nss "$1" libssl3.so
	sites nss
	usual nss "NSS $1"
	nss_ways "NSS $1"
	stop server
	server nss -m plain
	# shellcheck disable=SC2086 # words
	timeout 20 $loader "$TMP/other" nss client -m plain -n 5 "$port" >"$TMP/client.out" 2>&1
	read -r _ _ lp _ < <(grep ^peer "$TMP/client.out")
	check "NSS $1: a plain socket of NSPR is captured" until_true 20 grep -q "^conn .* $lp $port " "$TMP/watch.out"
	equal "NSS $1: and is not taken for TLS" "0 0" "$(awk -v p="$lp" '/^conn/ && $3 == p {print $7, $10}' "$TMP/watch.out")"
	stop server
	stop watch
	equal "NSS $1: nothing was lost" "ring 0 fault 0" "$(lost)"
	other_ways nss "$1" libssl3.so "NSS $1" nss_ways
}
for way in "3.8 bookworm libnss3 libnspr4 libsqlite3-0" "3.1 trixie libnss3 libnspr4 libsqlite3-0 libc6 zlib1g"; do
	read -r version suite list <<<"$way"
	# shellcheck disable=SC2086 # words
	if packages "$suite" $list; then
		nss "$version"
	else
		skip "NSS $version" "packages of $suite cannot be fetched: $(tail -n 1 "$TMP/fetch.err")"
	fi
done
echo "1..$n_tests"
