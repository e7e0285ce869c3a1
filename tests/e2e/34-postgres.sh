#!/usr/bin/env bash
# PostgreSQL with real programs: Debian's server, psql, pgbench in all its modes, psycopg 2 and 3, JDBC; TCP, unix socket, TLS,
# a connection from before.  What was said is what must be captured, as often as it was said, and no password.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
BIN=/usr/lib/postgresql/15/bin
for need in "$BIN/initdb" "$BIN/pgbench" /usr/bin/java /usr/share/java/js.jar /usr/share/java/postgresql.jar; do
	[ -x "$need" ] || [ -s "$need" ] || { skip "PostgreSQL" "$need is missing: tools/bootstrap test"; exit 0; }
done
if ! python3 -c 'import psycopg, psycopg2'; then
	skip "PostgreSQL" "psycopg is missing: tools/bootstrap test"
	exit 0
fi

PORT=$(free_port)
T=$TMP/tail.out
chmod 755 "$TMP"
mkdir "$TMP/server" "$TMP/said"
cp tests/e2e/postgres/client.py tests/e2e/postgres/batch.js "$TMP/said/"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/server/key.pem" -out "$TMP/server/cert.pem" -days 30 -subj /CN=localhost 2>/dev/null
chmod 600 "$TMP/server/key.pem"
chown -R postgres "$TMP/server" "$TMP/said"

# start_server: PostgreSQL in $TMP/server; passwords over TCP, none over the unix socket; sets POSTMASTER.
start_server() {
	runuser -u postgres -- "$BIN/initdb" -D "$TMP/server/db" -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$TMP/initdb.log" 2>&1 || return 1
	cat >"$TMP/server/db/pg_hba.conf" <<-HBA
		local all all trust
		host all in_clear 127.0.0.1/32 password
		host all hashed 127.0.0.1/32 md5
		host all all 127.0.0.1/32 scram-sha-256
	HBA
	(cd / && exec setpriv --reuid postgres --regid postgres --init-groups "$BIN/postgres" -D "$TMP/server/db" -p "$PORT" -k "$TMP/server" \
		-c listen_addresses=127.0.0.1 -c fsync=off -c ssl=on -c ssl_cert_file="$TMP/server/cert.pem" -c ssl_key_file="$TMP/server/key.pem" \
		-c autovacuum=off -c max_wal_size=256MB) >"$TMP/server.log" 2>&1 </dev/null &
	POSTMASTER=$!
	on_exit end_process $POSTMASTER
	until_true 30 "$BIN/pg_isready" -q -h "$TMP/server" -p "$PORT"
}
sql() { "$BIN/psql" -X -q -h 127.0.0.1 -p "$PORT" -U app postgres "$@"; } # TCP, with or without TLS as PGSSLMODE says

psql_talks() {
	"$BIN/psql" -X -q -h "$TMP/server" -p "$PORT" -U postgres postgres -c "SELECT 'by unix socket' AS way" || return 1
	sql -c "SELECT 1 AS one, NULL AS nothing, 'zwei' AS two" -c "CREATE TABLE t (id int PRIMARY KEY, name text)" || return 1
	sql -c "SELECT nope FROM t" && return 1
	sql -c "INSERT INTO t VALUES (1, 'a'), (2, NULL)" -c "UPDATE t SET name = 'b' WHERE id = 1" || return 1
	sql -c "INSERT INTO t VALUES (1, 'twice')" && return 1
	seq 10 1009 | sed 's/$/\tcopied/' | sql -c "COPY t FROM STDIN" || return 1
	sql -c "COPY t TO STDOUT" >"$TMP/copied" && [ "$(wc -l <"$TMP/copied")" = 1002 ] || return 1
	sql -c "SELECT repeat('k', 60) FROM generate_series(1, 100)" -c "SELECT repeat('m', 1000) FROM generate_series(1, 1000) AS megabyte" >"$TMP/big" || return 1
	printf "SELECT length('%s') AS long_statement" "$(head -c 300000 /dev/zero | tr '\0' l)" >"$TMP/long.sql"
	sql -f "$TMP/long.sql" || return 1
	sql -c "LISTEN news" -c "NOTIFY news, 'to whom it may concern'" -c "SELECT 'after' AS notify" || return 1
	sql -c "ALTER ROLE app PASSWORD 'hunter2-again'" -c "ALTER ROLE app PASSWORD 'hunter2'" || return 1
	PGPASSWORD=hunter2-wrong sql -c "SELECT 'never'" && return 1
	PGSSLMODE=require sql -c "SELECT 'by TLS' AS way" -c "SELECT repeat('s', 1000) FROM generate_series(1, 300) AS tls"
}
pgbench_talks() {
	local mode
	"$BIN/pgbench" -q -i -h 127.0.0.1 -p "$PORT" -U app postgres || return 1
	for mode in simple extended prepared; do
		PGAPPNAME=bench-$mode "$BIN/pgbench" -n -M $mode -c 4 -t 250 -h 127.0.0.1 -p "$PORT" -U app postgres >"$TMP/said/pgbench-$mode" || return 1
	done
	PGSSLMODE=require PGAPPNAME=bench-tls "$BIN/pgbench" -n -M prepared -c 2 -t 100 -h 127.0.0.1 -p "$PORT" -U app postgres >"$TMP/said/pgbench-tls"
}
jdbc_talks() {
	java -Xmx128m -XX:TieredStopAtLevel=1 -cp /usr/share/java/js.jar:/usr/share/java/postgresql.jar org.mozilla.javascript.tools.shell.Main \
		tests/e2e/postgres/batch.js "jdbc:postgresql://127.0.0.1:$PORT/postgres?user=app&password=hunter2&sslmode=disable"
}
python_talks() { python3 tests/e2e/postgres/client.py "$PORT" "$TMP/server"; }
all_captured() { python3 tests/e2e/postgres/check.py "$T" "$TMP/said"; }

check "a server starts" start_server || tail -n 5 "$TMP/server.log"
export PGPASSWORD=hunter2 PGSSLMODE=disable PGCONNECT_TIMEOUT=20 PGGSSENCMODE=disable
"$BIN/psql" -X -q -h "$TMP/server" -p "$PORT" -U postgres postgres -c "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'hunter2'" \
	-c "CREATE ROLE in_clear LOGIN PASSWORD 'hunter2'" -c "SET password_encryption = 'md5'" -c "CREATE ROLE hashed LOGIN PASSWORD 'hunter2'"

# A connection that prepared its statements before Limpid came.
mkfifo "$TMP/go"
exec 8<>"$TMP/go"
python3 tests/e2e/postgres/client.py "$PORT" late <"$TMP/go" >"$TMP/late.out" 2>&1 8>&- &
LATE=$!
on_exit end_process $LATE
check "a client prepares a statement before Limpid is there" until_true 20 grep -q prepared "$TMP/late.out"

start_limpid tail tail --pid "$POSTMASTER" --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/tail.err"
echo >&8
check "the client from before goes on" until_true 20 grep -q executed "$TMP/late.out"
check "psql" psql_talks
check "pgbench: simple, extended, prepared, with TLS" pgbench_talks
check "psycopg 2 and 3: types, binary, cursors, a pipeline" python_talks
check "JDBC: batches" jdbc_talks
until_true 30 grep -q 'fetched_by_jdbc.*"tag":"SELECT' "$T" # the last that was said
for _ in 1 2 3 4 5; do
	all_captured >/dev/null 2>&1 && break
	sleep 1
done
check "all that was said is captured, answered, as often as it was said, and no password" all_captured
