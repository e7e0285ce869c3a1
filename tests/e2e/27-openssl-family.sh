#!/usr/bin/env bash
# The rest of OpenSSL's family: OpenSSL 3.6, LibreSSL, BoringSSL; bundled, on musl, in /opt, inside executables.  What each was
# given to send and gave to its callers must be what was captured, byte for byte and once; and of the ways to call OpenSSL those
# that are used less.  tests/lib/tls-libs finds the libraries; what it cannot get is skipped.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root

port=$(free_port)
if ! build_programs; then
	not_ok "the test programs are built"
	exit 1
fi

# shellcheck disable=SC2086 # words
server() { # server [OPTION...]: of the library at hand
	start server $peer server $files "$@" "$port" "$TMP/cert.pem" "$TMP/key.pem"
	until_true 10 grep -q listening "$TMP/server.out" && return
	not_ok "$name: the server starts"
	sed 's/^/# /' "$TMP/server.err"
	exit 1
}

# shellcheck disable=SC2086
exchange() { # exchange TEXT [OPTION...]: client's and server's view of each connection
	local text="$name: $1" lp
	shift
	if ! timeout 60 $peer client $files "$@" "$port" "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/client.out" 2>"$TMP/client.err"; then
		not_ok "$text: the client failed"
		sed 's/^/# /' "$TMP/client.err"
		return
	fi
	for lp in $(awk '/^peer/ {print $3}' "$TMP/client.out"); do
		until_true 2 grep -q "^peer [0-9]* $port $lp " "$TMP/server.out"
		grep "^peer [0-9]* $port $lp " "$TMP/server.out" >>"$TMP/client.out"
	done
	check "$text" captured "$TMP/client.out" "$TMP/watch.out"
}

file_at_hand() {
	local where=${peer##* }
	[ -z "$files" ] || where=${files#-l } where=${where%% *}
	echo "$where"
}

# The library's file is only now mapped for the first time; what says how it is read is kept for the table.
recognised() { # recognised VERSION SITES
	local where
	where=$(file_at_hand)
	check "$name: found as $1, probed at $2" until_true 10 grep -qE "^lib [0-9]+ openssl $1 attached .* $where.*\| .*$2" "$TMP/watch.out"
	sed -n "s#^lib [0-9]* openssl \(.*\) attached .* $where.* | \(.*\) | .*#  $name (\1): \2#p" "$TMP/watch.out" | tail -n 1 >>"$TMP/table"
}

same_for_all() {
	exchange "50 requests on one connection" -n 50 -s 200 -r 1000
	exchange "5 MB each way" -s 5000000 -r 5000000
	exchange "a non-blocking client whose writes are refused and repeated" -N -n 2 -s 600000 -r 600000
	exchange "peeked bytes are not counted" -P -n 20
	exchange "read-ahead" -R -n 20 -s 3000 -r 100000
	exchange "one object for three connections" -C 3 -n 3
	exchange "an object that goes on in memory is not taken for its old socket" -M -n 2
}

ex_too() {
	exchange "5 MB each way through SSL_read_ex and SSL_write_ex" -x -s 5000000 -r 5000000
	exchange "SSL_peek_ex" -x -P -n 20
	exchange "through a BIO" -B -n 20 -s 3000 -r 20000
}

declare -A files_of peer_of
family() { # family NAME VERSION SITES [TEST...]: $peer and $files say with what
	local version=$2 sites=$3 test
	name=$1
	shift 3
	files_of[$name]=$files peer_of[$name]=$peer
	server
	recognised "$version" "$sites"
	same_for_all
	for test in "$@"; do $test; done
	stop server
}

library() { # library SSL CRYPTO [LOADER...]: copies, so that nobody has mapped them; the second keeps its name
	local dir
	dir=$(mktemp -d "$TMP/lib.XXXX")
	cp -L "$1" "$2" "$dir/" || return
	files="-l $dir/${1##*/} -c $dir/${2##*/}"
	shift 2
	peer="$* $TMP/peer"
}

early() {
	stop server
	server -E
	exchange "early data" -E -n 2
}
write_ex2() { exchange "SSL_write_ex2" -y -n 20 -s 100000; }

have() { # have TEXT ARGUMENTS OF tls-libs...: sets $root, or skips
	local text=$1
	shift
	root=$(tests/lib/tls-libs "$@" 2>"$TMP/libs.err") && return
	skip "$text" "$(tail -n 1 "$TMP/libs.err")"
	return 1
}

watch "$TMP/watch" -p "$port"
lib=usr/lib/x86_64-linux-gnu
if have "OpenSSL 3.6" sid; then
	library "$root/$lib/libssl.so.3" "$root/$lib/libcrypto.so.3" "$root/$lib/ld-linux-x86-64.so.2" --library-path "$root/$lib"
	family "OpenSSL 3.6" '3\.6[.0-9a-z-]*' 'call of ssl_read_internal \(branch\).*call of ssl_write_internal \(branch\)' ex_too write_ex2 early
fi
internals='ssl_read_internal\+[0-9] \(push\), ssl_write_internal\+[0-9] \(push\)'
if have "OpenSSL in a wheel" wheel; then
	library "$root"/psycopg2_binary.libs/libssl-*.so.* "$root"/psycopg2_binary.libs/libcrypto-*.so.*
	family "a wheel's libssl-HASH.so.3" '3\.[.0-9]+' "$internals" ex_too early
fi

if have "OpenSSL on musl" musl && wheel=$root && have "OpenSSL on musl" musl-libc; then
	library "$wheel"/psycopg2_binary.libs/libssl-*.so.* "$wheel"/psycopg2_binary.libs/libcrypto-*.so.*
	if tests/lib/musl-cc "$root" -O2 -w -D_GNU_SOURCE $src/peer.c -o "$TMP/peer-musl"; then
		peer="$root/usr/lib/x86_64-linux-musl/libc.so $TMP/peer-musl"
		family "musl" '3\.[.0-9]+' "$internals" ex_too
	else
		not_ok "the peer is built with musl"
	fi
fi

opt=$(mktemp -d /opt/limpid-test.XXXXXX)
on_exit rm -rf "$opt"
mkdir -p "$opt/vendor/tls-1.0"
cp -L /$lib/libssl.so.3 "$opt/vendor/tls-1.0/transport.so.9"
files="-l $opt/vendor/tls-1.0/transport.so.9" peer=$TMP/peer
family "/opt, under another name" '3[.0-9]*' "$internals" early

if gcc -O2 -w -D_GNU_SOURCE -DLINKED $src/peer.c -o "$TMP/peer-linked" -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread; then
	files='' peer=$TMP/peer-linked
	family "OpenSSL in an executable, symbols in .symtab only" '[?3][.0-9]*' "$internals"
else
	not_ok "the peer is built with libssl in it"
fi
if have "BoringSSL" boringssl; then
	library "$root/$lib/android/libssl.so.0" "$root/$lib/android/libcrypto.so.0"
	family "BoringSSL" 'BoringSSL' 'SSL_read\+0 \(push\), SSL_write\+0 \(push\)'
fi
if have "LibreSSL" libressl; then
	library "$root/libssl.so" "$root/libcrypto.so"
	family "LibreSSL" 'LibreSSL [34][.0-9]+' 'SSL_read\+[0-9]+ \(branch\), SSL_write'
fi

# A newer Node calls its main thread by a name of its own, so it cannot be one of the rows that are told apart by theirs.
node_talk() {
	until_true 10 grep -q listening "$TMP/node.out" && until_true 10 grep -q "^lib .* openssl 3.* attached .*/node26/" "$TMP/watch.out" &&
		curl -sk --max-time 10 --data-binary "@$TMP/watch" -o "$TMP/node.body" "https://127.0.0.1:$port/"
}
node_agrees() { # what the two ends are captured with is the same, and no less than what was said
	local lp
	until_true 10 awk -v port="$port" '$1 == "conn" && $3 == port && $5 == "server" && $7 > 3000000 && $10 > 1000000 {ok = 1} END {exit !ok}' "$TMP/watch.out" || return
	lp=$(awk -v port="$port" '$1 == "conn" && $3 == port && $7 > 3000000 {print $4}' "$TMP/watch.out" | tail -n 1)
	[ "$(awk -v a="$lp" -v b="$port" '$1 == "conn" && $3 == a && $4 == b {print $7, $8, $10, $11}' "$TMP/watch.out")" = \
		"$(awk -v a="$port" -v b="$lp" '$1 == "conn" && $3 == a && $4 == b {print $10, $11, $7, $8}' "$TMP/watch.out")" ]
}
if have "Node 26" node; then
	cat >"$TMP/node.js" <<-'J'
		const https = require('https'), fs = require('fs'), [, , cert, key, port] = process.argv;
		https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (q, r) => {
			q.resume().on('end', () => r.end('x'.repeat(4000000)));
		}).listen(+port, '127.0.0.1', () => console.log('listening'));
	J
	start node "$root/package/bin/node" "$TMP/node.js" "$TMP/cert.pem" "$TMP/key.pem" "$port"
	if node_talk; then
		check "Node 26, OpenSSL inside: both ends of a connection agree, byte for byte" node_agrees
	else
		not_ok "Node 26 answers: $(tail -n 1 "$TMP/node.err")"
	fi
	stop node
fi
stop watch

watch "$TMP/watch" -e -p "$port"
for name in "${!files_of[@]}"; do
	files=${files_of[$name]} peer=${peer_of[$name]}
	server
	if [ "$name" = LibreSSL ]; then # its functions end by jumping through a table
		check "LibreSSL without return probes: that it is not read is said" until_true 10 \
			grep -q "^lib .* not .*/libssl.so | .* | return probes are not safe" "$TMP/watch.out"
	else
		until_true 10 grep -q "^lib .* attached .* $(file_at_hand) |" "$TMP/watch.out"
		exchange "without return probes: 50 requests on one connection" -n 50
	fi
	stop server
done
stop watch
note "what is probed in which build:"
while IFS= read -r line; do note "$line"; done <"$TMP/table"
echo "1..$n_tests"
