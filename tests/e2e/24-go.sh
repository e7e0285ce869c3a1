#!/usr/bin/env bash
# Go's crypto/tls by probes: what programs of every Go from 1.17 on, however they were built, gave to their
# connections and took from them must be what was captured, byte for byte and once.
#
# GO_VERSIONS="1.18.10 ..." chooses the toolchains, which Go fetches by itself; the programs are kept in the cache.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root
command -v go >/dev/null || {
	skip "$(basename "$0")" "no Go toolchain"
	exit 0
}
# One of each kind of function table and calling convention; and the machine's own.
GO_VERSIONS=${GO_VERSIONS:-1.17.13 1.18.10 1.21.13 1.25.1 1.27.0}
own=$(GOTOOLCHAIN=local go env GOVERSION)
own=${own#go}

port=$(free_port)
if ! build_programs; then
	not_ok "the test programs are built"
	exit 1
fi

server() { # server [OPTION...]
	start server "$peer" server "$@" "$port" "$TMP/cert.pem" "$TMP/key.pem"
	until_true 10 grep -q listening "$TMP/server.out" || {
		not_ok "the server starts"
		sed 's/^/# /' "$TMP/server.err"
		exit 1
	}
}

# exchange TEXT [OPTION...]: both ends of each connection
exchange() {
	local text=$1 lp
	shift
	if ! timeout 60 "$peer" client "$@" "$port" >"$TMP/client.out" 2>"$TMP/client.err"; then
		not_ok "$text: the client failed"
		sed 's/^/# /' "$TMP/client.err"
		return
	fi
	cp "$TMP/client.out" "$TMP/both.out"
	while read -r lp; do
		until_true 5 grep -q "^peer [0-9]* $port $lp " "$TMP/server.out"
		grep "^peer [0-9]* $port $lp " "$TMP/server.out" >>"$TMP/both.out"
	done < <(awk '/^peer/ {print $3}' "$TMP/client.out")
	check "$text" captured "$TMP/both.out" "$TMP/watch.out"
}

attached() { grep "^lib [0-9]* go $1 attached .* $peer |" "$TMP/watch.out"; }
run_watch() { watch "$@" "$TMP/watch" -p "$port"; }

# A program that runs before capture begins, so that none of its bytes is missing.
begin() { # begin VERSION [SERVER-OPTION...]
	local version=$1
	shift
	server "$@"
	run_watch
	check "it is recognised and attached" attached "${version//./\\.}"
	note "$(attached "$version" | sed 's/.* | \(.*\) | $/\1/')"
}
end() {
	stop server
	stop watch
	equal "nothing was lost" "unmapped 0 ring 0 fault 0" "$(sed -n 's/^loss //p' "$TMP/watch.out")"
}

short() { # short TEXT VERSION
	begin "$2"
	exchange "$1: 50 requests on one connection" -n 50 -s 200 -r 1000
	exchange "$1: 5 MB each way" -s 5000000 -r 5000000
	exchange "$1: pipelined, five connections" -pipe -c 5 -n 100 -s 300 -r 2000
	exchange "$1: 40 connections at once" -c 40 -n 10 -s 3000 -r 20000
	check "$1: reads and writes cost one trap at each end" \
		sh -c "grep -q '| Read+[0-9]* (branch), Write+[0-9]* (branch), .*; ends Read deferred+[0-9]* (branch), Write deferred+[0-9]* (branch), ' $TMP/watch.out"
	end
}

# --- the versions -----------------------------------------------------------------------------------------------
for v in $GO_VERSIONS; do
	if go_peer plain "$v" 0; then
		short "Go $v" "$v"
	else
		skip "Go $v" "cannot be had: $(tail -n 1 "$TMP/go.out")"
	fi
done

# --- the ways to build --------------------------------------------------------------------------------------------
way() { # way NAME TEXT CGO [ARGUMENT...]
	local name=$1 text=$2 cgo=$3
	shift 3
	if go_peer "$name" "$own" "$cgo" "$@"; then
		short "$text" "$own"
	else
		not_ok "$text: it is built"
		sed 's/^/# /' "$TMP/go.out"
	fi
}
way plain "with symbols" 0
way stripped "stripped" 0 -ldflags '-s -w'
way pie "position-independent, stripped" 0 -buildmode=pie -ldflags '-s -w'
way cgo "with C in it, linked by the system's linker" 1 -tags withc -ldflags '-linkmode=external'
# In such a program the function table had no section of its own before 1.26.
if go_peer nosection 1.25.1 1 -tags withc -buildmode=pie -ldflags '-s -w -linkmode=external'; then
	equal "the function table has no section of its own" 0 "$(readelf -SW "$peer" | grep -c gopclntab)"
	short "with C in it, position-independent, stripped, no section for the function table" 1.25.1
else
	skip "no section for the function table" "Go 1.25.1 cannot be had"
fi

# --- the machine's own Go, closer ---------------------------------------------------------------------------------
go_peer plain "$own" 0
begin "$own" -wrap
exchange "a connection of the program's own below TLS" -wrap -n 20 -c 10
end
begin "$own" -stack
exchange "buffers on stacks that grow during the call" -stack -n 3 -c 50 -s 3000
end
run_watch LIMPID_UPROBE_MULTI=0
server
equal "perf uprobes are used when told to" "ready perf uprobes" "$(grep ^ready "$TMP/watch.out")"
until_true 5 attached "$own"
exchange "perf uprobes: 20 connections at once" -n 10 -c 20
end
server
run_watch LIMPID_FLAVOUR=old
until_true 5 attached "$own"
exchange "the programs for old kernels: 20 connections at once" -n 10 -c 20
end
server
watch "$TMP/watch" -t -p "$port"
exchange "twice attached: nothing is doubled" -n 20 -c 20
end

# The connection is older than the probes.
server
start late "$peer" client -n 20 -s 500 -r 3000 -wait "$port"
until_true 10 grep -q waiting "$TMP/late.out"
run_watch
until_true 5 attached "$own"
echo >&"${fd_of[late]}"
until_true 10 grep -q ^peer "$TMP/late.out"
check "a running connection is decrypted from where capture begins" captured "$TMP/late.out" "$TMP/watch.out"
stop late
stop server
stop watch

# HTTP/2: what one end wrote the other has read, as captured.
start web "$peer" http-server "$port" "$TMP/cert.pem" "$TMP/key.pem"
until_true 10 grep -q listening "$TMP/web.out"
run_watch
until_true 5 attached "$own"
timeout 60 "$peer" http-client -n 20 -c 2 -h2 -s 100000 "$port" >"$TMP/client.out"
equal "HTTP/2 was spoken" 40 "$(grep -c '^answer HTTP/2.0 ' "$TMP/client.out")"
stop web
stop watch
both_agree() { # two connections, two ends each, no holes, the bodies in them, and hashes that are those of the other end
	awk '/^conn/ { for (i = 6; i < 12; i++) v[i] = $i
		if ($4 == '"$port"') { out[$3] = v[7] v[8]; back[$3] = v[10] v[11]; big += v[7] > 2000000 } else { in_[$4] = v[10] v[11]; answer[$4] = v[7] v[8] }
		holes += $13 }
		END { for (p in out) { n++; if (out[p] != in_[p] || back[p] != answer[p]) exit 1 } exit n != 2 || big != 2 || holes }' "$TMP/watch.out"
}
check "both ends of HTTP/2 connections give the same bytes" both_agree

# --- as a user sees it --------------------------------------------------------------------------------------------
start web "$peer" http-server "$port" "$TMP/cert.pem" "$TMP/key.pem"
until_true 10 grep -q listening "$TMP/web.out"
start_limpid tail tail --json --comm "$(basename "$peer" | cut -c 1-15)" --port "$port"
until_true 20 grep -q "capturing" "$TMP/tail.err"
sleep 1
timeout 60 "$peer" http-client -n 5 -c 4 -s 3000 "$port" >"$TMP/client.out"
timeout 60 "$peer" http-client -n 5 -h2 "$port" >>"$TMP/client.out"
equal "the programs talked" 25 "$(grep -c ^answer "$TMP/client.out")"
flows() { [ "$(grep -c '"proto":"http1"' "$TMP/tail.out")" = 20 ]; }
check "each HTTP/1.1 exchange is a flow" until_true 5 flows
end_process "$LIMPID_PID"
cat >"$TMP/flows.py" <<'PY'
import json, sys
port, version, want = int(sys.argv[2]), sys.argv[3], {f"/{i}/{k}" for i in range(4) for k in range(5)}
for line in open(sys.argv[1], encoding="utf-8"):
    f = json.loads(line)
    if f["proto"] != "http1":
        continue
    assert f["seen_by"] == "both" and f["server"]["port"] == port and f["client"]["ip"] == f["server"]["ip"] == "127.0.0.1", f
    assert f["client"]["pid"] and f["server"]["pid"] and f["client"]["pid"] != f["server"]["pid"], f
    assert f["tls"]["library"] == "go" and f["tls"]["version"] == version and f["tls"]["road"] == "probes", f["tls"]
    assert f["request"]["op"] == "POST" and f["request"]["body"]["len"] == 3000 and f["response"]["status"] == "200", f
    assert f["response"]["body"]["text"] == f"HTTP/1.1 {f['request']['target']} 3000", f["response"]
    want.remove(f["request"]["target"])
sys.exit(f"missing: {want}" if want else 0)
PY
check "each has both processes, the addresses, the library, the bodies" \
	python3 "$TMP/flows.py" "$TMP/tail.out" "$port" "$own"
check "nothing is missing" grep -q "none missing" "$TMP/tail.err"
stop web
echo "1..$n_tests"
