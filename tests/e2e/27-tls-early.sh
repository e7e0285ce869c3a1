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
	start_limpid "l.$name" tail --json --log-level=debug --cache "$TMP/cache" --port "$port" "${args[@]}"
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

# --- the file system of a container: curl and what it needs --------------------------------------------------------------
root=$TMP/lower
mkdir -p "$root/bin" "$root/tmp"
cp "$(command -v curl)" "$root/bin/"
{ ldd "$root/bin/curl" | grep -oE '/[^ ]+'; echo "$LIBS/libnss_files.so.2"; } | while read -r f; do
	[ ! -e "$f" ] || cp -L --parents "$f" "$root"
done
lib=$LIBS/libssl.so.3
[ -e "$root$lib" ] || lib=/lib/$(uname -m)-linux-gnu/libssl.so.3 # as the loader names it
overlay() {
	mkdir -p "$TMP/$1"/{upper,work,merged} &&
		mount -t overlay overlay -o "lowerdir=$root,upperdir=$TMP/$1/upper,workdir=$TMP/$1/work" "$TMP/$1/merged" &&
		on_exit umount -l "$TMP/$1/merged"
}
ask_in() { timeout 20 chroot "$TMP/$1/merged" /bin/curl -sk --noproxy '*' "https://127.0.0.1:$port$2" >/dev/null; }
told() { attached main "$lib" | wc -l; } # library files at this path that are probed
told_more() { [ "$(told)" -gt "$1" ]; }
seen() { targets main "$1" | grep -q "^$1 openssl$"; }
links() { local p; for p in $LIMPID_PID $(ps -o pid= --ppid "$LIMPID_PID"); do sed -n 's/^link_id:[[:space:]]*//p' "/proc/$p/fdinfo/"* 2>/dev/null; done | sort -u | wc -l; }

run_limpid main curl
before=$(told)
if overlay one; then
	check "a library in a file system that is mounted is probed before anything runs there" until_true 10 told_more "$before"
	seq 200 | xargs -P 3 -I % timeout 60 chroot "$TMP/one/merged" /bin/curl -sk --noproxy '*' "https://127.0.0.1:$port/known/%" >/dev/null ||
		not_ok "a curl failed"
	all_known() { [ "$(targets main /known/ | sort -u | wc -l)" = 200 ]; }
	check "200 short curls in a known image: the first request of each is seen" until_true 20 all_known
	equal "and none twice" 200 "$(targets main /known/ | wc -l)"

	before=$(told) probes=$(links)
	overlay two
	ask_in two /shared
	check "another container of the image is read" until_true 10 seen /shared
	equal "by the same attachment: no library more, no link more" "$before $probes" "$(told) $(links)"

	# --- one container writes to its copy ---
	printf x >>"$TMP/one/merged$lib"
	n=0
	copy_seen() { n=$((n + 1)) && ask_in one "/copy/$n" && sleep 0.2 && targets main /copy/ | grep -q openssl; }
	check "a container that writes to the library has a file of its own, and that is read" until_true 10 copy_seen
	ask_in two /others
	check "the others go on with theirs" until_true 10 seen /others
	equal "whose probes were never removed" 0 "$(grep -c 'not decrypted any more' "$TMP/l.main.err")"
	printf x >>"$TMP/one/merged$lib"
	check "writing to the copy while it is probed removes its probes, and that is said" until_true 10 \
		grep -q "$lib is not decrypted any more: the file was changed" "$TMP/l.main.err"
	ask_in two /others2
	check "and still not those of the others" until_true 10 seen /others2
	check "the probes hold no container's file system" umount "$TMP/two/merged"
else
	skip "libraries below an overlay" "no overlay file system"
fi
end_process "$LIMPID_PID"
check "what was found is kept for the next start" sh -c "timeout 60 $LIMPID doctor --cache $TMP/cache | grep -E 'cache +$TMP/cache: [1-9][0-9]* files are known from before'"

# --- a library that was deleted while it is used --------------------------------------------------------------------------
cat >"$TMP/client.py" <<'PY'
import socket, ssl, sys
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
print("ready", flush=True)
for line in sys.stdin:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as s, c.wrap_socket(s) as t:
        t.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % line.strip().encode())
        print(len(t.recv(1000)), flush=True)
PY
mkdir "$TMP/own"
cp "$LIBS"/lib{ssl,crypto}.so.3 "$TMP/own/"
start deleted env LD_LIBRARY_PATH="$TMP/own" /usr/bin/python3 "$TMP/client.py" "$port"
until_true 10 grep -q ready "$TMP/deleted.out"
rm -r "$TMP/own"
start_limpid l.deleted tail --json --log-level=debug --cache "$TMP/cache" --port "$port" --pid "${pid_of[deleted]}"
until_true 30 grep -q 'capturing .*; end with' "$TMP/l.deleted.err"
echo /deleted >&"${fd_of[deleted]}"
deleted_seen() { targets deleted /deleted | grep -q openssl; }
check "a library that was deleted is read" until_true 10 deleted_seen
stop deleted
end_process "$LIMPID_PID"

# --- programs that nobody looked at before ----------------------------------------------------------------------------------
if [ -x "${both:-}" ] && build_programs; then
	watch "$TMP/watch" -p "$port"
	for i in $(seq 20); do
		cp "$both" "$TMP/fresh$i"
		start "fresh$i" "$TMP/fresh$i" 127.0.0.1 "$port"
	done
	all_fresh() { [ "$(grep -cE "^lib [0-9]+ go .* attached .*/fresh[0-9]+ \|" "$TMP/watch.out")" = 20 ]; }
	check "20 new programs of 13 MB with Go and OpenSSL in them are found at exec" until_true 20 all_fresh
	for i in $(seq 20); do stop "fresh$i"; done
	stop watch
	grep -E "^lib [0-9]+ go .*/fresh[0-9]+ \|" "$TMP/watch.out" | awk '{print $6}' | sort -n >"$TMP/ms"
	note "from exec to the probes, ms: $(awk '{v[NR] = $1} END {print "least", v[1], "median", v[int((NR + 1) / 2)], "largest", v[NR]}' "$TMP/ms")"
	# All twenty were started at once on however many processors there are; alone it is a few.
	check "half of them within 50 ms" awk '{v[NR] = $1} END {exit !(v[int((NR + 1) / 2)] <= 50)}' "$TMP/ms"
else
	skip "programs that nobody looked at before" "no Go toolchain"
fi

# --- images that nobody ran before ------------------------------------------------------------------------------------------
if start_docker; then
	on_exit stop_containers
	run_limpid first curl
	for i in $(seq 5); do
		echo "$i" >"$root/tmp/layer" # another layer, so other inodes
		tar -C "$root" -c . | $D import - "limpid-test/first$i" >/dev/null
		timeout 60 $D run --rm --network host "limpid-test/first$i" /bin/curl -sk --noproxy '*' "https://127.0.0.1:$port/first/$i" >/dev/null ||
			not_ok "the container does not run"
	done
	all_first() { [ "$(targets first /first/ | grep openssl | sort -u | wc -l)" = 5 ]; }
	check "five images that nobody ran before: the first request of the first process of each is seen" until_true 10 all_first
	end_process "$LIMPID_PID"
else
	skip "images that nobody ran before" "no Docker"
fi
echo "1..$n_tests"
