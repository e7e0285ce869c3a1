#!/usr/bin/env bash
# WebSocket and Server-Sent Events with real programs, in the clear and by TLS: Node's ws and http as servers; Python's websockets,
# gorilla's in Go and Chromium as clients; gorilla as a server.  What they said is what must be captured, in order, once.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
for need in docker mmdebstrap node go openssl curl; do
	command -v "$need" >/dev/null || { skip "WebSocket and events" "$need is missing: tools/bootstrap test"; exit 0; }
done
W=$PWD/tests/e2e/websocket

# image_websocket: limpid-test/websocket with Node, its ws, and Python's websockets.
image_websocket() {
	local tar=$CACHE/image-websocket-1.tar part=$CACHE/part-$$.tar
	if [ ! -s "$tar" ]; then
		mmdebstrap --variant=minbase --mode=root --quiet --include=nodejs,node-ws,python3-websockets,procps \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			bookworm "$part" "$(mirror)" >"$TMP/mmdebstrap.log" 2>&1 </dev/null || {
			tail -n 20 "$TMP/mmdebstrap.log" | sed 's/^/# /'
			return 1
		}
		mv "$part" "$tar"
	fi
	$D import -c 'CMD ["/bin/bash"]' "$tar" limpid-test/websocket >/dev/null
}

go_program() {
	local out=$CACHE/go/websocket-1
	mkdir -p "$CACHE/go"
	[ -x "$out" ] || (cd "$W" && CGO_ENABLED=0 go build -o "$out" .) >"$TMP/go.log" 2>&1 || {
		sed 's/^/# /' "$TMP/go.log"
		return 1
	}
	cp "$out" "$TMP/files/ws-go"
}

# run NAME ARGS...: a container with this test's files.
run() {
	local name=$1
	shift
	$D run -d --name "$name" -v "$TMP/files:/t:ro" limpid-test/websocket "$@" >"$TMP/$name.id" 2>&1 || sed 's/^/# /' "$TMP/$name.id"
}
address() { $D inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
listening() { $D logs "$1" 2>&1 | grep -q listening; }
ended_well() { [ "$($D inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1")" = "exited 0" ]; }
said() { python3 "$W/check.py" "$TMP/tail.out" "$@"; }
conversation() { # conversation TEXT KIND TARGET [tls]
	local text=$1
	shift
	until_true 20 said "$@"
	check "$text" said "$@"
}

mkdir -p "$TMP/files"
cp "$W/server.js" "$W/client.py" "$TMP/files/"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/files/key.pem" -out "$TMP/files/cert.pem" -days 30 -subj /CN=node 2>/dev/null
chmod 644 "$TMP/files/key.pem"
chmod 755 "$TMP"
if ! start_docker || ! image_websocket || ! go_program; then
	not_ok "Docker, the image and the program in Go are there"
	exit 1
fi
on_exit stop_containers
start_limpid tail tail --all --container '*' --port 8080,8443,8081 --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/tail.err"
run node env NODE_PATH=/usr/share/nodejs node /t/server.js 8080 8443 /t/cert.pem /t/key.pem
run gorilla /t/ws-go serve 8081
check "the servers listen" eval 'until_true 30 listening node && until_true 30 listening gorilla'
node=$(address node) gorilla=$(address gorilla)

run py python3 /t/client.py "ws://$node:8080/chat?py" 4
# What is said shows while the conversation goes on.
while_open() { grep -q 'chat?py".*"value\\":4' "$TMP/tail.out"; }
until_true 20 while_open
equal "messages show while the conversation is open" "running" "$($D inspect -f '{{.State.Status}}' py)"
check "Python ends well" until_true 20 ended_well py
conversation "Python's websockets, deflated with context takeover: messages of all sizes, fragments, ping, close" python "/chat?py"
run py-tls python3 /t/client.py "wss://$node:8443/chat?pytls" 0
check "Python by TLS ends well" until_true 30 ended_well py-tls
conversation "the same by TLS" python "/chat?pytls" tls
run py-go python3 /t/client.py "ws://$gorilla:8081/chat?pygo" 0
check "Python with gorilla's server ends well" until_true 30 ended_well py-go
conversation "gorilla's server, deflated without context takeover" python "/chat?pygo"
run go /t/ws-go talk "ws://$node:8080/chat?go"
run go-tls /t/ws-go talk "wss://$node:8443/chat?gotls"
check "Go ends well" eval 'until_true 30 ended_well go && until_true 30 ended_well go-tls'
conversation "gorilla's client, closed by the server with a code of its own" go "/chat?go"
conversation "the same by TLS" go "/chat?gotls" tls

for what in plain gzip close; do
	option=
	[ $what = gzip ] && option=--compressed
	# shellcheck disable=SC2086 # the option is a word or nothing
	curl -sN $option "http://$node:8080/events?$what" >"$TMP/events"
	conversation "events, $what: a message each, when it was sent" sse "/events?$what"
done
curl -skN "https://$node:8443/events?tls" >"$TMP/events"
conversation "events by TLS" sse "/events?tls" tls

if [ -x /usr/bin/chromium ]; then
	[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
	check "a browser talks and listens" timeout 60 node "$W/browser.mjs" "http://$node:8080/" "https://$node:8443/"
	conversation "a browser's WebSocket" browser "/chat?browser"
	conversation "a browser's WebSocket by TLS" browser "/chat?browser" tls
	conversation "a browser's EventSource" sse "/events?browser"
	conversation "a browser's EventSource by TLS" sse "/events?browser" tls
else
	skip "a browser's WebSocket and EventSource" "chromium is missing: tools/bootstrap test"
fi
echo "1..$n_tests"
