#!/usr/bin/env bash
# 13-only-tcp - --only-tcp hooks no system call: every way to move bytes over TCP is read all the same, byte for byte, flows are
# what they are without it, and TLS of programs that begin later is found.
. "$(dirname "$0")/lib.sh"
need_root
make -s build/tests/capture_check >"$TMP/make.log" 2>&1 || {
	not_ok "the checker builds"
	sed 's/^/# /' "$TMP/make.log"
	exit 1
}
cp build/tests/capture_check "$TMP" && chmod 755 "$TMP" "$TMP/capture_check"

said=$("$TMP/capture_check" --only-tcp --open)
case $said in
*'came with Linux 6.16'*)
	skip "--only-tcp" "neither functions nor the tracepoints of TCP can be hooked here, and it says so"
	exit 0
	;;
esac

# Its own lines come first; the numbers go on after them.
groups=
for g in ways property same life race policies; do groups="$groups --only $g"; done
# shellcheck disable=SC2086 # words
timeout 600 "$TMP/capture_check" --quick --only-tcp $groups >"$TMP/tap"
rc=$?
grep -v '^1\.\.' "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "the checker comes to its end" 0 "$((rc > 1 ? rc : 0))"

# --- the same flows with and without ---------------------------------------------------------------------------------
PORT=$(free_port) PORTS=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$TMP/key.pem" -out "$TMP/cert.pem" >/dev/null 2>&1
cat >"$TMP/server.py" <<'P'
import http.server, ssl, sys, threading

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))[::-1] or self.path.encode() * 50
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *a): pass

plain = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
tls = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Answer)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[3] + "/cert.pem", sys.argv[3] + "/key.pem")
tls.socket = c.wrap_socket(tls.socket, server_side=True)
threading.Thread(target=tls.serve_forever, daemon=True).start()
print("ready", flush=True)
plain.serve_forever()
P
head -c 300000 /dev/urandom >"$TMP/body"
server() {
	python3 "$TMP/server.py" "$PORT" "$PORTS" "$TMP" >"$TMP/server.out" 2>&1 &
	SERVER=$!
	until_true 20 grep -q ready "$TMP/server.out"
}
talk() {
	curl -sfk "http://127.0.0.1:$PORT/one" "http://127.0.0.1:$PORT/two" -o "$TMP/got1" -o "$TMP/got2" &&
		curl -sfk --data-binary "@$TMP/body" -H 'Expect:' "http://127.0.0.1:$PORT/up" -o "$TMP/got3" &&
		curl -sfk "https://127.0.0.1:$PORTS/secret" -o "$TMP/got4"
}
flows() { # flows NAME [OPTION...]: what tail said of the conversation, without what differs from run to run
	local name=$1
	shift
	start_limpid "$name" tail --json --comm curl --comm python3 --port "$PORT,$PORTS" "$@"
	until_true 40 grep -q Ctrl-C "$TMP/$name.err" || return
	server
	# curl and Python load their libraries after they were executed: with --only-tcp they are looked for a moment later.
	until_true 20 talk && sleep 1.5 && talk
	until_true 20 enough "$name"
	end_process "$SERVER"
	end_process "$LIMPID_PID"
	jq -r 'select(.request.target | IN("/one", "/two", "/up", "/secret")) | [(.tls != null), .request.op, .request.target, (.request.body.size // 0), .response.status, .response.body.size, .state,
		(.client.comm // .conn.client.comm), (.server.comm // .conn.server.comm)] | @text' "$TMP/$name.out" | sort -u
}
enough() { [ "$(grep -c '"/secret"' "$TMP/$1.out")" -ge 1 ] && [ "$(wc -l <"$TMP/$1.out")" -ge 7 ]; }
flows default >"$TMP/default.txt"
flows light --only-tcp >"$TMP/light.txt"
check "HTTP and HTTPS are the same flows with and without hooks of system calls" \
	cmp "$TMP/default.txt" "$TMP/light.txt"
equal "there are four of them" 4 "$(wc -l <"$TMP/light.txt")"
diff "$TMP/default.txt" "$TMP/light.txt" | sed 's/^/# /'
