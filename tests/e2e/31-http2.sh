#!/usr/bin/env bash
# HTTP/2 with real programs, in the clear and by TLS: nginx, Node, Go and Python's h2 as servers; curl, nghttp, h2load and Go as
# clients; an upgrade from HTTP/1.1; hundreds of streams; a connection that was open before capture began.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
for need in docker mmdebstrap go openssl; do
	command -v "$need" >/dev/null || { skip "HTTP/2" "$need is missing: tools/bootstrap test"; exit 0; }
done
W=$PWD/tests/e2e/http2

# image_http2: limpid-test/http2 with the servers and clients.
image_http2() {
	local tar=$CACHE/image-http2-1.tar part=$CACHE/part-$$.tar
	if [ ! -s "$tar" ]; then
		mmdebstrap --variant=minbase --mode=root --quiet \
			--include=nodejs,nginx-light,curl,nghttp2-client,python3-h2,procps \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			bookworm "$part" "$(mirror)" >"$TMP/mmdebstrap.log" 2>&1 </dev/null || {
			tail -n 20 "$TMP/mmdebstrap.log" | sed 's/^/# /'
			return 1
		}
		mv "$part" "$tar"
	fi
	$D import -c 'CMD ["/bin/bash"]' "$tar" limpid-test/http2 >/dev/null
}

go_program() {
	local out=$CACHE/go/http2-2
	mkdir -p "$CACHE/go"
	[ -x "$out" ] || (cd "$W" && CGO_ENABLED=0 go build -o "$out" .) >"$TMP/go.log" 2>&1 || {
		sed 's/^/# /' "$TMP/go.log"
		return 1
	}
	cp "$out" "$TMP/files/peer"
}

run() { # run NAME ARGS...: a container with this test's files
	local name=$1
	shift
	$D run -d --name "$name" -v "$TMP/files:/t:ro" limpid-test/http2 "$@" >"$TMP/$name.id" 2>&1 || sed 's/^/# /' "$TMP/$name.id"
}
address() { $D inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
listening() { $D logs "$1" 2>&1 | grep -q listening; }
in_client() { timeout 60 $D exec client "$@"; }
flows() { python3 "$W/flows.py" "$TMP/tail.out" "$@"; }
expect() { # expect TEXT COUNT EXPRESSION
	local text=$1
	shift
	until_true 15 flows "$@"
	check "$text" flows "$@"
}
DONE="f['proto'] == 'http2' and f['state'] == 'done' and f['flags'] == []"

mkdir -p "$TMP/files/www"
cp "$W/server.js" "$W/upgrade.py" "$TMP/files/"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/files/key.pem" -out "$TMP/files/cert.pem" -days 30 -subj /CN=http2 2>/dev/null
chmod 644 "$TMP/files/key.pem"
chmod 755 "$TMP"
echo "from nginx" >"$TMP/files/www/index.html"
head -c 300000 /dev/zero | tr '\0' x >"$TMP/files/www/big.txt"
cat >"$TMP/files/nginx.conf" <<'CONF'
worker_processes 1;
events { worker_connections 100; }
http {
	server {
		listen 8080 http2;
		listen 8443 ssl http2;
		ssl_certificate /t/cert.pem;
		ssl_certificate_key /t/key.pem;
		root /t/www;
	}
}
CONF
if ! start_docker || ! image_http2 || ! go_program; then
	not_ok "Docker, the image and the program in Go are there"
	exit 1
fi
on_exit stop_containers
run nginx nginx -c /t/nginx.conf -g 'daemon off; error_log stderr;'
run node node /t/server.js 8081 8444 /t/cert.pem /t/key.pem
run golang /t/peer serve 8082 8445 /t/cert.pem /t/key.pem
run python python3 /t/upgrade.py 8083
run client sleep 1000
check "the servers listen" eval 'until_true 30 listening node && until_true 30 listening golang && until_true 30 listening python'
nginx=$(address nginx) node=$(address node) golang=$(address golang) python=$(address python)

# Connections that are open, and have built their tables of fields, before capture begins.
run old /t/peer loop "http://$golang:8082/old" 300
run old-tls /t/peer loop "https://$node:8444/old-tls" 300
sleep 1
start_limpid tail tail --all --container '*' --port 8080-8083,8443-8445 --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/tail.err"

for tls in "" s; do
	by=${tls:+ by TLS} port=$([ -n "$tls" ] && echo 8443 || echo 8080)
	in_client curl -sk ${tls:---http2-prior-knowledge} ${tls:+--http2} "http$tls://$nginx:$port/index.html?curl" >/dev/null
	expect "curl and nginx$by" 1 "$DONE and q['target'] == '/index.html?curl' and a['status'] == '200' and a['body']['text'] == 'from nginx\n' and bool(f['tls']) == bool('$tls')"
	in_client nghttp -n --no-verify-peer -m 10 "http$tls://$nginx:$port/big.txt?nghttp" >/dev/null 2>&1
	expect "nghttp, ten streams of 300 KB$by" 10 "$DONE and q['target'] == '/big.txt?nghttp' and a['body']['captured'] == 300000 and bool(f['tls']) == bool('$tls')"
	in_client h2load -n 600 -c 2 -m 100 "http$tls://$nginx:$port/index.html?h2load" >/dev/null 2>&1
	expect "h2load, a hundred streams at a time, 600 in all$by" 600 "$DONE and q['target'] == '/index.html?h2load' and a['status'] == '200' and bool(f['tls']) == bool('$tls')"

	port=$([ -n "$tls" ] && echo 8444 || echo 8081)
	in_client nghttp -n --no-verify-peer "http$tls://$node:$port/"{hints,trailers,push,gzip,none,refuse,big} >/dev/null 2>&1
	this="bool(f['tls']) == bool('$tls')"
	expect "Node: 103 before 200$by" 1 "$DONE and q['target'] == '/hints' and a['status'] == '200' and a['attrs']['interim'] == '103' and $this"
	expect "Node: trailers$by" 1 "$DONE and q['target'] == '/trailers' and a['attrs']['trailer:x-sum'] == '42' and $this"
	expect "Node: a pushed stream$by" 1 "$DONE and q['target'] == '/pushed.css' and 'pushed_on' in q['attrs'] and a['body']['text'] == 'b{}' and $this"
	expect "Node: gzip is unpacked$by" 1 "$DONE and q['target'] == '/gzip' and a['body']['text'] == 'unpacked ' * 50 and $this"
	expect "Node: 404 failed$by" 1 "$DONE and q['target'] == '/none' and f['failed'] and $this"
	expect "Node: a refused stream$by" 1 "q['target'] == '/refuse' and f['state'] == 'reset' and f['failed'] and q['attrs']['reset'] == 'REFUSED_STREAM' and $this"
	expect "Node: 320 KB$by" 1 "$DONE and q['target'] == '/big' and a['body']['len'] == 320000 and $this"

	port=$([ -n "$tls" ] && echo 8445 || echo 8082)
	in_client /t/peer get "http$tls://$golang:$port/"{a,b,c}
	expect "Go at both ends, one connection$by" 3 "$DONE and q['target'] in ('/a', '/b', '/c') and h['x-n'] == r['x-n'] and a['body']['text'] == 'body ' + h['x-n'] and $this"
	in_client /t/peer cancel "http$tls://$golang:$port/cancel"
	expect "Go takes a request back$by" 1 "q['target'] == '/cancel' and f['state'] == 'reset' and 'CANCEL' in str(q['attrs']) and $this"
done

in_client curl -s --http2 "http://$python:8083/upgraded" >/dev/null
expect "an upgrade: the request in HTTP/1.1 got its 101" 1 "f['proto'] == 'http1' and q['target'] == '/upgraded' and a['status'] == '101'"
expect "an upgrade: the same request is stream 1 of HTTP/2" 1 "$DONE and q['target'] == '/upgraded' and q['attrs']['stream'] == '1' and a['body']['text'] == 'stream 1'"

# What was open before: fields that never changed are unknown, all others are right, on all later requests.  A field whose value
# changes may refer to its name in an old head.
for old in old old-tls; do
	expect "$old: later requests of a connection from before" 20+ "f['proto'] == 'http2' and f['state'] == 'done' and 'midstream' in f['flags'] and q['op'] == 'POST' and a['status'] == '200' and q['body']['text'][5:] in [v for k, v in q['headers'] if k in ('x-n', '(unknown)')] and f['server']['port'] == (8444 if '$old' == 'old-tls' else 8082)"
	expect "$old: nothing was taken for something else" 0 "f['proto'] == 'http2' and 'midstream' in f['flags'] and (q.get('target') not in ('/$old', '(unknown)', None) or h.get('x-stays', 'the same') not in ('the same', '(unknown)')) and f['server']['port'] == (8444 if '$old' == 'old-tls' else 8082)"
done
expect "nothing else was made of HTTP/2" 0 "f['proto'] == 'tcp' and f['server']['port'] not in (8083,)"
end_process "$LIMPID_PID"
