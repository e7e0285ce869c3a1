#!/usr/bin/env bash
# 12-unix-udp - streams over unix sockets and datagrams of UDP: every byte of a recording against what the programs
# moved, and flows of real programs (curl, PostgreSQL, PHP-FPM behind nginx).
. "$(dirname "$0")/lib.sh"
need_root
timeout 600 python3 tests/e2e/unix_udp.py "$LIMPID" "$TMP" >"$TMP/tap"
rc=$?
cat "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "the programs come to their end" 0 "$rc"

# capture VERB FILE OPTION...: begins, and is ready.  Sets limpid_pid.
capture() {
	local verb=$1 file=$2
	shift 2
	if [ "$verb" = record ]; then set -- -o "$file" "$@"; fi
	"$LIMPID" "$verb" "$@" >"$file.out" 2>"$file.err" &
	limpid_pid=$!
	on_exit end_process $limpid_pid
	until_true 30 grep -q capturing "$file.err"
}
capture_ends() {
	kill -INT "$limpid_pid"
	wait "$limpid_pid"
}

# --- HTTP: curl and a server of Python's, with a path and with an abstract name -------------------------------
cat >"$TMP/server.py" <<'PY'
import http.server, socketserver, sys
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        s, _ = super().get_request()
        return s, ("unix", 0)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"x" * 100000 if self.path == "/big" else b"hello " + self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
Server(sys.argv[1].replace("@", "\0"), Handler).serve_forever()
PY
python3 "$TMP/server.py" "$TMP/http.sock" &
path_pid=$!
python3 "$TMP/server.py" "@limpid-http-$$" &
abstract_pid=$!
on_exit end_process $path_pid
on_exit end_process $abstract_pid
until_true 10 test -S "$TMP/http.sock"
capture tail "$TMP/http" --json --pid $path_pid --pid $abstract_pid --comm curl 'l4:unix'
curl -s --unix-socket "$TMP/http.sock" http://docker/one http://docker/big >"$TMP/got"
curl -s --abstract-unix-socket "limpid-http-$$" http://x/two >>"$TMP/got"
until_true 10 test "$(wc -l <"$TMP/http.out")" -ge 3
sleep 0.5
capture_ends
equal "one flow an exchange, with the path, both processes and what was said" \
	"/one unix $TMP/http.sock curl python3 both 200 10
/big unix $TMP/http.sock curl python3 both 200 100000
/two unix @limpid-http-$$ curl python3 both 200 10" \
	"$(jq -r '[.request.target, .l4, .server.path, .client.comm, .server.comm, .seen_by, .response.status, .response.body.len] | map(tostring) | join(" ")' "$TMP/http.out" 2>&1)"
equal "neither end has an address" '[false,false,false,false]' \
	"$(jq -sc '.[0] | [(.client, .server) | has("ip"), has("port")]' "$TMP/http.out" 2>&1)"
capture tail "$TMP/one-end" --pid $path_pid "sock:http.sock"
curl -s --unix-socket "$TMP/http.sock" http://docker/three >"$TMP/got"
until_true 10 grep -q three "$TMP/one-end.out"
capture_ends
check "one end alone names the other, and tail shows the path" \
	grep -q "  curl → python3@$TMP/http.sock  GET /three  200 OK" "$TMP/one-end.out"

# Bytes of a protocol that is not decoded: what one end wrote is what the other read, nothing is missing.
# conserved TEXT RECORDING PATH TEXT-IN-IT...
conserved() {
	python3 - "$@" <<'PY'
import sys
sys.path.insert(0, "tests/e2e")
import events
name, rec, path, *said = sys.argv[1:]
conns = [c for c in events.read(rec) if c.opens and path.encode() in c.path and sum(c.moved)]
ends = {c.cookie: c for c in conns}
pairs = [(c, ends[c.peer_cookie]) for c in conns if c.side == events.SERVER and c.peer_cookie in ends]
for c in conns:
    print(c)
assert pairs, "no pair"
for a, b in pairs:
    assert a.whole() and b.whole(), (a, b)
    assert a.bytes[events.READ] == b.bytes[events.WRITE] and a.bytes[events.WRITE] == b.bytes[events.READ], (a, b)
everything = b"".join(bytes(x) for p in pairs for x in p[0].bytes)
for s in said:
    assert s.encode() in everything, s
PY
}

# --- PostgreSQL ------------------------------------------------------------------------------------------------
pgbin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$pgbin" ] || ! id postgres >/dev/null 2>&1; then
	skip "PostgreSQL's bytes" "postgresql is not installed: tools/bootstrap test"
else
	mkdir "$TMP/pg" && chmod 755 "$TMP" && chown postgres "$TMP/pg"
	as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups --inh-caps -all env PGHOST="$TMP/pg" "$@"; }
	as_postgres "$pgbin/initdb" -D "$TMP/pg/data" -A trust >"$TMP/initdb.out" 2>&1
	as_postgres "$pgbin/postgres" -D "$TMP/pg/data" -k "$TMP/pg" -c listen_addresses= -c fsync=off >"$TMP/pg.out" 2>&1 &
	pg_pid=$!
	on_exit end_process $pg_pid
	until_true 30 as_postgres "$pgbin/psql" -c 'select 1' postgres
	pg_pid=$(head -n 1 "$TMP/pg/data/postmaster.pid")
	capture record "$TMP/pgrec" --pid "$pg_pid" --comm psql
	as_postgres "$pgbin/psql" -qAt postgres >"$TMP/psql.out" <<-'SQL'
		create table t as select i, repeat(chr(65 + i % 26), 997) as s from generate_series(1, 3000) i;
		select 'how many: ' || count(*) from t;
		select * from t order by i;
	SQL
	sleep 1.5
	capture_ends
	equal "psql got its answers" "$((3000 * 997))" "$(grep -oE '[A-Z]{997}' "$TMP/psql.out" | tr -d '\n' | wc -c)"
	check "PostgreSQL's bytes, three megabytes of them, are the same at both ends" \
		conserved postgres "$TMP/pgrec" .s.PGSQL. 'create table t as' 'how many: 3000'
fi

# --- PHP-FPM behind nginx ----------------------------------------------------------------------------------------
fpm=$(find /usr/sbin -name 'php-fpm*' | sort -V | tail -n 1)
if [ -z "$fpm" ]; then
	skip "PHP-FPM's bytes" "php-fpm is not installed: tools/bootstrap test"
else
	port=$(free_port)
	mkdir -p "$TMP/web" && chmod 755 "$TMP" "$TMP/web"
	cat >"$TMP/web/index.php" <<-'PHP'
		<?php header("X-Sum: " . md5(file_get_contents("php://input"))); echo str_repeat("from php ", 20000);
	PHP
	cat >"$TMP/fpm.conf" <<-CONF
		[global]
		error_log = $TMP/fpm.log
		daemonize = no
		[www]
		user = nobody
		listen = $TMP/fpm.sock
		listen.mode = 0666
		pm = static
		pm.max_children = 2
	CONF
	cat >"$TMP/nginx.conf" <<-CONF
		worker_processes 1;
		daemon off;
		pid $TMP/nginx.pid;
		error_log $TMP/nginx.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $TMP/body;
			fastcgi_temp_path $TMP/fastcgi;
			client_max_body_size 10m;
			server {
				listen 127.0.0.1:$port;
				location / {
					include /etc/nginx/fastcgi_params;
					fastcgi_param SCRIPT_FILENAME $TMP/web/index.php;
					fastcgi_pass unix:$TMP/fpm.sock;
				}
			}
		}
	CONF
	"$fpm" -y "$TMP/fpm.conf" >"$TMP/fpm.out" 2>&1 &
	fpm_pid=$!
	nginx -c "$TMP/nginx.conf" >"$TMP/nginx.out" 2>&1 &
	nginx_pid=$!
	on_exit end_process $fpm_pid
	on_exit end_process $nginx_pid
	until_true 20 curl -sf "http://127.0.0.1:$port/"
	capture record "$TMP/fpmrec" --pid $fpm_pid --pid $nginx_pid
	head -c 300000 /dev/urandom | base64 -w0 >"$TMP/upload"
	curl -s -D "$TMP/head" --data-binary @"$TMP/upload" "http://127.0.0.1:$port/upload?x=1" >"$TMP/php.out"
	sleep 0.5
	capture_ends
	equal "PHP answered" "180000 $(md5sum <"$TMP/upload" | cut -d' ' -f1)" \
		"$(wc -c <"$TMP/php.out") $(tr -d '\r' <"$TMP/head" | sed -n 's/^X-Sum: //p')"
	check "PHP-FPM's bytes are the same at both ends" conserved fpm "$TMP/fpmrec" fpm.sock REQUEST_METHOD '/upload?x=1' 'from php from php'
fi
