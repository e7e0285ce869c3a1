#!/usr/bin/env bash
# gRPC with real programs, in the clear and by TLS: grpc-js in Node, grpcio in Python, grpc-go, each as a client and as a server;
# gRPC-Web by connect-node, over HTTP/1.1 and HTTP/2; schemas by server reflection and from a file; connections from before.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
for need in node npm go openssl protoc; do
	command -v "$need" >/dev/null || { skip "gRPC" "$need is missing: tools/bootstrap test"; exit 0; }
done
G=$PWD/tests/e2e/grpc
PY=/usr/bin/python3 # Debian's, which has grpcio; its TLS is Debian's OpenSSL
export PYTHONDONTWRITEBYTECODE=1
case $LIMPID in /*) ;; *) LIMPID=$PWD/$LIMPID ;; esac

# node_modules: from npm's registry, as the machine reaches it.
node_modules() {
	export NODE_PATH=$CACHE/node-grpc-1/node_modules
	[ -d "$NODE_PATH" ] && return
	mkdir -p "$TMP/node" && (cd "$TMP/node" && npm init -y && npm install @grpc/grpc-js@1 @grpc/proto-loader@0 @grpc/reflection@1 \
		@connectrpc/connect@2 @connectrpc/connect-node@2 @bufbuild/protobuf@2) >"$TMP/npm.log" 2>&1 || {
		tail -n 5 "$TMP/npm.log"
		return 1
	}
	mkdir -p "$CACHE/node-grpc-1" && mv "$TMP/node/node_modules" "$NODE_PATH"
}

go_program() {
	local out=$CACHE/go/grpc-1
	mkdir -p "$CACHE/go"
	[ -x "$out" ] || (cd "$G" && CGO_ENABLED=0 go build -o "$out" .) || return 1
	cp "$out" "$TMP/talk-go"
}

files() {
	cp "$G"/talk.* "$G/web.js" "$TMP/" && cd "$TMP" || return 1
	protoc --python_out=. --descriptor_set_out=talk.pb talk.proto &&
		openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost
}

# start NAME COMMAND...: in the background until the end of the test; sets PID.
start() {
	local name=$1
	shift
	(cd "$TMP" && exec "$@") >"$TMP/$name.log" 2>&1 </dev/null &
	PID=$!
	on_exit end_process $PID
}
listening() { grep -q listening "$TMP/$1.log"; }
talk() { (cd "$TMP" && timeout 60 "$@"); } # talk COMMAND...
said() { python3 "$G/check.py" "$TMP/${capture:-tail}.out" "$@"; }
was() { # was TEXT CLIENT PORT WHAT [named]
	local text=$1
	shift
	until_true 10 said "$@"
	check "$text" said "$@"
}
ALL="unary empty many sum chat error late nothing deadline cancel gzip twenty"

check "Node's modules are there" node_modules
check "the program in Go is built" go_program
check "descriptors, keys" eval '(files)'
for name in node go py web; do
	declare "$name=$(free_port)"
	declare "${name}2=$(free_port)"
done
# shellcheck disable=SC2154 # declared above
{
	start server-node node talk.js serve "$node" "$node2"
	start server-go ./talk-go serve "$go" "$go2"
	start server-py $PY talk.py serve "$py" "$py2"
	start server-web node web.js serve "$web" "$web2"
	PORTS="$node,$node2,$go,$go2,$py,$py2,$web,$web2"
}
check "the servers listen" eval 'for s in node go py web; do until_true 60 listening server-$s || { cat $TMP/server-$s.log; exit 1; }; done'

# Connections with tables of fields that Limpid has not seen.
old=()
for pair in "node talk.js $go" "$PY talk.py $node" "./talk-go - $py"; do
	read -r program script port <<<"$pair"
	[ "$script" = - ] && script=
	# shellcheck disable=SC2086 # nothing, or a word
	start "old-$port" "$program" $script loop "127.0.0.1:$port"
	old+=("$PID")
done
sleep 1
start_limpid tail tail --all --port "$PORTS" --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/tail.err"
for port in $go $node $py; do
	was "a connection from before, to port $port: no later call is taken for something else" - "$port" old
done
for pid in "${old[@]}"; do end_process "$pid"; done

clients=()
talk $PY talk.py call "127.0.0.1:$node" >"$TMP/py.out" 2>&1 & clients+=($!)
talk node talk.js call "127.0.0.1:$go" >"$TMP/node.out" 2>&1 & clients+=($!)
talk ./talk-go call "127.0.0.1:$py" >"$TMP/go.out" 2>&1 & clients+=($!)
talk $PY talk.py call "127.0.0.1:$node2" tls >"$TMP/py-tls.out" 2>&1 & clients+=($!)
talk node talk.js call "127.0.0.1:$go2" tls >"$TMP/node-tls.out" 2>&1 & clients+=($!)
talk ./talk-go call "127.0.0.1:$py2" tls >"$TMP/go-tls.out" 2>&1 & clients+=($!)
talk node web.js call "$web" "$web2" >"$TMP/web.out" 2>&1 & clients+=($!)
good=0
for pid in "${clients[@]}"; do wait "$pid" && good=$((good + 1)); done
equal "all clients got what they should" 7 $good
[ $good = 7 ] || for out in "$TMP"/*.out; do [ "$out" = "$TMP/tail.out" ] || sed 's/^/# /' "$out" | tail -n 10; done
for what in $ALL; do
	was "Python's client, Node's server: $what" python "$node" $what
	was "Node's client, Go's server: $what" node "$go" $what
	was "Go's client, Python's server: $what" go "$py" $what
	was "Python's client, Node's server, TLS: $what" python "$node2" $what
	was "Node's client, Go's server, TLS: $what" node "$go2" $what
	was "Go's client, Python's server, TLS: $what" go "$py2" $what
done
for what in unary empty many error late; do
	was "gRPC-Web over HTTP/1.1: $what" web "$web" $what
	was "gRPC-Web over HTTP/2: $what" web "$web2" $what
done
tls_of() { jq -r "select(.server.port==$1) | .tls != null" "$TMP/tail.out" | sort -u; }
equal "what went by TLS says so" "true true true false" "$(tls_of "$node2") $(tls_of "$go2") $(tls_of "$py2") $(tls_of "$web")"

# From here on Limpid knows the names, from what a server said to somebody else.
check "a client asks by reflection v1alpha" talk ./talk-go reflect "127.0.0.1:$node" v1alpha
check "and calls" talk ./talk-go call "127.0.0.1:$node"
for what in $ALL; do [ $what = nothing ] || was "names by reflection v1alpha: $what" go "$node" $what named; done
end_process "$LIMPID_PID"

capture=named
start_limpid named tail --all --port "$PORTS" --json --proto-descriptors "$TMP/talk.pb"
check "limpid captures, with --proto-descriptors" until_true 60 grep -q 'capturing .*; end with' "$TMP/named.err"
check "Python calls" talk $PY talk.py call "127.0.0.1:$go"
for what in $ALL; do [ $what = nothing ] || was "names from the file: $what" python "$go" $what named; done
end_process "$LIMPID_PID"
capture=asked
start_limpid asked tail --all --port "$PORTS" --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/asked.err"
check "a client asks by reflection v1" talk ./talk-go reflect "127.0.0.1:$go" v1
check "Go calls" talk ./talk-go call "127.0.0.1:$go"
for what in unary many sum chat; do was "names by reflection v1: $what" go "$go" $what named; done
end_process "$LIMPID_PID"
echo "1..$n_tests"
