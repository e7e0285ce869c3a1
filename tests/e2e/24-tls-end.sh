#!/usr/bin/env bash
# TLS that ends before its connection does: an answer that lasts until close_notify is whole with SSL_shutdown, and what a handshake anew
# on the same connection brings is read like the first.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
py=/usr/bin/python3
port=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 30 -subj /CN=shop.example 2>/dev/null
cat >"$TMP/peer.py" <<'PY'
import os, socket, ssl, sys, time
role, port, tmp = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def wait(name):
    while not os.path.exists(tmp + "/" + name):
        time.sleep(0.02)

def serve(c, ctx, text):
    t = ctx.wrap_socket(c, server_side=True)
    while b"\r\n\r\n" not in t.recv(4096):
        pass
    t.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + text)
    return t.unwrap()

def ask(c, ctx, path):
    t = ctx.wrap_socket(c, server_hostname="shop.example")
    t.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
    got = b""
    while True:
        d = t.recv(4096)
        if not d:
            break
        got += d
    print(got[-20:], flush=True)
    return t.unwrap()

if role == "server":
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(tmp + "/cert.pem", tmp + "/key.pem")
    s = socket.create_server(("127.0.0.1", port))
    print("listening", flush=True)
    c, _ = s.accept()
    c = serve(c, ctx, b"first answer" * 1000)
    c = serve(c, ctx, b"second answer" * 1000)
else:
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    print("ready", flush=True)
    wait("go")
    c = socket.create_connection(("127.0.0.1", port))
    c = ask(c, ctx, b"/first")
    wait("again")
    c = ask(c, ctx, b"/second")
wait("close")
PY
for side in server client; do
	rm -f "$TMP"/{go,again,close}
	$py "$TMP/peer.py" server "$port" "$TMP" >"$TMP/server.out" 2>&1 &
	server=$!
	until_true 10 grep -q listening "$TMP/server.out"
	$py "$TMP/peer.py" client "$port" "$TMP" >"$TMP/client.out" 2>&1 &
	client=$!
	on_exit kill "$server" "$client"
	until_true 10 grep -q ready "$TMP/client.out"
	seen=$client
	[ $side = client ] || seen=$server
	start_limpid "tail.$side" tail --json --log-level debug --pid "$seen" --port "$port"
	until_true 20 grep -q Ctrl-C "$TMP/tail.$side.err"
	touch "$TMP/go"
	done_with() { # TARGET LENGTH
		$py - "$TMP/tail.$side.out" "$1" "$2" <<'PY'
import json, sys
for line in open(sys.argv[1]):
    f = json.loads(line)
    if f["state"] == "done" and f["request"]["target"] == sys.argv[2] and f["response"]["body"]["len"] == int(sys.argv[3]) and f["tls"]:
        sys.exit(0)
sys.exit(1)
PY
	}
	check "$side: an answer that ends with close_notify is whole while its connection is open" until_true 10 done_with /first 12000
	check "$side: neither end has closed it" kill -0 "$server" "$client"
	touch "$TMP/again"
	check "$side: and the next one, after a handshake anew on the same connection" until_true 10 done_with /second 13000
	equal "$side: the two are all there is" 2 "$(grep -c '"state":"done"' "$TMP/tail.$side.out")"
	touch "$TMP/close"
	until_true 10 not_running "$server"
	until_true 10 not_running "$client"
	end_process "$LIMPID_PID"
	port=$(free_port)
done
echo "1..$n_tests"
