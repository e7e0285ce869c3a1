#!/usr/bin/env bash
# TLS libraries are found in time, and once: files with two libraries in them, files shared by containers, files that change
# or go below an overlay.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tls/lib.sh"
need_root
chmod a+rx "$TMP"
LIBS=/usr/lib/$(uname -m)-linux-gnu

# --- a server, and Limpid on what this script starts -------------------------------------------------------------------
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 30 -subj /CN=localhost 2>/dev/null
port=$(free_port)
cat >"$TMP/serve.py" <<'PY'
import http.server, ssl, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
class S(http.server.ThreadingHTTPServer):
    request_queue_size = 500
    daemon_threads = True
    def finish_request(self, request, client_address):
        request.settimeout(20)
        super().finish_request(c.wrap_socket(request, server_side=True), client_address)
    def handle_error(self, *a): pass
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[2], sys.argv[3])
S(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY
/usr/bin/python3 "$TMP/serve.py" "$port" "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/serve.out" 2>&1 &
on_exit end_process $!
up() { curl -sk --noproxy '*' -o /dev/null --max-time 2 "https://127.0.0.1:$port/up"; }
until_true 20 up || { not_ok "the server starts"; exit 1; }

run_limpid() { # run_limpid NAME COMM...: only clients are captured, so that each request is there once
	local name=$1 c args=()
	shift
	for c in "$@"; do args+=(--comm "$c"); done
	start_limpid "l.$name" tail --json --log-level=debug --port "$port" "${args[@]}"
	until_true 30 grep -q 'capturing .*; end with' "$TMP/l.$name.err" || {
		not_ok "Limpid starts"
		sed 's/^/# /' "$TMP/l.$name.err"
		exit 1
	}
}
# How often each target was seen in NAME.out, of those that begin so: targets NAME PREFIX
targets() { jq -r 'select(.request) | "\(.id) \(.request.target) \(.tls.library)"' "$TMP/l.$1.out" 2>/dev/null | sort -u | grep -F " $2" | cut -d ' ' -f 2-; }
attached() { grep -E "debug: [a-z]+ [0-9.]* in $2: " "$TMP/l.$1.err"; } # lines that tell of probes: attached NAME PATH-PATTERN

# --- one program with OpenSSL and Go's crypto/tls in it ------------------------------------------------------------------
if command -v go >/dev/null && [ -e "$LIBS/libssl.a" ]; then
	both=$(realpath -m "$CACHE")/go/both-$(cat $src/both/* | sha256sum | cut -c 1-12)
	mkdir -p "${both%/*}"
	[ -x "$both" ] || (cd $src/both && GOENV=off GOFLAGS='' GOTOOLCHAIN=local CGO_ENABLED=1 timeout 400 nice go build -o "$both.new" . &&
		mv "$both.new" "$both") >"$TMP/both.build" 2>&1
	cp "$both" "$TMP/both" # an inode that nobody looked at
	has_both() { [ "$(attached both "$TMP/both" | wc -l)" = 2 ]; }
	both_read() { [ "$(targets both / | sort | paste -sd,)" = "/go go,/openssl openssl" ]; }
	run_limpid both both
	start both "$TMP/both" 127.0.0.1 "$port"
	until_true 10 grep -q ready "$TMP/both.out"
	equal "a program with OpenSSL and Go in it: both are found" "go openssl" \
		"$(until_true 10 has_both && attached both "$TMP/both" | sed 's/.*debug: //; s/ .*//' | sort | xargs)"
	echo >&"${fd_of[both]}"
	until_true 20 grep -qE "done|failed" "$TMP/both.out"
	check "both are read, each under its name" until_true 10 both_read
	stop both
	end_process "$LIMPID_PID"
else
	skip "a program with OpenSSL and Go in it" "no Go toolchain, or no libssl.a"
fi
echo "1..$n_tests"
