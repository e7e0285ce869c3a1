#!/usr/bin/env bash
# A library that is not what its names say: the probes on it are taken off, the ledger says so, and the program goes on as before.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
chmod a+rx "$TMP"

# Two libraries with OpenSSL's names and other semantics: one returns more than the size that it was given; the other takes a mode where OpenSSL
# has a buffer.
mkdir "$TMP/long" "$TMP/mode"
printf 'int SSL_read(void *s, void *b, int n) { return n + 5; }\n' >"$TMP/long/liar.c"
printf 'int SSL_write(void *s, long mode, int n) { return mode == 3 ? n : -1; }\n' >"$TMP/mode/liar.c"
for l in long mode; do
	gcc -O2 -w -shared -fPIC "$TMP/$l/liar.c" -o "$TMP/$l/libliar.so" || { not_ok "the liar is built"; exit 1; }
done
cat >"$TMP/believer.py" <<'PY'
import ctypes, socket, ssl, sys, threading, time
lib = ctypes.CDLL(sys.argv[1])
def call():
    b = ctypes.create_string_buffer(9)
    if "long" in sys.argv[1]:
        return lib.SSL_read(None, b, 9) == 14
    return lib.SSL_write(None, ctypes.c_long(3), 9) == 9
s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
s.load_cert_chain(sys.argv[2], sys.argv[3])
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
l = socket.create_server(("127.0.0.1", int(sys.argv[4])))
def serve():
    while True:
        k, _ = l.accept()
        with s.wrap_socket(k, server_side=True) as t:
            t.recv(1000)
            t.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
n = 0
for line in sys.stdin:
    good = all(call() for _ in range(50))
    with socket.create_connection(("127.0.0.1", int(sys.argv[4])), 10) as k, c.wrap_socket(k) as t:
        t.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)
        good = good and t.recv(1000).endswith(b"ok")
    n += 1
    print(n, good, flush=True)
PY
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 30 -subj /CN=localhost 2>/dev/null

declare -A pid to
for l in long mode; do
	mkfifo "$TMP/$l.in"
	/usr/bin/python3 "$TMP/believer.py" "$TMP/$l/libliar.so" "$TMP/cert.pem" "$TMP/key.pem" "$(free_port)" <"$TMP/$l.in" >"$TMP/$l.out" 2>&1 &
	pid[$l]=$!
	exec {fd}>"$TMP/$l.in"
	to[$l]=$fd
	on_exit kill "${pid[$l]}"
	until_true 20 grep -q ready "$TMP/$l.out" || { not_ok "the program starts"; sed 's/^/# /' "$TMP/$l.out"; exit 1; }
done

$LIMPID --pid "${pid[long]}" --pid "${pid[mode]}" --http "127.0.0.1:$(free_port)" --grpc "127.0.0.1:$(free_port)" --db "$TMP/db/limpid.db" \
	--cache "$TMP/cache" --log-level=debug >"$TMP/limpid.out" 2>&1 &
limpid=$!
on_exit end_process "$limpid"
until_true 30 grep -q '#t=' "$TMP/limpid.out" || { not_ok "limpid starts"; sed 's/^/# /' "$TMP/limpid.out"; exit 1; }
url=$(grep -o 'http://[^ ]*#t=[0-9a-f]*' "$TMP/limpid.out" | head -n 1)
api() { curl -s --noproxy '*' -H "Authorization: Bearer ${url##*#t=}" "${url%%/#*}/api/$1"; }
probed() { grep -q "debug: openssl [0-9.]* in $TMP/$1/libliar.so: " "$TMP/limpid.out"; }
asked=0
ask() { # ask NAME: one round of the program
	asked=$((asked + 1))
	echo >&"${to[$1]}"
}
# The code of the library NAME in the ledger, of the process that has it.
code() { api health | jq -r ".agents[].tls.processes[].libraries[] | select(.path | endswith(\"$1/libliar.so\")).code" | sort -u | xargs; }
code_is() { [ "$(code "$1")" = "$2" ]; }
rows() { api 'flows?f=-proto:tls&from=-50&n=50' | jq -r '.rows[]? | select(.tls) | .target' 2>/dev/null; }
lib_code() { # the library's code in its memory, as hex
	/usr/bin/python3 - "${pid[$1]}" "$TMP/$1/libliar.so" <<'PY'
import hashlib, sys
with open(f"/proc/{sys.argv[1]}/maps") as m, open(f"/proc/{sys.argv[1]}/mem", "rb") as mem:
    for l in m:
        if "r-xp" in l and sys.argv[2] in l:
            a, b = (int(x, 16) for x in l.split()[0].split("-"))
            mem.seek(a)
            print(hashlib.sha256(mem.read(b - a)).hexdigest())
PY
}
file_code() { # the same as the file has it
	/usr/bin/python3 - "${pid[$1]}" "$TMP/$1/libliar.so" <<'PY'
import hashlib, sys
with open(f"/proc/{sys.argv[1]}/maps") as m, open(sys.argv[2], "rb") as f:
    for l in m:
        if "r-xp" in l and sys.argv[2] in l:
            a, b = (int(x, 16) for x in l.split()[0].split("-"))
            f.seek(int(l.split()[2], 16))
            print(hashlib.sha256(f.read(b - a).ljust(b - a, b"\0")).hexdigest())
PY
}
as_before() { [ "$(lib_code "$1")" = "$(file_code "$1")" ]; }

for l in long mode; do
	check "$l: it is probed, as its names say that it is OpenSSL" until_true 10 probed "$l"
	ask "$l"
	check "$l: its probes are removed, and that is said" until_true 10 \
		grep -q "$l/libliar.so is not decrypted any more: its calls said what cannot be" "$TMP/limpid.out"
	check "$l: no probe is left in the program's memory" until_true 10 as_before "$l"
	ask "$l"
	check "$l: the ledger says misread" until_true 20 code_is "$l" misread
	equal "$l: the program's calls are as before" "1 True 2 True" "$(grep -E '^[0-9]' "$TMP/$l.out" | xargs)"
done
both_shown() { [ "$(rows | sort | xargs)" = "/0 /0 /1 /1" ]; }
check "what goes through the real OpenSSL of the same programs is read on" until_true 20 both_shown
until_true 1 both_shown || rows | sed 's/^/# /'
end_process "$limpid"
echo "1..$n_tests"
