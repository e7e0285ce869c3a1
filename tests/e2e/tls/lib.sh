# shellcheck shell=bash
# lib.sh - the programs of the TLS tests, and how what they say is compared; sourced after ../lib.sh.
src=tests/e2e/tls

build_programs() { # $TMP/peer, $TMP/watch, $TMP/cert.pem, $TMP/key.pem
	# shellcheck disable=SC2046 # words
	gcc -O2 -Wall -D_GNU_SOURCE -w $src/peer.c -o "$TMP/peer" -ldl -lpthread &&
		gcc -O2 -Wall -D_GNU_SOURCE -Isrc -Ibpf $src/watch.c build/liblimpid.a -o "$TMP/watch" \
			$(pkg-config --libs libbpf libelf zlib libcrypto libcap) -lZydis &&
		openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 30 \
			-subj /CN=localhost 2>/dev/null
}

# A client's port may be one that an earlier connection of the same server had: what is compared is what was captured from here on.
from_here() { seen_lines=$(wc -l <"$TMP/watch.out"); }
seen_lines=0
conn_lines() { tail -n +$((seen_lines + 1)) "$1" | grep "^conn $2"; } # conn_lines WATCH-OUTPUT PATTERN

# matching WATCH-OUTPUT PID PORT PORT BYTES HASH BYTES HASH: connections captured exactly so
matching() { conn_lines "$1" "$2 $3 $4 .* sent $5 $6 received $7 $8 holes 0 .* raw-after 0$" | grep -c .; }

# captured PEER-OUTPUT WATCH-OUTPUT: each peer's connection was captured once, and complete
captured() {
	local pid lp rp s sh r rh ok=yes
	while read -r _ pid lp rp _ s sh _ r rh; do
		until_true 20 conn_lines "$2" "$pid $lp $rp "
		if [ "$(conn_lines "$2" "$pid $lp $rp " | grep -c .)" != 1 ] ||
			[ "$(matching "$2" "$pid" "$lp" "$rp" "$s" "$sh" "$r" "$rh")" != 1 ]; then
			ok=no
			echo "wanted: peer $pid $lp $rp sent $s $sh received $r $rh"
			conn_lines "$2" ".* $lp $rp "
		fi
	done < <(grep ^peer "$1")
	grep -q ^peer "$1" && [ $ok = yes ]
}

# One process of ours as a job with its standard input held open: start NAME COMMAND...
declare -A pid_of
start() {
	local name=$1
	shift
	rm -f "$TMP/$name.in" "$TMP/$name.out"
	mkfifo "$TMP/$name.in"
	"$@" <"$TMP/$name.in" >"$TMP/$name.out" 2>"$TMP/$name.err" &
	pid_of[$name]=$!
	exec {fd}>"$TMP/$name.in"
	fd_of[$name]=$fd
	on_exit kill "${pid_of[$name]}"
}
declare -A fd_of
stop() { # closes its input, or asks it to end
	local fd=${fd_of[$1]}
	exec {fd}>&-
	end_process "${pid_of[$1]}"
	wait "${pid_of[$1]}" 2>/dev/null
}

watch() { # watch [ENV=...] [OPTION...]
	seen_lines=0
	start watch env "$@"
	until_true 30 grep -q ^ready "$TMP/watch.out" || {
		not_ok "capture begins"
		sed 's/^/# /' "$TMP/watch.err"
		exit 1
	}
}

# go_peer NAME VERSION CGO [ARGUMENT...]: a way to build the peer, kept for another time; sets $peer.
go_peer() {
	local name=$1 version=$2 cgo=$3 chain=go$2 key
	shift 3
	key=$(cat $src/go/main.go $src/go/cgo.go $src/go/go.mod | sha256sum | cut -c 1-12)
	peer=$(realpath -m "$CACHE")/go/$name-$version-$key
	[ -x "$peer" ] && return
	mkdir -p "${peer%/*}"
	[ "$(GOTOOLCHAIN=local go env GOVERSION)" = "go$version" ] && chain=local
	(cd $src/go && GOENV=off GOFLAGS='' GOTOOLCHAIN=$chain CGO_ENABLED=$cgo timeout 400 \
		nice go build -o "$peer.new" "$@" . >"$TMP/go.out" 2>&1) && mv "$peer.new" "$peer"
}
